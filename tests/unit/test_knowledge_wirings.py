"""Wirings: one default each, weights that sum to one."""

import pytest

from cxaxis.core.errors import UserInputError
from cxaxis.knowledge.wirings import WIRING_COLUMNS, load_wirings

HEADER = "\t".join(WIRING_COLUMNS)


def write(tmp_path, *rows):
    path = tmp_path / "wirings.tsv"
    path.write_text("\n".join([HEADER, *("\t".join(row) for row in rows)]) + "\n", encoding="utf-8")
    return path


OFF = ("niche_release", "off", "yes", "0.7", "", "no harm seen so far")
ON = ("niche_release", "on", "no", "0.3", "", "labels warn of it")


def faults(path):
    with pytest.raises(UserInputError) as caught:
        load_wirings(path, evidence={})
    return caught.value.findings


def test_options_are_grouped_and_the_default_is_known(tmp_path):
    other = ("scavenging", "arrestin", "yes", "1", "", "x")
    wirings = load_wirings(write(tmp_path, OFF, other, ON), evidence={})
    assert list(wirings) == ["niche_release", "scavenging"]
    assert [item.option for item in wirings["niche_release"]] == ["off", "on"]
    assert wirings.defaults() == {"niche_release": "off", "scavenging": "arrestin"}
    assert sum(item.prior_weight for item in wirings["niche_release"]) == pytest.approx(1)
    with pytest.raises(KeyError, match="Did you mean niche_release"):
        wirings["niche_releas"]


def changed(row, index, value):
    return (*row[:index], value, *row[index + 1 :])


@pytest.mark.parametrize(
    ("rows", "code", "line", "words"),
    [
        ((OFF, changed(ON, 1, "On")), "WIRE001", 3, ["niche_release", "'On'", "lower-case"]),
        ((OFF, changed(ON, 2, "maybe")), "WIRE002", 3, ["'maybe'", "yes | no"]),
        ((OFF, changed(ON, 2, "yes")), "WIRE002", 2, ["defaults off, on", "exactly one"]),
        ((changed(OFF, 2, "no"), ON), "WIRE002", 2, ["has no default"]),
        ((OFF, changed(ON, 3, "1.3")), "WIRE003", 3, ["'1.3'", "0 to 1"]),
        ((OFF, changed(ON, 3, "")), "WIRE003", 3, ["prior_weight is empty"]),
        ((OFF, changed(ON, 3, "0.4")), "WIRE004", 2, ["niche_release", "1.1", "2 options"]),
        ((OFF, changed(ON, 4, "DRG999")), "WIRE005", 3, ["niche_release=on", "'DRG999'"]),
        ((OFF, changed(ON, 5, "")), "WIRE005", 3, ["evidence is empty", "note"]),
        ((OFF, ON, ON), "TABLE007", 4, ["'niche_release' + 'on'"]),
    ],
)
def test_each_fault_is_named(tmp_path, rows, code, line, words):
    path = write(tmp_path, *rows)
    (finding,) = faults(path)
    assert (finding.code, finding.where) == (code, f"{path}:{line}")
    for word in words:
        assert word in finding.message
