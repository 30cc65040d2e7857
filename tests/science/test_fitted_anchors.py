"""Numbers of cohorts that parameters were fitted to: they must be met, and prove nothing."""

from functools import cache

import numpy as np
import pytest

from cxaxis.cohort.population import central_theta, typical_patient
from cxaxis.cohort.sample import sample_eligible, screen
from cxaxis.core.outcomes import require_success
from cxaxis.engine.population import PopulationEngine
from cxaxis.knowledge.evidence import load_evidence
from cxaxis.patient.course import to_diagnosis
from cxaxis.stats.proportions import exact_proportion
from cxaxis.trial.jobs import set_up
from cxaxis.trial.pool import schedule_of, simulate_arm
from cxaxis.trial.protocol import read_protocol
from science_support import parameters_with, patient_model, run

N_SCREENED = 400
N_OPERATED = 185
SEED = 3
KINDS = ("positive", "negative")


def percent(evidence):
    return float(load_evidence()[evidence].value) / 100


@cache
def screened():
    """Consecutive patients with the disease, in whatever stage it is found."""
    rows = parameters_with()
    found = screen(
        patient_model(), rows, central_theta(rows), range(N_SCREENED), PopulationEngine(), seed=SEED
    )
    assert (found.stage != "failed").all()
    return found


@cache
def operated():
    """The control arm of the neoadjuvant trial: 41.4 Gy with chemotherapy, then resection."""
    set_up_here = set_up(read_protocol("neoadjuvant_cross"), {}, None)
    plan = next(p for p in set_up_here.plans if p.id == "chemoradiotherapy_surgery")
    rows = parameters_with()
    cohort = sample_eligible(
        patient_model(),
        rows,
        central_theta(rows),
        N_OPERATED,
        seed=SEED,
        setting="resectable_escc",
    )
    day = plan.surgery_day
    schedule = schedule_of(
        horizon_day=day + 7.0,
        first_visit_day=day - 7.0,
        visit_every_day=30.0,
        pharmacology_until_day=0.0,
        surgery_days=(day,),
    )
    found = simulate_arm(patient_model(), cohort, plan, schedule)
    require_success(cohort.labels, found.result.outcomes)
    return found.resection


def log_odds_ratio(exposed, outcome):
    """Logarithm of the odds ratio of a series, and its standard error."""
    cells = np.array(
        [
            np.sum(exposed & outcome),
            np.sum(exposed & ~outcome),
            np.sum(~exposed & outcome),
            np.sum(~exposed & ~outcome),
        ],
        dtype=float,
    )
    return np.log(cells[0] * cells[3] / (cells[1] * cells[2])), np.sqrt(np.sum(1 / cells))


def test_fitted_nodal_disease_goes_with_cxcr4_as_in_the_pooled_series():
    """Fitted: odds ratio 2.78, 1.64 to 4.76 (CLI049); within both sampling errors together."""
    row = load_evidence()["CLI049"]
    covariates = screened().covariates
    found, error = log_odds_ratio(
        np.asarray(covariates["cxcr4_ihc"]) == "high", np.asarray(covariates["n"]) > 0
    )
    published = np.log(float(row.high) / float(row.low)) / (2 * 1.96)
    assert found == pytest.approx(np.log(float(row.value)), abs=1.96 * np.hypot(error, published))
    # It is an association: none is outside what this many patients allow.
    assert found > 1.96 * error


def test_fitted_share_of_stage_iv_at_diagnosis():
    """Fitted: 25.4 % of 88.1 % in stages II to IV (CLI155, CLI156, CLI157)."""
    target = percent("CLI157") / (percent("CLI155") + percent("CLI156") + percent("CLI157"))
    share = np.mean([stage.startswith("IV") for stage in screened().stage])
    assert share == pytest.approx(target, abs=3 * np.sqrt(target * (1 - target) / N_SCREENED))
    # Some of it is seen distant disease, which no arm of an operation enrols.
    seen = np.mean(screened().stage == "IVB")
    assert 0.02 < seen < target


def test_fitted_pathological_complete_response_after_41_4_gray():
    """Fitted: 43.2 % of 185 operated on (CLI086), within its binomial 95 % interval."""
    resection = operated()
    done = resection.surgery.operated
    assert done.mean() > 0.85
    published = exact_proportion(round(percent("CLI086") * N_OPERATED), N_OPERATED)
    share = resection.specimen.complete_response[done].mean()
    assert published.low < share < published.high


def test_durable_control_is_not_pathological_response():
    """No clonogen left anywhere, which nobody sees, is another quantity than none found."""
    resection = operated()
    done = resection.surgery.operated
    response = resection.specimen.complete_response[done]
    controlled = resection.controlled[done]
    # Occult metastases outlive a complete response; an operation takes what was left.
    assert (response & ~controlled).any()
    assert (~response & controlled).any()
    # The two go together all the same.
    assert controlled[response].mean() > controlled[~response].mean()


def test_references_of_responses_are_those_of_the_typical_untreated_patient():
    rows, model = parameters_with(), patient_model()
    engine = PopulationEngine()
    found = to_diagnosis(model, typical_patient(model, central_theta(rows)), engine).patients
    names = [
        "positive_share",
        *(f"{k}_cell_response_{o}_rate" for k in KINDS for o in ("birth", "death")),
        "positive_cell_response_foxm1",
        "positive_cell_response_vegf_secretion",
        "stroma_signal",
        "bone_heading_now",
    ]
    result = run(model, found, [0.0], names)
    at = {name: result.of(name)[0, 0] for name in names}
    share = at["positive_share"]
    weights = dict(zip(KINDS, (share, 1 - share), strict=True))
    seen = {
        "birth_share": sum(w * at[f"{k}_cell_response_birth_rate"] for k, w in weights.items()),
        "death_share": sum(w * at[f"{k}_cell_response_death_rate"] for k, w in weights.items()),
        "foxm1_share": at["positive_cell_response_foxm1"],
        "vegf_share": at["positive_cell_response_vegf_secretion"],
        "stroma_signal": at["stroma_signal"],
        "homing": at["bone_heading_now"],
    }
    assert seen == pytest.approx({k: rows[f"{k}_reference"].value for k in seen}, rel=0.02)
