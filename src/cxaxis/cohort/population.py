"""Two levels of chance: what is not known of the population, and how patients differ.

`draw_theta` draws a population from parameter uncertainty; `draw_patients` draws patients
within one population. Patients are never drawn from parameter uncertainty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import expit, logit

from cxaxis.core.arrays import FloatArray
from cxaxis.core.streams import rng_for
from cxaxis.engine.protocol import ParameterTable
from cxaxis.knowledge.parameters import UNIFORM_SHARES, Parameter
from cxaxis.models.build import Model
from cxaxis.patient.course import DEPOSITS

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


def typical_patient(model: Model, theta: Theta) -> ParameterTable:
    """Return one patient with every parameter at the population's value, and no chance events.

    Founders never arrive, so that hazards can be read; the last clonogen dies at the median
    draw.
    """
    values = {
        constant: theta[row] * model.factors[constant] for constant, row in model.bindings.items()
    }
    for slot in (slot for slots in DEPOSITS.values() for slot in slots):
        values[f"{slot}_draw"] = np.inf
        values[f"{slot}_extinction_draw"] = float(extinction_level(np.array(0.5)))
    values["control_draw"] = np.log(2.0)
    return ParameterTable(tuple(values), np.array([list(values.values())]))


def event_draws(patients: Sequence[int], *, seed: int) -> dict[str, FloatArray]:
    """Return the exponential draws that turn hazards into events, by model input.

    The draw of slot k in an organ is the sum of the organ's first k exponential draws, so
    that founders arrive as a Poisson process in the accumulated hazard.
    """
    draws: dict[str, FloatArray] = {}
    for organ, slots in DEPOSITS.items():
        gaps = np.array(
            [
                [
                    rng_for(seed, "patient", i, "founder", organ, k).standard_exponential()
                    for k in range(len(slots))
                ]
                for i in patients
            ]
        )
        sums = np.cumsum(gaps, axis=1)
        draws |= {f"{slot}_draw": sums[:, k] for k, slot in enumerate(slots)}
        for slot in slots:
            chances = np.array(
                [rng_for(seed, "patient", i, "extinction", slot).uniform() for i in patients]
            )
            draws[f"{slot}_extinction_draw"] = extinction_level(chances)
    draws["control_draw"] = np.array(
        [rng_for(seed, "patient", i, "control_draw").standard_exponential() for i in patients]
    )
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
    return np.array(
        [rng_for(seed, "patient", i, "death_draw").standard_exponential() for i in patients]
    )
