"""The headline on the terminal: whole at every width, numbers right, text left."""

import io
import re

import pytest

from cxaxis.cli.tables import (
    headline,
    headline_notes,
    interval,
    least_width,
    p_text,
    print_headline,
    print_table,
)


def arm(name, label, *, ratio, held):
    end_point = {
        "events": 141,
        "median_month": 21.34,
        "median_low_month": 18.12,
        "median_high_month": None,
    }
    return {
        "arm": name,
        "label": label,
        "n": 200,
        "os": end_point,
        "pfs": {**end_point, "median_month": 12.04, "median_high_month": 15.55},
        "hr_os": ratio,
        "occupancy": held,
    }


@pytest.fixture
def summary():
    ratio = {"hr": 2.917, "low": 0.566, "high": 15.092, "p_logrank": 0.0001}
    held = {"trough_mean": 0.112, "hours_above_half_per_day": 10.31}
    return {
        "title": "Definitive chemoradiotherapy with or without plerixafor [a :smile:]",
        "control": "control",
        "arms": [
            arm("control", "Chemoradiotherapy", ratio=None, held=None),
            arm("daily", "+ plerixafor 240 ug/kg daily", ratio=ratio, held=held),
            arm("odd", "+ plerixafor [/odd] infusion", ratio=None, held=held),
        ],
        "pool": [{"arm": "daily", "hr_os": 0.98, "low": 0.97, "high": 0.99, "n": 600}],
        "phi": [],
        "prior_predictive": [{"arm": "daily", "p_harm": 0.25, "n_draws": 1}],
    }


def printed(summary, columns, monkeypatch, notes=()):
    monkeypatch.setenv("COLUMNS", str(columns))
    stream = io.StringIO()
    print_headline(summary, notes=notes, stream=stream)
    return stream.getvalue()


@pytest.mark.parametrize("columns", [50, 60, 80, 100, 132, 200])
def test_nothing_essential_is_cut_or_broken_at_any_width(columns, summary, monkeypatch):
    text = printed(summary, columns, monkeypatch)
    assert max(map(len, text.splitlines())) <= columns
    assert "\u2026" not in text
    for part in ("200", "141", "21.3 (18.1 to NR)", "12.0 (18.1 to 15.6)", "< 0.001"):
        assert part in text
    for part in ("2.92 (0.57 to 15.09)", "reference", "not estimable", "0.11", "10.3"):
        assert part in text
    assert "NR: not reached." in text


@pytest.mark.parametrize(("columns", "tables"), [(132, 1), (80, 2), (60, 3)])
def test_a_narrow_terminal_gets_more_tables_instead_of_narrower_ones(
    columns, tables, summary, monkeypatch
):
    rules = [
        line for line in printed(summary, columns, monkeypatch).splitlines() if "\u2500" in line
    ]
    assert len(rules) == tables


def test_labels_of_the_user_are_printed_as_they_are(summary, monkeypatch):
    text = printed(summary, 132, monkeypatch)
    assert "[a :smile:]" in text
    assert "[/odd]" in text


def test_numbers_stand_right_and_text_left(summary, monkeypatch):
    lines = printed(summary, 132, monkeypatch).splitlines()
    ends = [match.end() for line in lines if (match := re.search(r"\b(n|200)(?=  )", line))]
    starts = [line.index(w) for line in lines for w in ("Arm ", "Chemo", "+ plerix") if w in line]
    assert len(ends) == 4
    assert len(set(ends)) == 1
    assert set(starts) == {1}


def test_a_treated_arm_without_events_is_no_reference(summary):
    ratios = [row["OS hazard ratio\n(95 % CI)"] for row in headline(summary)]
    assert ratios == ["reference", "2.92 (0.57 to 15.09)", "not estimable"]


def test_notes_count_patients_and_draws(summary):
    notes = headline_notes(summary)
    assert any("600 patients under both arms" in note for note in notes)
    (prior,) = [note for note in notes if note.startswith("Prior predictive")]
    n_draws = summary["prior_predictive"][0]["n_draws"]
    harmful = round(summary["prior_predictive"][0]["p_harm"] * n_draws)
    assert f"in {harmful} of {n_draws} draws" in prior


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        ((1.234, 1.0, 2.0), "1.23 (1.00 to 2.00)"),
        ((None, 3.0, None), "NR (3.00 to NR)"),
        ((None, None, None), "NR"),
    ],
)
def test_an_interval_says_what_was_not_reached(limits, text):
    assert interval(*limits, digits=2) == text


@pytest.mark.parametrize(("p", "text"), [(None, "-"), (0.0004, "< 0.001"), (0.0496, "0.050")])
def test_p_values(p, text):
    assert p_text(p) == text


def test_least_width_keeps_numbers_whole_and_breaks_text_at_words():
    rows = [["two words", "1.2 (1 to 2)"]]
    assert least_width(("Arm", "HR"), rows, {"HR"}) == 2 + 5 + 2 + 12 + 2


def test_a_table_of_ascii_goes_to_a_stream_without_unicode():
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding="ascii") as stream:
        print_table("Title", ("a", "b"), [["x", "1"]], numbers={"b"}, stream=stream)
        stream.flush()
        assert "x" in raw.getvalue().decode("ascii")
