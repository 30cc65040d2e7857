"""Fit the marrow to what mobilised people, or check that the tabled values still do.

``python -m cxaxis.inference.marrow_fit`` prints each fitted value beside the tabled one and puts
it into ``parameters.tsv``; ``--check`` writes nothing and exits 1 where they differ by more than
`CLOSE`. Three numbers of volunteers and patients fix the release of CD34+ cells and what G-CSF
does; the placebo arms of two phase III trials fix how many stem cells patients with lymphoma and
myeloma have left. The arms that got plerixafor are predicted and enter nowhere.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from cxaxis.cohort.overrides import with_values
from cxaxis.cohort.population import patient_values
from cxaxis.core.arrays import FloatArray
from cxaxis.engine.doses import Dose, DoseTable
from cxaxis.engine.population import PopulationEngine
from cxaxis.engine.protocol import Engine, ParameterTable
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.evidence import Evidence, load_evidence
from cxaxis.knowledge.parameters import PARAMETER_COLUMNS, Parameters, load_parameters
from cxaxis.models.build import Model, build
from cxaxis.patient.mobilisation import (
    PER_MICROLITRE,
    Collection,
    MobilisationPlan,
    MobilisationTrial,
    cd34_at,
    doses_for_everybody,
    first_dose,
    marrow_at_rest,
    virtual_mobilisation_trial,
)
from cxaxis.patient.regimen import Body, dose_amount

BENCH: Final = "marrow_bench"
#: Release of CD34+ cells and the two effects of G-CSF, moved on a scale that is never left.
FITTED: Final = ("cd34_release_gain", "filgrastim_cxcl12_effect", "filgrastim_cd34_gain")
REFERENCE: Final = "marrow_retention_reference"
CLOSE: Final = 0.02
SIGNIFICANT_DIGITS: Final = 4
SEED: Final = 11
N_PATIENT: Final = 400
VOLUNTEER: Final = Body(weight_kg=70.0, height_cm=175.0, creatinine_clearance_mL_min=100.0)
PATIENT_WEIGHT_KG: Final = 75.0
PLERIXAFOR_UG_PER_KG: Final = 240.0
FILGRASTIM_UG_PER_KG: Final = 10.0
VOLUNTEER_HOUR: Final = 9.0
#: How far the search steps to find a slope, and how close is close enough, both as a log ratio.
_STEP: Final = 1e-3
_CONVERGED: Final = 1e-4
_ROUNDS: Final = 12


@dataclass(frozen=True, kw_only=True)
class Disease:
    """A phase III trial of plerixafor on G-CSF.

    Attributes
    ----------
    name
        Disease.
    reserve
        Row of the stem cells that its patients have left.
    target_per_kg, sessions
        CD34+ cells per kg that count as success, and sessions at most.
    placebo, active
        Evidence rows of the share that reached the target; the active one is only predicted.
    """

    name: str
    reserve: str
    target_per_kg: float
    sessions: int
    placebo: str
    active: str

    @property
    def plan(self) -> MobilisationPlan:
        """Schedule and target of the trial."""
        return MobilisationPlan(target_per_kg=self.target_per_kg, sessions=self.sessions)


DISEASES: Final = (
    Disease(
        name="lymphoma",
        reserve="marrow_reserve_lymphoma",
        target_per_kg=5e6,
        sessions=4,
        placebo="DRG030",
        active="DRG029",
    ),
    Disease(
        name="myeloma",
        reserve="marrow_reserve_myeloma",
        target_per_kg=6e6,
        sessions=2,
        placebo="DRG033",
        active="DRG032",
    ),
)


def typical_person(model: Model, parameters: Parameters, *, weight_kg: float) -> ParameterTable:
    """Return one person with every constant at its tabled value."""
    values = {
        constant: parameters[row].value * model.factors[constant]
        for constant, row in model.bindings.items()
    }
    names = tuple(values)
    table = ParameterTable(names, np.array([list(values.values())]))
    return table.with_columns(body_weight=weight_kg)


def drawn_patients(
    model: Model, parameters: Parameters, disease: Disease | None, n: int, *, seed: int
) -> tuple[ParameterTable, Collection]:
    """Return patients of a disease, or volunteers, and how cells are collected from each.

    Parameters
    ----------
    model
        A model with a marrow.
    parameters
        Rows with ``omega``.
    disease
        Whose stem-cell reserve they have; None for volunteers, who have lost nothing.
    n
        Number of patients, positive.
    seed
        A patient's values depend on its index and the seed alone.
    """
    index = range(n)

    def drawn(row: str) -> FloatArray:
        return patient_values(parameters[row], parameters[row].value, index, seed=seed)

    names = tuple(model.bindings)
    columns = [drawn(row) * model.factors[name] for name, row in model.bindings.items()]
    table = ParameterTable(names, np.column_stack(columns))
    reserve = np.ones(n) if disease is None else drawn(disease.reserve)
    typical_kg = VOLUNTEER.weight_kg if disease is None else PATIENT_WEIGHT_KG
    weight = parameters["body_weight"]
    table = table.with_columns(
        body_weight=typical_kg * drawn("body_weight") / weight.value,
        cd34_baseline=table.column("cd34_baseline") * reserve,
        cd34_pool_baseline=table.column("cd34_pool_baseline") * reserve,
    )
    collection = Collection(
        blood_volumes=drawn("apheresis_blood_volumes"),
        efficiency=drawn("apheresis_efficiency"),
        blood_litre_per_kg=drawn("blood_volume_per_weight"),
    )
    return table, collection


def simulated_arm(
    model: Model,
    parameters: Parameters,
    disease: Disease,
    engine: Engine,
    *,
    plerixafor: bool,
    n: int = N_PATIENT,
    seed: int = SEED,
) -> MobilisationTrial:
    """Return what an arm of a disease's trial collects; both arms have the same patients."""
    table, collection = drawn_patients(model, parameters, disease, n, seed=seed)
    rested = marrow_at_rest(model, table, engine)
    weight = rested.column("body_weight")
    return virtual_mobilisation_trial(
        model,
        rested,
        engine,
        plan=disease.plan,
        collection=collection,
        filgrastim=_by_weight("filgrastim", FILGRASTIM_UG_PER_KG, weight),
        drug=_by_weight("plerixafor", PLERIXAFOR_UG_PER_KG, weight) if plerixafor else (),
    )


def _by_weight(
    drug: str, ug_per_kg: float, weight_kg: FloatArray
) -> tuple[tuple[str, FloatArray], ...]:
    """Return the target of a subcutaneous dose and its amount in each patient, nmol."""
    record = load_drugs()[drug]
    amount = dose_amount(record, ug_per_kg, "ug/kg", VOLUNTEER, duration_day=0.0)
    return ((record.target["subcutaneous"], amount / VOLUNTEER.weight_kg * weight_kg),)


def repeated_by_weight(
    drug: str, ug_per_kg: float, weight_kg: FloatArray, days: FloatArray
) -> Iterator[Dose]:
    """Yield the same subcutaneous dose by weight on several days for the first patient."""
    for target, amounts in _by_weight(drug, ug_per_kg, weight_kg):
        for day in days:
            yield Dose(patient=0, time=float(day), target=target, amount=float(amounts[0]))


def anchors(model: Model, parameters: Parameters, engine: Engine) -> FloatArray:
    """Return CD34+ cells per microlitre where they were measured, shape ``(3,)``.

    Volunteers 9 h after plerixafor; patients on G-CSF just before plerixafor, and the next
    morning.
    """
    alone = volunteer_course(model, parameters, engine, np.array([VOLUNTEER_HOUR]))
    person = typical_person(model, parameters, weight_kg=VOLUNTEER.weight_kg)
    rested = marrow_at_rest(model, person, engine)
    plan = MobilisationPlan(target_per_kg=0.0, sessions=1)
    weight = rested.column("body_weight")
    times = np.array([plan.evening_days[0], plan.session_days[0]])
    both = engine.simulate(
        model.sbml,
        rested,
        DoseTable(
            tuple(
                dose
                for name, amount, days in (
                    ("filgrastim", FILGRASTIM_UG_PER_KG, plan.morning_days),
                    ("plerixafor", PLERIXAFOR_UG_PER_KG, plan.evening_days),
                )
                for dose in repeated_by_weight(name, amount, weight, days)
            )
        ),
        times,
        ("cd34_blood",),
    ).of("cd34_blood")[0]
    return np.concatenate([alone, both * PER_MICROLITRE])


def volunteer_course(
    model: Model, parameters: Parameters, engine: Engine, hours: FloatArray
) -> FloatArray:
    """Return CD34+ cells per microlitre of a volunteer some hours after plerixafor, ``(n,)``."""
    drug = load_drugs()["plerixafor"]
    person = typical_person(model, parameters, weight_kg=VOLUNTEER.weight_kg)
    rested = marrow_at_rest(model, person, engine)
    label = first_dose(drug.regimens["label_240_ug_kg_daily"])
    doses = doses_for_everybody(drug, label, VOLUNTEER)
    return np.asarray(cd34_at(model, rested, doses, hours, engine)[0])


def fit_release(
    parameters: Parameters, targets: FloatArray, engine: Engine
) -> tuple[dict[str, float], FloatArray]:
    """Return the values of `FITTED` and of `REFERENCE`, and the anchors that they give.

    Parameters
    ----------
    parameters
        Where the search starts.
    targets
        CD34+ cells per microlitre as `anchors` gives them, shape ``(3,)``.
    engine
        Any engine.
    """
    model = build(BENCH, parameters)
    values = {REFERENCE: reference_retention(model, parameters, engine)}
    place = _unbounded({name: parameters[name].value for name in FITTED})

    def miss(at: FloatArray) -> FloatArray:
        rows = with_values(parameters, {**values, **_bounded(at)})
        return np.asarray(np.log(anchors(model, rows, engine) / targets))

    for _ in range(_ROUNDS):
        now = miss(place)
        if np.abs(now).max() < _CONVERGED:
            break
        slope = np.column_stack(
            [(miss(place + _STEP * axis) - now) / _STEP for axis in np.eye(len(FITTED))]
        )
        place = place - np.clip(np.linalg.solve(slope, now), -1.0, 1.0)
    values |= _bounded(place)
    return values, anchors(model, with_values(parameters, values), engine)


def reference_retention(model: Model, parameters: Parameters, engine: Engine) -> float:
    """Return the untreated retention of the person with every parameter as tabled."""
    person = typical_person(model, parameters, weight_kg=VOLUNTEER.weight_kg)
    return float(marrow_at_rest(model, person, engine).column("untreated_marrow_retention")[0])


def fit_reserve(
    parameters: Parameters, disease: Disease, share: float, engine: Engine
) -> tuple[float, float]:
    """Return the reserve that gives a share of successes on G-CSF alone, and the share it gives.

    Counts and yields are proportional to the reserve, so one simulation tells the answer.
    """
    model = build(BENCH, parameters)
    arm = simulated_arm(model, parameters, disease, engine, plerixafor=False)
    total = arm.collected_per_kg[:, -1]
    factor = disease.target_per_kg / float(np.quantile(total, 1.0 - share))
    found = parameters[disease.reserve].value * factor
    return found, float((total * factor >= disease.target_per_kg).mean())


def fitted_values(
    parameters: Parameters, evidence: Mapping[str, Evidence], engine: Engine
) -> dict[str, float]:
    """Return every fitted value, in the units of the rows."""
    targets = np.array([float(evidence[row].value) for row in ("DRG021", "DRG026", "DRG027")])
    values, _ = fit_release(parameters, targets, engine)
    rows = with_values(parameters, values)
    for disease in DISEASES:
        share = float(evidence[disease.placebo].value) / 100.0
        values[disease.reserve], _ = fit_reserve(rows, disease, share, engine)
    return values


def written_back(text: str, values: Mapping[str, float]) -> str:
    """Return the text of a parameter table with fitted values in it."""
    place = PARAMETER_COLUMNS.index("value")
    lines = []
    for line in text.split("\n"):
        cells = line.split("\t")
        if cells[0] in values:
            cells[place] = f"{values[cells[0]]:.{SIGNIFICANT_DIGITS}g}"
        lines.append("\t".join(cells))
    return "\n".join(lines)


def _bounded(place: FloatArray) -> dict[str, float]:
    """Return the values of `FITTED` at a place: two of them positive, a share between."""
    gain, share, growth = (float(item) for item in place)
    return dict(
        zip(FITTED, (np.exp(gain), 1.0 / (1.0 + np.exp(-share)), np.exp(growth)), strict=True)
    )


def _unbounded(values: Mapping[str, float]) -> FloatArray:
    """Return the place of values; inverse of `_bounded`."""
    gain, share, growth = (values[name] for name in FITTED)
    return np.array([np.log(gain), np.log(share / (1.0 - share)), np.log(growth)])


def main(arguments: Sequence[str]) -> int:
    """Fit, print, and write or check; return the exit code."""
    rows = load_parameters()
    values = fitted_values(rows, load_evidence(), PopulationEngine())
    far = [name for name, value in values.items() if abs(value / rows[name].value - 1.0) > CLOSE]
    for name, value in values.items():
        mark = "  differs" if name in far else ""
        sys.stdout.write(f"{name}  fitted {value:.4g}  tabled {rows[name].value:.4g}{mark}\n")
    if "--check" in arguments:
        return 1 if far else 0
    path = Path(rows[REFERENCE].where.rsplit(":", 1)[0])
    file = path if path.is_absolute() else Path(__file__).parents[2] / path
    file.write_text(written_back(file.read_text("utf-8"), values), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
