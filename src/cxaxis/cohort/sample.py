"""Sample a cohort of ESCC in one clinical setting: draw, grow to diagnosis, stage, screen.

CXCR4, T, N and M of a patient come from one draw: the primary grows to a size sampled with
its T category, seeds nodes and organs on the way, and is staged by what would be visible.
Patients enter until each stage of the setting has its share of the cohort; patients of other
stages, such as visible distant disease where surgery is planned, are screen failures.
Staining is told high or low as a published series told it: by the cut-off above which its share
of tumours lies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cxaxis.cohort.laboratory import Laboratory
from cxaxis.cohort.population import (
    Theta,
    central_theta,
    death_draws,
    draw_patients,
    patient_values,
)
from cxaxis.cohort.settings import (
    LEAST_LIFE_EXPECTANCY_DAY,
    LOCALLY_ADVANCED,
    SETTINGS,
    Setting,
    stage_quotas,
)
from cxaxis.cohort.staging import SITES, STAINS, stage_group, stain_calls
from cxaxis.core.arrays import BoolArray, FloatArray
from cxaxis.core.errors import CxaxisError, ModelValueError
from cxaxis.core.ids import patient_id
from cxaxis.core.streams import rng_for
from cxaxis.engine.choice import POPULATION, engine_named
from cxaxis.engine.protocol import Engine, ParameterTable, Tolerances
from cxaxis.knowledge.parameters import Parameter, load_parameters
from cxaxis.models.build import Model, build
from cxaxis.patient.course import AGGREGATES, DISTANT_SLOTS, Diagnosis, to_diagnosis
from cxaxis.patient.outlook import life_expectancy_day
from cxaxis.patient.readouts import VISIBLE_MM, cells_of_diameter, diameter_mm

if TYPE_CHECKING:
    import pandas as pd

    from cxaxis.runs.progress import Progress

#: Tells from covariates which of the patients screened may enter, shape ``(n_patient,)``.
Entry = Callable[[Mapping[str, Any]], BoolArray]

BLOCK = 64
MINUTES_PER_DAY = 1440.0
# Distant disease at diagnosis is rare in some draws; below one in a hundred a draw is no ESCC.
MOST_SCREENED_PER_PATIENT: Final = 100
RARE_BIOMARKER: Final = 5  # So many times more where a biomarker is asked for.


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """Eligible virtual patients at diagnosis.

    Attributes
    ----------
    indices
        Index of each patient among those screened; the patient's random streams belong to it.
    table
        ``Diagnosis.patients`` of the eligible, one row per patient.
    covariates
        One row per patient: ``age_year, sex, weight_kg, height_cm, crcl_mL_min, site, t, n, stage,
        cxcr4_per_cell, diameter_mm, occult_metastases, days_from_inception, death_draw,
        life_expectancy_day`` (see `screen`); assays of `Laboratory.at_diagnosis`; each cut-off's
        call of the stains: ``cxcr4_ihc`` and those of `cxaxis.cohort.staging.stain_cutoffs`.
    screened
        How many were drawn, by reason of exclusion.
    seed
        Seed of all streams.
    theta
        The population.
    """

    indices: tuple[int, ...]
    table: ParameterTable
    covariates: Mapping[str, Any]
    screened: Mapping[str, int]
    seed: int
    theta: Theta = field(repr=False)

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def labels(self) -> tuple[str, ...]:
        """Subject labels, such as ``VP00017``."""
        return tuple(patient_id(index) for index in self.indices)

    def to_frame(self) -> pd.DataFrame:
        """Return the covariates with the label of each patient."""
        import pandas as pd

        return pd.DataFrame({"subject": self.labels, **self.covariates})

    def rows(self, positions: Sequence[int] | np.ndarray) -> Cohort:
        """Return the cohort of the patients at ``positions``."""
        chosen = np.asarray(positions, dtype=int)
        return Cohort(
            indices=tuple(self.indices[i] for i in chosen),
            table=self.table.rows(chosen),
            covariates={k: np.asarray(v)[chosen] for k, v in self.covariates.items()},
            screened=self.screened,
            seed=self.seed,
            theta=self.theta,
        )

    def _repr_html_(self) -> str:
        return str(self.to_frame().head(10).to_html(index=False))


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """A block of screened patients."""

    indices: tuple[int, ...]
    diagnosis: Diagnosis
    covariates: Mapping[str, Any]
    stage: np.ndarray

    def unfit(self, setting: Setting) -> BoolArray:
        """Return who is not expected to live as long as the setting asks, ``(n_patient,)``."""
        least = LEAST_LIFE_EXPECTANCY_DAY.get(setting)
        if least is None:
            return np.zeros(len(self.indices), dtype=bool)
        return np.asarray(~(self.covariates["life_expectancy_day"] >= least))


def _choice(shares: Sequence[float], patients: Sequence[int], seed: int, what: str) -> np.ndarray:
    edges = np.cumsum(shares)
    draws = [rng_for(seed, "patient", i, what).uniform() for i in patients]
    return np.minimum(np.searchsorted(edges, draws, side="right"), len(shares))


def screen(
    model: Model,
    parameters: Mapping[str, Parameter],
    theta: Theta,
    patients: Sequence[int],
    engine: Engine,
    *,
    seed: int,
    tolerances: Tolerances | None = None,
    setting: Setting = LOCALLY_ADVANCED,
) -> Candidates:
    """Draw patients, follow them untreated to diagnosis and stage them.

    Parameters
    ----------
    patients
        Indices; the result of a patient depends on its index and the seed alone, but for stains
        told high or low: the cut-offs are those of these patients.
    setting
        Where it asks for an expected survival, `life_expectancy_day` is found for patients of its
        stages; it is not a number for all others.
    """

    def drawn(name: str) -> FloatArray:
        return patient_values(parameters[name], theta[name], patients, seed=seed)

    table = draw_patients(model, parameters, theta, patients, seed=seed)
    per_mL = table.column("tumour_cell_density") / 1e3
    t_share = (theta["share_t2"], theta["share_t3"])
    t = 2 + _choice(t_share, patients, seed, "t_category")
    size = np.column_stack([drawn(f"diameter_t{k}") for k in (2, 3, 4)])
    primary_mm = size[np.arange(len(patients)), t - 2]
    table = table.with_columns(
        cells_at_diagnosis=cells_of_diameter(primary_mm, cells_per_mL=per_mL)
    )
    diagnosis = to_diagnosis(model, table, engine, tolerances=tolerances)
    in_nodes = [name for name in diagnosis.cells if name.startswith("node")]
    seen = {
        name: diameter_mm(cells, cells_per_mL=per_mL)
        >= (theta["node_visible_diameter"] if name in in_nodes else VISIBLE_MM)
        for name, cells in diagnosis.cells.items()
    }
    founder = 1.0 / table.column("clonogenic_fraction")
    elsewhere = [name for name in seen if not name.startswith("node")]
    n_visible = np.sum([seen[name] for name in in_nodes], axis=0)
    m_visible = np.sum([seen[name] for name in elsewhere], axis=0)
    present = [diagnosis.patients.column(f"{slot}_present") > 0.5 for slot in DISTANT_SLOTS]
    # An aggregate is a mean number; it is there once it is worth the first founder.
    present += [
        diagnosis.cells[name] >= founder for name in AGGREGATES if not name.startswith("node")
    ]
    laboratory = Laboratory(theta=theta, patients=patients, seed=seed)
    thirds = (theta["share_upper"], theta["share_middle"])
    site = np.array(SITES)[_choice(thirds, patients, seed, "site")]
    male = _choice((theta["share_male"],), patients, seed, "sex") == 0
    covariates = {
        "age_year": drawn("age_at_diagnosis"),
        "sex": np.where(male, "M", "F"),
        "weight_kg": table.column("body_weight"),
        "crcl_mL_min": table.column("creatinine_clearance") * 1e3 / MINUTES_PER_DAY,
        "height_cm": drawn("body_height"),
        "site": site,
        "t": t,
        "n": np.where(n_visible == 0, 0, np.where(n_visible <= 2, 1, 2)),
        **laboratory.at_diagnosis(
            diagnosis,
            leukocytes_per_tumour_cell=drawn("leukocytes_per_tumour_cell"),
            other_cells_per_tumour_cell=drawn("bulk_other_cells"),
        ),
        "cxcr4_per_cell": table.column("cxcr4_per_tumour_cell"),
        "diameter_mm": primary_mm,
        "occult_metastases": np.sum(present, axis=0).astype(int),
        "days_from_inception": diagnosis.days_from_inception,
        "death_draw": death_draws(patients, seed=seed),
    }
    failed = np.array([o.outcome.is_failure for o in diagnosis.outcomes])
    stage = np.where(failed, "failed", stage_group(t, n_visible, m_visible))
    calls = stain_calls(covariates, _stains_of(covariates, ~failed))
    outlook = np.full(len(patients), np.nan)
    if setting in LEAST_LIFE_EXPECTANCY_DAY:
        asked = np.flatnonzero(np.isin(stage, SETTINGS[setting]))
        outlook[asked] = life_expectancy_day(
            model, diagnosis.patients.rows(asked), engine, tolerances=tolerances
        )
    covariates["life_expectancy_day"] = outlook
    return Candidates(
        indices=tuple(patients),
        diagnosis=diagnosis,
        covariates={**covariates, **calls, "stage": stage},
        stage=stage,
    )


def _stains_of(covariates: Mapping[str, Any], chosen: BoolArray) -> dict[str, np.ndarray]:
    return {name: np.asarray(covariates[name])[chosen] for name in STAINS.values()}


def _called_as(series: Candidates, covariates: Mapping[str, Any]) -> dict[str, Any]:
    """Return covariates with stains told high or low by the cut-offs of one block."""
    stains = _stains_of(series.covariates, np.asarray(series.stage != "failed"))
    return {**covariates, **stain_calls(covariates, stains)}


class ScreeningError(CxaxisError):
    """The population does not yield enough eligible patients."""


def _unfit_of(setting: Setting) -> tuple[str, ...]:
    """Return the name under which patients not expected to live long enough are counted."""
    return ("unfit",) if setting in LEAST_LIFE_EXPECTANCY_DAY else ()


def _enrol(
    blocks: Iterator[Candidates], n: int, theta: Theta, setting: Setting, entry: Entry | None = None
) -> tuple[list[Any], dict[str, int]]:
    """Take candidates in index order until every stage is full."""
    quotas = stage_quotas(n, theta, setting)
    left = dict(quotas)
    reasons = ("screened", "distant", "other_stage", "stage_full", "failed", *_unfit_of(setting))
    screened = dict.fromkeys((*reasons, *(() if entry is None else ("biomarker",))), 0)
    most = MOST_SCREENED_PER_PATIENT * n * (1 if entry is None else RARE_BIOMARKER) + 10 * BLOCK
    taken: list[tuple[Candidates, list[int]]] = []
    for block in blocks:
        chosen = []
        unfit = block.unfit(setting)
        series = taken[0][0] if taken else block
        wanted = None if entry is None else entry(_called_as(series, block.covariates))
        for position, stage in enumerate(block.stage):
            if not any(left.values()):
                break
            screened["screened"] += 1
            if stage == "failed":
                screened["failed"] += 1
            elif stage not in left:
                screened["distant" if stage == "IVB" else "other_stage"] += 1
            elif unfit[position]:
                screened["unfit"] += 1
            elif wanted is not None and not wanted[position]:
                screened["biomarker"] += 1
            elif left[stage] == 0:
                screened["stage_full"] += 1
            else:
                left[stage] -= 1
                chosen.append(position)
        taken.append((block, chosen))
        if not any(left.values()):
            return taken, screened
        if screened["screened"] > most:
            break
    empty = ", ".join(
        f"{stage}: {quotas[stage] - k} of {quotas[stage]}" for stage, k in left.items()
    )
    msg = (
        f"{screened['screened']} patients screened, yet these stages lack patients: {empty} found. "
        "The seeding or size parameters leave too few eligible patients."
    )
    raise ScreeningError(msg)


def gather(taken: Sequence[tuple[Candidates, list[int]]], **about: Any) -> Cohort:
    """Return the cohort of the chosen candidates.

    The first block is the series whose cut-offs of staining hold for all.
    """
    tables = [block.diagnosis.patients.rows(chosen) for block, chosen in taken]
    values = np.vstack([table.values for table in tables])
    covariates = {
        key: np.concatenate([np.asarray(block.covariates[key])[chosen] for block, chosen in taken])
        for key in taken[0][0].covariates
    }
    covariates = _called_as(taken[0][0], covariates)
    return Cohort(
        indices=tuple(block.indices[i] for block, chosen in taken for i in chosen),
        table=ParameterTable(tables[0].names, values),
        covariates=covariates,
        **about,
    )


@dataclass(frozen=True, kw_only=True)
class _ScreenTask:
    model: Model
    parameters: Mapping[str, Parameter]
    theta: Theta
    start: int
    seed: int
    setting: Setting
    tolerances: Tolerances | None
    engine: str

    def run(self) -> Candidates:
        return screen(
            self.model,
            self.parameters,
            self.theta,
            range(self.start, self.start + BLOCK),
            engine_named(self.engine),
            seed=self.seed,
            tolerances=self.tolerances,
            setting=self.setting,
        )


def run_screen_task(task: _ScreenTask) -> tuple[int, Candidates]:
    """Screen one block; top-level so that worker processes can import it."""
    return task.start, task.run()


def _blocks_in_order(
    make: Any, workers: int, progress: Progress | None, first_wave: int
) -> Iterator[Candidates]:
    """Yield screened blocks by index, computing a wave of blocks at a time."""
    from cxaxis.runs.executor import run_blocks

    start = 0
    while True:
        size = first_wave if start == 0 else max(first_wave // 3, workers)
        tasks = [make(start + k * BLOCK) for k in range(size)]
        done = dict(run_blocks(tasks, run_screen_task, workers=workers))
        for task in tasks:
            if progress is not None:
                progress.advance(BLOCK)
            yield done[task.start]
        start += size * BLOCK


def sample_cohort(
    n: int = 200,
    seed: int = 1,
    *,
    setting: Setting = LOCALLY_ADVANCED,
    theta: Theta | None = None,
    parameters: Mapping[str, Parameter] | None = None,
    model: Model | None = None,
    workers: int = 1,
    progress: Progress | None = None,
    tolerances: Tolerances | None = None,
    engine: str = POPULATION,
    entry: Entry | None = None,
) -> Cohort:
    """Sample ``n`` eligible patients with ESCC, locally advanced (stages II to IVA) by default.

    Parameters
    ----------
    n
        Patients, at least 1.
    seed
        In [0, 2**63).
    setting
        Which stages are eligible, see `cxaxis.cohort.settings`.
    theta
        The population; the tabled values if omitted.
    parameters, model
        The packaged ones if omitted.
    workers
        Processes; the result does not depend on it.
    progress
        Advanced by the number of patients screened.
    tolerances
        Error control; the engine's default if omitted.
    engine
        Name of the engine, see `cxaxis.engine.choice`.
    entry
        Which patients of the right stage may enter, by their covariates; all of them if omitted.
        The others are counted as ``biomarker``.

    Raises
    ------
    ModelValueError
        If ``n`` is less than 1.
    ScreeningError
        If the population yields too few patients of a stage.
    """
    if n < 1:
        msg = f"a cohort needs at least 1 patient, got {n}."
        raise ModelValueError(msg)
    rows = load_parameters() if parameters is None else parameters
    population = central_theta(rows) if theta is None else theta
    built = model or build("patient", rows)

    def task(start: int) -> _ScreenTask:
        return _ScreenTask(
            model=built,
            parameters=rows,
            theta=population,
            start=start,
            seed=seed,
            setting=setting,
            tolerances=tolerances,
            engine=engine,
        )

    first_wave = -(-int(1.5 * n) // BLOCK)
    blocks = _blocks_in_order(task, workers, progress, first_wave)
    taken, screened = _enrol(blocks, n, population, setting, entry)
    return gather(taken, screened=screened, seed=seed, theta=population)


def sample_eligible(
    model: Model,
    parameters: Mapping[str, Parameter],
    theta: Theta,
    n: int,
    *,
    seed: int,
    setting: Setting = LOCALLY_ADVANCED,
    tolerances: Tolerances | None = None,
    engine: str = POPULATION,
    entry: Entry | None = None,
) -> Cohort:
    """Sample the first ``n`` eligible patients of a population, in whatever stages they come.

    For populations drawn from what is not known, whose stage mix may be far from the
    registry's. ``entry`` as in `sample_cohort`.

    Raises
    ------
    ScreeningError
        If too few of the patients screened are eligible.
    """
    taken: list[tuple[Candidates, list[int]]] = []
    screened = dict.fromkeys(("screened", "distant", "failed", *_unfit_of(setting)), 0)
    found = 0
    size = max(4, n)
    solver = engine_named(engine)
    most = MOST_SCREENED_PER_PATIENT * n * (1 if entry is None else RARE_BIOMARKER)
    for start in range(0, most, size):
        block = screen(
            model,
            parameters,
            theta,
            range(start, start + size),
            solver,
            seed=seed,
            tolerances=tolerances,
            setting=setting,
        )
        eligible_here = np.isin(block.stage, SETTINGS[setting])
        unfit = eligible_here & block.unfit(setting)
        wanted = eligible_here & ~unfit
        if entry is not None:
            series = taken[0][0] if taken else block
            wanted &= entry(_called_as(series, block.covariates))
        eligible = np.flatnonzero(wanted)[: n - found]
        screened["screened"] += size
        screened["distant"] += int((~eligible_here & (block.stage == "IVB")).sum())
        screened["failed"] += int((block.stage == "failed").sum())
        if "unfit" in screened:
            screened["unfit"] += int(unfit.sum())
        taken.append((block, eligible.tolist()))
        found += len(eligible)
        if found == n:
            return gather(taken, screened=screened, seed=seed, theta=theta)
    msg = f"{found} of {screened['screened']} patients screened are eligible, {n} are needed."
    raise ScreeningError(msg)
