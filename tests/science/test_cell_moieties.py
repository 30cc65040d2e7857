"""What the whole cell keeps: its conservation laws, found in the stoichiometry of its SBML and
followed through experiments; and that every species and reaction says what it is."""

import re
from functools import cache

import libsbml
import numpy as np
import pytest

from cxaxis.cell.course import Phase, dish, run_phases
from cxaxis.knowledge.cell_contexts import cell_context
from cxaxis.models.build import build, consistency_messages
from cxaxis.models.wiring import Wiring
from science_support import parameters_with

MINUTE = 60.0
MODEL = build("cell", parameters_with())
TREE = libsbml.readSBMLFromString(MODEL.sbml).getModel()
MINUTES = tuple(np.linspace(0.0, 90.0, 19) * MINUTE)

CXCR4_BARE = ("cxcr4_inactive", "cxcr4_on", "cxcr4_p", "cxcr4_internal", "cxcr4_spent")
CXCR4_LIGAND = ("cxcl12_cxcr4_inactive", "cxcl12_cxcr4_on", "cxcl12_cxcr4_p")
CXCR4_DRUG = ("antagonist_cxcr4", "antagonist_cxcr4_p")
ACKR3_BARE = ("ackr3", "ackr3_internal", "ackr3_late")
HELD_CXCR4 = (
    "arrestin_cxcr4_empty",
    "arrestin_cxcr4_cxcl12",
    "arrestin_cxcr4_antagonist",
    "arrestin_cxcr4_internal",
)
HELD_ACKR3 = (
    "arrestin_ackr3_empty",
    "arrestin_ackr3_cxcl12",
    "arrestin_ackr3_internal",
    "arrestin_ackr3_early",
    "arrestin_ackr3_late",
)

SIGNALLING = {
    "Gi alpha": ("gi", "gi_gtp", "gi_gdp"),
    "G beta-gamma": ("gi", "gbg"),
    "glycerol of the inositol lipids": ("pip2", "pip3", "dag", "phosphatidate"),
    "inositol": ("pip2", "pip3", "ip3", "inositol"),
    "IP3 receptor": ("ip3_receptor", "ip3_receptor_closed"),
    "PYK2": ("pyk2", "pyk2_active"),
    "Src": ("src", "src_active"),
    "FAK": ("fak", "fak_active"),
    "mTORC2": ("mtorc2", "mtorc2_active"),
    "AKT": ("akt", "akt_t308", "akt_active"),
    "Ras": ("ras", "ras_gtp"),
    "MEK": ("mek", "mek_active"),
    "ERK": ("erk", "erk_active", "erk_arrestin"),
    "JAK2": ("jak2", "jak2_active"),
    "STAT3": ("stat3", "stat3_active"),
    "GSK3-beta": ("gsk3b", "gsk3b_silent"),
    "Rac1": ("rac1", "rac1_gtp"),
    "Cdc42": ("cdc42", "cdc42_gtp"),
    "RhoA": ("rhoa", "rhoa_gtp"),
    "JNK": ("jnk", "jnk_active"),
    "p38": ("p38", "p38_active"),
    "BAD": ("bad", "bad_silent"),
}
ALWAYS = {
    **SIGNALLING,
    "arrestin": ("arrestin_free", *HELD_CXCR4, *HELD_ACKR3),
    "matrix places": ("matrix_site", "cxcl12_matrix"),
    "neutraliser": ("neutraliser", "cxcl12_neutraliser"),
    "antagonist": (
        *("antagonist", "antagonist_internal", "antagonist_cxcl12_cxcr4"),
        *(*CXCR4_DRUG, "arrestin_cxcr4_antagonist"),
    ),
}
WITHOUT_TURNOVER = {
    "CXCR4": (*CXCR4_BARE, *CXCR4_LIGAND, *CXCR4_DRUG, "antagonist_cxcl12_cxcr4", *HELD_CXCR4),
    "ACKR3": (*ACKR3_BARE, "cxcl12_ackr3", *HELD_ACKR3),
}
WITHOUT_MAKING = {
    "CXCL12": (
        *("cxcl12", "cxcl12_matrix", "cxcl12_cut", "cxcl12_neutraliser", "cxcl12_internal"),
        *(*CXCR4_LIGAND, "arrestin_cxcr4_cxcl12", "antagonist_cxcl12_cxcr4"),
        *("cxcl12_ackr3", "arrestin_ackr3_cxcl12"),
    )
}
RECEPTOR_TURNOVER = re.compile(
    r"J_(make|degrade|lose|strip)_(\w*_)?(cxcr4|ackr3)(_\w+)?$",
)
LIGAND_TURNOVER = {"J_secrete_cxcl12", "J_degrade_cxcl12_internal"}


def stoichiometry(*, without: frozenset[str] = frozenset()) -> np.ndarray:
    """Net number of each species that each reaction makes, shape (n_species, n_reaction)."""
    kept = [item for item in TREE.getListOfReactions() if item.getId() not in without]
    table = np.zeros((len(MODEL.species), len(kept)), dtype=int)
    row = {name: i for i, name in enumerate(MODEL.species)}
    for column, item in enumerate(kept):
        for sign, side in ((-1, item.getListOfReactants()), (1, item.getListOfProducts())):
            for part in side:
                assert part.getStoichiometry() == int(part.getStoichiometry())
                table[row[part.getSpecies()], column] += sign * int(part.getStoichiometry())
    return table


def turnover_of_receptors() -> frozenset[str]:
    every = (item.getId() for item in TREE.getListOfReactions())
    return frozenset(name for name in every if RECEPTOR_TURNOVER.match(name))


def assert_laws(table: np.ndarray, laws: dict[str, tuple[str, ...]]) -> None:
    """The laws hold, none follows from the others, and there is no further one."""
    rows = np.array([[int(name in parts) for name in MODEL.species] for parts in laws.values()])
    for label, row, parts in zip(laws, rows, laws.values(), strict=True):
        assert row.sum() == len(parts), f"{label}: a species is named twice or not in the model"
        assert not (row @ table).any(), f"{label} is not kept"
    assert np.linalg.matrix_rank(rows) == len(laws)
    assert len(MODEL.species) - np.linalg.matrix_rank(table) == len(laws)


def test_the_cell_keeps_what_it_should_and_nothing_else():
    assert len(SIGNALLING) == 22
    assert_laws(stoichiometry(), ALWAYS)


def test_receptors_are_kept_without_synthesis_and_loss():
    assert_laws(stoichiometry(without=turnover_of_receptors()), {**ALWAYS, **WITHOUT_TURNOVER})


def test_cxcl12_is_kept_without_secretion_and_degradation():
    """Loss of receptors hands their ligand on: it keeps every CXCL12."""
    without = frozenset(LIGAND_TURNOVER)
    assert_laws(stoichiometry(without=without), {**ALWAYS, **WITHOUT_MAKING})
    both = without | turnover_of_receptors()
    assert_laws(stoichiometry(without=both), {**ALWAYS, **WITHOUT_TURNOVER, **WITHOUT_MAKING})


def test_what_is_taken_out_is_there():
    names = {item.getId() for item in TREE.getListOfReactions()}
    assert names >= LIGAND_TURNOVER
    assert {"J_make_cxcr4", "J_make_ackr3", "J_degrade_cxcr4"} <= turnover_of_receptors()
    # Reactions that only the turnover of receptors has: its rate stands in their laws.
    rates = {"k_turnover_cxcr4", "k_turnover_ackr3", "k_degrade_cxcr4", "k_antibody_loss_cxcr4"}
    by_rate = {
        item.getId()
        for item in TREE.getListOfReactions()
        if rates
        & set(re.findall(r"\w+", libsbml.formulaToL3String(item.getKineticLaw().getMath())))
    }
    assert turnover_of_receptors() - {"J_make_cxcr4", "J_make_ackr3"} == by_rate


FLAT = 1e-8
RIVALS = Wiring(
    ackr3_survival="on",
    heterodimer="drives_arrestin",
    ackr3_uptake="free",
    stat3_through_src="on",
    nuclear_cxcr4_loop="on",
    message_stabilised="on",
)
ISOLATED = {
    "k_translate": 0.0,
    "k_turnover_cxcr4": 0.0,
    "k_turnover_ackr3": 0.0,
    "k_degrade_cxcr4": 0.0,
    "k_antibody_loss_cxcr4": 0.0,
    "k_degrade_cxcl12_internal": 0.0,
}
EVERYTHING = (
    Phase(times_s=MINUTES, settings={"forskolin": 1.0, "oxygen": 20000.0}),
    Phase(times_s=MINUTES, add_nM={"neutraliser": 5.0, "antagonist": 40.0}),
    Phase(times_s=MINUTES, add_nM={"cxcl12": 60.0}, settings={"pertussis_toxin": 0.3}),
)
AGONIST = {"drug_shape_preference": 40.0, "drug_arrestin_coupling": 1.0}
DRUGS = ({}, {"drug_is_allosteric": 1.0}, AGONIST, {"drug_is_bivalent": 1.0})


@cache
def amounts(wiring: Wiring, drug: int, isolated: bool) -> dict[str, np.ndarray]:
    """Amount of every species (nmol) through a trap, a drug, ligand and what else there is."""
    sites = {"matrix_site": 30.0 * 1.75e-9}
    values = {**sites, **DRUGS[drug], **(ISOLATED if isolated else {})}
    cell = dish(cell_context("double"), wiring=wiring).changed(**values)
    course = run_phases(cell, EVERYTHING, MODEL.species)
    volumes = {
        name: cell.value_of(TREE.getSpecies(name).getCompartment()) for name in MODEL.species
    }
    return {name: course.of(name) * volume for name, volume in volumes.items()}


def assert_flat(found: dict[str, np.ndarray], parts: tuple[str, ...], label: str) -> None:
    total = sum(found[name] for name in parts)
    assert total[-1] > 0, label
    moved = max(np.ptp(found[name]) for name in parts)
    assert moved > 20 * FLAT * total[-1], f"{label}: nothing moves, so nothing is tested"
    # What is added at the start of a phase stands from there on: compare within phases.
    for phase in np.split(total, len(EVERYTHING)):
        assert phase == pytest.approx(np.full(phase.size, phase[0]), rel=FLAT), label


@pytest.mark.parametrize("drug", range(len(DRUGS)))
def test_pools_are_flat_through_an_experiment(drug):
    found = amounts(Wiring(), drug, False)
    for label, parts in ALWAYS.items():
        assert_flat(found, parts, label)


@pytest.mark.parametrize("wiring", [Wiring(), RIVALS], ids=["default", "rivals"])
def test_receptors_and_ligand_are_flat_in_an_isolated_cell(wiring):
    found = amounts(wiring, 0, True)
    for label, parts in {**WITHOUT_TURNOVER, **WITHOUT_MAKING, **ALWAYS}.items():
        assert_flat(found, parts, label)


def test_turnover_breaks_the_laws_of_the_isolated_cell():
    """The control: with synthesis and loss none of them is a law."""
    table = stoichiometry()
    for label, parts in {**WITHOUT_TURNOVER, **WITHOUT_MAKING}.items():
        row = np.array([int(name in parts) for name in MODEL.species])
        assert (row @ table).any(), label


def test_added_amounts_arrive_whole():
    found = amounts(Wiring(), 0, True)
    medium = 1.75e-9
    starts = [len(MINUTES), 2 * len(MINUTES)]
    for start, label, level in (
        (starts[0], "neutraliser", 5.0),
        (starts[0], "antagonist", 40.0),
        (starts[1], "CXCL12", 60.0),
    ):
        parts = {**ALWAYS, **WITHOUT_MAKING}[label]
        total = sum(found[name] for name in parts)
        assert total[start] - total[start - 1] == pytest.approx(level * medium, rel=1e-6), label


def test_the_model_draws_no_complaint_and_no_warning_about_practice():
    assert consistency_messages(MODEL.sbml) == []
    document = libsbml.readSBMLFromString(MODEL.sbml)
    document.setConsistencyChecks(libsbml.LIBSBML_CAT_MODELING_PRACTICE, True)
    document.checkConsistency()
    found = [document.getError(i).getMessage() for i in range(document.getNumErrors())]
    assert found == []
    assert (document.getLevel(), document.getVersion()) == (3, 2)


def resources(item, *qualifiers: int) -> list[str]:
    terms = [item.getCVTerm(i) for i in range(item.getNumCVTerms())]
    return [
        term.getResourceURI(i)
        for term in terms
        if term.getBiologicalQualifierType() in qualifiers
        for i in range(term.getNumResources())
    ]


def test_every_species_and_reaction_says_what_it_is():
    known = re.compile(
        r"https://identifiers\.org/(uniprot:[OPQ]\d[A-Z0-9]{3}\d|CHEBI:\d+|hgnc:\d+|GO:\d{7})"
    )
    for item in TREE.getListOfSpecies():
        assert item.isSetSBOTerm(), item.getId()
        found = resources(item, libsbml.BQB_IS)
        assert found, item.getId()
        assert all(known.fullmatch(text) for text in found), item.getId()
        # A material entity, not a process.
        assert libsbml.SBO.isMaterialEntity(item.getSBOTerm()), item.getId()
    for item in TREE.getListOfReactions():
        assert item.isSetSBOTerm(), item.getId()
        found = resources(item, libsbml.BQB_IS_VERSION_OF)
        assert found, item.getId()
        assert all("GO:" in text and known.fullmatch(text) for text in found), item.getId()
        assert libsbml.SBO.isOccurringEntityRepresentation(item.getSBOTerm()), item.getId()
