"""Screening by CXCL12 in serum, and by PET: what is found, and how long before symptoms.

People with a first focus are followed untreated to diagnosis, others stand for people without the
disease. The serum threshold is the 95 % quantile of the latter, each read once with the error of
the assay. PET finds a primary of a given diameter; that it flags nobody without a tumour is an
assumption, since nothing read says how often inflammation would light up. A course starts with a
first focus of some millimetres, and so do onset and lead time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from cxaxis.cohort.laboratory import Laboratory
from cxaxis.cohort.population import central_theta, draw_patients, patient_values
from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import ModelValueError
from cxaxis.core.streams import rng_for
from cxaxis.engine.choice import POPULATION, engine_named
from cxaxis.engine.doses import DoseTable
from cxaxis.knowledge.evidence import load_evidence
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.models.build import build
from cxaxis.patient.course import PATIENT_TOLERANCES, at_rest, signals_of, to_diagnosis
from cxaxis.patient.readouts import VISIBLE_MM, cells_of_diameter, diameter_mm
from cxaxis.stats.screening import diagnostic_accuracy, screening_programme
from cxaxis.trial.study_tables import SCREENING

if TYPE_CHECKING:
    import pandas as pd

SPECIFICITY: Final = 0.95
_STEPS: Final = 33
#: Row on serum CXCL12 of patients and healthy people, which nothing was fitted to.
SERUM_ROW: Final = "CLI065"
_BLOOD: Final = "blood_cxcl12"


@dataclass(frozen=True, kw_only=True)
class Growth:
    """People from the first focus of a tumour to its diagnosis, and people without one.

    Attributes
    ----------
    diagnosis_day
        Days from the first focus to diagnosis, shape ``(n_ill,)``.
    share
        Times as shares of these days, ascending from 0 to 1, shape ``(n_time,)``.
    serum
        CXCL12 without error of the assay, ng/mL, shape ``(n_ill, n_time)``.
    diameter_mm
        Of the primary, same shape.
    serum_free
        CXCL12 of people without the disease, shape ``(n_free,)``.
    noise
        Log standard deviation of the assay.
    """

    diagnosis_day: FloatArray
    share: FloatArray
    serum: FloatArray
    diameter_mm: FloatArray
    serum_free: FloatArray
    noise: float


def screening_tables(
    n: int, *, seed: int, every_day: float = 365.25, pet_mm: float = VISIBLE_MM
) -> dict[str, pd.DataFrame]:
    """Return the table of screening, by name.

    Parameters
    ----------
    n
        People who come to diagnosis, and as many without the disease, at least 20.
    seed
        Of all streams.
    every_day
        Days between the tests of a programme, positive.
    pet_mm
        Diameter from which PET shows a primary, mm, positive.

    Raises
    ------
    ModelValueError
        If a number is out of its range.
    """
    import pandas as pd

    if n < 20 or every_day <= 0 or pet_mm <= 0:
        msg = f"needs 20 people, an interval and a size above 0; got {n}, {every_day}, {pet_mm}."
        raise ModelValueError(msg)
    grown = growth(n, seed=seed)
    threshold = float(np.quantile(_read(grown.serum_free, grown, seed, "threshold"), SPECIFICITY))
    rows = [
        _serum_row(grown, threshold, every_day, seed=seed),
        _pet_row(grown, pet_mm, every_day, seed=seed),
    ]
    frame = pd.DataFrame(rows, columns=list(SCREENING.column_names))
    return {
        SCREENING.name: frame.astype(
            {c.name: float for c in SCREENING.columns if c.type == "float64"}
        )
    }


def growth(n: int, *, seed: int) -> Growth:
    """Follow ``n`` untreated people to diagnosis, and draw as many without the disease."""
    rows = load_parameters()
    theta, engine = central_theta(rows), engine_named(POPULATION)
    model = build("patient", rows)
    ill, free = range(n), range(n, 2 * n)
    table = draw_patients(model, rows, theta, ill, seed=seed)
    per_mL = table.column("tumour_cell_density") / 1e3
    size = patient_values(rows["diameter_t3"], theta["diameter_t3"], ill, seed=seed)
    table = table.with_columns(cells_at_diagnosis=cells_of_diameter(size, cells_per_mL=per_mL))
    days = to_diagnosis(model, table, engine).days_from_inception
    found = np.flatnonzero(np.isfinite(days))
    start = at_rest(model, table.rows(found), engine).patients.with_columns(
        **{f"{name}_untreated": 0.5 for name in signals_of(model)},
        phi=1.0,
        untreated_tumour_cxcl12=1.0,
        untreated_cd8_activity=1.0,
    )
    share = np.linspace(0.0, 1.0, _STEPS)
    course = engine.simulate(
        model.sbml,
        start,
        DoseTable(),
        days[found][:, None] * share,
        [_BLOOD, "tumour_cells"],
        tolerances=PATIENT_TOLERANCES,
    )
    well = at_rest(model, draw_patients(model, rows, theta, free, seed=seed), engine).patients
    laboratory = Laboratory(theta={**theta, "serum_assay_noise": 0.0}, patients=ill, seed=seed)

    per_nM = laboratory.serum_cxcl12_ng_per_mL(np.ones(n))[0][0]
    cells = np.maximum(np.nan_to_num(course.of("tumour_cells")), 0.0)
    return Growth(
        diagnosis_day=days[found],
        share=share,
        serum=course.of(_BLOOD) * per_nM,
        diameter_mm=diameter_mm(cells, cells_per_mL=per_mL[found][:, None]),
        # A state is an amount, an output of the course a concentration.
        serum_free=well.column(_BLOOD) / well.column("plasma_fluid") * per_nM,
        noise=theta["serum_assay_noise"],
    )


def _read(level: FloatArray, grown: Growth, seed: int, *purpose: str) -> FloatArray:
    """Return serum as an assay reads it, one error per reading."""
    error = rng_for(seed, "screening", *purpose).standard_normal(level.shape)
    return np.asarray(level * np.exp(grown.noise * error))


def _serum_row(grown: Growth, threshold: float, every_day: float, *, seed: int) -> tuple[Any, ...]:
    n_ill, n_free = len(grown.diagnosis_day), len(grown.serum_free)
    once = np.concatenate([grown.serum[:, -1], grown.serum_free])
    accuracy = diagnostic_accuracy(
        _read(once, grown, seed, "once") >= threshold, np.arange(n_ill + n_free) < n_ill
    )
    days, onset, diagnosis = _calendar(grown, every_day, seed=seed)
    level = np.full((n_ill + n_free, len(days)), np.nan)
    level[n_ill:] = grown.serum_free[:, None]
    level[:n_ill] = _along(grown, grown.serum, days, onset[:n_ill])
    positive = _read(level, grown, seed, "programme") >= threshold
    change = float(np.median(grown.serum[:, -1] / grown.serum[:, 0]) - 1.0)
    published = load_evidence()[SERUM_ROW]
    note = (
        f"threshold at {100 * SPECIFICITY:.0f} % of people without the disease; from the first "
        f"focus to diagnosis it changes by {100 * change:+.2f} % (median), where {published.id} "
        f"({published.role}) has: {published.value}, {published.system}"
    )
    return _row(
        "CXCL12 in serum",
        threshold,
        "ng/mL",
        accuracy,
        every_day,
        note,
        grown,
        screening_programme(days, positive, onset_day=onset, diagnosis_day=diagnosis),
    )


def _pet_row(grown: Growth, pet_mm: float, every_day: float, *, seed: int) -> tuple[Any, ...]:
    n_ill, n_free = len(grown.diagnosis_day), len(grown.serum_free)
    once = np.concatenate([grown.diameter_mm[:, -1], np.zeros(n_free)])
    accuracy = diagnostic_accuracy(once >= pet_mm, np.arange(n_ill + n_free) < n_ill)
    days, onset, diagnosis = _calendar(grown, every_day, seed=seed)
    size = np.zeros((n_ill + n_free, len(days)))
    size[:n_ill] = _along(grown, grown.diameter_mm, days, onset[:n_ill])
    size[:n_ill][days < onset[:n_ill, None]] = 0.0
    note = "by size alone; that PET flags nobody without a tumour is an assumption"
    return _row(
        "PET",
        pet_mm,
        "mm",
        accuracy,
        every_day,
        note,
        grown,
        screening_programme(days, size >= pet_mm, onset_day=onset, diagnosis_day=diagnosis),
    )


def _calendar(
    grown: Growth, every_day: float, *, seed: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the days of tests, and of onset and diagnosis of everybody; infinite for never.

    The first focus falls anywhere between the first two tests.
    """
    n_free = len(grown.serum_free)
    start = every_day * rng_for(seed, "screening", "onset").uniform(size=len(grown.diagnosis_day))
    never = np.full(n_free, np.inf)
    end = start + grown.diagnosis_day
    days = np.arange(0.0, float(end.max()) + every_day, every_day)
    return days, np.concatenate([start, never]), np.concatenate([end, never])


def _along(grown: Growth, values: FloatArray, days: FloatArray, onset: FloatArray) -> FloatArray:
    """Return values of the ill on calendar days, those of the ends beyond them."""
    age = (days[None, :] - onset[:, None]) / grown.diagnosis_day[:, None]
    return np.stack([np.interp(x, grown.share, y) for x, y in zip(age, values, strict=True)])


def _row(
    test: str,
    threshold: float,
    unit: str,
    accuracy: Any,
    every_day: float,
    note: str,
    grown: Growth,
    programme: Any,
) -> tuple[Any, ...]:
    lead = programme.lead_time_quantiles()
    never = programme.free_never_flagged
    sens, spec = accuracy.sensitivity, accuracy.specificity
    return (
        *(test, threshold, unit, sens.share, sens.low, sens.high),
        *(spec.share, spec.low, spec.high, every_day, programme.sensitivity.share),
        None if never is None else 1.0 - never.share,
        *((None,) * 3 if lead is None else lead.tolist()),
        *(len(grown.diagnosis_day), len(grown.serum_free), note),
    )
