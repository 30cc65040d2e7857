"""What the report says in words follows from the numbers."""

from __future__ import annotations

import math

import pytest
from scipy.stats import norm

from cxaxis.report.source import AllocatedRatio, ArmSummary, EndPoint, Summary
from cxaxis.report.words import (
    Node,
    cell_lines,
    findings_of,
    median,
    number,
    p_value,
    protocol_nodes,
    ratio,
    smallest_detectable_ratio,
    spoken_name,
)


def _arm(name: str, hr: AllocatedRatio | None, events: int = 100) -> ArmSummary:
    end_point = EndPoint(
        events=events, median_month=20.0, median_low_month=15.0, median_high_month=None
    )
    return ArmSummary(
        arm=name,
        label=name.upper(),
        n=200,
        median_follow_up_month=30.0,
        os=end_point,
        pfs=end_point,
        hr_os=hr,
        hr_pfs=hr,
        occupancy=None,
        cd34_peak_per_uL=None,
    )


def _summary(*arms: ArmSummary) -> Summary:
    return Summary(title="t", control="c", horizon_day=1000, arms=(_arm("c", None), *arms))


def test_an_interval_that_includes_one_shows_no_difference():
    hr = AllocatedRatio(hr=0.93, low=0.71, high=1.22, p_logrank=0.6)
    (sentence,) = findings_of(_summary(_arm("x", hr)))
    assert "shows no difference in overall survival" in sentence
    assert "0.93, 95 % CI 0.71 to 1.22, log-rank p = 0.60" in sentence
    assert "includes 1" in sentence
    assert "fewer" not in sentence


@pytest.mark.parametrize(
    ("low", "high", "words"), [(0.5, 0.9, "fewer deaths"), (1.1, 1.9, "more deaths")]
)
def test_benefit_and_harm_are_said_with_the_assumptions(low, high, words):
    hr = AllocatedRatio(hr=math.sqrt(low * high), low=low, high=high, p_logrank=0.0004)
    (sentence,) = findings_of(_summary(_arm("x", hr)))
    assert words in sentence
    assert "given the assumptions" in sentence
    assert "p < 0.001" in sentence
    assert "no difference" not in sentence


def test_a_ratio_that_does_not_exist_is_said():
    (sentence,) = findings_of(_summary(_arm("x", None)))
    assert "cannot be compared" in sentence


def test_several_comparisons_are_said_to_be_unadjusted():
    hr = AllocatedRatio(hr=1.0, low=0.8, high=1.2, p_logrank=0.9)
    assert "not adjusted" in findings_of(_summary(_arm("x", hr), _arm("y", hr)))[-1]
    assert findings_of(_summary()) == ["The trial has one arm, so that nothing is compared."]


def test_the_detectable_ratio_is_the_one_schoenfelds_formula_gives_80_percent_power():
    hr = smallest_detectable_ratio(200, share_treated=0.5)
    power = norm.cdf(-math.log(hr) * math.sqrt(200 / 4) - norm.ppf(0.975))
    assert power == pytest.approx(0.8, abs=1e-5)
    assert smallest_detectable_ratio(0, share_treated=0.5) is None


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
    arm = _arm("x", None)
    assert median(arm.os) == "20.0 (15.0 to not reached)"
    none = EndPoint(events=1, median_month=None, median_low_month=3.0, median_high_month=None)
    assert median(none) == "not reached"
    assert cell_lines(median(arm.os)) == ["20.0", "(15.0 to not reached)"]
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
