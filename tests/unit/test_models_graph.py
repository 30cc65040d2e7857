"""The graph of a model: what acts directly on what, and chains of it."""

import antimony
import pytest

from cxaxis.claims.check import path_models
from cxaxis.claims.ledger import shipped_knowledge
from cxaxis.core.errors import ModelValueError
from cxaxis.knowledge.expectations import load_expectations
from cxaxis.models.build import Model, build
from cxaxis.models.graph import (
    dependencies,
    dependents,
    equations,
    equations_of,
    governing_constants,
    is_chain,
    path_constants,
    shortest_path,
)
from cxaxis.models.wiring import Wiring

TOY = """
function half(x, k) x / (x + k) end
model toy()
  compartment pot = 1; var species a in pot, b in pot; const species $source in pot;
  J1: a -> b; pot * k_on * a * b;
  J2: $source -> a; pot * k_in;
  k_on := kd * k_off;
  signal := half(b, k_half) + 0 * time;
  flux := J1;
  mood' = signal - fade * mood;
  alarm = 0; at (mood > level): alarm = loudness;
  begin = 2 * seed; b = begin;
  begin = 2 * seed;
  kd = 1; k_off = 1; k_in = 1; k_half = 1; fade = 1; level = 1; loudness = 1; seed = 1; a = 1;
  mood = 0;
end
"""


def model_of(text: str) -> Model:
    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(text) >= 0, antimony.getLastError()
    sbml = antimony.getSBMLString("toy")
    names = (
        *("pot", "a", "b", "source", "k_on", "signal", "flux", "mood", "alarm", "begin"),
        *("kd", "k_off", "k_in", "k_half", "fade", "level", "loudness", "seed"),
    )
    return Model(
        name="toy",
        sbml=sbml,
        time_unit="day",
        wiring=Wiring(),
        bindings={},
        factors={},
        units=dict.fromkeys(names, "dimensionless**1"),
        inputs=frozenset(),
        species=("a", "b"),
        states=("a", "b", "mood"),
    )


@pytest.fixture(scope="module")
def toy():
    return model_of(TOY)


@pytest.fixture(scope="module")
def patient():
    return build("patient")


def test_each_kind_of_equation_makes_edges_to_what_it_sets(toy):
    uses = dependencies(toy)
    assert uses["k_on"] == {"kd", "k_off"}
    assert uses["mood"] == {"signal", "fade"}
    assert uses["alarm"] == {"mood", "level", "loudness"}
    assert uses["begin"] == {"seed"}
    assert uses["kd"] == frozenset()


def test_a_species_in_a_kinetic_law_acts_on_every_species_the_reaction_changes(toy):
    uses = dependencies(toy)
    assert uses["a"] == {"b", "k_on", "k_in"}
    assert uses["b"] == {"a", "k_on", "begin"}
    assert uses["source"] == frozenset()


def test_time_compartments_and_functions_are_no_quantities(toy):
    uses = dependencies(toy)
    assert uses["signal"] == {"b", "k_half"}
    assert all("pot" not in names for names in uses.values())


def test_a_reaction_in_a_formula_stands_for_its_law(toy):
    assert {"a", "b", "k_on"} <= dependencies(toy)["flux"]


def test_dependents_turn_every_edge_round(toy):
    uses = dependencies(toy)
    acts_on = dependents(uses)
    assert acts_on["b"] == {"a", "signal", "flux"}
    edges = {(a, b) for b, names in uses.items() for a in names}
    assert edges == {(a, b) for a, names in acts_on.items() for b in names}


def test_a_shortest_path_goes_from_end_to_end(toy):
    assert shortest_path(toy, "seed", "alarm") == ("seed", "begin", "b", "signal", "mood", "alarm")
    assert shortest_path(toy, "mood", "mood") == ("mood",)


def test_there_is_no_path_against_the_arrows(toy):
    assert shortest_path(toy, "alarm", "seed") == ()


def test_an_unknown_quantity_is_told_with_the_nearest(toy):
    with pytest.raises(
        ModelValueError, match=r"unknown quantity 'moood' of toy\. Did you mean mood"
    ):
        shortest_path(toy, "moood", "alarm")


def test_constants_reach_a_quantity_through_what_does_not_change(toy):
    constants = governing_constants(toy)
    assert constants["k_on"] == {"kd", "k_off"}
    assert constants["b"] == {"kd", "k_off", "seed"}
    assert constants["mood"] == {"fade"}


def test_constants_of_a_path_are_those_of_its_steps_alone(toy):
    found = path_constants(toy, ("a", "b", "signal"))
    assert found == {"a": frozenset(), "b": {"kd", "k_off"}, "signal": {"k_half"}}
    assert path_constants(toy, ("k_on", "a"))["k_on"] == {"kd", "k_off"}


def test_equations_are_told_as_text(toy):
    texts = [item.text for item in equations(toy)]
    assert "J1: a -> b; rate pot * k_on * a * b" in texts
    assert "J2: source -> a; rate pot * k_in" in texts
    assert "d mood / dt = signal - fade * mood" in texts
    assert "alarm = loudness when mood > level" in texts
    assert [item.kind for item in equations_of(toy, "begin")] == ["initial"]


def test_every_path_of_the_expectations_is_a_chain_of_direct_edges(patient):
    uses = {"patient": dependencies(patient), "cell": dependencies(build("cell"))}
    runs_in = path_models(shipped_knowledge())
    paths = {item.id: item.path for item in load_expectations().values() if item.path}
    assert paths
    assert [name for name, path in paths.items() if not is_chain(uses[runs_in[name]], path)] == []


def test_a_chain_with_a_step_left_out_is_none(patient):
    uses = dependencies(patient)
    path = ("tumour_cxcl12_cxcr4", "stroma_now", "stroma_signal")
    assert is_chain(uses, path)
    assert not is_chain(uses, path[::2])
    assert not is_chain(uses, path[::-1])
    assert not is_chain(uses, ("no_such_quantity", "stroma_now"))


def test_affinities_of_absent_drugs_do_not_enter_the_path_of_the_ligand(patient):
    path = ("tumour_cxcl12", "tumour_cxcl12_cxcr4", "stroma_now")
    entering = frozenset().union(*path_constants(patient, path).values())
    assert "tumour_kd_cxcl12_cxcr4" in entering
    assert "kd_antagonist_cxcr4" not in entering


def test_the_axis_acts_on_growth_by_its_receptor_and_on_the_marrow_by_its_own(patient):
    to_growth = shortest_path(patient, "cxcr4_per_tumour_cell", "growth_drive")
    assert "tumour_cxcr4" in to_growth
    to_blood = shortest_path(patient, "cxcr4_per_host_cell", "cd34_blood")
    assert "marrow_retention" in to_blood
    assert not any(name.startswith("tumour_") for name in to_blood)


def test_coefficients_of_response_functions_are_no_parameters_of_a_step(patient):
    assert patient.coefficients
    entering = governing_constants(patient)
    assert not any(names & patient.coefficients for names in entering.values())
    path = shortest_path(patient, "positive_cxcr4", "positive_birth_drive")
    assert not frozenset().union(*path_constants(patient, path).values()) & patient.coefficients
