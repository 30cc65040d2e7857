"""``cxaxis claims run``: verdicts on the terminal, pages where asked, nothing overwritten."""

import pytest

from cli_support import command_of


@pytest.fixture
def cxaxis(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    return command_of(monkeypatch, capsys)


def test_a_claim_is_judged_and_the_summary_counts_it(cxaxis):
    answer = cxaxis("claims", "run", "--id", "C172", "--id", "C027")
    assert answer.code == 0
    assert "contradicted" in answer.out
    assert "reproduced" in answer.out
    assert "Table 1" in answer.out
    assert "each seen to fail" in answer.out


def test_pages_are_written_once_and_never_overwritten(cxaxis, tmp_path):
    first = cxaxis("claims", "run", "--id", "C172", "-o", "out")
    assert first.code == 0
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"ledger.html", "ledger.md", "judgements.tsv", "verdicts.tsv"}
    before = (tmp_path / "out" / "ledger.md").read_text("utf-8")
    second = cxaxis("claims", "run", "--id", "C027", "-o", "out")
    assert second.code == 2
    assert second.err.count("LEDG004") == 4
    assert (tmp_path / "out" / "ledger.md").read_text("utf-8") == before


def test_a_directory_that_cannot_be_written_is_told_before_anything_is_measured(cxaxis):
    answer = cxaxis("claims", "run", "--id", "C172", "-o", "/proc/ledger")
    assert answer.code == 2
    assert "LEDG004" in answer.err
    assert answer.out == ""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--id", "C999"), "names no id"),
        (("--section", "Abstracts"), "names no section"),
        (("--kind", "drugs"), "Did you mean drug"),
        (("-j", "0"), "needs at least 1"),
    ],
)
def test_a_word_that_names_nothing_is_told(cxaxis, words, told):
    answer = cxaxis("claims", "run", *words)
    assert answer.code == 2
    assert told in answer.err
