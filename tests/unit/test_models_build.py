"""Built models: valid SBML with units, every number in the table, the committed files fresh."""

import re
from importlib import resources

import libsbml
import pytest

from cxaxis.cohort.overrides import with_values
from cxaxis.cohort.parameter_rows import COHORT_PARAMETERS
from cxaxis.core.errors import ModelValueError
from cxaxis.core.units import conversion_factor
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.parameters import Parameters, load_parameters
from cxaxis.knowledge.wirings import load_wirings
from cxaxis.models import generate
from cxaxis.models.agents import is_agent_row, rows_of_agent, slot_of
from cxaxis.models.build import (
    TIME_UNIT,
    ModelBuildError,
    bind_constants,
    build,
    consistency_messages,
    load_model,
)
from cxaxis.models.compose import compose, read_source
from cxaxis.models.wiring import (
    PATIENT_WIRINGS,
    Wiring,
    one_at_a_time,
    switches_of,
    wiring_from,
    wiring_options,
)
from science_support import bench_model, parameters_with, patient_model

MODELS = {
    "patient": patient_model(),
    "receptor_bench": bench_model(),
}
MODELS |= {name: build(name, parameters_with()) for name in TIME_UNIT if name not in MODELS}
SOURCES = sorted(
    item.name
    for item in (resources.files("cxaxis.models") / "antimony").iterdir()
    if item.name.endswith(".ant")
)


def sbml_of(model):
    document = libsbml.readSBMLFromString(model.sbml)
    return document, document.getModel()


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_every_model_is_valid_sbml_with_units(model):
    assert consistency_messages(model.sbml) == []


def has_switch(model, name):
    return bool(set(switches_of(name)) & set(model.units))


# Each wiring that is not the default, in the models that have its switches.
FLIPS = [
    (name, flip)
    for name in sorted(TIME_UNIT)
    for flip in list(one_at_a_time())[1:]
    if any(value and switch in MODELS[name].units for switch, value in flip.switches().items())
]


def without_values(model):
    """The SBML of a model with the values of constants left out."""
    return re.sub(r' (value|size)="[^"]*"', "", model.sbml)


@pytest.mark.parametrize(
    ("name", "wiring"), FLIPS, ids=[f"{name}-{k}" for k, (name, _) in enumerate(FLIPS)]
)
def test_a_wiring_changes_values_alone(name, wiring):
    found = build(name, parameters_with(), wiring)
    assert without_values(found) == without_values(MODELS[name])
    _, tree = sbml_of(found)
    for switch, value in wiring.switches().items():
        if tree.getParameter(switch) is not None:
            assert tree.getParameter(switch).getValue() == value, switch


def test_every_wiring_is_in_some_model():
    switched = {
        switch
        for name, flip in FLIPS
        for switch, value in flip.switches().items()
        if value and switch in MODELS[name].units
    }
    assert switched == set(Wiring().switches())


def test_a_wrong_unit_would_be_found():
    """The check above can fail: kilograms added to litres are reported."""
    _, model = sbml_of(MODELS["patient"])
    model.getParameter("ka_antagonist").setUnits("litre")
    assert consistency_messages(libsbml.writeSBMLToString(model.getSBMLDocument()))


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_models_are_level_3_version_2(model):
    document, _ = sbml_of(model)
    assert (document.getLevel(), document.getVersion()) == (3, 2)


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_every_constant_has_a_row_or_is_an_input_or_a_switch(model):
    _, tree = sbml_of(model)
    given = set(model.bindings) | model.inputs | set(model.wiring.switches()) | model.coefficients
    ruled = {tree.getRule(i).getVariable() for i in range(tree.getNumRules())}
    assigned = {
        tree.getInitialAssignment(i).getSymbol() for i in range(tree.getNumInitialAssignments())
    }
    changed = {
        event.getEventAssignment(j).getVariable()
        for event in (tree.getEvent(i) for i in range(tree.getNumEvents()))
        for j in range(event.getNumEventAssignments())
    }
    ids = {tree.getParameter(i).getId() for i in range(tree.getNumParameters())}
    ids |= {tree.getCompartment(i).getId() for i in range(tree.getNumCompartments())}
    assert ids - ruled - assigned - changed - given == set()


def test_every_row_of_the_table_is_used():
    used = {row for model in MODELS.values() for row in model.bindings.values()}
    used |= set(COHORT_PARAMETERS)
    assert used - set(load_parameters()) == set()
    # Rows of an agent wait for an arm that gives it, and fill a slot of some model then; those
    # of a class of agents wait for an agent that has none of its own.
    drugs = load_drugs()
    filled = {
        row
        for model in MODELS.values()
        for drug in drugs.values()
        if slot_of(drug) is not None
        for row in rows_of_agent(drug, model.bindings, load_parameters()).values()
    }
    spare = set(load_parameters()) - used - filled
    assert {row for row in spare if not is_agent_row(row, ())} == set()


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_constants_have_the_value_of_their_row_in_the_unit_of_the_model(model):
    _, tree = sbml_of(model)
    rows = load_parameters()
    for constant, row in model.bindings.items():
        element = tree.getParameter(constant) or tree.getCompartment(constant)
        value = element.getValue() if tree.getParameter(constant) else element.getSize()
        expected = rows[row].value * conversion_factor(rows[row].unit, model.units[constant])
        assert value == pytest.approx(expected, rel=1e-12), constant


def test_time_runs_in_days_for_patients_and_seconds_on_the_bench():
    patient, bench = MODELS["patient"], MODELS["receptor_bench"]
    koff = load_parameters()["koff_cxcl12_cxcr4"].value
    assert bench.factors["koff_cxcl12_cxcr4"] * koff == pytest.approx(koff)
    assert patient.factors["tumour_koff_cxcl12_cxcr4"] == pytest.approx(86400)


@pytest.mark.parametrize("name", SOURCES)
def test_sources_hold_no_number_but_zero_one_and_two(name):
    text = read_source(name)
    text = re.sub(r"//[^\n]*", "", text)
    text = re.sub(r'"[^"]*"', "", text)
    text = re.sub(r"\.sboTerm = \d+", "", text)
    if name == "units.ant":
        text = text.replace("1e-9 mole", "nanomole")
    numbers = re.findall(r"(?<![\w.])\d+(?:\.\d*)?(?:[eE][-+]?\d+)?", text)
    assert set(numbers) <= {"0", "1", "2"}


def test_an_instance_row_wins_over_the_bare_one():
    model = MODELS["patient"]
    assert model.bindings["marrow_k_loss_cxcl12"] == "marrow_k_loss_cxcl12"
    assert model.bindings["tumour_k_loss_cxcl12"] == "k_loss_cxcl12"
    assert set(model.constants_of("kd_cxcl12_cxcr4")) == {
        "tumour_kd_cxcl12_cxcr4",
        "marrow_kd_cxcl12_cxcr4",
        "blood_kd_cxcl12_cxcr4",
    }
    changed = with_values(load_parameters(), {"marrow_k_loss_cxcl12": 0.5})
    _, tree = sbml_of(build("patient", changed))
    assert tree.getParameter("marrow_k_loss_cxcl12").getValue() == pytest.approx(0.5 * 86400)
    assert tree.getParameter("tumour_k_loss_cxcl12").getValue() == pytest.approx(0.00019 * 86400)


def test_a_constant_without_a_row_is_named_with_the_nearest_rows():
    rows = dict(load_parameters())
    rows["birth_rat"] = rows.pop("birth_rate")
    with pytest.raises(ModelBuildError, match=r"birth_rate: Did you mean .*birth_rat"):
        bind_constants(compose("patient", time_unit="day"), Parameters(rows), Wiring())


def test_a_row_whose_unit_does_not_convert_is_named_with_its_line():
    from dataclasses import replace

    rows = dict(load_parameters())
    rows["ka_plerixafor"] = replace(rows["ka_plerixafor"], unit="litre")
    with pytest.raises(ModelBuildError, match=r"parameters\.tsv:\d+: ka_plerixafor"):
        build("patient", Parameters(rows))


def test_an_unknown_model_names_the_known_ones():
    with pytest.raises(ModelValueError, match="patient"):
        build("patent")


def test_load_model_is_the_packaged_one():
    assert load_model("receptor_bench").sha256 == MODELS["receptor_bench"].sha256
    assert load_model("patient", Wiring(niche_release="on")).sha256 != MODELS["patient"].sha256
    assert f"{len(MODELS['patient'].states)} states" in MODELS["patient"]._repr_html_()


def test_two_builds_are_the_same_text():
    assert build("patient", parameters_with()).sbml == MODELS["patient"].sbml


def test_the_committed_sbml_is_fresh():
    for name, text in generate.rendered().items():
        committed = (generate.generated_folder() / name).read_text("utf-8")
        assert committed == text, f"{name} is stale. Run: {generate.COMMAND}"


def test_the_generator_reports_a_stale_file_and_writes_a_fresh_one(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(generate, "generated_folder", lambda: tmp_path / "generated")
    assert generate.main(["--check"]) == 1
    assert "stale" in capsys.readouterr().err
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    assert (tmp_path / "generated" / "patient.xml").is_file()


def test_wirings_of_the_code_are_those_of_the_table():
    table = load_wirings()
    assert set(table) == set(wiring_options())
    for name, options in wiring_options().items():
        assert {row.option for row in table[name]} == set(options)
        default = next(row.option for row in table[name] if row.is_default)
        assert getattr(Wiring(), name) == default


def test_wirings_flip_one_at_a_time_and_set_their_switch():
    flips = list(one_at_a_time())
    assert flips[0] == Wiring()
    assert len(flips) == 1 + sum(len(options) - 1 for options in wiring_options().values())
    switches = Wiring(niche_release="on", heterodimer="blunts_gi").switches()
    on = {name for name, value in switches.items() if value == 1}
    assert on == {"switch_niche_release", "switch_heterodimer_blunts_gi"}
    assert {*switches.values()} == {0.0, 1.0}


def test_an_unknown_wiring_or_option_is_refused_with_the_known_ones():
    with pytest.raises(ModelValueError, match="niche_release"):
        wiring_from({"niche_relase": "on"})
    with pytest.raises(ModelValueError, match="off, on"):
        wiring_from({"niche_release": "perhaps"})


def test_antimony_reads_its_own_output_again():
    """What was built is written as Antimony, read back, and has the same states and values.

    One model of the patient's parts stands for it: Antimony takes minutes over the whole.
    """
    import antimony

    model = MODELS["drug_bench"]
    antimony.clearPreviousLoads()
    assert antimony.loadSBMLString(model.sbml) >= 0, antimony.getLastError()
    text = antimony.getAntimonyString(antimony.getMainModuleName())
    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(text) >= 0, antimony.getLastError()
    again = libsbml.readSBMLFromString(antimony.getSBMLString(antimony.getMainModuleName()))
    _, tree = sbml_of(model)
    copy = again.getModel()
    for count in ("Species", "Parameters", "Reactions", "Rules", "Events", "Compartments"):
        method = f"getNum{count}"
        assert getattr(copy, method)() == getattr(tree, method)(), count
    for index in range(tree.getNumParameters()):
        item = tree.getParameter(index)
        if item.isSetValue():
            assert copy.getParameter(item.getId()).getValue() == item.getValue()


def test_species_name_the_molecule_they_are():
    _, tree = sbml_of(MODELS["patient"])
    expected = {"cxcl12": "P48061", "cxcr4": "P61073", "ackr3": "P25106"}
    for place in ("tumour", "marrow", "blood"):
        for name, accession in expected.items():
            annotation = tree.getSpecies(f"{place}_{name}").getAnnotationString()
            assert f"uniprot:{accession}" in annotation


def test_the_patient_has_the_wirings_it_is_said_to_have():
    model = build("patient")
    found = {name for name in wiring_options() if has_switch(model, name)}
    assert found == set(PATIENT_WIRINGS)
