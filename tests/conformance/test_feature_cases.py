"""Every claimed feature of SBML on a small model with an exact solution."""

import numpy as np
import pytest

from conformance import cases_events, cases_functions, cases_reactions, cases_rules
from cxaxis.core.outcomes import Outcome
from cxaxis.engine.doses import DoseTable
from cxaxis.engine.population import PopulationEngine
from cxaxis.engine.protocol import ParameterTable, Tolerances
from cxaxis.engine.sbml import read_system
from engine_support import course

CASES = [
    *cases_reactions.CASES,
    *cases_rules.CASES,
    *cases_functions.CASES,
    *cases_events.CASES,
]
NOBODY_DIFFERS = ParameterTable((), np.empty((1, 0)))


def named(case):
    return case.name


def close(got, case):
    wanted = case.solution()
    scale = np.maximum(np.abs(wanted).max(axis=0), 1.0)
    np.testing.assert_allclose(got / scale, wanted / scale, rtol=0, atol=1e-7)


@pytest.mark.parametrize("case", CASES, ids=named)
def test_the_engine_gives_the_exact_solution(case):
    result = PopulationEngine().simulate(
        case.text(),
        NOBODY_DIFFERS,
        DoseTable(),
        np.array(case.times),
        tuple(case.exact),
        tolerances=Tolerances(relative=1e-10, absolute=1e-12),
    )
    assert result.outcomes[0].outcome is Outcome.COMPLETED
    close(result.values[0], case)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case not in cases_events.CASES], ids=named
)
def test_the_reader_means_the_exact_solution(case):
    # The same without the compiled engine: tells a fault of the reader from one of the solver.
    close(course(read_system(case.text()), case.times, tuple(case.exact)), case)


def test_no_two_cases_share_a_name():
    assert len({case.name for case in CASES}) == len(CASES) >= 60
