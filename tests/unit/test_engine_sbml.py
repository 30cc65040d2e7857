"""The reader of SBML: what becomes a state, what is held, where patients' values go."""

import math

import numpy as np
import pytest

from conformance.feature_case import level_1, level_3, to_sbml
from cxaxis.engine.doses import Dose, DoseTable
from cxaxis.engine.formulas import names_in
from cxaxis.engine.protocol import ParameterTable, Tolerances
from cxaxis.engine.reading import Reading, in_order, infusion_name, start_name
from cxaxis.engine.reference import ReferenceEngine
from cxaxis.engine.sbml import read_system
from engine_support import course, evaluate, held_at_start

MIXED = to_sbml(
    """
    model main_model()
      compartment c = 4, d
      d = 2*scale
      species s in c, $wall in c, $sum in c; const species $fixed in d
      s = 3; wall = 5; fixed = 7
      sum := s + wall
      scale = 1.5; k = 0.5; derived = 2*k
      r = 3*derived; r' = -k*r
      J: s -> ; k*s
      E: at time > 1: k = 0.25
    end
    """
)


def read(text, **options):
    return read_system(to_sbml(f"model main_model()\n{text}\nend"), **options)


def value_of(system, node, given=None):
    held = held_at_start(system, given)
    states = evaluate(system.graph, [state.start for state in system.states], held=held)
    return evaluate(system.graph, [node], states=states, held=held)[0]


def starts_of(system, given=None):
    held = held_at_start(system, given)
    values = evaluate(system.graph, [state.start for state in system.states], held=held)
    return {state.name: value for state, value in zip(system.states, values, strict=True)}


def test_every_quantity_has_its_role():
    system = read_system(MIXED)
    assert [state.name for state in system.states] == ["r", "s"]
    assert [held.name for held in system.held] == [
        "c", "d", "scale", "k", "derived", "wall", "fixed",
    ]  # fmt: skip
    assert [state.is_amount for state in system.states] == [False, True]
    assert set(system.doseable) == {"r", "s"}
    # What a formula decides at time 0 takes a patient's value only where one is announced.
    assert set(system.settable) == {"c", "scale", "k"}
    announced = read_system(MIXED, given=frozenset({"derived", "d", "wall", "s"}))
    assert set(announced.settable) == {"c", "scale", "k", "derived", "d", "wall", "s"}


def test_starting_amounts_follow_the_size_given():
    system = read_system(MIXED, given=frozenset({"c", "scale"}))
    held = dict(
        zip(
            [held.name for held in system.held],
            held_at_start(system, {"c": 10.0, "scale": 3.0}),
            strict=True,
        )
    )
    assert starts_of(system, {"c": 10.0})["s"] == 30
    assert held["wall"] == 50
    assert held["d"] == 6
    assert held["fixed"] == 42


def test_constants_given_decide_what_starts_from_them():
    system = read_system(MIXED, given=frozenset({"derived", "k"}))
    held = held_at_start(system, {"derived": 9.0, "k": 2.0})
    assert value_of(system, system.readable["derived"], {"derived": 9.0, "k": 2.0}) == 9
    assert evaluate(system.graph, [system.states[0].start], held=held) == [27.0]


def test_initial_assignments_are_inlined_down_to_constants():
    system = read_system(MIXED)
    assert starts_of(system, {"k": 2.0})["r"] == 12
    unset = {system.graph.held(i) for i, held in enumerate(system.held) if held.start is not None}
    for state in system.states:
        assert system.graph.leaves([state.start]).isdisjoint(unset)


def test_a_state_given_starts_there_and_leaves_the_formulas_of_others_alone():
    text = "species s; s = 2; y = 3*s; y' = 0;"
    system = read(text, given=frozenset({"s"}))
    assert start_name("s") in [held.name for held in system.held]
    assert starts_of(system, {"s": 10.0}) == {"s": 10.0, "y": 6.0}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"s": 1.25},
        {"r": 4.0},
        {"s": 3.0, "r": 1.0, "wall": 2.0},
    ],
    ids=str,
)
def test_the_start_is_that_of_the_reference_engine(given):
    outputs = ["s", "amount(s)", "r", "k", "derived", "c", "d", "sum", "wall", "fixed"]
    reference = ReferenceEngine().simulate(
        MIXED,
        ParameterTable(tuple(given), np.array([list(given.values())]).reshape(1, -1)),
        DoseTable(),
        np.array([0.0, 0.5]),
        outputs,
    )
    system = read_system(MIXED, given=frozenset(given))
    mine = [value_of(system, system.readable[name], given) for name in outputs]
    np.testing.assert_allclose(mine, reference.values[0, 0], rtol=1e-12)


def test_the_course_is_that_of_the_reference_engine():
    text = """
        compartment c = 3, w = 0.5; species a in c, b in w, e in c; a = 2; b = 0.1; e = 1
        k = 0.7; n = 2.3; total := a*c + b*w
        J1: a -> b; c*k*a^n/(1 + a^n); J2: b -> 2 e; 0.3*b; x' = total - x; x = 0
    """
    sbml = to_sbml(f"model main_model()\n{text}\nend")
    given = {"k": 1.1, "w": 0.8, "b": 0.3}
    outputs = ["a", "b", "e", "x", "total", "amount(e)"]
    times = np.linspace(0, 6, 7)
    reference = ReferenceEngine().simulate(
        sbml,
        ParameterTable(tuple(given), np.array([list(given.values())])),
        DoseTable(),
        times,
        outputs,
        tolerances=Tolerances(relative=1e-10, absolute=1e-12),
    )
    mine = course(read_system(sbml, given=frozenset(given)), times, outputs, given)
    np.testing.assert_allclose(mine, reference.values[0], rtol=1e-6, atol=1e-8)


def test_an_infusion_is_an_amount_per_time_into_species_and_rate_rules():
    text = "compartment c=4; species s in c, $b in c; s=0; b=0; x=0; x'=1; y:=x;"
    system = read(text, infused=frozenset({"s", "b", "x", "y", "nothing"}))
    assert set(system.infused) == {"s", "b", "x"}
    assert [system.held[i].name for i in system.infused.values()] == [
        infusion_name(name) for name in system.infused
    ]
    assert all(system.held[i].value == 0 for i in system.infused.values())
    held = held_at_start(system)
    for i in system.infused.values():
        held[i] = 2.0
    rates = evaluate(
        system.graph,
        [state.rate for state in system.states],
        states=[0.0] * len(system.states),
        held=held,
    )
    assert dict(zip([s.name for s in system.states], rates, strict=True)) == {
        "x": 3.0,
        "s": 2.0,
        "b": 2.0,
    }


def test_an_infusion_matches_the_reference_engine():
    sbml = to_sbml(
        "model main_model()\ncompartment c=4; species s in c; s=1; k=0.5; s -> ; k*s*c;\nend"
    )
    times = np.array([0.0, 1.0, 2.0])
    reference = ReferenceEngine().simulate(
        sbml,
        ParameterTable((), np.empty((1, 0))),
        DoseTable((Dose(patient=0, time=0.0, target="s", amount=6.0, duration=2.0),)),
        times,
        ["amount(s)"],
        tolerances=Tolerances(relative=1e-10, absolute=1e-12),
    )
    system = read_system(sbml, infused=frozenset({"s"}))
    # A constant of the system by its place: the interpreter knows no doses.
    node = system.graph.held(system.infused["s"])
    (rate,) = system.graph.substituted([system.states[0].rate], {node: system.graph.constant(3.0)})
    decay = evaluate(system.graph, [rate], states=[4.0], held=held_at_start(system))
    assert decay == [1.0]
    exact = 6 + (4 - 6) * np.exp(-0.5 * times)
    np.testing.assert_allclose(reference.values[0, :, 0], exact, rtol=1e-7)


def test_events_carry_their_settings_and_amounts():
    system = read(
        """
        compartment c = 4; species s in c; s = 1; p = 2; x = 0; x' = 1
        E: at 3 after x > p, priority=7, t0=false, persistent=false, fromTrigger=false: s = x, p = 9
        """
    )
    (event,) = system.events
    assert (event.name, event.starts_true, event.persistent) == ("E", False, False)
    assert event.values_at_trigger is False
    graph = system.graph
    assert evaluate(graph, [event.delay, event.priority]) == [3.0, 7.0]
    places = {(target.kind, target.index): node for target, node in event.assignments}
    names = [state.name for state in system.states]
    held = held_at_start(system)
    # The concentration x is an amount of x times the size.
    amount = evaluate(graph, [places["state", names.index("s")]], states=[2.5, 4.0], held=held)
    assert amount == [10.0]
    p = [h.name for h in system.held].index("p")
    assert evaluate(graph, [places["held", p]], held=held) == [9.0]
    trigger = [evaluate(graph, [event.trigger], states=[x, 4.0], held=held)[0] for x in (1.9, 2.1)]
    assert trigger == [0.0, 1.0]


def test_an_event_without_a_condition_is_left_out():
    text = level_3(
        """<listOfParameters><parameter id="p" value="1" constant="false"/></listOfParameters>
        <listOfEvents><event id="e" useValuesFromTriggerTime="true">
        <trigger initialValue="true" persistent="true"/></event></listOfEvents>"""
    )
    assert read_system(text).events == ()


def test_a_species_of_which_nothing_is_said_starts_absent():
    assert starts_of(read("species s; s -> ; s;")) == {"s": 0.0}


def test_a_long_sum_is_read():
    n = 3000
    law = " + ".join(["k"] * n)
    text = level_1(
        f"""<listOfCompartments><compartment name="c" volume="1"/></listOfCompartments>
        <listOfSpecies><species name="s" compartment="c" initialAmount="0"/></listOfSpecies>
        <listOfParameters><parameter name="k" value="2"/></listOfParameters>
        <listOfReactions><reaction name="r" reversible="false"><listOfProducts>
        <speciesReference species="s"/></listOfProducts><kineticLaw formula="{law}"/></reaction>
        </listOfReactions>"""
    )
    system = read_system(text)
    assert value_of(system, system.states[0].rate) == 2 * n


def test_a_long_chain_of_rules_and_starts_is_read():
    import libsbml

    links = 400
    document = libsbml.SBMLDocument(3, 2)
    model = document.createModel()
    for kind in "ab":
        for i in range(links + 1):
            parameter = model.createParameter()
            parameter.setId(f"{kind}{i}")
            parameter.setValue(5.0)
            parameter.setConstant(False)
    for i in range(links):
        rule = model.createAssignmentRule()
        rule.setVariable(f"a{i}")
        rule.setMath(libsbml.parseL3Formula(f"a{i + 1} + 1"))
        start = model.createInitialAssignment()
        start.setSymbol(f"b{i}")
        start.setMath(libsbml.parseL3Formula(f"b{i + 1} + 1"))
    findings = []
    reading = Reading(model, frozenset(), frozenset(), findings)
    held = [5.0] * len(reading.held)
    nodes = [reading.value("a0"), reading.start("b0")]
    assert evaluate(reading.graph, nodes, held=held) == [links + 5.0, links + 5.0]
    assert findings == []


def test_names_are_ordered_by_need():
    order = in_order({"a": ["b", "d"], "b": ["d", "e"], "d": ["outside"], "e": ["d"]})
    assert sorted(order) == ["a", "b", "d", "e"]
    assert order.index("d") < order.index("e") < order.index("b") < order.index("a")
    # A circle keeps all of its members.
    assert sorted(in_order({"a": ["b"], "b": ["a"]})) == ["a", "b"]


def test_names_of_a_formula_are_found_at_any_depth():
    import libsbml

    tree = libsbml.parseL3Formula("f(a, 2*b) + piecewise(d, time > e, -a)")
    assert names_in(tree) == {"a", "b", "d", "e"}


def test_formulas_share_their_parts():
    system = read("x = 1; y = 1; x' = exp(x*y) + y; y' = 2*exp(y*x) + y;")
    terms = [system.graph.term(node).op for node in range(len(system.graph))]
    assert terms.count("exp") == 1


def test_a_piecewise_without_a_branch_that_holds_has_no_value():
    system = read("y := piecewise(1, time > 5);")
    assert math.isnan(value_of(system, system.readable["y"]))
