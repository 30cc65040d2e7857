"""Derivatives of courses by parameters, from the tangent system and one batch of an engine.

Every patient becomes one row per parameter, whose direction points along that parameter. Inside
the engine the direction is as long as the parameter's own value, so that derivatives and states
are of one size and share their tolerances; results are per unit of the parameter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

import numpy as np

from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import ModelValueError
from cxaxis.core.ids import did_you_mean
from cxaxis.core.outcomes import PatientOutcome
from cxaxis.engine.doses import ALL_PATIENTS, Dose, DoseTable
from cxaxis.engine.protocol import ParameterTable, SimulationResult, Tolerances
from cxaxis.engine.system import System
from cxaxis.engine.tangent import DOSE_CLOCK, seed_name, tangent_name, tangent_system


class SystemEngine(Protocol):
    """An engine that takes a `System` where others take SBML."""

    def simulate_system(
        self,
        system: System,
        parameters: ParameterTable,
        doses: DoseTable,
        times: FloatArray,
        outputs: Sequence[str],
        *,
        tolerances: Tolerances = ...,
        endings: Sequence[str] = ...,
    ) -> SimulationResult:
        """Simulate every patient from time 0; see `cxaxis.engine.protocol.Engine.simulate`."""
        ...


@dataclass(frozen=True, kw_only=True)
class SensitivityResult:
    """Courses of a batch and their derivatives by parameters.

    Attributes
    ----------
    times
        As given: shape ``(n_time,)`` or ``(n_patient, n_time)``, model time unit.
    names
        The outputs, in the order asked for.
    wrt
        The parameters, in the order asked for.
    values
        Shape ``(n_patient, n_time, n_output)``; NaN after a failure.
    derivatives
        Shape ``(n_patient, n_time, n_output, n_wrt)``: unit of the output per unit of the
        parameter, or unit of the output where ``relative``.
    relative
        Whether derivatives are by the logarithm of the parameter, i.e. times its value.
    outcomes
        One per patient: the first failure among its parameters, if any.
    tolerances
        What the solver was asked for.
    """

    times: FloatArray
    names: tuple[str, ...]
    wrt: tuple[str, ...]
    values: FloatArray
    derivatives: FloatArray
    relative: bool
    outcomes: tuple[PatientOutcome, ...]
    tolerances: Tolerances

    def of(self, output: str, parameter: str) -> FloatArray:
        """Return one derivative, shape ``(n_patient, n_time)``.

        Raises
        ------
        ModelValueError
            If it was not asked for.
        """
        for name, known in ((output, self.names), (parameter, self.wrt)):
            if name not in known:
                msg = f"{name!r} was not asked for. {did_you_mean(name, known)}"
                raise ModelValueError(msg)
        index = (self.names.index(output), self.wrt.index(parameter))
        return self.derivatives[:, :, index[0], index[1]]


def simulate_with_sensitivities(
    engine: SystemEngine,
    model: str | System,
    parameters: ParameterTable,
    wrt: Sequence[str],
    doses: DoseTable,
    times: FloatArray,
    outputs: Sequence[str],
    *,
    tolerances: Tolerances | None = None,
    relative: bool = False,
    endings: Sequence[str] = (),
) -> SensitivityResult:
    """Simulate every patient with the derivatives of its outputs by some parameters.

    Parameters
    ----------
    engine
        What runs the tangent system.
    model
        SBML, or a system read from it.
    parameters
        One row per patient.
    wrt
        Constants of the model, or columns of ``parameters``: starting values of states and
        constants that the model computes at time 0 must be columns.
    doses, times, outputs
        As for `cxaxis.engine.protocol.Engine.simulate`. Doses do not depend on parameters.
    tolerances
        Error control of the states and of their derivatives times the parameter's value;
        1e-6 and 1e-8 if omitted.
    relative
        Whether to return derivatives by the logarithm of the parameter.
    endings
        Ids of events of the model that end a course.

    Raises
    ------
    ModelValueError
        If ``wrt`` is empty, or as `cxaxis.engine.tangent.tangent_system` and the engine say.
    """
    chosen = tolerances or Tolerances()
    wrt, outputs = tuple(wrt), tuple(outputs)
    if not wrt:
        msg = "no parameter is named to take derivatives by. Name at least one."
        raise ModelValueError(msg)
    if isinstance(model, System):
        system = tangent_system(model, wrt, outputs)
    else:
        infused = frozenset(d.target for d in doses.rows if d.duration > 0)
        system = _tangent_of_sbml(model, frozenset(parameters.names), infused, wrt, outputs)
    n_patient, n_wrt = parameters.n_patient, len(wrt)
    own = np.column_stack([_own_values(system, parameters, name) for name in wrt])
    lengths = np.where(np.isfinite(own) & (own != 0), np.abs(own), 1.0)
    table = _expanded(parameters, wrt, lengths)
    if DOSE_CLOCK in system.doseable:
        doses = _with_clock(doses, n_patient)
    clock = np.asarray(times, dtype=np.float64)
    result = engine.simulate_system(
        system,
        table,
        _expanded_doses(doses, n_wrt),
        np.repeat(clock, n_wrt, axis=0) if clock.ndim == 2 else clock,
        (*outputs, *map(tangent_name, outputs)),
        tolerances=chosen,
        endings=endings,
    )
    n_time, n_output = result.values.shape[1], len(outputs)
    by_wrt = result.values.reshape(n_patient, n_wrt, n_time, 2 * n_output)
    directed = np.moveaxis(by_wrt[..., n_output:], 1, -1)
    scale = (own / lengths) if relative else 1.0 / lengths
    return SensitivityResult(
        times=clock,
        names=outputs,
        wrt=wrt,
        values=by_wrt[:, 0, :, :n_output].copy(),
        derivatives=directed * scale[:, np.newaxis, np.newaxis, :],
        relative=relative,
        outcomes=_joined(result.outcomes, n_wrt),
        tolerances=chosen,
    )


@lru_cache(maxsize=8)
def _tangent_of_sbml(
    sbml: str,
    given: frozenset[str],
    infused: frozenset[str],
    wrt: tuple[str, ...],
    outputs: tuple[str, ...],
) -> System:
    from cxaxis.engine.sbml import read_system

    return tangent_system(read_system(sbml, given=given, infused=infused), wrt, outputs)


def _own_values(system: System, parameters: ParameterTable, name: str) -> FloatArray:
    """Return the value of a parameter in every patient, shape ``(n_patient,)``."""
    if name in parameters.names:
        return parameters.column(name)
    return np.full(parameters.n_patient, system.held[system.settable[name]].value)


def _expanded(
    parameters: ParameterTable, wrt: tuple[str, ...], lengths: FloatArray
) -> ParameterTable:
    """Return one row per patient and parameter, with the direction along that parameter."""
    n_patient, n_wrt = lengths.shape
    seeds = lengths[:, :, np.newaxis] * np.eye(n_wrt)
    values = np.repeat(parameters.values, n_wrt, axis=0)
    return ParameterTable(
        (*parameters.names, *map(seed_name, wrt)),
        np.hstack([values, seeds.reshape(n_patient * n_wrt, n_wrt)]),
    )


def _expanded_doses(doses: DoseTable, n_wrt: int) -> DoseTable:
    rows: list[Dose] = []
    for dose in doses.rows:
        if dose.patient == ALL_PATIENTS:
            rows.append(dose)
        else:
            first = dose.patient * n_wrt
            rows += [replace(dose, patient=first + k) for k in range(n_wrt)]
    return DoseTable(tuple(rows))


def _with_clock(doses: DoseTable, n_patient: int) -> DoseTable:
    """Return the doses with those that bring the dose clock to every start and end of a dose."""
    is_shared = all(dose.patient == ALL_PATIENTS for dose in doses.rows)
    ticks: list[Dose] = []
    for patient in (ALL_PATIENTS,) if is_shared else range(n_patient):
        own = doses.rows if is_shared else doses.of_patient(patient)
        given = [dose for dose in own if dose.amount > 0]
        stops = {dose.time for dose in given} | {dose.time + dose.duration for dose in given}
        reading = -1.0
        for time in sorted(stops):
            ticks.append(Dose(patient=patient, time=time, target=DOSE_CLOCK, amount=time - reading))
            reading += time - reading
    return DoseTable((*doses.rows, *ticks))


def _joined(outcomes: Sequence[PatientOutcome], n_wrt: int) -> tuple[PatientOutcome, ...]:
    groups = (outcomes[first : first + n_wrt] for first in range(0, len(outcomes), n_wrt))
    return tuple(next((o for o in group if o.outcome.is_failure), group[0]) for group in groups)
