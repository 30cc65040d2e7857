"""The page of a run: self-contained, sound HTML, the same bytes, honest about failures."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from html.parser import HTMLParser
from itertools import pairwise

import pytest

import cxaxis.report
from cxaxis.core.errors import UserInputError
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.report.page import report
from cxaxis.runs.tables import read_table
from synthetic_run import ARMS, write_run

VOID = {"meta", "br", "img", "hr", "link", "input"}


class _Outline(HTMLParser):
    """Tags, ids and headings of a page; complains about tags that do not close."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.ids: Counter[str] = Counter()
        self.targets: set[str] = set()
        self.headings: list[tuple[int, str]] = []
        self.attributes: list[tuple[str, dict]] = []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags[tag] += 1
        self.attributes.append((tag, found))
        if "id" in found:
            self.ids[found["id"]] += 1
        for key in ("href", "xlink:href"):
            if found.get(key, "").startswith("#"):
                self.targets.add(found[key][1:])
        self.targets |= set(found.get("aria-labelledby", "").split())
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if any(re.fullmatch("h[1-6]", tag) for tag in self.open):
            level, text = self.headings[-1]
            self.headings[-1] = (level, text + data)


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("report") / "run", n_per_arm=30, failed=2)


@pytest.fixture(scope="module")
def page(run_dir):
    return cxaxis.report(run_dir).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def outline(page):
    parser = _Outline()
    parser.feed(page)
    assert parser.open == []
    return parser


@pytest.fixture
def copy(run_dir, tmp_path):
    return shutil.copytree(run_dir, tmp_path / "copy")


def test_the_same_run_gives_the_same_bytes(run_dir, page, tmp_path):
    second = report(run_dir, tmp_path / "again.html")
    assert second.read_text(encoding="utf-8") == page


def test_the_page_is_written_where_it_is_asked_for(run_dir, page, tmp_path):
    assert (run_dir / "report.html").read_text(encoding="utf-8") == page
    assert report(run_dir, tmp_path / "new folder") == tmp_path / "new folder" / "report.html"


def test_nothing_is_requested_and_no_script_runs(page, outline):
    assert outline.tags["script"] == outline.tags["link"] == outline.tags["img"] == 0
    addresses = set(re.findall(r"https?://[^\"'\s)]+", page))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)


def test_ids_are_unique_and_every_link_and_label_is_met(outline):
    assert [name for name, count in outline.ids.items() if count > 1] == []
    assert outline.targets <= set(outline.ids)


def test_sections_stand_in_order_under_one_title(outline):
    assert [level for level, _ in outline.headings].count(1) == 1
    assert [text for level, text in outline.headings if level == 2] == [
        "What this is and is not",
        "What the trial shows",
        "Flow of patients",
        "Patients",
        "Survival",
        "Results in full",
        "Receptor occupancy",
        "CD34+ cells",
        "Tumour burden",
        "Counterfactual pool and causal share",
        "What the answer rests on",
        "Fitted and held-out comparisons",
        "Limits",
        "Patients who failed in the solver",
        "Protocol",
        "Parameters used",
        "How to reproduce",
    ]
    levels = [level for level, _ in outline.headings]
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_landmarks_captions_and_texts_for_figures_are_there(outline):
    for tag in ("header", "nav", "main", "footer"):
        assert outline.tags[tag] == 1
    assert outline.tags["caption"] == outline.tags["table"]
    figures = [found for tag, found in outline.attributes if tag == "svg"]
    # No waterfall: all are operated on before anybody is measured again.
    assert len(figures) == outline.tags["figcaption"] == 15
    assert all(found["role"] == "img" and found["aria-labelledby"] for found in figures)
    assert all("scope" in found for tag, found in outline.attributes if tag == "th")
    regions = [found for _, found in outline.attributes if found.get("role") == "region"]
    assert all(found["tabindex"] == "0" and found["aria-label"] for found in regions)


def test_the_page_says_what_it_is_not(page):
    for words in (
        "not for clinical use",
        "prior-dominated",
        "never what a patient will do",
        "nothing was fitted statistically",
        "held out",
    ):
        assert words in page


def test_headline_numbers_stand_in_the_page(run_dir, page):
    summary = json.loads((run_dir / "summary.json").read_text(encoding="utf-8"))
    for arm in summary["arms"]:
        assert f'<td class="num" data-name="Deaths">{arm["os"]["events"]}</td>' in page
        if arm["hr_os"]:
            assert f"{arm['hr_os']['hr']:.2f}" in page
    manifest = json.loads((run_dir / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["run_key"] in page
    assert all(record["sha256"] in page for record in manifest["tables"].values())


def test_the_pool_is_labelled_counterfactual_and_harm_is_shown(page):
    assert "counterfactual: every virtual patient lives once under each arm" in page
    assert "deaths per person-time" in page
    assert "an average hazard ratio" in page
    assert "paired bootstrap" in page
    assert "P(HR &gt; 1)" in page
    assert "Draws above 1" in page
    assert "<td>20 of 64</td>" in page


def test_the_two_answers_stand_beside_the_headline(page):
    shows = page[page.index('<h2 id="shows">') : page.index('<h2 id="patients">')]
    assert "one draw of chance" in shows
    assert "what the model implies" in shows
    assert "Had all been treated as control" in shows
    assert "is no evidence that the treatment works" in shows


def test_operations_and_the_drug_are_named(page):
    survival = page[page.index('<h2 id="survival">') : page.index('id="occupancy-heading"')]
    assert "ypT0 ypN0" in survival
    assert "100\u00a0%" in survival
    assert "CXCR4 held by plerixafor" in page
    assert "held by the drug" not in page


def test_metastases_on_day_0_stand_by_stage(page):
    assert '<tr><th scope="row">IVA</th><td class="num">22</td><td>100\u00a0% (85–100)</td>' in page
    assert '<tr><th scope="row">II</th><td class="num">23</td><td>0\u00a0% (0–15)</td>' in page


def test_values_that_are_not_the_packaged_ones_are_named_and_reproduced(run_dir, page):
    assert "cxaxis trial run protocol.json" in page
    packaged = {name: row.value for name, row in load_parameters().items()}
    used = read_table(run_dir / "parameters.parquet").set_index("ID")["VALUE"]
    other = [name for name in used.index if name in packaged and packaged[name] != used[name]]
    assert other
    for name in other:
        assert f"--set {name}={float(used[name])!r}" in page


def test_failed_patients_are_listed_and_user_text_is_escaped(page):
    assert "2 of 270 simulations failed, in 2 patients." in page
    assert "step below 1e-12 &lt;day&gt;" in page
    assert "uniform &lt;0, 1&gt;" in page


def test_every_parameter_is_listed_with_its_status(page):
    for name in ("kd_plerixafor_cxcr4", "cl_plerixafor", "alpha_rt", "ke_plerixafor", "phi"):
        assert f"<code>{name}</code>" in page
    assert '<tr><th scope="row">measured</th><td class="num">2</td>' in page


def test_a_bare_run_is_reported_without_its_optional_parts(tmp_path):
    def bare(summary):
        summary.update(pool=[], phi=[], prior_predictive=[])
        for arm in summary["arms"]:
            arm.update(occupancy=None, cd34_peak_per_uL=None)
            arm["os"].update(median_month=None, median_low_month=None, median_high_month=None)
        summary["arms"][1]["hr_os"] = None

    run = write_run(tmp_path / "run", n_per_arm=12, dense_day=3.0, change_summary=bare)
    page = report(run).read_text(encoding="utf-8")
    assert "no counterfactual comparison" in page
    assert "is not given" in page
    assert "No arm blocks the receptor" in page
    assert "not reached" in page
    assert "cannot be compared" in page
    assert "None: all 108 simulations" in page
    assert "occupancy-title" in page
    assert "occupancy-window" not in page
    assert "Median follow-up" in page


def _refusal(run_dir, out=None):
    with pytest.raises(UserInputError) as caught:
        report(run_dir, out)
    return caught.value.findings


def test_a_directory_that_is_not_there_names_its_neighbours(tmp_path):
    (tmp_path / "crt_run").mkdir()
    (finding,) = _refusal(tmp_path / "crt_rum")
    assert "Did you mean crt_run?" in finding.message
    assert finding.where.endswith("crt_rum")


def test_a_directory_without_a_complete_run_is_refused(tmp_path):
    (finding,) = _refusal(tmp_path)
    assert "not a complete run" in finding.message
    assert list(tmp_path.iterdir()) == []


def test_a_changed_table_and_a_missing_protocol_are_both_named(copy):
    (copy / "report.html").unlink()
    with (copy / "adtte.parquet").open("ab") as handle:
        handle.write(b"x")
    (copy / "protocol.json").unlink()
    findings = _refusal(copy)
    assert [finding.where.rsplit("/", 1)[-1] for finding in findings] == [
        "adtte.parquet",
        "protocol.json",
    ]
    assert not (copy / "report.html").exists()


def test_every_fault_of_a_summary_is_named(copy):
    path = copy / "summary.json"
    summary = json.loads(path.read_text(encoding="utf-8"))
    summary["horizon_day"] = 0
    summary["arms"][1]["os"]["events"] = "many"
    path.write_text(json.dumps(summary), encoding="utf-8")
    messages = [finding.message for finding in _refusal(copy)]
    assert len(messages) == 2
    assert any(text.startswith("horizon_day:") for text in messages)
    assert any(text.startswith("arms.1.os.events:") and "'many'" in text for text in messages)


def test_a_control_that_is_no_arm_is_refused(copy):
    path = copy / "summary.json"
    summary = json.loads(path.read_text(encoding="utf-8"))
    summary["control"] = "placebo"
    path.write_text(json.dumps(summary), encoding="utf-8")
    (finding,) = _refusal(copy)
    assert "'placebo' is not one of the arms" in finding.message
    assert all(arm in finding.message for arm in ARMS)


def test_an_unwritable_target_is_one_message(run_dir, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    (finding,) = _refusal(run_dir, tmp_path / "file" / "report.html")
    assert "cannot be written" in finding.message
