"""The parameter table: what a number must say of itself before a model may use it."""

import pickle
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxaxis.core.errors import UserInputError
from cxaxis.knowledge.evidence import Evidence
from cxaxis.knowledge.parameters import PARAMETER_COLUMNS, load_parameters, value_problem
from cxaxis.knowledge.relevance import load_relevance_rules

SHIPPED = load_parameters()["kd_cxcl12_cxcr4"]

GOOD = {
    "id": "kd_plerixafor",
    "value": "84",
    "unit": "nM",
    "scale": "log",
    "spread": "0.9",
    "omega": "0.2",
    "status": "measured",
    "species": "human",
    "relevance": "0.6",
    "evidence": "DRG046",
    "note": "",
}


def row_of_evidence(identity, status="seen", role="parameter"):
    return Evidence(
        id=identity,
        quantity="affinity",
        value="84",
        low="",
        high="",
        unit="nM",
        system="human",
        species="human",
        tissue="cell_free",
        assay="binding",
        setting="in_vitro",
        directness="direct",
        reference="peled_2014",
        seen="https://example.org" if status == "seen" else "",
        status=status,
        role=role,
        note="",
        where="evidence.tsv:2",
    )


EVIDENCE = {
    item.id: item
    for item in (
        row_of_evidence("DRG046"),
        row_of_evidence("DRG047", status="recalled"),
        row_of_evidence("DRG028", role="held_out"),
    )
}


def write(tmp_path, *rows):
    path = tmp_path / "parameters.tsv"
    lines = [
        "\t".join(PARAMETER_COLUMNS),
        *("\t".join(row[column] for column in PARAMETER_COLUMNS) for row in rows),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def faults(path):
    with pytest.raises(UserInputError) as caught:
        load_parameters(path, evidence=EVIDENCE)
    return caught.value.findings


def test_a_good_row_becomes_a_record(tmp_path):
    path = write(tmp_path, GOOD)
    parameter = load_parameters(path, evidence=EVIDENCE)["kd_plerixafor"]
    assert (parameter.value, parameter.unit, parameter.scale) == (84.0, "nM", "log")
    assert (parameter.spread, parameter.omega, parameter.relevance) == (0.9, 0.2, 0.6)
    assert parameter.evidence == ("DRG046",)
    assert parameter.where == f"{path}:2"


def test_parameters_keep_file_order_and_cannot_be_changed(tmp_path):
    path = write(tmp_path, GOOD | {"id": "zeta"}, GOOD | {"id": "alpha"})
    parameters = load_parameters(path, evidence=EVIDENCE)
    assert list(parameters) == ["zeta", "alpha"]
    with pytest.raises(TypeError):
        parameters["beta"] = parameters["alpha"]
    with pytest.raises(AttributeError):
        parameters["alpha"].value = 1.0


def test_parameters_survive_the_way_to_another_process(tmp_path):
    parameters = load_parameters(write(tmp_path, GOOD), evidence=EVIDENCE)
    assert dict(pickle.loads(pickle.dumps(parameters))) == dict(parameters)


def test_an_unknown_parameter_names_the_nearest(tmp_path):
    parameters = load_parameters(write(tmp_path, GOOD), evidence=EVIDENCE)
    assert "kd_plerixafo" not in parameters
    with pytest.raises(KeyError, match="Did you mean kd_plerixafor"):
        parameters["kd_plerixafo"]


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"id": "Kd"}, "PARAM001", ["'Kd'", "lower-case"]),
        ({"value": "lots"}, "PARAM002", ["value is 'lots'", "finite number"]),
        ({"value": "inf"}, "PARAM002", ["value is 'inf'"]),
        ({"value": ""}, "PARAM002", ["value is empty"]),
        ({"unit": ""}, "PARAM003", ["unit is empty", "1 for a pure number"]),
        ({"unit": "furlong_per_nM2"}, "PARAM003", ["'furlong_per_nM2'", "Write it as"]),
        ({"scale": "ln"}, "PARAM004", ["scale is 'ln'", "log | linear | logit"]),
        ({"status": "measrd"}, "PARAM005", ["'measrd'", "Did you mean measured?"]),
        ({"value": "0"}, "PARAM006", ["value is '0'", "must be positive"]),
        ({"value": "-2"}, "PARAM006", ["value is '-2'"]),
        ({"scale": "logit", "value": "1"}, "PARAM006", ["value is '1'", "between 0 and 1"]),
        ({"spread": "-0.1"}, "PARAM007", ["spread is '-0.1'", "0 or more"]),
        ({"omega": ""}, "PARAM007", ["omega is empty"]),
        ({"relevance": "1.5"}, "PARAM008", ["relevance is '1.5'", "0 to 1"]),
        ({"species": ""}, "PARAM009", ["species is empty"]),
        ({"evidence": "DRG046;DRG064"}, "PARAM010", ["'DRG064'", "Did you mean DRG04"]),
        ({"evidence": "DRG046;DRG028"}, "PARAM010", ["'DRG028' is held_out"]),
        ({"evidence": ""}, "PARAM011", ["evidence is empty", "measured", "seen"]),
        ({"evidence": "DRG047"}, "PARAM011", ["evidence is 'DRG047'", "at least one row"]),
        ({"status": "derived", "evidence": ""}, "PARAM011", ["derived value needs evidence"]),
        ({"status": "borrowed", "evidence": ""}, "PARAM011", ["borrowed value needs evidence"]),
        ({"status": "assumed"}, "PARAM011", ["note is empty", "says why"]),
    ],
)
def test_a_bad_cell_is_named_with_line_id_value_and_cure(tmp_path, changes, code, words):
    path = write(tmp_path, GOOD | {"id": "fine"}, GOOD | changes)
    (finding,) = faults(path)
    assert (finding.code, finding.where) == (code, f"{path}:3")
    assert changes.get("id", "kd_plerixafor") in finding.message
    for word in words:
        assert word in finding.message


def test_a_repeated_id_names_both_lines(tmp_path):
    path = write(tmp_path, GOOD, GOOD | {"value": "85"})
    (finding,) = faults(path)
    assert (finding.code, finding.where) == ("TABLE007", f"{path}:3")
    assert "'kd_plerixafor'" in finding.message
    assert f"{path}:2" in finding.message


@pytest.mark.parametrize(
    ("changes", "least"),
    [
        ({"status": "borrowed"}, 0.3),
        ({"status": "derived", "evidence": "DRG047"}, 0.3),
        ({"status": "assumed", "note": "a guess"}, 0.5),
    ],
)
def test_what_nobody_checked_may_not_be_held_with_confidence(tmp_path, changes, least):
    path = write(tmp_path, GOOD | changes | {"spread": f"{least - 0.01:.2f}"})
    (finding,) = faults(path)
    assert (finding.code, finding.where) == ("PARAM012", f"{path}:2")
    assert f"Widen it to {least:g} or more" in finding.message
    load_parameters(write(tmp_path, GOOD | changes | {"spread": f"{least}"}), evidence=EVIDENCE)


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "derived", "spread": "0.05"},
        {"status": "derived", "evidence": "DRG046;DRG047", "spread": "0.05"},
        {"status": "derived", "evidence": "", "note": "weight times 0.3 L/kg", "spread": "0.05"},
        {"status": "assumed", "note": "by definition", "scale": "linear", "spread": "0"},
        {"unit": "1"},
        {"unit": "dimensionless"},
        {"unit": "1/(nM*s)"},
        {"scale": "linear", "value": "-1.5e-3"},
        {"scale": "logit", "value": "0.42", "unit": "1"},
        {"relevance": "0", "spread": "0.3", "status": "borrowed"},
    ],
)
def test_rows_at_the_edge_of_the_rules_are_read(tmp_path, changes):
    assert len(load_parameters(write(tmp_path, GOOD | changes), evidence=EVIDENCE)) == 1


def with_tau(tmp_path, **changes):
    path = write(tmp_path, GOOD | changes)
    return load_parameters(path, evidence=EVIDENCE)["kd_plerixafor"]


def test_spread_is_widened_in_quadrature_by_the_distance_of_the_sources(tmp_path):
    row = with_tau(tmp_path)
    assert row.tau == load_relevance_rules().tau
    row = replace(row, tau=2.0, spread=0.6, relevance=0.6)
    assert row.widening == pytest.approx(0.8)
    assert row.widened_spread == pytest.approx(1.0)


def test_linear_rows_are_widened_relative_to_their_size(tmp_path):
    row = with_tau(tmp_path, scale="linear", value="-3", relevance="0.5", spread="1")
    assert row.widening == pytest.approx(row.tau * 0.5 * 3)
    assert replace(row, value=0.0).widened_spread == 1.0


def test_what_is_fixed_or_at_home_is_not_widened(tmp_path):
    assert with_tau(tmp_path, spread="0", scale="linear").widened_spread == 0
    assert with_tau(tmp_path, relevance="1").widened_spread == 0.9


def test_a_uniform_share_cannot_be_wider_than_its_range():
    row = load_parameters()["phi"]
    assert row.relevance < 1
    assert row.widened_spread == row.spread


@given(
    tau=st.floats(0, 5),
    spread=st.floats(0, 5),
    value=st.floats(-1e6, 1e6),
    scale=st.sampled_from(["log", "linear", "logit"]),
    near=st.floats(0, 1),
    far=st.floats(0, 1),
)
def test_widening_never_narrows_and_grows_with_distance(tau, spread, value, scale, near, far):
    near, far = max(near, far), min(near, far)
    row = replace(SHIPPED, tau=tau, spread=spread, value=value, scale=scale, relevance=near)
    wider = replace(row, relevance=far).widened_spread
    assert spread <= row.widened_spread <= wider
    assert (spread == 0) <= (wider == 0)


def test_all_findings_of_all_rows_come_at_once(tmp_path):
    path = write(tmp_path, GOOD | {"unit": "", "value": "x"}, GOOD | {"id": "b", "species": ""})
    assert [item.code for item in faults(path)] == ["PARAM002", "PARAM003", "PARAM009"]


def test_a_value_fits_its_scale_or_says_why_not():
    assert value_problem(1e-9, "log") == ""
    assert value_problem(-1.0, "linear") == ""
    assert "positive" in value_problem(0.0, "log")
    assert "between 0 and 1" in value_problem(0.0, "logit")
