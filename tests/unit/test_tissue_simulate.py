"""A tissue through time against closed forms: walks, growth, death, rules, and the same bytes."""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.integrate import quad

from cxaxis.core.errors import UserInputError
from cxaxis.tissue.records import (
    SNAPSHOT_COLUMNS,
    CellType,
    Death,
    Exchange,
    Grid,
    Interactions,
    Mechanics,
    Motility,
    Phase,
    Rule,
    Steps,
    Substrate,
    Tissue,
    Volume,
)
from cxaxis.tissue.simulate import CHECKPOINT, Simulation, StepTooLongError, simulate

FLAT = Grid(origin_um=(-500, -500, -10), spacing_um=(20, 20, 20), shape=(50, 50, 1))
DEEP = Grid(origin_um=(-500, -500, -500), spacing_um=(100, 100, 100), shape=(10, 10, 10))
ALONE = Mechanics(repulsion_um_per_min=0.0, adhesion_um_per_min=0.0)
APOPTOSIS = Death(
    kind="apoptosis",
    rate_per_min=0.0,
    phases=(Phase(id="apoptotic", duration_min=516.0, is_fixed=True),),
)


def cells_at(position, types="cell", **more):
    position = np.atleast_2d(np.asarray(position, float))
    return pd.DataFrame(
        {
            "x_um": position[:, 0],
            "y_um": position[:, 1],
            "z_um": position[:, 2],
            "type": types,
            **more,
        }
    )


def tissue(*types, start, horizon_min, grid=DEEP, save_every_min=None, **more):
    return Tissue(
        grid=grid,
        substrates=more.pop("substrates", ()),
        cell_types=types,
        start=start,
        horizon_min=horizon_min,
        save_every_min=save_every_min or horizon_min,
        **more,
    )


def last(made, seed=1, **more):
    *_, snapshot = simulate(made, seed=seed, **more)
    return snapshot


@pytest.mark.parametrize("grid", [FLAT, DEEP], ids=["flat", "deep"])
def test_a_walk_spreads_as_a_persistent_walk_does(grid):
    speed, persistence = 2.0, 4.0
    cell = CellType(
        id="cell",
        mechanics=ALONE,
        motility=Motility(speed_um_per_min=speed, persistence_min=persistence),
    )
    made = tissue(
        cell, start=cells_at(np.zeros((4_000, 3))), grid=grid, horizon_min=24.0, save_every_min=4.0
    )
    for seen in simulate(made, seed=3):
        t = seen.time_min
        squared = (seen.cells[["x_um", "y_um", "z_um"]] ** 2).sum(axis=1)
        expected = 2 * speed**2 * persistence * (t - persistence * (1 - np.exp(-t / persistence)))
        assert squared.mean() == pytest.approx(expected, rel=0.06, abs=1e-9)


def mean_cosine(bias, flat):
    def along(cosine):
        x, y = (1 - bias) * cosine + bias, (1 - bias) * np.sqrt(1 - cosine**2)
        return x / np.hypot(x, y)

    if flat:
        return quad(lambda angle: along(np.cos(angle)), 0, np.pi)[0] / np.pi
    return quad(along, -1, 1)[0] / 2


@pytest.mark.parametrize("bias", [0.0, 0.3, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("grid", [FLAT, DEEP], ids=["flat", "deep"])
def test_cells_drift_up_a_gradient_at_the_speed_that_their_bias_gives(bias, grid):
    attractant = Substrate(
        id="attractant",
        diffusion_um2_per_min=1e4,
        faces=MappingProxyType({"xmin": 0.0, "xmax": 1.0}),
        quasi_steady=True,
    )
    cell = CellType(
        id="cell",
        mechanics=ALONE,
        motility=Motility(
            speed_um_per_min=3.0,
            persistence_min=1.0,
            bias=bias,
            sensitivities=MappingProxyType({"attractant": 1.0}),
        ),
    )
    made = tissue(
        cell,
        start=cells_at(np.zeros((500, 3))),
        grid=grid,
        horizon_min=40.0,
        substrates=(attractant,),
        steps=Steps(field_min=40.0),
    )
    simulation = Simulation(made, seed=5)
    simulation._fields()
    assert simulation.density.std() > 0.1
    while simulation.step < simulation.n_step:
        simulation.advance()
    drift = simulation.snapshot().cells.x_um.mean() / 40.0
    assert drift == pytest.approx(3.0 * mean_cosine(bias, grid is FLAT), abs=0.07)


def crowd(n=300, **more):
    rng = np.random.default_rng(0)
    factor = Substrate(id="factor", diffusion_um2_per_min=600.0, decay_per_min=0.1, initial=0.3)
    cell = CellType(
        id="cell",
        motility=Motility(
            speed_um_per_min=1.0, bias=0.5, sensitivities=MappingProxyType({"factor": 1.0})
        ),
        cycle=(Phase(id="live", duration_min=120.0, divides=True),),
        deaths=(replace(APOPTOSIS, rate_per_min=1e-3),),
        exchange=MappingProxyType({"factor": Exchange(uptake_per_min=1.0)}),
        custom=MappingProxyType({"memory": 0.0}),
    )
    killer = CellType(
        id="killer",
        motility=Motility(speed_um_per_min=2.0),
        exchange=MappingProxyType({"factor": Exchange(secretion_per_min=1.0)}),
        interactions=Interactions(
            dead_phagocytosis_per_min=0.1,
            attack_per_min=MappingProxyType({"cell": 0.5}),
            transformation_per_min=MappingProxyType({"cell": 1e-3}),
        ),
    )
    rules = (
        Rule(
            cell_type="cell",
            signal="damage",
            direction="increases",
            behaviour="apoptosis",
            saturation=0.05,
            half_max=0.2,
            power=2.0,
        ),
        Rule(
            cell_type="cell",
            signal="intracellular factor",
            direction="increases",
            behaviour="custom:memory",
            saturation=1.0,
            half_max=1.0,
            power=1.0,
        ),
        Rule(
            cell_type="cell",
            signal="contact with killer",
            direction="decreases",
            behaviour="migration speed",
            saturation=0.0,
            half_max=1.0,
            power=4.0,
        ),
    )
    position = rng.uniform(-60, 60, (n, 3))
    return tissue(
        cell,
        killer,
        start=cells_at(position, np.where(np.arange(n) % 5, "cell", "killer")),
        horizon_min=60.0,
        save_every_min=30.0,
        grid=FLAT,
        substrates=(factor,),
        rules=rules,
        steps=Steps(field_min=0.5, mechanics_min=0.1, phenotype_min=2.0),
        **more,
    )


def bytes_of(snapshot):
    table = snapshot.cells.select_dtypes("number").to_numpy().tobytes()
    words = snapshot.cells[["type", "phase", "dead"]].to_csv().encode()
    return table + words + b"".join(field.tobytes() for field in snapshot.fields.values())


def test_threads_and_interruptions_do_not_change_a_byte(tmp_path):
    made = crowd()
    whole = [bytes_of(seen) for seen in simulate(made, seed=9)]
    assert [bytes_of(seen) for seen in simulate(made, seed=9, threads=2)] == whole
    broken = simulate(made, seed=9, run=tmp_path)
    parts = [bytes_of(next(broken)), bytes_of(next(broken))]
    broken.close()
    parts += [bytes_of(seen) for seen in simulate(made, seed=9, run=tmp_path)]
    assert parts == whole
    assert bytes_of(last(made, seed=10)) != whole[-1]


def test_everything_happens_in_a_crowd_and_nothing_is_not_a_number():
    seen = last(crowd())
    assert list(seen.cells)[: len(SNAPSHOT_COLUMNS)] == list(SNAPSHOT_COLUMNS)
    numbers = seen.cells.select_dtypes("number")
    assert np.isfinite(numbers.to_numpy()).all()
    assert np.isfinite(seen.fields["factor"]).all()
    assert seen.cells.id.is_monotonic_increasing
    assert (seen.cells.parent >= 0).any()
    assert seen.cells.dead.any()
    assert seen.cells.damage.max() > 0
    assert (seen.cells["memory"] > 0).any()
    assert set(seen.cells.type) == {"cell", "killer"}


def test_a_damaged_or_foreign_checkpoint_is_refused(tmp_path):
    made = crowd(n=50)
    run = simulate(made, seed=9, run=tmp_path)
    next(run)
    path = tmp_path / CHECKPOINT
    content = bytearray(path.read_bytes())
    with pytest.raises(UserInputError, match="another tissue, seed"):
        next(simulate(made, seed=8, run=tmp_path))
    content[-9] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserInputError, match=r"bytes \d+ to \d+: array 'ruled' was changed"):
        next(simulate(made, seed=9, run=tmp_path))
    path.write_bytes(content[:-20])
    with pytest.raises(UserInputError, match="'ruled' is cut off"):
        next(simulate(made, seed=9, run=tmp_path))
    content[40] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserInputError, match="header was changed"):
        next(simulate(made, seed=9, run=tmp_path))


def test_division_keeps_volume_and_centre_and_halves_each_part():
    cell = CellType(
        id="cell", cycle=(Phase(id="live", duration_min=6.0, is_fixed=True, divides=True),)
    )
    made = tissue(cell, start=cells_at([3.0, 4, 5]), horizon_min=6.0, steps=Steps())
    seen = last(made).cells
    assert seen.parent.tolist() == [-1, 0]
    np.testing.assert_allclose(seen.volume_um3, 2494 / 2)
    np.testing.assert_allclose(seen.nuclear_um3, 540 / 2)
    np.testing.assert_allclose(seen[["x_um", "y_um", "z_um"]].mean(), [3, 4, 5])
    gap = seen[["x_um", "y_um", "z_um"]].diff().iloc[1]
    assert np.linalg.norm(gap) == pytest.approx(np.cbrt(0.75 * 2494 / np.pi))


@pytest.mark.parametrize("dt_min", [1.0, 6.0])
def test_a_clone_with_fixed_phases_doubles_at_each_end_of_its_cycle(dt_min):
    phases = (
        Phase(id="G1", duration_min=31.0, is_fixed=True),
        Phase(id="G2M", duration_min=17.0, is_fixed=True, divides=True),
    )
    cell = CellType(id="cell", cycle=phases, mechanics=ALONE)
    made = tissue(
        cell,
        start=cells_at([0.0, 0, 0]),
        horizon_min=240.0,
        save_every_min=48.0,
        steps=Steps(mechanics_min=dt_min, phenotype_min=dt_min),
    )
    counts = [len(seen.cells) for seen in simulate(made, seed=1)]
    assert counts == [1, 2, 4, 8, 16, 32]


def test_dividing_cells_double_their_solids_and_keep_their_size_over_cycles():
    phases = (
        Phase(id="rest", duration_min=600.0, is_fixed=True),
        Phase(id="growth", duration_min=3_000.0, is_fixed=True, divides=True),
    )
    cell = CellType(id="cell", cycle=phases, mechanics=ALONE)
    made = tissue(
        cell,
        start=cells_at([0.0, 0, 0]),
        horizon_min=3_600.0,
        save_every_min=3_594.0,
        steps=Steps(mechanics_min=6.0),
    )
    _, before, after = simulate(made, seed=1)
    assert before.cells.volume_um3[0] == pytest.approx(2 * 2494, rel=1e-4)
    assert after.cells.volume_um3.tolist() == pytest.approx([2494] * 2, rel=1e-4)
    assert before.cells.phase[0] == "growth"


def test_growth_at_a_constant_rate_is_exponential():
    rate, dt = 0.01, 1.0
    cell = CellType(
        id="cell", cycle=(Phase(id="live", duration_min=1 / rate, divides=True),), mechanics=ALONE
    )
    made = tissue(
        cell,
        start=cells_at(np.zeros((500, 3))),
        horizon_min=200.0,
        steps=Steps(mechanics_min=10.0, phenotype_min=dt),
    )
    count = len(last(made).cells)
    expected = 500 * (2 - np.exp(-rate * dt)) ** 200
    # Yule process: relative spread of each clone near 1.
    assert count == pytest.approx(expected, rel=4 / np.sqrt(500))
    assert expected == pytest.approx(500 * np.exp(2), rel=0.02)


def test_cells_die_at_their_rate_and_are_gone_after_the_time_that_death_takes():
    rate = 0.002
    cell = CellType(id="cell", mechanics=ALONE, deaths=(replace(APOPTOSIS, rate_per_min=rate),))
    made = tissue(
        cell,
        start=cells_at(np.zeros((2_000, 3))),
        horizon_min=720.0,
        save_every_min=6.0,
        steps=Steps(mechanics_min=6.0),
    )
    born, gone = {}, {}
    for seen in simulate(made, seed=2):
        here = set(seen.cells.id)
        for cell_id in seen.cells.id[seen.cells.dead]:
            born.setdefault(cell_id, seen.time_min)
        for cell_id in born.keys() - here - gone.keys():
            gone[cell_id] = seen.time_min
        alive = (~seen.cells.dead).sum()
        expected = np.exp(-rate * seen.time_min)
        assert abs(alive - 2_000 * expected) < 5 * np.sqrt(2_000 * expected * (1 - expected)) + 1e-9
    assert gone
    assert {gone[k] - born[k] for k in gone} == {516.0}


def test_a_dying_cell_shrinks_and_a_necrotic_one_swells_until_it_bursts():
    shrinking = CellType(id="cell", mechanics=ALONE, deaths=(replace(APOPTOSIS, rate_per_min=1e3),))
    necrosis = Death(
        kind="necrosis",
        rate_per_min=1e3,
        phases=(
            Phase(id="swelling", duration_min=0.0, is_fixed=True),
            Phase(id="lysed", duration_min=300.0, is_fixed=True),
        ),
        lysed_fluid_rate_per_min=0.05,
        cytoplasm_rate_per_min=0.0,
        nuclear_rate_per_min=0.0,
    )
    swelling = CellType(id="cell", mechanics=ALONE, deaths=(necrosis,))
    steps = Steps(mechanics_min=6.0)
    small = last(tissue(shrinking, start=cells_at([0.0, 0, 0]), horizon_min=120.0, steps=steps))
    assert small.cells.volume_um3[0] < 0.6 * 2494
    seen = list(
        simulate(
            tissue(
                swelling,
                start=cells_at([0.0, 0, 0]),
                horizon_min=900.0,
                save_every_min=6.0,
                steps=steps,
            ),
            seed=1,
        )
    )
    volumes = [one.cells.volume_um3[0] for one in seen if len(one.cells)]
    assert max(volumes) > 2 * 2494
    assert volumes[-1] < 0.5 * 2494
    assert [one.cells.phase[0] for one in seen if len(one.cells)][-1] == "lysed"
    assert not len(seen[-1].cells)


def test_eating_keeps_volume_and_fighting_damages_at_its_rate():
    killer = CellType(
        id="killer",
        mechanics=ALONE,
        interactions=Interactions(
            attack_per_min=MappingProxyType({"cell": 0.5}), damage_rate_per_min=2.0
        ),
    )
    cell = CellType(id="cell", mechanics=ALONE)
    n = 400
    rng = np.random.default_rng(0)
    place = np.repeat(
        np.stack(np.meshgrid(*[np.linspace(-400, 400, 20)] * 2), -1).reshape(-1, 2), 2, 0
    )
    position = np.column_stack([place, np.zeros(2 * n)])
    position[1::2, 0] += rng.uniform(-10, 10, n)
    made = tissue(
        killer,
        cell,
        start=cells_at(position, ["killer", "cell"] * n),
        horizon_min=60.0,
        grid=FLAT,
    )
    seen = last(made).cells
    assert (seen.damage[seen.type == "killer"] == 0).all()
    chance = 1 - np.exp(-0.5 * 0.1)
    expected = 600 * chance * 2.0 * 0.1
    assert seen.damage[seen.type == "cell"].mean() == pytest.approx(expected, rel=0.03)
    eater = replace(
        killer, interactions=Interactions(phagocytosis_per_min=MappingProxyType({"cell": 10.0}))
    )
    eaten = last(replace(made, cell_types=(eater, cell))).cells
    # Volume regulation follows only at whole steps of life: look before the first.
    early = last(replace(made, cell_types=(eater, cell), horizon_min=4.0, save_every_min=4.0)).cells
    assert set(eaten.type) == {"killer"}
    assert early.volume_um3.sum() == pytest.approx(2 * n * 2494)


def test_cells_change_type_at_the_rates_given():
    cell = CellType(
        id="cell",
        mechanics=ALONE,
        interactions=Interactions(transformation_per_min=MappingProxyType({"a": 0.01, "b": 0.03})),
    )
    made = tissue(
        cell,
        CellType(id="a", mechanics=ALONE),
        CellType(id="b", mechanics=ALONE),
        start=cells_at(np.zeros((3_000, 3))),
        horizon_min=30.0,
        steps=Steps(mechanics_min=6.0),
    )
    counts = last(made).cells.type.value_counts()
    left = np.exp(-0.04 * 30)
    expected = 3_000 * np.array([left, 0.25 * (1 - left), 0.75 * (1 - left)])
    observed = counts[["cell", "a", "b"]].to_numpy()
    assert stats.chisquare(observed, expected).pvalue > 1e-4


def test_inactive_cells_outside_an_open_box_do_nothing_more():
    cell = CellType(
        id="cell", mechanics=ALONE, motility=Motility(speed_um_per_min=50.0, persistence_min=1e9)
    )
    made = tissue(
        cell,
        start=cells_at(np.zeros((50, 3))),
        grid=FLAT,
        horizon_min=30.0,
        save_every_min=15.0,
        closed=False,
    )
    _, then, now = simulate(made, seed=1)
    for seen in (then, now):
        outside = np.abs(seen.cells[["x_um", "y_um"]]).max(axis=1) > 500
        assert outside.all()
        assert not seen.cells[["vx_um_per_min", "vy_um_per_min"]].to_numpy().any()
    pd.testing.assert_frame_equal(then.cells[["x_um", "y_um"]], now.cells[["x_um", "y_um"]])


def test_cells_without_volume_live_on():
    cell = CellType(
        id="cell",
        volume=Volume(total_um3=0.0, nuclear_um3=0.0),
        motility=Motility(speed_um_per_min=1.0),
    )
    seen = last(tissue(cell, start=cells_at(np.zeros((20, 3))), horizon_min=12.0))
    assert np.isfinite(seen.cells.select_dtypes("number").to_numpy()).all()


def test_a_step_too_long_for_its_forces_is_named():
    cell = CellType(id="cell", mechanics=Mechanics(repulsion_um_per_min=5_000.0))
    made = tissue(cell, start=cells_at([[0.0, 0, 0], [1.0, 0, 0]]), horizon_min=6.0)
    with pytest.raises(StepTooLongError, match=r"cell \d moved .* shorten mechanics_min"):
        last(made)


def test_all_that_is_wrong_with_a_tissue_is_said_at_once():
    cell = CellType(
        id="cell", motility=Motility(bias=2.0, sensitivities=MappingProxyType({"x": 1.0}))
    )
    made = tissue(
        cell,
        cell,
        start=cells_at([[0.0, 0, 0], [1e4, 0, 0]], ["cell", "other"]),
        horizon_min=1.0,
        steps=Steps(mechanics_min=0.25),
    )
    with pytest.raises(UserInputError) as caught:
        simulate(made, seed=-1)
    codes = [finding.code for finding in caught.value.findings]
    assert {"TISSUE020", "TISSUE022", "TISSUE023", "TISSUE025", "TISSUE027"} <= set(codes)
    with pytest.raises(UserInputError, match="threads"):
        simulate(crowd(n=5), seed=-1, threads=10_000)
