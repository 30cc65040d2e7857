"""Who drugs are compared on: one volunteer in many worlds, or patients of one world."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from cxaxis.cohort.population import (
    Theta,
    agent_rows,
    central_theta,
    draw_agents,
    draw_theta,
    patient_values,
    typical_agents,
)
from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import SimulationFailedError
from cxaxis.core.streams import rng_for
from cxaxis.core.units import conversion_factor
from cxaxis.engine.doses import DoseTable
from cxaxis.engine.protocol import Engine, ParameterTable
from cxaxis.knowledge.drug_records import Drug
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.evidence import load_evidence
from cxaxis.knowledge.parameters import STATUSES, Parameters
from cxaxis.models.build import Model
from cxaxis.patient.compare import Panel, rested
from cxaxis.patient.course import Rest, worst_of
from cxaxis.patient.mobilisation import (
    HOURS_PER_DAY,
    PER_MICROLITRE,
    doses_for_everybody,
    first_dose,
)
from cxaxis.patient.regimen import Body

#: Where a drug is tried: 70 kg and 100 mL/min, at which clearances are tabled.
VOLUNTEER: Final = Body(weight_kg=70.0, height_cm=175.0, creatinine_clearance_mL_min=100.0)
_CLEARANCE_UNIT: Final = "millilitre/minute"
_UNGROUNDED: Final = frozenset({"assumed", "borrowed"})
#: Beginnings of the constants that say how long and in what volume a drug stays.
_DISPOSITION: Final = ("cl_", "v_", "k_elimination_")
_LABEL: Final = "label_"
#: What volunteers were given, and when they were read.
_REFERENCE_DRUG: Final = "plerixafor"
_RISE_HOUR: Final = 9.0
#: Leukocytes of an untreated volunteer stay within a hundredth on these days.
_STILL_DAYS: Final = (0.0, 2.0, 5.0, 9.0, 14.0, 30.0)
_STILL: Final = 0.01
_BATCH: Final = 64
_MOST_TRIED: Final = 50

Kinetics = Literal["own", "in part template", "template"]


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What the numbers of a drug in the models rest on.

    Attributes
    ----------
    kinetics
        ``template`` if neither clearance nor volume was measured for the drug or derived from
        such measurements, ``own`` if all were.
    statuses
        Rows of the drug by status, best first.
    """

    kinetics: Kinetics
    statuses: Mapping[str, int]

    @property
    def words(self) -> str:
        """The statuses in words, such as ``2 measured, 9 assumed``."""
        return ", ".join(f"{count} {status}" for status, count in self.statuses.items())


def ground_of(drug: Drug, model: Model, parameters: Parameters) -> Ground:
    """Return what a drug's rows rest on, from the rows that its slot is filled with.

    Raises
    ------
    ModelValueError
        If the drug has no slot.
    """
    rows = agent_rows(model, parameters, [drug])
    counted = Counter(parameters[row].status for row in rows.values())
    open_ = [
        parameters[row].status in _UNGROUNDED
        for constant, row in rows.items()
        if constant.startswith(_DISPOSITION)
    ]
    kinetics: Kinetics = "template" if all(open_) else "in part template" if any(open_) else "own"
    return Ground(
        kinetics=kinetics,
        statuses={status: counted[status] for status in STATUSES if counted[status]},
    )


def volunteer_panel(
    model: Model,
    parameters: Parameters,
    drugs: Sequence[Drug],
    engine: Engine,
    *,
    draws: int,
    seed: int,
    progress: Callable[[int], None] | None = None,
) -> Panel:
    """Return the reference volunteer at rest, as tabled and in drawn worlds.

    A draw sets the body's parameters and those of every drug. It is kept with the probability
    that `keep_probability` gives: worlds that contradict what plerixafor does in volunteers, or
    whose blood never rests, are rare among those kept. Between-patient variability does not
    enter.

    Parameters
    ----------
    drugs
        Agents with a slot.
    draws
        Number of worlds, 0 for the tabled one alone.
    seed
        A world depends on the seed and its number alone.
    progress
        Told how many more worlds are kept.

    Raises
    ------
    SimulationFailedError
        If too few draws can be kept.
    """
    plerixafor = load_drugs()[_REFERENCE_DRUG]
    used = set(model.bindings.values()).union(
        *(agent_rows(model, parameters, [drug]).values() for drug in (*drugs, plerixafor))
    )
    varied = {name: parameters[name] for name in parameters if name in used}
    thetas: list[Theta] = [central_theta(varied)]
    rests = [rested(model, _volunteers(model, thetas), engine)]
    tried = 0
    while len(thetas) <= draws:
        if tried >= _MOST_TRIED * draws + _BATCH:
            msg = f"of {tried} draws of the parameters only {len(thetas) - 1} fit volunteers."
            raise SimulationFailedError(msg)
        numbers = range(tried, tried + _BATCH)
        tried += _BATCH
        candidates = [draw_theta(varied, seed=seed, draw=number) for number in numbers]
        rest = rested(model, _volunteers(model, candidates), engine)
        share = keep_probability(model, parameters, rest, candidates, plerixafor, engine)
        chance = [rng_for(seed, "theta", number, "kept").uniform() for number in numbers]
        kept = np.flatnonzero(np.array(chance) < share)[: draws + 1 - len(thetas)]
        thetas += [candidates[index] for index in kept]
        rests.append(
            Rest(
                patients=rest.patients.rows(kept),
                outcomes=tuple(rest.outcomes[index] for index in kept),
            )
        )
        if progress is not None:
            progress(len(kept))
    agents = {
        drug.id: _columns(typical_agents(model, parameters, theta, [drug]) for theta in thetas)
        for drug in drugs
    }
    return Panel(
        kind="unknown",
        people=ParameterTable(
            rests[0].patients.names, np.vstack([rest.patients.values for rest in rests])
        ),
        bodies=(VOLUNTEER,),
        agents=agents,
        outcomes=tuple(outcome for rest in rests for outcome in rest.outcomes),
    )


def keep_probability(
    model: Model,
    parameters: Parameters,
    rest: Rest,
    thetas: Sequence[Theta],
    plerixafor: Drug,
    engine: Engine,
) -> FloatArray:
    """Return how well each world meets volunteers, 0 to 1, shape ``(n_world,)``.

    The rise of CD34+ cells 9 h after the labelled dose of plerixafor is compared with the one
    seen (sources DRG020 and DRG021), over the scatter between studies. A world counts for
    nothing if its leukocytes move without any drug: people's do not.
    """
    evidence = load_evidence()
    seen = float(evidence["DRG021"].value) - float(evidence["DRG020"].value)
    scatter = parameters["mobilisation_study_factor"].spread
    people = rest.patients.with_columns(
        mobilisation_study_factor=1.0,
        **_columns(typical_agents(model, parameters, theta, [plerixafor]) for theta in thetas),
    )
    label = first_dose(plerixafor.regimens[named_regimen(plerixafor)])
    after = engine.simulate(
        model.sbml,
        people,
        DoseTable(doses_for_everybody(plerixafor, label, VOLUNTEER)),
        np.array([0.0, _RISE_HOUR / HOURS_PER_DAY]),
        ["cd34_blood"],
    )
    untreated = engine.simulate(
        model.sbml, people, DoseTable(), np.array(_STILL_DAYS), ["leukocytes_blood"]
    )
    count = after.of("cd34_blood") * PER_MICROLITRE
    rise = np.maximum(count[:, 1] - count[:, 0], np.finfo(np.float64).tiny)
    share = np.exp(-0.5 * (np.log(rise / seen) / scatter) ** 2)
    level = untreated.of("leukocytes_blood")
    still = np.abs(level / level[:, :1] - 1.0).max(axis=1) < _STILL
    fine = [
        not item.outcome.is_failure
        for item in worst_of(rest.outcomes, after.outcomes, untreated.outcomes)
    ]
    return np.where(fine & still, share, 0.0)


def named_regimen(drug: Drug) -> str:
    """Return the regimen that stands for a drug: the first labelled one, else its first."""
    labelled = (name for name in drug.regimens if name.startswith(_LABEL))
    return next(labelled, next(iter(drug.regimens)))


def patient_panel(
    model: Model,
    parameters: Parameters,
    drugs: Sequence[Drug],
    engine: Engine,
    *,
    patients: int,
    seed: int,
) -> Panel:
    """Return the typical patient and others of the tabled world at rest, each with a body.

    Parameters
    ----------
    drugs
        Agents with a slot.
    patients
        Number of patients besides the typical one.
    seed
        A patient depends on the seed and its number alone.
    """
    theta, index = central_theta(parameters), range(patients)
    typical = _constants(model, theta)
    people = _table(
        {
            constant: np.append(
                typical[constant],
                patient_values(parameters[row], theta[row], index, seed=seed)
                * model.factors[constant],
            )
            for constant, row in model.bindings.items()
        }
    )
    agents = {}
    for drug in drugs:
        drawn = draw_agents(model, parameters, theta, [drug], index, seed=seed)
        first = typical_agents(model, parameters, theta, [drug])
        agents[drug.id] = {name: np.append(first[name], drawn[name]) for name in drawn}
    height = parameters["body_height"]
    heights = np.append(height.value, patient_values(height, height.value, index, seed=seed))
    bodies = tuple(
        Body(weight_kg=float(weight), height_cm=float(tall), creatinine_clearance_mL_min=float(cl))
        for weight, tall, cl in zip(
            people.column("body_weight"),
            heights,
            people.column("creatinine_clearance") / _clearance_factor(model),
            strict=True,
        )
    )
    rest = rested(model, people, engine)
    return Panel(
        kind="patients",
        people=rest.patients,
        bodies=bodies,
        agents=agents,
        outcomes=rest.outcomes,
    )


def _volunteers(model: Model, thetas: Sequence[Theta]) -> ParameterTable:
    """Return the reference volunteer in each world, not yet at rest."""
    return _table(_columns(_constants(model, theta) for theta in thetas)).with_columns(
        **_covariates(model)
    )


def _constants(model: Model, theta: Theta) -> dict[str, float]:
    return {name: theta[row] * model.factors[name] for name, row in model.bindings.items()}


def _columns(rows: Iterable[Mapping[str, float]]) -> dict[str, FloatArray]:
    every = list(rows)
    return {name: np.array([row[name] for row in every]) for name in every[0]}


def _table(columns: Mapping[str, FloatArray]) -> ParameterTable:
    return ParameterTable(tuple(columns), np.column_stack(list(columns.values())))


def _clearance_factor(model: Model) -> float:
    return conversion_factor(_CLEARANCE_UNIT, model.units["creatinine_clearance"])


def _covariates(model: Model) -> dict[str, float]:
    clearance = VOLUNTEER.creatinine_clearance_mL_min or 0.0
    return {
        "body_weight": VOLUNTEER.weight_kg,
        "creatinine_clearance": clearance * _clearance_factor(model),
    }
