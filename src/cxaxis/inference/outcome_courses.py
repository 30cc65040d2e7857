"""What one population says of the published landmarks: patients under each control arm.

Death is an expectation, not an event: a patient counts as alive at a time with the chance that
the accumulated hazard leaves, and a recurrence counts with the chance to have lived to see it.
That takes the luck of the day of death out of a few dozen patients. What visits see (progression,
response, recurrence) and what a pathologist finds are still one draw for each patient.

The model is that of the default wiring, and the arms are those of the examples: of trials with
other drugs or doses of the same kind (`landmarks.tsv` says which), the model's arm stands in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import Final, get_args

import numpy as np

from cxaxis.cohort.parameter_rows import COHORT_PARAMETERS
from cxaxis.cohort.population import Theta, agent_rows
from cxaxis.cohort.sample import BLOCK, Candidates, Cohort, gather, screen
from cxaxis.cohort.settings import SETTINGS, Setting
from cxaxis.core.arrays import BoolArray, FloatArray
from cxaxis.core.errors import ModelValueError
from cxaxis.engine.choice import POPULATION, engine_named
from cxaxis.engine.protocol import Tolerances
from cxaxis.inference.outcome_records import FLOOR
from cxaxis.knowledge.drug_records import Drug
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.landmarks import CONTROL_ARMS, SETTINGS_OF_ARMS, Landmark
from cxaxis.knowledge.parameters import Parameter, load_parameters
from cxaxis.models.build import Model, build
from cxaxis.patient.course import PATIENT_TOLERANCES
from cxaxis.patient.readouts import first_true_day
from cxaxis.trial.pool import ArmCourse, ArmPlan, Schedule, schedule_of, simulate_arm
from cxaxis.trial.sightings import HAZARD_OUTPUTS, operation_reading_days

DAYS_PER_MONTH: Final = 365.25 / 12.0
_SETTINGS: Final[tuple[Setting, ...]] = get_args(Setting)
#: Setting whose screening asks what screening of all of them needs.
_STRICTEST: Final[Setting] = "metastatic_escc"
#: Screened at most for each patient wanted; a population with fewer eligible makes do with them.
MOST_SCREENED: Final = 24
#: From so many patients screened on, settings with too few eligible are given up.
_SOON: Final = 128
#: Below this share of the patients wanted, an arm has no number.
LEAST_SHARE: Final = 0.25
_RESPONSES: Final = ("CR", "PR")

_PF: Final = (("cisplatin", "palliative_80_mg_m2"), ("fluorouracil", "palliative_800_mg_m2_day"))
_TP: Final = (("cisplatin", "palliative_80_mg_m2"), ("paclitaxel", "palliative_175_mg_m2"))


@cache
def _drugs() -> Mapping[str, Drug]:
    return load_drugs()


@dataclass(frozen=True, kw_only=True)
class BackboneArm:
    """A control arm: what is given, when it is looked at, for how long.

    Attributes
    ----------
    id
        One of `CONTROL_ARMS`.
    given
        Drugs and the names of their regimens.
    first_visit_day, visit_every_day
        Assessments; after an operation those of surveillance.
    horizon_day
        Last day of follow-up.
    """

    id: str
    given: tuple[tuple[str, str], ...]
    first_visit_day: float
    visit_every_day: float
    horizon_day: float

    @property
    def setting(self) -> Setting:
        """Who is enrolled."""
        found = SETTINGS_OF_ARMS[self.id]
        return next(name for name in _SETTINGS if name == found)

    @property
    def plan(self) -> ArmPlan:
        """The arm as the pool simulates it."""
        drugs = _drugs()
        return ArmPlan(
            id=self.id,
            regimens=tuple((drugs[name], drugs[name].regimens[key]) for name, key in self.given),
        )

    @property
    def schedule(self) -> Schedule:
        """When the arm is read."""
        operation = self.plan.surgery_day
        return schedule_of(
            horizon_day=self.horizon_day,
            first_visit_day=self.first_visit_day,
            visit_every_day=self.visit_every_day,
            pharmacology_until_day=0.0,
            surgery_days=() if operation is None else (operation,),
            surveillance=operation is not None,
        )


def _five_years(arm: str, given: Sequence[tuple[str, str]], visits_day: float) -> BackboneArm:
    return BackboneArm(
        id=arm,
        given=tuple(given),
        first_visit_day=visits_day,
        visit_every_day=visits_day,
        horizon_day=1827.0,
    )


def _ten_years(arm: str, given: Sequence[tuple[str, str]]) -> BackboneArm:
    return BackboneArm(
        id=arm,
        given=tuple(given),
        first_visit_day=70.0,
        visit_every_day=91.0,
        horizon_day=3654.0,
    )


ARMS: Final[Mapping[str, BackboneArm]] = MappingProxyType(
    {
        arm.id: arm
        for arm in (
            _ten_years("surgery_alone", [("surgery", "primary_resection")]),
            _ten_years(
                "neoadjuvant_crt",
                [
                    ("radiotherapy", "preoperative_41_4_gy"),
                    ("carboplatin", "preoperative_auc_2_weekly"),
                    ("paclitaxel", "preoperative_50_mg_m2_weekly"),
                    ("surgery", "resection_after_41_4_gy"),
                ],
            ),
            _five_years(
                "definitive_crt",
                [
                    ("radiotherapy", "definitive_50_4_gy"),
                    ("cisplatin", "definitive_75_mg_m2_consolidated"),
                    ("fluorouracil", "definitive_1000_mg_m2_day_consolidated"),
                ],
                84.0,
            ),
            # Every nine weeks in KEYNOTE-590, every six in ESCORT-1st.
            _five_years("first_line_pf", _PF, 63.0),
            _five_years("first_line_pf_pd1", [*_PF, ("pembrolizumab", "palliative_200_mg")], 63.0),
            _five_years("first_line_tp", _TP, 42.0),
            _five_years("first_line_tp_pd1", [*_TP, ("camrelizumab", "palliative_200_mg")], 42.0),
        )
    }
)
"""The control arms by id."""

if set(ARMS) != set(CONTROL_ARMS):  # pragma: no cover - a slip of the author
    msg = f"arms {sorted(ARMS)} are not the arms of landmarks {sorted(CONTROL_ARMS)}."
    raise ModelValueError(msg)


@cache
def patient_model() -> Model:
    """Return the patient model of the default wiring."""
    return build("patient", load_parameters())


def population_parameters(model: Model, parameters: Mapping[str, Parameter]) -> tuple[str, ...]:
    """Return the uncertain parameters that control arms can depend on, in the table's order.

    Those of the model's constants, of the drugs given and of the cohort.
    """
    used = {*model.bindings.values(), *COHORT_PARAMETERS}
    for arm in ARMS.values():
        used |= set(agent_rows(model, parameters, arm.plan.drugs).values())
    return tuple(name for name, row in parameters.items() if name in used and row.spread > 0)


def sample_settings(
    model: Model,
    parameters: Mapping[str, Parameter],
    theta: Theta,
    n: int,
    *,
    seed: int,
    tolerances: Tolerances,
    engine: str = POPULATION,
) -> dict[Setting, Cohort]:
    """Return the first ``n`` eligible patients of each setting, of one series of patients.

    A setting with fewer than a quarter of ``n`` among the patients screened is left out.

    Parameters
    ----------
    n
        Patients of each setting, at least 1.
    seed
        In [0, 2**63).
    """
    solver = engine_named(engine)
    size = min(BLOCK, 4 * n)
    most = MOST_SCREENED * n
    taken: dict[Setting, list[tuple[Candidates, list[int]]]] = {name: [] for name in _SETTINGS}
    found = dict.fromkeys(_SETTINGS, 0)
    screened = 0
    while screened < most:
        wanted = [count for count in found.values() if count < n]
        # At twice their pace these would not reach the least number by the end.
        hopeless = [2 * count * most < LEAST_SHARE * n * screened for count in wanted]
        if not wanted or (screened >= _SOON and all(hopeless)):
            break
        block = screen(
            model,
            parameters,
            theta,
            range(screened, screened + size),
            solver,
            seed=seed,
            tolerances=tolerances,
            setting=_STRICTEST,
        )
        screened += size
        for setting in _SETTINGS:
            eligible = np.isin(block.stage, SETTINGS[setting]) & ~block.unfit(setting)
            chosen = np.flatnonzero(eligible)[: n - found[setting]].tolist()
            taken[setting].append((block, chosen))
            found[setting] += len(chosen)
    return {
        setting: gather(blocks, screened={"screened": screened}, seed=seed, theta=theta)
        for setting, blocks in taken.items()
        if found[setting] >= max(1.0, LEAST_SHARE * n)
    }


@dataclass(frozen=True, kw_only=True)
class Followed:
    """Patients under one arm, the chance of the moment of death averaged out.

    Attributes
    ----------
    times_day
        Ascending, shape ``(n_time,)``.
    hazard
        Accumulated hazard of death, shape ``(n_patient, n_time)``.
    progression_day
        Day on which a visit would show progression, infinite if none, shape ``(n_patient,)``.
    response_day
        The same of the first complete or partial response before progression.
    recurrence_day
        The same of recurrence after a complete resection.
    operation_day
        Day just before the operation; not a number without one.
    operated, cleared, no_tumour_found
        Whether the operation was done, left nothing, and whether no tumour was found in what
        was taken out, shape ``(n_patient,)``.
    """

    times_day: FloatArray
    hazard: FloatArray
    progression_day: FloatArray
    response_day: FloatArray
    recurrence_day: FloatArray
    operation_day: float
    operated: BoolArray
    cleared: BoolArray
    no_tumour_found: BoolArray

    def alive(self, day: FloatArray | float) -> FloatArray:
        """Return each patient's chance to be alive on a day of theirs, shape ``(n_patient,)``.

        0 on a day that never comes. The hazard rises evenly between readings.
        """
        days = np.broadcast_to(np.asarray(day, dtype=float), (len(self.hazard),))
        finite = np.where(np.isfinite(days), days, 0.0)
        passed = [
            np.interp(when, self.times_day, curve)
            for when, curve in zip(finite, self.hazard, strict=True)
        ]
        return np.where(np.isfinite(days), np.exp(-np.array(passed)), 0.0)


def follow(
    model: Model,
    cohort: Cohort,
    arm: BackboneArm,
    *,
    tolerances: Tolerances = PATIENT_TOLERANCES,
    engine: str = POPULATION,
) -> Followed:
    """Simulate a cohort under a control arm; patients whose simulation failed are left out."""
    # Nobody dies in what visits see: chances to be alive come in afterwards.
    covariates = {**cohort.covariates, "death_draw": np.full(len(cohort), np.inf)}
    course = simulate_arm(
        model,
        replace(cohort, covariates=covariates),
        arm.plan,
        arm.schedule,
        tolerances=tolerances,
        engine=engine,
    )
    return _followed(course)


def _followed(course: ArmCourse) -> Followed:
    sound = np.array([not item.outcome.is_failure for item in course.result.outcomes])
    hazard = np.asarray(sum(course.result.of(name) for name in HAZARD_OUTPUTS), dtype=float)
    sound &= np.isfinite(hazard).all(axis=1)
    visits = course.course.visits_day
    seen = np.isin(course.course.seen.response, _RESPONSES)
    answered = first_true_day(visits, seen)
    progressed = course.event_day["PFS"]
    nothing = np.zeros(len(sound), dtype=bool)
    resection = course.resection
    return Followed(
        times_day=course.schedule.times_day,
        hazard=np.maximum.accumulate(hazard[sound], axis=1),
        progression_day=progressed[sound],
        response_day=np.where(answered < progressed, answered, np.inf)[sound],
        recurrence_day=course.event_day["DFS"][sound] if resection else progressed[sound],
        operation_day=operation_reading_days(resection.surgery.day)[0] if resection else np.nan,
        operated=(resection.surgery.operated if resection else nothing)[sound],
        cleared=(resection.surgery.cleared if resection else nothing)[sound],
        no_tumour_found=(resection.specimen.complete_response if resection else nothing)[sound],
    )


def landmark_share(landmark: Landmark, patients: Followed) -> tuple[float, float]:
    """Return the share that the model expects of a landmark, and its standard error.

    The share is a ratio of sums over patients; the error is that of so few of them, by
    linearisation. Both are not a number where nobody is in the analysis set. What visits or a
    pathologist see is a count: it has half a patient added to either side, so that no response
    among two dozen is not taken for none at all.

    Returns
    -------
    Share in [`FLOOR`, 1 - `FLOOR`], and its standard error.

    Raises
    ------
    ModelValueError
        If the landmark lies after the end of follow-up.
    """
    day = np.nan if landmark.time_month is None else landmark.time_month * DAYS_PER_MONTH
    if day > patients.times_day[-1]:
        msg = f"{landmark.id}: month {landmark.time_month:g} lies after the end of follow-up."
        raise ModelValueError(msg)
    part, whole = _parts(landmark.quantity, day, patients)
    total = float(whole.sum())
    if total <= 0.0:
        return np.nan, np.nan
    share = float(part.sum()) / total
    n = len(whole)
    residual = part - share * whole
    error = float(np.sqrt(np.sum(residual**2) * n / max(n - 1, 1))) / total
    if landmark.quantity != "alive_at":
        # Counts, as near as makes no difference: the empirical logit adds half a patient to
        # either side.
        share = (float(part.sum()) + 0.5) / (total + 1.0)
        error = max(error, 0.5 / (total + 1.0))
    return float(np.clip(share, FLOOR, 1.0 - FLOOR)), max(error, FLOOR)


def _parts(quantity: str, day: float, patients: Followed) -> tuple[FloatArray, FloatArray]:
    """Return each patient's chance to count, and to be in the analysis set."""
    everyone = np.ones(len(patients.hazard))
    if quantity == "alive_at":
        return patients.alive(day), everyone
    if quantity == "pfs_at":
        return patients.alive(day) * (patients.progression_day > day), everyone
    if quantity == "response":
        return patients.alive(patients.response_day), everyone
    to_operation = patients.alive(patients.operation_day)
    if quantity == "pcr":
        resected = to_operation * patients.operated
        return resected * patients.no_tumour_found, resected
    resected = to_operation * patients.cleared
    recurrence = np.where(patients.cleared, patients.recurrence_day, np.inf)
    if quantity == "dfs_at":
        return patients.alive(day) * patients.cleared * (recurrence > day), resected
    return patients.alive(recurrence) * patients.cleared * (recurrence <= day), resected


def landmark_shares(
    theta: Theta,
    landmarks: Sequence[Landmark],
    *,
    n_patient: int,
    seed: int,
    tolerances: Tolerances = PATIENT_TOLERANCES,
    engine: str = POPULATION,
) -> tuple[FloatArray, FloatArray]:
    """Return what a population says of each landmark, and the standard errors.

    Parameters
    ----------
    theta
        The population, in the rows' units.
    landmarks
        Of arms in `ARMS`.
    n_patient
        Patients of each setting.
    seed
        Seed of the patients.

    Returns
    -------
    Two arrays of shape ``(n_landmark,)``; not a number for the arms of a setting whose patients
    the population does not bring forth, or whose simulations fail.
    """
    model = patient_model()
    cohorts = sample_settings(
        model, load_parameters(), theta, n_patient, seed=seed, tolerances=tolerances, engine=engine
    )
    followed: dict[str, Followed] = {}
    for name in dict.fromkeys(landmark.arm for landmark in landmarks):
        cohort = cohorts.get(ARMS[name].setting)
        if cohort is None:
            continue
        found = follow(model, cohort, ARMS[name], tolerances=tolerances, engine=engine)
        if len(found.hazard) >= LEAST_SHARE * n_patient:
            followed[name] = found
    pairs = [
        landmark_share(item, followed[item.arm]) if item.arm in followed else (np.nan, np.nan)
        for item in landmarks
    ]
    share, error = np.array(pairs, dtype=float).T
    return share, error
