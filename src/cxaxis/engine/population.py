"""The population engine: many patients at once in compiled code, behind the `Engine` protocol.

The model becomes machine code once (and is kept, see `cxaxis.engine.machine`); patients then
run in the lanes of the processor's vectors and on several threads, each with its own steps.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import lru_cache
from itertools import chain

import numpy as np

from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import ModelValueError
from cxaxis.core.ids import did_you_mean
from cxaxis.core.outcomes import Outcome, PatientOutcome
from cxaxis.engine import job
from cxaxis.engine.doses import ALL_PATIENTS, Dose, DoseTable, Stop, stops_of
from cxaxis.engine.expressions import Node
from cxaxis.engine.loading import load_system
from cxaxis.engine.machine import this_processor
from cxaxis.engine.program import (
    STATE_ROW,
    Batch,
    BatchResult,
    Program,
    Schedules,
    held_row,
)
from cxaxis.engine.protocol import (
    ParameterTable,
    SimulationResult,
    Tolerances,
    checked_times,
    require_known,
)
from cxaxis.engine.refusals import naming_columns
from cxaxis.engine.system import State, System
from cxaxis.engine.watching import with_clocks

#: Attempts after which a patient is given up.
MAX_STEPS = 2_000_000
# Patients a thread should have, in groups of lanes, for a second thread to be worth starting.
GROUPS_PER_THREAD = 4
# From here on, code of its own for a single patient costs more to make than it saves.
MANY_STATES = 60
_PROGRAMS = 32

_OUTCOMES = {
    job.COMPLETED: (Outcome.COMPLETED, ""),
    job.ENDED: (Outcome.EVENT, ""),
    job.STEP_TOO_SMALL: (Outcome.STEP_TOO_SMALL, "the error stayed too large however small"),
    job.NON_FINITE: (Outcome.NON_FINITE, "a rate or state is not a finite number"),
    job.STEP_LIMIT: (Outcome.STEP_LIMIT, "too many steps, or events that set each other off"),
    job.SMALL_PIVOT: (Outcome.STEP_TOO_SMALL, "the linear system is singular"),
    job.NEGATIVE: (Outcome.NEGATIVE_STATE, "an amount below zero"),
    job.QUEUE_FULL: (Outcome.STEP_LIMIT, "too many firings wait for their delay"),
}


class PopulationEngine:
    """Compiled, vectorised and threaded; see `cxaxis.engine.protocol.Engine`.

    Parameters
    ----------
    lanes
        Patients that one instruction handles: 1, 2, 4 or 8; None takes what the processor
        has, and 1 for a single patient of a model that is not large.
    threads
        Threads of a batch; None takes the cores that are there. Results do not depend on it.
    max_steps
        Steps after which a patient is given up, positive.
    """

    name = "population"

    def __init__(
        self,
        *,
        lanes: int | None = None,
        threads: int | None = None,
        max_steps: int = MAX_STEPS,
    ) -> None:
        if lanes not in (None, 1, 2, 4, 8):
            msg = f"lanes must be 1, 2, 4 or 8, got {lanes}."
            raise ModelValueError(msg)
        if max_steps < 1 or (threads is not None and threads < 1):
            msg = f"max_steps and threads must be positive, got {max_steps} and {threads}."
            raise ModelValueError(msg)
        self.lanes = lanes
        self.threads = threads
        self.max_steps = max_steps

    def simulate(
        self,
        sbml: str,
        parameters: ParameterTable,
        doses: DoseTable,
        times: FloatArray,
        outputs: Sequence[str],
        *,
        tolerances: Tolerances | None = None,
        endings: Sequence[str] = (),
    ) -> SimulationResult:
        """Simulate every patient; see `cxaxis.engine.protocol.Engine.simulate`.

        Parameters
        ----------
        endings
            Ids of events of the model that end a patient's course. Its outputs after that
            time are NaN, its outcome is ``EVENT`` and names the event.

        Raises
        ------
        UnsupportedModelError
            With all findings, if the model has parts that are not simulated.
        """
        infused = frozenset(d.target for d in doses.rows if d.duration > 0 and d.amount > 0)
        system = load_system(sbml, frozenset(parameters.names), infused)
        return self.simulate_system(
            system, parameters, doses, times, outputs, tolerances=tolerances, endings=endings
        )

    def simulate_system(
        self,
        system: System,
        parameters: ParameterTable,
        doses: DoseTable,
        times: FloatArray,
        outputs: Sequence[str],
        *,
        tolerances: Tolerances | None = None,
        endings: Sequence[str] = (),
    ) -> SimulationResult:
        """Simulate every patient of a system; as `simulate`, without a document."""
        chosen = tolerances or Tolerances()
        require_known("output", outputs, system.readable)
        _require_of_kind(
            system,
            "dose target",
            (d.target for d in doses.rows),
            system.doseable,
            "cannot take doses: species that change and quantities with a rate rule can",
        )
        _require_of_kind(
            system,
            "parameter",
            parameters.names,
            system.settable,
            "cannot be given per patient: it has a formula",
        )
        _check_patients(doses, parameters.n_patient)
        _check_tolerances(chosen)
        require_known("ending", endings, [event.name for event in system.events])
        n = parameters.n_patient
        clock = checked_times(times, n)
        nodes = tuple(system.readable[name] for name in outputs)
        runnable = _runnable(SystemKey(system), frozenset(endings))
        columns = np.array([system.settable[name] for name in parameters.names], dtype=np.int64)
        batch = Batch(
            columns=columns,
            table=parameters.values,
            times=clock[0] if clock.shape[0] == 1 else clock,
            schedules=_schedules(runnable, doses, n),
            relative=chosen.relative,
            absolute=chosen.absolute,
            max_steps=self.max_steps,
        )
        result = self._run(runnable, nodes, batch)
        _retry_pivoted(runnable, nodes, batch, result)
        return SimulationResult(
            times=np.asarray(times, dtype=np.float64),
            names=tuple(outputs),
            values=result.outputs,
            outcomes=naming_columns(_outcomes(runnable, result), parameters),
            tolerances=chosen,
            steps=result.steps,
        )

    def _run(self, system: System, nodes: tuple[Node, ...], batch: Batch) -> BatchResult:
        """Run a batch on this machine's processor."""
        n = batch.n_patient
        lanes = self._lanes_for(system, n)
        program = _program(system, nodes, lanes)
        return program.run(batch, threads=self._threads_for(n, lanes))

    def _lanes_for(self, system: System, n_patient: int) -> int:
        if self.lanes:
            return self.lanes
        alone = n_patient == 1 and len(system.states) < MANY_STATES
        return 1 if alone else this_processor().lanes

    def _threads_for(self, n_patient: int, lanes: int) -> int:
        if self.threads is not None:
            return self.threads
        worth = n_patient // (lanes * GROUPS_PER_THREAD)
        return max(1, min(os.cpu_count() or 1, worth))


class SystemKey:
    """A system as a key of the programs in memory: equal if it is the same object."""

    def __init__(self, system: System) -> None:
        self.system = system

    def __hash__(self) -> int:
        return hash((id(self.system.graph), self.system.states, self.system.events))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SystemKey):
            return NotImplemented
        mine, yours = self.system, other.system
        return (
            mine.graph is yours.graph
            and mine.states == yours.states
            and mine.held == yours.held
            and mine.events == yours.events
        )


class FormulasKey(SystemKey):
    """A system as a key of its code: equal if no formula differs, whatever the held values."""

    def __hash__(self) -> int:
        return super().__hash__()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FormulasKey):
            return NotImplemented
        mine, yours = self.system, other.system
        return (
            mine.graph is yours.graph
            and mine.states == yours.states
            and mine.events == yours.events
            and [(h.name, h.start) for h in mine.held] == [(h.name, h.start) for h in yours.held]
        )


@lru_cache(maxsize=_PROGRAMS)
def _runnable(key: SystemKey, endings: frozenset[str]) -> System:
    """Return a system with the clocks and endings of its simulation, made once."""
    return _with_endings(_with_a_state(with_clocks(key.system)), endings)


@lru_cache(maxsize=_PROGRAMS)
def _code(key: FormulasKey, nodes: tuple[Node, ...], lanes: int, pivoted: bool) -> Program:
    return Program(key.system, nodes, lanes=lanes, pivoted=pivoted)


def _program(
    system: System, nodes: tuple[Node, ...], lanes: int, *, pivoted: bool = False
) -> Program:
    """Return the compiled formulas of a system, with its own held values."""
    program = copy(_code(FormulasKey(system), nodes, lanes, pivoted))
    program.system = system
    return program


def _require_of_kind(
    system: System, kind: str, names: Iterable[str], known: Collection[str], why: str
) -> None:
    """Raise `ModelValueError` for a name that the model lacks, or that is not of the kind."""
    for name in names:
        if name not in known and name in system.readable:
            msg = f"{kind} {name!r} {why}. {did_you_mean(name, known)}"
            raise ModelValueError(msg)
        require_known(kind, [name], known)


def _check_patients(doses: DoseTable, n_patient: int) -> None:
    for index, dose in enumerate(doses.rows):
        if dose.patient != ALL_PATIENTS and not 0 <= dose.patient < n_patient:
            msg = (
                f"dose row {index} ({dose.target}) is for patient {dose.patient}, and there are "
                f"{n_patient}. Patients are counted from 0; {ALL_PATIENTS} stands for all."
            )
            raise ModelValueError(msg)


def _check_tolerances(tolerances: Tolerances) -> None:
    numbers = (tolerances.relative, tolerances.absolute)
    if not all(np.isfinite(n) and n >= 0 for n in numbers) or not any(numbers):
        msg = (
            "tolerances must be finite and non-negative, one of them positive; got relative "
            f"{numbers[0]!r} and absolute {numbers[1]!r}."
        )
        raise ModelValueError(msg)


def _with_a_state(system: System) -> System:
    """Return the system with a state that rests, if it has none: time alone must pass."""
    if system.states:
        return system
    zero = system.graph.zero
    return replace(system, states=(State(name="(no state)", rate=zero, start=zero),))


def _with_endings(system: System, endings: frozenset[str]) -> System:
    if not endings:
        return system
    events = tuple(
        replace(event, ends=True) if event.name in endings else event for event in system.events
    )
    return replace(system, events=events)


def _schedules(system: System, doses: DoseTable, n_patient: int) -> Schedules:
    """Return the stops of every patient; patients without doses of their own share one list."""
    own: dict[int, list[Dose]] = {}
    for dose in doses.rows:
        if dose.patient != ALL_PATIENTS:
            own.setdefault(dose.patient, [])
    for dose in doses.rows:
        for patient in own if dose.patient == ALL_PATIENTS else (dose.patient,):
            own[patient].append(dose)
    shared = [d for d in doses.rows if d.patient == ALL_PATIENTS]
    of_patient = np.zeros(n_patient, dtype=np.int64)
    lists = [shared]
    for patient, rows in own.items():
        if 0 <= patient < n_patient:
            of_patient[patient] = len(lists)
            lists.append(rows)
    stops = [stops_of(rows, np.inf) for rows in lists]
    changes = [_changes(system, stop) for stop in chain.from_iterable(stops)]
    flat = list(chain.from_iterable(changes))
    return Schedules(
        of_patient=of_patient,
        first_stop=_offsets([len(each) for each in stops]),
        times=np.array([s.time for s in chain.from_iterable(stops)], dtype=np.float64),
        first_change=_offsets([len(each) for each in changes]),
        row=np.array([row for row, _, _ in flat], dtype=np.int64),
        sets=np.array([sets for _, sets, _ in flat], dtype=np.int64),
        amount=np.array([amount for _, _, amount in flat], dtype=np.float64),
    )


def _changes(system: System, stop: Stop) -> list[tuple[int, int, float]]:
    boluses = [(STATE_ROW + system.doseable[target], 0, amount) for target, amount in stop.boluses]
    first = held_row(system)
    rates = [(first + system.infused[target], 1, rate) for target, rate in stop.rates]
    return boluses + rates


def _offsets(sizes: Sequence[int]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64)


def _retry_pivoted(
    system: System, nodes: tuple[Node, ...], batch: Batch, result: BatchResult
) -> None:
    """Run patients whose pivots became too small again, with pivoting, in place."""
    rows = np.flatnonzero(result.status == job.SMALL_PIVOT)
    if not len(rows):
        return
    again = _program(system, nodes, 1, pivoted=True).run(batch.part(rows))
    result.put(rows, again)


def _outcomes(system: System, result: BatchResult) -> tuple[PatientOutcome, ...]:
    defined = np.asarray(np.isfinite(result.outputs).all(axis=(1, 2)))
    names: Mapping[bool, list[str]] = {
        True: [event.name for event in system.events],
        False: [state.name for state in system.states],
    }
    outcomes = []
    for row, status in enumerate(result.status.tolist()):
        outcome, message = _OUTCOMES[status]
        if outcome is Outcome.COMPLETED and not defined[row]:
            outcome, message = Outcome.NON_FINITE, "an output is not a finite number"
        culprit = int(result.culprit[row])
        outcomes.append(
            PatientOutcome(
                outcome=outcome,
                time=float(result.end_time[row]),
                state=names[outcome is Outcome.EVENT][culprit] if culprit >= 0 else "",
                message=message,
            )
        )
    return tuple(outcomes)
