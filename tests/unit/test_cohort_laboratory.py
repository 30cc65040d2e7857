"""The laboratory at the tabled population: assays of one cohort that agree and disagree."""

import numpy as np
import pytest

from cxaxis.cohort.laboratory import Laboratory
from cxaxis.cohort.population import central_theta, draw_theta
from cxaxis.core.streams import rng_for
from cxaxis.knowledge.ihc_cutoffs import load_ihc_cutoffs
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.patient.assays import cutoff_for_share

ROWS = load_parameters()
THETA = central_theta(ROWS)
N = 1500
LAB = Laboratory(theta=THETA, patients=range(N), seed=7)


def tumours():
    """Receptors of positive cells and share of positive cells, drawn as patients differ."""
    rng = rng_for(1, "tumours")
    receptors = THETA["cxcr4_per_tumour_cell"] * np.exp(0.5 * rng.standard_normal(N))
    odds = np.exp(1.2 * rng.standard_normal(N))
    leukocytes = np.exp(0.8 * rng.standard_normal(N))
    return receptors, odds / (1 + odds), leukocytes


def specimen(viable, deposits=(0.0, 0.0)):
    n = len(viable)
    return Laboratory(theta=THETA, patients=range(n), seed=7).specimen(
        viable_cells=np.asarray(viable, dtype=float),
        bed_cells=np.full(n, 3e9),
        cells_left=np.zeros(n),
        node_deposit_mm=np.tile(deposits, (n, 1)).astype(float),
        dissected=np.ones((n, 2), dtype=bool),
        nodes=("node_1", "node_2"),
        examined_spread=ROWS["nodes_examined"].omega,
    )


def test_every_assay_is_a_read_out_of_the_patient_alone():
    receptors, share, leukocytes = tumours()
    one = Laboratory(theta=THETA, patients=[17], seed=7)
    row = slice(17, 18)
    assert one.cxcr4_h_score(receptors[row], share[row]) == LAB.cxcr4_h_score(receptors, share)[row]
    assert (
        one.bulk_cxcr4(receptors[row], share[row], leukocytes[row])
        == LAB.bulk_cxcr4(receptors, share, leukocytes)[row]
    )


def test_stain_and_bulk_message_see_different_things():
    receptors, share, leukocytes = tumours()
    stain = LAB.cxcr4_h_score(receptors, share)
    bulk = LAB.bulk_cxcr4(receptors, share, leukocytes)
    by_content = np.corrcoef(stain, share * receptors)[0, 1]
    assert by_content > 0.8
    assert np.corrcoef(np.log(bulk), np.log(leukocytes))[0, 1] > 0.3
    assert np.corrcoef(np.log(bulk), np.log(stain + 1))[0, 1] < by_content


def test_high_by_one_papers_cut_off_is_not_high_by_anothers():
    receptors, share, _ = tumours()
    stain = LAB.cxcr4_h_score(receptors, share)
    high = {
        cutoff.id: stain > cutoff_for_share(stain, cutoff.positive_share)
        for cutoff in load_ihc_cutoffs().values()
        if cutoff.marker == "CXCR4"
    }
    shares = {name: flags.mean() for name, flags in high.items()}
    assert shares["gockel_2006_cxcr4_any"] == pytest.approx(0.941, abs=0.01)
    assert shares["gockel_2006_cxcr4_strong"] == pytest.approx(0.451, abs=0.01)
    # A quantile of one score: whoever is high by the upper bound is high by the lower.
    assert (high["gockel_2006_cxcr4_any"] | ~high["gockel_2006_cxcr4_strong"]).all()


def test_single_cell_rna_finds_few_positive_tumour_cells():
    receptors, share, _ = tumours()
    # Median 2.8 %, quartiles 1.5 to 8.4 %, over 59 tumours of one series.
    assert 0.015 < np.median(LAB.single_cell_share(receptors, share)) < 0.084


def test_the_stain_of_cxcl12_covers_the_published_range_of_positive_shares():
    rng = rng_for(2, "cxcl12")
    made = THETA["cxcl12_secretion_tumour_cell"] * np.exp(0.8 * rng.standard_normal(N))
    scores = LAB.cxcl12_h_score(made, np.full(N, 0.8))
    assert 0 <= scores.min() < 60
    assert 150 < scores.max() <= 300


def test_plasma_cxcl12_reads_in_nanograms_per_millilitre():
    total, free = LAB.serum_cxcl12_ng_per_mL(np.full(N, 0.25))
    assert np.median(free) == pytest.approx(1.99, rel=0.03)
    assert np.array_equal(total, free)


def test_few_cells_left_are_a_complete_response_and_many_are_not():
    assert specimen(np.full(800, 100.0)).complete_response.mean() > 0.97
    assert specimen(np.full(800, 1e6)).complete_response.mean() < 0.01


def test_cytokeratin_finds_micrometastases_that_routine_sections_miss():
    deposits_mm = np.tile([0.5, 0.0], (N, 1))
    found = LAB.occult_nodes((deposits_mm > 0).astype(float), deposits_mm) > 0
    routine = specimen(np.zeros(N), deposits=(0.5, 0.0)).positive_nodes > 0
    assert found.mean() > 2 * routine.mean() > 0


def test_what_a_scan_shows_is_no_micrometastasis():
    assert not LAB.occult_nodes(np.ones((N, 1)), np.full((N, 1), 15.0)).any()


def test_more_tumour_cells_in_marrow_are_found_more_often():
    shares = [LAB.marrow_cells_found(np.full(N, cells)).mean() for cells in (0.0, 1e5, 1e7)]
    assert shares[0] == 0
    assert shares[1] == pytest.approx(1 - np.exp(-0.2), abs=0.04)
    assert shares[2] > 0.99


def test_the_laboratory_works_in_any_population_the_prior_allows():
    receptors, share, leukocytes = tumours()
    for draw in range(30):
        lab = Laboratory(theta=draw_theta(ROWS, seed=1, draw=draw), patients=range(N), seed=1)
        assert np.isfinite(lab.bulk_cxcr4(receptors, share, leukocytes)).all()
        scores = lab.cxcr4_h_score(receptors, share)
        assert ((scores >= 0) & (scores <= 300)).all()
        assert sum(lab.leukocytes.composition.values()) == pytest.approx(1.0)
        lab.occult_nodes(np.ones((N, 2)), np.full((N, 2), 1.0))
