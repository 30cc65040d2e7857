"""Every mistake in a protocol is one clear message with file, line, key, value and cure."""

import pytest

from cli_support import PROTOCOL
from cxaxis.core.errors import UserInputError
from cxaxis.trial.protocol import read_protocol

# what is replaced, by what, the line at fault, and the words that must be in the message
MISTAKES = {
    "unknown drug": ("drug: plerixafor", "drug: plerixafr", 14, ("plerixafr", "mean plerixafor")),
    "negative dose": ("value: 240", "value: -240", 15, ("dose.value is -240", "0 or more")),
    "no dose": ("value: 240", "value: .nan", 15, ("dose.value", "finite number")),
    "unit of no dose": ("unit: ug/kg", "unit: furlong", 15, ("'furlong'", "Use mg")),
    "unit that does not convert": ("unit: ug/kg", "unit: Gy", 15, ("'Gy'", "Use one of: mg/kg")),
    "rate without length": ("unit: ug/kg", "unit: ug/kg/day", 14, ("is a rate", "infusion")),
    "number without unit": (
        "{value: 240, unit: ug/kg}",
        "240",
        15,
        ("dose is 240", "needs its unit", "{value: 240, unit: ug/kg}"),
    ),
    "route": ("subcutaneous", "oral", 16, ("'oral'", "Use subcutaneous or intravenous")),
    "never given": ("start_day: 0", "start_day: 14", 17, ("start_day 14", "nothing would be")),
    "too many doses": ("n_doses: 5", "n_doses: 99999999", 19, ("n_doses is 99999999", "at most")),
    "duplicate arm": ("id: daily", "id: control", 11, ("'control'", "arms.0", "Rename")),
    "arm id": ("id: daily", "id: Daily Dose", 11, ("'Daily Dose'", "lower-case")),
    "no patients": ("unit: 1\n", "unit: 0\n", 5, ("patients_per_ratio_unit is 0", "1 or more")),
    "part of a patient": ("unit: 1\n", "unit: 1.5\n", 5, ("is 1.5", "whole number")),
    "no horizon": ("horizon_day: 14", "horizon_day: 0", 26, ("horizon_day is 0", "above 0")),
    "unit in the number": ("horizon_day: 14", "horizon_day: 2 weeks", 26, ("'2 weeks'", "unit")),
    "horizon of ages": ("horizon_day: 14", "horizon_day: 1e9", 26, ("at most 36525",)),
    "regimen": ("definitive_50_4_gy", "definitive_50", 7, ("'definitive_50'", "50_4_gy")),
    "control": ("control: control", "control: contrl", 20, ("contrl", "Did you mean control?")),
    "end point": ("[OS, PFS]", "[OS, DMF]", 24, ("'DMF'", "DMFS")),
    "end point of an operation": ("[OS, PFS]", "[OS, PFS, DFS]", 24, ("DFS", "no operation")),
    "end point missing": ("[OS, PFS]", "[LRC]", 24, ("lack OS and PFS", "Add")),
    "end point twice": ("[OS, PFS]", "[OS, PFS, OS]", 24, ("OS, PFS, OS", "twice")),
    "end points no list": ("[OS, PFS]", "OS", 24, ("endpoints is 'OS'", "list")),
    "seed": ("seed: 3", "seed: -3", 25, ("seed is -3", "0 or more")),
    "visits": ("every_day: 7", "every_day: 1e-6", 23, ("every_day 1e-06", "At most 10000")),
    "first visit": ("first_day: 7", "first_day: 70", 22, ("first_day 70", "horizon_day 14")),
    "one key twice": ("seed: 3", "seed: 3\nseed: 4", 26, ("'seed'", "line 25", "Remove")),
    "broken YAML": ("  setting", "\tsetting", 4, ("not YAML",)),
    "schema": ("schema: 1", "schema: 2", 1, ("schema is 2", "Use 1")),
}

ADDED = {
    "unknown key": ("endpoint: [OS]", ("unknown key 'endpoint'", "Did you mean endpoints")),
    "wiring": ("wiring: {niche_relase: on}", ("'niche_relase'", "niche_release?")),
    "option": ("wiring: {niche_release: maybe}", ("'maybe'", "off, on")),
    "wiring as word": ("wiring: on", ("wiring is 'on'", "'key: value' pairs")),
    "compared arm": ("uncertainty: {arms: [dayly]}", ("'dayly'", "Did you mean daily?")),
    "compared control": ("uncertainty: {arms: [control]}", ("'control', the control", "daily")),
    "accrual": ("enrolment: {accrual_day: 30}", ("accrual_day 30", "horizon_day 14")),
    "alias": ("strata: *x", ("*x", "Write the value out")),
}


@pytest.fixture
def findings(tmp_path):
    def read(content):
        path = tmp_path / "trial.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(UserInputError) as refusal:
            read_protocol(path)
        return [str(item).removeprefix(f"{tmp_path}/") for item in refusal.value.findings]

    return read


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_names_line_key_value_and_cure(case, findings):
    old, new, line, words = MISTAKES[case]
    assert PROTOCOL.count(old) >= 1
    (message,) = findings(PROTOCOL.replace(old, new, 1))
    assert message.startswith(f"trial.yaml:{line}  error  ")
    for word in words:
        assert word in message


@pytest.mark.parametrize("case", ADDED)
def test_a_mistake_in_an_added_line_is_found_there(case, findings):
    text, words = ADDED[case]
    (message,) = findings(f"{PROTOCOL}{text}\n")
    assert message.startswith("trial.yaml:27  error  ")
    for word in words:
        assert word in message


@pytest.mark.parametrize("regimens", ["", "    regimens: []\n"])
def test_an_arm_that_adds_nothing_is_refused(regimens, findings):
    head, tail = PROTOCOL.split("    regimens:\n")[0], PROTOCOL.split("n_doses: 5\n")[1]
    (message,) = findings(head + regimens + tail)
    assert message.startswith("trial.yaml:11  error  PROT006  arm 'daily' is empty")


def test_a_dose_of_zero_is_an_arm_to_compare_with(tmp_path):
    path = tmp_path / "trial.yaml"
    path.write_text(PROTOCOL.replace("value: 240", "value: 0"))
    assert read_protocol(path).arms[1].regimens[0].dose.value == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "holds no keys"),
        (b"just words\n", "holds no keys"),
        (b"- a\n- b\n", "holds no keys"),
        (bytes(range(256)), "no text file"),
        (PROTOCOL.replace("Tiny", "Tin\u00e9").encode("latin-1"), "not UTF-8"),
        (PROTOCOL.encode("utf-16"), "not UTF-8"),
    ],
)
def test_a_file_that_is_no_protocol_is_refused(content, words, findings):
    (message,) = findings(content)
    assert words in message
    assert "\n" not in message


def test_all_findings_come_at_once_in_the_order_of_lines(findings):
    wrong = {
        "drug: plerixafor": "drug: plerixafr",
        "id: daily": "id: control",
        "horizon_day: 14": "horizon_day: 0",
        "seed: 3": "seed: x",
    }
    text = PROTOCOL
    for old, new in wrong.items():
        text = text.replace(old, new)
    found = findings(text)
    lines = [int(message.split()[0].rpartition(":")[2]) for message in found]
    assert lines == [11, 14, 25, 26]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("crt_plerixafr", "Did you mean crt_plerixafor"),
        ("nothing_like_it", "Examples that ship: adjuvant_nivolumab, agents_crt, "),
        ("", "Examples that ship: adjuvant_nivolumab"),
        (".", "this is a directory"),
    ],
)
def test_a_source_that_is_no_file_names_the_examples(source, words):
    with pytest.raises(UserInputError) as refusal:
        read_protocol(source)
    (finding,) = refusal.value.findings
    assert finding.where
    assert words in finding.message
    assert "mean Known" not in finding.message
