"""What rules make of signals: the loop over cells."""

from __future__ import annotations

import math

from cxaxis.core.arrays import FloatArray, IntArray
from cxaxis.tissue.jit import compiled


@compiled
def apply_rules(
    type_of: IntArray,
    dead: IntArray,
    signals: FloatArray,
    base: FloatArray,
    group_start: IntArray,
    group_column: IntArray,
    group_slot: IntArray,
    rule_start: IntArray,
    rule_signal: IntArray,
    rule_rises: IntArray,
    rule_saturation: FloatArray,
    rule_half_max: FloatArray,
    rule_power: FloatArray,
    rule_dead: IntArray,
    ruled: FloatArray,
) -> None:
    """Write every behaviour that a rule drives; NaN where none does.

    ``U = sum (s/h)^p`` over signals that raise a behaviour, ``D`` over those that lower it. The
    behaviour is ``b + (up - b) U / (1 + U)``, and from there goes to ``down`` by ``D / (1 + D)``.

    Parameters
    ----------
    signals
        Shape ``(n, n_signal)``; negative values count as 0.
    base
        Shape ``(n_type, n_behaviour)``.
    group_start
        First group of each type, and the end, ``(n_type + 1,)``. A group is one behaviour.
    group_column, group_slot
        Its columns in ``base`` and in ``ruled``.
    rule_start
        First rule of each group, and the end.
    rule_signal, rule_rises, rule_saturation, rule_half_max, rule_power, rule_dead
        One a rule; saturations are the same within a group and direction.
    ruled
        Shape ``(n, n_slot)``; overwritten.
    """
    for cell in range(type_of.shape[0]):
        ruled[cell, :] = math.nan
        own = type_of[cell]
        for group in range(group_start[own], group_start[own + 1]):
            up = down = 0.0
            high = low = 0.0
            holds = False
            for rule in range(rule_start[group], rule_start[group + 1]):
                if dead[cell] != 0 and rule_dead[rule] == 0:
                    continue
                holds = True
                value = signals[cell, rule_signal[rule]]
                part = 0.0
                if value > 0.0:
                    part = (value / rule_half_max[rule]) ** rule_power[rule]
                if rule_rises[rule] != 0:
                    up += part
                    high = rule_saturation[rule]
                else:
                    down += part
                    low = rule_saturation[rule]
            if not holds:
                continue
            # One minus the inverse: stays 1 where the sum overflows.
            risen = 1.0 - 1.0 / (1.0 + up)
            fallen = 1.0 - 1.0 / (1.0 + down)
            behaviour = base[own, group_column[group]]
            if up > 0.0:
                behaviour = (1.0 - risen) * behaviour + risen * high
            if down > 0.0:
                behaviour = (1.0 - fallen) * behaviour + fallen * low
            ruled[cell, group_slot[group]] = behaviour
