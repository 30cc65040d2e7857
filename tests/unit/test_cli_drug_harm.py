"""``cxaxis drug harm``: what it refuses, and what its table and page say of known numbers."""

import numpy as np
import pandas as pd
import pytest

from cli_support import command_of, snapshot
from cxaxis.cli.drug_harm import HEADS, harm_cells, number, print_harm
from cxaxis.models.wiring import PATIENT_WIRINGS
from cxaxis.report import harm_docs
from cxaxis.trial import harm_run
from cxaxis.trial.harm import summarised
from cxaxis.trial.harm_plan import harm_plan


@pytest.fixture
def cxaxis(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    return command_of(monkeypatch, capsys)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["plerixafr"], ["HARM001", "Did you mean plerixafor"]),
        (["cisplatin"], ["HARM002", "neither CXCR4 nor CXCL12", "olaptesed"]),
        (["pembrolizumab"], ["HARM002"]),
        (["plerixafor", "AMD3100"], ["HARM003", "twice"]),
        (["--backbone", "surgery"], ["HARM004", "crt or none"]),
        (["--draws", "0"], ["HARM005", "--draws"]),
        (["--patients", "-2"], ["HARM005", "--patients"]),
        (["--seed", "-1"], ["HARM005", "--seed"]),
        (["--workers", "0"], ["HARM005", "--workers"]),
        (["--draws", "two"], ["'two' is no whole number"]),
        (["zzz", "surgery", "--draws", "0", "--backbone", "x"], ["HARM001", "HARM002", "HARM004"]),
    ],
)
def test_a_wrong_request_is_told_at_once_and_nothing_is_written(cxaxis, tmp_path, words, told):
    answer = cxaxis("drug", "harm", *words, "-o", "out")
    assert (answer.code, answer.out) == (2, "")
    for text in told:
        assert text in answer.err
    assert snapshot(tmp_path) == {}


def test_what_is_no_run_is_not_written_over(cxaxis, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letter.txt").write_text("dear")
    assert cxaxis("drug", "harm", "-o", "out").code == 2
    assert snapshot(tmp_path) == {"out/letter.txt": b"dear"}


def fake_rows(plan, draw):
    """A ratio of 1.1 in even draws and of 0.9 in odd ones, harm by leukocytes in the first."""
    wiring = "leukocyte_field=on" if draw == 0 else "default"
    log_hr = np.log(1.1 if draw % 2 == 0 else 0.9)
    return pd.DataFrame(
        [
            (draw, arm.id, 0.5, wiring, log_hr, 0.05, -0.01, 0.4, plan.n_patient)
            for arm in plan.arms
        ],
        columns=["DRAW", "ARM", "PHI", "WIRING", "LOGHR", "SE", "LOGHR_ASIDE", "DEATHS", "NPAT"],
    )


def test_the_table_names_regimens_units_and_interval(cxaxis, monkeypatch, tmp_path):
    monkeypatch.setattr(harm_run, "harm_rows", fake_rows)
    answer = cxaxis("drug", "harm", "AMD3100", "burixafor", "--draws", "4", "-j", "1", "-o", "out")
    assert answer.code == 0
    assert "counterfactual" in answer.out
    assert "radiotherapy_infusion_400_ug_kg_day" in answer.out
    assert "±" not in answer.out
    assert "0.07 to 0.93" in answer.out
    assert "NOT SUSTAINED" in answer.out
    assert "1096 days" in answer.out
    assert {"out/harm.parquet", "out/manifest.json", "out/summary.json"} <= snapshot(
        tmp_path
    ).keys()
    # A complete run is left as it is.
    assert cxaxis("drug", "harm", "AMD3100", "-o", "out").code == 2


def test_an_interrupted_run_goes_on_where_it_stopped(monkeypatch, tmp_path):
    plan = harm_plan(["plerixafor"], draws=4, patients=3)
    asked = []

    def stops(plan, draw):
        asked.append(draw)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return fake_rows(plan, draw)

    monkeypatch.setattr(harm_run, "harm_rows", stops)
    with pytest.raises(KeyboardInterrupt):
        harm_run.run_harm(plan, out=tmp_path / "run")
    resumed = harm_run.run_harm(plan, out=tmp_path / "run")
    assert asked == [0, 1, 2, 2, 3]
    monkeypatch.setattr(harm_run, "harm_rows", fake_rows)
    whole = harm_run.run_harm(plan)
    assert resumed["LOGHR"].to_numpy() == pytest.approx(whole["LOGHR"].to_numpy(), rel=1e-15)


def test_every_mechanism_has_a_column_in_table_and_page():
    assert tuple(HEADS) == PATIENT_WIRINGS
    assert tuple(harm_docs.MECHANISMS) == PATIENT_WIRINGS


def test_the_table_of_draws_without_a_number_says_so(capsys):
    plan = harm_plan(["plerixafor"], draws=2, patients=3)
    rows = pd.concat([fake_rows(plan, draw) for draw in range(2)])
    rows["LOGHR"] = np.nan
    print_harm(plan, summarised(rows))
    assert "2 populations gave no ratio" in " ".join(capsys.readouterr().out.split())


def table_of(capsys, n, log_hr=None):
    """Return the cells of one agent in ``n`` draws, and what was printed."""
    plan = harm_plan(["plerixafor"], draws=n, patients=3)
    rows = pd.concat([fake_rows(plan, draw) for draw in range(n)])
    if log_hr is not None:
        rows["LOGHR"] = log_hr
    (summary,) = summarised(rows)
    print_harm(plan, [summary])
    return harm_cells(plan, summary), " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("n", "low"), [(1, 0.025), (2, 0.025**0.5), (10, 0.025**0.1), (40, 0.025**0.025)]
)
def test_draws_that_agree_leave_the_chance_an_interval_of_their_number(capsys, n, low):
    """All of n harmful: the exact lower limit is the n-th root of 0.025, never 1."""
    (_, chance, *_), printed = table_of(capsys, n, log_hr=0.1)
    assert chance == f"1.00\n{low:.2f} to 1.00"
    assert f"{low:.2f} to 1.00" in printed


@pytest.mark.parametrize(
    ("n", "ranges"),
    [
        (1, ["-", "-"]),
        (9, ["-", "-"]),
        (10, ["0.90 to 1.10", "-"]),
        (39, ["0.90 to 1.10", "-"]),
        (40, ["0.90 to 1.10", "0.90 to 1.10"]),
    ],
)
def test_a_range_of_the_ratio_needs_draws_beyond_its_ends(capsys, n, ranges):
    cells, printed = table_of(capsys, n)
    median, *shown = cells[3].split("\n")
    assert median != "-"
    assert shown == ranges
    assert printed.count("cannot be told from so few populations") == ("-" in ranges)


def test_draws_without_a_ratio_do_not_count(capsys):
    log_hr = np.where(np.arange(40) == 0, np.nan, 0.1)
    cells, _ = table_of(capsys, 40, log_hr=log_hr)
    assert cells[3].split("\n")[1:] == ["1.11 to 1.11", "-"]
    cells, _ = table_of(capsys, 3, log_hr=np.nan)
    assert cells[1].split("\n") == ["-", "-"]


def test_the_page_is_checked_by_the_hash_of_its_inputs(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(harm_run, "harm_rows", fake_rows)
    monkeypatch.setattr(harm_docs, "run_harm", lambda plan, **_: harm_run.run_harm(plan))
    assert harm_docs.main([str(tmp_path)]) == 0
    text = (tmp_path / harm_docs.PAGE).read_text("utf-8")
    assert "| plerixafor | 0.50 |" in text
    assert harm_docs.main([str(tmp_path), "--check"]) == 0
    monkeypatch.setattr(harm_docs, "SEED", 99)
    assert harm_docs.main([str(tmp_path), "--check"]) == 1
    assert harm_docs.COMMAND in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "text"), [(0.5, "0.50"), (0.0123, "0.01"), (float("nan"), "-"), (0.0, "0.00")]
)
def test_numbers(value, text):
    assert number(value) == text
    assert harm_docs.number(value) == text
