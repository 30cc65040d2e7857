"""What only the tables together show, and the tables that ship with the package."""

import shutil
from importlib import resources

import pytest

from cxaxis.core.errors import Severity
from cxaxis.knowledge.antagonist_classes import ANTAGONIST_CLASS_COLUMNS
from cxaxis.knowledge.audits import AUDIT_COLUMNS
from cxaxis.knowledge.caveats import CAVEAT_COLUMNS, CONTRADICTION_COLUMNS
from cxaxis.knowledge.cell_contexts import CELL_CONTEXT_COLUMNS
from cxaxis.knowledge.cell_fit import POINT_COLUMNS, PRIOR_COLUMNS, READOUT_COLUMNS
from cxaxis.knowledge.cell_observations import CELL_OBSERVATION_COLUMNS
from cxaxis.knowledge.checks import check_knowledge, read_knowledge
from cxaxis.knowledge.claims import CLAIM_COLUMNS, REVIEW_REFERENCE_COLUMNS
from cxaxis.knowledge.drugs import cited_evidence, load_drugs
from cxaxis.knowledge.evidence import EVIDENCE_COLUMNS, load_evidence, load_references
from cxaxis.knowledge.expectations import EXPECTATION_COLUMNS
from cxaxis.knowledge.hazard_ratios import HAZARD_RATIO_COLUMNS
from cxaxis.knowledge.ihc_cutoffs import CUTOFF_COLUMNS
from cxaxis.knowledge.isotopes import ISOTOPE_COLUMNS
from cxaxis.knowledge.landmarks import LANDMARK_COLUMNS
from cxaxis.knowledge.margins import MARGIN_COLUMNS
from cxaxis.knowledge.parameters import PARAMETER_COLUMNS, load_parameters
from cxaxis.knowledge.plausible import PLAUSIBLE_COLUMNS
from cxaxis.knowledge.registry import REGISTRY_COLUMNS
from cxaxis.knowledge.tables import read_bytes
from cxaxis.knowledge.waits import WAIT_COLUMNS
from cxaxis.knowledge.wirings import WIRING_COLUMNS, load_wirings

REFERENCES = "id\tcitation\tyear\tidentifier\tnote\npeled_2014\tPeled 2014\t2014\t\t\n"
NO_DISTANCE = "none\tnone\tphysical_constant\tphysical\tdirect"
EVIDENCE = (
    "\t".join(EVIDENCE_COLUMNS)
    + f"\nDRG001\tmass\t502.79\t\t\tg/mol\tfree base\t{NO_DISTANCE}"
    + "\tpeled_2014\tpage\tseen\tparameter\t\n"
)
PARAMETERS = (
    "\t".join(PARAMETER_COLUMNS)
    + "\nfu_plerixafor\t0.42\t1\tlogit\t0.2\t0\tmeasured\thuman\t1\tDRG001\t\n"
)
WIRINGS = "\t".join(WIRING_COLUMNS) + "\nniche_release\toff\tyes\t1\t\tno data\n"
REVIEW = {
    "review_references.tsv": REVIEW_REFERENCE_COLUMNS,
    "claims.tsv": CLAIM_COLUMNS,
    "caveats.tsv": CAVEAT_COLUMNS,
    "contradictions.tsv": CONTRADICTION_COLUMNS,
    "registry.tsv": REGISTRY_COLUMNS,
    "hazard_ratios.tsv": HAZARD_RATIO_COLUMNS,
    "ihc_cutoffs.tsv": CUTOFF_COLUMNS,
    "landmarks.tsv": LANDMARK_COLUMNS,
    "margins.tsv": MARGIN_COLUMNS,
    "plausible.tsv": PLAUSIBLE_COLUMNS,
    "isotopes.tsv": ISOTOPE_COLUMNS,
    "audits.tsv": AUDIT_COLUMNS,
    "expectations.tsv": EXPECTATION_COLUMNS,
    "waits.tsv": WAIT_COLUMNS,
    "antagonist_classes.tsv": ANTAGONIST_CLASS_COLUMNS,
    "cell_contexts.tsv": CELL_CONTEXT_COLUMNS,
    "cell_observations.tsv": CELL_OBSERVATION_COLUMNS,
    "cell_readouts.tsv": READOUT_COLUMNS,
    "cell_points.tsv": POINT_COLUMNS,
    "cell_priors.tsv": PRIOR_COLUMNS,
}
DRUG = """\
id: radiotherapy
name: Radiotherapy
class: radiotherapy
review_class: other
binds: []
target: {external_beam: rt}
dose_units: [Gy]
regimens: {}
regulatory:
  - {status: none, indication: none}
"""
TRACER = """\
id: dye_cxcl12
name: CXCL12 with a dye
class: ligand
modality: optical_fluorescence
isotope: none
label: dye
binds: [CXCR4]
sees_mouse_receptor: {answer: unknown, note: not tried}
properties: {}
human_use: {stage: none, note: nothing found}
regulatory:
  - {status: none, indication: none}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "references.tsv").write_text(REFERENCES, encoding="utf-8")
    (tmp_path / "evidence.tsv").write_text(EVIDENCE, encoding="utf-8")
    (tmp_path / "relevance_rules.tsv").write_bytes(read_bytes(None, "relevance_rules.tsv")[1])
    (tmp_path / "parameters.tsv").write_text(PARAMETERS, encoding="utf-8")
    (tmp_path / "wirings.tsv").write_text(WIRINGS, encoding="utf-8")
    for name, columns in REVIEW.items():
        (tmp_path / name).write_text("\t".join(columns) + "\n", encoding="utf-8")
    (tmp_path / "drugs").mkdir()
    (tmp_path / "drugs" / "radiotherapy.yaml").write_text(DRUG, encoding="utf-8")
    (tmp_path / "tracers").mkdir()
    (tmp_path / "tracers" / "dye_cxcl12.yaml").write_text(TRACER, encoding="utf-8")
    return tmp_path


def append(path, line):
    path.write_text(path.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    return f"{path}:{path.read_text(encoding='utf-8').count(chr(10))}"


def test_a_sound_folder_has_no_finding(folder):
    assert check_knowledge(folder) == []


def test_an_id_in_two_tables_is_found(folder):
    line = "radiotherapy\t1\t1\tlog\t0.5\t0\tassumed\thuman\t0.5\t\ta note"
    where = append(folder / "parameters.tsv", line)
    (finding,) = check_knowledge(folder)
    assert finding.code == "KNOW001"
    assert "'radiotherapy'" in finding.message
    assert where in finding.message
    assert finding.where == f"{folder / 'drugs' / 'radiotherapy.yaml'}:1"


def test_evidence_that_nobody_cites_is_a_warning(folder):
    line = (
        f"DRG002\tdose\t0.24\t\t\tmg/kg\tlabel\t{NO_DISTANCE}\tpeled_2014\tpage\tseen\tparameter\t"
    )
    where = append(folder / "evidence.tsv", line)
    held_out = line.replace("DRG002", "DRG003").replace("parameter", "held_out")
    append(folder / "evidence.tsv", held_out)
    (finding,) = check_knowledge(folder)
    assert (finding.code, finding.severity) == ("KNOW002", Severity.WARNING)
    assert finding.where == where
    assert "1 evidence rows of role parameter are cited by nobody: DRG002." in finding.message


def test_a_reference_without_evidence_is_a_warning(folder):
    where = append(folder / "references.tsv", "idle_2020\tIdle 2020\t2020\t\t")
    (finding,) = check_knowledge(folder)
    assert (finding.code, finding.severity) == ("KNOW003", Severity.WARNING)
    assert finding.where == where
    assert "idle_2020" in finding.message


def test_a_logit_parameter_with_a_unit_is_found(folder):
    path = folder / "parameters.tsv"
    path.write_text(PARAMETERS.replace("\t1\tlogit", "\tnM\tlogit"), encoding="utf-8")
    (finding,) = check_knowledge(folder)
    assert (finding.code, finding.where) == ("KNOW004", f"{path}:2")
    assert "'nM'" in finding.message


def test_a_held_out_reading_may_not_return_under_another_id(folder):
    line = f"CLI077\tmass\t502.790\t\t\tg/mol\tx\t{NO_DISTANCE}\tpeled_2014\tpage\tseen\theld_out\t"
    append(folder / "evidence.tsv", line)
    append(folder / "evidence.tsv", line.replace("CLI077", "CLI078").replace("g/mol", "months"))
    (finding,) = check_knowledge(folder)
    assert (finding.code, finding.where) == ("KNOW005", f"{folder / 'parameters.tsv'}:2")
    assert "fu_plerixafor: evidence 'DRG001' repeats 'CLI077'" in finding.message


def test_a_faulty_row_is_blamed_once_and_not_through_those_that_cite_it(folder):
    path = folder / "references.tsv"
    path.write_text(REFERENCES.replace("\t2014\t", "\tlast\t"), encoding="utf-8")
    evidence = folder / "evidence.tsv"
    evidence.write_text(EVIDENCE.replace("\tmass\t", "\t\t"), encoding="utf-8")
    assert [item.code for item in check_knowledge(folder)] == ["EVID002", "REF003"]


def test_findings_of_every_file_come_at_once_in_order_of_file_and_line(folder):
    append(folder / "parameters.tsv", "a\tx\tnM\tlog\t1\t0\tassumed\thuman\t1\t\tnote")
    append(folder / "parameters.tsv", "b\t1\t\tlog\t1\t0\tassumed\thuman\t1\t\tnote")
    append(folder / "wirings.tsv", "niche_release\ton\tyes\t0\t\tno data")
    (folder / "drugs" / "radiotherapy.yaml").write_text(DRUG + "doze: 1\n", encoding="utf-8")
    findings = check_knowledge(folder)
    assert [item.code for item in findings] == ["DRUG003", "PARAM002", "PARAM003", "WIRE002"]


def test_missing_files_are_findings_and_not_crashes(tmp_path):
    codes = [item.code for item in check_knowledge(tmp_path)]
    assert sorted(codes) == ["DRUG001", *["TABLE001"] * (5 + len(REVIEW)), "TRAC001"]


# The review's tables

CLAIM = "C001\tProliferation\tphenotype\tIt grows\t\t1\tESCC\tgrowth rises\tcell"
CONTRADICTION = (
    "CON001\tgrowth\tC001\tyes\tpeled_2014\t9\tassay\t\tratio\t2\t1\t3\t1\thigher\t\tseen\t"
)
ENTRY = (
    "REG001\tC001\ttext\tradiotherapy\t\t\tcancer\tcancer\tyes\t\t\t\t\tapproved\tapproved\t1950\t"
    "peled_2014\tseen\t"
)


@pytest.fixture
def review(folder):
    append(folder / "review_references.tsv", "1\tpeled_2014\tA title")
    append(folder / "claims.tsv", CLAIM)
    append(folder / "contradictions.tsv", CONTRADICTION)
    append(
        folder / "contradictions.tsv",
        CONTRADICTION.replace("CON001", "CON002", 1).replace("yes", "no"),
    )
    assert check_knowledge(folder) == []
    return folder


def test_a_claim_left_out_is_found(review):
    append(review / "claims.tsv", CLAIM.replace("C001", "C004"))
    (finding,) = check_knowledge(review)
    assert (finding.code, finding.where) == ("KNOW006", f"{review / 'claims.tsv'}:2")
    assert "2 rows are missing: C002, C003." in finding.message


def test_a_review_reference_that_no_claim_cites_is_a_warning(review):
    append(review / "references.tsv", "goto_2017\tGoto 2017\t2017\t\t")
    where = append(review / "review_references.tsv", "2\tgoto_2017\tAnother title")
    (finding,) = check_knowledge(review)
    assert (finding.code, finding.severity) == ("KNOW007", Severity.WARNING)
    assert finding.where == where


def test_a_contradiction_with_one_side_is_no_contradiction(review):
    where = append(
        review / "contradictions.tsv",
        CONTRADICTION.replace("CON001", "CON003").replace("growth", "spread"),
    )
    (finding,) = check_knowledge(review)
    assert (finding.code, finding.where) == ("KNOW008", where)
    assert "'spread'" in finding.message


def test_a_caveat_that_rests_on_a_recalled_row_alone_was_not_seen(review):
    line = f"DRG007\tmass\t1\t\t\tg\tx\t{NO_DISTANCE}\tpeled_2014\t\trecalled\tcontext\t"
    append(review / "evidence.tsv", line)
    caveat = "CAV001\tC001\tthin\tOne patient.\t\tDRG007\tseen"
    where = append(review / "caveats.tsv", caveat)
    (finding,) = check_knowledge(review)
    assert (finding.code, finding.where) == ("KNOW009", where)
    path = review / "caveats.tsv"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("DRG007", "DRG007;peled_2014"), encoding="utf-8")
    assert check_knowledge(review) == []


def test_an_approval_that_the_drug_does_not_know_is_found(review):
    where = append(review / "registry.tsv", ENTRY)
    (finding,) = check_knowledge(review)
    assert (finding.code, finding.where) == ("KNOW010", where)
    drug = review / "drugs" / "radiotherapy.yaml"
    said = DRUG.replace("{status: none,", "{status: approved, date: 1950,")
    drug.write_text(said, encoding="utf-8")
    assert check_knowledge(review) == []


# The tables that ship with the package


def test_shipped_knowledge_has_no_error():
    errors = [str(item) for item in check_knowledge() if item.severity is Severity.ERROR]
    assert errors == []


def test_shipped_tables_load():
    references = load_references()
    evidence = load_evidence(references=references)
    parameters = load_parameters(evidence=evidence)
    wirings = load_wirings(evidence=evidence)
    drugs = load_drugs(evidence=evidence)
    assert len(parameters) > 0
    assert set(wirings.defaults()) == set(wirings)
    assert len(drugs) == 24


def test_nothing_in_the_model_rests_on_held_out_evidence():
    knowledge, _ = read_knowledge()
    cited = {
        *(item for row in knowledge.parameters.values() for item in row.evidence),
        *(item for group in knowledge.wirings.values() for row in group for item in row.evidence),
        *(item for drug in knowledge.drugs.values() for item in cited_evidence(drug)),
    }
    held_out = {row.id for row in knowledge.evidence.values() if row.role == "held_out"}
    assert held_out
    assert cited & held_out == set()


def test_regimens_give_the_total_doses_they_are_named_after():
    drugs = load_drugs()
    fractions = drugs["radiotherapy"].regimens
    for name, total_Gy in (
        ("definitive_50_4_gy", 50.4),
        ("preoperative_41_4_gy", 41.4),
        ("definitive_60_gy", 60.0),
    ):
        regimen = fractions[name]
        assert regimen.n_doses * regimen.dose.value == pytest.approx(total_Gy)
        assert all(day % 7 < 5 for day in regimen.dose_days())
    plerixafor = drugs["plerixafor"].regimens
    last_fraction_day = fractions["definitive_50_4_gy"].dose_days()[-1]
    assert plerixafor["radiotherapy_240_ug_kg_daily"].dose_days()[-1] == last_fraction_day
    assert plerixafor["radiotherapy_infusion_400_ug_kg_day"].duration_day == last_fraction_day + 1


def test_the_antagonist_mass_turns_ng_per_mL_into_nM_as_its_source_says():
    g_per_mol = load_drugs()["plerixafor"].molar_mass.g_per_mol
    assert 1000 / g_per_mol == pytest.approx(1.99, abs=0.005)


def test_designations_are_not_approvals():
    olaptesed = load_drugs()["olaptesed"]
    assert {item.status for item in olaptesed.regulatory} == {"orphan", "in_trial"}


def test_shipped_files_can_be_read_from_a_copy(tmp_path):
    source = resources.files("cxaxis.knowledge").joinpath("data")
    with resources.as_file(source) as data:
        shutil.copytree(data, tmp_path / "copy")
    codes = {item.code for item in check_knowledge(tmp_path / "copy")}
    assert codes == {item.code for item in check_knowledge()}
