"""The patient model as a nude mouse with a subcutaneous ESCC line (C116).

What is changed for the mouse: weight (kinetics follow by allometry), fluids and marrow, no T
cells, and a graft whose growth has rows of its own (``xenograft_*``). What is not: how
human CXCL12, CXCR4 and drugs meet, and what a cell does with the signal. A graft is untreated as
the control arm is, so the control grows as the rows say whatever the axis does for it, and an
arm shows what is lost. Blood counts stay human: no graft hears them without T cells.

The causal share ``phi`` is 1: it splits hazard ratios of patients into cause and company, and
an experiment that takes CXCR4 away has cause alone. `Line` takes another for comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import expit, logit

from cxaxis.core.arrays import FloatArray
from cxaxis.core.outcomes import PatientOutcome
from cxaxis.core.streams import rng_for
from cxaxis.core.units import conversion_factor
from cxaxis.engine.doses import DoseTable
from cxaxis.engine.protocol import Engine, ParameterTable, SimulationResult, Tolerances
from cxaxis.knowledge.parameters import Parameter, load_parameters
from cxaxis.models.build import Model
from cxaxis.patient.course import (
    DEPOSITS,
    ORGANS,
    PATIENT_TOLERANCES,
    SLOTS,
    outputs_for,
    signals_of,
    worst_of,
)

Theta = Mapping[str, float]

#: Constants of the model that have a row of their own in the mouse.
MOUSE_ROWS: Final[Mapping[str, str]] = {
    "body_weight": "xenograft_body_weight",
    "tumour_fluid": "xenograft_tumour_fluid",
    "marrow_fluid": "xenograft_marrow_fluid",
    "marrow_cells": "xenograft_marrow_cells",
    "plasma_fluid": "xenograft_plasma_fluid",
    "endothelial_cells": "xenograft_endothelial_cells",
    "fibroblast_density": "xenograft_fibroblast_density",
    "positive_odds": "xenograft_positive_odds",
    "loss_factor_at_diagnosis": "xenograft_loss_factor",
}
#: Rows that describe the experiment and that no model constant takes as they are.
EXPERIMENT_ROWS: Final = (
    "xenograft_inoculum",
    "xenograft_volume_doubling",
    "xenograft_reference_volume",
    "xenograft_duration",
    "xenograft_treatment_start",
    "xenograft_volume_limit",
    "xenograft_residual_cxcr4",
    "xenograft_plerixafor_dose",
    "xenograft_caliper_error",
)
XENOGRAFT_PARAMETERS: Final = (*MOUSE_ROWS.values(), *EXPERIMENT_ROWS)

#: Rounds in which receptors, shares and surroundings of an untreated graft come to agree.
_ROUNDS: Final = 8
_ROUND_DAYS: Final = 30.0
# What untreated signals and levels are taken to be in the first round. Each round puts those it
# found in their place, so that the grafts do not depend on it.
_FIRST_GUESS: Final = 1.0
# A clonogen number that is never reached: grafts that do not take are no part of an experiment.
_NEVER_CONTROLLED: Final = 1e-300
_TOLERANCES: Final = PATIENT_TOLERANCES
# What is stated relative to the untreated tumour, and the signal it is relative to.
_REFERENCES: Final = {
    "stroma_signal_reference": "stroma_signal",
    "vegf_share_reference": "vegf_signal",
    "foxm1_share_reference": "foxm1_signal",
    "marrow_retention_reference": "marrow_retention",
}
_READ: Final = (
    "growth_drive",
    "growth_positive",
    "growth_negative",
    "stem_aim",
    "positive_stem_aim",
    "positive_bulk_aim",
)
# What is counted relative to the untreated graft.
_SURROUNDINGS: Final = (
    "fibroblasts",
    "matrix",
    "progenitors",
    "myeloid",
    "lymphatics",
    "cd8",
    "treg",
    "pdc",
)
_HAZARDS: Final = (
    "disease_hazard",
    "treatment_hazard",
    "background_hazard",
    *(f"{organ}_hazard" for organ in ORGANS),
)
_LEVELS: Final = ("tumour_cxcl12", "cd8_activity", "marrow_retention")
_RECEPTOR_STATES: Final = (
    "tumour_cxcr4",
    "tumour_cxcl12_cxcr4",
    "tumour_antagonist_cxcr4",
    "tumour_antagonist_cxcl12_cxcr4",
)
#: Outputs that a volume is read from.
VOLUME: Final = ("tumour_cells", "killed_cells")


@dataclass(frozen=True, kw_only=True)
class Line:
    """The cells grafted and the mouse they meet.

    Attributes
    ----------
    cxcr4_share
        CXCR4 of the line relative to the tabled one; 0 is a line without it.
    immune_competent
        Whether the mouse has T cells, as where line and mouse are of one strain.
    phi
        Causal share, 0 to 1; see the module.
    """

    cxcr4_share: float = 1.0
    immune_competent: bool = False
    phi: float = 1.0


NUDE: Final = Line()


@dataclass(frozen=True, kw_only=True)
class Grafts:
    """Untreated grafts on the day of inoculation, one per population.

    Attributes
    ----------
    table
        Constants, states and untreated signals, one row per population.
    outcomes
        How finding the rest went, one per population.
    """

    table: ParameterTable
    outcomes: tuple[PatientOutcome, ...]


def converted(row: str, unit: str, parameters: Mapping[str, Parameter]) -> float:
    """Return the factor from the unit of a row to ``unit``."""
    return conversion_factor(parameters[row].unit, unit)


def _mouse_table(
    model: Model, thetas: Sequence[Theta], parameters: Mapping[str, Parameter], line: Line
) -> ParameterTable:
    """Return the constants of a mouse with a graft that stays as it is, one row per theta."""
    names = tuple(model.bindings)
    values = [[theta[model.bindings[c]] * model.factors[c] for c in names] for theta in thetas]
    columns: dict[str, FloatArray | float] = {
        constant: np.array([theta[row] for theta in thetas])
        * converted(row, model.units[constant], parameters)
        for constant, row in MOUSE_ROWS.items()
    }
    table = ParameterTable(names, np.array(values)).with_columns(**columns)
    volume_litre = np.array([theta["xenograft_reference_volume"] for theta in thetas]) * converted(
        "xenograft_reference_volume", "litre", parameters
    )
    inoculum = np.array([theta["xenograft_inoculum"] for theta in thetas])
    reference = volume_litre * table.column("tumour_cell_density")
    draws: dict[str, float] = {f"{slot}_draw": np.inf for slot in SLOTS}
    draws |= {f"{slot}_dissection_draw": 1.0 for slot in DEPOSITS["node"]}
    signals = {f"{name}_untreated": _FIRST_GUESS for name in signals_of(model)}
    signals |= {f"untreated_{name}": _FIRST_GUESS for name in _LEVELS}
    return table.with_columns(
        **draws,
        **signals,
        # Signals that are not yet known cannot be held.
        phi=1.0,
        host_is_mouse=1.0,
        host_lacks_t_cells=float(not line.immune_competent),
        creatinine_clearance=table.column("creatinine_clearance_reference"),
        cells_at_diagnosis=reference,
        cells_at_inception=inoculum,
        tumour_log=np.log(inoculum / reference),
        control_draw=_NEVER_CONTROLLED,
        found=1.0,
        tumour_present=0.0,
    )


def settled_grafts(
    model: Model,
    thetas: Sequence[Theta],
    engine: Engine,
    *,
    line: Line = NUDE,
    parameters: Mapping[str, Parameter] | None = None,
    tolerances: Tolerances = _TOLERANCES,
) -> Grafts:
    """Return untreated grafts of a line on the day of inoculation.

    Receptors, ligand, the shares of cells, vessels, stroma, marrow and blood are at rest at the
    size inoculated, and every reference and untreated signal is that of the graft with all its
    CXCR4. Its growth at the reference volume is as ``xenograft_volume_doubling`` says.

    Parameters
    ----------
    model
        The patient model.
    thetas
        Populations; one graft each.
    engine
        Any engine.
    line
        The cells and the mouse.
    parameters
        Rows with their units; the tabled ones if omitted.
    tolerances
        Error control.
    """
    rows = load_parameters() if parameters is None else parameters
    table = _mouse_table(model, thetas, rows, line)
    signals = signals_of(model)
    states = model.states
    heard = [*(f"{name}_signal" for name in signals), *_LEVELS]
    read = [*outputs_for(model, states), *dict.fromkeys([*heard, *_READ, *_REFERENCES.values()])]
    outcomes: list[tuple[PatientOutcome, ...]] = []

    def simulated(days: float, outputs: Sequence[str]) -> Mapping[str, FloatArray]:
        times = np.array([days])
        run = engine.simulate(model.sbml, table, DoseTable(), times, outputs, tolerances=tolerances)
        outcomes.append(run.outcomes)
        return {name: run.values[:, -1, k] for k, name in enumerate(outputs)}

    doubling = np.array([theta["xenograft_volume_doubling"] for theta in thetas])
    kept = 1.0 - table.column("loss_factor_at_diagnosis")
    size = table.column("tumour_log")
    for _ in range(_ROUNDS):
        now = simulated(_ROUND_DAYS, read)
        columns = dict(zip(states, list(now.values())[: len(states)], strict=True))
        columns |= {name: now[signal] for name, signal in _REFERENCES.items()}
        columns |= _untreated_levels(now, signals)
        columns |= _balanced_shares(table, now)
        columns["birth_rate"] = np.log(2.0) / doubling / kept / now["growth_drive"]
        columns |= dict.fromkeys(_SURROUNDINGS, np.ones(len(thetas)))
        columns["tumour_log"] = size
        columns["vessels"] = np.exp(-table.column("vessel_size_exponent") * size)
        table = table.with_columns(**columns)
    for _ in range(2):
        now = simulated(0.0, [*heard, "growth_drive"])
        rate = np.log(2.0) / doubling / kept / now["growth_drive"]
        table = table.with_columns(birth_rate=rate, **_untreated_levels(now, signals))
    table = table.with_columns(tumour_present=1.0, phi=line.phi, **dict.fromkeys(_HAZARDS, 0.0))
    return Grafts(table=with_cxcr4(table, line.cxcr4_share), outcomes=worst_of(*outcomes))


def balanced_share(aim: FloatArray, pace: FloatArray, advantage: FloatArray) -> FloatArray:
    """Return the share at which switching back to ``aim`` and faster growth are in balance.

    The root in 0 to 1 of ``advantage s (1 - s) + pace (aim - s) = 0``.

    Parameters
    ----------
    aim
        Share without any advantage, in (0, 1).
    pace
        Rate of switching back, positive.
    advantage
        Growth rate of the kind over that of the other, any sign, same unit.
    """
    spare = pace - advantage
    root = np.sqrt(spare**2 + 4.0 * advantage * pace * aim)
    return np.asarray(2.0 * pace * aim / (spare + root))


def _balanced_shares(table: ParameterTable, now: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Return the shares of cells in a graft that grows as this one does."""
    advantage = now["growth_positive"] - now["growth_negative"]
    pace = table.column("k_switch_cxcr4_share")
    stem = balanced_share(now["positive_stem_aim"], pace, advantage)
    bulk = balanced_share(now["positive_bulk_aim"], pace, advantage)
    return {
        "positive_stem_share": stem,
        "positive_bulk_share": bulk,
        "stem_share": balanced_share(
            now["stem_aim"], table.column("k_differentiate"), (stem - bulk) * advantage
        ),
    }


def _untreated_levels(
    now: Mapping[str, FloatArray], signals: Sequence[str]
) -> dict[str, FloatArray]:
    """Return what later signals and levels are compared with, by input of the model."""
    return {f"{name}_untreated": now[f"{name}_signal"] for name in signals} | {
        f"untreated_{name}": now[name] for name in _LEVELS
    }


def with_cxcr4(grafts: ParameterTable, share: float | FloatArray) -> ParameterTable:
    """Return grafts whose cells have only a share of their CXCR4 from the first day."""
    columns = {name: grafts.column(name) * share for name in _RECEPTOR_STATES}
    return grafts.with_columns(
        cxcr4_per_tumour_cell=grafts.column("cxcr4_per_tumour_cell") * share, **columns
    )


def volumes_mm3(result: SimulationResult, table: ParameterTable) -> FloatArray:
    """Return the volumes of grafts with the killed cells still there, ``(n_row, n_day)``, mm3.

    A mouse that could not be simulated has no number.

    Parameters
    ----------
    result
        A simulation with the outputs `VOLUME`.
    table
        The constants that were simulated.
    """
    cells = result.of("tumour_cells") + result.of("killed_cells")
    per_mm3 = table.column("tumour_cell_density") * conversion_factor("mm^3", "litre")
    return np.asarray(cells / per_mm3[:, None])


def stacked(tables: Sequence[ParameterTable]) -> ParameterTable:
    """Return the rows of several tables of the same columns, one after the other."""
    names = tables[0].names
    return ParameterTable(
        names,
        np.vstack([np.column_stack([table.column(name) for name in names]) for table in tables]),
    )


def moved(scale: str, centre: float, deviation: FloatArray) -> FloatArray:
    """Return a centre moved on the scale of its row."""
    if scale == "log":
        return np.asarray(centre * np.exp(deviation))
    if scale == "logit":
        return np.asarray(expit(logit(centre) + deviation))
    return np.asarray(centre + deviation)


def of_the_mouse(
    theta: Theta, parameters: Mapping[str, Parameter], *, seed: int, draw: int
) -> dict[str, float]:
    """Return a draw of the population with the mouse's own rows drawn as a mouse's.

    Their spread is not widened for the step to a patient, which is not taken here. They share
    the streams of the draw, so that a row falls to the same side.
    """
    changed = dict(theta)
    for name in XENOGRAFT_PARAMETERS:
        row = parameters[name]
        if row.spread > 0:
            eta = rng_for(seed, "theta", draw, name).standard_normal()
            changed[name] = float(moved(row.scale, row.value, row.spread * np.asarray(eta)))
    return changed


def last_reading(control_mm3: FloatArray, limit_mm3: float) -> int:
    """Return the index of the last day on which the control volume is within the limit.

    Parameters
    ----------
    control_mm3
        Volume of control grafts by day, shape ``(n_day,)``.
    limit_mm3
        Volume at which an experiment is ended, positive.
    """
    beyond = np.flatnonzero(control_mm3 > limit_mm3)
    return len(control_mm3) - 1 if len(beyond) == 0 else max(int(beyond[0]) - 1, 1)


def reading_days(theta: Theta, every_day: float = 1.0) -> FloatArray:
    """Return the days from inoculation to the end of the experiment, shape ``(n_day,)``."""
    return np.arange(0.0, theta["xenograft_duration"] + every_day / 2.0, every_day)
