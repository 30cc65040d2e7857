"""Virtual patients at diagnosis and under standard treatment, for the page of outcomes.

One population at its tabled values: patients are drawn, followed to diagnosis, and those whom a
trial would take are treated as in the trial. Nothing here knows what was seen of real patients.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from cxaxis.claims.series import BACKBONE, MIRRORED
from cxaxis.cohort.laboratory import Laboratory
from cxaxis.cohort.population import central_theta, patient_values
from cxaxis.cohort.sample import Candidates, Cohort, gather, screen
from cxaxis.cohort.settings import SETTINGS, Setting
from cxaxis.core.arrays import BoolArray, FloatArray
from cxaxis.core.outcomes import require_success
from cxaxis.engine.population import PopulationEngine
from cxaxis.knowledge.drug_records import Drug, Regimen
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.parameters import Parameter, Parameters
from cxaxis.models.build import Model, build
from cxaxis.patient.readouts import first_true_day
from cxaxis.runs.progress import Progress
from cxaxis.stats.survival import HazardRatio, cox_hazard_ratio
from cxaxis.trial.pool import ArmCourse, ArmPlan, schedule_of, simulate_arm

#: Evidence that stands beside the outcomes.
READ: Final = (
    "CLI045",
    "CLI049",
    "CLI051",
    "CLI055",
    "CLI077",
    "CLI081",
    "CLI082",
    "CLI083",
    "CLI086",
    "CLI087",
    "CLI088",
    "CLI089",
    "CLI106",
    "CLI110",
    "CLI111",
    "CLI114",
    "CLI115",
    "CLI120",
    "CLI155",
    "CLI156",
    "CLI157",
    "CLI212",
    "CLI213",
    "CLI214",
    "DRG174",
)
HORIZON_DAY: Final = 5 * 365.25
#: Named doses before an operation; the first is the one that trials give.
DOSES: Final = ("preoperative_41_4_gy", "definitive_50_4_gy", "definitive_60_gy")
_WITH_RADIOTHERAPY: Final = (
    ("carboplatin", "preoperative_auc_2_weekly"),
    ("paclitaxel", "preoperative_50_mg_m2_weekly"),
)
_PALLIATIVE: Final = (
    ("cisplatin", "palliative_80_mg_m2"),
    ("fluorouracil", "palliative_800_mg_m2_day"),
)
_ANTI_PD1: Final = ("pembrolizumab", "palliative_200_mg")
# An assessment a week before the operation, as in the trial of neoadjuvant chemoradiotherapy.
_FIRST_VISIT_DAY: Final = 70.0
_VISITS_EVERY_DAY: Final = 84.0


@dataclass(frozen=True, kw_only=True)
class AtDiagnosis:
    """Unselected patients as they are found; arrays of shape ``(n_patient,)``.

    Attributes
    ----------
    t, n
        Clinical categories.
    stage
        Clinical stage group.
    cxcr4_high
        Stain of CXCR4 above the cut-off.
    """

    t: np.ndarray
    n: np.ndarray
    stage: np.ndarray
    cxcr4_high: BoolArray


@dataclass(frozen=True, kw_only=True)
class Resected:
    """Patients of an arm with an operation; arrays of shape ``(n_patient,)``.

    Attributes
    ----------
    operated
        Whether the operation was done; what follows has a meaning for those alone.
    whole, complete_response
        No tumour at the margin (R0); none found in the primary's bed and in nodes (pCR).
    cleared
        No clonogen left anywhere, which nobody sees.
    locoregional_day, distant_day
        Days on which recurrence was first seen while alive, infinite if never within five years.
    death_day
        Infinite for those alive after five years.
    """

    operated: BoolArray
    whole: BoolArray
    complete_response: BoolArray
    cleared: BoolArray
    locoregional_day: FloatArray
    distant_day: FloatArray
    death_day: FloatArray

    @property
    def recurrence_day(self) -> FloatArray:
        """Return the day of the first recurrence of any kind, infinite if none."""
        return np.minimum(self.locoregional_day, self.distant_day)


@dataclass(frozen=True, kw_only=True)
class Followed:
    """Patients under treatment without an operation, for five years, ``(n_patient,)`` each.

    Attributes
    ----------
    stage
        Clinical stage group.
    progression_day, death_day
        Days from the start of treatment, infinite if not seen; progression counts death.
    """

    stage: np.ndarray
    progression_day: FloatArray
    death_day: FloatArray


@dataclass(frozen=True, kw_only=True)
class ReadOut:
    """Hazard ratio of death of a read-out of CXCR4, above its cut-off against below; crude.

    Attributes
    ----------
    ratio
        None where there is no finite one.
    n_high, n
        Patients above the cut-off, and all.
    """

    ratio: HazardRatio | None
    n_high: int
    n: int


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """What the page shows.

    Attributes
    ----------
    found
        The patients screened.
    by_dose
        Operation after each of `DOSES`.
    surgery
        Operation alone.
    definitive
        Chemoradiotherapy alone.
    palliative, anti_pd1
        First line of distant disease: chemotherapy, and with an antibody against PD-1.
    read_outs
        ``ihc``, ``bulk``, ``single_cell``, and ``equal_bulk``: bulk RNA if a positive leukocyte
        had no more message than a positive tumour cell.
    phi
        Causal share of the population.
    """

    found: AtDiagnosis
    by_dose: Mapping[str, Resected]
    surgery: Resected
    definitive: Followed
    palliative: Followed
    anti_pd1: Followed
    read_outs: Mapping[str, ReadOut]
    phi: float


def planned(n_screened: int) -> int:
    """Return how much `outcomes` counts in its progress: screenings and arms alike."""
    return n_screened * (2 + len(DOSES) + 4)


def outcomes(parameters: Parameters, n_screened: int, progress: Progress, *, seed: int) -> Outcomes:
    """Draw, treat and follow patients.

    Parameters
    ----------
    parameters
        Every row.
    n_screened
        Patients drawn, at least some dozens: each arm takes those who are eligible.
    progress
        Advanced by `planned`.

    Raises
    ------
    SimulationFailedError
        If a patient's course fails.
    """
    return _Work(parameters, n_screened, progress, seed).outcomes()


class _Work:
    """The population, the tables and the settings that every step shares."""

    def __init__(
        self, parameters: Parameters, n_screened: int, progress: Progress, seed: int
    ) -> None:
        self.parameters, self.n, self.progress, self.seed = parameters, n_screened, progress, seed
        self.theta = central_theta(parameters)
        self.model: Model = build("patient", parameters)
        self.drugs: Mapping[str, Drug] = load_drugs()

    def outcomes(self) -> Outcomes:
        block = self._screened(())
        about = block.covariates
        resectable = self._eligible([block], "resectable_escc")
        distant = self._eligible([block], "metastatic_escc")
        by_dose = {name: self._operated(resectable, name) for name in DOSES}
        surgery = self._operated(resectable, None)
        read_outs, definitive = self._series(block)
        return Outcomes(
            found=AtDiagnosis(
                t=np.asarray(about["t"]),
                n=np.asarray(about["n"]),
                stage=block.stage,
                cxcr4_high=np.asarray(about["cxcr4_ihc"]) == "high",
            ),
            by_dose=by_dose,
            surgery=surgery,
            definitive=definitive,
            palliative=self._followed(distant, _PALLIATIVE),
            anti_pd1=self._followed(distant, (*_PALLIATIVE, _ANTI_PD1)),
            read_outs=read_outs,
            phi=self.theta["phi"],
        )

    def _screened(self, mirrored: tuple[str, ...]) -> Candidates:
        rows: dict[str, Parameter] = dict(self.parameters)
        for name in mirrored:
            rows[name] = replace(rows[name], omega=-rows[name].omega)
        found = screen(
            self.model, rows, self.theta, range(self.n), PopulationEngine(), seed=self.seed
        )
        require_success([str(i) for i in found.indices], found.diagnosis.outcomes)
        self.progress.advance(self.n)
        return found

    def _eligible(self, blocks: list[Candidates], setting: Setting) -> Cohort:
        """Return who is eligible in every block, one block after the other."""
        chosen = np.logical_and.reduce([np.isin(b.stage, SETTINGS[setting]) for b in blocks])
        rows = np.flatnonzero(chosen).tolist()
        return gather(
            [(block, rows) for block in blocks],
            screened={"screened": self.n * len(blocks)},
            seed=self.seed,
            theta=self.theta,
        )

    def _plan(self, *regimens: tuple[str, str]) -> ArmPlan:
        return ArmPlan(
            id="arm",
            regimens=tuple(
                (self.drugs[drug], self.drugs[drug].regimens[name]) for drug, name in regimens
            ),
        )

    def _operated(self, cohort: Cohort, dose: str | None) -> Resected:
        if dose is None:
            plan = self._plan(("surgery", "primary_resection"))
        else:
            plan = self._plan(("radiotherapy", dose), *_WITH_RADIOTHERAPY)
            plan = replace(plan, regimens=(*plan.regimens, self._operation_after(dose)))
        day = plan.surgery_day
        assert day is not None
        course = self._course(cohort, plan, first_visit_day=min(_FIRST_VISIT_DAY, day - 7.0))
        return _resected(course)

    def _operation_after(self, dose: str) -> tuple[Drug, Regimen]:
        """Return the operation as long after a dose as it is after the first of `DOSES`."""
        surgery, beams = self.drugs["surgery"], self.drugs["radiotherapy"].regimens
        known = surgery.regimens["resection_after_41_4_gy"]
        later = beams[dose].dose_days()[-1] - beams[DOSES[0]].dose_days()[-1]
        return surgery, known.model_copy(update={"start_day": known.dose_days()[0] + later})

    def _followed(self, cohort: Cohort, regimens: Iterable[tuple[str, str]]) -> Followed:
        course = self._course(cohort, self._plan(*regimens), first_visit_day=_VISITS_EVERY_DAY)
        return Followed(
            stage=np.asarray(cohort.covariates["stage"]),
            progression_day=course.event_day["PFS"],
            death_day=course.event_day["OS"],
        )

    def _course(self, cohort: Cohort, plan: ArmPlan, *, first_visit_day: float) -> ArmCourse:
        planned_day = plan.surgery_day
        schedule = schedule_of(
            horizon_day=HORIZON_DAY,
            first_visit_day=first_visit_day,
            visit_every_day=_VISITS_EVERY_DAY,
            pharmacology_until_day=0.0,
            surgery_days=() if planned_day is None else (planned_day,),
            surveillance=planned_day is not None,
        )
        course = simulate_arm(self.model, cohort, plan, schedule)
        require_success(cohort.labels, course.result.outcomes)
        self.progress.advance(self.n)
        return course

    def _series(self, block: Candidates) -> tuple[Mapping[str, ReadOut], Followed]:
        """Return the prognosis of the read-outs, and the course of the patients without twins.

        As in the ledger's series every patient has a twin with CXCR4 mirrored about the median.
        """
        blocks = [block, self._screened(MIRRORED)]
        cohort = self._eligible(blocks, "locally_advanced_escc")
        whole = self._followed(cohort, BACKBONE)
        about = cohort.covariates
        single = len(cohort) // 2
        return {
            "ihc": read_out(whole, np.asarray(about["cxcr4_ihc"]) == "high"),
            "bulk": read_out(whole, above_median(about["bulk_cxcr4"])),
            "single_cell": read_out(whole, above_median(about["single_cell_cxcr4"])),
            "equal_bulk": read_out(whole, above_median(self._equal_bulk(blocks, cohort))),
        }, Followed(
            stage=whole.stage[:single],
            progression_day=whole.progression_day[:single],
            death_day=whole.death_day[:single],
        )

    def _equal_bulk(self, blocks: list[Candidates], cohort: Cohort) -> FloatArray:
        equal = {**self.theta, "bulk_leukocyte_message": 1.0}
        indices = blocks[0].indices
        laboratory = Laboratory(theta=equal, patients=indices, seed=self.seed)
        others, leukocytes = (
            patient_values(self.parameters[name], self.theta[name], indices, seed=self.seed)
            for name in ("bulk_other_cells", "leukocytes_per_tumour_cell")
        )
        single = cohort.indices[: len(cohort) // len(blocks)]
        rows = [indices.index(patient) for patient in single]
        found = [
            laboratory.at_diagnosis(
                block.diagnosis,
                leukocytes_per_tumour_cell=leukocytes,
                other_cells_per_tumour_cell=others,
            )
            for block in blocks
        ]
        return np.concatenate([item["bulk_cxcr4"][rows] for item in found])


def above_median(values: FloatArray) -> BoolArray:
    """Return who lies above the median of a series, same shape."""
    return np.asarray(values > np.median(values))


def read_out(followed: Followed, high: BoolArray) -> ReadOut:
    """Return the hazard ratio of death of those above a cut-off, shape ``(n_patient,)``."""
    days = np.minimum(followed.death_day, HORIZON_DAY)
    ratio = cox_hazard_ratio(days, np.isfinite(followed.death_day), high)
    return ReadOut(ratio=ratio, n_high=int(high.sum()), n=len(high))


def _resected(course: ArmCourse) -> Resected:
    resection, after = course.resection, course.course.after_surgery
    assert resection is not None
    assert after is not None
    death, specimen = course.event_day["OS"], resection.specimen

    def seen_alive(flags: BoolArray) -> FloatArray:
        day = first_true_day(course.course.after_surgery_day, flags)
        return np.where(day < death, day, np.inf)

    return Resected(
        operated=resection.surgery.operated,
        whole=~specimen.involved_margin,
        complete_response=specimen.complete_response,
        cleared=resection.controlled,
        locoregional_day=seen_alive(after.locoregional),
        distant_day=seen_alive(after.distant),
        death_day=death,
    )


def arms_ratio(active: FloatArray, control: FloatArray) -> HazardRatio | None:
    """Return the hazard ratio of death over five years of two arms' days of death."""
    days = np.minimum(np.concatenate([active, control]), HORIZON_DAY)
    died = np.isfinite(np.concatenate([active, control]))
    return cox_hazard_ratio(days, died, np.arange(len(days)) < len(active))
