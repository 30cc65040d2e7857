"""Protocols to start from: each is sound as written, and no file is ever overwritten."""

import pytest

from cli_support import command_of
from cxaxis.core.errors import UserInputError
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.trial.protocol import read_protocol
from cxaxis.trial.templates import TEMPLATES, _last_day, agents, template_text


@pytest.fixture
def command(monkeypatch, capsys):
    return command_of(monkeypatch, capsys)


DRUGS = load_drugs()


def read(tmp_path, text):
    path = tmp_path / "trial.yaml"
    path.write_text(text, encoding="utf-8")
    return read_protocol(path, drugs=DRUGS)


def test_the_agents_are_those_of_the_axis():
    assert {"plerixafor", "motixafortide", "ulocuplumab", "olaptesed"} <= set(agents())
    assert not {"nivolumab", "cisplatin", "radiotherapy"} & set(agents())


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("agent", ["plerixafor", "olaptesed", "ulocuplumab", "mavorixafor"])
def test_every_template_is_sound_and_compares_the_agent_with_nothing_else(name, agent, tmp_path):
    protocol = read(tmp_path, template_text(name, agent=agent))
    control, added = protocol.arms
    assert protocol.control == control.id
    assert control.regimens == ()
    assert [item.drug for item in added.regimens] == [agent]
    assert protocol.uncertainty.arms == (added.id,)


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_lines_offered_as_options_are_sound(name, tmp_path):
    text = template_text(name)
    head, options = text.split("take the mark away to use a line.\n")
    lines = [line.removeprefix("# ") for line in options.splitlines()]
    protocol = read(tmp_path, "\n".join([head.rpartition("\n")[0], *lines, ""]))
    assert protocol.interim is not None
    assert protocol.biomarker_strata is not None
    assert protocol.ratios == (1, 1)


def test_an_agent_is_given_as_long_as_one_of_its_regimens_allows(tmp_path):
    name = "definitive_chemoradiotherapy"
    longest = read(tmp_path, template_text(name)).arms[1].regimens[0].regimen
    assert longest == "radiotherapy_infusion_400_ug_kg_day"
    chosen = template_text(name, regimen="label_240_ug_kg_daily")
    assert read(tmp_path, chosen).arms[1].regimens[0].regimen == "label_240_ug_kg_daily"
    assert "day 0 to day 3." in " ".join(chosen.replace("\n# ", " ").split())


def test_what_does_not_exist_is_told_at_once():
    with pytest.raises(UserInputError) as refusal:
        template_text("definitive_chemoradiotherap", agent="plerixafr")
    assert [item.code for item in refusal.value.findings] == ["TMPL001", "TMPL002"]
    with pytest.raises(UserInputError, match="no regimen of plerixafor"):
        template_text("definitive_chemoradiotherapy", regimen="weekly")


def test_the_command_writes_a_file_once(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ("trial", "new", "--template", "first_line_chemo_immunotherapy", "--agent", "olaptesed")
    answer = command(*words)
    path = tmp_path / "first_line_chemo_immunotherapy_olaptesed.yaml"
    assert (answer.code, answer.out) == (0, f"Protocol: {path.name}\n")
    path.write_text("mine")
    again = command(*words)
    assert again.code == 2
    assert "TMPL004" in again.err
    assert path.read_text() == "mine"
    assert command(*words, "--out", "other.yaml").code == 0
    assert command("trial", "check", "other.yaml").out.endswith("no findings.\nNot sealed.\n")


def test_the_dose_window_told_counts_the_weekends_that_are_left_out():
    crt = DRUGS["radiotherapy"].regimens["definitive_50_4_gy"]
    assert crt.weekdays_only
    # 28 fractions from a Monday end on the Wednesday of the sixth week.
    assert _last_day(crt) - crt.duration_day == 37.0
