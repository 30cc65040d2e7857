"""Calibrate the cell model, or check that the committed calibration is fresh.

``python -m cxaxis.inference.cell_fit`` writes the PEtab problem, searches from several starts,
profiles every parameter, draws from the posterior, writes the tables of the result, puts the
best values into ``parameters.tsv`` and writes ``docs/calibration.md`` (a quarter of an hour on
two cores). ``--problem`` rewrites the problem and the page alone. ``--check`` exits 1 if the
problem is not what the tables say, the best values are not those of the parameter table, or the
model no longer says at the points what it said when it was fitted.
"""

from __future__ import annotations

import argparse
import logging
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import CxaxisError
from cxaxis.inference.cell_petab import (
    generated_folder,
    model_value,
    problem_file,
    problem_texts,
    scale_id,
    write_problem,
)
from cxaxis.inference.features import features_over
from cxaxis.inference.fit_files import (
    CellCalibration,
    FittedFeature,
    FittedParameter,
    FittedPoint,
    FittedStart,
    calibration_texts,
    load_calibration,
    problem_hash,
)
from cxaxis.inference.fit_report import page
from cxaxis.inference.objective import Objective, load_objective
from cxaxis.inference.search import Start, search, search_all, starts_of
from cxaxis.inference.uncertainty import covariance, draw_all, profile_all
from cxaxis.knowledge.cell_fit import CellFit, load_cell_fit
from cxaxis.knowledge.parameters import PARAMETER_COLUMNS, Parameters, load_parameters
from cxaxis.knowledge.posteriors import COMMAND
from cxaxis.models.build import load_model
from cxaxis.runs.progress import ProgressBar

SEED: Final = 20230
N_START_DRAW: Final = 4
N_DRAW: Final = 60
SIGNIFICANT_DIGITS: Final = 4
CALIBRATED_NOTE: Final = "calibrated jointly, see docs/calibration.md"
# Another solver build moves a point by less than this share of its standard deviation.
_SAME_SD: Final = 0.02
_REFINING_STEPS: Final = 12
_REFINING_TOLERANCE: Final = 1e-6

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Settings:
    """How much work a run does."""

    n_start_draw: int
    n_draw: int
    workers: int | None


def calibrate(folder: Path, settings: _Settings) -> CellCalibration:
    """Fit the packaged problem and return what was found; the problem is written to a folder.

    Parameters
    ----------
    folder
        Receives the PEtab problem with the best values as nominal ones.
    settings
        How much work to do.
    """
    tables, rows = load_cell_fit(), load_parameters()
    path = write_problem(folder, problem_texts(tables, parameters=rows))
    objective = load_objective(path)
    starts = starts_of(objective, n_draw=settings.n_start_draw, seed=SEED)
    with ProgressBar("Searching", total=len(starts)) as bar:
        searches = search_all(path, starts, workers=settings.workers, progress=bar)
    best = min(searches, key=lambda item: item.misfit)
    logger.info("best misfit %.2f from %s; refining it", best.misfit, best.name)
    refined = search(
        objective,
        Start(name="best", place=best.place),
        max_evaluations=_REFINING_STEPS,
        tolerance=_REFINING_TOLERANCE,
        refresh=1,
    )
    logger.info("misfit %.3f: %s", refined.misfit, refined.message)
    place = _rounded(objective, refined.place, tables, rows)
    # The problem on disk stands where the search ended, and so do the workers.
    values = _values(objective, place, tables, rows)
    scales = _scales(objective, place, tables)
    write_problem(folder, problem_texts(tables, parameters=rows, nominal=values, scales=scales))
    logger.info("derivatives at the best place")
    jacobian = objective.jacobian(place, central=True)
    with ProgressBar("Profiling", total=len(objective.with_prior)) as bar:
        profiles = profile_all(
            path, place, jacobian, objective.with_prior, workers=settings.workers, progress=bar
        )
    with ProgressBar("Drawing", total=settings.n_draw) as bar:
        draws = draw_all(
            path,
            place,
            jacobian,
            n_draw=settings.n_draw,
            seed=SEED,
            workers=settings.workers,
            progress=bar,
        )
    drawn = tuple(_values(objective, item.place, tables, rows) for item in draws)
    with ProgressBar("Reading features", total=settings.n_draw + 1) as bar:
        features = features_over([values, *drawn], workers=settings.workers, progress=bar)
    laplace = np.sqrt(np.diag(covariance(jacobian)))
    spread = np.std([item.place for item in draws], axis=0, ddof=1)
    fitted = []
    for (name, prior), k in zip(tables.priors.items(), objective.with_prior, strict=True):
        sd = rows[name].widened_spread
        found = profiles[k]
        low, high = (prior.median * math.exp(sd * end) for end in (found.low, found.high))
        fitted.append(
            FittedParameter(
                id=name,
                unit=rows[name].unit,
                prior_median=prior.median,
                prior_sd=sd,
                value=values[name],
                laplace_sd=float(laplace[k]) * sd,
                draw_sd=float(spread[k]) * sd,
                profile_low=low,
                profile_high=high,
                rise_low=found.rise_low,
                rise_high=found.rise_high,
                identifiable=found.identifiable,
            )
        )
    residual = objective.residuals(place)
    n_point = len(objective.point_ids)
    return CellCalibration(
        parameters=tuple(fitted),
        points=_points(objective, place),
        starts=tuple(
            FittedStart(
                start=item.name,
                misfit_at_start=item.misfit_at_start,
                misfit=item.misfit,
                evaluations=item.evaluations,
                largest_shift_sd=float(
                    np.abs(item.place - refined.place)[list(objective.with_prior)].max()
                ),
            )
            for item in searches
        ),
        features=tuple(
            FittedFeature(
                id=item.id,
                role=item.role,
                value=item.values[0],
                draw_low=float(np.nanquantile(item.values[1:], 0.05)),
                draw_high=float(np.nanquantile(item.values[1:], 0.95)),
                share_read=float(np.mean(np.isfinite(item.values[1:]))),
                share_inside=float(np.mean(item.inside[1:])),
            )
            for item in features
        ),
        draws=drawn,
        summary={
            "input_hash": input_hash(tables, rows),
            "misfit_points": f"{float((residual[:n_point] ** 2).sum()):.2f}",
            "misfit_priors": f"{float((residual[n_point:] ** 2).sum()):.2f}",
            "misfit_points_of_draws": f"{float(np.median([item.misfit for item in draws])):.2f}",
            "seed": str(SEED),
        },
    )


def input_hash(tables: CellFit, rows: Parameters) -> str:
    """Return the hash of the problem with every parameter at its prior."""
    medians = {name: prior.median for name, prior in tables.priors.items()}
    return problem_hash(problem_texts(tables, parameters=rows, nominal=medians))


def written_back(text: str, fit: CellCalibration) -> str:
    """Return the text of a parameter table with the calibrated values in it.

    A value that was learned is ``derived`` from then on; spread, relevance and evidence stay,
    so that the prior of the next calibration is the same.

    Parameters
    ----------
    text
        A well-formed parameter table.
    fit
        What was found.
    """
    found = {item.id: item for item in fit.parameters}
    value, status, note = (PARAMETER_COLUMNS.index(name) for name in ("value", "status", "note"))
    lines = []
    for line in text.split("\n"):
        cells = line.split("\t")
        if cells[0] in found:
            item = found[cells[0]]
            cells[value] = f"{item.value:.{SIGNIFICANT_DIGITS}g}"
            if item.is_learned or cells[status] == "measured":
                cells[status] = "derived"
            if CALIBRATED_NOTE not in cells[note]:
                parts = [cells[note].removeprefix("(fitted) "), CALIBRATED_NOTE]
                cells[note] = "; ".join(part for part in parts if part)
        lines.append("\t".join(cells))
    return "\n".join(lines)


def stale_reasons(folder: Path, page_file: Path) -> Iterator[str]:
    """Yield why the committed calibration is no longer that of the tables and the model.

    Parameters
    ----------
    folder
        Where its tables lie, with the problem below.
    page_file
        The page made from it.
    """
    tables, rows = load_cell_fit(), load_parameters()
    fit = load_calibration(folder)
    if fit.summary["input_hash"] != input_hash(tables, rows):
        yield "the points, read-outs or priors have changed since the fit"
        return
    values = {item.id: item.value for item in fit.parameters}
    for name, value in values.items():
        if not math.isclose(rows[name].value, value, rel_tol=1e-6):
            yield f"{name} is {rows[name].value:g} in the table and {value:g} by the fit"
    place = folder / problem_file().parent.name
    objective = load_objective(place / problem_file().name)
    for point, now in zip(fit.points, _points(objective, objective.start), strict=True):
        scale = now.model if objective.on_log_scale[objective.point_ids.index(point.id)] else 1.0
        if not abs(now.model - point.model) <= _SAME_SD * point.sd * scale:
            yield f"{point.id}: the model says {now.model:.4g}, when fitted {point.model:.4g}"
    texts = problem_texts(
        tables, parameters=rows, nominal=values, scales=_nominal_scales(objective)
    )
    for name, text in texts.items():
        if (place / name).read_text(encoding="utf-8") != text:
            yield f"{place / name} differs"
    if not page_file.is_file() or page_file.read_text(encoding="utf-8") != page(fit):
        yield f"{page_file} differs"


def _points(objective: Objective, place: FloatArray) -> tuple[FittedPoint, ...]:
    model = objective.predicted(place)
    residual = objective.residuals(place)
    return tuple(
        FittedPoint(
            id=name,
            measured=float(objective.measured[k]),
            sd=float(objective.noise_sd[k]),
            model=float(model[k]),
            residual=float(residual[k]),
        )
        for k, name in enumerate(objective.point_ids)
    )


def _values(
    objective: Objective, place: FloatArray, tables: CellFit, rows: Parameters
) -> dict[str, float]:
    """Return parameters in the unit of their table."""
    model = load_model("cell")
    found = {}
    for name, k in zip(tables.priors, objective.with_prior, strict=True):
        per_unit = model_value(model, name, 1.0)
        found[name] = objective.unknowns[k].value(float(place[k])) / per_unit
    return found


def _rounded(
    objective: Objective, place: FloatArray, tables: CellFit, rows: Parameters
) -> FloatArray:
    """Return the place with parameters as they will stand in the table, free factors at best."""
    model = load_model("cell")
    near = place.copy()
    values = _values(objective, place, tables, rows)
    for (name, value), k in zip(values.items(), objective.with_prior, strict=True):
        short = float(f"{value:.{SIGNIFICANT_DIGITS}g}")
        unknown = objective.unknowns[k]
        near[k] = (math.log(model_value(model, name, short)) - unknown.mu) / unknown.sd
    return objective.scaled_start(near)


def _scales(objective: Objective, place: FloatArray, tables: CellFit) -> dict[str, float]:
    ids = {unknown.id: k for k, unknown in enumerate(objective.unknowns)}
    return {
        name: math.exp(float(place[ids[scale_id(name)]]))
        for name, readout in tables.readouts.items()
        if readout.scaled
    }


def _nominal_scales(objective: Objective) -> dict[str, float]:
    return _scales(objective, objective.start, load_cell_fit())


def _parameter_file() -> Path:
    from cxaxis.knowledge.widening import parameter_file

    return parameter_file()


def _keep(fit: CellCalibration, folder: Path) -> None:
    """Write the tables of a calibration and put its values into the parameter table."""
    for name, text in calibration_texts(fit).items():
        (folder / name).write_text(text, encoding="utf-8")
    table = _parameter_file()
    table.write_text(written_back(table.read_text("utf-8"), fit), encoding="utf-8")


def _rewrite_problem(fit: CellCalibration, folder: Path) -> None:
    """Write the problem again, its nominal values at the best place."""
    values = {item.id: item.value for item in fit.parameters}
    texts = problem_texts(nominal=values)
    path = write_problem(folder / problem_file().parent.name, texts)
    objective = load_objective(path)
    scales = _scales(objective, objective.scaled_start(objective.start), load_cell_fit())
    write_problem(path.parent, problem_texts(nominal=values, scales=scales))


def main(arguments: Sequence[str]) -> int:
    """Calibrate, rewrite or check; return the exit code."""
    parser = argparse.ArgumentParser(prog=COMMAND, description="Calibration of the cell model.")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--check", action="store_true", help="exit 1 if the result is stale")
    action.add_argument("--problem", action="store_true", help="rewrite the problem and the page")
    parser.add_argument("--workers", type=int, default=None, help="processes; default all")
    parser.add_argument("--docs", type=Path, default=Path("docs"), help="folder of the page")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    folder, page_file = generated_folder(), chosen.docs / "calibration.md"
    try:
        if chosen.check:
            reasons = list(stale_reasons(folder, page_file))
            for reason in reasons:
                sys.stderr.write(f"The calibration is stale: {reason}. Run: {COMMAND}\n")
            return 1 if reasons else 0
        if chosen.problem:
            fit = load_calibration(folder)
        else:
            from cxaxis.models.generate import main as generate_models

            # The problem points to the generated model: it has to be that of the tables.
            generate_models([])
            settings = _Settings(n_start_draw=N_START_DRAW, n_draw=N_DRAW, workers=chosen.workers)
            fit = calibrate(problem_file().parent, settings)
            _keep(fit, folder)
            generate_models([])
            fit = load_calibration(folder)
    except CxaxisError as err:
        sys.stderr.write(f"{err}\n")
        return 2
    _rewrite_problem(fit, folder)
    page_file.parent.mkdir(parents=True, exist_ok=True)
    page_file.write_text(page(fit), encoding="utf-8")
    sys.stdout.write(f"{page_file}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
