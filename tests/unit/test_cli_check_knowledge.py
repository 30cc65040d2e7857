"""``cxaxis check knowledge``: one message for each bad row, and exit code 1."""

import shutil
from importlib import resources

import pytest

from cli_support import command_of
from cxaxis.claims import check as check_room
from cxaxis.claims.records import Check, Measured

SHIPPED = resources.files("cxaxis.knowledge") / "data"


@pytest.fixture
def cxaxis(monkeypatch, capsys):
    return command_of(monkeypatch, capsys)


@pytest.fixture
def folder(tmp_path):
    copy = tmp_path / "data"
    shutil.copytree(str(SHIPPED), copy)
    return copy


def change_cell(path, row, column, value):
    lines = path.read_text("utf-8").split("\n")
    at = lines[0].split("\t").index(column)
    where = next(i for i, line in enumerate(lines) if line.split("\t")[0] == row)
    cells = lines[where].split("\t")
    cells[at] = value
    lines[where] = "\t".join(cells)
    path.write_text("\n".join(lines), encoding="utf-8")
    return f"{path}:{where + 1}"


def errors_in(answer):
    return [line for line in answer.out.split("\n") if "  error  " in line]


def test_the_shipped_tables_are_sound_and_the_numbers_are_counted(cxaxis):
    answer = cxaxis("check", "knowledge")
    assert answer.code == 0
    assert errors_in(answer) == []
    assert "210 claims" in answer.out
    assert "assumed with a reason" in answer.out


@pytest.mark.parametrize(
    ("table", "row", "column", "value", "code"),
    [
        ("evidence.tsv", "DRG001", "reference", "nobody_1900", "EVID003"),
        ("contradictions.tsv", "CON004", "low", "9", "CONT"),
        ("hazard_ratios.tsv", "HRT026", "low", "9", "HAZR"),
        ("ihc_cutoffs.tsv", "uchi_2016_cxcr4", "positive_share", "0.16", "IHCC006"),
        ("parameters.tsv", "kd_cxcl12_cxcr4", "unit", "nMM", "PARAM003"),
        ("registry.tsv", "REG011", "nct", "NCT0112045", "REGI010"),
        ("expectations.tsv", "cd34_peak_time", "low", "12", "EXPE005"),
        ("caveats.tsv", "CAV001", "claims", "C999", "CAVE002"),
    ],
)
def test_a_bad_row_is_one_message_with_its_line(cxaxis, folder, table, row, column, value, code):
    where = change_cell(folder / table, row, column, value)
    answer = cxaxis("check", "knowledge", folder)
    assert answer.code == 1
    mine = [line for line in errors_in(answer) if line.startswith(where)]
    assert len(mine) == 1
    assert code in mine[0]
    assert value in mine[0]


def test_a_duplicate_id_is_one_message(cxaxis, folder):
    path = folder / "waits.tsv"
    text = path.read_text("utf-8")
    path.write_text(text + text.split("\n")[1] + "\n", encoding="utf-8")
    answer = cxaxis("check", "knowledge", folder)
    assert answer.code == 1
    (line,) = errors_in(answer)
    assert "TABLE007" in line


def test_an_unknown_claim_in_a_check_is_one_message(cxaxis, monkeypatch):
    shipped = check_room.all_checks

    def with_a_bad_one(knowledge):
        first, *rest = shipped(knowledge)
        bad = Check(
            id=first.id,
            claims=("C999",),
            role=first.role,
            cost="fast",
            needs=(),
            measure=lambda ctx: Measured(0.0, "1"),
            control=lambda ctx: ctx,
            expectation=first.expectation,
        )
        return (bad, *rest)

    monkeypatch.setattr(check_room, "all_checks", with_a_bad_one)
    answer = cxaxis("check", "knowledge")
    assert answer.code == 1
    (line,) = errors_in(answer)
    assert "CHECK002" in line
    assert "'C999'" in line


def test_a_folder_that_is_not_there_is_told(cxaxis, tmp_path):
    answer = cxaxis("check", "knowledge", tmp_path / "none")
    assert answer.code == 2
    assert "KNOW012" in answer.err
