"""Two levels of chance: what is not known of the population, and how patients differ.

`draw_theta` draws a population from parameter uncertainty; `draw_patients` draws patients
within one population. Patients are never drawn from parameter uncertainty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import expit, logit

from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import ModelValueError
from cxaxis.core.streams import rng_for
from cxaxis.core.units import conversion_factor
from cxaxis.engine.protocol import ParameterTable
from cxaxis.knowledge.drug_records import Drug
from cxaxis.knowledge.parameters import UNIFORM_SHARES, Parameter
from cxaxis.models.agents import rows_of_agent, slot_of
from cxaxis.models.build import Model
from cxaxis.patient.course import DEPOSITS, SLOTS

Theta = Mapping[str, float]


def central_theta(parameters: Mapping[str, Parameter]) -> dict[str, float]:
    """Return the population in which every parameter has its tabled value."""
    return {name: row.value for name, row in parameters.items()}


def shifted(row: Parameter, centre: float, deviation: FloatArray | float) -> FloatArray:
    """Return ``centre`` moved by ``deviation`` on the row's own scale."""
    if row.scale == "log":
        return np.asarray(centre * np.exp(deviation))
    if row.scale == "logit":
        return np.asarray(expit(logit(centre) + deviation))
    return np.asarray(centre + deviation)


def draw_theta(parameters: Mapping[str, Parameter], *, seed: int, draw: int) -> dict[str, float]:
    """Return one population drawn from what is not known.

    Parameters
    ----------
    parameters
        Rows with ``spread``, widened for the distance of what they rest on.
    seed, draw
        The draw's random streams are keyed ``("theta", draw, row)``.
    """
    theta = {}
    for name, row in parameters.items():
        rng = rng_for(seed, "theta", draw, name)
        if name in UNIFORM_SHARES:
            theta[name] = float(rng.uniform())
        elif row.spread == 0:
            theta[name] = row.value
        else:
            deviation = row.widened_spread * rng.standard_normal()
            theta[name] = float(shifted(row, row.value, deviation))
    return theta


def patient_values(
    row: Parameter, centre: float, patients: Sequence[int], *, seed: int
) -> FloatArray:
    """Return a parameter's value in each patient, shape ``(n_patient,)``."""
    if row.omega == 0:
        return np.full(len(patients), centre)
    eta = [rng_for(seed, "patient", i, "eta", row.id).standard_normal() for i in patients]
    return shifted(row, centre, row.omega * np.array(eta))


def draw_patients(
    model: Model,
    parameters: Mapping[str, Parameter],
    theta: Theta,
    patients: Sequence[int],
    *,
    seed: int,
) -> ParameterTable:
    """Return every model constant of each patient, and the patient's own event draws.

    Parameters
    ----------
    model
        Gives the constants and their units.
    parameters
        Rows with ``omega``.
    theta
        The population, in the rows' units.
    patients
        Indices of the patients; a patient's values depend on its index and the seed alone.
    """
    names: list[str] = []
    columns: list[FloatArray] = []
    by_row = {
        row: patient_values(parameters[row], theta[row], patients, seed=seed)
        for row in dict.fromkeys(model.bindings.values())
    }
    for constant, row in model.bindings.items():
        names.append(constant)
        columns.append(by_row[row] * model.factors[constant])
    for name, column in event_draws(patients, seed=seed).items():
        names.append(name)
        columns.append(column)
    return ParameterTable(tuple(names), np.column_stack(columns))


def agent_rows(
    model: Model, parameters: Mapping[str, Parameter], drugs: Sequence[Drug]
) -> dict[str, str]:
    """Return the row of each constant that the drugs of an arm set in the model's slots.

    Parameters
    ----------
    drugs
        Drugs of the arm; those with a place of their own in the model set nothing.

    Raises
    ------
    ModelValueError
        If two drugs want the same slot.
    """
    rows: dict[str, str] = {}
    filled: dict[str, str] = {}
    for drug in drugs:
        slot = slot_of(drug)
        if slot is None or filled.get(slot) == drug.id:
            continue
        if slot in filled:
            msg = (
                f"{drug.id} and {filled[slot]} would both be the {slot} of one patient. "
                "Give one of them."
            )
            raise ModelValueError(msg)
        filled[slot] = drug.id
        rows |= rows_of_agent(drug, model.bindings, parameters)
    return rows


def draw_agents(
    model: Model,
    parameters: Mapping[str, Parameter],
    theta: Theta,
    drugs: Sequence[Drug],
    patients: Sequence[int],
    *,
    seed: int,
) -> dict[str, FloatArray]:
    """Return what the drugs of an arm set in the model's slots, by constant.

    Parameters
    ----------
    drugs
        Drugs of the arm.
    patients
        Indices of the patients; how a drug fares in a patient depends on the two and the seed.

    Returns
    -------
    Mapping
        Constant -> its value in each patient, shape ``(n_patient,)``, in the model's unit.

    Raises
    ------
    ModelValueError
        If two drugs want the same slot.
    """
    return {
        constant: patient_values(parameters[row], theta[row], patients, seed=seed)
        * conversion_factor(parameters[row].unit, model.units[constant])
        for constant, row in agent_rows(model, parameters, drugs).items()
    }


def typical_agents(
    model: Model, parameters: Mapping[str, Parameter], theta: Theta, drugs: Sequence[Drug]
) -> dict[str, float]:
    """Return what the drugs of an arm set in the typical patient, as `draw_agents`."""
    return {
        constant: theta[row] * conversion_factor(parameters[row].unit, model.units[constant])
        for constant, row in agent_rows(model, parameters, drugs).items()
    }


def typical_patient(model: Model, theta: Theta) -> ParameterTable:
    """Return one patient with every parameter at the population's value, and no chance events.

    Founders never arrive, so that hazards can be read; the last clonogen dies at the median
    draw.
    """
    values = {
        constant: theta[row] * model.factors[constant] for constant, row in model.bindings.items()
    }
    for slot in SLOTS:
        values[f"{slot}_draw"] = np.inf
        values[f"{slot}_type_draw"] = 1.0
        values[f"{slot}_extinction_draw"] = float(extinction_level(np.array(0.5)))
    for organ in DEPOSITS:
        values[f"{organ}_aggregate_extinction_draw"] = float(extinction_level(np.array(0.5)))
    for slot in DEPOSITS["node"]:
        values[f"{slot}_dissection_draw"] = 0.5
    values["margin_draw"] = 0.5
    values["control_draw"] = np.log(2.0)
    return ParameterTable(tuple(values), np.array([list(values.values())]))


def _uniform(patients: Sequence[int], seed: int, *purpose: str) -> FloatArray:
    return np.array([rng_for(seed, "patient", i, *purpose).uniform() for i in patients])


def _exponential(patients: Sequence[int], seed: int, *purpose: str | int) -> FloatArray:
    return np.array(
        [rng_for(seed, "patient", i, *purpose).standard_exponential() for i in patients]
    )


def event_draws(patients: Sequence[int], *, seed: int) -> dict[str, FloatArray]:
    """Return the draws that turn hazards and chances into events, by model input.

    The draw of slot k in an organ is the sum of the organ's first k exponential draws, so
    that founders arrive as a Poisson process in the accumulated hazard.
    """
    draws: dict[str, FloatArray] = {}
    for organ, slots in DEPOSITS.items():
        gaps = [_exponential(patients, seed, "founder", organ, k) for k in range(len(slots))]
        arrivals = np.cumsum(gaps, axis=0)
        for slot, arrival in zip(slots, arrivals, strict=True):
            draws[f"{slot}_draw"] = arrival
            draws[f"{slot}_type_draw"] = _uniform(patients, seed, "founder_type", slot)
            extinction = _uniform(patients, seed, "extinction", slot)
            draws[f"{slot}_extinction_draw"] = extinction_level(extinction)
        aggregate = _uniform(patients, seed, "aggregate_extinction", organ)
        draws[f"{organ}_aggregate_extinction_draw"] = extinction_level(aggregate)
    for slot in DEPOSITS["node"]:
        draws[f"{slot}_dissection_draw"] = _uniform(patients, seed, "dissection", slot)
    draws["margin_draw"] = _uniform(patients, seed, "margin")
    draws["control_draw"] = _exponential(patients, seed, "control_draw")
    return draws


def extinction_level(chance: FloatArray) -> FloatArray:
    """Return the expected cell number below which an established deposit is gone, in (0, 1).

    A Poisson number of cells is zero with probability ``exp(-n)``; given that the founder
    itself lived (``n = 1``), the level is an exponential draw truncated to (0, 1).

    Parameters
    ----------
    chance
        Uniform draws in [0, 1).
    """
    return np.asarray(-np.log1p(-chance * -np.expm1(-1.0)))


def death_draws(patients: Sequence[int], *, seed: int) -> FloatArray:
    """Return the accumulated hazard at which each patient dies, shape ``(n_patient,)``."""
    return _exponential(patients, seed, "death_draw")
