"""Dose tables: validity, stops in time order, amounts given."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxaxis.core.errors import ModelValueError
from cxaxis.engine.doses import ALL_PATIENTS, Dose, DoseTable, stops_of


def dose(time, amount, duration=0.0, target="depot", patient=ALL_PATIENTS):
    return Dose(patient=patient, time=time, target=target, amount=amount, duration=duration)


@pytest.mark.parametrize("bad", [dose(-1, 1), dose(0, -1), dose(0, 1, -1), dose(float("nan"), 1)])
def test_a_negative_or_absent_number_is_refused_with_its_row(bad):
    with pytest.raises(ModelValueError, match=r"dose row 1 \(depot\)"):
        DoseTable((dose(0, 1), bad))


def test_a_patient_gets_its_own_rows_and_those_of_everybody_in_order():
    rows = (dose(0, 1), dose(1, 2, patient=1), dose(2, 3))
    table = DoseTable(rows)
    assert table.of_patient(0) == (rows[0], rows[2])
    assert table.of_patient(1) == rows


def test_stops_come_in_time_order_and_before_the_horizon():
    stops = stops_of((dose(3, 1), dose(1, 2), dose(1, 4), dose(5, 9)), horizon=5.0)
    assert [stop.time for stop in stops] == [1, 3]
    assert stops[0].boluses == (("depot", 2), ("depot", 4))


def test_rates_of_overlapping_infusions_add_and_end():
    stops = stops_of((dose(0, 10, 2), dose(1, 3, 3)), horizon=10.0)
    assert [stop.time for stop in stops] == [0, 1, 2, 4]
    assert [dict(stop.rates)["depot"] for stop in stops] == [5, 6, 1, 0]


def test_rates_between_stops_add_up_to_the_amounts_given():
    """Ends that are sums of fractions may miss the next start by a rounding, no more."""
    rows = tuple(dose(0.1 * k, 1.0, 0.1) for k in range(20))
    stops = stops_of(rows, horizon=100.0)
    times = [stop.time for stop in stops]
    rates = [dict(stop.rates)["depot"] for stop in stops]
    assert np.diff(times) @ np.array(rates[:-1]) == pytest.approx(20.0, rel=1e-12)
    assert rates[-1] == 0


@given(
    starts=st.lists(st.floats(0, 50), min_size=1, max_size=6),
    duration=st.floats(0.1, 20),
    horizon=st.floats(1, 60),
)
def test_infusions_deliver_what_fits_before_the_horizon(starts, duration, horizon):
    stops = stops_of([dose(start, 2.0, duration) for start in starts], horizon)
    times = [stop.time for stop in stops]
    assert times == sorted(set(times))
    assert all(time < horizon for time in times)
    lengths = np.diff([*times, horizon])
    delivered = sum(
        dict(stop.rates)["depot"] * length for stop, length in zip(stops, lengths, strict=True)
    )
    inside = [max(0.0, min(start + duration, horizon) - start) for start in starts]
    assert delivered == pytest.approx(2.0 / duration * sum(inside), rel=1e-9)


def test_a_dose_of_nothing_makes_no_stop():
    assert stops_of((dose(1, 0), dose(2, 0, 3)), horizon=10.0) == ()
