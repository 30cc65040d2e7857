"""The cell's response functions within a model: values of their table, results of the cell."""

import libsbml
import numpy as np
import pytest

from cxaxis.cell.reduction import load_responses
from cxaxis.core.errors import ModelValueError
from cxaxis.engine.doses import DoseTable
from cxaxis.engine.population import PopulationEngine
from cxaxis.engine.protocol import ParameterTable, Tolerances
from cxaxis.knowledge.response_box import load_response_box, load_response_outputs
from cxaxis.models import build as build_module
from cxaxis.models import compose as compose_module
from cxaxis.models import responses
from cxaxis.models.build import ModelBuildError, build, consistency_messages
from cxaxis.models.responses import (
    changed_options,
    response_coefficients,
    response_constants,
    response_sets,
)
from cxaxis.models.wiring import Wiring

INPUTS = load_response_box()
OUTPUTS = load_response_outputs()
ARGUMENTS = ", ".join(INPUTS)
# The second place sees ten times the ligand, and both reach beyond the box.
TOP = f"""model ports()
  {" ".join(f"{n} has {'dimensionless' if i.unit == '1' else i.unit};" for n, i in INPUTS.items())}
  {" ".join(f"{name} = 1;" for name in INPUTS)}
  more has nM;  more = 1;
  coefficients: cell_response_coefficients();
  here: cell_response({ARGUMENTS});
  there: cell_response({ARGUMENTS.replace("cxcl12_nM", "more")});
  {" ".join(f"here_{n} := here_response_{n}; here_{n} has dimensionless;" for n in OUTPUTS)}
  there_speed := there_response_migration_speed;  there_speed has dimensionless;
  total has dimensionless;  total = 0;  day has time_unit;  day = 1;
  total' = there_speed / day;
end
"""


@pytest.fixture(autouse=True)
def ports(monkeypatch):
    """A model with two places where cells respond, known as ``ports``."""
    real = compose_module.read_source
    monkeypatch.setattr(
        compose_module, "read_source", lambda name: TOP if name == "ports.ant" else real(name)
    )
    monkeypatch.setitem(build_module.TIME_UNIT, "ports", "day")


def constants_in(model):
    # The document owns what is read from it.
    document = libsbml.readSBMLFromString(model.sbml)
    tree = document.getModel()
    return {name: tree.getParameter(name).getValue() for name in model.coefficients}


def test_coefficients_are_constants_of_their_table_and_of_no_patient():
    model = build("ports")
    given = response_constants(Wiring())
    assert len(model.coefficients) > 500
    assert constants_in(model) == {name: given[name] for name in model.coefficients}
    assert not model.coefficients & (model.inputs | set(model.bindings))
    assert consistency_messages(model.sbml) == []


def test_the_model_responds_as_the_functions_do():
    model = build("ports")
    rng = np.random.default_rng(5)
    columns = {
        name: np.exp(rng.uniform(np.log(max(i.low, 0.01) / 2), np.log(i.high * 2), 24))
        for name, i in INPUTS.items()
    }
    more = 10 * columns["cxcl12_nM"]
    found = PopulationEngine().simulate(
        model.sbml,
        ParameterTable((*columns, "more"), np.column_stack([*columns.values(), more])),
        DoseTable(),
        np.array([0.0, 1.0]),
        [*(f"here_{name}" for name in OUTPUTS), "there_speed"],
        tolerances=Tolerances(relative=1e-6, absolute=1e-9),
    )
    shares = load_responses().shares(**columns)
    for name in OUTPUTS:
        assert found.of(f"here_{name}")[:, 0] == pytest.approx(shares[name], rel=1e-9), name
    elsewhere = load_responses().shares(**{**columns, "cxcl12_nM": more})
    assert found.of("there_speed")[:, 0] == pytest.approx(elsewhere["migration_speed"], rel=1e-9)


@pytest.mark.parametrize(
    "wiring",
    [
        Wiring(heterodimer="drives_arrestin"),
        Wiring(heterodimer="drives_arrestin", ackr3_survival="on"),
        Wiring(niche_release="on"),
    ],
    ids=str,
)
def test_a_wiring_takes_its_own_coefficients_and_leaves_the_rest(wiring):
    default, other = constants_in(build("ports")), constants_in(build("ports", wiring=wiring))
    numbers = load_responses(wiring).coefficients
    names = list(next(iter(response_sets().values())))
    assert [other[f"response_{name}"] for name in names] == numbers.tolist()
    moved = {name for name in other if other[name] != default[name]}
    assert bool(moved) == bool(changed_options(wiring))
    assert not {name for name in moved if name.startswith(("response_low_", "response_high_"))}


def test_several_options_draw_on_no_other_set():
    wiring = Wiring(heterodimer="blunts_gi", ackr3_uptake="free", stat3_through_src="on")
    mixed = response_coefficients(wiring)
    sets = [response_sets()[label, "tabled"] for label in changed_options(wiring)]
    assert len(sets) == 3
    for name, value in mixed.items():
        assert value in {numbers[name] for numbers in sets}, name
    uptake = response_sets()["ackr3_uptake=free", "tabled"]
    scavenging = [name for name in mixed if name.startswith("ackr3_scavenging_")]
    assert scavenging
    assert all(mixed[name] == uptake[name] for name in scavenging)


def test_a_table_that_lacks_a_coefficient_says_how_to_make_it(monkeypatch):
    short = {"response_birth_rate_level_0": 1.0}
    monkeypatch.setattr(build_module, "response_constants", lambda wiring: short)
    with pytest.raises(ModelBuildError, match=r"missing\)\. Run: python -m cxaxis\.cell\.reduce"):
        build("ports")


def test_a_table_that_is_not_there_says_how_to_make_it(monkeypatch, tmp_path):
    monkeypatch.setattr(responses, "generated_folder", lambda: tmp_path)
    for read in (response_sets, responses.response_shifts):
        read.cache_clear()
        with pytest.raises(ModelValueError, match=r"Run: python -m cxaxis\.cell\.reduce"):
            read()
        (tmp_path / responses.COEFFICIENT_FILE).write_text("a\tb\n", "utf-8")
    with pytest.raises(ModelValueError, match="no columns wiring and draw"):
        response_sets()
    response_sets.cache_clear()
    responses.response_shifts.cache_clear()


def test_a_sound_text_is_checked_once(monkeypatch, tmp_path):
    monkeypatch.setenv("CXAXIS_CACHE_DIR", str(tmp_path))
    calls = []

    def check(sbml):
        calls.append(sbml)
        return []

    monkeypatch.setattr(build_module, "consistency_messages", check)
    for _ in range(2):
        # Another process knows nothing but what lies in the cache.
        build_module._complaints.cache_clear()
        build("ports")
    assert len(calls) == 1
    build_module._complaints.cache_clear()


def test_an_unsound_text_is_checked_every_time(monkeypatch, tmp_path):
    monkeypatch.setenv("CXAXIS_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(build_module, "consistency_messages", lambda sbml: ["Error: a unit"])
    for _ in range(2):
        build_module._complaints.cache_clear()
        with pytest.raises(ModelBuildError, match="a unit"):
            build("ports")
    build_module._complaints.cache_clear()


def test_a_translation_is_made_once_and_depends_on_the_text(monkeypatch, tmp_path):
    import antimony

    monkeypatch.setenv("CXAXIS_CACHE_DIR", str(tmp_path))
    calls = []
    load = antimony.loadAntimonyString
    monkeypatch.setattr(antimony, "loadAntimonyString", lambda t: calls.append(t) or load(t))

    def in_another_process(text):
        build_module._antimony_to_sbml.cache_clear()
        build_module._units.cache_clear()
        sbml = build_module._antimony_to_sbml(text)
        return sbml, build_module._units(sbml)

    text = "model m()\n  unit nM = 1e-9 mole / litre;\n  k = 3; k has nM;\nend\n"
    one, units = in_another_process(text)
    assert in_another_process(text) == (one, units)
    assert len(calls) == 1
    assert "mole" in units["k"]
    other, _ = in_another_process(text.replace("3", "4"))
    assert other != one
    assert len(calls) == 2
    for kept in tmp_path.rglob("units/*"):
        kept.write_bytes(b"spoilt")
    assert in_another_process(text) == (one, units)
    with pytest.raises(ModelBuildError):
        in_another_process("no model at all(")
    build_module._antimony_to_sbml.cache_clear()
    build_module._units.cache_clear()
