"""Classes of drug on CXCR4 and its ligand: equilibrium, what each does to the cell and spares."""

from functools import cache

import numpy as np
import pytest

from cxaxis.cell.course import Dish, Phase, dish, run_phases
from cxaxis.knowledge.antagonist_classes import load_antagonist_classes
from cxaxis.knowledge.cell_contexts import cell_context

CLASSES = load_antagonist_classes()
ON_CXCR4 = [name for name, item in CLASSES.items() if item.species == "antagonist"]
HOUR, DAY = 3600.0, 86400.0
# Densely over the first minute, in which G protein turns over, then an hour.
COURSE = tuple(np.r_[0.0:60.0:3.0, 60.0:3601.0:120.0].tolist())
KD = "kd_antagonist_cxcr4"


@cache
def bare(context: str = "cxcr4_only") -> Dish:
    return dish(cell_context(context))


@cache
def cell(kind: str, context: str = "cxcr4_only") -> Dish:
    """A cell that a drug of a class will meet."""
    item = CLASSES[kind]
    return dish(cell_context(context), values=dict(item.values)).changed(**item.settings)


def saturating(kind: str) -> dict[str, float]:
    """A hundred times the affinity of the class; of a trap more than there is to catch."""
    if kind == "ligand_trap":
        return {"neutraliser": 300.0}
    return {"antagonist": 100.0 * cell(kind).value_of(KD)}


@cache
def after_an_hour(kind: str | None, cxcl12_nM: float, outputs: tuple[str, ...], context: str):
    """The answer to CXCL12 an hour after the drug."""
    cells = bare(context) if kind is None else cell(kind, context)
    early = Phase(times_s=(HOUR,), add_nM={} if kind is None else saturating(kind))
    late = Phase(times_s=COURSE, add_nM={"cxcl12": cxcl12_nM})
    found = run_phases(cells, [early, late], outputs)
    return {name: found.of(name)[1:] for name in outputs}


def rise(kind, output, *, cxcl12_nM=100.0, context="cxcr4_only"):
    values = after_an_hour(kind, cxcl12_nM, (output,), context)[output]
    return float(values.max() - values[0])


@cache
def alone(kind: str | None, cxcl12_nM: float, output: str, last_s: float = HOUR):
    """A course under the drug (or CXCL12) alone, from when it is added."""
    times = (*(time for time in COURSE if time < last_s), last_s)
    add = {"cxcl12": cxcl12_nM} if kind is None else saturating(kind)
    cells = bare() if kind is None else cell(kind)
    return run_phases(cells, [Phase(times_s=times, add_nM=add)], (output,)).of(output)


# --- Equilibrium: the receptor without kinases, loss and synthesis, too few to deplete anything

KINASES = ("k_grk_cxcr4", "k_phosphorylate_inactive_cxcr4")
STILL = {
    **dict.fromkeys(KINASES, 0.0),
    "k_dephosphorylate_cxcr4": 0.0,
    "k_uptake_cxcr4": 0.0,
    "k_uptake_cxcl12_cxcr4": 0.0,
    "k_turnover_cxcr4": 0.0,
    "k_loss_cxcl12": 0.0,
    "cxcr4_gene": 0.0,
    "cxcr4_per_tumour_cell": 10.0,
}
FAST = {"koff_antagonist_cxcr4": 0.01}
LIGANDED = ("cxcl12_cxcr4_inactive", "cxcl12_cxcr4_on", "antagonist_cxcl12_cxcr4")
UNPHOSPHORYLATED = ("cxcr4_inactive", "cxcr4_on", *LIGANDED, "antagonist_cxcr4")


def settled(cells: Dish, cxcl12_nM: float, drug_nM: float, outputs, **settings: float):
    add = {"cxcl12": cxcl12_nM, "antagonist": drug_nM}
    phase = Phase(times_s=(0.0, 20 * DAY), add_nM=add, settings=settings)
    found = run_phases(cells, [phase], outputs)
    return {name: float(found.of(name)[-1]) for name in outputs}


@cache
def constants():
    names = ("kd_cxcl12_cxcr4_inactive", "kd_cxcl12_cxcr4_active", "cxcr4_basal_equilibrium")
    return tuple(bare().value_of(name) for name in names)


def weights(cxcl12_nM, drug_nM, *, kd, preference, ratio):
    """Statistical weights of the unphosphorylated receptor; ratio 0 is no place beside ligand."""
    low, high, basal = constants()
    return {
        "cxcr4_inactive": 1.0,
        "cxcr4_on": basal,
        "cxcl12_cxcr4_inactive": cxcl12_nM / low,
        "cxcl12_cxcr4_on": basal * cxcl12_nM / high,
        "antagonist_cxcr4": drug_nM / kd * (1 + basal * preference),
        "antagonist_cxcl12_cxcr4": cxcl12_nM * drug_nM / (low * kd * ratio) if ratio else 0.0,
    }


@pytest.mark.parametrize("preference", [0.0, 0.3, 1.0, 10.0, 40.0])
@pytest.mark.parametrize("allosteric", [0.0, 1.0])
def test_shapes_ligand_and_drug_settle_where_their_constants_say(preference, allosteric):
    cells = bare().changed(
        **STILL, **FAST, drug_is_allosteric=allosteric, drug_shape_preference=preference
    )
    kd, ratio = cells.value_of(KD), cells.value_of("allosteric_kd_ratio")
    found = settled(cells, 20.0, 3 * kd, (*UNPHOSPHORYLATED, "antagonist", "cxcl12"))
    expected = weights(
        found["cxcl12"],
        found["antagonist"],
        kd=kd,
        preference=preference,
        ratio=allosteric * ratio,
    )
    total = sum(found[name] for name in UNPHOSPHORYLATED)
    every = sum(expected.values())
    for name in UNPHOSPHORYLATED:
        assert found[name] / total == pytest.approx(expected[name] / every, rel=1e-4), name


@pytest.mark.parametrize("kind", ON_CXCR4)
def test_at_equilibrium_no_net_flux_runs_round_any_cycle(kind):
    cells = cell(kind).changed(**STILL, k_antibody_loss_cxcr4=0.0)
    cycles = (
        *("J_block_cxcr4_inactive", "J_block_cxcr4_on", "J_block_cxcl12_cxcr4"),
        *("J_bind_antagonist_cxcr4", "J_switch_cxcr4", "J_switch_cxcl12_cxcr4"),
        *("J_bind_cxcr4_inactive", "J_bind_cxcr4_on"),
    )
    found = run_phases(
        cells,
        [Phase(times_s=(20 * DAY,), add_nM={"cxcl12": 20.0, "antagonist": cells.value_of(KD)})],
        (*cycles, "antagonist_cxcr4", "cell_volume", "koff_antagonist_cxcr4"),
    )
    last = {name: float(course[-1]) for name, course in found.values.items()}
    scale = last["koff_antagonist_cxcr4"] * last["cell_volume"] * last["antagonist_cxcr4"]
    assert scale > 0
    for name in cycles:
        assert abs(last[name]) < 1e-4 * scale, name


def test_the_phosphorylated_receptor_its_ligand_drug_and_arrestin_settle_too():
    """All phosphorylated during rest; then kinases stop and what is bound settles."""
    names = (
        *("cxcr4_p", "cxcl12_cxcr4_p", "antagonist_cxcr4_p", "arrestin_cxcr4_empty"),
        *("arrestin_cxcr4_cxcl12", "arrestin_cxcr4_antagonist"),
    )
    coupling = 0.4
    cells = bare().changed(
        **{**STILL, "k_phosphorylate_inactive_cxcr4": 1e-3},
        **FAST,
        drug_shape_preference=10.0,
        drug_arrestin_coupling=coupling,
    )
    kd, (low, _, _) = cells.value_of(KD), constants()
    found = settled(
        cells,
        20.0,
        kd,
        (*names, "cxcl12", "antagonist", "arrestin_free"),
        k_phosphorylate_inactive_cxcr4=0.0,
    )
    free, drug = found["cxcl12"] / low, found["antagonist"] / kd
    arrestin = found["arrestin_free"]
    held = arrestin / cells.value_of("kd_arrestin_cxcr4")
    held_tightly = arrestin / cells.value_of("kd_arrestin_cxcl12_cxcr4")
    expected = np.array(
        [1.0, free, drug, held, free * held_tightly, coupling * drug * held_tightly]
    )
    shares = np.array([found[name] for name in names])
    assert shares / shares.sum() == pytest.approx(expected / expected.sum(), rel=1e-4)


def half_bound_nM(cells: Dish, drug_nM: float, cxcl12_nM: float) -> float:
    """CXCL12 that fills half of the receptor, from the share that one concentration fills."""
    found = settled(cells, cxcl12_nM, drug_nM, (*UNPHOSPHORYLATED, "cxcl12"))
    bound = sum(found[name] for name in LIGANDED)
    rest = sum(found[name] for name in UNPHOSPHORYLATED) - bound
    return found["cxcl12"] * rest / bound


def test_a_competitor_shifts_the_ligand_in_parallel_with_a_schild_slope_of_1():
    cells = cell("competitive").changed(**STILL, **FAST)
    kd = cells.value_of(KD)
    doses = kd * np.array([1.0, 10.0, 100.0, 1000.0])
    free = half_bound_nM(cells, 0.0, 20.0)
    halves = np.array([half_bound_nM(cells, dose, 20.0) for dose in doses])
    for dose, half in zip(doses, halves, strict=True):
        for ligand in (2.0, 500.0):
            assert half_bound_nM(cells, dose, ligand) == pytest.approx(half, rel=1e-3)
    slope, intercept = np.polyfit(np.log10(doses), np.log10(halves / free - 1), 1)
    assert slope == pytest.approx(1.0, rel=0.1)
    assert 10 ** (-intercept / slope) == pytest.approx(kd, rel=0.1)


def test_the_shift_of_an_allosteric_drug_saturates():
    cells = cell("allosteric").changed(**STILL, **FAST)
    kd, ratio = cells.value_of(KD), cells.value_of("allosteric_kd_ratio")
    low, high, basal = constants()
    free, some, much, more = (
        half_bound_nM(cells, dose, 20.0) for dose in (0.0, 10 * kd, 1e4 * kd, 1e5 * kd)
    )
    assert some / free > 2
    assert more / much == pytest.approx(1.0, abs=0.01)
    assert more / free == pytest.approx(ratio * (1 + basal * low / high), rel=0.01)


# --- Slow leaving


def test_a_slow_drug_is_not_surmounted_within_minutes_and_a_fast_one_is():
    """Equal affinity and dose; only the rate of leaving differs."""
    slow = CLASSES["slow_off_inverse_agonist"]
    held = {}
    for name, koff in (("slow", slow.values["koff_antagonist_cxcr4"]), ("fast", 1.0)):
        cells = cell(slow.id).changed(koff_antagonist_cxcr4=koff)
        for drug_nM in (0.0, 10.0):
            early = Phase(times_s=(2 * HOUR,), add_nM={"antagonist": drug_nM})
            late = Phase(times_s=COURSE[:40], add_nM={"cxcl12": 3e4})
            active = run_phases(cells, [early, late], ("cxcr4_active",)).of("cxcr4_active")[1:]
            held[name, drug_nM] = active[:21].max() - active[0]
    assert held["slow", 10.0] < 0.3 * held["slow", 0.0]
    assert held["fast", 10.0] > 0.9 * held["fast", 0.0]


@pytest.mark.parametrize(
    ("kind", "koff", "least", "most"),
    [
        ("slow_off_inverse_agonist", None, 0.25, 1.0),
        ("slow_off_inverse_agonist", 0.01, -0.5, 0.1),
        ("competitive", None, -0.5, 0.1),
    ],
)
def test_the_block_of_a_slow_drug_alone_outlasts_the_wash(kind, koff, least, most):
    cells = cell(kind) if koff is None else cell(kind).changed(koff_antagonist_cxcr4=koff)
    answers = []
    for drug in ({}, saturating(kind)):
        phases = [
            Phase(times_s=(HOUR,), add_nM=drug),
            Phase(times_s=(HOUR,), fresh_medium=True),
            Phase(times_s=COURSE, add_nM={"cxcl12": 30.0}, fresh_medium=True),
        ]
        calcium = run_phases(cells, phases, ("calcium",)).of("calcium")[2:]
        answers.append(calcium.max() - calcium[0])
    assert least < 1 - answers[1] / answers[0] < most


# --- Activity of the drug itself


def test_an_inverse_agonist_lowers_basal_gi_and_a_neutral_drug_does_not():
    rest = alone("competitive", 0.0, "gi_gtp")[0]
    neutral = alone("competitive", 0.0, "gi_gtp")[-1]
    assert neutral > 0.98 * rest
    for kind in ("slow_off_inverse_agonist", "nanobody"):
        assert alone(kind, 0.0, "gi_gtp")[-1] < 0.3 * rest, kind


def test_a_neutral_drug_raises_surface_cxcr4_as_it_stops_basal_uptake():
    """DRG296: tolerance to AMD3100, which a drug that keeps arrestin avoids."""
    rest, neutral = alone("competitive", 0.0, "cxcr4_surface")[[0, -1]]
    assert neutral > 1.1 * rest
    assert alone("arrestin_biased", 0.0, "cxcr4_surface")[-1] < 0.6 * rest


@pytest.mark.parametrize("kind", ["partial_agonist", "ligand_analogue"])
def test_a_partial_agonist_alone_does_a_part_of_what_cxcl12_does(kind):
    for output in ("gi_gtp", "calcium"):
        rest, most = alone(None, 1e4, output)[0], alone(None, 1e4, output).max()
        assert rest + 0.02 * (most - rest) < alone(kind, 0.0, output).max() < 0.8 * most, output
    left = alone(kind, 0.0, "cxcr4_surface")[-1]
    assert alone(None, 1e4, "cxcr4_surface")[-1] < left < 0.9 * alone(None, 0.0, "cxcr4_surface")[0]


def test_more_preference_for_the_active_shape_answers_more():
    """From inverse to full agonist through neutral: G protein, arrestin and uptake in one order."""
    found = []
    for preference in (0.0, 1.0, 3.0, 10.0, 40.0):
        cells = cell("partial_agonist").changed(drug_shape_preference=preference)
        phase = Phase(times_s=COURSE, add_nM=saturating("partial_agonist"))
        outputs = ("gi_gtp", "arrestin_cxcr4", "cxcr4_surface")
        course = run_phases(cells, [phase], outputs)
        gi, arrestin, surface = (course.of(name) for name in outputs)
        found.append((gi[COURSE.index(60.0)], arrestin[-1], -surface[-1]))
    assert (np.diff(found, axis=0) > 0).all()


def test_a_partial_agonist_blunts_cxcl12():
    assert rise("partial_agonist", "calcium") < 0.2 * rise(None, "calcium")


def test_bias_keeps_one_arm_and_stops_the_other():
    kept = alone("arrestin_biased", 0.0, "arrestin_cxcr4").max()
    brought = alone(None, 1e4, "arrestin_cxcr4").max()
    assert kept > 0.7 * brought
    assert alone("arrestin_biased", 0.0, "gi_gtp").max() <= 1.001 * alone(None, 0.0, "gi_gtp")[0]
    assert rise("arrestin_biased", "calcium") < 0.02 * rise(None, "calcium")
    # CXCL12 beside it finds arrestin on the receptor, as without the drug.
    outputs = ("arrestin_cxcr4",)
    with_both = after_an_hour("arrestin_biased", 100.0, outputs, "cxcr4_only")["arrestin_cxcr4"]
    without = after_an_hour(None, 100.0, outputs, "cxcr4_only")["arrestin_cxcr4"]
    competed = after_an_hour("competitive", 100.0, outputs, "cxcr4_only")["arrestin_cxcr4"]
    assert with_both.max() > 0.6 * without.max()
    assert competed.max() < 0.2 * without.max()
    # And the reverse bias.
    gi = alone("gi_biased", 0.0, "gi_gtp")
    assert gi.max() > 0.7 * alone(None, 1e4, "gi_gtp").max()
    arrestin = alone("gi_biased", 0.0, "arrestin_cxcr4")
    assert arrestin.max() <= 1.001 * arrestin[0]


# --- Loss of receptor, trap, control


def test_an_antibody_takes_the_receptor_away_and_a_nanobody_does_not():
    start, antibody = alone("bivalent_antibody", 0.0, "cxcr4_total", DAY)[[0, -1]]
    nanobody = alone("nanobody", 0.0, "cxcr4_total", DAY)[-1]
    assert antibody < 0.3 * start
    assert nanobody > 0.98 * start
    # The control: an antibody that cannot pull two receptors together.
    still = cell("bivalent_antibody").changed(drug_is_bivalent=0.0)
    phase = Phase(times_s=(DAY,), add_nM=saturating("bivalent_antibody"))
    assert run_phases(still, [phase], ("cxcr4_total",)).of("cxcr4_total")[-1] > 0.98 * start


def test_a_trap_takes_the_ligand_and_leaves_the_receptor():
    outputs = ("cxcl12", "cxcr4_blocked", "cxcr4_active")
    trapped = after_an_hour("ligand_trap", 100.0, outputs, "cxcr4_only")
    free = after_an_hour(None, 100.0, outputs, "cxcr4_only")
    assert trapped["cxcl12"][-1] < 0.01 * free["cxcl12"][-1]
    assert np.abs(trapped["cxcr4_blocked"]).max() < 1e-12
    assert np.ptp(trapped["cxcr4_active"][20:]) < 0.1 * np.ptp(free["cxcr4_active"])
    # It takes the ligand from ACKR3 too, a drug on CXCR4 does not.
    arrestin = {
        kind: rise(kind, "arrestin_ackr3", cxcl12_nM=30.0, context="double")
        for kind in (None, "ligand_trap", "competitive")
    }
    assert arrestin["ligand_trap"] < 0.3 * arrestin[None]
    assert arrestin["competitive"] > 0.9 * arrestin[None]


@pytest.mark.parametrize("kind", ON_CXCR4)
def test_every_class_lessens_the_answer_to_cxcl12(kind):
    assert rise(kind, "calcium", cxcl12_nM=30.0) < 0.3 * rise(None, "calcium", cxcl12_nM=30.0)


@pytest.mark.parametrize("kind", ON_CXCR4)
def test_without_the_receptor_no_drug_on_it_does_anything(kind):
    outputs = ("calcium", "camp", "erk_share", "akt_share", "arrestin_ackr3", "cxcl12")
    drugged = after_an_hour(kind, 10.0, outputs, "ackr3_only")
    plain = after_an_hour(None, 10.0, outputs, "ackr3_only")
    for name in outputs:
        assert drugged[name] == pytest.approx(plain[name], rel=1e-5, abs=1e-9), name
