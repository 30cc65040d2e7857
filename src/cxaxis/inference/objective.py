"""The misfit of a PEtab problem of the cell, evaluated on the population engine.

The search moves in standard units. A parameter with a prior is ``z = (ln value - mu) / sd`` of
its log-normal prior, so that ``z`` is its own residual; a free factor without a prior is the
logarithm of its value. Residuals are ``(value - model) / sd`` of the points, on the log scale
where the noise is log-normal, followed by ``z`` of each parameter with a prior.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from cxaxis.cell.course import MEDIUM_SPECIES, REST_S, Dish, Phase, run_phases
from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import CxaxisError, SimulationFailedError
from cxaxis.models.build import Model, load_model

LN_STEP: Final = 0.01
"""Step of finite differences, in the logarithm of a parameter."""
# A point whose experiment failed, or whose logarithm does not exist, is this far off.
_LOST: Final = 30.0


class ProblemError(CxaxisError):
    """A PEtab problem that is not a calibration of the cell."""


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """A quantity that the search moves.

    Attributes
    ----------
    id
        Parameter of the model, or free factor of an assay.
    mu, sd
        Mean and standard deviation of the logarithm by its prior; 0 and 1 where `has_prior` is
        false.
    low, high
        Bounds in standard units.
    nominal
        Where it stands in the problem, in standard units.
    has_prior
        Whether its departure from `mu` is a residual.
    """

    id: str
    mu: float
    sd: float
    low: float
    high: float
    nominal: float
    has_prior: bool

    def value(self, z: float) -> float:
        """Return the value, in the unit of the model, at a place in standard units."""
        return math.exp(self.mu + self.sd * z)


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One experiment: constants of the cells, then what happens from time 0.

    Attributes
    ----------
    id
        As in the problem.
    constants
        Values of the model that hold since rest.
    begin
        The phase from time 0; its times are those of the points, increasing.
    """

    id: str
    constants: Mapping[str, float]
    begin: Phase


@dataclass(frozen=True, kw_only=True)
class _Point:
    experiment: int
    time: int
    observable: str
    value: float
    sd: float


@dataclass(frozen=True, kw_only=True)
class _Observable:
    entities: tuple[str, ...]
    factors: tuple[str, ...]
    is_log: bool
    function: Callable[..., Any]


@dataclass(frozen=True, kw_only=True)
class Objective:
    """Residuals of a problem as a function of its unknowns.

    Attributes
    ----------
    unknowns
        In the order of the parameter table of the problem.
    experiments
        In the order of their ids.
    point_ids
        Data set of each measurement, in the order of the residuals.
    measured, noise_sd
        Value and standard deviation of each, shape ``(n_point,)``.
    on_log_scale
        Whether each has log-normal noise.
    """

    unknowns: tuple[Unknown, ...]
    experiments: tuple[Experiment, ...]
    point_ids: tuple[str, ...]
    measured: FloatArray
    noise_sd: FloatArray
    on_log_scale: tuple[bool, ...]
    _model: Model = field(repr=False)
    _points: tuple[_Point, ...] = field(repr=False)
    _observables: Mapping[str, _Observable] = field(repr=False)

    @property
    def start(self) -> FloatArray:
        """The nominal values of the problem, in standard units."""
        return np.array([unknown.nominal for unknown in self.unknowns])

    @property
    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Lowest and highest places of the search."""
        return (
            np.array([unknown.low for unknown in self.unknowns]),
            np.array([unknown.high for unknown in self.unknowns]),
        )

    @property
    def with_prior(self) -> tuple[int, ...]:
        """Positions of the unknowns that have a prior."""
        return tuple(i for i, unknown in enumerate(self.unknowns) if unknown.has_prior)

    def simulate(self, z: FloatArray) -> tuple[Mapping[str, FloatArray] | None, ...]:
        """Return the outputs of every experiment at its times; None where the solver failed.

        Parameters
        ----------
        z
            Place in standard units, shape ``(n_unknown,)``.
        """
        moved = {
            unknown.id: unknown.value(float(z[i]))
            for i, unknown in enumerate(self.unknowns)
            if unknown.has_prior
        }
        dishes: dict[tuple[tuple[str, float], ...], Dish] = {}
        wanted = self._wanted()
        courses: list[Mapping[str, FloatArray] | None] = []
        for k, item in enumerate(self.experiments):
            key = tuple(sorted(item.constants.items()))
            if key not in dishes:
                bare = Dish(model=self._model, values={})
                dishes[key] = bare.changed(**{**moved, **item.constants})
            try:
                courses.append(run_phases(dishes[key], (item.begin,), wanted[k]).values)
            except SimulationFailedError:
                courses.append(None)
        return tuple(courses)

    def predicted(
        self, z: FloatArray, courses: Sequence[Mapping[str, FloatArray] | None] | None = None
    ) -> FloatArray:
        """Return what the model says at each point, NaN where the solver failed.

        Parameters
        ----------
        z
            Place in standard units, shape ``(n_unknown,)``.
        courses
            Result of `simulate` at the same parameters, if known: free factors may differ.
        """
        runs = self.simulate(z) if courses is None else courses
        values = {unknown.id: unknown.value(float(z[i])) for i, unknown in enumerate(self.unknowns)}
        found = np.full(len(self._points), np.nan)
        for i, point in enumerate(self._points):
            course = runs[point.experiment]
            if course is None:
                continue
            observable = self._observables[point.observable]
            arguments = [float(course[name][point.time]) for name in observable.entities]
            arguments += [values[name] for name in observable.factors]
            found[i] = float(observable.function(*arguments))
        return found

    def residuals(
        self,
        z: FloatArray,
        *,
        courses: Sequence[Mapping[str, FloatArray] | None] | None = None,
        measured: FloatArray | None = None,
        prior_centre: FloatArray | None = None,
    ) -> FloatArray:
        """Return the residuals of points, then those of priors.

        Parameters
        ----------
        z
            Place in standard units, shape ``(n_unknown,)``.
        courses
            As in `predicted`.
        measured
            Other values of the points, such as perturbed ones.
        prior_centre
            Other centres of the priors, in standard units, shape ``(n_with_prior,)``.
        """
        values = self.measured if measured is None else measured
        model = self.predicted(z, courses)
        log = np.array(self.on_log_scale)
        with np.errstate(divide="ignore", invalid="ignore"):
            off = np.where(log, np.log(values) - np.log(model), values - model) / self.noise_sd
        off = np.where(np.isfinite(off), off, _LOST)
        centre = 0.0 if prior_centre is None else prior_centre
        return np.concatenate([off, z[list(self.with_prior)] - centre])

    def jacobian(self, z: FloatArray, *, central: bool = False) -> FloatArray:
        """Return the derivatives of the residuals by finite differences.

        Shape ``(n_residual, n_unknown)``. A free factor costs no simulation.

        Parameters
        ----------
        z
            Place in standard units, shape ``(n_unknown,)``.
        central
            Differences to both sides, at twice the cost.
        """
        at_place = self.simulate(z)
        base = self.residuals(z, courses=at_place)
        columns = []
        for i, unknown in enumerate(self.unknowns):
            step = LN_STEP / unknown.sd
            # Away from the nearer bound.
            if z[i] + step > unknown.high:
                step = -step
            moved = z.copy()
            moved[i] += step
            courses = None if unknown.has_prior else at_place
            ahead = self.residuals(moved, courses=courses)
            if central or not unknown.has_prior:
                moved[i] = z[i] - step
                columns.append((ahead - self.residuals(moved, courses=courses)) / (2.0 * step))
            else:
                columns.append((ahead - base) / step)
        return np.column_stack(columns)

    def scaled_start(self, z: FloatArray) -> FloatArray:
        """Return the place with every free factor at its best for these parameters."""
        best = z.copy()
        courses = self.simulate(z)
        for i, unknown in enumerate(self.unknowns):
            if unknown.has_prior:
                continue
            mine = [
                k
                for k, point in enumerate(self._points)
                if unknown.id in self._observables[point.observable].factors
            ]
            unit = z.copy()
            unit[i] = 0.0
            model = self.predicted(unit, courses)[mine]
            value, sd = self.measured[mine], self.noise_sd[mine]
            if any(self.on_log_scale[k] for k in mine):
                with np.errstate(divide="ignore", invalid="ignore"):
                    logs = np.log(value) - np.log(model)
                factor = float(np.exp(np.average(logs, weights=sd**-2)))
            else:
                factor = float((value * model / sd**2).sum() / (model**2 / sd**2).sum())
            if math.isfinite(factor) and factor > 0:
                best[i] = float(np.clip(math.log(factor), unknown.low, unknown.high))
        return best

    def _wanted(self) -> list[tuple[str, ...]]:
        names: list[set[str]] = [set() for _ in self.experiments]
        for point in self._points:
            names[point.experiment].update(self._observables[point.observable].entities)
        return [tuple(sorted(item)) for item in names]


def load_objective(problem_file: Path) -> Objective:
    """Return the objective of a PEtab problem.

    Parameters
    ----------
    problem_file
        YAML file of the problem; the other files are read from where it says.

    Raises
    ------
    ProblemError
        If the problem breaks the rules of PEtab, or asks for what the bench of the cell cannot
        do: a rest of another length, a change that is neither an addition to the medium nor a
        setting, a prior that is not log-normal.
    """
    from petab.v2 import Problem
    from petab.v2.lint import CheckPriorDistribution, default_validation_tasks

    problem = Problem.from_yaml(problem_file)
    # That one task draws from numpy's global stream; `_unknown` judges priors by itself.
    tasks = [task for task in default_validation_tasks if type(task) is not CheckPriorDistribution]
    if complaints := [str(found) for task in tasks if (found := task.run(problem)) is not None]:
        raise ProblemError("; ".join(complaints))
    model = _model_of(problem, problem_file)
    measurements = sorted(problem.measurements, key=lambda item: item.model_extra["datasetId"])
    times = _times(measurements)
    names = sorted(times)
    experiments = tuple(_experiment(problem, name, times[name], model) for name in names)
    observables = {item.id: _observable(item, model) for item in problem.observables}
    points = tuple(
        _Point(
            experiment=names.index(item.experiment_id),
            time=times[item.experiment_id].index(item.time),
            observable=item.observable_id,
            value=item.measurement,
            sd=float(item.noise_parameters[0]),
        )
        for item in measurements
    )
    return Objective(
        unknowns=tuple(_unknown(item) for item in problem.parameters if item.estimate),
        experiments=experiments,
        point_ids=tuple(str(item.model_extra["datasetId"]) for item in measurements),
        measured=np.array([point.value for point in points]),
        noise_sd=np.array([point.sd for point in points]),
        on_log_scale=tuple(observables[point.observable].is_log for point in points),
        _model=model,
        _points=points,
        _observables=observables,
    )


def _model_of(problem: Any, problem_file: Path) -> Model:
    """Return the cell model with the SBML text that the problem names."""
    (entry,) = problem.config.model_files.values()
    text = (problem_file.parent / str(entry.location)).read_text(encoding="utf-8")
    return replace(load_model("cell"), sbml=text)


def _times(measurements: Sequence[Any]) -> dict[str, list[float]]:
    found: dict[str, set[float]] = {}
    for item in measurements:
        found.setdefault(item.experiment_id, set()).add(item.time)
    return {name: sorted(values) for name, values in found.items()}


def _experiment(problem: Any, name: str, times: Sequence[float], model: Model) -> Experiment:
    (item,) = (found for found in problem.experiments if found.id == name)
    periods = item.sorted_periods
    if [period.time for period in periods] != [-REST_S, 0.0]:
        msg = f"{name}: periods must start at {-REST_S:g} s (rest) and 0 s."
        raise ProblemError(msg)
    changes = {
        condition.id: [(change.target_id, change.target_value) for change in condition.changes]
        for condition in problem.conditions
    }
    since_rest, from_zero = (
        {
            target: value
            for condition in period.condition_ids
            for target, value in changes[condition]
        }
        for period in periods
    )
    add: dict[str, float] = {}
    settings: dict[str, float] = {}
    for target, value in from_zero.items():
        own = [symbol for symbol in value.free_symbols if str(symbol) == target]
        rest = value - own[0] if own else value
        if rest.free_symbols or (own and target not in MEDIUM_SPECIES):
            msg = f"{name}: {target} = {value} is neither an addition to the medium nor a setting."
            raise ProblemError(msg)
        (add if own else settings)[target] = float(rest)
    return Experiment(
        id=name,
        constants={target: float(value) for target, value in since_rest.items()},
        begin=Phase(times_s=tuple(times), add_nM=add, settings=settings),
    )


def _observable(item: Any, model: Model) -> _Observable:
    import sympy  # type: ignore[import-untyped]

    symbols = sorted(item.formula.free_symbols, key=str)
    entities = [symbol for symbol in symbols if str(symbol) in model.units]
    factors = [symbol for symbol in symbols if str(symbol) not in model.units]
    return _Observable(
        entities=tuple(str(symbol) for symbol in entities),
        factors=tuple(str(symbol) for symbol in factors),
        is_log=item.noise_distribution == "log-normal",
        function=sympy.lambdify([*entities, *factors], item.formula, modules="math"),
    )


def _unknown(item: Any) -> Unknown:
    if item.prior_distribution is None:
        mu, sd = 0.0, 1.0
    elif item.prior_distribution == "log-normal" and len(item.prior_parameters) == 2:
        mu, sd = item.prior_parameters
    else:
        msg = (
            f"{item.id}: the prior is {item.prior_distribution} {item.prior_parameters}. "
            "Give a log-normal one with its mean and standard deviation, or none."
        )
        raise ProblemError(msg)
    low, high, nominal = (
        (math.log(value) - mu) / sd for value in (item.lb, item.ub, item.nominal_value)
    )
    return Unknown(
        id=item.id,
        mu=mu,
        sd=sd,
        low=low,
        high=high,
        nominal=nominal,
        has_prior=item.prior_distribution is not None,
    )
