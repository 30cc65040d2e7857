"""Which organs founders reach: flow alone where CXCL12 is the same everywhere, CXCL12 on top.

Whether the map of CXCL12 predicts the organs of squamous cancers better than flow alone is
judged in the ledger, claim C107.
"""

from functools import cache
from itertools import combinations

import numpy as np
import pytest

from cxaxis.cohort.population import central_theta, event_draws
from cxaxis.knowledge.evidence import load_evidence
from cxaxis.patient.course import DEPOSITS, DISTANT_ORGANS, ORGANS
from science_support import diagnosed, in_model_units, parameters_with, patient_model

MODEL = patient_model()
LEVELS = {
    "node": "cxcl12_node",
    "liver": "cxcl12_liver",
    "lung": "cxcl12_lung",
    "bone": "cxcl12_marrow_stroma",
    "elsewhere": "cxcl12_elsewhere",
}
CASES = ("tabled", "flat_low", "flat", "flat_high", "no_cxcr4", "no_effect", "rich_liver")


@cache
def hazards():
    """Accumulated hazards of the typical patient at diagnosis, ``(n_case, n_organ)``."""
    tabled = {name: in_model_units(MODEL, name) for name in LEVELS.values()}
    columns = {name: np.full(len(CASES), value) for name, value in tabled.items()}
    for case, level in (("flat_low", 0.1), ("flat", 1.0), ("flat_high", 10.0)):
        for name in tabled:
            columns[name][CASES.index(case)] = level
    columns["cxcl12_liver"][CASES.index("rich_liver")] *= 5.0
    per_cell = np.full(len(CASES), in_model_units(MODEL, "cxcr4_per_tumour_cell"))
    per_cell[CASES.index("no_cxcr4")] = 0.0
    effect = np.full(len(CASES), in_model_units(MODEL, "cxcr4_seeding_effect"))
    effect[CASES.index("no_effect")] = 0.0
    found = diagnosed(**columns, cxcr4_per_tumour_cell=per_cell, cxcr4_seeding_effect=effect)
    return np.column_stack([found.patients.column(f"{organ}_hazard") for organ in ORGANS])


def shares(case, organs=DISTANT_ORGANS):
    row = hazards()[CASES.index(case)][[ORGANS.index(organ) for organ in organs]]
    return row / row.sum()


def flow_shares():
    flow = np.array([in_model_units(MODEL, f"{organ}_flow") for organ in DISTANT_ORGANS])
    return flow / flow.sum()


@pytest.mark.parametrize("case", ["flat_low", "flat", "flat_high"])
def test_a_flat_map_of_cxcl12_returns_the_shares_of_flow(case):
    assert shares(case) == pytest.approx(flow_shares(), rel=1e-6)


def test_without_an_effect_of_cxcr4_the_map_does_not_matter():
    assert shares("no_effect") == pytest.approx(flow_shares(), rel=1e-6)


def test_without_cxcr4_on_its_cells_a_tumour_hardly_hears_the_map():
    """Not at all, but for what the response functions say of the least receptor they know."""
    assert shares("no_cxcr4") == pytest.approx(flow_shares(), rel=0.02)
    assert (hazards()[CASES.index("no_cxcr4")] > 0).all()


def test_the_tabled_map_moves_shares_away_from_flow():
    """The tests above could fail: CXCL12 of organs differs and is heard, in its own order."""
    levels = np.array([in_model_units(MODEL, LEVELS[organ]) for organ in DISTANT_ORGANS])
    raised = shares("tabled") / flow_shares()
    assert np.abs(raised - 1).max() > 0.02
    for one, other in combinations(range(len(levels)), 2):
        if levels[one] == levels[other]:
            assert raised[one] == pytest.approx(raised[other], rel=1e-6)
        else:
            assert (raised[one] > raised[other]) == (levels[one] > levels[other])


def test_more_cxcl12_in_the_liver_raises_its_share_and_leaves_the_ratio_of_the_others():
    tabled, rich = shares("tabled"), shares("rich_liver")
    liver = DISTANT_ORGANS.index("liver")
    assert rich[liver] > 1.02 * tabled[liver]
    others = [k for k in range(len(DISTANT_ORGANS)) if k != liver]
    assert rich[others] / rich[others].sum() == pytest.approx(
        tabled[others] / tabled[others].sum(), rel=1e-3
    )


def test_founders_come_in_the_shares_of_hazard_within_chance():
    """First arrivals over many draws of one patient: as many as its hazard says, by organ."""
    n = 1000
    draws = event_draws(range(n), seed=3)
    row = hazards()[CASES.index("flat")]
    for organ, hazard in zip(ORGANS, row, strict=True):
        chance = -np.expm1(-hazard)
        arrived = np.mean(draws[f"{DEPOSITS[organ][0]}_draw"] < hazard)
        error = np.sqrt(chance * (1 - chance) / n)
        assert arrived == pytest.approx(chance, abs=4 * error + 1e-9), organ


def test_the_map_of_cxcl12_is_that_of_one_reading_and_nothing_else():
    """Organs rich in CXCL12 share a level; those elsewhere have the part of it that was read.

    No row rests on where metastases are found.
    """
    rows, ratio = parameters_with(), load_evidence()["TIS022"]
    theta = central_theta(rows)
    for name in LEVELS.values():
        assert rows[name].evidence == ("TIS022",), name
        assert rows[name].unit == rows["cxcl12_node"].unit, name
        poor = name == LEVELS["elsewhere"]
        expected = ratio.number if poor else 1.0
        assert theta[name] / theta["cxcl12_node"] == pytest.approx(expected), name
    for organ in ORGANS:
        assert rows[f"{organ}_flow"].evidence == (), organ
