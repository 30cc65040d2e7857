"""A system turned into machine code for one processor, and run on batches."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxaxis.core.arrays import FloatArray
from cxaxis.engine.job import Job, pack
from cxaxis.engine.machine import Loaded, cache_key, compiled
from cxaxis.engine.system import System

# Bytes to which the memory of a lane group is aligned: a cache line.
ALIGNMENT = 64
#: Row of the first state in a lane's memory: where boluses go.
STATE_ROW = 1


def held_row(system: System) -> int:
    """Return the row of the first held value in a lane's memory: where infusion rates go."""
    return STATE_ROW + len(system.states)


@dataclass(frozen=True, kw_only=True)
class Schedules:
    """Doses as the machine code reads them.

    Attributes
    ----------
    of_patient
        Schedule of every patient, shape ``(n_patient,)``.
    first_stop
        First stop of every schedule and the end of the last, shape ``(n_schedule + 1,)``.
    times
        Time of every stop, the model's unit.
    first_change
        First change of every stop and the end of the last, shape ``(n_stop + 1,)``.
    row, sets, amount
        Per change: the row of a lane's memory, whether it is set (else added to), by how much.
    """

    of_patient: NDArray[np.int64]
    first_stop: NDArray[np.int64]
    times: FloatArray
    first_change: NDArray[np.int64]
    row: NDArray[np.int64]
    sets: NDArray[np.int64]
    amount: FloatArray


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What a program is run on.

    Attributes
    ----------
    columns, table
        Places of the held values that differ between patients, and those values, shape
        ``(n_patient, n_column)``.
    times
        Output times, shape ``(n_time,)`` or ``(n_patient, n_time)``.
    schedules
        Doses.
    relative, absolute, max_steps
        Error control; attempts after which a patient is given up.
    """

    columns: NDArray[np.int64]
    table: FloatArray
    times: FloatArray
    schedules: Schedules
    relative: float
    absolute: float
    max_steps: int

    @property
    def n_patient(self) -> int:
        """Number of patients."""
        return int(self.table.shape[0])

    def part(self, rows: slice | NDArray[np.int64]) -> Batch:
        """Return some of the patients."""
        schedules = replace(self.schedules, of_patient=self.schedules.of_patient[rows])
        times = self.times if self.times.ndim == 1 else self.times[rows]
        return replace(self, table=self.table[rows], times=times, schedules=schedules)


@dataclass(frozen=True, kw_only=True)
class BatchResult:
    """What the machine code leaves; statuses are those of `cxaxis.engine.job`.

    Attributes
    ----------
    outputs
        Shape ``(n_patient, n_time, n_output)``; NaN where a course did not get to.
    status, end_time, culprit
        Why and when a course ended; the event or state to blame, or -1.
    steps, rejections
        Steps tried, and those of them whose error was too large.
    """

    outputs: FloatArray
    status: NDArray[np.int64]
    end_time: FloatArray
    culprit: NDArray[np.int64]
    steps: NDArray[np.int64]
    rejections: NDArray[np.int64]

    @classmethod
    def empty(cls, batch: Batch, n_output: int) -> BatchResult:
        """Return the arrays that a batch's results will fill; the outputs are not set yet."""
        n = batch.n_patient
        return cls(
            outputs=np.empty((n, batch.times.shape[-1], n_output)),
            status=np.full(n, -1, dtype=np.int64),
            end_time=np.zeros(n),
            culprit=np.full(n, -1, dtype=np.int64),
            steps=np.zeros(n, dtype=np.int64),
            rejections=np.zeros(n, dtype=np.int64),
        )

    def part(self, rows: slice) -> BatchResult:
        """Return a view on the results of a stretch of patients."""
        return BatchResult(**{name: value[rows] for name, value in vars(self).items()})

    def put(self, rows: NDArray[np.int64], other: BatchResult) -> None:
        """Replace the results of some patients."""
        for name, value in vars(self).items():
            value[rows] = getattr(other, name)


def entries_of(system: System, batch: Batch, result: BatchResult) -> dict[str, Any]:
    """Return the entries of the table that the machine code works from (`job.ENTRIES`)."""
    schedules = batch.schedules
    n_time = batch.times.shape[-1]
    return {
        "n_patient": batch.n_patient,
        "next_patient": np.zeros(1, dtype=np.int64),
        "n_column": len(batch.columns),
        "columns": np.ascontiguousarray(batch.columns, dtype=np.int64),
        "table": np.ascontiguousarray(batch.table, dtype=np.float64),
        "defaults": np.array([h.value for h in system.held], dtype=np.float64),
        "n_time": n_time,
        "times": np.ascontiguousarray(batch.times, dtype=np.float64),
        "times_pitch": 0 if batch.times.ndim == 1 else n_time,
        "n_output": result.outputs.shape[2],
        "schedule_of": schedules.of_patient,
        "first_stop": schedules.first_stop,
        "stop_times": schedules.times,
        "first_change": schedules.first_change,
        "change_row": schedules.row,
        "change_sets": schedules.sets,
        "change_amount": schedules.amount,
        "relative": batch.relative,
        "absolute": batch.absolute,
        "max_steps": batch.max_steps,
        **vars(result),
    }


class Program:
    """A compiled system with the outputs asked for.

    Parameters
    ----------
    system
        With at least one state.
    outputs
        Nodes of the system's graph.
    lanes
        Patients that one instruction handles: 1, 2, 4 or 8.
    pivoted
        Whether the linear systems are solved densely with row pivoting.
    """

    def __init__(
        self, system: System, outputs: Sequence[int], *, lanes: int, pivoted: bool = False
    ) -> None:
        self.system = system
        self.lanes = lanes
        self.n_output = len(outputs)
        print_of_system = fingerprint(system)
        main, (rows,) = compiled(
            cache_key("run", print_of_system, lanes, pivoted),
            lambda: _model_module(system, lanes, pivoted),
        )
        read_out, (self._rows,) = compiled(
            cache_key("observe", fingerprint(system, outputs), lanes, rows),
            lambda: _output_module(system, outputs, lanes, rows),
        )
        self._code = Loaded([main, read_out], "run")

    def run(self, batch: Batch, *, threads: int = 1) -> BatchResult:
        """Simulate every patient of a batch; nothing is raised for one that fails."""
        result = BatchResult.empty(batch, self.n_output)
        job = pack(**entries_of(self.system, batch, result))
        groups = -(-batch.n_patient // self.lanes)
        if groups <= 1:
            result.outputs.fill(np.nan)
            self._work_alone(job)
        else:
            self._work(job, min(threads, groups))
        return result

    def _work(self, job: Job, threads: int) -> None:
        """Let threads take patients until none is left, or until the caller is interrupted.

        The caller waits, so that an interrupt reaches it. The threads then finish the
        patients they have before it is passed on: the arrays they write to are its own.
        """
        outputs, filled = job.arrays["outputs"], threading.Barrier(threads)

        def work(share: slice) -> None:
            # Memory is had when it is first written: that too is shared out.
            outputs[share].fill(np.nan)
            filled.wait()
            self._work_alone(job)

        ends = np.linspace(0, len(outputs), threads + 1).astype(int).tolist()
        shares = [slice(*pair) for pair in pairwise(ends)]
        workers = [threading.Thread(target=work, args=(share,)) for share in shares]
        for worker in workers:
            worker.start()
        try:
            for worker in workers:
                worker.join()
        except BaseException:
            job.arrays["next_patient"][0] = job.arrays["n_patient"]
            for worker in workers:
                worker.join()
            raise

    def _work_alone(self, job: Job) -> None:
        words = self._rows * self.lanes
        spare = ALIGNMENT // 8
        memory = np.zeros(words + spare)
        skip = (-memory.ctypes.data % ALIGNMENT) // 8
        self._code.call(memory[skip:].ctypes.data, job.table.ctypes.data)


def fingerprint(system: System, outputs: Sequence[int] = ()) -> str:
    """Return what identifies the formulas of a system and its outputs."""
    graph = system.graph
    roots = [*outputs]
    roots += [s.rate for s in system.states] + [s.start for s in system.states]
    roots += [h.start for h in system.held if h.start is not None]
    for event in system.events:
        roots.append(event.trigger)
        roots += [n for n in (event.delay, event.priority) if n is not None]
        roots += [node for _, node in event.assignments]
    nodes = graph.reachable(roots)
    terms = [(node, graph.term(node), graph.made_of.get(node)) for node in nodes]
    held = [(h.name, h.start) for h in system.held]
    return cache_key(terms, tuple(outputs), system.states, held, system.events)


def _model_module(system: System, lanes: int, pivoted: bool) -> tuple[str, list[int]]:
    from cxaxis.engine.emit import Rows
    from cxaxis.engine.unit import Target, Unit

    unit = Unit("model", Target(lanes, lanes))
    observe, observe_one = unit.declare("observe"), unit.declare("observe_one")
    rows = write_model(unit, system, observe, observe_one, pivoted=pivoted, rows=Rows())
    return str(unit.module), [rows.size]


def whole_unit(
    system: System, outputs: Sequence[int], target: Any, *, pivoted: bool = False
) -> tuple[Any, int]:
    """Return one unit with a model and its outputs, and the rows that a lane needs.

    Its function ``run(memory, [pitch,] table)`` takes patients until none is left.
    """
    from cxaxis.engine.emit import Rows
    from cxaxis.engine.unit import Unit

    unit = Unit("whole", target)
    observe, observe_one = unit.declare("observe"), unit.declare("observe_one")
    rows = write_model(unit, system, observe, observe_one, pivoted=pivoted, rows=Rows())
    write_outputs(unit, system, outputs, rows)
    return unit, rows.size


def write_model(
    unit: Any, system: System, observe: Any, observe_one: Any, *, pivoted: bool, rows: Any
) -> Any:
    """Write everything but the outputs of a model into a unit; return the rows it takes."""
    from cxaxis.engine.course import Course
    from cxaxis.engine.kernels import Formulas, Kernels
    from cxaxis.engine.service import Service
    from cxaxis.engine.stepper import Stepper

    kernels = Kernels(unit, Formulas(system), rows, pivoted=pivoted)
    watched = kernels.formulas.watched
    course = Course.take(rows, len(system.states), len(system.events), len(watched))
    service = Service(kernels, course, observe_one)
    record, serve = service.write()
    Stepper(kernels, course, serve, observe, record).write()
    return rows


def _output_module(
    system: System, outputs: Sequence[int], lanes: int, rows: int
) -> tuple[str, list[int]]:
    from cxaxis.engine.emit import Rows
    from cxaxis.engine.unit import Target, Unit

    unit = Unit("outputs", Target(lanes, lanes))
    taken = Rows()
    taken.size = rows
    write_outputs(unit, system, outputs, taken)
    return str(unit.module), [taken.size]


def write_outputs(unit: Any, system: System, outputs: Sequence[int], rows: Any) -> list[Any]:
    """Write the kernels that compute the outputs of one time; return both."""
    from cxaxis.engine.emit import Row
    from cxaxis.engine.outline import outlined
    from cxaxis.engine.unit import Assignment, Places, Scratch

    n, n_held = len(system.states), len(system.held)
    places = Places(time=Row(0), states=Row(1, n), held=Row(1 + n, n_held), known={})
    first = rows.take(len(outputs)).start
    nodes = outlined(system.graph, outputs)
    assignments = [Assignment(Row(first + k), node) for k, node in enumerate(nodes)]
    scratch = Scratch(rows)
    return [
        unit.formulas(name, system.graph, assignments, places, scratch, scalar=scalar)
        for name, scalar in (("observe", False), ("observe_one", True))
    ]
