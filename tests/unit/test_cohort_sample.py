"""Sampling: a patient is itself in any cohort, stages fill their quotas, staining has its share."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from cxaxis.cohort.population import central_theta
from cxaxis.cohort.sample import (
    ScreeningError,
    sample_cohort,
    sample_eligible,
    screen,
)
from cxaxis.cohort.settings import STAGES, stage_quotas
from cxaxis.cohort.staging import IHC_SERIES, SITES, STAINS, ihc_status, stage_group
from cxaxis.core.errors import ModelValueError
from cxaxis.core.outcomes import Outcome, PatientOutcome
from cxaxis.engine.population import PopulationEngine
from cxaxis.engine.protocol import SimulationResult, Tolerances
from cxaxis.knowledge.ihc_cutoffs import load_ihc_cutoffs
from cxaxis.patient.readouts import cells_of_diameter
from science_support import eligible, parameters_with, patient_model

ROWS = parameters_with()
MODEL = patient_model()
CENTRAL = central_theta(ROWS)


class StillEngine:
    """Answers at once: an output is 0.5 or as given. For what needs no simulation to decide."""

    name = "still"

    def __init__(self, failing=(), **values):
        self.failing = failing
        self.values = values

    def simulate(self, sbml, parameters, doses, times, outputs, *, tolerances=None):
        n = parameters.n_patient
        n_time = np.asarray(times).shape[-1]
        outcomes = tuple(
            PatientOutcome(
                outcome=Outcome.NON_FINITE if k in self.failing else Outcome.COMPLETED, time=1.0
            )
            for k in range(n)
        )
        return SimulationResult(
            times=np.asarray(times),
            names=tuple(outputs),
            values=np.broadcast_to(
                [self.values.get(name, 0.5) for name in outputs], (n, n_time, len(outputs))
            ).astype(float),
            outcomes=outcomes,
            tolerances=tolerances or Tolerances(),
        )


def small(n, **options):
    return sample_cohort(n, 31, parameters=ROWS, model=MODEL, **options)


def same_patients(one, other):
    """Compare the patients that two cohorts share; return how many."""
    shared = sorted(set(one.indices) & set(other.indices))
    for index in shared:
        a, b = one.indices.index(index), other.indices.index(index)
        assert np.array_equal(one.table.values[a], other.table.values[b])
        for name, values in one.covariates.items():
            same = [np.asarray(values)[a : a + 1], np.asarray(other.covariates[name])[b : b + 1]]
            np.testing.assert_array_equal(*same, err_msg=name)
    return len(shared)


def test_a_patient_is_the_same_in_a_cohort_of_any_size():
    few, many = small(5), small(40)
    assert few.table.names == many.table.names
    assert same_patients(few, many) == 5


def test_a_patient_is_the_same_screened_in_any_company():
    block = screen(MODEL, ROWS, CENTRAL, [9, 4], PopulationEngine(), seed=31)
    many = small(40)
    for position, index in enumerate(block.indices):
        if index in many.indices:
            row = many.indices.index(index)
            assert np.array_equal(block.diagnosis.patients.values[position], many.table.values[row])
    assert set(block.indices) & set(many.indices)


def test_the_cohort_does_not_depend_on_the_number_of_workers():
    one, two = small(30), small(30, workers=2)
    assert one.indices == two.indices
    assert one.screened == two.screened
    assert same_patients(one, two) == 30


def test_another_seed_gives_other_patients():
    other = sample_cohort(5, 32, parameters=ROWS, model=MODEL)
    assert not np.array_equal(other.table.values, small(5).table.values)


def test_stages_fill_their_quotas_and_distant_disease_is_kept_out():
    cohort = small(40)
    quotas = stage_quotas(40, CENTRAL)
    found = {stage: int((cohort.covariates["stage"] == stage).sum()) for stage in STAGES}
    assert found == quotas
    assert quotas == {"II": 9, "III": 25, "IVA": 6}
    screened = cohort.screened
    others = sum(screened[why] for why in ("distant", "other_stage", "stage_full", "failed"))
    assert screened["screened"] == 40 + others


@given(n=st.integers(1, 2000), ii=st.floats(0.01, 0.6), iii=st.floats(0.01, 0.39))
def test_quotas_add_up_and_follow_the_shares(n, ii, iii):
    quotas = stage_quotas(n, {"share_stage_ii": ii, "share_stage_iii": iii})
    assert sum(quotas.values()) == n
    for stage, share in zip(STAGES, (ii, iii, 1 - ii - iii), strict=True):
        assert abs(quotas[stage] - n * share) < 1
        assert quotas[stage] >= 0


def test_shares_above_one_are_refused():
    with pytest.raises(ModelValueError, match="exceed 1 together"):
        stage_quotas(10, {"share_stage_ii": 0.6, "share_stage_iii": 0.5})


def test_stage_groups_are_those_of_squamous_cancer():
    t = np.array([2, 2, 2, 3, 3, 3, 4, 4, 3])
    nodes = np.array([0, 2, 3, 0, 1, 3, 0, 3, 0])
    distant = np.array([0, 0, 0, 0, 0, 0, 0, 0, 1])
    expected = ["II", "II", "III", "II", "III", "III", "IVA", "IVA", "IVB"]
    assert stage_group(t, nodes, distant).tolist() == expected


@cache
def unselected(n=2000, failing=()):
    return screen(MODEL, ROWS, CENTRAL, range(n), StillEngine(failing), seed=8)


@cache
def stained():
    """Tumours as they come, truly simulated."""
    return screen(MODEL, ROWS, CENTRAL, range(128), PopulationEngine(), seed=8).covariates


def test_the_cut_off_is_where_the_share_of_the_chosen_series_stains():
    high = np.mean(stained()["cxcr4_ihc"] == "high")
    assert load_ihc_cutoffs()[IHC_SERIES].positive_share == pytest.approx(0.61)
    assert high == pytest.approx(0.61, abs=1 / 128)


def test_the_cut_off_of_one_series_holds_for_the_next():
    scores = stained()["cxcr4_h_score"]
    later = ihc_status(scores[64:], scores[:64])
    # Two chances of 64 tumours each: that of the cut-off and that of those it is used on.
    error = np.sqrt(2 * 0.61 * 0.39 / 64)
    assert np.mean(later == "high") == pytest.approx(0.61, abs=3 * error)
    cut = scores[:64][ihc_status(scores[:64], scores[:64]) == "high"].min()
    assert ((scores[64:] >= cut) >= (later == "high")).all()


def test_every_published_cut_off_of_a_virtual_stain_is_called():
    about, cutoffs = stained(), load_ihc_cutoffs()
    assert {row.marker for row in cutoffs.values()} == set(STAINS)
    for row in cutoffs.values():
        if row.marker in STAINS:
            high = np.mean(about[f"ihc_{row.id}"] == "high")
            assert high == pytest.approx(row.positive_share, abs=1 / 128), row.id
    assert (about["cxcr4_ihc"] == about[f"ihc_{IHC_SERIES}"]).all()


def test_assays_of_one_tumour_agree_as_far_as_they_see_the_same():
    about = stained()
    log = {name: np.log(about[name]) for name in ("bulk_cxcr4", "single_cell_cxcr4")}
    by_cell = np.corrcoef(about["cxcr4_h_score"], log["single_cell_cxcr4"])[0, 1]
    by_bulk = np.corrcoef(about["cxcr4_h_score"], log["bulk_cxcr4"])[0, 1]
    assert by_cell > 0.8
    # Leukocytes hide in a bulk sample what tumour cells carry.
    assert abs(by_bulk) < by_cell - 0.3
    assert (about["serum_cxcl12_ng_per_mL"] > 0.5).all()
    assert (about["serum_cxcl12_ng_per_mL"] < 20).all()


def test_more_cells_in_marrow_are_found_by_cytokeratin_more_often():
    def found(cells):
        engine = StillEngine(bone_aggregate_cells=cells, bone_1_cells=0.0, bone_2_cells=0.0)
        block = screen(MODEL, ROWS, CENTRAL, range(60), engine, seed=8)
        return np.mean(block.covariates["marrow_cells_found"])

    assert found(0.0) == 0
    assert 0.2 < found(3e5) < 0.8
    assert found(1e8) == 1


def test_without_a_series_no_tumour_is_called_high():
    assert ihc_status(np.array([200.0]), np.array([np.nan])).tolist() == ["low"]


def test_more_receptors_stain_more_often_yet_not_always():
    about = stained()
    receptors, high = about["cxcr4_per_cell"], about["cxcr4_ihc"] == "high"
    upper = receptors > np.median(receptors)
    assert high[upper].mean() > high[~upper].mean() + 0.2
    assert not high[upper].all()
    assert high[~upper].any()


def test_founders_beyond_the_slots_count_for_the_stage():
    def found(**values):
        engine = StillEngine(**values)
        return screen(MODEL, ROWS, CENTRAL, range(30), engine, seed=8)

    none = found()
    assert (none.covariates["n"] == 0).all()
    in_node = found(node_aggregate_cells=1e9)
    assert (in_node.covariates["n"] == 1).all()
    assert not (in_node.stage == "IVB").any()
    in_liver = found(liver_aggregate_cells=1e9)
    assert (in_liver.stage == "IVB").all()
    occult = found(liver_aggregate_cells=1e5)
    assert not (occult.stage == "IVB").any()
    gained = occult.covariates["occult_metastases"] - none.covariates["occult_metastases"]
    assert (gained == 1).all()


def test_creatinine_clearance_differs_between_patients():
    found = np.log(unselected().covariates["crcl_mL_min"])
    row = ROWS["creatinine_clearance"]
    assert np.exp(np.median(found)) == pytest.approx(row.value, rel=0.03)
    assert found.std() == pytest.approx(row.omega, rel=0.1)
    assert row.omega > 0


def test_t_categories_and_sex_have_their_shares():
    about = unselected().covariates
    n = len(about["t"])
    for found, share in (
        (np.mean(about["t"] == 2), CENTRAL["share_t2"]),
        (np.mean(about["t"] == 3), CENTRAL["share_t3"]),
        (np.mean(about["sex"] == "M"), CENTRAL["share_male"]),
    ):
        assert found == pytest.approx(share, abs=3 * np.sqrt(share * (1 - share) / n))
    for category, name in ((2, "diameter_t2"), (4, "diameter_t4")):
        sizes = about["diameter_mm"][about["t"] == category]
        assert np.median(sizes) == pytest.approx(CENTRAL[name], rel=0.06)


def test_a_patient_that_fails_is_staged_as_failed():
    block = unselected(6, failing=(5,))
    assert block.stage.tolist().count("failed") == 1
    assert block.stage[5] == "failed"


def test_cells_at_diagnosis_fill_the_diameter():
    cohort = eligible(6, 21)
    expected = cells_of_diameter(
        cohort.covariates["diameter_mm"],
        cells_per_mL=cohort.table.column("tumour_cell_density") / 1e3,
    )
    assert cohort.table.column("cells_at_diagnosis") == pytest.approx(expected)
    assert np.array_equal(cohort.table.column("body_weight"), cohort.covariates["weight_kg"])


def test_eligible_patients_of_a_drawn_population_need_no_stage_mix():
    cohort = eligible(6, 21)
    assert len(cohort) == 6
    assert set(cohort.covariates["stage"]) <= set(STAGES)
    assert cohort.rows([4, 1]).labels == (cohort.labels[4], cohort.labels[1])
    assert list(cohort.to_frame()["subject"]) == list(cohort.labels)
    assert "<table" in cohort._repr_html_()


def test_a_population_without_eligible_patients_says_so():
    spread = {**CENTRAL, "seeding_rate_blood": 1e3, "vigour": 3.0}
    with pytest.raises(ScreeningError, match="0 of 100 patients screened are eligible, 1 are"):
        sample_eligible(MODEL, ROWS, spread, 1, seed=3)


@pytest.mark.parametrize("n", [0, -3])
def test_a_cohort_needs_a_patient(n):
    with pytest.raises(ModelValueError, match="at least 1 patient"):
        sample_cohort(n)


def test_sites_have_their_shares_and_the_stain_of_ackr3_follows_its_receptors():
    about = unselected().covariates
    n = len(about["site"])
    shares = {name: CENTRAL[f"share_{name}"] for name in ("upper", "middle")}
    shares["lower"] = 1.0 - sum(shares.values())
    assert set(shares) == set(SITES)
    for name, share in shares.items():
        found = np.mean(about["site"] == name)
        assert found == pytest.approx(share, abs=3 * np.sqrt(share * (1 - share) / n))
    receptors = unselected().diagnosis.patients.column("ackr3_per_tumour_cell")
    assert spearmanr(receptors, about["ackr3_h_score"]).statistic > 0.9
    assert 0 <= about["ackr3_h_score"].min() <= about["ackr3_h_score"].max() <= 300


def test_the_combined_positive_score_is_the_patients_own_but_for_its_reading():
    block = unselected()
    score, read = block.diagnosis.patients.column("pdl1_score"), block.covariates["pdl1_cps"]
    assert ((read > 0) & (read <= 100)).all()
    below = read < 100
    error = np.log(read[below] / score[below])
    # Capping leaves out high errors of high scores; the median stands.
    assert np.median(error) == pytest.approx(0, abs=0.05)
    assert error.std() == pytest.approx(CENTRAL["pdl1_reading_noise"], rel=0.15)
