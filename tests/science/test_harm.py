"""The chance of harm: what must come to no difference, and what harm mechanisms do to it."""

from dataclasses import replace
from functools import cache

import numpy as np

from cxaxis.models.wiring import PATIENT_WIRINGS
from cxaxis.trial.harm import harm_rows
from cxaxis.trial.harm_plan import CONTROL, harm_plan

# What blood counts alone do to outcomes, apart from CXCR4's part in them.
COUNTS_DO_NOT_MATTER = {
    "neutropenic_infection_rate": 0.0,
    "lymphopenic_infection_rate": 0.0,
    "b_niche_infection_rate": 0.0,
    "dose_floor": 1.0 - 1e-12,
}
# Every way in which blockade is heard, but for the harm mechanisms. Not all of these are benefits:
# regulatory T cells that leave the marrow reach the tumour.
DEAF = {
    "cxcr4_growth_effect": 0.0,
    "cxcr4_seeding_effect": 0.0,
    "cxcr4_outgrowth_effect": 0.0,
    "vegf_effect": 0.0,
    "exclusion_gain": 0.0,
    "stroma_protection": 1e-12,
    "host_share_of_repair": 1e-12,
    "suppression_treg": 1e-12,
    "suppression_pdc": 1e-12,
    **{
        f"cxcr4_share_of_{cells}": 1e-12
        for cells in ("fibroblasts", "treg", "pdc", "progenitors", "lymphatics")
    },
}
# The solver's own steps move a log ratio by less.
SOLVER = 1e-3


@cache
def log_ratios(*fixed, harms, draws=1):
    """Sustained plerixafor beside chemoradiotherapy in populations of four, over a year."""
    plan = harm_plan(
        ["plerixafor"],
        draws=draws,
        patients=4,
        seed=4,
        horizon_day=366.0,
        fixed=dict(fixed),
        options=dict.fromkeys(PATIENT_WIRINGS, harms),
    )
    rows = [harm_rows(plan, draw).iloc[0] for draw in range(draws)]
    return {name: np.array([row[name] for row in rows]) for name in ("LOGHR", "LOGHR_ASIDE")}


def test_control_against_itself_is_exactly_one():
    plan = harm_plan(["plerixafor"], draws=1, patients=4, seed=4, horizon_day=366.0)
    twin = replace(plan, arms=(replace(plan.control, id=CONTROL),))
    row = harm_rows(twin, 0).iloc[0]
    assert row["NPAT"] == 4
    assert 0 < row["DEATHS"] < 1
    assert row["LOGHR"] == 0.0
    assert row["LOGHR_ASIDE"] == 0.0
    assert row["SE"] == 0.0


def test_in_the_null_world_nothing_happens_where_blood_counts_have_no_say():
    """Harm mechanisms act through the causal share as benefits do."""
    found = log_ratios(*COUNTS_DO_NOT_MATTER.items(), ("phi", 0.0), harms="on")
    assert np.abs(found["LOGHR"]).max() < SOLVER


def test_in_the_null_world_deaths_of_treatment_alone_differ():
    """Infections follow the blood counts, which the drug moves whatever the causal share."""
    found = log_ratios(("phi", 0.0), harms="on")
    assert np.abs(found["LOGHR"]).min() > SOLVER
    assert np.abs(found["LOGHR_ASIDE"]).max() < SOLVER


def test_harm_mechanisms_raise_the_chance_of_harm_where_nothing_else_is_heard():
    world = (*COUNTS_DO_NOT_MATTER.items(), *DEAF.items(), ("phi", 1.0))
    on, off = (log_ratios(*world, harms=harms, draws=3)["LOGHR"] for harms in ("on", "off"))
    assert np.abs(off).max() < SOLVER
    # A mechanism need not harm in every population, nor much where cells scarcely leave marrow.
    assert (on > SOLVER).mean() > (off > SOLVER).mean()
    assert on.max() > 10 * SOLVER
