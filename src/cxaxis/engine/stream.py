"""Populations larger than memory: simulated block by block, straight to a run directory.

Parameters come from a function of the patients wanted, results go to Parquet parts, and memory
is bounded by one block. A run that was interrupted, however hard, continues where it stopped
and ends with the same bytes.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from cxaxis._version import __version__
from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import ModelValueError, UserInputError, error
from cxaxis.core.hashing import sha256_of, sha256_text
from cxaxis.engine.doses import ALL_PATIENTS, Dose, DoseTable
from cxaxis.engine.protocol import Engine, ParameterTable, SimulationResult, Tolerances
from cxaxis.runs.directory import RunDirectory, RunState, inspect_run, open_run
from cxaxis.runs.log import timed
from cxaxis.runs.manifest import Manifest, read_manifest
from cxaxis.runs.progress import Progress, ProgressBar

if TYPE_CHECKING:
    import pandas as pd

    from cxaxis.runs.blocks import Block, BlockStore
    from cxaxis.runs.tables import TableSchema

#: ``(first, count)`` -> the parameters of patients ``first`` to ``first + count - 1``.
CohortSource: TypeAlias = Callable[[int, int], ParameterTable]
#: ``(first, count)`` -> their doses; row 0 of the table is patient ``first``.
DoseSource: TypeAlias = Callable[[int, int], DoseTable]

KIND: Final = "population"
COURSES: Final = "courses"
OUTCOMES: Final = "outcomes"
PARTS: Final = "parts"
GROUP: Final = "patients"
LARGEST_BLOCK: Final = 8192
# Many enough to keep every lane and thread busy to the end of a block.
SMALLEST_BLOCK: Final = 64
# Values of one block in memory; tables being written take a few times as much for a moment.
BLOCK_BYTES: Final = 64 * 1024**2

_OWN_COLUMNS = ("patient", "time")


def default_block_size(n_time: int, n_output: int) -> int:
    """Return how many patients make a block of about 64 MiB: a power of two in [64, 8192]."""
    fits = BLOCK_BYTES // (8 * max(1, n_time * n_output))
    size = SMALLEST_BLOCK
    while size < LARGEST_BLOCK and 2 * size <= fits:
        size *= 2
    return size


@dataclass(frozen=True, kw_only=True)
class StoredPopulation:
    """The complete courses of a population on disk.

    Attributes
    ----------
    path
        The run directory. Its folder ``parts`` holds ``patients-*.courses.parquet`` and
        ``patients-*.outcomes.parquet``, which other programs can read as two data sets.
    manifest
        What was run, with the number of patients by outcome and the hash of every part.
    """

    path: Path
    manifest: Manifest = field(repr=False)

    @property
    def n_patient(self) -> int:
        """Number of patients."""
        return sum(self.manifest.counts.values())

    def blocks(self) -> Iterator[pd.DataFrame]:
        """Yield the courses part by part, patients in order: one row per patient and time."""
        for name in self._parts(COURSES):
            yield self._read(name)

    def outcomes(self) -> pd.DataFrame:
        """Return one row per patient: how the simulation ended, where and why."""
        import pandas as pd

        return pd.concat([self._read(name) for name in self._parts(OUTCOMES)], ignore_index=True)

    def _parts(self, table: str) -> list[str]:
        return sorted(name for name in self.manifest.tables if name.endswith(f".{table}"))

    def _read(self, name: str) -> pd.DataFrame:
        from cxaxis.runs.tables import read_table

        return read_table(self.path / f"{name}.parquet")


def open_population(directory: Path | str) -> StoredPopulation:
    """Return a complete population on disk.

    Raises
    ------
    UserInputError
        If the directory holds no complete run, or a run of another kind.
    """
    path = Path(directory)
    manifest = read_manifest(path)
    if manifest.kind != KIND:
        message = (
            f"this is a run of kind {manifest.kind!r}, not a population's courses. "
            "Give a directory that simulate_to_disk has finished."
        )
        raise UserInputError([error("RUN014", str(path), message)])
    return StoredPopulation(path=path, manifest=manifest)


def simulate_to_disk(
    engine: Engine,
    sbml: str,
    cohort: ParameterTable | CohortSource,
    doses: DoseTable | DoseSource,
    times: FloatArray,
    outputs: Sequence[str],
    directory: Path | str,
    *,
    n_patient: int | None = None,
    tolerances: Tolerances | None = None,
    block_size: int | None = None,
    units: Mapping[str, str] | None = None,
    title: str = "",
    seed: int = 0,
    endings: Sequence[str] = (),
    progress: Progress | None = None,
) -> StoredPopulation:
    """Simulate a population of any size into a directory, holding one block in memory.

    Parameters
    ----------
    engine
        Any engine.
    sbml
        The model.
    cohort
        Parameters of everybody, or a function ``(first, count)`` that returns those of a
        stretch of patients. Patient ``i`` must get the same values whatever stretch they are
        asked for in, or a resumed run will not end with the same bytes.
    doses
        As `Engine.simulate` takes them, rows counted over the whole population; or a function
        ``(first, count)`` whose row 0 is patient ``first``.
    times
        Output times, model time unit, shape ``(n_time,)`` or ``(n_patient, n_time)``.
    outputs
        What is written, as `Engine.simulate` takes it; each becomes a column.
    directory
        Absent, empty, or an interrupted run of the same request.
    n_patient
        Number of patients, at least 1; needed where ``cohort`` is a function.
    tolerances
        Error control; the default if omitted.
    block_size
        Patients a block, at least 1; by default as many as keep a block near 64 MiB. It decides
        how the files are cut and so belongs to the request.
    units
        Unit by output, and of ``time``; recorded with the tables.
    title, seed
        Recorded in the manifest: a line for people, and the seed that the cohort came from.
    endings
        Ids of events of the model that end a course; the population engine knows them.
    progress
        Counts patients, those of an interrupted run included; entered and left by the caller.
        By default a bar with the time left on standard error.

    Returns
    -------
    The courses on disk.

    Raises
    ------
    ModelValueError
        If the request makes no sense or the model lacks a name in it. Nothing is written then.
    UserInputError
        If the directory holds a complete run, another unfinished run or foreign files, or is in
        use. What is there stays untouched.
    """
    path = Path(directory)
    if inspect_run(path).state in (RunState.COMPLETE, RunState.FOREIGN):
        open_run(path, {})
    request = _request(
        engine=engine,
        sbml=sbml,
        cohort=cohort,
        doses=doses,
        times=np.asarray(times, dtype=np.float64),
        outputs=tuple(outputs),
        n_patient=n_patient,
        tolerances=tolerances or Tolerances(),
        block_size=block_size,
        units=units or {},
        endings=tuple(endings),
    )
    key_parts = request.key_parts() | {"seed": seed, "title": title}
    # Names that the model lacks show with one patient, before anything stands on the disk.
    request.simulate(0, 1)
    with open_run(path, key_parts) as run:
        store = _store(run, request)
        blocks = request.blocks()
        missing = store.missing(blocks)
        done = request.n_patient - sum(block.size for block in missing)
        with ExitStack() as around:
            if progress is None:
                progress = around.enter_context(
                    ProgressBar("Simulating patients", total=request.n_patient, done=done)
                )
            else:
                progress.advance(done)
            around.enter_context(timed(run.log_path, "simulation", done_before=done))
            for block in missing:
                _compute(request, block, store)
                progress.advance(block.size)
        run.write_json("data_dictionary.json", _dictionary(request))
        manifest = run.finish(
            kind=KIND,
            title=title,
            seed=seed,
            counts=_counts(store, blocks),
            tables=[f"{PARTS}/{b.name}.{t}" for b in blocks for t in (COURSES, OUTCOMES)],
        )
    return StoredPopulation(path=path, manifest=manifest)


@dataclass(frozen=True, kw_only=True)
class _Request:
    """Everything that decides the bytes."""

    engine: Engine
    sbml: str
    cohort: CohortSource
    doses: DoseSource
    times: FloatArray
    outputs: tuple[str, ...]
    n_patient: int
    tolerances: Tolerances
    block_size: int
    units: Mapping[str, str]
    endings: tuple[str, ...]
    cohort_sha256: str = ""
    doses_sha256: str = ""

    def blocks(self) -> tuple[Block, ...]:
        from cxaxis.runs.blocks import blocks_of

        return blocks_of(GROUP, self.n_patient, self.block_size)

    def simulate(self, first: int, count: int) -> SimulationResult:
        parameters = self.cohort(first, count)
        if parameters.n_patient != count:
            msg = (
                f"the cohort gave {parameters.n_patient} patients where {count} were asked for, "
                f"from patient {first} on."
            )
            raise ModelValueError(msg)
        options: dict[str, Any] = {"endings": self.endings} if self.endings else {}
        return self.engine.simulate(
            self.sbml,
            parameters,
            self.doses(first, count),
            self.clock(first, count),
            self.outputs,
            tolerances=self.tolerances,
            **options,
        )

    def clock(self, first: int, count: int) -> FloatArray:
        return self.times if self.times.ndim == 1 else self.times[first : first + count]

    def key_parts(self) -> dict[str, Any]:
        return {
            "engine": getattr(self.engine, "name", type(self.engine).__name__),
            "sbml_sha256": sha256_text(self.sbml),
            "cohort_sha256": self.cohort_sha256,
            "doses_sha256": self.doses_sha256,
            "times_sha256": _array_sha256(self.times),
            "outputs": list(self.outputs),
            "units": dict(self.units),
            "endings": list(self.endings),
            "n_patient": self.n_patient,
            "block_size": self.block_size,
            "relative_tolerance": self.tolerances.relative,
            "absolute_tolerance": self.tolerances.absolute,
            "package_version": __version__,
        }


def _request(
    *,
    engine: Engine,
    sbml: str,
    cohort: ParameterTable | CohortSource,
    doses: DoseTable | DoseSource,
    times: FloatArray,
    outputs: tuple[str, ...],
    n_patient: int | None,
    tolerances: Tolerances,
    block_size: int | None,
    units: Mapping[str, str],
    endings: tuple[str, ...],
) -> _Request:
    number = _number_of_patients(cohort, n_patient)
    _check_columns(outputs, units)
    if times.ndim not in (1, 2) or times.shape[-1] == 0 or times.shape[:-1] not in ((), (number,)):
        msg = f"times must have shape (n_time,) or ({number}, n_time), got {times.shape}."
        raise ModelValueError(msg)
    size = default_block_size(times.shape[-1], len(outputs)) if block_size is None else block_size
    if size < 1:
        msg = f"block_size must be at least 1, got {size}."
        raise ModelValueError(msg)
    source = _sliced(cohort) if isinstance(cohort, ParameterTable) else cohort
    given = _doses_by_block(doses, number, size) if isinstance(doses, DoseTable) else doses
    request = _Request(
        engine=engine,
        sbml=sbml,
        cohort=source,
        doses=given,
        times=times,
        outputs=outputs,
        n_patient=number,
        tolerances=tolerances,
        block_size=size,
        units=units,
        endings=endings,
    )
    # Of a function only a sample can be hashed: a cohort of another seed or law differs there.
    sample = min(SMALLEST_BLOCK, number)
    table = cohort if isinstance(cohort, ParameterTable) else source(0, sample)
    rows = doses.rows if isinstance(doses, DoseTable) else given(0, sample).rows
    return replace(
        request,
        cohort_sha256=sha256_of([list(table.names), _array_sha256(table.values)]),
        doses_sha256=sha256_of([[d.patient, d.time, d.target, d.amount, d.duration] for d in rows]),
    )


def _number_of_patients(cohort: ParameterTable | CohortSource, n_patient: int | None) -> int:
    if isinstance(cohort, ParameterTable):
        if n_patient not in (None, cohort.n_patient):
            msg = f"n_patient is {n_patient}, but the cohort has {cohort.n_patient} rows."
            raise ModelValueError(msg)
        n_patient = cohort.n_patient
    if n_patient is None:
        msg = "a cohort given as a function needs n_patient."
        raise ModelValueError(msg)
    if n_patient < 1:
        msg = f"n_patient must be at least 1, got {n_patient}."
        raise ModelValueError(msg)
    return n_patient


def _check_columns(outputs: tuple[str, ...], units: Mapping[str, str]) -> None:
    if not outputs or len(set(outputs)) < len(outputs):
        msg = f"outputs must be at least one and none twice, got {list(outputs)}."
        raise ModelValueError(msg)
    taken = [name for name in outputs if name in _OWN_COLUMNS]
    if taken:
        msg = f"{taken[0]!r} is a column of every table of courses and cannot be an output too."
        raise ModelValueError(msg)
    unknown = [name for name in units if name not in (*outputs, "time")]
    if unknown:
        msg = f"a unit is given for {unknown[0]!r}, which is no output."
        raise ModelValueError(msg)


def _sliced(table: ParameterTable) -> CohortSource:
    return lambda first, count: ParameterTable(table.names, table.values[first : first + count])


def _doses_by_block(doses: DoseTable, n_patient: int, block_size: int) -> DoseSource:
    """Return the doses of each block, sorted once, in row order."""
    n_block = -(-n_patient // block_size)
    rows: list[list[Dose]] = [[] for _ in range(n_block)]
    for dose in doses.rows:
        if dose.patient == ALL_PATIENTS:
            for block in rows:
                block.append(dose)
        elif 0 <= dose.patient < n_patient:
            here = replace(dose, patient=dose.patient % block_size)
            rows[dose.patient // block_size].append(here)
        else:
            msg = f"a dose is for patient {dose.patient}; there are {n_patient}."
            raise ModelValueError(msg)

    def of_block(first: int, count: int) -> DoseTable:
        return DoseTable(tuple(d for d in rows[first // block_size] if d.patient < count))

    return of_block


def _store(run: RunDirectory, request: _Request) -> BlockStore:
    from cxaxis.runs.blocks import BlockStore
    from cxaxis.runs.files import remove_leftovers

    directory = run.path / PARTS
    directory.mkdir(exist_ok=True)
    remove_leftovers(directory)
    return BlockStore(directory=directory, schemas=_schemas(request))


def _schemas(request: _Request) -> tuple[TableSchema, TableSchema]:
    from cxaxis.runs.tables import Column, TableSchema

    unit = request.units.get("time", "")
    patient = Column(name="patient", type="int64", unit="", meaning="Number of the patient from 0.")
    courses = TableSchema(
        name=COURSES,
        meaning="What one patient shows at one time.",
        columns=(
            patient,
            Column(name="time", type="float64", unit=unit, meaning="Time of the reading."),
            *(
                Column(
                    name=name,
                    type="float64",
                    unit=request.units.get(name, ""),
                    meaning=f"Output {name} of the model; missing after a failure.",
                    nullable=True,
                )
                for name in request.outputs
            ),
        ),
    )
    outcomes = TableSchema(
        name=OUTCOMES,
        meaning="How the simulation of one patient ended.",
        columns=(
            patient,
            Column(name="outcome", type="string", unit="", meaning="Why it stopped."),
            Column(name="time", type="float64", unit=unit, meaning="Time reached."),
            Column(name="state", type="string", unit="", meaning="Stiffest state at a failure."),
            Column(name="message", type="string", unit="", meaning="Words of the solver."),
        ),
    )
    return courses, outcomes


def _compute(request: _Request, block: Block, store: BlockStore) -> None:
    """Simulate one block and store it; nothing of it is left in memory afterwards."""
    import pandas as pd

    result = request.simulate(block.start, block.size)
    patients = np.arange(block.start, block.stop, dtype=np.int64)
    n_time = result.values.shape[1]
    clock = np.broadcast_to(request.clock(block.start, block.size), (block.size, n_time))
    courses: dict[str, Any] = {"patient": np.repeat(patients, n_time), "time": clock.ravel()}
    courses |= {name: result.values[:, :, i].ravel() for i, name in enumerate(request.outputs)}
    outcomes = {
        "patient": patients,
        "outcome": [item.outcome.value for item in result.outcomes],
        "time": np.array([item.time for item in result.outcomes], dtype=np.float64),
        "state": [item.state for item in result.outcomes],
        "message": [item.message for item in result.outcomes],
    }
    store.write(
        block,
        {COURSES: pd.DataFrame(courses, copy=False), OUTCOMES: pd.DataFrame(outcomes)},
    )


def _counts(store: BlockStore, blocks: Sequence[Block]) -> dict[str, int]:
    from cxaxis.runs.tables import read_table

    counts: Counter[str] = Counter()
    for block in blocks:
        frame = read_table(store.directory / f"{block.name}.{OUTCOMES}.parquet")
        counts.update(frame["outcome"].tolist())
    return dict(sorted(counts.items()))


def _dictionary(request: _Request) -> dict[str, object]:
    from cxaxis.runs.tables import data_dictionary

    return data_dictionary(_schemas(request))


def _array_sha256(values: FloatArray) -> str:
    digest = hashlib.sha256(repr(values.shape).encode())
    digest.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
    return digest.hexdigest()
