"""The reference engine and COPASI, two solvers that share no code, on the same experiments.

Each experiment runs through the bench as users run it, rest and every phase with its additions, and
once more in COPASI from the same SBML. All states and all assigned quantities that move are
compared, each within 1e-4 of its own peak.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from cxaxis.cell.course import MEDIUM_SPECIES, REST_S, Dish, Phase, dish, run_phases
from cxaxis.engine.reference import with_values
from cxaxis.knowledge.cell_contexts import cell_context
from cxaxis.models.wiring import Wiring

MINUTE, HOUR = 60.0, 3600.0
SHARE_OF_PEAK = 1e-4
# A lower peak counts as this. In nM (and for shares) ten molecules in a cell: solvers that stop at
# a thousandth of a molecule agree on no share of less. Rates and speeds have their own scale.
LEAST_PEAK = 2e-3
LEAST_RATE = 1e-12
QUARTERS = tuple(np.linspace(0.0, 90.0, 37) * MINUTE)
PULSE = tuple(np.linspace(0.0, 10.0, 41) * MINUTE)
DAYS = tuple(np.linspace(0.0, 48.0, 17) * HOUR)


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A kind of cell, the mechanisms it has, and what is done to it."""

    context: str
    phases: tuple[Phase, ...]
    wiring: Wiring = field(default_factory=Wiring)
    values: Mapping[str, float] = field(default_factory=dict)

    def dish(self) -> Dish:
        return dish(cell_context(self.context), wiring=self.wiring).changed(**self.values)


def ligand(nM, times=QUARTERS, **settings):
    return Phase(times_s=times, add_nM={"cxcl12": nM}, settings=settings, fresh_medium=True)


def drug_then_ligand(drug_nM, ligand_nM, **settings):
    before = Phase(times_s=QUARTERS, add_nM={"antagonist": drug_nM}, settings=settings)
    return (before, Phase(times_s=QUARTERS, add_nM={"cxcl12": ligand_nM}))


EXPERIMENTS = {
    "saturating ligand": Experiment(context="cxcr4_only", phases=(ligand(100.0),)),
    "scarce ligand, both receptors": Experiment(context="double", phases=(ligand(0.5),)),
    "over-expressing line": Experiment(context="calibration_line_double", phases=(ligand(125.0),)),
    "ACKR3 alone clears": Experiment(context="ackr3_only", phases=(ligand(0.5),)),
    "competitive antagonist": Experiment(
        context="tumour_cell", phases=drug_then_ligand(300.0, 10.0)
    ),
    "allosteric inverse agonist": Experiment(
        context="cxcr4_only",
        phases=drug_then_ligand(100.0, 30.0, drug_is_allosteric=1.0, drug_shape_preference=0.0),
    ),
    "biased ligand": Experiment(
        context="double",
        phases=drug_then_ligand(
            100.0,
            10.0,
            drug_shape_preference=40.0,
            drug_gi_coupling=0.0,
            drug_arrestin_coupling=1.0,
        ),
    ),
    "bivalent antibody": Experiment(
        context="eca109", phases=drug_then_ligand(50.0, 10.0, drug_is_bivalent=1.0)
    ),
    "ligand trap": Experiment(
        context="eca109",
        phases=(
            Phase(times_s=QUARTERS, add_nM={"neutraliser": 20.0}),
            Phase(times_s=QUARTERS, add_nM={"cxcl12": 30.0}),
        ),
    ),
    "toxin and forskolin": Experiment(
        context="cxcr4_only",
        phases=(
            Phase(times_s=QUARTERS, settings={"pertussis_toxin": 0.7, "forskolin": 1.0}),
            ligand(30.0),
        ),
    ),
    "low oxygen and back": Experiment(
        context="eca109",
        phases=(
            Phase(times_s=DAYS, settings={"oxygen": 9300.0}),
            Phase(times_s=DAYS, settings={"oxygen": 185000.0}),
        ),
    ),
    "kinase inhibitors": Experiment(
        context="cxcr4_only",
        phases=(
            ligand(
                30.0,
                mek_inhibition=0.8,
                akt_inhibition=0.6,
                src_inhibition=0.5,
                jak_inhibition=0.9,
                jnk_inhibition=0.7,
                calcium_chelation=0.5,
                chloroquine=0.6,
            ),
        ),
    ),
    "microRNA mimics": Experiment(
        context="eca109",
        phases=(
            Phase(
                times_s=DAYS,
                settings={"mimic_mir9": 2.0, "mimic_mir101": 3.0, "mimic_mir370": 1.0},
            ),
        ),
    ),
    "second pulse": Experiment(
        context="cxcr4_only",
        phases=(
            ligand(30.0, PULSE),
            Phase(times_s=PULSE, fresh_medium=True),
            ligand(30.0, PULSE),
        ),
    ),
    "rival mechanisms": Experiment(
        context="double",
        phases=(ligand(30.0), Phase(times_s=DAYS, settings={"oxygen": 9300.0})),
        wiring=Wiring(
            ackr3_survival="on",
            heterodimer="blunts_gi",
            ackr3_uptake="free",
            stat3_through_src="on",
            chloroquine_stat3="on",
            tgf_beta="stromal_cxcl12_down",
            nuclear_cxcr4_loop="on",
            message_stabilised="on",
        ),
        values={"tgf_beta": 1.0, "chloroquine": 0.3, "stromal": 1.0, "nfkb_stimulus": 1.0},
    ),
    "arrestin of pairs, tight matrix isoform": Experiment(
        context="double",
        phases=(ligand(10.0),),
        wiring=Wiring(heterodimer="drives_arrestin"),
        # An amount: 50 nM of binding places in the medium of the cell.
        values={"isoform_alpha": 0.0, "isoform_gamma": 1.0, "matrix_site": 50 * 1.75e-9},
    ),
}


class Copasi:
    """The same experiment in COPASI: a phase is the SBML with its settings and starting state."""

    def __init__(self, cell: Dish) -> None:
        self.cell = cell
        self.settings: dict[str, float] = dict(cell.values)

    def run(self, times: Sequence[float], states: Mapping[str, float] | None = None):
        """Course by SBML id; species in nM. Without states the model starts as its SBML says."""
        import basico

        values = {**self.settings, **(states or {})}
        model = basico.load_model_from_string(with_values(self.cell.model.sbml, values))
        try:
            return basico.run_time_course(
                values=[float(time) for time in times],
                start_time=0.0,
                use_sbml_id=True,
                use_initial_values=True,
                method="deterministic",
                r_tol=1e-9,
                a_tol=1e-13,
                max_steps=1_000_000,
                model=model,
            )
        finally:
            basico.remove_datamodel(model)

    def states_at_end(self, course) -> dict[str, float]:
        """States at the last time; of species the amount."""
        import libsbml

        tree = libsbml.readSBMLFromString(self.cell.model.sbml).getModel()
        found = {}
        for name in self.cell.model.states:
            value = float(course[name].iloc[-1])
            species = tree.getSpecies(name)
            volume = 1.0 if species is None else self.cell.value_of(species.getCompartment())
            found[name] = value * volume
        return found

    def experiment(self, phases: Sequence[Phase]) -> list:
        """The course of each phase after rest."""
        states = self.states_at_end(self.run([0.0, REST_S]))
        courses = []
        for phase in phases:
            self.settings |= phase.settings
            if phase.fresh_medium:
                states["matrix_site"] += states["cxcl12_matrix"]
                states |= dict.fromkeys(MEDIUM_SPECIES, 0.0)
            for name, level in phase.add_nM.items():
                states[name] += level * self.cell.value_of("medium")
            courses.append(self.run(phase.times_s, states))
            states = self.states_at_end(courses[-1])
        return courses


def _moving(cell: Dish) -> tuple[str, ...]:
    """States and assigned quantities that depend on one."""
    import libsbml

    from cxaxis.models.graph import dependencies, dependents

    tree = libsbml.readSBMLFromString(cell.model.sbml).getModel()
    rules = (tree.getRule(i) for i in range(tree.getNumRules()))
    assigned = {rule.getVariable() for rule in rules if rule.isAssignment()}
    onward = dependents(dependencies(cell.model))
    moving, waiting = set(cell.model.states), list(cell.model.states)
    while waiting:
        reached = (onward[waiting.pop()] & assigned) - moving
        moving |= reached
        waiting += reached
    return tuple(name for name in cell.model.units if name in moving)


def _apart(cell: Dish, phases: Sequence[Phase], other: Copasi) -> dict[str, float]:
    """Largest difference of each moving quantity as a share of its peak."""
    outputs = _moving(cell)
    reference = run_phases(cell, phases, outputs)
    courses = other.experiment(phases)
    found = {}
    for output in outputs:
        theirs = np.concatenate([course[output].to_numpy() for course in courses])
        least = LEAST_RATE if "second" in cell.model.units[output] else LEAST_PEAK
        peak = max(np.abs(theirs).max(), least)
        found[output] = np.abs(reference.of(output) - theirs).max() / peak
    return found


@pytest.mark.crosscheck("copasi")
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_two_engines_tell_the_same_course(name):
    pytest.importorskip("basico")
    experiment = EXPERIMENTS[name]
    cell = experiment.dish()
    apart = _apart(cell, experiment.phases, Copasi(cell))
    worst = max(apart, key=apart.__getitem__)
    assert apart[worst] < SHARE_OF_PEAK, (worst, apart[worst])


@pytest.mark.crosscheck("copasi")
def test_one_per_cent_in_one_rate_would_be_seen():
    pytest.importorskip("basico")
    experiment = EXPERIMENTS["saturating ligand"]
    cell = experiment.dish()
    other = Copasi(cell.scaled(k_rgs_gi=1.01))
    assert max(_apart(cell, experiment.phases, other).values()) > 10 * SHARE_OF_PEAK


def test_the_experiments_reach_every_state():
    """A state at zero in all of them would be compared with nothing."""
    silent: set[str] | None = None
    for experiment in EXPERIMENTS.values():
        cell = experiment.dish()
        course = run_phases(cell, experiment.phases, cell.model.states)
        quiet = {n for n in cell.model.states if np.abs(course.of(n)).max() <= LEAST_PEAK}
        silent = quiet if silent is None else silent & quiet
    assert silent == set()
