"""Spread: founders arrive when hazard passes a draw; flow first, CXCL12 on top."""

from functools import cache

import numpy as np
import pytest

from cxaxis.cohort.population import central_theta, event_draws, typical_patient
from cxaxis.engine.population import PopulationEngine
from cxaxis.engine.protocol import ParameterTable, Tolerances
from cxaxis.patient.course import DEPOSITS, ORGANS, SLOTS, to_diagnosis
from science_support import bolus, in_model_units, parameters_with, patient_model, run

MODEL = patient_model()
BLOOD = tuple(organ for organ in ORGANS if organ != "node")
CXCL12_OF = {
    "node": "cxcl12_node",
    "liver": "cxcl12_liver",
    "lung": "cxcl12_lung",
    "bone": "cxcl12_marrow_stroma",
    "elsewhere": "cxcl12_elsewhere",
}
LOOSE = Tolerances()
N_DRAWN = 400


@cache
def at_diagnosis(*changes):
    """The typical patient, in whom no founder ever arrives, on the day of diagnosis."""
    model, rows = patient_model(*changes), parameters_with(*changes)
    typical = typical_patient(model, central_theta(rows))
    return to_diagnosis(model, typical, PopulationEngine())


def repeated(patients, n, **columns):
    """A patient n times over, with columns of their own."""
    values = np.repeat(patients.values, n, axis=0)
    return ParameterTable(patients.names, values).with_columns(**columns)


def hazards(*changes):
    """Accumulated hazard of each organ when the typical tumour is found."""
    found = at_diagnosis(*changes).patients
    return {organ: float(found.column(f"{organ}_hazard")[0]) for organ in ORGANS}


def shares(found):
    levels = np.array([found[organ] for organ in BLOOD])
    return levels / levels.sum()


def flow_shares():
    flow = np.array([in_model_units(MODEL, f"{organ}_flow") for organ in BLOOD])
    return flow / flow.sum()


def flat(level):
    return tuple((name, level) for name in CXCL12_OF.values())


@pytest.mark.parametrize("level", [0.02, 2.0])
def test_flattening_the_map_of_cxcl12_at_any_level_leaves_the_flow_shares(level):
    assert shares(hazards(*flat(level))) == pytest.approx(flow_shares(), rel=1e-4)


def test_more_cxcl12_in_the_liver_raises_its_share():
    level = 0.2
    base = shares(hazards(*flat(level)))
    more = shares(hazards(*flat(level)[:1], ("cxcl12_liver", 1.0), *flat(level)[2:]))
    assert more[0] > 1.02 * base[0]
    # The others keep their ratio.
    assert more[1:] / more[1:].sum() == pytest.approx(base[1:] / base[1:].sum(), rel=1e-4)


def test_without_cxcr4_hardly_anything_attracts_to_an_organ():
    """What is left is the error of the response function at no receptor."""
    rich, deaf = ("cxcl12_liver", 10.0), ("cxcr4_per_tumour_cell", 0.0)
    pull = np.log(hazards(rich)["liver"] / hazards()["liver"])
    left = np.log(hazards(rich, deaf)["liver"] / hazards(deaf)["liver"])
    assert pull > 0.3
    assert abs(left) < 0.25 * pull


def test_no_effect_of_cxcr4_on_seeding_is_flow_alone():
    found = hazards(("cxcr4_seeding_effect", 0.0))
    assert shares(found) == pytest.approx(flow_shares(), rel=1e-6)


@pytest.mark.parametrize("organ", ORGANS)
def test_a_founder_arrives_when_the_hazard_passes_its_draw(organ):
    slot = DEPOSITS[organ][0]
    start = at_diagnosis().patients
    days = np.linspace(0, 300, 301)
    curve = run(MODEL, start, days, [f"{organ}_hazard"], tolerances=LOOSE).values[0, :, 0]
    draw = float(np.interp(100.25, days, curve))
    expected = float(np.interp(draw, curve, days))
    fine = np.linspace(expected - 1, expected + 1, 401)
    found = run(
        MODEL,
        start.with_columns(**{f"{slot}_draw": draw}),
        fine,
        [f"{slot}_present", f"{slot}_cells"],
        tolerances=LOOSE,
    )
    flag = found.of(f"{slot}_present")[0]
    assert flag[0] == 0
    assert flag[-1] == 1
    assert fine[np.argmax(flag > 0.5)] == pytest.approx(expected, abs=0.02)
    assert found.of(f"{slot}_cells")[0, 0] == 0
    assert found.of(f"{slot}_cells")[0, -1] > 0


def test_an_absent_founder_has_no_progeny():
    start = at_diagnosis().patients
    assert (start.column("liver_1_draw") == np.inf).all()
    found = run(MODEL, start, [365.0], [f"{slot}_cells" for slot in SLOTS], tolerances=LOOSE)
    assert (found.values == 0).all()


@cache
def drawn(seed):
    """The typical patient on the day of diagnosis, hazards at nothing, with the draws of many."""
    start = at_diagnosis().patients.with_columns(**{f"{organ}_hazard": 0.0 for organ in ORGANS})
    patients = repeated(start, N_DRAWN, **event_draws(range(N_DRAWN), seed=seed))
    return patients.with_columns(control_draw=start.column("control_draw")[0])


@cache
def after_two_months(seed, *, treated=False):
    """Deposits present two months later, untreated or under daily blockade."""
    doses = [bolus("antagonist_central", 2e4, float(day)) for day in range(60)] if treated else []
    outputs = [*(f"{slot}_present" for slot in SLOTS), *(f"{organ}_hazard" for organ in ORGANS)]
    return run(MODEL, drawn(seed), [60.0], outputs, doses, tolerances=LOOSE)


def test_the_first_founder_of_an_organ_arrives_with_its_poisson_chance():
    """Draws are keyed to the patient; over patients founders are a Poisson process all the same."""
    found = after_two_months(1)
    for organ, slots in DEPOSITS.items():
        level = float(found.of(f"{organ}_hazard")[0, 0])
        present = np.array([found.of(f"{slot}_present")[:, 0] > 0.5 for slot in slots])
        # Exactly k founders or more: chances of a Poisson number with the hazard as its mean.
        for k, share in enumerate(present.mean(axis=1)):
            fewer = sum(
                np.exp(-level) * level**j / np.prod(np.arange(1, j + 1)) for j in range(k + 1)
            )
            error = np.sqrt(fewer * (1 - fewer) / N_DRAWN)
            assert share == pytest.approx(1 - fewer, abs=4 * error + 0.01), (organ, k)


def test_marginal_results_do_not_change_under_independent_draws():
    """Arms share their draws to be compared patient by patient; a mean over patients does not care.

    The same arm with draws of its own has the same number of deposits to Monte Carlo error, and
    the difference between arms is alike, though it scatters far more.
    """

    def deposits(seed, *, treated):
        found = after_two_months(seed, treated=treated)
        return np.sum([found.of(f"{slot}_present")[:, 0] > 0.5 for slot in SLOTS], axis=0)

    control, common, own = (
        deposits(1, treated=False),
        deposits(1, treated=True),
        deposits(2, treated=True),
    )
    error = np.sqrt((common.var() + own.var()) / N_DRAWN)
    assert own.mean() == pytest.approx(common.mean(), abs=3.5 * error)
    paired, unpaired = (common - control).std(), np.sqrt(own.var() + control.var())
    assert paired < 0.5 * unpaired


def test_chemotherapy_ends_a_young_deposit_and_radiation_spares_distant_ones():
    """A deposit is extinct once its expected clonogens are below its own draw: 70 doses at once."""
    young = at_diagnosis().patients.with_columns(
        liver_1_present=1.0,
        node_1_present=1.0,
        liver_1_log_size=1.0,
        node_1_log_size=1.0,
        liver_1_extinction_draw=0.5,
        node_1_extinction_draw=0.5,
    )
    flags = ["liver_1_present", "node_1_present"]

    def after(days, doses):
        return run(MODEL, young, [days], flags, doses, tolerances=LOOSE).values[0, 0].tolist()

    assert after(0.5, []) == [1, 1]
    assert after(0.5, [bolus("rt", 40.0)]) == [1, 0]
    assert after(60.0, [bolus("cisplatin_central", 3e7)]) == [0, 0]


def test_without_disease_a_patient_dies_of_other_causes_alone():
    gone = at_diagnosis().patients.with_columns(tumour_present=0.0, killed_ratio=0.0)
    names = ["background_hazard", "disease_hazard", "local_illness", "distant_illness"]
    found = run(MODEL, gone, [365.25], names, tolerances=LOOSE).values[0, 0]
    assert found[0] > 0.01
    assert found[1:] == pytest.approx([0.0, 0.0, 0.0], abs=1e-9)


def test_other_causes_follow_the_law_of_gompertz():
    """Exact: the rate at the age of diagnosis grows by the slope for every year lived after."""
    year = 365.25
    slope, tabled = (in_model_units(MODEL, f"background_death_{name}") for name in ("slope", "age"))
    ages, years = np.array([45.0, 62.0, 80.0]), np.array([1.0, 5.0, 10.0])
    people = repeated(
        at_diagnosis().patients.with_columns(tumour_present=0.0, killed_ratio=0.0),
        3,
        age_at_diagnosis=ages * year,
    )
    found = run(MODEL, people, year * years, ["background_hazard"], tolerances=LOOSE)
    rate = in_model_units(MODEL, "background_death_rate") * np.exp(slope * (ages * year - tabled))
    exact = rate[:, None] / slope * np.expm1(slope * year * years)
    assert found.of("background_hazard") == pytest.approx(exact, rel=1e-3)
    assert exact[2, 2] > 20 * exact[0, 0]


def test_death_rate_saturates_in_the_burden():
    half = in_model_units(MODEL, "half_local_burden")
    big = repeated(at_diagnosis().patients, 2, cells_at_diagnosis=np.array([1e4 * half, half]))
    found = run(MODEL, big, [0.0, 1e-4], ["local_illness"], tolerances=LOOSE)
    assert found.of("local_illness")[:, 0] == pytest.approx([1.0, 0.5], rel=1e-3)
