"""Spread: founders arrive when hazard passes a draw; flow first, CXCL12 on top."""

import numpy as np
import pytest

from cxaxis.engine.population import PopulationEngine
from cxaxis.engine.protocol import Tolerances
from cxaxis.patient.course import DEPOSITS, settled
from science_support import bolus, in_model_units, patient_model, run, table

MODEL = patient_model()
ORGANS = ("node", "liver", "lung", "bone")
BLOOD = ("liver", "lung", "bone")
HAZARDS = [f"{organ}_hazard" for organ in ORGANS]
NEVER = {f"{slot}_draw": 1e9 for slots in DEPOSITS.values() for slot in slots}


def hazards(**changes):
    """Hazard of each organ after a year of a tumour of the size at diagnosis."""
    patients = table(**{"tumour_log": [0.0], "phi": 1.0, **NEVER, **changes})
    rest, _ = settled(MODEL, patients, PopulationEngine(), Tolerances())
    result = run(MODEL, rest, [365.0], HAZARDS)
    return dict(zip(ORGANS, result.values[0, 0], strict=True))


def flow_shares():
    flow = np.array([in_model_units(MODEL, f"{organ}_flow") for organ in BLOOD])
    return flow / flow.sum()


def shares(found):
    levels = np.array([found[organ] for organ in BLOOD])
    return levels / levels.sum()


def test_organs_of_one_cxcl12_level_share_founders_by_flow():
    """The tabled levels are equal: what is left is flow."""
    assert shares(hazards()) == pytest.approx(flow_shares(), rel=1e-6)


def test_flattening_the_map_at_any_level_leaves_the_flow_shares():
    flat = dict.fromkeys(("cxcl12_liver", "cxcl12_lung", "cxcl12_marrow_stroma"), 4.0)
    assert shares(hazards(**flat)) == pytest.approx(flow_shares(), rel=1e-6)


def test_more_cxcl12_in_the_liver_raises_its_share():
    base, doubled = shares(hazards()), shares(hazards(cxcl12_liver=2.0))
    assert doubled[0] > 1.02 * base[0]
    assert doubled[1] < base[1]
    # The others keep their ratio.
    assert doubled[1] / doubled[2] == pytest.approx(base[1] / base[2], rel=1e-6)


def test_without_cxcr4_no_organ_attracts_by_its_cxcl12():
    mapped = {"cxcl12_liver": 10.0, "cxcl12_lung": 0.1}
    found = hazards(cxcr4_per_tumour_cell=0.0, **mapped)
    assert shares(found) == pytest.approx(flow_shares(), rel=1e-9)
    assert found["lung"] > 0


def test_without_cxcr4_the_hazard_is_the_flow_part_of_the_accumulated_shedding():
    """Flow x seeding rate x shedding x time, at a tumour held at its size."""
    frozen = {"birth_rate": 0.0, "cxcr4_per_tumour_cell": 0.0}
    found = hazards(**frozen)
    cells = in_model_units(MODEL, "cells_at_diagnosis")
    shedding = (cells / in_model_units(MODEL, "shedding_reference")) ** in_model_units(
        MODEL, "shedding_exponent"
    )
    reference = in_model_units(MODEL, "organ_signal_reference")
    effect = in_model_units(MODEL, "cxcr4_seeding_effect")
    for organ in ORGANS:
        rate = in_model_units(MODEL, f"seeding_rate_{'lymph' if organ == 'node' else 'blood'}")
        expected = rate * in_model_units(MODEL, f"{organ}_flow") * shedding * 365
        # Effects are stated around the reference signal, so none means exp(-effect x ref).
        assert found[organ] == pytest.approx(expected * np.exp(-effect * reference), rel=1e-5)


def test_no_effect_of_cxcr4_on_seeding_is_flow_alone():
    with_receptor = hazards(birth_rate=0.0, cxcr4_seeding_effect=0.0)
    without = hazards(birth_rate=0.0, cxcr4_seeding_effect=0.0, cxcr4_per_tumour_cell=0.0)
    for organ in ORGANS:
        assert with_receptor[organ] == pytest.approx(without[organ], rel=1e-6)


@pytest.mark.parametrize("organ", ORGANS)
def test_a_founder_arrives_when_the_hazard_passes_its_draw(organ):
    slot = DEPOSITS[organ][0]
    start = {**NEVER, "tumour_log": [0.0], "seeding_rate_blood": 0.05}
    days = np.linspace(0, 300, 301)
    curve = run(MODEL, table(**start), days, [f"{organ}_hazard"]).values[0, :, 0]
    draw = float(np.interp(100.25, days, curve))
    expected = float(np.interp(draw, curve, days))
    fine = np.linspace(expected - 1, expected + 1, 401)
    present = run(
        MODEL,
        table(**{**start, f"{slot}_draw": draw}),
        fine,
        [f"{slot}_present", f"{slot}_cells"],
        tolerances=Tolerances(),
    )
    flag = present.of(f"{slot}_present")[0]
    assert flag[0] == 0
    assert flag[-1] == 1
    assert fine[np.argmax(flag > 0.5)] == pytest.approx(expected, abs=0.01)
    assert present.of(f"{slot}_cells")[0, 0] == 0
    assert present.of(f"{slot}_cells")[0, -1] > 0


def test_an_absent_founder_has_no_progeny():
    result = run(
        MODEL,
        table(**NEVER, tumour_log=[0.0]),
        [365.0],
        ["node_burden", "distant_burden"],
    )
    assert result.values[0, 0].tolist() == [0, 0]


def test_chemotherapy_ends_a_young_deposit_and_radiation_spares_distant_ones():
    """A deposit goes extinct when its expected clonogens fall below its own draw."""
    young = {
        **NEVER,
        "tumour_log": [0.0],
        "liver_hazard": 1.0,
        "node_hazard": 1.0,
        "liver_1_draw": 0.5,
        "node_1_draw": 0.5,
        "liver_1_present": 1.0,
        "node_1_present": 1.0,
        "liver_1_log_size": 1.0,
        "node_1_log_size": 1.0,
        "liver_1_extinction_draw": 0.5,
        "node_1_extinction_draw": 0.5,
    }
    flags = ["liver_1_present", "node_1_present"]
    irradiated = run(MODEL, table(**young), [0.5], flags, [bolus("rt", 40.0)])
    assert irradiated.values[0, 0].tolist() == [1, 0]
    amount = 40 * in_model_units(MODEL, "cl_cisplatin") / in_model_units(MODEL, "kill_per_adduct")
    treated = run(
        MODEL,
        table(**young),
        [100.0],
        flags,
        [bolus("cisplatin_central", amount)],
        tolerances=Tolerances(),
    )
    assert treated.values[0, 0].tolist() == [0, 0]
    without = run(MODEL, table(**young), [0.5], flags)
    assert without.values[0, 0].tolist() == [1, 1]


def test_death_hazard_without_disease_is_the_background_rate():
    result = run(
        MODEL,
        table(**NEVER, tumour_log=[-8.0], tumour_present=0.0),
        [365.25],
        ["death_hazard"],
    )
    assert result.values[0, 0, 0] == pytest.approx(0.025, rel=1e-6)


def test_death_rate_saturates_in_the_burden():
    big = run(
        MODEL,
        table(**NEVER, tumour_log=[0.0], cells_at_diagnosis=[1e13, 5e9]),
        [0.0, 1e-4],
        ["local_illness"],
    ).of("local_illness")[:, 0]
    assert big == pytest.approx([1.0, 0.5], rel=1e-3)
