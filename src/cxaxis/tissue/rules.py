"""Rules of a tissue, ready to be applied to all its cells at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cxaxis.core.arrays import BoolArray, FloatArray, IntArray
from cxaxis.core.errors import Finding, error, raise_on_errors
from cxaxis.tissue.records import CellType, Rule
from cxaxis.tissue.rules_kernels import apply_rules
from cxaxis.tissue.signals import Grammar, base_behaviours, unknown_name


@dataclass(frozen=True, eq=False)
class CompiledRules:
    """Rules as arrays.

    Attributes
    ----------
    base
        Behaviours before rules, ``(n_type, n_behaviour)``.
    columns
        Behaviours that rules drive, ``(n_slot,)``.
    signals
        Signals that they read, ``(n_signal,)``.
    """

    base: FloatArray
    columns: IntArray
    signals: IntArray
    group_start: IntArray
    group_column: IntArray
    group_slot: IntArray
    rule_start: IntArray
    rule_signal: IntArray
    rule_rises: IntArray
    rule_saturation: FloatArray
    rule_half_max: FloatArray
    rule_power: FloatArray
    rule_dead: IntArray

    def apply(self, type_of: IntArray, dead: BoolArray, signals: FloatArray) -> FloatArray:
        """Return what rules make of each behaviour, ``(n, n_slot)``; NaN where none holds.

        Parameters
        ----------
        signals
            In the order of `signals`, ``(n, n_signal)``.
        """
        ruled = np.empty((len(type_of), len(self.columns)))
        apply_rules(
            type_of,
            dead.astype(np.int64),
            np.ascontiguousarray(signals),
            self.base,
            self.group_start,
            self.group_column,
            self.group_slot,
            self.rule_start,
            self.rule_signal,
            self.rule_rises,
            self.rule_saturation,
            self.rule_half_max,
            self.rule_power,
            self.rule_dead,
            ruled,
        )
        return ruled


def compile_rules(
    rules: Sequence[Rule], grammar: Grammar, types: Sequence[CellType]
) -> CompiledRules:
    """Return rules as arrays.

    Raises
    ------
    UserInputError
        Naming every rule with an unknown cell type, signal or behaviour, a half-maximum or power
        that is not positive, a saturation that is not a number or differs from that of another
        rule of the same behaviour and direction, or a death or phase that its type lacks.
    """
    raise_on_errors([finding for k, rule in enumerate(rules) for finding in _check(
        k, rule, rules, grammar, types)])  # fmt: skip
    groups: defaultdict[tuple[int, int], list[Rule]] = defaultdict(list)
    for rule in rules:
        column = grammar.behaviour(rule.behaviour)
        assert column is not None
        groups[grammar.types.index(rule.cell_type), column].append(rule)
    keys = sorted(groups)
    columns = sorted({column for _, column in keys})
    used = sorted({_signal(rule, grammar) for rule in rules})
    flat = [rule for key in keys for rule in groups[key]]
    sizes = [len(groups[key]) for key in keys]
    per_type = np.bincount([key[0] for key in keys], minlength=len(types))
    return CompiledRules(
        base=base_behaviours(grammar, types),
        columns=_whole(columns),
        signals=_whole(used),
        group_start=_whole([0, *np.cumsum(per_type)]),
        group_column=_whole([key[1] for key in keys]),
        group_slot=_whole([columns.index(key[1]) for key in keys]),
        rule_start=_whole([0, *np.cumsum(sizes)]),
        rule_signal=_whole([used.index(_signal(rule, grammar)) for rule in flat]),
        rule_rises=_whole([rule.direction == "increases" for rule in flat]),
        rule_saturation=_real([rule.saturation for rule in flat]),
        rule_half_max=_real([rule.half_max for rule in flat]),
        rule_power=_real([rule.power for rule in flat]),
        rule_dead=_whole([rule.applies_to_dead for rule in flat]),
    )


def _signal(rule: Rule, grammar: Grammar) -> int:
    column = grammar.signal(rule.signal)
    assert column is not None
    return column


def _check(
    number: int,
    rule: Rule,
    rules: Sequence[Rule],
    grammar: Grammar,
    types: Sequence[CellType],
) -> list[Finding]:
    where = f"rule {number + 1}"
    found = []
    if rule.cell_type not in grammar.types:
        found.append(unknown_name("TISSUE010", where, "cell type", rule.cell_type, grammar.types))
    if grammar.signal(rule.signal) is None:
        found.append(unknown_name("TISSUE011", where, "signal", rule.signal, grammar.signals))
    column = grammar.behaviour(rule.behaviour)
    if column is None:
        found.append(
            unknown_name("TISSUE012", where, "behaviour", rule.behaviour, grammar.behaviours)
        )
    if not (rule.half_max > 0 and rule.power > 0 and np.isfinite(rule.saturation)):
        message = (
            f"half_max {rule.half_max!r} and power {rule.power!r} must be positive and saturation "
            f"{rule.saturation!r} finite."
        )
        found.append(error("TISSUE013", where, message))
    for earlier in rules[:number]:
        same = (
            (earlier.cell_type, earlier.direction) == (rule.cell_type, rule.direction)
            and grammar.behaviour(earlier.behaviour) == column
            and column is not None
        )
        if same and earlier.saturation != rule.saturation:
            message = (
                f"{rule.behaviour!r} of {rule.cell_type} is driven to {rule.saturation!r} here and "
                f"to {earlier.saturation!r} by an earlier rule of the same direction; "
                "give both one saturation."
            )
            found.append(error("TISSUE014", where, message))
            break
    found += _check_owner(where, rule, grammar, types)
    return found


def _check_owner(
    where: str, rule: Rule, grammar: Grammar, types: Sequence[CellType]
) -> list[Finding]:
    owner = next((t for t in types if t.id == rule.cell_type), None)
    column = grammar.behaviour(rule.behaviour)
    if owner is None or column is None:
        return []
    name = next(name for name, place in grammar.behaviours.items() if place == column)
    if name in {"apoptosis", "necrosis"} and name not in {death.kind for death in owner.deaths}:
        message = f"{owner.id} has no {name} for a rule to drive; give it one, with rate 0."
        return [error("TISSUE015", where, message)]
    if name.startswith("exit from cycle phase") and int(name.split()[-1]) >= len(owner.cycle):
        message = (
            f"the cycle of {owner.id} has {len(owner.cycle)} phases; {rule.behaviour!r} is none."
        )
        return [error("TISSUE016", where, message)]
    return []


def _whole(values: Sequence[object]) -> IntArray:
    return np.array(values, dtype=np.int64)


def _real(values: Sequence[float]) -> FloatArray:
    return np.array(values, dtype=np.float64)
