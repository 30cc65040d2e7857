"""What the figures of a trial show is what its tables say."""

from __future__ import annotations

import matplotlib.colors as mcolors
import numpy as np
import pandas as pd
import pytest

from cxaxis.core.errors import ModelValueError
from cxaxis.figures.output import to_svg
from cxaxis.figures.responses import RESPONSES
from cxaxis.report.trial_figures import (
    subgroup_figure,
    survival_figure,
    swimmer_figure,
    waterfall_figure,
)
from cxaxis.stats.survival import cox_hazard_ratio
from cxaxis.trial.patient_courses import best_changes, patient_lanes

MONTH = 30.4375
LABELS = {"c": "Control", "t": "Treated"}


def _visits(who: str, arm: str, values: dict[float, object], code: str, column: str) -> list[dict]:
    return [
        {"USUBJID": who, "TRT01P": arm, "PARAMCD": code, "ADY": day, column: value}
        for day, value in values.items()
    ]


@pytest.fixture
def tables():
    """Six patients whose courses are known by heart."""
    sums = {
        # Shrinks by 60 %, grows after its progression on day 180.
        "a": ("c", {0.0: 50.0, 60.0: 20.0, 120.0: 25.0, 180.0: 45.0, 240.0: 5.0}),
        # Grows beyond the axis.
        "b": ("c", {0.0: 20.0, 60.0: 70.0}),
        # Lost to follow-up on day 100: the visit on day 120 was not seen.
        "d": ("t", {0.0: 40.0, 60.0: 36.0, 120.0: 4.0}),
        # Operated on day 90: nothing is left to measure afterwards.
        "e": ("t", {0.0: 80.0, 60.0: 40.0, 120.0: 0.0}),
        # No target lesion on day 0.
        "f": ("t", {0.0: 0.0, 60.0: 0.0}),
        # Never seen again.
        "g": ("t", {0.0: 30.0}),
    }
    seen = {
        "a": {60.0: "PR", 120.0: "PR", 180.0: "PD", 240.0: "PD"},
        "b": {60.0: "PD"},
        "d": {60.0: "SD", 120.0: "PR"},
        "e": {60.0: "PR", 120.0: "CR"},
        "f": {60.0: "NED"},
    }
    best = {"a": "PR", "b": "PD", "d": "SD", "e": "PR", "f": "NED"}
    ends = {
        "a": (400.0, True),
        "b": (90.0, True),
        "d": (100.0, False),
        "e": (500.0, False),
        "f": (365.0, True),
        "g": (30.0, True),
    }
    arm_of = {who: arm for who, (arm, _) in sums.items()}
    adtr = [
        row
        for who, (arm, values) in sums.items()
        for row in _visits(who, arm, values, "SUMDIAM", "AVAL")
    ]
    adrs = [
        row
        for who, values in seen.items()
        for row in _visits(who, arm_of[who], values, "OVRLRESP", "AVALC")
    ]
    adrs += [
        row
        for who, value in best.items()
        for row in _visits(who, arm_of[who], {0.0: value}, "BESTRESP", "AVALC")
    ]
    adtte = pd.DataFrame(
        [
            {"USUBJID": w, "TRT01P": arm_of[w], "PARAMCD": "OS", "AVAL": day, "EVENT": died}
            for w, (day, died) in ends.items()
        ]
    )
    return {
        "adsl": pd.DataFrame({"USUBJID": list(ends), "TRT01P": [arm_of[w] for w in ends]}),
        "adtte": adtte,
        "adtr": pd.DataFrame(adtr),
        "adrs": pd.DataFrame(adrs),
        "adpath": pd.DataFrame([{"USUBJID": "e", "TRT01P": "t", "ADY": 90.0}]),
    }


def _changes(tables) -> pd.DataFrame:
    found = best_changes(tables["adtr"], tables["adrs"], tables["adtte"], tables["adpath"])
    return found.set_index("USUBJID")


def test_best_change_ends_with_progression_operation_and_follow_up(tables):
    found = _changes(tables)
    assert found["PCHG"].to_dict() == pytest.approx({"a": -60, "b": 250, "d": -10, "e": -50})
    assert found["BESTRESP"].to_dict() == {"a": "PR", "b": "PD", "d": "SD", "e": "PR"}


def test_without_operations_every_visit_counts(tables):
    found = best_changes(tables["adtr"], tables["adrs"], tables["adtte"])
    assert found.set_index("USUBJID").loc["e", "PCHG"] == -100


def test_lanes_tell_response_progression_and_end(tables):
    lanes = patient_lanes(tables["adtte"], tables["adrs"], tables["adpath"]).set_index("USUBJID")
    a, d, e = lanes.loc["a"], lanes.loc["d"], lanes.loc["e"]
    assert (a["RESPDY"], a["RESPENDY"], a["PROGDY"], a["ENDDY"]) == (60, 180, 180, 400)
    # A response after the end of follow-up was not seen.
    assert np.isnan(d["RESPDY"])
    # The operation ends the response.
    assert (e["RESPDY"], e["RESPENDY"], e["OPERDY"]) == (60, 90, 90)
    assert lanes["DIED"].to_dict() == {
        "a": True, "b": True, "d": False, "e": False, "f": True, "g": True
    }  # fmt: skip


def test_lanes_need_overall_survival(tables):
    with pytest.raises(ModelValueError, match="no PARAMCD 'OS'"):
        patient_lanes(tables["adtte"].assign(PARAMCD="PFS"), tables["adrs"])


def _waterfall(tables):
    return waterfall_figure(
        tables["adsl"],
        tables["adtte"],
        tables["adtr"],
        tables["adrs"],
        LABELS,
        control="c",
        adpath=tables["adpath"],
    )


def test_waterfall_bars_fall_and_carry_the_best_response(tables):
    control, treated = _waterfall(tables).axes
    assert [bar.get_height() for bar in control.patches] == pytest.approx([100, -60])
    assert [bar.get_height() for bar in treated.patches] == pytest.approx([-10, -50])
    colours = [RESPONSES[name][0] for name in ("PD", "PR")]
    assert [mcolors.to_hex(bar.get_facecolor()) for bar in control.patches] == colours
    assert "2 of 2 measured again; ▲ 1 beyond +100 %" in control.get_xlabel()
    assert "2 of 4 measured again" in treated.get_xlabel()
    assert "(%)" in control.get_ylabel()


def test_waterfall_marks_the_bounds_of_recist(tables):
    for axes in _waterfall(tables).axes:
        levels = {line.get_ydata()[0] for line in axes.lines if len(set(line.get_ydata())) == 1}
        assert {-30.0, 0.0, 20.0} <= levels


def test_a_waterfall_without_patients_is_refused(tables):
    tables["adtr"] = tables["adtr"][tables["adtr"]["ADY"] == 0.0]
    with pytest.raises(ModelValueError, match="no patient has a change"):
        _waterfall(tables)


def _swimmer(tables, **options):
    return swimmer_figure(
        tables["adtte"],
        tables["adrs"],
        LABELS,
        control="c",
        horizon_day=540.0,
        adpath=tables["adpath"],
        **options,
    )


def test_swimmer_lanes_are_as_long_as_follow_up_in_months(tables):
    control, treated = _swimmer(tables).axes
    lengths = [bar.get_width() for bar in control.patches[:2]]
    assert lengths == pytest.approx([90 / MONTH, 400 / MONTH])
    response = control.patches[2]
    assert (response.get_x(), response.get_width()) == pytest.approx((60 / MONTH, 120 / MONTH))
    assert treated.get_xlabel() == "Time since allocation (months)"
    assert treated.get_ylabel() == "Patients: 4 of 4"


def test_swimmer_says_how_many_it_shows(tables):
    _, treated = _swimmer(tables, most_lanes=2).axes
    assert treated.get_ylabel() == "Patients: 2 of 4"
    # Shortest and longest stay.
    assert [bar.get_width() for bar in treated.patches[:2]] == pytest.approx(
        [30 / MONTH, 500 / MONTH]
    )
    with pytest.raises(ModelValueError, match="at least 2"):
        _swimmer(tables, most_lanes=1)


def test_swimmer_legend_names_only_what_is_there(tables):
    words = [text.get_text() for text in _swimmer(tables).legends[0].get_texts()]
    assert {"operation", "first progression", "death", "alive at end of follow-up"} <= set(words)
    tables["adpath"] = None
    words = [text.get_text() for text in _swimmer(tables).legends[0].get_texts()]
    assert "operation" not in words


@pytest.fixture
def trial():
    n = np.arange(240)
    treated = n % 2 == 1
    death = 30.0 + (n * 37 % 240) * np.where(treated, 6.0, 4.0)
    adsl = pd.DataFrame(
        {
            "USUBJID": [f"VP{k:03}" for k in n],
            "TRT01P": np.where(treated, "t", "c"),
            "AGE": 50.0 + n % 30,
            "SEX": np.where(n % 5 < 4, "M", "F"),
            "STAGE": np.array(["II", "III", "IVA"])[n % 3],
            "NCAT": n % 4 // 2,
            "CXCR4GR": np.where(n % 7 < 4, "high", "low"),
        }
    )
    adtte = pd.DataFrame(
        {
            "USUBJID": adsl["USUBJID"],
            "TRT01P": adsl["TRT01P"],
            "PARAMCD": "OS",
            "AVAL": np.minimum(death, 800.0),
            "EVENT": death < 800.0,
        }
    )
    # Rows need not stand in the order of the patients.
    return adsl, adtte.iloc[::-1]


def _texts(figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_subgroups_stand_with_their_own_ratio_and_counts(trial):
    adsl, adtte = trial
    texts = _texts(subgroup_figure(adsl, adtte, LABELS, control="c", arm="t"))
    both = adtte.merge(adsl[["USUBJID", "SEX"]], on="USUBJID")
    women = both[both["SEX"] == "F"]
    ratio = cox_hazard_ratio(women["AVAL"], women["EVENT"], women["TRT01P"] == "t")
    at = texts.index("women")
    assert texts[at + 3] == f"{ratio.hr:.2f} ({ratio.low:.2f}–{ratio.high:.2f})"
    given = women[women["TRT01P"] == "t"]
    assert texts[at + 1] == f"{int(given['EVENT'].sum())} / {len(given)}"
    assert [name for name in texts if name in ("Age", "Sex", "Stage", "Nodes", "CXCR4 stain")] == [
        "Age", "Sex", "Stage", "Nodes", "CXCR4 stain"
    ]  # fmt: skip


def test_an_effect_in_one_subgroup_alone_shows_as_interaction(trial):
    adsl, adtte = trial
    young = adsl.set_index("USUBJID")["AGE"] < 65
    # Whoever is young and treated outlives the trial.
    saved = adtte["USUBJID"].map(young) & (adtte["TRT01P"] == "t") & (adtte["AVAL"] > 200)
    adtte = adtte.assign(AVAL=adtte["AVAL"].where(~saved, 800.0), EVENT=adtte["EVENT"] & ~saved)
    texts = _texts(subgroup_figure(adsl, adtte, LABELS, control="c", arm="t"))
    assert texts[texts.index("Age") + 4] == "< 0.001"


def test_subgroups_without_an_estimate_and_wide_intervals_are_drawn(trial):
    adsl, adtte = trial
    rare = np.where(np.arange(240) < 6, "rare", "common").astype(object)
    rare[:2] = "rarest"
    figure = subgroup_figure(
        adsl, adtte, LABELS, control="c", arm="t", factors={"Site": rare}, strata=["STAGE"]
    )
    assert "no estimate" in _texts(figure)
    low, high = figure.axes[0].get_xlim()
    assert low >= 0.125
    assert high <= 8.0


def test_subgroup_tables_without_an_arm_or_column_are_refused(trial):
    adsl, adtte = trial
    for change, words in (
        ({"arm": "x"}, "arm 'x' has no patient"),
        ({"strata": ["CENTRE"]}, "no column CENTRE"),
        ({"paramcd": "XYZ"}, "no end point is called 'XYZ'"),
    ):
        with pytest.raises(ModelValueError, match=words):
            subgroup_figure(
                adsl, adtte, **({"labels": LABELS, "control": "c", "arm": "t"} | change)
            )


def test_survival_has_labelled_axes_and_numbers_at_risk(trial):
    _, adtte = trial
    axes = survival_figure(adtte, LABELS, control="c", horizon_day=800.0).axes[0]
    assert axes.get_ylabel() == "Overall survival (%)"
    assert "(months)" in axes.get_xlabel()
    assert [text.get_text() for text in axes.texts].count("120") == 2


def test_figures_are_the_same_text_every_time(tables, trial):
    def drawn() -> list[str]:
        figures = (
            _waterfall(tables),
            _swimmer(tables),
            subgroup_figure(*trial, LABELS, control="c", arm="t"),
        )
        return [to_svg(item, name="figure", title="t", description="d") for item in figures]

    assert drawn() == drawn()
