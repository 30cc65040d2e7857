"""Data checks of the drug and tracer libraries: classes of agents, and physics of labels."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from cxaxis.claims.check import data_check
from cxaxis.claims.context import CheckContext
from cxaxis.claims.records import Control, Measured

TABLE_1: Final = (
    "plerixafor",
    "msx_122",
    "burixafor",
    "motixafortide",
    "ctce_9908",
    "olaptesed",
    "ulocuplumab",
    "alx_0651",
)
AXIS: Final = frozenset({"CXCR4", "CXCL12"})


def _true(answer: bool) -> Measured:
    return Measured(float(answer), "1")


def swapped(drug: str, other: str) -> Control:
    """Return a control in which one drug's file is that of another."""

    def broken(ctx: CheckContext) -> CheckContext:
        drugs = dict(ctx.knowledge.drugs)
        drugs[drug] = drugs[other]
        return ctx.with_knowledge(drugs=drugs)

    broken.__doc__ = f"Give {drug} the file of {other}."
    return broken


def _slowed(isotope: str) -> Control:
    """Return a control in which a nuclide has twice its half-life."""

    def broken(ctx: CheckContext) -> CheckContext:
        isotopes = dict(ctx.knowledge.isotopes)
        nuclide = isotopes[isotope]
        readings = {
            key: replace(row, value=row.value * 2.0) if key[0] == "half_life" else row
            for key, row in nuclide.readings.items()
        }
        isotopes[isotope] = replace(nuclide, readings=readings)
        return ctx.with_knowledge(isotopes=isotopes)

    broken.__doc__ = f"Double the half-life of {isotope}."
    return broken


def _empty_libraries(ctx: CheckContext) -> CheckContext:
    """Empty both libraries."""
    return ctx.with_knowledge(drugs={}, tracers={})


def _only_four_classes(ctx: CheckContext) -> CheckContext:
    """Leave out the agents of Table 1 that fit none of the four classes."""
    odd = [name for name in TABLE_1 if ctx.knowledge.drugs[name].review_class == "other"]
    return ctx.without("drugs", *odd)


@data_check(claims=["C008"], role="held_out", control=_empty_libraries)
def agents_against_the_axis(ctx: CheckContext) -> Measured:
    """Smaller of the numbers of drugs and of tracers that bind CXCR4 or CXCL12."""
    drugs = sum(bool(AXIS & set(drug.binds)) for drug in ctx.knowledge.drugs.values())
    tracers = sum(bool(AXIS & set(item.binds)) for item in ctx.knowledge.tracers.values())
    return Measured(float(min(drugs, tracers)), "1")


@data_check(claims=["C143"], role="held_out", control=_only_four_classes)
def agents_within_four_classes(ctx: CheckContext) -> Measured:
    """Share of the agents of Table 1 that fit one of the review's four classes."""
    listed = [ctx.knowledge.drugs[name] for name in TABLE_1 if name in ctx.knowledge.drugs]
    fitting = [drug for drug in listed if drug.review_class != "other"]
    return Measured(len(fitting) / len(listed), "1")


@data_check(claims=["C149", "C169"], role="held_out", control=swapped("ctce_9908", "plerixafor"))
def ctce_9908_is_an_analogue_of_cxcl12(ctx: CheckContext) -> Measured:
    """Whether CTCE-9908 is a peptide made from CXCL12 that binds CXCR4."""
    drug = ctx.knowledge.drugs["ctce_9908"]
    return _true(drug.review_class == "modified_cxcl12" and "CXCR4" in drug.binds)


@data_check(claims=["C162"], role="held_out", control=swapped("msx_122", "ulocuplumab"))
def msx_122_is_no_peptide(ctx: CheckContext) -> Measured:
    """Whether MSX-122 is a non-peptide that binds CXCR4."""
    drug = ctx.knowledge.drugs["msx_122"]
    return _true(drug.review_class == "non_peptide" and "CXCR4" in drug.binds)


@data_check(claims=["C164"], role="held_out", control=swapped("burixafor", "motixafortide"))
def burixafor_is_no_peptide(ctx: CheckContext) -> Measured:
    """Whether burixafor is a non-peptide that binds CXCR4."""
    drug = ctx.knowledge.drugs["burixafor"]
    return _true(drug.review_class == "non_peptide" and "CXCR4" in drug.binds)


@data_check(claims=["C167"], role="held_out", control=swapped("motixafortide", "burixafor"))
def motixafortide_is_a_peptide(ctx: CheckContext) -> Measured:
    """Whether BKT-140 (motixafortide) is a peptide that binds CXCR4."""
    drug = ctx.knowledge.drugs["motixafortide"]
    return _true(drug.review_class == "small_peptide" and "CXCR4" in drug.binds)


@data_check(claims=["C171"], role="held_out", control=swapped("ulocuplumab", "alx_0651"))
def ulocuplumab_is_an_antibody(ctx: CheckContext) -> Measured:
    """Whether ulocuplumab is an antibody that binds CXCR4."""
    drug = ctx.knowledge.drugs["ulocuplumab"]
    return _true(drug.drug_class == "cxcr4_antibody" and "CXCR4" in drug.binds)


@data_check(claims=["C173"], role="held_out", control=swapped("alx_0651", "ulocuplumab"))
def alx_0651_is_a_nanobody(ctx: CheckContext) -> Measured:
    """Whether ALX-0651 is a nanobody that binds CXCR4."""
    drug = ctx.knowledge.drugs["alx_0651"]
    return _true(drug.drug_class == "cxcr4_nanobody" and "CXCR4" in drug.binds)


@data_check(claims=["C179"], role="held_out", control=_slowed("i125"))
def half_life_of_i125(ctx: CheckContext) -> Measured:
    """Half-life of the label of the anti-CXCR4 antibody."""
    return Measured(ctx.knowledge.isotopes["i125"].half_life_h / 24.0, "day")


@data_check(claims=["C180"], role="held_out", control=_slowed("in111"))
def half_life_of_in111(ctx: CheckContext) -> Measured:
    """Half-life of the label of Ac-TZ14011."""
    return Measured(ctx.knowledge.isotopes["in111"].half_life_h / 24.0, "day")


@data_check(claims=["C181"], role="held_out", control=_slowed("cu64"))
def half_life_of_cu64(ctx: CheckContext) -> Measured:
    """Half-life of the label of 64Cu-AMD3100."""
    return Measured(ctx.knowledge.isotopes["cu64"].half_life_h, "hour")


@data_check(claims=["C184"], role="held_out", control=_slowed("f18"))
def half_life_of_f18(ctx: CheckContext) -> Measured:
    """Half-life of the label of the monocyclam."""
    return Measured(ctx.knowledge.isotopes["f18"].half_life_h * 60.0, "minute")
