"""Volume, cycle, death, touch and eating of cells: loops over cells."""

from __future__ import annotations

import math

import numpy as np

from cxaxis.core.arrays import FloatArray, IntArray
from cxaxis.tissue.counter_random import (
    ATTACK,
    DEATH,
    DIVISION,
    ENGULFMENT,
    PHASE,
    TRANSFORMATION,
    uniform_pair,
    unit_vector,
)
from cxaxis.tissue.jit import compiled

# Columns of a row that says how a body changes.
FLUID_RATE, CYTOPLASM_RATE, NUCLEAR_RATE, CALCIFICATION_RATE, FLUID_TARGET = range(5)
NUCLEAR_TARGET, CYTOPLASM_TARGET = 5, 6
N_BODY = 7

# What becomes of a cell in a step.
STAYS, DIVIDES, ENDS = 0, 1, 2


@compiled
def regulate_volume(
    active: IntArray,
    row: IntArray,
    body: FloatArray,
    growth: FloatArray,
    dt_min: float,
    fluid: FloatArray,
    nuclear_fluid: FloatArray,
    nuclear_solid: FloatArray,
    cytoplasmic_solid: FloatArray,
    calcified: FloatArray,
) -> None:
    """Bring the parts of every cell towards their targets, each exactly over the step.

    Solids relax to their targets; fluid to its share of a total that counts the solids at the end
    of the step. PhysiCell takes one explicit step of the same equations.

    Parameters
    ----------
    row
        Row of ``body`` that each cell follows.
    body
        Rates per minute, fluid fraction and solids (um3) aimed at, ``(n_row, 7)``.
    growth
        Multiple of these solids.
    """
    for cell in range(active.shape[0]):
        if active[cell] == 0:
            continue
        rule = body[row[cell]]
        target = rule[NUCLEAR_TARGET] * growth[cell]
        left = math.exp(-rule[NUCLEAR_RATE] * dt_min)
        nuclear_solid[cell] = target + (nuclear_solid[cell] - target) * left
        target = rule[CYTOPLASM_TARGET] * growth[cell]
        left = math.exp(-rule[CYTOPLASM_RATE] * dt_min)
        cytoplasmic_solid[cell] = target + (cytoplasmic_solid[cell] - target) * left
        solid = nuclear_solid[cell] + cytoplasmic_solid[cell]
        share = rule[FLUID_TARGET]
        if share >= 1.0:
            fluid[cell] += rule[FLUID_RATE] * dt_min * solid
        else:
            target = solid * share / (1.0 - share)
            left = math.exp(-rule[FLUID_RATE] * (1.0 - share) * dt_min)
            fluid[cell] = target + (fluid[cell] - target) * left
        calcified[cell] += (1.0 - calcified[cell]) * (
            1.0 - math.exp(-rule[CALCIFICATION_RATE] * dt_min)
        )
        # The nucleus keeps its share of all solids in fluid as well.
        if solid > 0.0:
            nuclear_fluid[cell] = fluid[cell] * nuclear_solid[cell] / solid
        else:
            nuclear_fluid[cell] = min(nuclear_fluid[cell], fluid[cell])


@compiled
def live_on(
    cell_id: IntArray,
    type_of: IntArray,
    active: IntArray,
    volume_um3: FloatArray,
    death_rates: FloatArray,
    death_place: IntArray,
    rupture_ratio: FloatArray,
    exit_rates: FloatArray,
    n_phase: IntArray,
    phase_fixed: IntArray,
    phase_ends: IntArray,
    phase_grows: IntArray,
    phase_bursts: IntArray,
    dead_rates: FloatArray,
    seed: int,
    step: int,
    dt_min: float,
    death: IntArray,
    phase: IntArray,
    elapsed_min: FloatArray,
    growth: FloatArray,
    rupture_um3: FloatArray,
    ruptured: IntArray,
    heading: FloatArray,
    fate: IntArray,
) -> None:
    """Let cells die, go on in their cycle or in their death, and say what becomes of each.

    Parameters
    ----------
    death_rates
        Of apoptosis and necrosis, ``(n, 2)``.
    death_place
        1 + place of each kind among the deaths of a type, 0 if it has none, ``(n_type, 2)``.
    exit_rates
        Rate at which each living cell leaves its phase, ``(n, n_phase)``; for fixed phases one
        over their duration.
    n_phase, phase_fixed, phase_ends, phase_grows, phase_bursts, dead_rates
        By type, then by course (0 the cycle, then the deaths), then by phase.
    fate
        Written: `STAYS`, `DIVIDES` or `ENDS`.
    """
    for cell in range(cell_id.shape[0]):
        fate[cell] = STAYS
        if active[cell] == 0:
            continue
        own = type_of[cell]
        if death[cell] == 0:
            chances = uniform_pair(seed, cell_id[cell], DEATH, step)
            for kind in range(2):
                rate = death_rates[cell, kind]
                happens = chances[kind] < 1.0 - math.exp(-rate * dt_min)
                if happens and death_place[own, kind] > 0:
                    death[cell] = death_place[own, kind]
                    break
            if death[cell] != 0:
                phase[cell] = 0
                elapsed_min[cell] = 0.0
                rupture_um3[cell] = rupture_ratio[own] * volume_um3[cell]
                ruptured[cell] = 0
                growth[cell] = 1.0
                heading[cell, :] = 0.0
                if n_phase[own, death[cell]] == 0:
                    fate[cell] = ENDS
                continue
        course = death[cell]
        if n_phase[own, course] == 0:
            continue
        at = phase[cell]
        elapsed_min[cell] += dt_min
        rate = exit_rates[cell, at] if course == 0 else dead_rates[own, course, at]
        left_over = 0.0
        if phase_bursts[own, course, at] != 0:
            leaves = volume_um3[cell] >= rupture_um3[cell]
        elif phase_fixed[own, course, at] != 0:
            # A part in 1e9 of the step: sums of steps must not miss a whole number of them.
            leaves = rate > 0.0 and elapsed_min[cell] >= 1.0 / rate - 1e-9 * dt_min
            if leaves:
                left_over = max(0.0, elapsed_min[cell] - 1.0 / rate)
        else:
            leaves = rate > 0.0 and uniform_pair(seed, cell_id[cell], PHASE, step)[
                0
            ] < 1.0 - math.exp(-rate * dt_min)
        if not leaves:
            continue
        if phase_bursts[own, course, at] != 0:
            ruptured[cell] = 1
        if course != 0 and (phase_ends[own, course, at] != 0 or at + 1 >= n_phase[own, course]):
            fate[cell] = ENDS
            continue
        phase[cell] = (at + 1) % n_phase[own, course]
        elapsed_min[cell] = left_over
        if course == 0:
            if phase_grows[own, 0, phase[cell]] != 0:
                growth[cell] = 2.0
            if phase_ends[own, 0, at] != 0:
                fate[cell] = DIVIDES
                growth[cell] = 1.0


@compiled
def axes_of_division(cell_id: IntArray, seed: int, step: int, flat: bool) -> FloatArray:
    """Return the direction in which each of some cells divides, ``(n, 3)``."""
    axis = np.empty((cell_id.shape[0], 3))
    for cell in range(cell_id.shape[0]):
        x, y, z = unit_vector(seed, cell_id[cell], DIVISION, step, flat)
        axis[cell, 0], axis[cell, 1], axis[cell, 2] = x, y, z
    return axis


@compiled
def transform(
    cell_id: IntArray, able: IntArray, rates: FloatArray, seed: int, step: int, dt_min: float
) -> IntArray:
    """Return the type that each cell turns into, -1 where it stays what it is, ``(n,)``.

    Parameters
    ----------
    able
        Living active cells.
    rates
        To each type, ``(n, n_type)``.
    """
    chosen = np.full(cell_id.shape[0], -1)
    for cell in range(cell_id.shape[0]):
        if able[cell] == 0:
            continue
        total = 0.0
        for to in range(rates.shape[1]):
            total += rates[cell, to]
        if total <= 0.0:
            continue
        first, second = uniform_pair(seed, cell_id[cell], TRANSFORMATION, step)
        if first >= 1.0 - math.exp(-total * dt_min):
            continue
        part = second * total
        for to in range(rates.shape[1]):
            part -= rates[cell, to]
            if rates[cell, to] > 0.0:
                chosen[cell] = to
                if part < 0.0:
                    break
    return chosen


@compiled
def count_contacts(
    packed: FloatArray,
    order: IntArray,
    start: IntArray,
    shape: IntArray,
    bin_of: IntArray,
    death: IntArray,
    counts: FloatArray,
) -> None:
    """Count the cells within reach of each, by type, then living, then dead.

    Parameters
    ----------
    packed
        As `cxaxis.tissue.mechanics_kernels.pack` gives it.
    counts
        Written by row, ``(n, n_type + 2)``; 0 at the start.
    """
    nx, ny, nz = shape
    n_type = counts.shape[1] - 2
    for place in range(order.shape[0]):
        cell = order[place]
        bx, by, bz = bin_of[place]
        for kz in range(max(bz - 1, 0), min(bz + 2, nz)):
            for ky in range(max(by - 1, 0), min(by + 2, ny)):
                line = nx * (ky + ny * kz)
                for other in range(start[line + max(bx - 1, 0)], start[line + min(bx + 2, nx)]):
                    dx = packed[place, 0] - packed[other, 0]
                    dy = packed[place, 1] - packed[other, 1]
                    dz = packed[place, 2] - packed[other, 2]
                    contact = packed[place, 4] + packed[other, 4]
                    if other == place or dx * dx + dy * dy + dz * dz > contact * contact:
                        continue
                    counts[cell, int(packed[other, 7])] += 1.0
                    counts[cell, n_type + (1 if death[order[other]] != 0 else 0)] += 1.0


@compiled
def interact(
    packed: FloatArray,
    order: IntArray,
    start: IntArray,
    shape: IntArray,
    bin_of: IntArray,
    cell_id: IntArray,
    death: IntArray,
    active: IntArray,
    does: IntArray,
    attack: FloatArray,
    engulf: FloatArray,
    engulf_dead: FloatArray,
    damage_rate: FloatArray,
    seed: int,
    step: int,
    dt_min: float,
    damage: FloatArray,
    attack_min: FloatArray,
    fluid: FloatArray,
    nuclear_solid: FloatArray,
    cytoplasmic_solid: FloatArray,
    internal: FloatArray,
    eaten: IntArray,
) -> int:
    """Let cells attack and engulf those within reach; at most one of each per cell and step.

    A cell acts with the summed rate of its neighbours and picks one in proportion to its rate.
    What an engulfed cell is made of goes to the cytoplasm and fluid of the one that engulfs it.

    Parameters
    ----------
    does
        Whether a cell attacks or engulfs anything, ``(n,)``; others are passed over.
    attack, engulf
        Rates by type of the other, ``(n, n_type)``.
    engulf_dead
        Rate towards dead cells, ``(n,)``.
    eaten
        Written: 1 for engulfed cells, which are without volume from then on.

    Returns
    -------
    How many cells were engulfed.
    """
    nx, ny, nz = shape
    count = 0
    for place in range(order.shape[0]):
        cell = order[place]
        if does[cell] == 0 or active[cell] == 0 or eaten[cell] != 0:
            continue
        bx, by, bz = bin_of[place]
        for action in range(2):
            purpose = ATTACK if action == 0 else ENGULFMENT
            threshold = -1.0
            total = 0.0
            victim = -1
            # First round sums the rates, second picks.
            for turn in range(2):
                passed = 0.0
                for kz in range(max(bz - 1, 0), min(bz + 2, nz)):
                    for ky in range(max(by - 1, 0), min(by + 2, ny)):
                        line = nx * (ky + ny * kz)
                        begin = start[line + max(bx - 1, 0)]
                        for other in range(begin, start[line + min(bx + 2, nx)]):
                            row = order[other]
                            if other == place or eaten[row] != 0:
                                continue
                            kind = int(packed[other, 7])
                            if action == 0:
                                rate = attack[cell, kind] if death[row] == 0 else 0.0
                            elif death[row] == 0:
                                rate = engulf[cell, kind]
                            else:
                                rate = engulf_dead[cell]
                            if rate <= 0.0:
                                continue
                            dx = packed[place, 0] - packed[other, 0]
                            dy = packed[place, 1] - packed[other, 1]
                            dz = packed[place, 2] - packed[other, 2]
                            contact = packed[place, 4] + packed[other, 4]
                            if dx * dx + dy * dy + dz * dz > contact * contact:
                                continue
                            passed += rate
                            if turn == 1 and (victim < 0 or passed - rate <= threshold):
                                victim = row
                if turn == 0:
                    total = passed
                    if total <= 0.0:
                        break
                    first, second = uniform_pair(seed, cell_id[cell], purpose, step)
                    if first >= 1.0 - math.exp(-total * dt_min):
                        break
                    threshold = second * total
            if victim < 0:
                continue
            if action == 0:
                damage[victim] += damage_rate[cell] * dt_min
                attack_min[victim] += dt_min
            else:
                fluid[cell] += fluid[victim]
                cytoplasmic_solid[cell] += nuclear_solid[victim] + cytoplasmic_solid[victim]
                fluid[victim] = nuclear_solid[victim] = cytoplasmic_solid[victim] = 0.0
                for s in range(internal.shape[1]):
                    internal[cell, s] += internal[victim, s]
                    internal[victim, s] = 0.0
                eaten[victim] = 1
                count += 1
    return count
