"""Numbers and protocols as the report prints them."""

from __future__ import annotations

import pytest

from cxaxis.report.source import EndPoint
from cxaxis.report.words import (
    Node,
    cell_lines,
    count_of,
    median,
    number,
    p_value,
    protocol_nodes,
    ratio,
    spoken_name,
)


@pytest.mark.parametrize(
    ("p", "text"), [(0.00005, "< 0.001"), (0.0123, "0.012"), (0.512, "0.51"), (None, "no estimate")]
)
def test_p_values_read_as_in_papers(p, text):
    assert p_value(p) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(84.0, "84"), (0.000043, "4.3 × 10⁻⁵"), (123456.0, "1.235 × 10⁵"), (None, ""), (0.5, "0.5")],
)
def test_numbers_keep_four_digits(value, text):
    assert number(value) == text


def test_limits_that_are_not_reached_are_said():
    open_end = EndPoint(events=9, median_month=20.0, median_low_month=15.0, median_high_month=None)
    assert median(open_end) == "20.0 (15.0 to not reached)"
    none = EndPoint(events=1, median_month=None, median_low_month=3.0, median_high_month=None)
    assert median(none) == "not reached"
    assert cell_lines(median(open_end)) == ["20.0", "(15.0 to not reached)"]
    assert cell_lines("not reached") == ["not reached"]
    assert ratio(None, None, None) == "no estimate"
    assert ratio(0.951, 0.9, 1.0, digits=3) == "0.951 (0.900–1.000)"


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("dose_ug_per_kg", "Dose (µg/kg)"),
        ("dose_mg_per_m2_per_day", "Dose (mg/m²/day)"),
        ("horizon_day", "Horizon (day)"),
        ("dose_gy", "Dose (Gy)"),
        ("n_per_arm", "N per arm"),
        ("day", "Day"),
        ("stage_mix", "Stage mix"),
    ],
)
def test_unit_suffixes_become_units(key, name):
    assert spoken_name(key) == name


def test_nothing_of_a_protocol_is_left_out():
    nodes = protocol_nodes(
        {
            "arms": [{"id": "a", "ratio": 1, "regimens": []}],
            "rate": {"value": 400, "unit": "ug/kg/day"},
            "days": [1, 29],
            "open": True,
            "empty": {},
            "missing": None,
        }
    )
    assert nodes == (
        Node(
            name="Arms",
            parts=(
                Node(
                    name="a",
                    parts=(Node(name="Ratio", text="1"), Node(name="Regimens", text="none")),
                ),
            ),
        ),
        Node(name="Rate", text="400 ug/kg/day"),
        Node(name="Days", text="1, 29"),
        Node(name="Open", text="yes"),
        Node(name="Empty", text="none"),
        Node(name="Missing", text="none"),
    )


@pytest.mark.parametrize(
    ("count", "n", "text"),
    [(0, 200, "0 (0 %)"), (1, 200, "1 (< 1 %)"), (2, 200, "2 (1 %)"), (3, 3, "3 (100 %)")],
)
def test_small_shares_are_not_rounded_to_nothing(count, n, text):
    assert count_of(count, n).replace("\u00a0", " ") == text
    assert count_of(0, 0) == ""
