"""Seals: a protocol is as sealed, or the keys that are not are named; a run carries both."""

import json
from datetime import date

import pytest

from cli_support import PROTOCOL, command_of
from cxaxis.core.errors import UserInputError
from cxaxis.report.source import SealEntry
from cxaxis.report.words import seal as seal_words
from cxaxis.runs.manifest import read_manifest
from cxaxis.trial.protocol import read_protocol
from cxaxis.trial.run import Trial
from cxaxis.trial.seals import read_seal, seal_protocol, state_of

DAY = date(2026, 11, 23)
BASIS = {"sbml_sha256": "a", "parameters_sha256": "b"}


@pytest.fixture
def command(monkeypatch, capsys):
    return command_of(monkeypatch, capsys)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "trial.yaml"
    path.write_text(PROTOCOL, encoding="utf-8")
    return path


def sealed(path, **options):
    return seal_protocol(path, **{"today": DAY, "basis": BASIS, **options})


def change(path, old, new):
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_sealed_protocol_is_unchanged_until_a_key_changes(file):
    assert state_of(read_protocol(file), file) is None
    path, before = sealed(file)
    assert (path.name, before) == ("trial.yaml.seal.json", None)
    state = state_of(read_protocol(file), file)
    assert not state.changed
    assert state.seal.sha256 == read_protocol(file).sha256
    # Comments and order are not content.
    file.write_text("# A remark.\n" + file.read_text("utf-8"), encoding="utf-8")
    assert not state_of(read_protocol(file), file).changed
    change(file, "value: 240", "value: 160")
    change(file, "seed: 3", "seed: 4\nstrata: [sex]")
    changed = state_of(read_protocol(file), file)
    assert [str(item) for item in changed.differences] == [
        "arms.1.regimens.0.dose.value: sealed 240.0, now 160.0",
        "seed: sealed 3, now 4",
        "strata: sealed [], now nothing",
        'strata.0: sealed nothing, now "sex"',
    ]


def test_a_seal_is_not_overwritten_unasked_and_the_new_one_names_it(file):
    path, _ = sealed(file)
    first = path.read_bytes()
    sealed(file, today=date(2030, 1, 1))
    assert path.read_bytes() == first
    change(file, "seed: 3", "seed: 4")
    with pytest.raises(UserInputError, match="seed: sealed 3, now 4"):
        sealed(file)
    assert path.read_bytes() == first
    _, before = sealed(file, today=date(2026, 12, 1), again=True)
    assert before.changed
    replaced = read_seal(file).replaces
    assert [(item.sha256, item.sealed_on) for item in replaced] == [
        (before.seal.sha256, "2026-11-23")
    ]


def test_a_seal_that_was_edited_or_broken_is_told(file):
    path, _ = sealed(file)
    content = json.loads(path.read_text("utf-8"))
    content["protocol"]["seed"] = 4
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(UserInputError, match="seal was edited"):
        read_seal(file)
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(UserInputError, match=r"trial\.yaml\.seal\.json .*no seal"):
        read_seal(file)


def test_a_replay_must_be_sealed_and_can_be(file):
    file.write_text(f"{PROTOCOL}replay: true\n", encoding="utf-8")
    with pytest.raises(UserInputError, match="PROT032"):
        read_protocol(file)
    sealed(file)
    assert read_protocol(file).replay


def test_an_example_of_the_package_is_not_sealed_in_place():
    with pytest.raises(UserInputError, match="ships with the package"):
        sealed("crt_plerixafor")


def test_the_commands_say_how_a_protocol_stands(command, file, monkeypatch):
    monkeypatch.setattr("cxaxis.trial.run.basis_of", lambda _: BASIS)
    assert command("trial", "check", file).out.endswith("2 arms, no findings.\nNot sealed.\n")
    assert command("trial", "seal", file).out.startswith("Sealed as ")
    answer = command("trial", "check", file)
    assert answer.code == 0
    assert "\nSealed and unchanged: " in answer.out
    change(file, "seed: 3", "seed: 4")
    answer = command("trial", "check", file)
    assert answer.code == 1
    assert "these keys differ:\n  seed: sealed 3, now 4\n" in answer.out
    assert command("trial", "seal", file).code == 2
    answer = command("trial", "seal", file, "--again")
    assert answer.code == 0
    assert answer.out.startswith("Replaced the seal of ")
    assert "in place of" in command("trial", "check", file).out
    change(file, "seed: 4", "seed: x")
    answer = command("trial", "check", file)
    assert answer.code == 1
    assert "seed is 'x'" in answer.out
    assert command("trial", "check", "nowhere").code == 2


def test_a_run_carries_the_seal_and_says_what_changed(command, file, tmp_path):
    lines = "interim: {events: 2, information_fractions: [0.5]}\nreplay: true\n"
    file.write_text(f"{PROTOCOL}{lines}", encoding="utf-8")
    sealed(file)
    change(file, "horizon_day: 14", "horizon_day: 15")
    answer = command("trial", "run", file, "-j", 1, "-o", tmp_path / "run")
    assert answer.code == 0
    assert "these keys differ:\n  horizon_day: sealed 14.0, now 15.0\n" in answer.out
    trial = Trial(path=tmp_path / "run")
    seal = read_seal(file)
    assert read_manifest(trial.path).key_parts["seal_sha256"] == seal.sha256
    entry = trial.read_summary()["seal"]
    assert (entry["sha256"], entry["changed"]) == (seal.sha256, True)
    assert [item["key"] for item in entry["differences"]] == ["horizon_day"]
    assert entry["basis_changed"] == ["parameters_sha256", "sbml_sha256"]
    # The seal travels with the protocol of the run, which would not be read without.
    beside = trial.path / "protocol.json"
    assert state_of(read_protocol(beside), beside).seal == seal
    assert [look["day"] for look in trial.read_summary()["interim_looks"]] == [15.0]
    page = (trial.path / "report.html").read_text("utf-8")
    assert seal.sha256 in page
    assert "changed after sealing: horizon_day" in page


def test_the_report_has_words_for_each_state():
    assert "none" in seal_words(None)
    entry = {"sha256": "f" * 64, "sealed_on": "2026-11-23", "changed": False}
    assert seal_words(SealEntry(**entry)).endswith("unchanged since")
    earlier = {"sha256": "e" * 64, "sealed_on": "2026-11-01"}
    told = seal_words(SealEntry(**entry, replaces=(earlier,), basis_changed=("sbml_sha256",)))
    assert "in place of eeeeeeeeeeee of 2026-11-01" in told
    assert told.endswith("not as on that day: sbml")
