"""What is simulated: two stress models, the project's own two, and stacks of cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.engine.stacks import stack_antimony
from cxaxis.core.arrays import FloatArray
from cxaxis.core.streams import rng_for
from cxaxis.engine.doses import ALL_PATIENTS, Dose, DoseTable
from cxaxis.engine.protocol import ParameterTable, Tolerances

SEED: Final = 20261122
SIGMA: Final = 0.3
SIGMA_OF_EXPONENTS: Final = 0.05
EXPONENTS: Final = frozenset({"crowding", "steepness", "feedback"})
HERE: Final = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Repeat:
    """A dose given to everybody again and again."""

    target: str
    amount: float
    first: float
    every: float
    count: int

    def table(self) -> DoseTable:
        """Return the doses one by one."""
        return DoseTable(
            tuple(
                Dose(
                    patient=ALL_PATIENTS,
                    time=self.first + k * self.every,
                    target=self.target,
                    amount=self.amount,
                )
                for k in range(self.count)
            )
        )


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One population, ready for any solver.

    Attributes
    ----------
    name, title
        For files and for people.
    sbml
        The model.
    parameters
        One row per patient.
    doses
        For everybody, or by patient.
    times
        Output times, shape ``(n_time,)``.
    states
        Outputs: every state, species as amounts. Errors are judged on all of them.
    atol_per_rtol
        Absolute tolerance as a share of the relative one.
    least_peak
        A state whose peak in a patient is smaller is not judged there.
    repeat
        The regimen that ``doses`` are made of, for solvers that do best with one event.
    """

    name: str
    title: str
    sbml: str = field(repr=False)
    parameters: ParameterTable = field(repr=False)
    doses: DoseTable = field(repr=False)
    times: FloatArray = field(repr=False)
    states: tuple[str, ...] = field(repr=False)
    atol_per_rtol: float = 1e-3
    least_peak: float = 1e-9
    repeat: Repeat | None = None

    @property
    def n_patient(self) -> int:
        """Number of patients."""
        return self.parameters.n_patient

    def tolerances(self, relative: float) -> Tolerances:
        """Return the error control at one relative tolerance."""
        return Tolerances(relative=relative, absolute=relative * self.atol_per_rtol)

    def rows(self, first: int, count: int) -> tuple[ParameterTable, DoseTable]:
        """Return the parameters and doses of a stretch of patients."""
        last = min(first + count, self.n_patient)
        table = ParameterTable(self.parameters.names, self.parameters.values[first:last])
        rows = tuple(
            d
            if d.patient == ALL_PATIENTS
            else Dose(
                patient=d.patient - first,
                time=d.time,
                target=d.target,
                amount=d.amount,
                duration=d.duration,
            )
            for d in self.doses.rows
            if d.patient == ALL_PATIENTS or first <= d.patient < last
        )
        return table, DoseTable(rows)


def sbml_of(antimony_text: str, name: str) -> str:
    """Return the SBML of a model in Antimony text.

    Raises
    ------
    ValueError
        If the text is no model; the message is the translator's.
    """
    import antimony

    antimony.clearPreviousLoads()
    if antimony.loadAntimonyString(antimony_text) < 0:
        raise ValueError(antimony.getLastError())
    return str(antimony.getSBMLString(name))


def _names(sbml: str) -> tuple[tuple[str, ...], dict[str, float]]:
    """Return the species and the constants, with their values, of a stress model."""
    import libsbml

    model = libsbml.readSBMLFromString(sbml).getModel()
    ruled = {model.getRule(i).getVariable() for i in range(model.getNumRules())}
    species = tuple(model.getSpecies(i).getId() for i in range(model.getNumSpecies()))
    parameters = (model.getParameter(i) for i in range(model.getNumParameters()))
    return species, {p.getId(): p.getValue() for p in parameters if p.getId() not in ruled}


def lognormal_table(
    values: dict[str, float], first: int, count: int, *, seed: int = SEED
) -> ParameterTable:
    """Return constants spread by sigma 0.3, exponents by 0.05; patient by patient the same.

    Parameters
    ----------
    values
        Medians.
    first, count
        The patients wanted.
    """
    names = tuple(values)
    sigma = np.array(
        [
            SIGMA_OF_EXPONENTS if name in EXPONENTS or name.startswith("n_") else SIGMA
            for name in names
        ]
    )
    medians = np.array(list(values.values()))
    # One stream a thousand patients: a million streams would take longer than the patients.
    rows = []
    patient = first
    while patient < first + count:
        stretch, at = divmod(patient, 1000)
        draws = rng_for(seed, "stretch", stretch).standard_normal((1000, len(names)))
        until = min(1000, at + first + count - patient)
        rows.append(medians * np.exp(sigma * draws[at:until]))
        patient += until - at
    return ParameterTable(names, np.concatenate(rows))


def _stress(name: str) -> tuple[str, tuple[str, ...], dict[str, float]]:
    sbml = sbml_of((HERE / f"{name}.ant").read_text("utf-8"), name)
    species, constants = _names(sbml)
    return sbml, tuple(f"amount({s})" for s in species), constants


def gpcr(n_patient: int) -> Problem:
    """Return the receptor network: 43 states, 4 h, 101 readings, no dose."""
    sbml, states, constants = _stress("gpcr")
    return Problem(
        name="gpcr",
        title="GPCR network, 4 h",
        sbml=sbml,
        parameters=lognormal_table(constants, 0, n_patient),
        doses=DoseTable(),
        times=np.linspace(0.0, 4 * 3600.0, 101),
        states=states,
    )


TUMOUR_REPEAT: Final = Repeat(target="depot", amount=4.0, first=1.02, every=3.5, count=209)
TUMOUR_HORIZON_DAY: Final = 730.0


def tumour(n_patient: int) -> Problem:
    """Return the tumour under treatment: 27 states, 730 days, 201 readings, 209 doses."""
    sbml, states, constants = _stress("tumour")
    return Problem(
        name="tumour",
        title="Tumour and antibody, 2 years",
        sbml=sbml,
        parameters=lognormal_table(constants, 0, n_patient),
        doses=TUMOUR_REPEAT.table(),
        times=np.linspace(0.0, TUMOUR_HORIZON_DAY, 201),
        states=states,
        repeat=TUMOUR_REPEAT,
    )


def tumour_cohort() -> tuple[str, Callable[[int, int], ParameterTable]]:
    """Return the tumour model and its patients without end, for runs streamed to disk."""
    sbml, _, constants = _stress("tumour")
    return sbml, lambda first, count: lognormal_table(constants, first, count)


def stack(n_state: int, n_patient: int) -> Problem:
    """Return a ring of cells with ``n_state`` states in all, 4 h, 101 readings."""
    sbml = sbml_of(stack_antimony(n_state), "stack")
    species, constants = _names(sbml)
    return Problem(
        name=f"stack_{n_state}",
        title=f"Ring of cells, {n_state} states",
        sbml=sbml,
        parameters=lognormal_table(constants, 0, n_patient),
        doses=DoseTable(),
        times=np.linspace(0.0, 4 * 3600.0, 101),
        states=tuple(f"amount({s})" for s in species),
    )


def cell(n_patient: int) -> Problem:
    """Return the project's cell: six days of rest, then 30 nM of CXCL12 for four hours.

    Constants that are positive by nature are spread by sigma 0.3; sizes and shares stay.
    """
    from cxaxis.cell.course import CELL_TOLERANCES, REST_S, dish
    from cxaxis.knowledge.cell_contexts import load_cell_contexts
    from cxaxis.knowledge.parameters import load_parameters

    here = dish(load_cell_contexts()["double"])
    rows = load_parameters()
    sizes = {"medium", "cell_volume"}
    spread = {
        constant: here.value_of(constant)
        for constant, row in here.model.bindings.items()
        if rows[row].scale == "log"
        and constant not in sizes | set(here.values) | set(here.model.species)
        and here.value_of(constant) > 0
    }
    drawn = lognormal_table(spread, 0, n_patient)
    species = set(here.model.species)
    return Problem(
        name="cell",
        title="The project's cell, 6 days and 4 h",
        sbml=here.model.sbml,
        parameters=drawn.with_columns(**here.values),
        doses=DoseTable(
            (
                Dose(
                    patient=ALL_PATIENTS,
                    time=REST_S,
                    target="cxcl12",
                    amount=30.0 * here.value_of("medium"),
                ),
            )
        ),
        times=np.concatenate([[0.0], REST_S + np.linspace(0.0, 4 * 3600.0, 61)]),
        states=tuple(f"amount({s})" if s in species else s for s in here.model.states),
        atol_per_rtol=CELL_TOLERANCES.absolute / CELL_TOLERANCES.relative,
        # A fraction of a molecule.
        least_peak=1e-16,
    )


def patient(n_patient: int) -> Problem:
    """Return the project's patients under chemoradiotherapy and daily plerixafor, three years.

    The demonstration protocol: 52 injections, 28 fractions, four courses of chemotherapy.
    """
    setup = _demonstration()
    plan = next(p for p in setup.plans if p.id == "plerixafor_daily")
    title = "The project's patient, 3 years"
    return _patients("patient", title, setup, plan, n_patient, setup.schedule.times_day)


def patient_daily(n_patient: int) -> Problem:
    """Return the project's patients under plerixafor on every day of three years, alone."""
    setup = _demonstration()
    title = "The project's patient, 3 years with a dose every day"
    return _daily("patient_daily", title, setup, setup.schedule.times_day, n_patient)


def patient_month(n_patient: int) -> Problem:
    """Return the same for thirty days: a length that every solver gets through."""
    setup = _demonstration()
    title = "The project's patient, 30 days with a dose every day"
    return _daily("patient_month", title, setup, np.linspace(0.0, 30.0, 61), n_patient)


def _daily(name: str, title: str, setup: Any, times_day: FloatArray, n_patient: int) -> Problem:
    from cxaxis.trial.pool import ArmPlan

    arm = next(p for p in setup.plans if p.id == "plerixafor_daily")
    drug, regimen = next(item for item in arm.regimens if item[0].id == "plerixafor")
    days = int(times_day[-1]) + 1
    plan = ArmPlan(
        id="daily", regimens=((drug, regimen.model_copy(update={"n_doses": days, "every_day": 1})),)
    )
    return _patients(name, title, setup, plan, n_patient, times_day)


def _demonstration() -> Any:
    from cxaxis.trial.jobs import set_up
    from cxaxis.trial.protocol import read_protocol

    return set_up(read_protocol("crt_plerixafor"), {}, None)


def _patients(
    name: str, title: str, setup: Any, plan: Any, n_patient: int, times_day: FloatArray
) -> Problem:
    from cxaxis.cohort.population import draw_agents
    from cxaxis.cohort.sample import sample_cohort
    from cxaxis.trial.pool import doses_of

    model, rows = setup.model, setup.parameters
    cohort = sample_cohort(n_patient, SEED, model=model, parameters=rows)
    agents = draw_agents(model, rows, cohort.theta, plan.drugs, cohort.indices, seed=SEED)
    species = set(model.species)
    return Problem(
        name=name,
        title=title,
        sbml=model.sbml,
        parameters=cohort.table.with_columns(**agents),
        doses=doses_of(plan, cohort),
        times=times_day,
        states=tuple(f"amount({s})" if s in species else s for s in model.states),
        atol_per_rtol=setup.tolerances.absolute / setup.tolerances.relative,
        least_peak=1e-4,
    )


PROBLEMS: Final[dict[str, Callable[[int], Problem]]] = {
    "gpcr": gpcr,
    "tumour": tumour,
    "cell": cell,
    "patient": patient,
    "patient_daily": patient_daily,
    "patient_month": patient_month,
}
