"""``cxaxis tracer``: the list and the card of each tracer."""

import pytest

from cli_support import command_of
from cxaxis.knowledge.tracers import load_tracers


@pytest.fixture
def cxaxis(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    return command_of(monkeypatch, capsys)


def test_the_list_names_every_tracer_with_label_receptors_and_use(cxaxis):
    answer = cxaxis("tracer", "list")
    assert (answer.code, answer.err) == (0, "")
    tracers = load_tracers()
    lines = {line.split()[0]: line for line in answer.out.splitlines() if line.split()[:1] != []}
    assert set(tracers) <= set(lines)
    assert "68Ga (67.83 min)" in lines["ga68_pentixafor"]
    assert "trial 2024" in lines["ga68_pentixafor"]
    assert "IRDye 800CW" in lines["irdye800_cxcl12"]
    assert "CXCR4, ACKR3" in lines["irdye800_cxcl12"]
    assert lines["i125_12g5"].split()[-1] == "none"


def test_the_card_shows_both_sides_of_a_disputed_number(cxaxis):
    answer = cxaxis("tracer", "show", "cu64_amd3100")
    assert answer.code == 0
    printed = next(line for line in answer.out.splitlines() if "disputed" in line)
    rival = next(line for line in answer.out.splitlines() if "rival, assumed" in line)
    assert "affinity CXCR4 (Kd)" in printed
    assert "uM" in printed
    assert "IMG031" in printed
    assert "or affinity CXCR4 (Kd)" in rival
    assert "nM" in rival


def test_the_card_keeps_held_out_readings_apart(cxaxis):
    answer = cxaxis("tracer", "show", "ga68_pentixafor")
    card, _, held_out = answer.out.partition("Held out")
    assert "nothing rests on them" in held_out
    assert "IMG062" in held_out
    assert "IMG062" not in card
    assert "in trial, not approved" in card
    assert "approved" not in card.replace("not approved", "")


def test_every_card_fits_a_narrow_terminal(cxaxis, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    for name, tracer in load_tracers().items():
        answer = cxaxis("tracer", "show", name)
        assert answer.code == 0
        assert tracer.human_use.stage.split("_")[0] in answer.out
        assert max(map(len, answer.out.splitlines()[1:])) <= 60


def test_an_unknown_tracer_is_one_error_with_the_nearest_name(cxaxis):
    answer = cxaxis("tracer", "show", "pentixafor")
    assert (answer.code, answer.out) == (2, "")
    assert "no tracer 'pentixafor'. Did you mean ga68_pentixafor" in answer.err
    assert len(answer.err.strip().splitlines()) == 1
