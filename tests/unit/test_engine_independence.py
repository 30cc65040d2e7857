"""A patient's numbers depend on nobody: neighbours, order, lanes and threads change no bit."""

import numpy as np
import pytest

from cxaxis.core.outcomes import Outcome
from cxaxis.engine.doses import ALL_PATIENTS, DoseTable
from cxaxis.engine.protocol import ParameterTable, Tolerances
from sketch_support import Sketch, columns, dose, simulate


def wild():
    """A model that some patients solve easily, some with trouble and some not at all."""
    s = Sketch(
        {"x": 1.0, "y": 0.5, "z": 0.0, "hazard": 0.0},
        {"k": 1.0, "n": 2.0, "grow": 0.0, "draw": 1e9, "drip": 0.0, "boost": 0.0},
    )
    s.infused = {"y": "drip"}
    s.rates["x"] = s["grow"] * s["x"] * s["x"] - s["k"] * (s["x"] - s["y"])
    s.rates["y"] = s["drip"] + s["y"] ** s["n"] / (1.0 + s["y"] ** s["n"]) - 0.4 * s["y"]
    s.rates["z"] = s["k"] * 30.0 * (s["x"] - s["z"]) + (s["time"] * 3.0).of("sin") + s["boost"]
    s.rates["hazard"] = 0.1 * s["x"]
    s.event("boost", s["y"] > 0.8, boost=1.0, z=s["z"] + 1.0, delay=0.25)
    s.event("death", s["hazard"] > s["draw"], ends=True)
    return s.system()


WILD = wild()
WILD_OUTPUTS = ["x", "y", "z", "hazard", "boost"]
WILD_TIMES = np.array([0.0, 0.4, 1.0, 3.0, 5.0])
USUAL = Tolerances(relative=1e-6, absolute=1e-9)


def wild_patients(n):
    rng = np.random.default_rng(5)
    values = np.column_stack(
        [
            10.0 ** rng.uniform(-3, 6, n),
            rng.uniform(0.3, 8.0, n),
            # Some blow up in finite time.
            np.where(rng.random(n) < 0.15, rng.uniform(0.5, 3.0, n), 0.0),
            np.where(rng.random(n) < 0.3, rng.uniform(0.01, 0.4, n), 1e9),
        ]
    )
    values[7, 0], values[20, 1], values[33, 0] = np.nan, np.inf, -1e5
    return ParameterTable(("k", "n", "grow", "draw"), values)


def wild_doses(n):
    rng = np.random.default_rng(6)
    rows = [dose(0.5, 0.2, target="y"), dose(2.0, 0.3, 1.0, "y")]
    for patient in range(0, n, 3):
        time, amount = rng.uniform(0, 5), rng.uniform(0, 1)
        rows.append(dose(time, amount, 0.3 * (patient % 2), "y", patient))
    return rows


def for_patient(rows, patient):
    return [
        dose(d.time, d.amount, d.duration, d.target)
        for d in DoseTable(tuple(rows)).of_patient(patient)
    ]


def same(result, rows, other, other_rows):
    """Values, outcomes and steps equal to the last bit."""
    np.testing.assert_array_equal(result.values[rows], other.values[other_rows])
    np.testing.assert_array_equal(result.steps[rows], other.steps[other_rows])
    assert [result.outcomes[i] for i in rows] == [other.outcomes[i] for i in other_rows]


@pytest.fixture(scope="module")
def thousand():
    return simulate(
        WILD,
        WILD_TIMES,
        WILD_OUTPUTS,
        doses=wild_doses(1000),
        table=wild_patients(1000),
        tolerances=USUAL,
        max_steps=3_000,
        lanes=4,
        threads=2,
    )


def test_the_wild_batch_is_what_it_should_be(thousand):
    kinds = [o.outcome for o in thousand.outcomes]
    assert sum(k is Outcome.COMPLETED for k in kinds) > 400
    assert sum(k is Outcome.EVENT for k in kinds) > 50
    assert sum(k.is_failure for k in kinds) > 50


@pytest.mark.parametrize("threads", [1, 3])
def test_the_number_of_threads_changes_no_bit(thousand, threads):
    again = simulate(
        WILD,
        WILD_TIMES,
        WILD_OUTPUTS,
        doses=wild_doses(1000),
        table=wild_patients(1000),
        tolerances=USUAL,
        max_steps=3_000,
        lanes=4,
        threads=threads,
    )
    same(again, range(1000), thousand, range(1000))


def test_a_patient_alone_is_the_patient_among_a_thousand(thousand):
    table, rows = wild_patients(1000), wild_doses(1000)
    for patient in [*range(0, 45), 500, 998, 999]:
        alone = simulate(
            WILD,
            WILD_TIMES,
            WILD_OUTPUTS,
            doses=for_patient(rows, patient),
            table=table.rows([patient]),
            tolerances=USUAL,
            max_steps=3_000,
            lanes=4,
        )
        same(alone, [0], thousand, [patient])


def test_the_order_of_patients_changes_no_bit(thousand):
    order = np.random.default_rng(8).permutation(1000)
    place = np.argsort(order)
    rows = [
        d
        if d.patient == ALL_PATIENTS
        else dose(d.time, d.amount, d.duration, d.target, int(place[d.patient]))
        for d in wild_doses(1000)
    ]
    shuffled = simulate(
        WILD,
        WILD_TIMES,
        WILD_OUTPUTS,
        doses=rows,
        table=wild_patients(1000).rows(order),
        tolerances=USUAL,
        max_steps=3_000,
        lanes=4,
    )
    same(shuffled, range(1000), thousand, order)


@pytest.mark.parametrize("lanes", [1, 2, 8])
def test_the_number_of_lanes_changes_nothing_beyond_rounding(thousand, lanes):
    n = 200
    again = simulate(
        WILD,
        WILD_TIMES,
        WILD_OUTPUTS,
        doses=[d for d in wild_doses(1000) if d.patient < n],
        table=wild_patients(1000).rows(range(n)),
        tolerances=USUAL,
        max_steps=3_000,
        lanes=lanes,
    )
    same(again, range(n), thousand, range(n))


def test_a_batch_run_twice_is_the_same_and_leaves_nothing_behind():
    """What an event or an infusion changed in one patient is not there for the next."""
    table = columns(k=[1.0] * 30, draw=[1e9] * 30)
    doses = [dose(0.0, 3.0, 100.0, "y", 0), dose(0.0, 3.0, target="y", patient=5)]
    result = simulate(WILD, WILD_TIMES, WILD_OUTPUTS, doses=doses, table=table, lanes=1, threads=1)
    others = [i for i in range(30) if i not in (0, 5)]
    untreated = simulate(WILD, WILD_TIMES, WILD_OUTPUTS, lanes=1)
    for row in others:
        np.testing.assert_array_equal(result.values[row], untreated.values[0])
    assert not np.array_equal(result.values[0], untreated.values[0])


def tilted():
    """A fast pair whose own entries vanish beside what couples it, on a slow decay."""
    s = Sketch({"slow": 1.0, "x": 2.0, "y": 1.0}, {"K": 1.0})
    s.rates["slow"] = -s["slow"]
    s.rates["x"] = s["K"] * (s["y"] - s["slow"])
    s.rates["y"] = -s["K"] * (s["x"] - 2.0 * s["slow"]) - s["K"] * (s["y"] - s["slow"])
    return s.system()


def test_a_patient_that_needs_pivoting_is_the_same_alone():
    table = columns(K=[1e3, 1e12, 1e5, 1e14, 1e9])
    together = simulate(tilted(), [1.0], ["x"], table=table, tolerances=USUAL, lanes=4)
    for row in range(5):
        alone = simulate(tilted(), [1.0], ["x"], table=table.rows([row]), tolerances=USUAL, lanes=4)
        same(alone, [0], together, [row])
