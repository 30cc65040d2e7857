"""The reference engine: doses, times, independence of patients, failure as an outcome."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxaxis.core.errors import ModelValueError, SimulationFailedError
from cxaxis.core.outcomes import Outcome, PatientOutcome, require_success
from cxaxis.engine.doses import Dose, DoseTable, stops_of
from cxaxis.engine.protocol import ParameterTable, Tolerances
from cxaxis.engine.reference import ReferenceEngine, _load
from science_support import bench_model, bolus, infusion, patient_model, run, table

WEIGHT = {"body_weight": 60.0}
DRUG = ("plerixafor_central", "plerixafor_depot")


def test_outputs_are_recorded_before_doses_at_the_same_time():
    times = [0.0, 1.0, 2.0]
    found = run(
        patient_model(), table(**WEIGHT), times, DRUG, [bolus("plerixafor_central", 1e4, 1.0)]
    )
    assert found.of("plerixafor_central")[0, 1] == 0
    assert found.of("plerixafor_central")[0, 2] > 0


def test_a_dose_at_the_horizon_is_not_applied():
    doses = [bolus("plerixafor_central", 1e4, 1.0)]
    end = run(patient_model(), table(**WEIGHT), [1.0], DRUG, doses).of("plerixafor_central")
    assert end[0, 0] == 0


def test_an_infusion_is_the_limit_of_many_small_boluses():
    times, n = [0.5, 1.0, 1.5], 1000
    infused = run(
        patient_model(), table(**WEIGHT), times, DRUG, [infusion("plerixafor_central", 1e4, 1.0)]
    )
    small = [bolus("plerixafor_central", 1e4 / n, (k + 0.5) / n) for k in range(n)]
    split = run(patient_model(), table(**WEIGHT), times, DRUG, small, tolerances=Tolerances())
    np.testing.assert_allclose(
        split.of("plerixafor_central"), infused.of("plerixafor_central"), rtol=2e-3
    )


def test_overlapping_infusions_add():
    one = [infusion("plerixafor_central", 3e3, 1.0, 0.2)]
    two = [
        infusion("plerixafor_central", 1e3, 1.0, 0.2),
        infusion("plerixafor_central", 2e3, 1.0, 0.2),
    ]
    a, b = (run(patient_model(), table(**WEIGHT), [0.9], DRUG, d) for d in (one, two))
    np.testing.assert_allclose(a.values, b.values, rtol=1e-8)


def test_a_dose_of_nothing_changes_not_one_bit():
    times = np.linspace(0.0, 5.0, 11)
    doses = [bolus("rt", 1.8, 1.0)]
    nothing = [bolus("plerixafor_depot", 0.0, 0.5), infusion("cisplatin_central", 0.0, 0.3, 2.0)]
    plain = run(patient_model(), table(**WEIGHT), times, ["tumour_log", "death_hazard"], doses)
    padded = run(
        patient_model(), table(**WEIGHT), times, ["tumour_log", "death_hazard"], doses + nothing
    )
    np.testing.assert_array_equal(plain.values, padded.values)


def test_a_patient_depends_on_neither_neighbours_nor_order_nor_what_ran_before():
    names = ("body_weight", "control_draw", "node_1_draw")
    values = np.array([[50.0, 295.0, 1e-6], [60.0, 1.0, 2.0], [90.0, 0.3, 1e-5]])
    outputs = ["tumour_log", "tumour_present", "node_1_present", "node_1_log_size", "death_hazard"]
    doses = DoseTable((Dose(patient=-1, time=1.0, target="rt", amount=1.8),))
    engine, times = ReferenceEngine(), np.array([1.0, 40.0])
    together = engine.simulate(
        patient_model().sbml, ParameterTable(names, values), doses, times, outputs
    ).values
    backwards = engine.simulate(
        patient_model().sbml, ParameterTable(names, values[::-1]), doses, times, outputs
    ).values[::-1]
    alone = []
    for row in values:
        # A fresh engine each time: the first patient's events must leave no trace elsewhere.
        _load.cache_clear()
        alone.append(
            engine.simulate(
                patient_model().sbml, ParameterTable(names, row[None]), doses, times, outputs
            ).values[0]
        )
    assert together[0, -1, 1] == 0
    assert together[0, -1, 2] == 1
    assert together[1, -1, 1] == 1
    np.testing.assert_array_equal(together, backwards)
    np.testing.assert_array_equal(together, np.array(alone))


def test_starting_values_that_are_expressions_follow_the_patient():
    found = run(bench_model(), table(cxcr4_density=[1.0, 7.0]), [0.0], ["cxcr4"])
    np.testing.assert_allclose(found.of("cxcr4")[:, 0], [1.0, 7.0])
    volumes = run(patient_model(), table(body_weight=[50.0, 100.0]), [0.0], ["plerixafor_volume"])
    assert volumes.values[1, 0, 0] == pytest.approx(2 * volumes.values[0, 0, 0])


def test_patients_may_have_their_own_times():
    times = np.array([[1.0, 2.0], [3.0, 4.0]])
    doses = [bolus("plerixafor_central", 1e4)]
    own = run(patient_model(), table(body_weight=[60.0, 60.0]), times, DRUG, doses)
    shared = run(patient_model(), table(**WEIGHT), [1.0, 2.0, 3.0, 4.0], DRUG, doses)
    np.testing.assert_allclose(own.values.reshape(4, 2), shared.values[0], rtol=1e-6, atol=1e-9)


def test_amounts_and_concentrations_differ_by_the_volume():
    outputs = ["plerixafor_central", "amount(plerixafor_central)", "plerixafor_volume"]
    found = run(
        patient_model(), table(**WEIGHT), [0.1], outputs, [bolus("plerixafor_central", 1e4)]
    )
    concentration, amount, volume = found.values[0, 0]
    assert amount == pytest.approx(concentration * volume)


@pytest.mark.parametrize(
    ("names", "target", "output", "message"),
    [
        (("body_wight",), "rt", "rt", "parameter 'body_wight'.*body_weight"),
        (("body_weight",), "plerixafor_depo", "rt", "dose target.*plerixafor_depot"),
        (("body_weight",), "rt", "tumour_cell", "output 'tumour_cell'.*tumour_cells"),
        (("body_weight",), "rt", "amount(rt)", "species 'rt'"),
    ],
)
def test_an_unknown_name_is_refused_with_its_neighbours(names, target, output, message):
    doses = DoseTable((Dose(patient=0, time=0.0, target=target, amount=1.0),))
    with pytest.raises(ModelValueError, match=message):
        ReferenceEngine().simulate(
            patient_model().sbml,
            ParameterTable(names, np.array([[60.0]])),
            doses,
            np.array([1.0]),
            [output],
        )


@pytest.mark.parametrize("times", [[1.0, 1.0], [2.0, 1.0], [-1.0, 1.0], []])
def test_times_must_increase_from_zero_on(times):
    with pytest.raises(ModelValueError, match="times"):
        run(bench_model(), table(cxcr4_density=1.0), times, ["cxcr4"])


def test_a_solver_that_gives_up_is_an_outcome_of_that_patient_alone():
    # A growth effect this large overflows the second patient's birth rate.
    found = ReferenceEngine().simulate(
        patient_model().sbml,
        table(cxcr4_growth_effect=[0.8, 1e6]),
        DoseTable(),
        np.array([10.0, 300.0]),
        ["tumour_log"],
    )
    first, second = found.outcomes
    assert first.outcome is Outcome.COMPLETED
    assert np.isfinite(found.values[0]).all()
    assert second.outcome.is_failure
    assert second.time < 300.0 or second.outcome is Outcome.NON_FINITE
    assert second.advice
    with pytest.raises(SimulationFailedError, match=r"1 of 2 .*\n  VP2: "):
        require_success(["VP1", "VP2"], found.outcomes)
    require_success(["VP1", "VP2"], found.outcomes, max_failed=1)


def test_the_advice_names_a_cure_for_every_failure():
    for outcome in Outcome:
        item = PatientOutcome(outcome=outcome, time=1.0)
        assert bool(item.advice) == outcome.is_failure


@pytest.mark.parametrize(
    "wrong", [{"time": -1.0}, {"amount": -5.0}, {"duration": float("nan")}, {"time": float("inf")}]
)
def test_a_dose_row_must_be_finite_and_not_negative(wrong):
    with pytest.raises(ModelValueError, match="dose row 0"):
        DoseTable((Dose(**{"patient": 0, "time": 0.0, "target": "rt", "amount": 1.0, **wrong}),))


@given(
    starts=st.lists(st.floats(0, 50), min_size=1, max_size=6),
    duration=st.floats(0.1, 20),
    horizon=st.floats(1, 60),
)
def test_stops_increase_and_infusions_deliver_their_amount(starts, duration, horizon):
    doses = [Dose(patient=0, time=t, target="x", amount=2.0, duration=duration) for t in starts]
    stops = stops_of(doses, horizon)
    times = [stop.time for stop in stops]
    assert times == sorted(set(times))
    assert all(t < horizon for t in times)
    edges = [*times, horizon]
    given_so_far = sum(
        dict(stop.rates)["x"] * (after - stop.time)
        for stop, after in zip(stops, edges[1:], strict=True)
    )
    inside = sum(
        2.0 * max(0.0, min(t + duration, horizon) - t) / duration for t in starts if t < horizon
    )
    assert given_so_far == pytest.approx(inside, rel=1e-9)
