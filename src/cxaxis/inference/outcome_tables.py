"""The committed result of the fit to control arms: its tables, and whether they are fresh."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np

from cxaxis.core.errors import CxaxisError
from cxaxis.core.hashing import sha256_of
from cxaxis.inference.cell_petab import generated_folder
from cxaxis.inference.outcome_checks import Compared, LearnedParameter, LeftOutStudy, RankTest
from cxaxis.inference.outcome_records import from_z
from cxaxis.inference.outcome_results import OutcomeFit
from cxaxis.knowledge.landmarks import Landmark, effective_n
from cxaxis.knowledge.parameters import Parameter
from cxaxis.knowledge.posteriors import OUTCOME_COMMAND, OUTCOME_POSTERIOR_FILE, OUTCOME_SEED
from cxaxis.knowledge.tables import read_table
from cxaxis.models.build import build

PARAMETERS_FILE: Final = "outcome_parameters.tsv"
LANDMARKS_FILE: Final = "outcome_landmarks.tsv"
EMULATED_FILE: Final = "outcome_landmarks_emulated.tsv"
RANKS_FILE: Final = "outcome_ranks.tsv"
STUDIES_FILE: Final = "outcome_studies.tsv"
SUMMARY_FILE: Final = "outcome_summary.tsv"
#: Part of a number that tables keep.
_DIGITS: Final = 6


class StaleOutcomesError(CxaxisError):
    """The committed fit to control arms is missing or malformed; the message names the command."""


@dataclass(frozen=True, kw_only=True)
class FittedPopulation:
    """One fitted parameter before and after, in its own unit.

    Attributes
    ----------
    id, unit
        Parameter and unit of its table.
    prior_median, prior_low, prior_high
        Of the prior; low and high are the ends of the middle 95 %.
    median, low, high
        Of the posterior.
    ratio
        Standard deviation of the posterior over that of the prior, on the scale of the prior's
        normal deviates.
    effective
        Effective number of draws.
    """

    id: str
    unit: str
    prior_median: float
    prior_low: float
    prior_high: float
    median: float
    low: float
    high: float
    ratio: float
    effective: float


@dataclass(frozen=True, kw_only=True)
class OutcomeTables:
    """What is kept of a fit.

    Attributes
    ----------
    parameters, landmarks, emulated, ranks, studies
        Its tables; see `cxaxis.inference.outcome_results.OutcomeFit`.
    summary
        ``input_hash`` and the figures of the whole fit.
    """

    parameters: tuple[FittedPopulation, ...]
    landmarks: tuple[Compared, ...]
    emulated: tuple[Compared, ...]
    ranks: tuple[RankTest, ...]
    studies: tuple[LeftOutStudy, ...]
    summary: Mapping[str, str]


def input_hash(
    landmarks: Iterable[Landmark],
    parameters: Mapping[str, Parameter],
    used: Sequence[str],
    fitted: Sequence[str],
) -> str:
    """Return the hash of what the fit rests on.

    Parameters
    ----------
    landmarks
        Those of use ``fit`` enter.
    parameters, used
        Table, and the ids of the rows that decide a population.
    fitted
        Ids of the fitted parameters.
    """
    chosen = tuple(landmarks)
    numbers = effective_n(chosen)
    return sha256_of(
        {
            "landmarks": [
                [item.id, item.arm, item.quantity, item.time_month, item.value, numbers[item.id]]
                for item in chosen
                if item.use == "fit"
            ],
            "parameters": {
                row.id: [row.value, row.widened_spread, row.omega]
                for row in (parameters[name] for name in used)
            },
            "fitted": list(fitted),
            "sbml": build("patient").sha256,
            "seed": OUTCOME_SEED,
        }
    )


def population_row(item: LearnedParameter, row: Parameter, scores: np.ndarray) -> FittedPopulation:
    """Return a fitted parameter in its own unit; ``scores`` are its draws in unit deviations."""
    prior = [float(from_z(row, z)) for z in (0.0, -1.96, 1.96)]
    found = [float(from_z(row, z)) for z in np.quantile(scores, (0.5, 0.025, 0.975))]
    return FittedPopulation(
        id=item.id,
        unit=row.unit,
        prior_median=prior[0],
        prior_low=min(prior),
        prior_high=max(prior),
        median=found[0],
        low=min(found),
        high=max(found),
        ratio=item.sd,
        effective=item.effective,
    )


def tables_of(fit: OutcomeFit, parameters: Mapping[str, Parameter], key: str) -> OutcomeTables:
    """Return the tables of a fit; ``key`` is the hash of what it rests on."""
    posterior = fit.posterior
    fitted = np.asarray(posterior.chains.parts(posterior.problem).fitted)
    emulator = posterior.emulator
    spread = np.exp(np.asarray(posterior.chains.parts(posterior.problem).log_spread))
    n_kept = spread.size
    summary = {
        "input_hash": key,
        "command": OUTCOME_COMMAND,
        "seed_of_the_others": OUTCOME_SEED,
        "populations_emulated": emulator.n_population,
        "draws": len(posterior.values),
        "draws_simulated": fit.n_simulated,
        "states_kept": n_kept,
        "least_effective_share": min(item.effective for item in fit.learned) / n_kept,
        "mean_acceptance": float(posterior.chains.acceptance.mean()),
        "divergent_steps": float(posterior.chains.divergent.sum()),
        "study_spread_median": float(np.median(spread)),
        "study_spread_low": float(np.quantile(spread, 0.025)),
        "study_spread_high": float(np.quantile(spread, 0.975)),
        "followed_others": ";".join(emulator.other_ids),
        "emulator_r2": _by_landmark(emulator.landmark_ids, emulator.r2),
        "emulator_error_sd": _by_landmark(emulator.landmark_ids, emulator.error_sd),
        "emulator_error_left_sd": _by_landmark(emulator.landmark_ids, posterior.error_left_sd),
    }
    return OutcomeTables(
        parameters=tuple(
            population_row(item, parameters[item.id], fitted[..., k].ravel())
            for k, item in enumerate(fit.learned)
        ),
        landmarks=fit.compared,
        emulated=fit.emulated,
        ranks=fit.ranks,
        studies=fit.studies,
        summary={name: _cell(value) for name, value in summary.items()},
    )


def texts_of(tables: OutcomeTables, draws: Sequence[Mapping[str, float]]) -> dict[str, str]:
    """Return the text of every table by its name, the draws of the posterior among them."""
    ids = [item.id for item in tables.parameters]
    return {
        PARAMETERS_FILE: _text(FittedPopulation, tables.parameters),
        LANDMARKS_FILE: _text(Compared, tables.landmarks),
        EMULATED_FILE: _text(Compared, tables.emulated),
        RANKS_FILE: _text(RankTest, tables.ranks),
        STUDIES_FILE: _text(LeftOutStudy, tables.studies),
        SUMMARY_FILE: _lines(("key", "value"), tables.summary.items()),
        OUTCOME_POSTERIOR_FILE: _lines(
            ("draw", *ids),
            ((str(k), *(_cell(row[name]) for name in ids)) for k, row in enumerate(draws)),
        ),
    }


def load_tables(folder: Path | None = None) -> OutcomeTables:
    """Return the tables kept in a folder.

    Parameters
    ----------
    folder
        Where they are; None reads those that ship with the package.

    Raises
    ------
    StaleOutcomesError
        If a table is missing or malformed.
    """
    place = generated_folder() if folder is None else folder
    return OutcomeTables(
        parameters=tuple(FittedPopulation(**row) for row in _read(place, PARAMETERS_FILE)),
        landmarks=tuple(Compared(**row) for row in _read(place, LANDMARKS_FILE)),
        emulated=tuple(Compared(**row) for row in _read(place, EMULATED_FILE)),
        ranks=tuple(RankTest(**row) for row in _read(place, RANKS_FILE)),
        studies=tuple(LeftOutStudy(**row) for row in _read(place, STUDIES_FILE)),
        summary={row["key"]: row["value"] for row in _read(place, SUMMARY_FILE)},
    )


def stale_reasons(key: str, folder: Path | None = None) -> Iterator[str]:
    """Yield why the committed fit is not that of the present inputs; ``key`` is their hash."""
    try:
        kept = load_tables(folder)
    except StaleOutcomesError as err:
        yield str(err)
        return
    if kept.summary.get("input_hash") != key:
        yield "landmarks, parameters or the patient model have changed since it was fitted"


_TYPES: Final[Mapping[str, type]] = {
    PARAMETERS_FILE: FittedPopulation,
    LANDMARKS_FILE: Compared,
    EMULATED_FILE: Compared,
    RANKS_FILE: RankTest,
    STUDIES_FILE: LeftOutStudy,
}


def _read(folder: Path, name: str) -> list[dict[str, Any]]:
    record = _TYPES.get(name)
    kinds = {"key": "str", "value": "str"} if record is None else _kinds(record)
    table = read_table(folder / name, name, tuple(kinds), key=(next(iter(kinds)),))
    if table.findings:
        msg = f"{'; '.join(str(item) for item in table.findings)} Run: {OUTCOME_COMMAND}"
        raise StaleOutcomesError(msg)
    try:
        return [{k: _parsed(row[k], kind) for k, kind in kinds.items()} for row in table.rows]
    except ValueError as err:
        msg = f"{folder / name} is malformed ({err}). Run: {OUTCOME_COMMAND}"
        raise StaleOutcomesError(msg) from err


def _kinds(record: type) -> dict[str, str]:
    return {item.name: str(item.type) for item in fields(record)}


def _parsed(text: str, kind: str) -> Any:
    if kind == "float":
        return float(text)
    if kind == "int":
        return int(text)
    if kind.startswith("tuple"):
        return tuple(int(part) for part in text.split(";"))
    return text


def _cell(value: Any) -> str:
    if isinstance(value, tuple):
        return ";".join(str(part) for part in value)
    if isinstance(value, float):
        return "nan" if math.isnan(value) else f"{value:.{_DIGITS}g}"
    return str(value)


def _text(record: type, items: Iterable[Any]) -> str:
    return _lines(tuple(_kinds(record)), ([_cell(v) for v in asdict(x).values()] for x in items))


def _by_landmark(ids: Sequence[str], values: np.ndarray) -> str:
    return ";".join(f"{name}={value:.3f}" for name, value in zip(ids, values, strict=True))


def _lines(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "".join("\t".join(cells) + "\n" for cells in (columns, *rows))
