"""The primary: four populations, growth against exact solutions, the last clonogen."""

from functools import cache

import numpy as np
import pytest

from cxaxis.cohort.population import central_theta, typical_agents
from cxaxis.core.streams import rng_for
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.patient.course import PATIENT_TOLERANCES
from science_support import (
    bolus,
    diagnosed,
    found_patient,
    in_model_units,
    infusion,
    parameters_with,
    patient_model,
    run,
    some_patients,
)

MODEL = patient_model()
POPULATIONS = (
    "stem_positive_cells",
    "stem_negative_cells",
    "bulk_positive_cells",
    "bulk_negative_cells",
)
SHARES = ("stem_share", "positive_stem_share", "positive_bulk_share", "positive_share")
BIRTH = in_model_units(MODEL, "birth_rate")
LOSS = in_model_units(MODEL, "loss_factor_at_diagnosis")
THETA = in_model_units(MODEL, "crowding_exponent")

# Division and loss that no signal moves, and vessels that stay as they are.
NO_SIGNAL = {"cxcr4_growth_effect": 0.0, "kill_per_cd8": 0.0, "control_draw": 0.0}
STILL_VESSELS = {"k_vessel_repair": 0.0, "vessel_damage": 0.0, "vessels": 1.0}
# No growth, so that what dies and what is left are all there is.
NO_GROWTH = {**NO_SIGNAL, "birth_rate": 0.0, "apoptosis_rate": 0.0}


def treatment(days=40):
    """Radiation, cisplatin and a CXCR4 antagonist over eight weeks."""
    return [
        *(bolus("rt", 1.8, day) for day in range(days) if day % 7 < 5),
        *(bolus("cisplatin_pump", 4e5, day) for day in (0.0, 28.0)),
        *(bolus("antagonist_depot", 3e4, day) for day in range(days)),
    ]


@cache
def course(treated):
    """Several patients over two years; the operated are those whose index is odd."""
    patients = some_patients().patients
    doses = treatment() if treated else []
    if treated:
        doses += [bolus("resection", 1.0, 80.0, k) for k in range(1, patients.n_patient, 2)]
    days = np.concatenate([np.arange(0.0, 60.0, 0.5), np.arange(60.0, 730.0, 10.0)])
    outputs = ["tumour_cells", "killed_cells", "tumour_present", *POPULATIONS, *SHARES]
    return run(MODEL, patients, days, outputs, doses, tolerances=PATIENT_TOLERANCES)


@pytest.mark.parametrize("treated", [False, True])
def test_the_four_populations_are_all_the_cells_and_none_is_negative(treated):
    found = course(treated)
    parts = np.stack([found.of(name) for name in POPULATIONS])
    assert (parts >= 0).all()
    assert parts.sum(axis=0) == pytest.approx(found.of("tumour_cells"), rel=1e-9)
    solver = 1e-6 * some_patients().patients.column("cells_at_diagnosis")
    assert (found.of("killed_cells").min(axis=1) >= -solver).all()
    # Every population is there at diagnosis.
    assert (parts[:, :, 0] > 0).all()


@pytest.mark.parametrize("treated", [False, True])
def test_shares_stay_between_none_and_all(treated):
    found = course(treated)
    for name in SHARES:
        assert (found.of(name) > 0).all(), name
        assert (found.of(name) < 1).all(), name


def test_treatment_does_what_the_test_above_needs():
    """Populations are pushed by orders of magnitude, and the operated lose their primary."""
    cells = course(True).of("tumour_cells")
    assert (cells.min(axis=1) < 1e-2 * cells[:, 0]).all()
    assert (course(True).of("tumour_present")[1::2, -1] == 0).any()


def test_radiation_leaves_a_greater_share_of_stem_like_cells():
    share = course(True).of("stem_share")
    assert (share.max(axis=1) > 1.05 * share[:, 0]).all()


# Growth


def test_growth_without_crowding_is_exponential_at_the_birth_rate():
    patient = found_patient(**NO_SIGNAL, loss_factor_at_diagnosis=0.0, tumour_log=-12.0)
    days = np.array([0.0, 10.0, 40.0, 90.0])
    log = run(MODEL, patient, days, ["tumour_log"]).of("tumour_log")[0]
    assert log == pytest.approx(-12.0 + BIRTH * days, rel=1e-7)


def test_growth_under_crowding_follows_its_exact_course():
    """With u = exp(-theta L) crowded growth is linear: u' = -theta b (u - f)."""
    patient = found_patient(**NO_SIGNAL, **STILL_VESSELS, tumour_log=-15.0)
    days = np.array([0.0, 30.0, 200.0, 1000.0, 4000.0])
    log = run(MODEL, patient, days, ["tumour_log"]).of("tumour_log")[0]
    crowd = LOSS + (np.exp(THETA * 15.0) - LOSS) * np.exp(-THETA * BIRTH * days)
    assert log == pytest.approx(-np.log(crowd) / THETA, rel=1e-6)


def test_growth_never_passes_the_size_where_loss_balances_birth():
    """Crowding is complete where f exp(theta L) = 1, and earlier where vessels lag behind."""
    still = run(
        MODEL,
        found_patient(**NO_SIGNAL, **STILL_VESSELS),
        [2e4, 6e4],
        ["tumour_log"],
        tolerances=PATIENT_TOLERANCES,
    )
    most = -np.log(LOSS) / THETA
    assert still.of("tumour_log")[0] == pytest.approx([most, most], rel=1e-3)
    lagging = run(
        MODEL,
        found_patient(**NO_SIGNAL),
        [6e4],
        ["tumour_log", "crowding"],
        tolerances=PATIENT_TOLERANCES,
    )
    assert lagging.of("tumour_log")[0, 0] < most
    assert lagging.of("crowding")[0, 0] == pytest.approx(1.0, rel=1e-3)


def test_volume_doubles_at_diagnosis_as_birth_and_loss_say():
    """Potential doubling 5 d and a loss factor of 0.95 make a volume doubling of about 100 d."""
    step = 0.01
    found = run(MODEL, found_patient(), [0.0, step], ["tumour_log", "growth_drive", "crowding"])
    log = found.of("tumour_log")[0]
    rate = BIRTH * found.of("growth_drive")[0, 0] * (1 - found.of("crowding")[0, 0])
    assert (log[1] - log[0]) / step == pytest.approx(rate, rel=1e-3)
    assert 60 < np.log(2) / rate < 200


def test_more_cxcr4_means_an_earlier_diagnosis():
    found = diagnosed(cxcr4_per_tumour_cell=[0.0, 20_000.0, 80_000.0])
    days = found.days_from_inception
    assert (days > 100).all()
    assert (days < 5000).all()
    assert days[0] > days[1] > days[2]


def test_every_patient_is_diagnosed_at_the_size_drawn_for_it():
    found = some_patients()
    cells = course(False).of("tumour_cells")[:, 0]
    assert cells == pytest.approx(found.patients.column("cells_at_diagnosis"), rel=1e-9)
    assert (found.days_from_inception > 0).all()


def test_the_causal_share_does_not_change_the_untreated_course():
    found = diagnosed(phi=[0.0, 0.5, 1.0], liver_1_draw=0.0, node_1_draw=0.0)
    days = found.days_from_inception
    assert days == pytest.approx(np.full(3, days[1]), rel=1e-9)
    assert found.cells["node_1"][1] > 0
    for slot, cells in found.cells.items():
        assert cells == pytest.approx(np.full(3, cells[1]), rel=1e-6), slot


# Shares


def test_shares_come_back_to_what_signals_aim_at():
    """Without selection each share approaches its aim, by differentiation and switching."""
    pushed = found_patient(
        **NO_GROWTH,
        stem_share=[0.6, 0.001],
        positive_stem_share=[0.05, 0.99],
        positive_bulk_share=[0.9, 0.01],
    )
    aims = ["stem_aim", "positive_stem_aim", "positive_bulk_aim"]
    found = run(
        MODEL,
        pushed,
        [0.0, 5.0, 30.0, 600.0],
        [*SHARES, *aims],
        tolerances=PATIENT_TOLERANCES,
    )
    for share, aim in zip(SHARES, aims, strict=False):
        away = np.abs(found.of(share) - found.of(aim))
        assert (np.diff(away[:, :3], axis=1) < 0).all(), share
        assert found.of(share)[:, -1] == pytest.approx(found.of(aim)[:, -1], rel=0.01), share


def test_differentiation_is_exponential_where_the_aim_stands_still():
    """Stemness that nothing moves: the distance from the aim decays with the stated rate."""
    held = found_patient(**NO_GROWTH, **STILL_VESSELS, phi=0.0, stem_share=0.5)
    days = np.array([0.0, 5.0, 20.0])
    found = run(MODEL, held, days, ["stem_share", "stem_aim"])
    away = (found.of("stem_share") - found.of("stem_aim"))[0]
    rate = in_model_units(MODEL, "k_differentiate")
    assert away / away[0] == pytest.approx(np.exp(-rate * days), rel=1e-2)


def test_chloroquine_lowers_the_share_of_stem_like_cells():
    doses = [bolus("chloroquine_depot", 1.5e6, day) for day in range(60)]
    treated, control = (
        run(
            MODEL,
            found_patient(),
            [60.0],
            ["stem_share"],
            given,
            tolerances=PATIENT_TOLERANCES,
        ).values[0, 0, 0]
        for given in (doses, [])
    )
    assert treated < 0.95 * control


def test_without_cxcr4_on_any_cell_positive_and_negative_cells_grow_alike():
    knocked_out = diagnosed(cxcr4_per_tumour_cell=0.0).patients
    doses = [infusion("antagonist_central", 2e5, 20.0)]
    outputs = ["growth_positive", "growth_negative", "cxcr4_occupancy", "stroma_ratio"]
    found = run(
        MODEL, knocked_out, [0.0, 10.0, 30.0], outputs, doses, tolerances=PATIENT_TOLERANCES
    )
    assert found.of("growth_positive")[0] == pytest.approx(found.of("growth_negative")[0], rel=1e-9)
    assert found.of("stroma_ratio")[0] == pytest.approx(np.zeros(3), abs=1e-12)
    typical = run(MODEL, found_patient(), [10.0], ["growth_positive", "growth_negative"]).values[
        0, 0
    ]
    assert typical[0] > 1.01 * typical[1]


# Killing


def test_every_killed_cell_is_counted_until_it_clears():
    """Radiation, drugs and a toxic antagonist kill; living and killed cells stay the same sum."""
    patient = found_patient(
        **NO_GROWTH, k_clear_killed=0.0, kill_antagonist=0.05, stem_radiation_ratio=0.6
    )
    found = run(
        MODEL,
        patient,
        [0.0, 5.0, 30.0],
        ["tumour_ratio", "killed_ratio", "cxcr4_occupancy"],
        treatment(30),
    )
    total = found.of("tumour_ratio") + found.of("killed_ratio")
    assert total[0] == pytest.approx(np.full(3, total[0, 0]), rel=1e-6)
    assert found.of("killed_ratio")[0, -1] > 0.9 * total[0, 0]
    assert found.of("cxcr4_occupancy")[0, 1] > 0.1


def test_a_drug_that_kills_bound_cells_kills_them_in_deposits_too():
    """Direct killing lowers the cells that carry CXCR4, wherever they are, and no others."""
    liver = {"liver_1_present": 1.0, "liver_1_log_size": 8.0, "phi": 1.0}
    patients = found_patient(
        **{**NO_GROWTH, **liver},
        kill_antagonist=[0.0, 0.1, 0.0, 0.1],
        liver_1_positive=[1.0, 1.0, 0.0, 0.0],
    )
    outputs = ["liver_1_log_size", "tumour_log", "cxcr4_occupancy"]
    doses = [infusion("antagonist_central", 2e5, 20.0)]
    found = run(MODEL, patients, np.linspace(0.0, 20.0, 401), outputs, doses)
    occupied = np.trapezoid(found.of("cxcr4_occupancy")[1], dx=0.05)
    size = found.of("liver_1_log_size")[:, -1]
    assert size[0] - size[1] == pytest.approx(0.1 * occupied, rel=1e-3)
    assert occupied > 5.0
    assert size[3] == pytest.approx(size[2], abs=1e-6)
    assert found.of("tumour_log")[1, -1] < found.of("tumour_log")[0, -1] - 0.2


@pytest.mark.parametrize("drug", ["ulocuplumab", "motixafortide"])
def test_drugs_that_kill_kill_nothing_in_the_null_world(drug):
    rows = parameters_with()
    agent = typical_agents(MODEL, rows, central_theta(rows), [load_drugs()[drug]])
    assert agent["kill_antagonist"] > 0
    rates = [agent["kill_antagonist"], 0.0]

    def growth(phi):
        patients = found_patient(**{**agent, "kill_antagonist": rates, "phi": phi})
        doses = [infusion("antagonist_central", 2e5, 20.0)]
        return run(MODEL, patients, [40.0], ["tumour_log"], doses).values[:, 0, 0]

    null, causal = growth(0.0), growth(1.0)
    assert null[0] == pytest.approx(null[1], abs=1e-6)
    assert causal[0] < causal[1] - 0.1


def test_killed_cells_leave_with_their_own_rate():
    patient = found_patient(**NO_GROWTH)
    found = run(MODEL, patient, [2.0, 12.0, 52.0], ["killed_ratio"], [bolus("rt", 12.0)])
    killed = found.of("killed_ratio")[0]
    rate = in_model_units(MODEL, "k_clear_killed")
    assert killed[1:] / killed[0] == pytest.approx(np.exp(-rate * np.array([10.0, 50.0])), rel=1e-5)


def test_the_share_controlled_is_poisson_in_the_surviving_clonogens():
    """Control at N surviving clonogens has probability exp(-N); the draw alone varies."""
    n, smallest = 400, 0.7
    draws = rng_for(12, "control_test").standard_exponential(n)
    one = found_patient()
    clonogens = run(MODEL, one, [0.0], ["clonogens"]).values[0, 0, 0]
    kill = -np.log(smallest / clonogens)
    alpha = in_model_units(MODEL, "alpha_tumour")
    still = {
        **NO_GROWTH,
        "alpha_beta_ratio": 1e12,
        "hypoxic_radioresistance": 0.0,
        "stem_radiation_ratio": 1.0,
        "k_differentiate": 0.0,
    }
    patients = found_patient(**{**still, "control_draw": draws})
    present = run(
        MODEL,
        patients,
        [1.0],
        ["tumour_present"],
        [bolus("rt", kill / alpha)],
        tolerances=PATIENT_TOLERANCES,
    ).of("tumour_present")[:, 0]
    controlled = 1 - present.mean()
    chance = np.exp(-smallest)
    assert controlled == pytest.approx(chance, abs=3 * np.sqrt(chance * (1 - chance) / n))
    # Not only the share: each patient is controlled exactly if its draw was reached.
    clear = np.abs(draws / smallest - 1) > 0.02
    assert np.array_equal((present < 0.5)[clear], (draws > smallest)[clear])


def test_a_controlled_tumour_stays_gone_and_its_last_cells_clear():
    found = run(
        MODEL,
        found_patient(),
        [1.0, 400.0],
        ["tumour_cells", "tumour_present", "killed_ratio", *POPULATIONS],
        [bolus("rt", 200.0)],
        tolerances=PATIENT_TOLERANCES,
    )
    for name in ("tumour_present", "tumour_cells", *POPULATIONS):
        assert found.of(name)[0].tolist() == [0, 0], name
    assert found.of("killed_ratio")[0, 1] < 1e-3 < found.of("killed_ratio")[0, 0]
