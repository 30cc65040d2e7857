"""One face for every solver: rows of a problem and tolerances in, courses and seconds out."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Protocol

import numpy as np

from benchmarks.engine.problems import Problem, Repeat
from cxaxis.core.arrays import FloatArray
from cxaxis.engine.doses import DoseTable, stops_of
from cxaxis.engine.protocol import ParameterTable

OURS: Final = "cxaxis"


@dataclass(frozen=True)
class Run:
    """Courses of some patients and what they cost.

    Attributes
    ----------
    values
        Every state, shape ``(n_patient, n_time, n_state)``; NaN after a failure.
    cpu_s
        Processor time of the whole process, s.
    wall_s
        Wall time, s.
    steps
        Steps per patient, accepted and rejected, shape ``(n_patient,)``; empty if not told.
    """

    values: FloatArray
    cpu_s: float
    wall_s: float
    steps: FloatArray


class BeyondSolverError(Exception):
    """A problem of a kind that a solver does not take."""


class Solver(Protocol):
    """Anything that solves a problem."""

    name: str

    def run(self, problem: Problem, first: int, count: int, rtol: float) -> Run:
        """Solve a stretch of patients.

        Raises
        ------
        BeyondSolverError
            If the problem is of a kind that this solver does not take.
        """
        ...


class Clock:
    """Adds up processor and wall time of stretches."""

    def __init__(self) -> None:
        self.cpu_s = self.wall_s = 0.0

    def __enter__(self) -> Clock:
        self._start = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu_s += time.process_time() - self._start[0]
        self.wall_s += time.perf_counter() - self._start[1]


class PopulationSolver:
    """The project's own engine."""

    def __init__(self, threads: int = 1, **options: Any) -> None:
        from cxaxis.engine.population import PopulationEngine

        self.name = OURS if threads == 1 else f"{OURS}, {threads} threads"
        self._engine = PopulationEngine(threads=threads, **options)

    def run(self, problem: Problem, first: int, count: int, rtol: float) -> Run:
        """Solve a stretch of patients in one batch."""
        parameters, doses = problem.rows(first, count)
        clock = Clock()
        with clock:
            result = self._engine.simulate(
                problem.sbml,
                parameters,
                doses,
                problem.times,
                problem.states,
                tolerances=problem.tolerances(rtol),
            )
        steps = getattr(result, "steps", None)
        told = np.empty(0) if steps is None else np.asarray(steps, dtype=np.float64)
        return Run(result.values, clock.cpu_s, clock.wall_s, told)


class ReferenceSolver:
    """libroadrunner behind the reference engine: doses are stops at which CVODE restarts."""

    name = "libroadrunner"

    def run(self, problem: Problem, first: int, count: int, rtol: float) -> Run:
        """Solve patient after patient."""
        from cxaxis.engine.reference import ReferenceEngine

        parameters, doses = problem.rows(first, count)
        clock = Clock()
        with clock:
            result = ReferenceEngine(optimises=True).simulate(
                problem.sbml,
                parameters,
                doses,
                problem.times,
                problem.states,
                tolerances=problem.tolerances(rtol),
            )
        return Run(result.values, clock.cpu_s, clock.wall_s, np.empty(0))


class LeanRoadRunner:
    """libroadrunner in a loop of its own, a regimen as one recurring event.

    For models whose states start at fixed values and whose constants are all that differs.
    """

    name = "libroadrunner"

    def run(self, problem: Problem, first: int, count: int, rtol: float) -> Run:
        """Solve patient after patient."""
        runner = _runner(problem.sbml, problem.repeat)
        parameters, _ = problem.rows(first, count)
        ids = list(runner.model.getGlobalParameterIds())
        places = [ids.index(name) for name in parameters.names]
        tolerances = problem.tolerances(rtol)
        runner.integrator.setValue("relative_tolerance", tolerances.relative)
        runner.integrator.setValue(
            "absolute_tolerance",
            [tolerances.absolute] * runner.model.getNumFloatingSpecies(),
        )
        runner.timeCourseSelections = [s.removeprefix("amount(")[:-1] for s in problem.states]
        even = np.allclose(np.diff(problem.times), problem.times[1] - problem.times[0])
        grid = (float(problem.times[0]), float(problem.times[-1]), len(problem.times))
        values = np.full((parameters.n_patient, len(problem.times), len(problem.states)), np.nan)
        clock = Clock()
        with clock:
            for row in range(parameters.n_patient):
                runner.reset()
                if problem.repeat is not None:
                    # What an event changed keeps its value through a reset.
                    runner.model.setGlobalParameterValues(
                        [ids.index("next_dose")], [problem.repeat.first]
                    )
                runner.model.setGlobalParameterValues(places, parameters.values[row].tolist())
                try:
                    table = (
                        runner.simulate(*grid)
                        if even
                        else runner.simulate(times=problem.times.tolist())
                    )
                except RuntimeError:
                    continue
                values[row] = table
        return Run(values, clock.cpu_s, clock.wall_s, np.empty(0))


@lru_cache(maxsize=4)
def _runner(sbml: str, repeat: Repeat | None) -> Any:
    for level in ("ERROR", "WARNING"):
        os.environ.setdefault(f"SUNLOGGER_{level}_FILENAME", os.devnull)
    import roadrunner

    roadrunner.Logger.disableLogging()
    return roadrunner.RoadRunner(with_repeat(sbml, repeat))


def with_repeat(sbml: str, repeat: Repeat | None) -> str:
    """Return the model with a regimen as one recurring event."""
    import libsbml

    if repeat is None:
        return sbml
    document = libsbml.readSBMLFromString(sbml)
    model = document.getModel()
    parameter = model.createParameter()
    parameter.setId("next_dose")
    parameter.setValue(repeat.first)
    parameter.setConstant(False)
    event = model.createEvent()
    event.setId("repeat")
    event.setUseValuesFromTriggerTime(True)
    trigger = event.createTrigger()
    trigger.setInitialValue(True)
    trigger.setPersistent(True)
    trigger.setMath(libsbml.parseL3Formula("time >= next_dose"))
    for variable, formula in (
        (repeat.target, f"{repeat.target} + {repeat.amount!r}"),
        ("next_dose", f"next_dose + {repeat.every!r}"),
    ):
        assignment = event.createEventAssignment()
        assignment.setVariable(variable)
        assignment.setMath(libsbml.parseL3Formula(formula))
    return str(libsbml.writeSBMLToString(document))


class Copasi:
    """COPASI's LSODA; only its solver is timed, not loading and copying out."""

    name = "COPASI"

    def run(self, problem: Problem, first: int, count: int, rtol: float) -> Run:
        """Solve patient after patient, each from a model that holds the patient's values."""
        import basico

        parameters, doses = problem.rows(first, count)
        tolerances = problem.tolerances(rtol)
        values = np.full((parameters.n_patient, len(problem.times), len(problem.states)), np.nan)
        clock = Clock()
        for row in range(parameters.n_patient):
            sbml = _of_patient(problem, parameters, doses, row)
            model = basico.load_model_from_string(sbml)
            try:
                task = _copasi_task(basico, model, problem.times, tolerances)
                with clock:
                    done = task.process(True)
                if done:
                    values[row] = _copasi_courses(task, model, problem)
            finally:
                basico.remove_datamodel(model)
        return Run(values, clock.cpu_s, clock.wall_s, np.empty(0))


def _of_patient(problem: Problem, parameters: ParameterTable, doses: DoseTable, row: int) -> str:
    """Return the model with one patient's values and doses written into it."""
    from cxaxis.engine.reference import with_infusions, with_values

    infused = frozenset(d.target for d in doses.rows if d.duration > 0)
    sbml = with_infusions(with_repeat(problem.sbml, problem.repeat), infused)
    values = dict(zip(parameters.names, parameters.values[row].tolist(), strict=True))
    stops = stops_of(doses.of_patient(row), float(problem.times[-1]))
    return _with_dose_events(with_values(sbml, values), [] if problem.repeat else stops)


def _with_dose_events(sbml: str, stops: Sequence[Any]) -> str:
    import libsbml

    from cxaxis.engine.reference import infusion_constant

    document = libsbml.readSBMLFromString(sbml)
    model = document.getModel()
    for k, stop in enumerate(stops):
        event = model.createEvent()
        event.setId(f"dose_{k}")
        event.setUseValuesFromTriggerTime(True)
        trigger = event.createTrigger()
        trigger.setInitialValue(False)
        trigger.setPersistent(True)
        # A reading at the very moment of a dose is one before it.
        late = ">" if stop.time > 0 else ">="
        trigger.setMath(libsbml.parseL3Formula(f"time {late} {stop.time!r}"))
        for target, rate in stop.rates:
            assignment = event.createEventAssignment()
            assignment.setVariable(infusion_constant(target))
            assignment.setMath(libsbml.parseL3Formula(repr(rate)))
        for target, amount in stop.boluses:
            species = model.getSpecies(target)
            more = f"{amount!r}"
            if species is not None and not species.getHasOnlySubstanceUnits():
                more = f"{amount!r} / {species.getCompartment()}"
            assignment = event.createEventAssignment()
            assignment.setVariable(target)
            assignment.setMath(libsbml.parseL3Formula(f"{target} + {more}"))
    return str(libsbml.writeSBMLToString(document))


def _copasi_task(basico: Any, model: Any, times: FloatArray, tolerances: Any) -> Any:
    COPASI = basico.COPASI
    task = model.getTask("Time-Course")
    task.setMethodType(COPASI.CTaskEnum.Method_deterministic)
    problem, method = task.getProblem(), task.getMethod()
    problem.setOutputStartTime(0.0)
    problem.setDuration(float(times[-1]))
    even = np.allclose(np.diff(times), times[1] - times[0])
    problem.setUseValues(not even)
    if even:
        problem.setStepNumber(len(times) - 1)
    else:
        problem.setValues(" ".join(repr(float(t)) for t in times))
    problem.setTimeSeriesRequested(True)
    problem.setAutomaticStepSize(False)
    # Readings right before and after a dose are not asked for.
    problem.setOutputEvent(False)
    for name, value in (
        ("Relative Tolerance", tolerances.relative),
        ("Absolute Tolerance", tolerances.absolute),
        ("Max Internal Steps", 1_000_000),
    ):
        method.getParameter(name).setValue(value)
    task.setScheduled(True)
    model.getModel().setInitialTime(0.0)
    model.getModel().applyInitialValues()
    task.initializeRaw(COPASI.CCopasiTask.ONLY_TIME_SERIES)
    return task


def _copasi_courses(task: Any, model: Any, problem: Problem) -> FloatArray:
    series = task.getTimeSeries()
    n_time = len(problem.times)
    column = {series.getSBMLId(i, model): i for i in range(series.getNumVariables())}
    if series.getRecordedSteps() != n_time:
        msg = f"COPASI recorded {series.getRecordedSteps()} readings, expected {n_time}."
        raise RuntimeError(msg)
    sizes = _sizes(model)
    courses = np.empty((n_time, len(problem.states)))
    for k, state in enumerate(problem.states):
        name = state.removeprefix("amount(").removesuffix(")")
        size = sizes.get(name, 1.0)
        index = column[name]
        courses[:, k] = [size * series.getConcentrationData(i, index) for i in range(n_time)]
    return courses


def _sizes(model: Any) -> dict[str, float]:
    """Return the size of each species' compartment in this patient."""
    tree = model.getModel()
    species = (tree.getMetabolite(i) for i in range(tree.getNumMetabs()))
    return {s.getSBMLId(): s.getCompartment().getInitialValue() for s in species}


class Scipy:
    """``scipy.integrate.solve_ivp`` on compiled rates and Jacobian, restarted at doses."""

    def __init__(self, method: str) -> None:
        self.name = f"scipy {method}"
        self._method = method

    def run(self, problem: Problem, first: int, count: int, rtol: float) -> Run:
        """Solve patient after patient."""
        parameters, doses = problem.rows(first, count)
        infused = frozenset(d.target for d in doses.rows if d.duration > 0)
        system, code = _compiled(problem.sbml, frozenset(parameters.names), infused)
        n_time = len(problem.times)
        values = np.full((parameters.n_patient, n_time, len(problem.states)), np.nan)
        order = [_place(system, name) for name in problem.states]
        defaults = np.array([held.value for held in system.held])
        columns = [system.settable[name] for name in parameters.names]
        clock = Clock()
        with clock:
            for row in range(parameters.n_patient):
                held = defaults.copy()
                held[columns] = parameters.values[row]
                held, start = code.start(held)
                stops = stops_of(doses.of_patient(row), float(problem.times[-1]))
                courses = self._course(problem, system, code, held, start, stops, rtol)
                values[row, : len(courses)] = courses[:, order]
        return Run(values, clock.cpu_s, clock.wall_s, np.empty(0))

    def _course(
        self,
        problem: Problem,
        system: Any,
        code: Any,
        held: FloatArray,
        state: FloatArray,
        stops: Sequence[Any],
        rtol: float,
    ) -> FloatArray:
        import scipy.integrate

        # Its published types take one method at a time.
        solve_ivp: Any = scipy.integrate.solve_ivp
        times, tolerances = problem.times, problem.tolerances(rtol)
        found = [state[None]] if times[0] == 0 else []
        upcoming = {stop.time: stop for stop in stops}
        edges = sorted({0.0, *upcoming, float(times[-1])})
        for start, end in itertools.pairwise(edges):
            if start in upcoming:
                state = state.copy()
                for target, amount in upcoming[start].boluses:
                    state[system.doseable[target]] += amount
                for target, rate in upcoming[start].rates:
                    held[system.infused[target]] = rate
            inside = times[(times > start) & (times <= end)]
            points = inside if len(inside) and inside[-1] == end else np.append(inside, end)
            solution = solve_ivp(
                lambda t, y: code.rates(t, y, held),
                (start, end),
                state,
                method=self._method,
                t_eval=points,
                jac=lambda t, y: code.jacobian(t, y, held),
                rtol=tolerances.relative,
                atol=tolerances.absolute,
            )
            if not solution.success:
                break
            found.append(solution.y.T[: len(inside)])
            state = solution.y[:, -1]
        return np.concatenate(found)


@lru_cache(maxsize=4)
def _compiled(sbml: str, given: frozenset[str], infused: frozenset[str]) -> tuple[Any, Any]:
    from benchmarks.engine.machine_code import compile_system
    from cxaxis.engine.sbml import read_system

    system = read_system(sbml, given=given, infused=infused)
    if system.events:
        msg = "scipy's solvers are run on models without events."
        raise BeyondSolverError(msg)
    return system, compile_system(system)


def _place(system: Any, output: str) -> int:
    """Return the place of a state among the states, which hold species as amounts."""
    name = output.removeprefix("amount(").removesuffix(")")
    return [state.name for state in system.states].index(name)
