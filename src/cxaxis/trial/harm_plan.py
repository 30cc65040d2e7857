"""What `cxaxis.trial.harm` simulates: agents, each on one regimen, beside one backbone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from cxaxis.cohort.parameter_rows import DESCRIBING_PARAMETERS
from cxaxis.core.errors import ModelValueError
from cxaxis.core.hashing import sha256_of
from cxaxis.core.ids import did_you_mean
from cxaxis.engine.choice import POPULATION
from cxaxis.engine.protocol import Tolerances
from cxaxis.knowledge.drug_records import Drug, Regimen
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.knowledge.wirings import Wirings, load_wirings
from cxaxis.models.agents import slot_of
from cxaxis.models.build import build
from cxaxis.models.wiring import PATIENT_WIRINGS, wiring_from
from cxaxis.patient.course import PATIENT_TOLERANCES
from cxaxis.trial.pool import AXIS_SLOTS, ArmPlan, Schedule, schedule_of

Backbone = Literal["crt", "none"]
#: Drug and regimen of what is given in every arm.
BACKBONES: Final[Mapping[Backbone, tuple[tuple[str, str], ...]]] = {
    "crt": (
        ("radiotherapy", "definitive_50_4_gy"),
        ("cisplatin", "definitive_75_mg_m2_consolidated"),
        ("fluorouracil", "definitive_1000_mg_m2_day_consolidated"),
    ),
    "none": (),
}
CONTROL: Final = "control"
HORIZON_DAY: Final = 1096.0
VISIT_EVERY_DAY: Final = 84.0
#: One to four days empty the marrow; they are no treatment of a tumour.
MOBILISATION_DAYS: Final = 4.0


def harm_agents(drugs: Mapping[str, Drug] | None = None) -> dict[str, Drug]:
    """Return the agents that act on CXCR4 or CXCL12 in the patient model, by id."""
    known = load_drugs() if drugs is None else drugs
    return {key: drug for key, drug in known.items() if slot_of(drug) in AXIS_SLOTS}


def course_days(regimen: Regimen) -> float:
    """Return the days from the first dose of a regimen to the end of its last one.

    A repeated bolus lasts until the next would be due; one that is given once counts as a day.
    """
    every = regimen.every_day if regimen.n_doses > 1 else min(regimen.every_day, 1.0)
    days = regimen.dose_days()
    return days[-1] - days[0] + max(regimen.duration_day, every)


def longest_regimen(drug: Drug) -> str:
    """Return the name of the agent's longest regimen; of equals, the steadiest, then the first."""
    return max(
        drug.regimens,
        key=lambda name: (
            course_days(drug.regimens[name]),
            drug.regimens[name].duration_day,
        ),
    )


def is_sustained(regimen: Regimen) -> bool:
    """Return whether a regimen goes on for longer than a mobilisation does."""
    return course_days(regimen) > MOBILISATION_DAYS


@dataclass(frozen=True, kw_only=True)
class HarmPlan:
    """What is simulated. Picklable.

    Attributes
    ----------
    control, arms
        The backbone alone, and with each agent on one regimen; arms are named by the agent.
    regimens
        Name of the regimen of each agent.
    schedule
        When hazards are read; the last time is the end of follow-up.
    draws, n_patient
        Populations, and patients of each.
    seed
        In [0, 2**63).
    fixed
        Parameter values that every draw shares, by row, in its unit.
    options
        Options of rival mechanisms that are chosen, not drawn.
    """

    backbone: Backbone
    control: ArmPlan
    arms: tuple[ArmPlan, ...]
    regimens: Mapping[str, str]
    schedule: Schedule = field(repr=False)
    draws: int
    n_patient: int
    seed: int
    fixed: Mapping[str, float]
    options: Mapping[str, str]
    tolerances: Tolerances = PATIENT_TOLERANCES
    engine: str = POPULATION

    @property
    def courses_per_draw(self) -> int:
        """Patient courses of one draw."""
        return (1 + len(self.arms)) * self.n_patient


def harm_plan(
    agents: Sequence[str] | None = None,
    *,
    backbone: Backbone = "crt",
    draws: int = 40,
    patients: int = 12,
    seed: int = 1,
    horizon_day: float = HORIZON_DAY,
    fixed: Mapping[str, float] | None = None,
    options: Mapping[str, str] | None = None,
    engine: str = POPULATION,
) -> HarmPlan:
    """Return the plan for some agents.

    Parameters
    ----------
    agents
        Ids; every agent against CXCR4 or CXCL12 if omitted.
    backbone
        What they are given beside: definitive chemoradiotherapy, or nothing.
    draws, patients
        Populations drawn, and patients of each; at least 1.
    seed
        In [0, 2**63).
    horizon_day
        End of follow-up, positive.
    fixed
        Values that are not drawn, by row, in its unit.
    options
        Rival mechanisms that are not drawn.
    engine
        Name of the engine, see `cxaxis.engine.choice`.

    Raises
    ------
    ModelValueError
        For an unknown agent, row or option, and a number out of range.
    """
    if draws < 1 or patients < 1 or not horizon_day > 0:
        msg = (
            f"draws, patients and horizon must be positive, got {draws}, {patients} and "
            f"{horizon_day:g} days."
        )
        raise ModelValueError(msg)
    known, rows = harm_agents(), load_parameters()
    chosen = tuple(known if agents is None else agents)
    for name in chosen:
        if name not in known:
            msg = f"no agent {name!r} against CXCR4 or CXCL12. {did_you_mean(name, known)}"
            raise ModelValueError(msg)
    for name in fixed or {}:
        if name not in rows:
            msg = f"no parameter {name!r}. {did_you_mean(name, rows)}"
            raise ModelValueError(msg)
    wiring_from(dict(options or {}))
    drugs = load_drugs()
    given = tuple((drugs[drug], drugs[drug].regimens[name]) for drug, name in BACKBONES[backbone])
    names = {name: longest_regimen(known[name]) for name in chosen}
    return HarmPlan(
        backbone=backbone,
        control=ArmPlan(id=CONTROL, regimens=given),
        arms=tuple(
            ArmPlan(
                id=name,
                regimens=(*given, (known[name], known[name].regimens[regimen])),
            )
            for name, regimen in names.items()
        ),
        regimens=names,
        schedule=schedule_of(
            horizon_day=horizon_day,
            first_visit_day=VISIT_EVERY_DAY,
            visit_every_day=VISIT_EVERY_DAY,
            pharmacology_until_day=0.0,
        ),
        draws=draws,
        n_patient=patients,
        seed=seed,
        fixed=dict(fixed or {}),
        options=dict(options or {}),
        engine=engine,
    )


def harm_wirings() -> Wirings:
    """Return the rival mechanisms that the patient model has, with their prior weights."""
    every = load_wirings()
    return Wirings({name: every[name] for name in PATIENT_WIRINGS})


def key_parts(plan: HarmPlan) -> dict[str, Any]:
    """Return everything that decides the numbers of a plan, as JSON content."""
    rows, model = load_parameters(), build("patient")
    regimens = {
        arm.id: [[drug.id, regimen.model_dump(mode="json")] for drug, regimen in arm.regimens]
        for arm in (plan.control, *plan.arms)
    }
    weights = {
        name: [[item.option, item.prior_weight] for item in options]
        for name, options in harm_wirings().items()
    }
    return {
        "sbml_sha256": model.sha256,
        "parameters_sha256": sha256_of(
            {
                name: [row.value, row.widened_spread, row.omega]
                for name, row in rows.items()
                if name not in DESCRIBING_PARAMETERS
            }
        ),
        "wirings_sha256": sha256_of(weights),
        "regimens_sha256": sha256_of(regimens),
        "horizon_day": float(plan.schedule.times_day[-1]),
        "draws": plan.draws,
        "patients": plan.n_patient,
        "seed": plan.seed,
        "fixed": dict(plan.fixed),
        "options": dict(plan.options),
        "relative_tolerance": plan.tolerances.relative,
        "absolute_tolerance": plan.tolerances.absolute,
        "engine": plan.engine,
    }
