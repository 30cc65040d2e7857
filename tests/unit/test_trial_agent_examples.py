"""The grids that ship: every agent of Table 1 for the whole window, short courses beside it."""

import re

import pytest

from cxaxis.figures.style import arm_styles
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.registry import load_registry
from cxaxis.models.agents import slot_of
from cxaxis.trial.pool import AXIS_SLOTS
from cxaxis.trial.protocol import protocol_file, read_protocol
from cxaxis.trial.protocol_parts import resolve
from cxaxis.trial.templates import TEMPLATES, template_text

DRUGS = load_drugs()
#: Grid -> the template of the same backbone, and the last day of its window.
GRIDS = {
    "agents_crt": ("definitive_chemoradiotherapy", 52),
    "agents_neoadjuvant": ("neoadjuvant_chemoradiotherapy_surgery", 45),
    "agents_first_line": ("first_line_chemo_immunotherapy", 126),
}
#: Days up to which a course is a short one.
SHORT_DAY = 14


def last_day(regimen):
    """Day on which the last dose ends, as a patient gets it."""
    doses, day = regimen.n_doses, regimen.start_day
    if not regimen.weekdays_only:
        return day + (doses - 1) * regimen.every_day + regimen.duration_day
    given = 0
    while True:
        given += day % 7 < 5
        if given == doses:
            return day
        day += 1


def arms_of(name):
    """Return drug -> (as published, sustained), both as a patient gets them."""
    found = {}
    protocol = read_protocol(name, drugs=DRUGS)
    for arm in protocol.arms:
        for item in arm.regimens:
            kind = "sustained" if arm.id == f"{item.drug}_sustained" else "published"
            found.setdefault(item.drug, {})[kind] = (item, resolve(item, DRUGS)[1])
    return protocol, found


@pytest.mark.parametrize("name", GRIDS)
def test_every_agent_of_the_table_is_there(name):
    of_table = {
        row.drug
        for row in load_registry().values()
        if row.place == "Table 1" and slot_of(DRUGS[row.drug]) in AXIS_SLOTS
    }
    protocol, found = arms_of(name)
    assert len(of_table) == 8
    assert set(found) == of_table
    assert all("sustained" in kinds for kinds in found.values())
    assert [arm.id for arm in protocol.arms if not arm.regimens] == [protocol.control]


@pytest.mark.parametrize("name", GRIDS)
def test_each_agent_spans_the_window_at_a_dose_of_its_record(name):
    _, found = arms_of(name)
    window = GRIDS[name][1]
    for drug, kinds in found.items():
        _, sustained = kinds["sustained"]
        longest_gap_day = 3 if sustained.weekdays_only else sustained.every_day
        assert window - longest_gap_day <= last_day(sustained) <= window, drug
        # More of the agent than the record holds for a day is nobody's published dose.
        assert sustained.dose in [item.dose for item in DRUGS[drug].regimens.values()], drug


@pytest.mark.parametrize("name", GRIDS)
def test_a_short_course_of_the_record_stands_beside_the_sustained_one(name):
    _, found = arms_of(name)
    for drug, kinds in found.items():
        short = {
            key: item for key, item in DRUGS[drug].regimens.items() if last_day(item) < SHORT_DAY
        }
        placeholder = all(not item.evidence for item in DRUGS[drug].regimens.values())
        assert ("published" in kinds) == (bool(short) and not placeholder), drug
        if "published" in kinds:
            assert kinds["published"][0].regimen in short, drug


def test_no_two_arms_of_a_grid_look_alike():
    for name in GRIDS:
        protocol = read_protocol(name, drugs=DRUGS)
        styles = arm_styles({arm.id: arm.label for arm in protocol.arms}, control=protocol.control)
        assert len({(item.colour, item.dashes) for item in styles}) == len(protocol.arms)


@pytest.mark.parametrize("name", GRIDS)
def test_the_head_states_the_window(name):
    head = protocol_file(name)[1].decode().partition("schema:")[0].replace("\n# ", " ")
    stated = re.search(r"Dose window of the sustained arms: day 0 to (\d+)", head)
    assert stated is not None
    assert int(stated.group(1)) == GRIDS[name][1]
    protocol = read_protocol(name, drugs=DRUGS)
    assert f"all {protocol.n_patient} patients" in head
    assert f"{protocol.n_patient * len(protocol.arms):,} courses" in head


@pytest.mark.parametrize("name", GRIDS)
def test_the_backbone_is_the_one_that_the_template_writes(name, tmp_path):
    path = tmp_path / "one.yaml"
    path.write_text(template_text(GRIDS[name][0]), encoding="utf-8")
    assert set(TEMPLATES) == {template for template, _ in GRIDS.values()}
    one, grid = read_protocol(path, drugs=DRUGS), read_protocol(name, drugs=DRUGS)
    for part in ("backbone", "visits", "endpoints", "strata", "horizon_day", "estimand"):
        assert getattr(grid, part) == getattr(one, part), part
    assert grid.population.setting == one.population.setting


def test_labels_name_the_days_on_which_each_agent_is_given():
    for name in GRIDS:
        for arm in read_protocol(name, drugs=DRUGS).arms:
            for item in arm.regimens:
                end = last_day(resolve(item, DRUGS)[1])
                stated = re.search(r"day 0(?: (?:to|and) ([\d.]+))?$", arm.label)
                assert stated is not None, arm.label
                assert abs(float(stated.group(1) or 0) - end) < 0.1, arm.label
