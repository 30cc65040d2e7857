"""The SBML semantic test suite, where a copy of it is at hand; its own tool, on small cases.

``CXAXIS_SBML_SUITE`` names the folder that holds one folder a case.
"""

import importlib.util
import os
import sys
from collections import Counter
from pathlib import Path

import pytest

from conformance.feature_case import to_sbml
from cxaxis.engine.population import PopulationEngine

ROOT = Path(__file__).resolve().parents[2]
SUITE = os.environ.get("CXAXIS_SBML_SUITE")
AT_LEAST = 1000


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("sbml_suite", ROOT / "tools" / "sbml_suite.py")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up, and so do the workers' pickles.
    sys.modules["sbml_suite"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.skipif(SUITE is None, reason="suite not present: CXAXIS_SBML_SUITE is not set")
def test_every_case_passes_or_is_refused(tool):
    verdicts = tool.run_suite(tool.case_folders(Path(SUITE)), n_process=1)
    missed = {v.name: f"{v.kind}: {v.reason}" for v in verdicts if v.kind in ("wrong", "failed")}
    assert missed == {}
    counts = Counter(verdict.kind for verdict in verdicts)
    assert counts["pass"] >= AT_LEAST
    assert all(verdict.reason for verdict in verdicts if verdict.kind == "refused")


def a_case(folder, antimony, results, *, tags="Species", amount="s", kind="TimeCourse"):
    """Write a case in the form of the suite."""
    path = folder / "00001"
    path.mkdir()
    (path / "00001-model.m").write_text(
        f"(*\n\ncategory: Test\ncomponentTags: {tags}\ntestType: {kind}\n\ntext: more\n*)\n"
    )
    (path / "00001-settings.txt").write_text(
        "start: 0\nduration: 1\nsteps: 1\nvariables: s\nabsolute: 1e-4\nrelative: 1e-4\n"
        f"amount: {amount}\nconcentration:\n"
    )
    (path / "00001-results.csv").write_text("time,s\n" + results)
    sbml = to_sbml(f"model main_model()\n{antimony}\nend")
    (path / "00001-sbml-l3v2.xml").write_text(sbml)
    (path / "00001-sbml-l2v1.xml").write_text("older")
    return path


DECAY = "compartment c=2; species s in c; s=1; s -> ; s*c;"


@pytest.mark.parametrize(
    ("results", "amount", "kind"),
    [
        ("0,2\n1,0.735759\n", "s", "pass"),
        ("0,1\n1,0.367879\n", "", "pass"),
        ("0,2\n1,0.7362\n", "s", "wrong"),
        ("0,2\n1,NaN\n", "s", "wrong"),
    ],
    ids=["amount", "concentration", "beyond the tolerance", "undefined"],
)
def test_the_tool_judges_by_the_tolerances_of_the_case(tool, tmp_path, results, amount, kind):
    folder = a_case(tmp_path, DECAY, results, amount=amount)
    verdict = tool.judge(tool.read_case(folder), PopulationEngine())
    assert verdict.kind == kind, verdict.reason
    assert verdict.level == "3.2"


def test_the_tool_passes_over_what_is_no_time_course(tool, tmp_path):
    folder = a_case(tmp_path, DECAY, "0,2\n", kind="FluxBalanceSteadyState")
    assert tool.read_case(folder) is None


def test_the_page_counts_by_tag_and_lists_what_does_not_pass(tool, tmp_path):
    text = DECAY + "E: at 1 after time > 9: s = 2; c' = 1; var c;"
    folder = a_case(tmp_path, text, "0,2\n1,0.7\n", tags="Species, EventWithDelay")
    (verdict,) = tool.run_suite(tool.case_folders(folder.parent), n_process=1)
    assert verdict.kind == "refused"
    page = tool.page([verdict], "version 7")
    assert "`version 7`" in page
    assert "| EventWithDelay | 1 | 0 | 1 | 0 |" in page
    assert "| 00001 | 3.2 | refused | event 'E' assigns the concentration of 's'" in page


def test_the_page_in_the_documentation_says_that_nothing_is_wrong():
    page = (ROOT / "docs" / "sbml_support.md").read_text(encoding="utf-8")
    row = page.split("| passed | refused | wrong | failed |\n|---|---|---|---|\n")[1].splitlines()[
        0
    ]
    passed, _, wrong, failed = (int(cell) for cell in row.strip("| ").split("|"))
    assert passed >= AT_LEAST
    assert (wrong, failed) == (0, 0)
