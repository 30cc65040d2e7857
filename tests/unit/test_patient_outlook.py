"""Expected survival: the day by which half of all alike would have died untreated."""

import numpy as np
import pytest

from cxaxis.core.outcomes import Outcome, PatientOutcome
from cxaxis.engine.doses import DoseTable
from cxaxis.engine.protocol import ParameterTable, SimulationResult, Tolerances
from cxaxis.patient.outlook import LONGEST_DAY, READ_DAYS, life_expectancy_day
from science_support import patient_model


class ConstantRates:
    """Answers with hazards of constant rates per day; the last patient's course fails."""

    name = "constant"

    def __init__(self, per_day, failing=()):
        self.per_day, self.failing = np.asarray(per_day), failing

    def simulate(self, sbml, parameters, doses, times, outputs, *, tolerances=None):
        assert outputs == ["death_hazard"]
        assert doses == DoseTable()
        outcomes = tuple(
            PatientOutcome(
                outcome=Outcome.NON_FINITE if k in self.failing else Outcome.COMPLETED, time=1.0
            )
            for k in range(len(self.per_day))
        )
        return SimulationResult(
            times=np.asarray(times),
            names=tuple(outputs),
            values=(self.per_day[:, None] * times)[..., None],
            outcomes=outcomes,
            tolerances=tolerances or Tolerances(),
        )


def outlook(per_day, **options):
    table = ParameterTable(("anything",), np.zeros((len(per_day), 1)))
    return life_expectancy_day(patient_model(), table, ConstantRates(per_day, **options))


def test_at_a_constant_rate_it_is_the_half_life():
    per_day = np.array([0.5, 0.02, 0.004])
    assert outlook(per_day) == pytest.approx(np.log(2.0) / per_day)


def test_beyond_a_year_it_is_at_least_the_last_day_read():
    assert READ_DAYS[0] == 0.0
    assert outlook(np.array([1e-9, 1e-4])).tolist() == [LONGEST_DAY, LONGEST_DAY]


def test_a_course_that_fails_has_no_outlook():
    found = outlook(np.array([0.01, 0.01]), failing=(1,))
    assert np.isfinite(found).tolist() == [True, False]


def test_nobody_needs_no_simulation():
    assert len(outlook(np.zeros(0))) == 0
