"""Experiments on one cell that checks share: a dish in a world, and its answer to ligand.

A world gives the cell what it gives the patient: parameters drawn from what is not known and one
of each pair of rival mechanisms; of what the cell was calibrated on it takes a draw of the
posterior (`cell_worlds`). The kind of cell fixes its receptor, arrestin and ligand numbers.
Courses are simulated once for a world and its changes, with every usual output, so that many
checks cost one simulation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Final

import numpy as np

from cxaxis.cell.course import CellCourse, Dish, Phase, dish, run_phases
from cxaxis.claims.cell_worlds import held, learned
from cxaxis.claims.context import CheckContext, WorldFailedError
from cxaxis.claims.records import Control
from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import ModelValueError, SimulationFailedError
from cxaxis.core.ids import did_you_mean
from cxaxis.engine.choice import POPULATION
from cxaxis.knowledge.cell_contexts import cell_context

MINUTE_S: Final = 60.0
HOUR_S: Final = 3600.0
SATURATING_NM: Final = 100.0
"""Ligand (nM of medium) at which receptors of every context are nearly all occupied."""

TRACE: Final = 1e-9
"""Receptors of a cell that has none, so that shares of its receptors stay defined."""

PANEL_TIMES_S: Final = tuple(
    float(t)
    for t in np.concatenate(
        [np.arange(0.0, 180.0, 2.0), np.arange(180.0, 1200.0, 20.0), np.arange(1200.0, 5401.0, 60)]
    )
)
"""Seconds after ligand at which a panel is read: 90 minutes, close together at first."""

PANEL_OUTPUTS: Final = (
    # Ligand and receptors.
    *("cxcl12", "cxcl12_cxcr4_inactive", "cxcl12_cxcr4_on", "cxcl12_cxcr4_p"),
    *("arrestin_cxcr4_cxcl12", "cxcl12_ackr3", "arrestin_ackr3_cxcl12", "cxcr4_active"),
    *("arrestin_cxcr4", "arrestin_ackr3", "arrestin_free"),
    *("cxcr4_surface", "cxcr4_total", "cxcr4_internal", "arrestin_cxcr4_internal", "cxcr4_spent"),
    *("ackr3", "ackr3_surface", "ackr3_total"),
    # G protein, messengers.
    *("gi", "gi_gtp", "gbg", "camp", "plc_rate", "pip2", "ip3", "dag", "pip3"),
    *("calcium", "calcium_free", "er_calcium"),
    # Kinases and small G proteins, as shares of their pools.
    *("src_share", "fak_share", "mtorc2_share", "akt_share", "ras_share", "mek_share"),
    *("erk_share", "erk_active", "erk_arrestin", "jak2_share", "stat3_share", "gsk3b_share"),
    *("pyk2_active", "jnk_active", "p38_active", "rac1_share", "cdc42_share", "rhoa_gtp"),
    *("catenin", "bad_silent", "lc3", "autophagy_flux"),
)
# What keeps up the receptor numbers of a kind of cell.
_GENES: Final = {
    "cxcr4_per_tumour_cell": ("cxcr4_gene",),
    "ackr3_per_tumour_cell": ("ackr3_gene",),
}
_BRIEFLY_S: Final = 1e-6


def cell_dish(ctx: CheckContext, context_id: str, **settings: float) -> Dish:
    """Return a dish of one kind of cell in the context's world.

    Parameters
    ----------
    ctx
        Gives the parameters, drawn or changed, and the rival mechanisms. A changed parameter is
        multiplied by as much as the drawn one was: that is the same where the draw stands, and
        right where the calibration or the kind of cell has another value.
    context_id
        A kind of cell, such as ``cxcr4_only``.
    settings
        Inputs and constants of the cell model in its own units (seconds, nM, shares), such as
        ``pertussis_toxin=1.0``; they hold from rest on.

    Raises
    ------
    UserInputError
        For an unknown kind of cell.
    ModelValueError
        For a setting that the cell model does not have.
    """
    key = ("dish", context_id, tuple(sorted(settings.items())))
    return ctx.once(key, lambda: _cell_dish(ctx, context_id, settings))


def _cell_dish(ctx: CheckContext, context_id: str, settings: Mapping[str, float]) -> Dish:
    world = _world_dish(ctx, context_id)
    changed: dict[str, float] = {}
    for name, value in ctx.changes:
        if name not in ctx.knowledge.parameters:
            changed[name] = value
            continue
        before = ctx.world.theta[name]
        for constant in _constants_of(world, name):
            changed[constant] = (
                world.value_of(constant) * value / before
                if before
                else value * world.model.factors[constant]
            )
    return world.changed(**{**changed, **settings})


def _constants_of(cell: Dish, row: str) -> tuple[str, ...]:
    """Return the constants that a parameter sets: for a receptor count its gene as well."""
    return (*cell.model.constants_of(row), *_GENES.get(row, ()))


def _world_dish(ctx: CheckContext, context_id: str) -> Dish:
    """Return a dish of one kind of cell in a world as it was drawn, nothing changed.

    The kind of cell says how many receptors it has at rest. Its genes are set so that what is
    not known of transcription and translation does not move those numbers.
    """
    unchanged = replace(ctx, changes=())

    def make() -> Dish:
        bare = _bare_dish(context_id, ctx.engine)
        switches = ctx.wiring.switches()
        wired = bare.changed(**{k: v for k, v in switches.items() if k in bare.model.units})
        if ctx.world.draw is None:
            return wired
        known = learned(ctx.world.draw)
        drawn = {row: value for row, value in ctx.world.theta.items() if row not in held()}
        return _levelled(_with_rows(wired, {**drawn, **known}), _with_rows(wired, known))

    return unchanged.once(("world dish", context_id), make)


def _with_rows(cell: Dish, rows: Mapping[str, float]) -> Dish:
    """Return a dish with parameters, in the units of the table; the kind of cell wins."""
    model = cell.model
    return cell.changed(
        **{
            constant: rows[row] * model.factors[constant]
            for constant, row in model.bindings.items()
            if row in rows and constant not in cell.values
        }
    )


def _levelled(cell: Dish, reference: Dish) -> Dish:
    """Return a dish whose genes make it rest at the receptor numbers of another."""
    genes = {f"{name}_total": f"{name}_gene" for name in ("cxcr4", "ackr3")}
    wanted = _resting(reference, tuple(genes))
    # Receptors feed back on their making, so that one step falls short.
    for _ in range(2):
        found = _resting(cell, tuple(genes))
        cell = cell.changed(
            **{
                gene: cell.value_of(gene) * wanted[total] / found[total]
                for total, gene in genes.items()
                if cell.value_of(gene) > 0 and found[total] > 0
            }
        )
    return cell


def _resting(cell: Dish, outputs: tuple[str, ...]) -> Mapping[str, float]:
    try:
        found = run_phases(cell, [Phase(times_s=(0.0, _BRIEFLY_S))], outputs)
    except SimulationFailedError as err:
        raise WorldFailedError(str(err)) from err
    return {name: float(found.of(name)[0]) for name in outputs}


@cache
def _bare_dish(context_id: str, engine: str = POPULATION) -> Dish:
    """Return a dish with the tabled values; switches are constants, so one model serves all."""
    return dish(cell_context(context_id), engine=engine)


def given(**inputs: float) -> Control:
    """Return a control that sets inputs of the cell model, in its own units.

    They hold from rest on and in every kind of cell, and win over what the kind of cell sets.
    """

    def broken(ctx: CheckContext) -> CheckContext:
        return with_inputs(ctx, **inputs)

    told = (f"{name} to {value:g}" for name, value in inputs.items())
    broken.__doc__ = f"Set {' and '.join(told)} in the cell."
    return broken


def with_inputs(ctx: CheckContext, **inputs: float) -> CheckContext:
    """Return the context with inputs of the cell model changed, beside parameters.

    Inputs are what an experiment sets: a toxin, an inhibitor, oxygen, the level of a gene.

    Raises
    ------
    ModelValueError
        For a name that the cell model does not have, naming the nearest, and for a parameter.
    """
    model = _bare_dish("tumour_cell").model
    for name in inputs:
        if name not in model.units:
            msg = f"the cell has no {name!r}. {did_you_mean(name, model.units)}"
            raise ModelValueError(msg)
        if name in model.bindings:
            msg = f"{name!r} is a parameter. Change it with `CheckContext.changed`."
            raise ModelValueError(msg)
    # An input has no row; the world takes it up so that it may stand among the changes.
    theta = {**dict.fromkeys(inputs, 0.0), **ctx.world.theta}
    return replace(ctx, world=replace(ctx.world, theta=theta)).changed(**inputs)


def course(
    ctx: CheckContext,
    context_id: str,
    phases: Sequence[Phase],
    outputs: Sequence[str],
    **settings: float,
) -> CellCourse:
    """Return a dish of the world taken through phases, simulated once.

    Parameters
    ----------
    ctx, context_id, settings
        As in `cell_dish`; settings hold from rest on, those of a phase from there on.
    phases, outputs
        As in `run_phases`.

    Raises
    ------
    WorldFailedError
        If the simulation fails in this world.
    """
    told = tuple(
        (
            phase.times_s,
            tuple(sorted(phase.add_nM.items())),
            tuple(sorted(phase.settings.items())),
            phase.fresh_medium,
        )
        for phase in phases
    )
    key = ("course", context_id, told, tuple(outputs), tuple(sorted(settings.items())))

    def make() -> CellCourse:
        try:
            return run_phases(cell_dish(ctx, context_id, **settings), phases, outputs)
        except SimulationFailedError as err:
            raise WorldFailedError(str(err)) from err

    return ctx.once(key, make)


def panel(
    ctx: CheckContext,
    context_id: str,
    *,
    ligand_nM: float = SATURATING_NM,
    antagonist_nM: float = 0.0,
    **settings: float,
) -> CellCourse:
    """Return the answer of a kind of cell to ligand over 90 minutes, every usual output.

    Parameters
    ----------
    ctx, context_id, settings
        As in `cell_dish`.
    ligand_nM
        CXCL12 added at time 0, nM of medium; 0 shows the cell at rest.
    antagonist_nM
        Antagonist added with it, nM of medium; `drug_` settings say of which class.
    """
    added = {"cxcl12": ligand_nM, "antagonist": antagonist_nM}
    phase = Phase(
        times_s=PANEL_TIMES_S, add_nM={name: level for name, level in added.items() if level > 0}
    )
    return course(ctx, context_id, [phase], PANEL_OUTPUTS, **settings)


def rested(ctx: CheckContext, context_id: str, output: str, **settings: float) -> float:
    """Return a quantity of a cell at the end of rest, in the units of the model."""
    phase = Phase(times_s=(0.0, _BRIEFLY_S))
    return float(course(ctx, context_id, [phase], (output,), **settings).of(output)[0])


def rise(found: CellCourse, name: str) -> FloatArray:
    """Return a course less its first reading, shape ``(n_time,)``."""
    values = found.of(name)
    return np.asarray(values - values[0])


def peak_rise(found: CellCourse, name: str) -> float:
    """Return the largest rise above the first reading, 0 where there is none."""
    return float(rise(found, name).max())


def peak_fall(found: CellCourse, name: str) -> float:
    """Return the largest fall below the first reading, 0 where there is none."""
    return float(-rise(found, name).min())


def peak_time_s(found: CellCourse, name: str, *, least: float) -> float:
    """Return when a quantity peaks, seconds; 0 if it rises by less than ``least``."""
    change = rise(found, name)
    return float(found.times_s[change.argmax()]) if change.max() >= least else 0.0


def lost_share(whole: float, left: float, *, least: float) -> float:
    """Return the share of an effect that is lost, 0 where the effect is smaller than ``least``.

    Parameters
    ----------
    whole, left
        The effect, and what remains of it with the mechanism blocked.
    least
        Smallest effect of which a share is taken, in the unit of `whole`.
    """
    return (whole - left) / whole if whole >= least else 0.0


def at(found: CellCourse, name: str, time_s: float) -> float:
    """Return a quantity at a time, between readings by a straight line."""
    return float(np.interp(time_s, found.times_s, found.of(name)))


def half_dose_nM(doses_nM: Sequence[float], answers: Sequence[float], *, least: float) -> float:
    """Return the dose that gives half of the largest answer, between doses on a log scale.

    Parameters
    ----------
    doses_nM
        Increasing, positive.
    answers
        One for each dose, in any unit.
    least
        Smallest largest answer of which a half is taken.

    Returns
    -------
    The dose, nM; 0 where the answer is smaller than ``least``, and the nearest dose where the
    half lies outside those given.
    """
    values = np.maximum.accumulate(np.asarray(answers, dtype=np.float64))
    if values[-1] < least:
        return 0.0
    return float(np.exp(np.interp(0.5 * values[-1], values, np.log(doses_nM))))
