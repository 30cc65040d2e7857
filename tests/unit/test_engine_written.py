"""Texts that differ in numbers alone: their systems are those that reading them gives."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from cxaxis.engine.doses import DoseTable
from cxaxis.engine.loading import _alike, load_system
from cxaxis.engine.population import PopulationEngine
from cxaxis.engine.protocol import ParameterTable
from cxaxis.engine.refusals import UnsupportedModelError
from cxaxis.engine.sbml import read_system
from cxaxis.engine.system import System
from cxaxis.engine.written import taken_apart, with_numbers
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.models.build import build
from cxaxis.models.wiring import wiring_from

MATH = '<math xmlns="http://www.w3.org/1998/Math/MathML">'
TIMES = np.linspace(0.0, 3.0, 7)


def text(
    k: str = "0.4", *, w: str = "0", x: str = "1", comment: str = "", local: str = "own"
) -> str:
    """A decay with a held rate, a start that is computed and a rate constant of its own."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
    {comment}
    <sbml xmlns="http://www.sbml.org/sbml/level2/version4" level="2" version="4"><model id="m">
      <listOfCompartments><compartment id="c" size="2"/></listOfCompartments>
      <listOfSpecies><species id="S" compartment="c" initialConcentration="3"/></listOfSpecies>
      <listOfParameters>
        <parameter id="k" value="{k}"/>
        <parameter id="w" value="{w}"/>
        <parameter id="x" value="{x}" constant="false"/>
        <parameter id="twice" value="5"/>
      </listOfParameters>
      <listOfInitialAssignments><initialAssignment symbol="twice">{MATH}
        <apply><times/><cn>2</cn><ci>k</ci></apply></math></initialAssignment>
      </listOfInitialAssignments>
      <listOfRules><rateRule variable="x">{MATH}
        <apply><plus/><apply><times/><ci>k</ci><ci>twice</ci></apply><ci>w</ci></apply>
      </math></rateRule></listOfRules>
      <listOfReactions><reaction id="r" reversible="false">
        <listOfReactants><speciesReference species="S"/></listOfReactants>
        <kineticLaw>{MATH}<apply><times/><ci>k</ci><ci>{local}</ci><ci>S</ci></apply></math>
          <listOfParameters><parameter id="{local}" value="0.5"/></listOfParameters></kineticLaw>
      </reaction></listOfReactions></model></sbml>"""


def put(one: str, other: str) -> System | None:
    """Return the second text's system made from the first, or None."""
    return with_numbers(read_system(one), taken_apart(one), taken_apart(other))


def values(sbml: str) -> np.ndarray:
    engine = PopulationEngine(lanes=1)
    none = ParameterTable((), np.empty((1, 0)))
    return engine.simulate(sbml, none, DoseTable(), TIMES, ["S", "x", "twice"]).values


def test_a_number_of_a_held_value_is_put_in_its_place():
    found, read = put(text(), text("0.7", w="-0.25")), read_system(text("0.7", w="-0.25"))
    assert found is not None
    assert found.held == read.held
    assert (found.states, found.events, found.readable) == (
        read.states,
        read.events,
        read.readable,
    )
    dated = put(text(), text("0.7", comment="<!-- made today -->"))
    assert dated is not None
    assert dated.held == read_system(text("0.7")).held


@pytest.mark.parametrize(
    "other",
    [
        text(x="2"),  # the start of a state is part of a formula
        text("INF"),
        text("NaN"),
        text().replace('"0.5"', '"0.6"'),  # a reaction's own constant is too
        text().replace('value="5"', 'value="6"'),  # a formula overrules it
        text().replace('size="2"', 'size="4"'),
        text().replace("<times/>", "<plus/>", 1),
        text(local="k"),
        text().replace('id="k" value="0.4"', "id='k' value='0.9'"),
    ],
)
def test_what_is_more_than_a_held_number_is_read(other):
    assert put(text(), other) is None


def test_a_constant_of_a_reaction_that_hides_another_is_not_taken_for_it():
    one = text(local="k")
    other = one.replace('id="k" value="0.5"', 'id="k" value="0.4"')
    assert "k" not in taken_apart(one).values
    assert put(one, other) is None


def test_the_sign_of_a_zero_is_a_change():
    found = put(text(w="0"), text(w="-0"))
    assert found is not None
    (held,) = [each for each in found.held if each.name == "w"]
    assert np.signbit(held.value)


def in_another_process() -> None:
    """Forget what this one has read; what lies in the cache stays."""
    load_system.cache_clear()
    _alike.cache_clear()


def test_what_one_process_has_read_the_next_has_from_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("CXAXIS_CACHE_DIR", str(tmp_path))
    whole = read_system(text("0.7"), given=frozenset(["w"]))
    read = []

    def reading(*arguments, **more):
        read.append(arguments)
        return read_system(*arguments, **more)

    monkeypatch.setattr("cxaxis.engine.sbml.read_system", reading)
    graphs = []
    for damage in (False, False, True, False):
        in_another_process()
        (kept,) = tmp_path.glob("systems/*") if read else (None,)
        if damage:
            kept.write_bytes(kept.read_bytes()[:-1] + b"?")
        for k in ("0.4", "0.7"):
            found = load_system(text(k), frozenset(["w"]), frozenset())
        graphs.append(found.graph)
        nodes = range(len(whole.graph))
        assert [found.graph.term(n) for n in nodes] == [whole.graph.term(n) for n in nodes]
        assert repr((found.states, found.held)) == repr((whole.states, whole.held))
        assert found.settable == whole.settable
        # What was made before the graph was kept is found again in it.
        for number in (0.0, 1.0, 0.5, math.nan):
            assert found.graph.constant(number) == whole.graph.constant(number)
    # Once, and once more for the damaged file.
    assert len(read) == 2
    assert len({id(graph) for graph in graphs}) == 4


def test_an_unsound_text_is_read_every_time(monkeypatch, tmp_path):
    monkeypatch.setenv("CXAXIS_CACHE_DIR", str(tmp_path))
    for _ in range(2):
        in_another_process()
        with pytest.raises(UnsupportedModelError, match="SBML105"):
            load_system(text("NaN"), frozenset(), frozenset())
    assert not list(tmp_path.rglob("systems/*"))


def test_texts_that_share_formulas_keep_their_own_courses():
    in_another_process()
    texts = [text(k, w=w) for k in ("0.1", "0.4", "1.5") for w in ("0", "2")]
    first = [values(each) for each in texts]
    graphs = {id(load_system(t, frozenset(), frozenset()).graph) for t in texts}
    assert len(graphs) == 1
    # S decays by k * own * [S] in a volume of 2; x grows by 2 k^2 + w; each text its own.
    for (k, w), course in zip(
        [(k, w) for k in (0.1, 0.4, 1.5) for w in (0.0, 2.0)], first, strict=True
    ):
        np.testing.assert_allclose(course[0, :, 0], 3 * np.exp(-k * 0.25 * TIMES), rtol=1e-3)
        np.testing.assert_allclose(course[0, :, 1], 1 + (2 * k * k + w) * TIMES, rtol=1e-3)
        np.testing.assert_allclose(course[0, :, 2], 2 * k)
    # In another order the numbers are the same to the last bit.
    in_another_process()
    again = [values(each) for each in reversed(texts)]
    for one, other in zip(first, reversed(again), strict=True):
        np.testing.assert_array_equal(one, other)


def test_patients_of_rival_mechanisms_share_their_formulas():
    rows = load_parameters()
    other = {**rows, "k_loss_cxcl12": replace(rows["k_loss_cxcl12"], value=0.5)}
    drawn = [build("patient", rows), build("patient", rows, wiring_from({"niche_release": "on"}))]
    drawn.append(build("patient", other))
    assert len({model.sbml for model in drawn}) == 3
    given, infused = frozenset(["age"]), frozenset(["plasma_cisplatin"])
    systems = [load_system(model.sbml, given, infused) for model in drawn]
    assert len({id(system.graph) for system in systems}) == 1
    read = read_system(drawn[1].sbml, given=given, infused=infused)
    assert repr(systems[1].held) == repr(read.held)
    assert systems[1].states == read.states
