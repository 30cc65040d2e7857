"""A laboratory's measurements beside the model, under each rival wiring of the cell."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from cxaxis.cell.bench import AssayRun, wiring_text
from cxaxis.cell.bench_checks import PATIENT_ONLY, drawn_parameters
from cxaxis.cell.likelihood_words import (
    DEFAULT,
    notes_of,
    number_notes,
    verdict_of,
)
from cxaxis.cell.measurements import Measurement, Measurements
from cxaxis.cell.noise import (
    Series,
    SeriesFit,
    fit_series,
    mean_of_likelihoods,
    posterior,
    series_of,
)
from cxaxis.cell.predictions import Prediction, cxcr4_at_rest, predicted
from cxaxis.core.arrays import BoolArray, FloatArray
from cxaxis.core.errors import error, raise_on_errors
from cxaxis.engine.choice import POPULATION
from cxaxis.knowledge.wirings import load_wirings
from cxaxis.models.wiring import Wiring, one_at_a_time
from cxaxis.runs.progress import NullProgress, Progress

if TYPE_CHECKING:
    import pandas as pd

NOTHING: Final[Mapping[str, float]] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Rival:
    """One wiring among those compared.

    Attributes
    ----------
    name
        What differs from the defaults, ``default`` if nothing does.
    wiring
        The mechanisms.
    prior
        Prior weight, relative to those of the others.
    """

    name: str
    wiring: Wiring
    prior: float


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Measurements beside the model.

    Attributes
    ----------
    label
        The file.
    shown
        The wiring that a figure draws first.
    best
        The wiring with the largest likelihood; the default where it is as good as any.
    summary
        One row per wiring, the best first: ``wiring, log_likelihood, difference`` (from the
        best)``, n_points, n_fitted, aic, prior, posterior, largest_shift_sd`` (how far it moves
        any reading from the default) and ``verdict`` in words.
    points
        One row per wiring and reading: what was measured (``low`` and ``high``: one standard
        deviation to either side), what is predicted, and the residual, in the unit of the
        reading and in standard deviations.
    curves
        What `shown` and `best` say between the readings, on the scale of the measurements.
    notes
        How the readings were compared and what they cannot say.
    """

    label: str
    shown: str
    best: str
    summary: pd.DataFrame = field(repr=False)
    points: pd.DataFrame = field(repr=False)
    curves: pd.DataFrame = field(repr=False)
    notes: tuple[str, ...] = field(repr=False)


def rival_wirings(wirings: Iterable[Wiring] | None = None) -> tuple[Rival, ...]:
    """Return the default wiring and its rivals.

    Parameters
    ----------
    wirings
        The rivals; by default each wiring that differs from the default in one option of the
        cell. Mechanisms that only the patient has are left out.

    Returns
    -------
    Each once, the default first. The prior weight of a wiring is the product of those of its
    options, as a share of the sum over all returned.
    """
    weights = {
        (name, option.option): option.prior_weight
        for name, options in load_wirings().items()
        for option in options
    }
    usual = getattr(Wiring(), PATIENT_ONLY)
    chosen = {
        wiring_text(wiring): wiring
        for wiring in (Wiring(), *(one_at_a_time() if wirings is None else wirings))
        if getattr(wiring, PATIENT_ONLY) == usual
    }
    priors = {
        name: math.prod(weights[item] for item in asdict(wiring).items())
        for name, wiring in chosen.items()
    }
    total = sum(priors.values())
    return tuple(
        Rival(name=name, wiring=wiring, prior=priors[name] / total)
        for name, wiring in chosen.items()
    )


def overlay(
    run: AssayRun, data: Measurements, *, draws: int = 0, progress: Progress | None = None
) -> Comparison:
    """Return measurements beside an assay that was done: its wiring, inputs and parameters.

    Parameters
    ----------
    run
        The assay. Its inputs hold beside those of each measurement.
    data
        The measurements.
    draws
        How many draws of the calibrated parameters the likelihoods are averaged over.
    progress
        What counts the simulated sets.
    """
    return compare(
        data,
        shown=run.wiring,
        settings=run.settings,
        values=run.values,
        draws=draws,
        progress=progress,
        engine=run.engine,
    )


def n_sets(
    *, rivals: Sequence[Wiring] | None = None, shown: Wiring | None = None, draws: int = 0
) -> int:
    """Return how many sets of predictions a comparison needs, for a progress bar."""
    return len(_compared(rivals, shown)) * (1 + max(draws, 0))


def _compared(rivals: Sequence[Wiring] | None, shown: Wiring | None) -> tuple[Rival, ...]:
    wirings = one_at_a_time() if rivals is None else rivals
    return rival_wirings([*wirings, *([shown] if shown else [])])


def compare(
    data: Measurements,
    *,
    rivals: Sequence[Wiring] | None = None,
    shown: Wiring | None = None,
    settings: Mapping[str, float] = NOTHING,
    values: Mapping[str, float] = NOTHING,
    draws: int = 0,
    progress: Progress | None = None,
    engine: str = POPULATION,
) -> Comparison:
    """Return measurements beside every rival wiring of the cell.

    Parameters
    ----------
    data
        The measurements.
    rivals
        Wirings to set against the default; by default each that differs in one option.
    shown
        The wiring that a figure draws first; the defaults if omitted.
    settings
        Inputs of the cell that hold beside those of each measurement.
    values
        Parameters by id, in the units of the table.
    draws
        How many draws of the calibrated parameters the likelihoods are averaged over; 0 takes
        the tabled values.
    progress
        What counts the simulated sets.
    engine
        Name of the engine, see `cxaxis.engine.choice`.

    Raises
    ------
    UserInputError
        For a readout that a kind of cell cannot give, or fewer draws than asked for.
    """
    compared = _compared(rivals, shown)
    sets = drawn_parameters(draws)
    foretold = partial(predicted, data.rows, settings=settings, engine=engine)
    found: dict[str, Prediction] = {}
    drawn: dict[str, list[FloatArray]] = {}
    with progress or NullProgress() as counted:
        for rival in compared:
            found[rival.name] = foretold(rival.wiring, values=values)
            counted.advance()
            for parameters in sets:
                both = {**parameters, **values}
                drawn.setdefault(rival.name, []).append(
                    foretold(rival.wiring, values=both).readings
                )
                counted.advance()
    readings = {name: item.readings for name, item in found.items()}
    _refuse_unreadable(data.rows, list(readings.values()))
    counting = _counting(data.rows, list(readings.values()))
    if not counting.any():
        message = "every reading is 1 by definition (a fold at its own start): nothing to compare."
        raise_on_errors([error("DATA019", data.label, message)])
    every = [*readings.values(), *(item for items in drawn.values() for item in items)]
    series = series_of(data.rows, every, counting)
    fits = {
        name: [fit_series(s, item[s.positions]) for s in series] for name, item in readings.items()
    }
    logs = {name: sum(fit.log_likelihood for fit in items) for name, items in fits.items()}
    for name, items in drawn.items():
        logs[name] = mean_of_likelihoods(
            [sum(fit_series(s, item[s.positions]).log_likelihood for s in series) for item in items]
        )
    summary = _summary(compared, series, fits, logs)
    best = str(summary["wiring"].iloc[0])
    first = wiring_text(shown or Wiring())
    context = data.rows[0].context
    return Comparison(
        label=data.label,
        shown=first,
        best=best,
        summary=summary,
        points=_points(data.rows, series, fits, counting),
        curves=_curves(found, series, fits, dict.fromkeys((first, best))),
        notes=(
            *data.notes,
            *notes_of(series, fits[best], summary, counting, draws),
            *number_notes(_at_rest(compared, summary, context, values, engine), context),
        ),
    )


def _at_rest(
    compared: Sequence[Rival],
    summary: pd.DataFrame,
    context: str,
    values: Mapping[str, float],
    engine: str,
) -> dict[str, float]:
    """Return the CXCR4 of a cell at rest under the default and each wiring that is seen."""
    unseen = set(summary.loc[summary["verdict"].str.startswith("not seen"), "wiring"])
    return {
        item.name: cxcr4_at_rest(context, item.wiring, values, engine=engine)
        for item in compared
        if item.name not in unseen
    }


def _refuse_unreadable(rows: Sequence[Measurement], readings: Sequence[FloatArray]) -> None:
    readable = np.all(np.isfinite(np.stack(readings)), axis=0).tolist()
    raise_on_errors(
        [
            error(
                "DATA020",
                row.where,
                f"the model has no reading of {row.readout} in {row.context}: there is nothing to "
                "relate it to. Choose another context or readout, or give it in its own unit.",
            )
            for row, is_sound in zip(rows, readable, strict=True)
            if not is_sound
        ]
    )


def _counting(rows: Sequence[Measurement], readings: Sequence[FloatArray]) -> BoolArray:
    """Return which readings say anything: a fold is 1 at its own start whatever the wiring."""
    held = np.all([np.isclose(item, 1.0, rtol=0, atol=1e-9) for item in readings], axis=0)
    own = np.array([row.value == 1.0 and row.unit == "1" and not row.scaled for row in rows])
    says: BoolArray = ~(held & own)
    return says


def _summary(
    rivals: Sequence[Rival],
    series: Sequence[Series],
    fits: Mapping[str, Sequence[SeriesFit]],
    logs: Mapping[str, float],
) -> pd.DataFrame:
    import pandas as pd

    n_points = sum(len(item.positions) for item in series)
    n_fitted = sum(item.n_fitted for item in series)
    chances = posterior(logs, {rival.name: rival.prior for rival in rivals})
    shifts = {name: _largest_shift(series, items, fits[DEFAULT]) for name, items in fits.items()}
    # Of wirings that say the same, the default is named first.
    order = sorted(rivals, key=lambda item: (-round(logs[item.name], 2), item.name != DEFAULT))
    top = max(logs.values())
    return pd.DataFrame(
        [
            {
                "wiring": rival.name,
                "log_likelihood": logs[rival.name],
                "difference": logs[rival.name] - top,
                "n_points": n_points,
                "n_fitted": n_fitted,
                "aic": 2 * n_fitted - 2 * logs[rival.name],
                "prior": rival.prior,
                "posterior": chances[rival.name],
                "largest_shift_sd": shifts[rival.name],
                "verdict": verdict_of(
                    rival.name, logs[rival.name] - top, shifts[rival.name], first=rival is order[0]
                ),
            }
            for rival in order
        ]
    )


def _largest_shift(
    series: Sequence[Series], fits: Sequence[SeriesFit], usual: Sequence[SeriesFit]
) -> float:
    """Return how far a wiring moves any reading from the default, in standard deviations."""
    return max(
        float(np.abs((s.compared(a.predicted) - s.compared(b.predicted)) / b.sd).max())
        for s, a, b in zip(series, fits, usual, strict=True)
    )


def _points(
    rows: Sequence[Measurement],
    series: Sequence[Series],
    fits: Mapping[str, Sequence[SeriesFit]],
    counting: BoolArray,
) -> pd.DataFrame:
    import pandas as pd

    table = []
    for name, items in fits.items():
        for s, fit in zip(series, items, strict=True):
            for k, place in enumerate(s.positions):
                row, sd = rows[place], float(fit.sd[k])
                low, high = (
                    (row.value * np.exp(-sd), row.value * np.exp(sd))
                    if s.logarithmic
                    else (row.value - sd, row.value + sd)
                )
                table.append(
                    {
                        "wiring": name,
                        "line": int(row.where.rpartition(":")[2]),
                        "assay": row.assay,
                        "context": row.context,
                        "condition": row.condition.text,
                        "readout": row.readout,
                        "cxcl12_nM": row.cxcl12_nM,
                        "time_s": row.time_s,
                        "measured": row.value,
                        "low": low,
                        "high": high,
                        "predicted": float(fit.predicted[k]),
                        "unit": row.unit,
                        "residual": row.value - float(fit.predicted[k]),
                        "residual_sd": float(fit.residuals[k]),
                        "factor": fit.factor,
                        "scale": "logarithmic" if s.logarithmic else "linear",
                        "sd_from": s.sd_source,
                        "replicate": row.replicate,
                        "source": row.source,
                    }
                )
    order = {name: rank for rank, name in enumerate(fits)}
    frame = pd.DataFrame(table)
    return frame.sort_values(
        ["wiring", "line"], key=lambda c: c.map(order) if c.name == "wiring" else c, kind="stable"
    ).reset_index(drop=True)


def _curves(
    found: Mapping[str, Prediction],
    series: Sequence[Series],
    fits: Mapping[str, Sequence[SeriesFit]],
    names: Mapping[str, None],
) -> pd.DataFrame:
    """Return the model between the readings, one part per wiring and series, factors applied."""
    import pandas as pd

    parts = []
    for name in names:
        for s, fit in zip(series, fits[name], strict=True):
            curves = found[name].curves
            mine = curves[curves["readout"] == s.readout]
            parts.append(
                mine.assign(
                    wiring=name, unit=s.unit, scaled=s.scaled, value=mine["value"] * fit.factor
                )
            )
    return pd.concat(parts, ignore_index=True)
