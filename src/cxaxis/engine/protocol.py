"""What every engine offers: a batch of patients in, arrays and one outcome each out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import ModelValueError
from cxaxis.core.ids import did_you_mean
from cxaxis.core.outcomes import PatientOutcome
from cxaxis.engine.doses import DoseTable

#: An amount this little below zero is rounding, not biology.
NEGATIVE_AMOUNT_LIMIT: Final = -1e-6


@dataclass(frozen=True, kw_only=True)
class Tolerances:
    """Error control of the solver; stored with every result.

    Attributes
    ----------
    relative
        Relative tolerance of every state.
    absolute
        Absolute tolerance of every state, in the state's own unit (amounts of species).
    """

    relative: float = 1e-6
    absolute: float = 1e-8


@dataclass(frozen=True)
class ParameterTable:
    """Values that differ between patients.

    Attributes
    ----------
    names
        Constants of the model, or states whose starting value is set (species as amounts).
    values
        Shape ``(n_patient, n_name)``.
    """

    names: tuple[str, ...]
    values: FloatArray

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.names):
            msg = f"values must have shape (n_patient, {len(self.names)}), got {self.values.shape}."
            raise ModelValueError(msg)
        if len(set(self.names)) != len(self.names):
            msg = "a parameter is named twice."
            raise ModelValueError(msg)

    @property
    def n_patient(self) -> int:
        """Number of rows."""
        return int(self.values.shape[0])

    def column(self, name: str) -> FloatArray:
        """Return one column, shape ``(n_patient,)``."""
        return self.values[:, self._index(name)]

    def with_columns(self, **columns: FloatArray | float) -> ParameterTable:
        """Return a table with columns added or replaced; a number fills the column."""
        names = list(self.names)
        values = [self.values[:, i] for i in range(len(names))]
        for name, column in columns.items():
            filled = np.broadcast_to(np.asarray(column, dtype=np.float64), (self.n_patient,))
            if name in names:
                values[names.index(name)] = filled
            else:
                names.append(name)
                values.append(filled)
        return ParameterTable(tuple(names), np.column_stack(values))

    def rows(self, index: Sequence[int] | np.ndarray) -> ParameterTable:
        """Return the table of the patients at ``index``."""
        return ParameterTable(self.names, self.values[np.asarray(index, dtype=np.intp)])

    def _index(self, name: str) -> int:
        if name not in self.names:
            msg = f"no column {name!r}. {did_you_mean(name, self.names)}"
            raise ModelValueError(msg)
        return self.names.index(name)


@dataclass(frozen=True, kw_only=True)
class SimulationResult:
    """Trajectories and outcomes of a batch.

    Attributes
    ----------
    times
        Shape ``(n_time,)``, or ``(n_patient, n_time)`` when patients have their own times;
        model time unit.
    names
        The outputs, in the order asked for.
    values
        Shape ``(n_patient, n_time, n_output)``; NaN after a failure. Species are given as
        concentrations.
    outcomes
        One per patient.
    tolerances
        What the solver was asked for.
    steps
        Steps attempted per patient, shape ``(n_patient,)``; None where the engine does not
        say.
    """

    times: FloatArray
    names: tuple[str, ...]
    values: FloatArray
    outcomes: tuple[PatientOutcome, ...]
    tolerances: Tolerances
    steps: NDArray[np.int64] | None = None

    def of(self, name: str) -> FloatArray:
        """Return one output, shape ``(n_patient, n_time)``.

        Raises
        ------
        ModelValueError
            If it was not asked for.
        """
        if name not in self.names:
            msg = f"{name!r} was not among the outputs. {did_you_mean(name, self.names)}"
            raise ModelValueError(msg)
        return self.values[:, :, self.names.index(name)]


class Engine(Protocol):
    """A simulator of batches of patients."""

    def simulate(
        self,
        sbml: str,
        parameters: ParameterTable,
        doses: DoseTable,
        times: FloatArray,
        outputs: Sequence[str],
        *,
        tolerances: Tolerances = ...,
    ) -> SimulationResult:
        """Simulate every patient from time 0.

        Parameters
        ----------
        sbml
            The model, SBML Level 3.
        parameters
            One row per patient.
        doses
            May name patients by row.
        times
            Output times, increasing, non-negative, shape ``(n_time,)`` or
            ``(n_patient, n_time)``, model time unit.
        outputs
            Ids of species (concentration), states, constants or assigned quantities. An id
            in the form ``amount(x)`` gives the amount of species ``x``.
        tolerances
            Error control.

        Raises
        ------
        ModelValueError
            If a parameter, dose target or output is not in the model, or times do not
            increase. A solver failure raises nothing: it is that patient's outcome.
        """
        ...


def require_known(kind: str, names: Iterable[str], known: Collection[str]) -> None:
    """Raise `ModelValueError` for the first name that the model does not have."""
    for name in names:
        if name not in known:
            msg = f"{kind} {name!r} is not in the model. {did_you_mean(name, known)}"
            raise ModelValueError(msg)


def checked_times(times: FloatArray, n_patient: int) -> FloatArray:
    """Return output times with one row for all patients or one for each.

    Raises
    ------
    ModelValueError
        If the shape is wrong, a time is negative or no number, or times do not increase.
    """
    table = np.atleast_2d(np.asarray(times, dtype=np.float64))
    if table.ndim != 2 or table.shape[0] not in (1, n_patient) or table.shape[1] == 0:
        msg = f"times must have shape (n_time,) or ({n_patient}, n_time), got {np.shape(times)}."
        raise ModelValueError(msg)
    if not (np.isfinite(table).all() and (table >= 0).all() and (np.diff(table, axis=1) > 0).all()):
        msg = "times must be finite, non-negative and strictly increasing."
        raise ModelValueError(msg)
    return table
