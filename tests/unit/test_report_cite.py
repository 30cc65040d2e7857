"""BibTeX of what a run used: well formed, complete, and true to what the run rests on."""

import re
from pathlib import Path

import pytest

import cxaxis
from cxaxis._version import __version__
from cxaxis.cohort.overrides import with_values
from cxaxis.core.errors import UserInputError
from cxaxis.knowledge.checks import read_knowledge
from cxaxis.knowledge.evidence import Reference
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.models.build import build
from cxaxis.report.bibtex import entry, escaped
from cxaxis.report.cite import NO_WORKS, REVIEW, cite, write_citations
from cxaxis.runs.files import write_json_durably
from cxaxis.runs.manifest import Manifest, run_key, table_records, write_manifest
from cxaxis.runs.tables import write_table
from cxaxis.trial.protocol import read_protocol
from cxaxis.trial.run import Trial, parameter_table
from cxaxis.trial.schemas import PARAMETERS

KNOWLEDGE = read_knowledge()[0]
_ENTRY = re.compile(r"@(article|misc)\{([a-z0-9_]+),\n((?:  [a-z]+ = \{.+\},\n)+)\}\n")
_FIELD = re.compile(r"  ([a-z]+) = \{(.+)\},\n")


def parsed(text):
    """Return kind and fields of each entry by key; anything else in the text is an error."""
    head, _, body = text.partition("\n\n")
    assert all(line.startswith("%") and "@" not in line for line in head.splitlines())
    entries = {}
    for block in body.split("\n\n"):
        match = _ENTRY.fullmatch(block if block.endswith("\n") else f"{block}\n")
        assert match is not None, block
        kind, key, fields = match.groups()
        assert key not in entries
        found = _FIELD.findall(fields)
        assert len(dict(found)) == len(found)
        for name, value in found:
            _assert_balanced(value)
            # Identifiers are read by a resolver, the rest by LaTeX.
            if name not in {"doi", "pmid", "pmcid", "nct", "biomodels"}:
                assert not re.search(r"(?<!\\)[%&#$]", value), value
        entries[key] = (kind, dict(found))
    return entries


def _assert_balanced(value):
    depth = 0
    bare = re.sub(r"\\[{}%&_#$]", "", value)
    for sign in bare:
        depth += {"{": 1, "}": -1}.get(sign, 0)
        assert depth >= 0, value
    assert depth == 0, value


def reference(citation, *, identifier="", year=2018):
    return Reference(
        id="a_row", citation=citation, year=year, identifier=identifier, note="", where=""
    )


def fields_of(*args, **options):
    ((kind, fields),) = parsed(f"% head\n\n{entry(*args, **options)}").values()
    return kind, fields


def write_run(folder, *, protocol="crt_plerixafor_small", values=None, kind="trial", version=None):
    """Write what citations are made of: protocol, parameters, manifest."""
    folder.mkdir()
    plan = read_protocol(protocol)
    write_json_durably(folder / "protocol.json", plan.canonical())
    rows = with_values(load_parameters(), values or {})
    write_table(parameter_table(rows), folder / "parameters.parquet", PARAMETERS)
    parts = {"package_version": version or __version__}
    manifest = Manifest(
        kind=kind,
        title=plan.title,
        seed=1,
        run_key=run_key(parts),
        key_parts=parts,
        counts={},
        tables=table_records(folder, ["parameters"]),
    )
    write_manifest(folder, manifest)
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("cite") / "run")


@pytest.fixture(scope="module")
def entries(run):
    return parsed(cite(run))


def test_a_journal_article_is_taken_apart():
    assert fields_of(
        reference("Codipilly DC 2018. Gastrointest Endosc 88:413-26", identifier="doi:10.1/a_b"),
        title="On 100 % of {things}",
        supports=("birth_rate", "kd_x"),
    ) == (
        "article",
        {
            "author": "Codipilly, D. C. and others",
            "title": r"{On 100 \% of \{things\}}",
            "journal": "Gastrointest Endosc",
            "volume": "88",
            "pages": "413--26",
            "year": "2018",
            "doi": "10.1/a_b",
            "note": r"supports: birth\_rate, kd\_x",
        },
    )


@pytest.mark.parametrize(
    ("citation", "author"),
    [
        ("Balabanian 2018. J Biol Chem 280:35760", "Balabanian and others"),
        ("van Hagen P 2018. N Engl J Med 366:2074", "van Hagen, P. and others"),
        ("De La Luz Sierra 2018. Blood 1:2", "{De La Luz Sierra} and others"),
        ("Butler and Gullino 2018. Cancer Res 35:512", "Butler and Gullino"),
        ("García-Irigoien O 2018. Hepatology 62:166-78", "García-Irigoien, O. and others"),
        ("Luo H 2018. JAMA (ESCORT-1st)", "Luo, H. and others"),
    ],
)
def test_the_author_is_told_as_far_as_the_citation_goes(citation, author):
    assert fields_of(reference(citation))[1]["author"] == author


def test_what_is_no_article_keeps_its_citation_whole():
    label = reference("Mozobil (plerixafor injection), label & text", year=None)
    assert fields_of(label) == (
        "misc",
        {"title": r"{Mozobil (plerixafor injection), label \& text}"},
    )


@pytest.mark.parametrize(
    ("identifier", "field", "value"),
    [
        ("pmid:16107333", "pmid", "16107333"),
        ("pmc:PMC3460687", "pmcid", "PMC3460687"),
        ("nct:NCT00512252", "nct", "NCT00512252"),
        ("doi:10.1002/x<1::aid>3.0.co;2-{", "doi", "10.1002/x<1::aid>3.0.co;2-%7B"),
    ],
)
def test_identifiers_have_their_own_field_and_cannot_break_it(identifier, field, value):
    assert fields_of(reference("A 2018. B 1:2", identifier=identifier))[1][field] == value


def test_every_sign_that_latex_reads_is_escaped():
    assert escaped("{}%&_#$") == r"\{\}\%\&\_\#\$"
    assert escaped("\\~^") == r"\textbackslash{}\textasciitilde{}\textasciicircum{}"


def test_every_reference_makes_a_well_formed_entry():
    titles = {item.reference: item.title for item in KNOWLEDGE.review_references.values()}
    text = "\n".join(
        entry(row, title=titles.get(row.id, ""), supports=("a_b",))
        for row in KNOWLEDGE.references.values()
    )
    assert set(parsed(f"% head\n\n{text}")) == set(KNOWLEDGE.references)


def test_the_review_and_the_software_are_cited(entries):
    assert "esophageal squamous cell carcinoma" in entries[REVIEW][1]["title"]
    assert entries[REVIEW][1]["doi"] == KNOWLEDGE.references[REVIEW].identifier.removeprefix("doi:")
    assert entries["cxaxis"][1]["note"] == f"version {__version__}"


def test_every_source_of_a_bound_parameter_is_cited_for_it_and_no_other(entries):
    bound = set(build("patient").bindings.values())
    for row in KNOWLEDGE.parameters.values():
        for name in row.evidence:
            key = KNOWLEDGE.evidence[name].reference
            if key in NO_WORKS:
                continue
            users = entries.get(key, ("", {}))[1].get("note", "").replace("\\", "")
            named = row.id in users.removeprefix("supports: ").split(", ")
            assert named == (row.id in bound), (row.id, key)


def test_the_drugs_given_are_cited_and_no_other(run, entries):
    notes = " ".join(fields.get("note", "") for _, fields in entries.values()).replace("\\", "")
    assert "molar mass of plerixafor" in notes
    assert "regimen definitive_50_4_gy of radiotherapy" in notes
    assert "molar mass of carboplatin" not in notes


def test_wirings_that_were_drawn_are_cited(entries):
    notes = " ".join(fields.get("note", "") for _, fields in entries.values()).replace("\\", "")
    assert "wiring niche_release on" in notes


def test_a_run_without_draws_cites_the_chosen_options_alone(tmp_path):
    plan = tmp_path / "plan.yaml"
    text = "\n".join(
        line
        for line in _small_protocol().splitlines()
        if not line.startswith("  draws:") and not line.startswith("  patients_per_draw:")
    )
    plan.write_text(text, encoding="utf-8")
    text = cite(write_run(tmp_path / "run", protocol=str(plan)))
    assert "wiring niche" not in text
    assert r"wiring ackr3\_survival off" in text


def _small_protocol():
    package = Path(cxaxis.__file__).parent
    return (package / "examples" / "crt_plerixafor_small.yaml").read_text("utf-8")


def test_a_value_of_the_users_own_has_no_source(tmp_path):
    text = cite(write_run(tmp_path / "run", values={"alpha_beta_ratio": 5.0}))
    assert "% 1 parameters were set by the user: alpha_beta_ratio." in text
    assert r"alpha\_beta\_ratio" not in text


def test_the_same_run_gives_the_same_text_however_it_is_named(run):
    text = cite(run)
    assert text == cite(str(run)) == cxaxis.cite(Trial(path=run))
    keys = list(parsed(text))
    assert keys[1:] == sorted(keys[1:])


def test_without_a_run_the_demonstration_is_cited(entries):
    found = parsed(cite())
    assert set(entries) == set(found)


def test_an_incomplete_directory_and_another_kind_of_run_are_refused(tmp_path):
    with pytest.raises(UserInputError, match="RUN007"):
        cite(tmp_path)
    with pytest.raises(UserInputError, match=r"CITE002.*'cohort'"):
        cite(write_run(tmp_path / "cohort", kind="cohort"))


def test_a_changed_table_is_refused(tmp_path):
    folder = write_run(tmp_path / "run")
    table = folder / "parameters.parquet"
    table.write_bytes(table.read_bytes() + b" ")
    with pytest.raises(UserInputError, match="RUN009"):
        cite(folder)


def test_evidence_that_this_version_lacks_is_told_with_the_version_of_the_run(tmp_path):
    folder = tmp_path / "run"
    write_run(folder, version="9.9.9")
    frame = parameter_table(load_parameters())
    frame.loc[frame["ID"] == "alpha_beta_ratio", "EVIDENCE"] = "DRG999"
    write_table(frame, folder / "parameters.parquet", PARAMETERS)
    parts = {"package_version": "9.9.9"}
    manifest = Manifest(
        kind="trial",
        title="t",
        seed=1,
        run_key=run_key(parts),
        key_parts=parts,
        counts={},
        tables=table_records(folder, ["parameters"]),
    )
    write_manifest(folder, manifest)
    with pytest.raises(UserInputError, match=r"CITE004.*alpha_beta_ratio.*DRG999.*9\.9\.9"):
        cite(folder)


def test_a_file_is_never_overwritten(tmp_path):
    target = tmp_path / "used.bib"
    write_citations("first", target)
    with pytest.raises(UserInputError, match=r"CITE001.*not overwritten"):
        write_citations("second", target)
    assert target.read_text("utf-8") == "first"
    with pytest.raises(UserInputError, match=r"CITE001.*there is no directory"):
        write_citations("third", tmp_path / "none" / "used.bib")
