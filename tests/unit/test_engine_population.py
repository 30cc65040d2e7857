"""The population engine: doses, statuses, pivots, what is asked wrongly."""

import math
import threading

import numpy as np
import pytest

from cxaxis.core.errors import ModelValueError
from cxaxis.core.outcomes import Outcome
from cxaxis.engine import job, population
from cxaxis.engine.doses import DoseTable
from cxaxis.engine.population import PopulationEngine
from cxaxis.engine.protocol import ParameterTable, Tolerances
from sketch_support import Sketch, columns, dose, simulate


def bateman():
    """First-order absorption and elimination: linear, with an exact response to every dose."""
    s = Sketch({"gut": 0.0, "blood": 0.0}, {"ka": 1.7, "ke": 0.3, "into_gut": 0.0, "drip": 0.0})
    s.rates["gut"] = -s["ka"] * s["gut"] + s["into_gut"]
    s.rates["blood"] = s["ka"] * s["gut"] - s["ke"] * s["blood"] + s["drip"]
    s.infused = {"gut": "into_gut", "blood": "drip"}
    return s.system()


LINEAR = bateman()
OUTPUTS = ["gut", "blood"]


def exact(doses, times, ka=1.7, ke=0.3):
    """Gut and blood after doses, shape ``(n_time, 2)``; a dose acts after its own time."""
    total = np.zeros((len(times), 2))
    for d in doses:
        late = np.maximum(np.asarray(times) - d.time, 0.0)
        if d.duration == 0:
            gut = np.exp(-ka * late)
            blood = ka / (ka - ke) * (np.exp(-ke * late) - np.exp(-ka * late))
            after = late > 0
            parts = np.stack([gut, blood] if d.target == "gut" else [0 * late, np.exp(-ke * late)])
            total += d.amount * (parts * after).T
        else:
            on, off = np.minimum(late, d.duration), np.maximum(late - d.duration, 0.0)
            rate = d.amount / d.duration

            def area(k, on=on, off=off):
                return -np.exp(-k * off) * np.expm1(-k * on) / k

            if d.target == "gut":
                blood = ka / (ka - ke) * (area(ke) - area(ka))
                total += rate * np.stack([area(ka), blood]).T
            else:
                total += rate * np.stack([0 * late, area(ke)]).T
    return total


SCHEDULES = {
    "one at the start": [dose(0.0, 5.0)],
    "into both": [dose(0.0, 5.0), dose(0.0, 2.0, target="blood")],
    "between outputs": [dose(0.77, 5.0)],
    "at an output": [dose(2.0, 5.0)],
    "two at one time": [dose(1.25, 5.0), dose(1.25, 2.0)],
    "a hair apart": [dose(1.25, 5.0), dose(math.nextafter(1.25, 2.0), 2.0)],
    "infusion": [dose(0.5, 4.0, 2.5, "blood")],
    "overlapping infusions": [
        dose(0.0, 4.0, 3.0, "blood"),
        dose(1.0, 2.0, 1.0, "blood"),
        dose(1.0, 3.0, 4.5, "blood"),
        dose(1.5, 1.0, 1.0, "gut"),
    ],
    "infusions one after another": [dose(0.1 * k, 1.0, 0.1, "blood") for k in range(30)],
    "infusion past the end": [dose(5.0, 8.0, 100.0, "blood")],
    "bolus within an infusion": [dose(0.0, 4.0, 4.0, "blood"), dose(2.0, 3.0, target="blood")],
    "at the end": [dose(1.0, 1.0), dose(8.0, 100.0)],
    "past the end": [dose(1.0, 1.0), dose(9.0, 100.0), dose(9.0, 5.0, 1.0, "blood")],
    "out of order": [dose(3.0, 1.0), dose(1.0, 2.0), dose(2.0, 4.0)],
    "a short infusion": [dose(1.0, 5.0, 1e-9, "blood")],
    "an infusion shorter than the clock tells": [dose(1.0, 5.0, 1e-17, "blood")],
    "often": [dose(0.25 * k, 0.1 * k, target="gut") for k in range(32)],
}
TIMES = np.array([0.0, 0.5, 1.0, 2.0, 3.0, 3.3, 4.0, 6.0, 8.0])


@pytest.mark.parametrize("name", SCHEDULES)
def test_doses_of_a_linear_model_give_the_exact_course(name):
    result = simulate(LINEAR, TIMES, OUTPUTS, doses=SCHEDULES[name])
    assert result.outcomes[0].outcome is Outcome.COMPLETED
    np.testing.assert_allclose(
        result.values[0], exact(SCHEDULES[name], TIMES), rtol=1e-8, atol=1e-9
    )


def test_patients_with_schedules_of_their_own_are_as_if_alone():
    rows = [
        dose(d.time, d.amount, d.duration, d.target, patient)
        for patient, schedule in enumerate(SCHEDULES.values())
        for d in schedule
    ]
    shared = dose(1.75, 0.5, target="blood")
    ke = np.linspace(0.1, 0.9, len(SCHEDULES))
    # Rows of all patients mixed, the shared one in their midst.
    rows = [*rows[::2], shared, *rows[1::2]]
    table = columns(ke=ke)
    together = simulate(LINEAR, TIMES, OUTPUTS, doses=rows, table=table)
    for patient, schedule in enumerate(SCHEDULES.values()):
        expected = exact([*schedule, shared], TIMES, ke=ke[patient])
        np.testing.assert_allclose(together.values[patient], expected, rtol=1e-8, atol=1e-9)


def test_times_of_their_own():
    times = np.array([[0.5, 1.0, 8.0], [0.0, 2.0, 3.0], [1.0, 1.5, 100.0]])
    result = simulate(
        LINEAR, times, OUTPUTS, doses=SCHEDULES["between outputs"], table=columns(ke=[0.3] * 3)
    )
    for row in range(3):
        expected = exact(SCHEDULES["between outputs"], times[row])
        np.testing.assert_allclose(result.values[row], expected, rtol=1e-8, atol=1e-9)
    assert [o.time for o in result.outcomes] == [8.0, 3.0, 100.0]


def test_a_dose_of_nothing_changes_not_one_bit():
    plain = simulate(LINEAR, TIMES, OUTPUTS, doses=[dose(0.0, 5.0)])
    padded = [dose(0.7, 0.0), dose(0.0, 5.0), dose(1.1, 0.0, 2.0, "blood")]
    np.testing.assert_array_equal(
        simulate(LINEAR, TIMES, OUTPUTS, doses=padded).values, plain.values
    )


def test_more_frequent_outputs_change_nothing_but_where_it_is_read():
    doses = SCHEDULES["overlapping infusions"]
    loose = Tolerances(relative=1e-4, absolute=1e-6)
    few = simulate(LINEAR, TIMES, OUTPUTS, doses=doses, tolerances=loose)
    many = np.union1d(TIMES, np.linspace(0.0, 8.0, 777))
    dense = simulate(LINEAR, many, OUTPUTS, doses=doses, tolerances=loose)
    np.testing.assert_array_equal(few.values[0], dense.values[0][np.isin(many, TIMES)])
    assert few.steps.tolist() == dense.steps.tolist()


# Statuses


def one(rate, start=1.0, **held):
    s = Sketch({"calm": 1.0, "x": start}, {"k": 1.0, **held})
    s.rates["calm"] = -0.1 * s["calm"]
    s.rates["x"] = rate(s)
    return s.system()


def only(system, times=(0.5, 10.0), **options):
    result = simulate(system, times, ["calm", "x"], **options)
    return result, result.outcomes[0]


def test_a_solution_that_ends_in_finite_time_is_a_failure_at_that_time():
    result, item = only(one(lambda s: s["k"] * s["x"] * s["x"]))
    assert item.outcome in (Outcome.STEP_TOO_SMALL, Outcome.NON_FINITE)
    assert item.time == pytest.approx(1.0, rel=1e-6)
    assert item.state == "x"
    assert item.message
    assert np.isfinite(result.values[0, 0]).all()
    assert np.isnan(result.values[0, 1]).all()


def test_a_rate_of_no_number_is_non_finite_from_the_start():
    result, item = only(one(lambda s: (s["x"] - 2.0 * s["k"]).of("log")))
    assert (item.outcome, item.time, item.state) == (Outcome.NON_FINITE, 0.0, "x")
    assert np.isnan(result.values).all()


def test_a_rate_that_stops_being_a_number_is_non_finite_there():
    _, item = only(one(lambda s: (1.0 - s["time"] / 3.0 * s["k"]).of("sqrt") - 1.0))
    assert item.outcome is Outcome.NON_FINITE
    assert item.time == pytest.approx(3.0, rel=1e-3)
    assert item.state == "x"


def test_a_rate_that_jumps_back_and_forth_is_a_step_too_small():
    """The field points at x = 0 from both sides and is not zero there: no step is accepted."""
    system = one(lambda s: (s["x"] > 0.0).choose(-1e3 * s["k"], 1e3), start=0.37)
    _, item = only(system, max_steps=100_000)
    assert item.outcome in (Outcome.STEP_TOO_SMALL, Outcome.STEP_LIMIT)
    assert item.time == pytest.approx(0.37e-3, rel=0.2)
    assert item.state == "x"


def test_the_step_limit_is_kept_and_named():
    s = Sketch({"a": 1.0, "b": 0.0}, {"w": 1e4})
    s.rates["a"], s.rates["b"] = s["w"] * s["b"], -s["w"] * s["a"]
    result = simulate(s.system(), [1e-3, 100.0], ["a"], max_steps=500)
    item = result.outcomes[0]
    assert item.outcome is Outcome.STEP_LIMIT
    assert 0 < item.time < 100
    assert item.state in ("a", "b")
    assert 500 <= result.steps[0] <= 502
    assert np.isfinite(result.values[0, 0, 0])
    assert np.isnan(result.values[0, 1, 0])


def test_an_amount_below_zero_is_named():
    sbml = """<?xml version="1.0" encoding="UTF-8"?>
    <sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1"><model>
    <listOfCompartments><compartment id="c" spatialDimensions="3" size="1" constant="true"/>
    </listOfCompartments><listOfSpecies><species id="s" compartment="c" initialAmount="1"
    hasOnlySubstanceUnits="true" boundaryCondition="false" constant="false"/></listOfSpecies>
    <listOfParameters><parameter id="k" value="1" constant="true"/></listOfParameters>
    <listOfReactions><reaction id="r" reversible="false" fast="false"><listOfReactants>
    <speciesReference species="s" stoichiometry="1" constant="true"/></listOfReactants>
    <kineticLaw><math xmlns="http://www.w3.org/1998/Math/MathML"><ci>k</ci></math></kineticLaw>
    </reaction></listOfReactions></model></sbml>"""
    engine = PopulationEngine()
    table = columns(k=[1.0, 0.4])
    result = engine.simulate(sbml, table, DoseTable(), np.array([2.0]), ["s"])
    assert [o.outcome for o in result.outcomes] == [Outcome.NEGATIVE_STATE, Outcome.COMPLETED]
    assert (result.outcomes[0].state, result.outcomes[0].time) == ("s", 2.0)


def test_an_output_of_no_number_is_not_taken_for_a_completed_course():
    s = Sketch({"x": 1.0}, {"k": 1.0})
    s.rates["x"] = -s["k"] * s["x"]
    s.more["root"] = (s["x"] - 0.5).of("sqrt")
    result = simulate(s.system(), [0.1, 3.0], ["x", "root"])
    assert result.outcomes[0].outcome is Outcome.NON_FINITE
    assert np.isfinite(result.values[0, :, 0]).all()


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_parameter_of_no_number_is_that_patients_failure(bad):
    system = one(lambda s: -s["k"] * s["x"])
    result = simulate(system, [1.0], ["x"], table=columns(k=[1.0, bad, 2.0]))
    assert result.outcomes[1].outcome is Outcome.NON_FINITE
    assert np.isnan(result.values[1]).all()
    assert result.values[[0, 2], 0, 0] == pytest.approx(np.exp([-1.0, -2.0]), rel=1e-9)


# Pivots


def tilted():
    """A fast pair whose own entries vanish beside what couples it, on a slow decay."""
    s = Sketch({"slow": 1.0, "x": 2.0, "y": 1.0}, {"K": 1.0})
    s.rates["slow"] = -s["slow"]
    s.rates["x"] = s["K"] * (s["y"] - s["slow"])
    s.rates["y"] = -s["K"] * (s["x"] - 2.0 * s["slow"]) - s["K"] * (s["y"] - s["slow"])
    return s.system()


def test_pivots_that_vanish_are_pivoted_around(monkeypatch):
    """Large K makes the pivot in the order of least fill tiny; x and y follow the slow state."""
    tried_again = []
    retry = population._retry_pivoted

    def seen(system, nodes, batch, result):
        tried_again.extend(np.flatnonzero(result.status == job.SMALL_PIVOT))
        retry(system, nodes, batch, result)

    monkeypatch.setattr(population, "_retry_pivoted", seen)
    couplings = np.array([1e3, 1e12, 1e5, 1e14, 1e9])
    times = np.array([0.5, 1.0, 5.0])
    result = simulate(
        tilted(),
        times,
        ["slow", "x", "y"],
        table=columns(K=couplings),
        tolerances=Tolerances(relative=1e-8, absolute=1e-11),
        max_steps=20_000,
    )
    assert {1, 3} <= set(tried_again)
    assert 0 not in tried_again
    assert [o.outcome for o in result.outcomes] == [Outcome.COMPLETED] * 5
    slow = np.exp(-times)
    for row in (1, 3, 4):
        np.testing.assert_allclose(result.values[row, :, 0], slow, rtol=1e-6)
        np.testing.assert_allclose(result.values[row, :, 1], 2 * slow, rtol=1e-5, atol=1e-8)
        np.testing.assert_allclose(result.values[row, :, 2], slow, rtol=1e-5, atol=1e-8)


# What is asked for


def test_edges_of_what_may_be_asked():
    system = one(lambda s: -s["k"] * s["x"])
    at_start = simulate(system, [0.0], ["x"])
    assert at_start.values.tolist() == [[[1.0]]]
    assert at_start.outcomes[0].outcome is Outcome.COMPLETED
    nothing = simulate(system, [1.0, 2.0], [])
    assert nothing.values.shape == (1, 2, 0)
    nobody = simulate(system, [1.0], ["x"], table=ParameterTable(("k",), np.empty((0, 1))))
    assert nobody.values.shape == (0, 1, 1)
    assert nobody.outcomes == ()


def test_a_model_in_which_nothing_moves_is_read_out():
    s = Sketch({}, {"k": 3.0})
    s.more["twice"] = s["k"] * 2.0 + s["time"]
    result = simulate(s.system(), [0.0, 5.0], ["twice", "k"], table=columns(k=[3.0, 4.0]))
    assert result.values.tolist() == [[[6.0, 3.0], [11.0, 3.0]], [[8.0, 4.0], [13.0, 4.0]]]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"outputs": ["blod"]}, "blood"),
        ({"doses": [dose(0.0, 1.0, target="bloood")]}, "blood"),
        ({"table": columns(kee=[1.0])}, "ke"),
        ({"endings": ["death"]}, "death"),
        ({"times": [1.0, 1.0]}, "increasing"),
        ({"times": [-1.0, 1.0]}, "non-negative"),
        ({"times": [np.nan]}, "finite"),
    ],
)
def test_wrong_questions_are_refused(changed, words):
    given = {"times": TIMES, "outputs": OUTPUTS} | changed
    with pytest.raises(ModelValueError, match=words):
        simulate(LINEAR, given.pop("times"), given.pop("outputs"), **given)


@pytest.mark.parametrize("options", [{"lanes": 3}, {"lanes": 0}, {"threads": 0}, {"max_steps": 0}])
def test_wrong_settings_are_refused(options):
    with pytest.raises(ModelValueError, match="must be"):
        PopulationEngine(**options)


@pytest.mark.parametrize("patient", [1, 5, -2])
def test_a_dose_for_nobody_is_refused(patient):
    with pytest.raises(ModelValueError, match="Patients are counted from 0"):
        simulate(LINEAR, [1.0], OUTPUTS, doses=[dose(0.5, 1.0, patient=patient)])


def test_an_interrupt_waits_for_the_threads_and_is_passed_on(monkeypatch):
    """The threads write to arrays of the caller: they have ended when it goes on."""
    joined = []
    join = threading.Thread.join

    def interrupted(thread, *args):
        joined.append(thread)
        if len(joined) == 1:
            raise KeyboardInterrupt
        join(thread, *args)

    monkeypatch.setattr(threading.Thread, "join", interrupted)
    with pytest.raises(KeyboardInterrupt):
        simulate(LINEAR, [1.0], OUTPUTS, table=columns(ka=np.full(200, 1.7)), threads=2)
    assert not any(thread.is_alive() for thread in joined)
    assert len(set(joined)) == 2
