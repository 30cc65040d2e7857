"""What is drawn is what the tables say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cxaxis.core.errors import ModelValueError
from cxaxis.figures.kaplan_meier import kaplan_meier
from cxaxis.figures.ratios import (
    ForestRow,
    forest,
    hazard_ratio_against_phi,
    prior_predictive_histogram,
)
from cxaxis.figures.style import arm_styles
from cxaxis.figures.time_courses import (
    circulating_cd34,
    occupancy_over_time,
    quantiles_over_time,
    troughs,
    tumour_burden,
)

MONTH = 30.4375
ARMS = arm_styles({"c": "Control", "t": "Treated"}, control="c")


@pytest.fixture
def adtte():
    return pd.DataFrame(
        {
            "TRT01P": ["c", "c", "c", "c", "t", "t", "t"],
            "PARAMCD": "OS",
            "AVAL": np.array([3, 6, 9, 12, 5, 11, 12]) * MONTH,
            "EVENT": [True, True, True, False, False, True, False],
        }
    )


def _line(axes, label):
    return next(line for line in axes.lines if line.get_label() == label)


def test_survival_steps_down_at_events_in_months(adtte):
    axes = kaplan_meier(adtte, ARMS, paramcd="OS", y_label="Overall survival", horizon_day=366)
    line = _line(axes, "Control")
    assert line.get_xdata() == pytest.approx([0, 3, 6, 9, 12])
    assert line.get_ydata() == pytest.approx([100, 75, 50, 25, 25])
    assert line.get_drawstyle() == "steps-post"
    assert axes.get_ylabel() == "Overall survival (%)"
    assert "(months)" in axes.get_xlabel()


def test_numbers_at_risk_stand_under_their_ticks(adtte):
    axes = kaplan_meier(adtte, ARMS, paramcd="OS", y_label="OS", horizon_day=366)
    counts = [
        (text.get_position()[0], text.get_text())
        for text in axes.texts
        if text.get_text().isdigit()
    ]
    ticks = [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0]
    assert axes.get_xticks().tolist() == ticks
    assert counts[:7] == list(zip(ticks, ["4", "4", "3", "3", "2", "1", "1"], strict=True))
    assert counts[7:] == list(zip(ticks, ["3", "3", "3", "2", "2", "2", "1"], strict=True))


def test_ticks_mark_the_censored(adtte):
    axes = kaplan_meier(adtte, ARMS, paramcd="OS", y_label="OS", horizon_day=366)
    marks = [line for line in axes.lines if line.get_marker() == "|"]
    assert marks[0].get_xdata() == pytest.approx([12])
    assert marks[1].get_xdata() == pytest.approx([5, 12])
    assert marks[1].get_ydata() == pytest.approx([100, 50])


def test_an_arm_without_patients_is_left_out(adtte):
    arms = arm_styles({"c": "Control", "t": "Treated", "x": "Empty"}, control="c")
    axes = kaplan_meier(adtte, arms, paramcd="OS", y_label="OS", horizon_day=366)
    assert "Empty" not in [line.get_label() for line in axes.lines]


def test_unknown_end_points_and_missing_columns_are_named(adtte):
    with pytest.raises(ModelValueError, match="PARAMCD 'PFS'"):
        kaplan_meier(adtte, ARMS, paramcd="PFS", y_label="PFS", horizon_day=366)
    with pytest.raises(ModelValueError, match="lacks the columns AVAL, EVENT"):
        kaplan_meier(
            adtte[["TRT01P", "PARAMCD"]], ARMS, paramcd="OS", y_label="OS", horizon_day=366
        )


def test_quantiles_are_those_over_patients():
    table = pd.DataFrame({"ADY": np.repeat([0.0, 1.0], 101), "AVAL": np.tile(np.arange(101.0), 2)})
    course = quantiles_over_time(table, shares=(0.05, 0.5, 0.95))
    assert course.loc[1.0].tolist() == [5, 50, 95, 101]


def test_troughs_are_the_local_minima_of_a_daily_dose():
    day = np.arange(0, 3.01, 1 / 12)
    found = day[troughs(np.exp(-4 * (day % 1)))]
    assert found == pytest.approx([11 / 12, 23 / 12, 35 / 12])


@pytest.mark.parametrize("level", [np.full(20, 0.7), np.linspace(0, 0.8, 20), np.zeros(1)])
def test_a_steady_course_has_no_trough(level):
    assert len(troughs(level)) == 0


def test_noise_makes_no_trough():
    level = 0.5 + 0.005 * np.sin(np.arange(50))
    assert len(troughs(level)) == 0


@pytest.fixture
def adpd():
    day = np.arange(0, 2, 0.125)
    levels = [0.9 * np.exp(-2 * (day % 1)) * factor for factor in (0.8, 0.9, 1.0)]
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "USUBJID": f"p{k}",
                    "TRT01P": "t",
                    "PARAMCD": "OCCTUM",
                    "ADY": day,
                    "AVAL": level,
                }
            )
            for k, level in enumerate(levels)
        ]
    )


def test_occupancy_is_the_median_in_percent_with_its_troughs(adpd):
    axes = occupancy_over_time(adpd, ARMS, window_day=(0, 2))
    line = _line(axes, "Treated")
    assert line.get_ydata()[0] == pytest.approx(81)
    marks = next(line for line in axes.lines if line.get_marker() == "v")
    assert marks.get_xdata() == pytest.approx([0.875])
    assert "(%)" in axes.get_ylabel()
    assert "(days)" in axes.get_xlabel()


def test_a_window_in_hours_starts_at_its_first_day(adpd):
    axes = occupancy_over_time(adpd, ARMS, window_day=(1, 2), in_hours=True)
    assert _line(axes, "Treated").get_xdata()[:2] == pytest.approx([0, 3])
    assert axes.get_xlim() == pytest.approx((0, 24))
    assert "(hours)" in axes.get_xlabel()


def test_circulating_cells_are_the_median_of_patients(adpd):
    cells = adpd.assign(PARAMCD="CD34", AVAL=100 * adpd["AVAL"])
    line = _line(circulating_cd34(cells, ARMS), "Treated")
    assert line.get_ydata()[0] == pytest.approx(81)
    with pytest.raises(ModelValueError, match="no 'CD34' rows"):
        circulating_cd34(adpd, ARMS)


def test_occupancy_outside_the_samples_is_refused(adpd):
    with pytest.raises(ModelValueError, match="from day 9 to day 10"):
        occupancy_over_time(adpd, ARMS, window_day=(9, 10))
    with pytest.raises(ModelValueError, match="must ascend"):
        occupancy_over_time(adpd, ARMS, window_day=(2, 1))


def test_burden_leaves_out_visits_of_few_patients():
    rows = [
        ("t", 84.0 * visit, 30.0 + k) for visit, n in ((0, 9), (1, 6), (2, 4)) for k in range(n)
    ]
    adtr = pd.DataFrame(rows, columns=["TRT01P", "ADY", "AVAL"]).assign(PARAMCD="SUMDIAM")
    line = _line(tumour_burden(adtr, ARMS), "Treated")
    assert line.get_xdata() == pytest.approx([0, 84 / MONTH])
    assert line.get_ydata() == pytest.approx([34, 32.5])
    with pytest.raises(ModelValueError, match="at least 50 patients"):
        tumour_burden(adtr, ARMS, least_patients=50)


def test_forest_draws_rows_from_the_top_on_a_log_axis():
    rows = [
        ForestRow(label="first", hr=0.8, low=0.5, high=1.28),
        ForestRow(label="second"),
    ]
    axes = forest(rows)
    assert axes.get_xscale() == "log"
    marks = [line for line in axes.lines if line.get_marker() == "s"]
    assert [(float(m.get_xdata()[0]), float(m.get_ydata()[0])) for m in marks] == [(0.8, 1.0)]
    assert [text.get_text() for text in axes.texts] == ["no estimate", "0.80 (0.50–1.28)"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["second", "first"]


def test_ratios_that_are_no_ratios_are_refused():
    with pytest.raises(ModelValueError, match="at least one row"):
        forest([])
    with pytest.raises(ModelValueError, match="positive"):
        forest([ForestRow(label="x", hr=1.0, low=0.0, high=2.0)])
    with pytest.raises(ModelValueError, match="positive"):
        prior_predictive_histogram([1.0, -1.0])
    with pytest.raises(ModelValueError, match="non-empty"):
        prior_predictive_histogram([])


def test_ratio_against_phi_is_sorted_and_skips_missing_estimates():
    table = pd.DataFrame(
        {
            "arm": "t",
            "phi": [1.0, 0.0, 0.5],
            "hr_os": [0.8, 1.0, np.nan],
            "low": [0.7, 1.0, np.nan],
            "high": [0.9, 1.0, np.nan],
        }
    )
    line = _line(hazard_ratio_against_phi(table, ARMS), "Treated")
    assert line.get_xdata().tolist() == [0, 1]
    assert line.get_ydata().tolist() == [1.0, 0.8]
    with pytest.raises(ModelValueError, match="no row"):
        hazard_ratio_against_phi(table[2:], ARMS)


def test_prior_draws_above_one_are_counted_as_harm():
    axes = prior_predictive_histogram([0.8, 0.9, 0.95, 1.1], label="Treated")
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert "above 1 (harm): 1 draws" in labels
    heights = sum(patch.get_height() for patch in axes.patches)
    assert heights == 4
    harm = [p for p in axes.patches if p.get_height() and p.get_x() + p.get_width() / 2 > 1]
    assert sum(patch.get_height() for patch in harm) == 1
