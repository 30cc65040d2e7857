"""What the headline grid simulates: eight agents beside three backbones in drawn populations.

Backbones, arms, visits and horizons are those of the three example protocols, so that an answer
belongs to a protocol that anybody can read and run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from cxaxis.cohort.calibrated import posterior_draw
from cxaxis.cohort.population import Theta, draw_theta
from cxaxis.cohort.settings import Setting
from cxaxis.core.errors import ModelValueError
from cxaxis.core.hashing import sha256_of
from cxaxis.core.ids import did_you_mean
from cxaxis.engine.choice import POPULATION
from cxaxis.engine.protocol import Tolerances
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.knowledge.posteriors import load_outcome_posterior
from cxaxis.models.build import build
from cxaxis.patient.course import PATIENT_TOLERANCES
from cxaxis.trial.harm_plan import harm_wirings
from cxaxis.trial.pool import AXIS_SLOTS, ArmPlan, Schedule, schedule_of
from cxaxis.trial.protocol import Protocol, arm_regimens, read_protocol

Source = Literal["prior", "control_arms"]
SOURCES: Final[tuple[Source, ...]] = get_args(Source)
#: Example protocol of each backbone.
EXAMPLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "crt": "agents_crt",
        "neoadjuvant": "agents_neoadjuvant",
        "first_line": "agents_first_line",
    }
)
DRAWS: Final = 120
PATIENTS: Final = 12
SEED: Final = 20261123
PUBLISHED: Final = "published"
SUSTAINED: Final = "sustained"


@dataclass(frozen=True, kw_only=True)
class AgentArm:
    """An agent on one regimen beside a backbone.

    Attributes
    ----------
    plan
        What is given; its id is that of the arm in the example.
    agent
        Id of the drug at CXCR4 or CXCL12.
    kind
        ``published`` for a course of at most two weeks as it is on record, ``sustained`` for one
        that goes on for as long as it could add to the backbone.
    label
        The arm in words, as in the example.
    """

    plan: ArmPlan
    agent: str
    kind: str
    label: str


@dataclass(frozen=True, kw_only=True)
class BackbonePlan:
    """A backbone, the agents beside it, and when patients are looked at. Picklable.

    Attributes
    ----------
    id
        Key of `EXAMPLES`.
    setting
        Which patients.
    control
        The backbone alone.
    arms
        In the order of the example.
    schedule
        Times at which hazard and burden are read; the last is the end of follow-up.
    protocol_sha256
        Hash of the example.
    """

    id: str
    setting: Setting
    control: ArmPlan
    arms: tuple[AgentArm, ...]
    schedule: Schedule = field(repr=False)
    protocol_sha256: str

    @property
    def horizon_day(self) -> float:
        """End of follow-up."""
        return float(self.schedule.times_day[-1])


@dataclass(frozen=True, kw_only=True)
class HeadlinePlan:
    """The grid. Picklable.

    Attributes
    ----------
    source
        Where populations come from: ``prior``, or ``control_arms``: the posterior given published
        control arms.
    draws, n_patient
        Populations, and new patients of each under every arm.
    seed
        In [0, 2**63).
    """

    source: Source
    backbones: tuple[BackbonePlan, ...]
    draws: int
    n_patient: int
    seed: int
    tolerances: Tolerances = PATIENT_TOLERANCES
    engine: str = POPULATION

    def backbone(self, name: str) -> BackbonePlan:
        """Return the backbone with this id."""
        return next(item for item in self.backbones if item.id == name)


def headline_plan(
    source: Source = "prior",
    *,
    draws: int = DRAWS,
    patients: int = PATIENTS,
    seed: int = SEED,
    backbones: Sequence[str] | None = None,
    engine: str = POPULATION,
) -> HeadlinePlan:
    """Return the grid.

    Parameters
    ----------
    source
        See `HeadlinePlan`.
    draws, patients
        At least 1.
    seed
        In [0, 2**63).
    backbones
        Keys of `EXAMPLES`; all if omitted.
    engine
        Name of the engine, see `cxaxis.engine.choice`.

    Raises
    ------
    ModelValueError
        For an unknown source or backbone, and a number out of range.
    """
    if source not in SOURCES:
        msg = f"no source {source!r} of populations. {did_you_mean(source, SOURCES)}"
        raise ModelValueError(msg)
    if draws < 1 or patients < 1:
        msg = f"draws and patients must be positive, got {draws} and {patients}."
        raise ModelValueError(msg)
    names = tuple(EXAMPLES if backbones is None else backbones)
    for name in names:
        if name not in EXAMPLES:
            msg = f"no backbone {name!r}. {did_you_mean(name, EXAMPLES)}"
            raise ModelValueError(msg)
    return HeadlinePlan(
        source=source,
        backbones=tuple(_backbone_plan(name) for name in names),
        draws=draws,
        n_patient=patients,
        seed=seed,
        engine=engine,
    )


def _backbone_plan(name: str) -> BackbonePlan:
    protocol, drugs = read_protocol(EXAMPLES[name]), load_drugs()
    plans = {
        arm.id: ArmPlan(id=arm.id, regimens=arm_regimens(protocol, arm, drugs))
        for arm in protocol.arms
    }
    arms = tuple(
        AgentArm(
            plan=plans[arm.id],
            agent=_agent_of(plans[arm.id]),
            kind=arm.id.rpartition("_")[2],
            label=arm.label.removeprefix("+ "),
        )
        for arm in protocol.arms
        if arm.id != protocol.control
    )
    return BackbonePlan(
        id=name,
        setting=protocol.population.setting,
        control=plans[protocol.control],
        arms=arms,
        schedule=_schedule(protocol, tuple(plans.values())),
        protocol_sha256=protocol.sha256,
    )


def _agent_of(plan: ArmPlan) -> str:
    from cxaxis.models.agents import slot_of

    return next(drug.id for drug in plan.drugs if slot_of(drug) in AXIS_SLOTS)


def _schedule(protocol: Protocol, plans: Sequence[ArmPlan]) -> Schedule:
    days = {plan.surgery_day for plan in plans}
    return schedule_of(
        horizon_day=protocol.horizon_day,
        first_visit_day=protocol.visits.first_day,
        visit_every_day=protocol.visits.every_day,
        pharmacology_until_day=0.0,
        surgery_days=sorted(day for day in days if day is not None),
        surveillance=protocol.visits.surveillance,
    )


def population(source: Source, *, seed: int, draw: int) -> Theta:
    """Return the parameters of a drawn population, in the rows' units.

    Parameters
    ----------
    source
        See `HeadlinePlan`.
    seed
        Of the prior's draws; draws of the posterior have a seed of their own.
    draw
        Number of the draw, from 0.

    Raises
    ------
    UserInputError
        If the posterior is not there or has no such draw.
    """
    rows = load_parameters()
    if source == "prior":
        return draw_theta(rows, seed=seed, draw=draw)
    return posterior_draw(rows, draw)


def posterior_values(source: Source) -> Mapping[int, Mapping[str, float]]:
    """Return the fitted parameters of every draw of a source, by number; empty for the prior.

    Raises
    ------
    UserInputError
        If the posterior is not there.
    """
    return {} if source == "prior" else load_outcome_posterior()


@cache
def _weights_sha256() -> str:
    return sha256_of(
        {
            name: [[item.option, item.prior_weight] for item in options]
            for name, options in harm_wirings().items()
        }
    )


def key_parts(plan: HeadlinePlan) -> dict[str, Any]:
    """Return everything that decides the numbers of a grid, as JSON content."""
    rows = load_parameters()
    values = posterior_values(plan.source)
    fitted = {str(draw): dict(sorted(values[draw].items())) for draw in sorted(values)}
    return {
        "sbml_sha256": build("patient", rows).sha256,
        "parameters_sha256": sha256_of(
            {name: [row.value, row.widened_spread, row.omega] for name, row in rows.items()}
        ),
        "posterior_sha256": sha256_of(fitted),
        "wirings_sha256": _weights_sha256(),
        "backbones": {item.id: _backbone_key(item) for item in plan.backbones},
        "source": plan.source,
        "draws": plan.draws,
        "patients": plan.n_patient,
        "seed": plan.seed,
        "relative_tolerance": plan.tolerances.relative,
        "absolute_tolerance": plan.tolerances.absolute,
        "engine": plan.engine,
    }


def _backbone_key(item: BackbonePlan) -> dict[str, Any]:
    regimens = {
        plan.id: [[drug.id, regimen.model_dump(mode="json")] for drug, regimen in plan.regimens]
        for plan in (item.control, *(arm.plan for arm in item.arms))
    }
    return {"protocol": item.protocol_sha256, "regimens_sha256": sha256_of(regimens)}
