"""Assays: stain and cut-off, bulk and single-cell message, serum, counts, scattered cells."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxaxis.core.errors import ModelValueError
from cxaxis.core.streams import rng_for
from cxaxis.knowledge.ihc_cutoffs import load_ihc_cutoffs
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.patient.assays import (
    LeukocyteMessage,
    Stain,
    assay_draws,
    bulk_cxcr4,
    counted_cd34_per_uL,
    cutoff_for_share,
    found_by_cytokeratin,
    grade_shares,
    h_score,
    is_micrometastasis,
    leukocyte_part_of_bulk,
    marrow_find_chance,
    serum_cxcl12_ng_per_mL,
    single_cell_positive_share,
    soluble_cxcr4,
)

STAIN = Stain(weak_per_cell=5000.0, grade_factor=3.0, cell_scatter=0.6, noise=0.3)
LEUKOCYTES = LeukocyteMessage(
    composition={"t": 0.5, "b": 0.2, "myeloid": 0.3},
    positive_share={"t": 0.85, "b": 0.707, "myeloid": 0.445},
    per_positive_cell=1.0,
)
SERUM = {"kd_nM": 12.0, "host_surface_ratio": 0.9, "tumour_surface_ratio": 0.05}


def series(n=2000, *, seed=1):
    """Tumours that differ in receptors and share of positive cells, and their stain."""
    rng = rng_for(seed, "series")
    receptors = 20_000 * np.exp(0.9 * rng.standard_normal(n))
    share = rng.beta(2.0, 1.5, n)
    return receptors, share, h_score(receptors, share, STAIN, rng.standard_normal(n))


def leukocyte_part(infiltrate, share=0.5):
    return leukocyte_part_of_bulk(
        positive_share=np.array([share]),
        per_positive_cell=np.array([20_000.0]),
        reference_per_cell=20_000.0,
        leukocytes_per_tumour_cell=np.array([infiltrate]),
        leukocytes=LEUKOCYTES,
    )[0]


@given(receptors=st.floats(1.0, 1e7), share=st.floats(0.0, 1.0), error=st.floats(-4, 4))
def test_an_h_score_lies_between_0_and_300_and_grades_are_nested(receptors, share, error):
    args = (np.array([receptors]), np.array([share]), STAIN, np.array([error]))
    grades = grade_shares(*args)[0]
    assert np.all(np.diff(grades) <= 0)
    assert grades[0] <= share
    assert 0.0 <= h_score(*args)[0] <= 300.0


def test_a_tumour_full_of_receptor_in_every_cell_scores_300_and_one_without_0():
    found = h_score(np.array([1e9, 1e9, 1.0]), np.array([1.0, 0.0, 1.0]), STAIN, np.zeros(3))
    assert found == pytest.approx([300.0, 0.0, 0.0], abs=1e-6)


def test_at_the_bound_of_weak_staining_half_of_the_positive_cells_stain():
    grades = grade_shares(np.array([5000.0]), np.array([0.6]), STAIN, np.zeros(1))
    assert grades[0, 0] == pytest.approx(0.3)


def test_a_stain_that_cannot_be_is_refused():
    with pytest.raises(ModelValueError, match="grade_factor above 1"):
        Stain(weak_per_cell=1.0, grade_factor=1.0, cell_scatter=0.5, noise=0.1)


@pytest.mark.parametrize("cutoff", load_ihc_cutoffs().values(), ids=lambda item: item.id)
def test_each_papers_cut_off_returns_its_share_of_positive_tumours(cutoff):
    """On an independent series of the same population, within sampling error."""
    _, _, fitted = series(seed=1)
    _, _, other = series(seed=2)
    bound = cutoff_for_share(fitted, cutoff.positive_share)
    error = np.sqrt(2 * cutoff.positive_share * (1 - cutoff.positive_share) / 2000)
    assert (other > bound).mean() == pytest.approx(cutoff.positive_share, abs=4 * error)


def test_one_series_calls_94_or_45_per_cent_positive_by_its_bound_alone():
    cutoffs = load_ihc_cutoffs()
    receptors, _, scores = series()
    any_, strong = (
        cutoff_for_share(scores, cutoffs[f"gockel_2006_cxcr4_{word}"].positive_share)
        for word in ("any", "strong")
    )
    assert any_ < strong
    groups = [receptors[scores > bound] for bound in (any_, strong)]
    assert np.median(groups[1]) > np.median(groups[0])


def test_a_cut_off_needs_a_share_and_scores():
    for scores, share in ((np.ones(3), 0.0), (np.ones(3), 1.0), (np.array([]), 0.5)):
        with pytest.raises(ModelValueError, match="cut-off"):
            cutoff_for_share(scores, share)


def test_bulk_message_is_mostly_of_leukocytes_where_they_are_many():
    assert leukocyte_part(0.0) == 0.0
    assert leukocyte_part(1.0) == pytest.approx(0.6999 / 1.1999, rel=1e-3)
    assert leukocyte_part(3.0) > 0.8
    assert leukocyte_part(1.0, share=0.0) == 1.0


def test_bulk_follows_the_infiltrate_and_stain_does_not():
    """One population, two read-outs: what they see of it is hardly related."""
    receptors, share, scores = series(3000)
    rng = rng_for(3, "bulk")
    infiltrate = 1.0 * np.exp(0.8 * rng.standard_normal(len(share)))
    bulk = bulk_cxcr4(
        positive_share=share,
        per_positive_cell=receptors,
        reference_per_cell=20_000.0 * 4,
        leukocytes_per_tumour_cell=infiltrate,
        other_cells_per_tumour_cell=0.8,
        leukocytes=LEUKOCYTES,
        sampling=0.6,
        sampling_error=rng.standard_normal(len(share)),
        noise=0.2,
        error=rng.standard_normal(len(share)),
    )
    with_infiltrate = np.corrcoef(np.log(bulk), np.log(infiltrate))[0, 1]
    assert with_infiltrate > 0.4
    assert abs(np.corrcoef(np.log(scores + 1), np.log(infiltrate))[0, 1]) < 0.1


def test_a_sample_of_tumour_cells_alone_is_their_own_message():
    found = bulk_cxcr4(
        positive_share=np.array([0.25]),
        per_positive_cell=np.array([40_000.0]),
        reference_per_cell=20_000.0,
        leukocytes_per_tumour_cell=np.zeros(1),
        other_cells_per_tumour_cell=0.0,
        leukocytes=LEUKOCYTES,
    )
    assert found == pytest.approx([0.5])


def test_the_composition_of_leukocytes_sums_to_one():
    with pytest.raises(ModelValueError, match="sums"):
        LeukocyteMessage(composition={"t": 0.5}, positive_share={"t": 0.9}, per_positive_cell=1.0)


def test_single_cell_rna_shows_few_of_the_cells_that_stain():
    reads = load_parameters()["single_cell_reads_cxcr4"].value
    found = single_cell_positive_share(
        positive_share=np.array([0.58, 0.58]),
        per_positive_cell=np.array([20_000.0, 1e9]),
        reference_per_cell=20_000.0,
        reads_per_reference_cell=reads,
    )
    assert 0.01 < found[0] < 0.06
    assert found[1] == pytest.approx(0.58)


def test_one_nanomole_per_litre_of_cxcl12_is_8_nanograms_per_millilitre():
    mass = load_parameters()["cxcl12_molar_mass"].value / 1000.0
    total, free = serum_cxcl12_ng_per_mL(
        free_nM=np.array([1.0]), captured_recovery=1.0, molar_mass_kg_per_mol=mass
    )
    assert total == free == pytest.approx([7.96])


def test_a_neutraliser_raises_total_ligand_while_free_ligand_falls():
    before = serum_cxcl12_ng_per_mL(
        free_nM=np.array([0.2]), captured_recovery=0.8, molar_mass_kg_per_mol=7.96
    )
    after = serum_cxcl12_ng_per_mL(
        free_nM=np.array([0.05]),
        captured_nM=np.array([5.0]),
        captured_recovery=0.8,
        molar_mass_kg_per_mol=7.96,
    )
    assert after[0][0] > 10 * before[0][0]
    assert after[1][0] < before[1][0]


def test_rival_mechanisms_of_soluble_cxcr4_disagree_in_direction():
    """More ligand lowers the level by masking and internalisation; shedding raises it."""
    levels = {
        name: soluble_cxcr4(
            name, plasma_cxcl12_nM=np.array([0.6]), healthy_cxcl12_nM=0.25, **changes
        )[0]
        for name, changes in (
            ("masking", SERUM),
            ("internalisation", SERUM),
            ("shedding", SERUM | {"host_surface_ratio": 1.0}),
        )
    }
    assert levels["masking"] == pytest.approx(12.25 / 12.6)
    assert levels["internalisation"] == pytest.approx(0.9)
    assert levels["shedding"] == pytest.approx(1.05)


@pytest.mark.parametrize("name", ["shedding", "masking", "internalisation"])
def test_a_healthy_person_has_the_level_of_a_healthy_person(name):
    found = soluble_cxcr4(
        name,
        plasma_cxcl12_nM=np.array([0.25]),
        healthy_cxcl12_nM=0.25,
        kd_nM=12.0,
        host_surface_ratio=1.0,
        tumour_surface_ratio=0.0,
    )
    assert found == pytest.approx(1.0)


def test_an_unknown_mechanism_is_named_with_the_nearest():
    with pytest.raises(ModelValueError, match="masking"):
        soluble_cxcr4("maskin", plasma_cxcl12_nM=np.ones(1), healthy_cxcl12_nM=1.0, **SERUM)


def test_counts_of_cd34_cells_scatter_like_counts():
    true = np.full((400, 1), 10.0)
    rngs = [rng_for(1, "patient", i, "cd34_count") for i in range(400)]
    seen = counted_cd34_per_uL(true, counted_uL=50.0, rngs=rngs)
    assert seen.mean() == pytest.approx(10.0, abs=4 * np.sqrt(10 / 50 / 400))
    assert seen.var() == pytest.approx(10 / 50, rel=0.3)


def test_micrometastases_are_there_and_unseen():
    found = is_micrometastasis(np.array([1.0, 1.0, 0.0]), np.array([2.0, 12.0, 0.0]))
    assert found.tolist() == [True, False, False]


def test_an_aspirate_finds_scattered_cells_by_their_number():
    chance = marrow_find_chance(np.array([0.0, 1e5, 1e7]), sampled_share=2e-6)
    assert chance == pytest.approx([0.0, 1 - np.exp(-0.2), 1.0], abs=1e-6)
    draw = np.array([[0.5], [0.1], [0.5]])
    assert found_by_cytokeratin(chance[:, None], draw).tolist() == [0, 1, 1]


def test_errors_belong_to_the_patient_and_the_assay():
    both = assay_draws([3, 4], "ihc_cxcr4", seed=1)
    assert assay_draws([4], "ihc_cxcr4", seed=1)[0] == both[1]
    assert assay_draws([4], "bulk", seed=1)[0] != both[1]
