"""Rules against closed forms of the grammar, and their findings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxaxis.core.errors import UserInputError
from cxaxis.tissue.records import CellType, Death, Motility, Phase, Rule
from cxaxis.tissue.rules import compile_rules
from cxaxis.tissue.signals import Grammar

GRAMMAR = Grammar(substrates=("C", "oxygen"), types=("cell", "other"), customs=("p",), n_phase=1)
CELL = CellType(
    id="cell",
    motility=Motility(speed_um_per_min=2.0),
    cycle=(Phase(id="live", duration_min=100.0),),
    deaths=(Death(kind="apoptosis", rate_per_min=0.1),),
)


def rule(signal="C", direction="increases", saturation=8.0, half_max=0.5, power=4.0, **more):
    return Rule(
        **{
            "cell_type": "cell",
            "signal": signal,
            "direction": direction,
            "behaviour": "migration speed",
            "saturation": saturation,
            "half_max": half_max,
            "power": power,
            **more,
        }
    )


def speed(rules, *, dead=False, own=0, **signals):
    compiled = compile_rules(rules, GRAMMAR, (CELL, CellType(id="other")))
    names = list(GRAMMAR.signals)
    values = np.array([[signals.get(names[column], 0.0) for column in compiled.signals]])
    return compiled.apply(np.array([own]), np.array([dead]), values)[0, 0]


def test_a_signal_drives_from_base_over_half_to_saturation():
    rules = [rule()]
    assert speed(rules, C=0.0) == 2.0
    assert speed(rules, C=0.5) == pytest.approx(5.0)
    assert speed(rules, C=1e100) == pytest.approx(8.0)
    assert speed(rules, C=-1.0) == 2.0


@given(st.floats(0, 50), st.floats(0.1, 10), st.floats(0.5, 8))
def test_one_rule_is_a_hill_function(signal, half_max, power):
    share = signal**power / (signal**power + half_max**power)
    assert speed([rule(half_max=half_max, power=power)], C=signal) == pytest.approx(2 + 6 * share)


def test_signals_of_one_direction_add_and_what_lowers_comes_after_what_raises():
    rules = [
        rule(),
        rule("oxygen", half_max=2.0, power=1.0),
        rule("pressure", "decreases", saturation=0.0, half_max=1.0, power=2.0),
        rule("custom p", "decreases", saturation=0.0, half_max=3.0, power=1.0),
    ]
    up = (0.4 / 0.5) ** 4 + 1.0 / 2.0
    down = 0.7**2 + 1.5 / 3
    risen = 2 + 6 * up / (1 + up)
    signals = {"C": 0.4, "oxygen": 1.0, "pressure": 0.7, "custom:p": 1.5}
    assert speed(rules, **signals) == pytest.approx(risen * (1 - down / (1 + down)))


def test_rules_bind_their_own_type_and_the_dead_only_where_said():
    assert np.isnan(speed([rule()], own=1, C=1.0))
    assert np.isnan(speed([rule()], dead=True, C=0.5))
    both = [rule(), rule("oxygen", half_max=1.0, power=1.0, applies_to_dead=True)]
    assert speed(both, dead=True, C=100.0, oxygen=1.0) == pytest.approx(5.0)


def test_every_behaviour_and_signal_of_the_grammar_can_be_ruled():
    for name in GRAMMAR.behaviours:
        if name != "necrosis":
            compile_rules([rule(behaviour=name)], GRAMMAR, (CELL, CellType(id="other")))
    for name in GRAMMAR.signals:
        compile_rules([rule(name)], GRAMMAR, (CELL, CellType(id="other")))
    assert GRAMMAR.behaviour("cycle entry") == GRAMMAR.behaviours["exit from cycle phase 0"]


def test_every_fault_of_every_rule_is_named_at_once():
    rules = [
        rule("oxigen"),
        rule(behaviour="migration spead", cell_type="cel"),
        rule(half_max=0.0),
        rule(saturation=9.0),
        rule(behaviour="necrosis"),
        rule(behaviour="exit from cycle phase 0", cell_type="other"),
    ]
    with pytest.raises(UserInputError, match="did you mean 'oxygen'") as caught:
        compile_rules(rules, GRAMMAR, (CELL, CellType(id="other")))
    assert {finding.code for finding in caught.value.findings} == {f"TISSUE01{k}" for k in range(7)}
