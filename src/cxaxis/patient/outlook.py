"""How long a patient at diagnosis would live untreated, as a clinician would expect it."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from cxaxis.core.arrays import FloatArray
from cxaxis.engine.doses import DoseTable
from cxaxis.engine.protocol import Engine, ParameterTable, Tolerances
from cxaxis.models.build import Model
from cxaxis.patient.course import PATIENT_TOLERANCES
from cxaxis.patient.readouts import crossing_day

#: Days after diagnosis at which the untreated hazard is read: each week of a year.
READ_DAYS: Final = np.arange(0.0, 365.0, 7.0)
LONGEST_DAY: Final = float(READ_DAYS[-1])


def life_expectancy_day(
    model: Model,
    patients: ParameterTable,
    engine: Engine,
    *,
    tolerances: Tolerances | None = None,
) -> FloatArray:
    """Return the days after diagnosis until the chance to be alive untreated falls to one half.

    The patient's own draw of death is not looked at: this is what may be expected of all who are
    alike, and it is told without a clinician's error.

    Parameters
    ----------
    model
        The patient model.
    patients
        Patients at diagnosis, as `cxaxis.patient.course.to_diagnosis` gives them.
    engine
        Any engine.
    tolerances
        Error control; `cxaxis.patient.course.PATIENT_TOLERANCES` if omitted.

    Returns
    -------
    Days, shape ``(n_patient,)``: in [0, `LONGEST_DAY`], where the latter means at least as long;
    not a number for a patient whose course cannot be followed.
    """
    if not patients.n_patient:
        return np.zeros(0)
    untreated = engine.simulate(
        model.sbml,
        patients,
        DoseTable(),
        READ_DAYS,
        ["death_hazard"],
        tolerances=tolerances or PATIENT_TOLERANCES,
    )
    half = np.full(patients.n_patient, math.log(2.0))
    days = crossing_day(READ_DAYS, untreated.of("death_hazard"), half)
    failed = np.array([item.outcome.is_failure for item in untreated.outcomes])
    return np.where(failed, np.nan, np.minimum(days, LONGEST_DAY))
