"""Data checks of the drug library: what class an agent is of, and what it binds."""

from __future__ import annotations

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


def _only_four_classes(ctx: CheckContext) -> CheckContext:
    """Leave out the agents of Table 1 that fit none of the four classes."""
    odd = [name for name in TABLE_1 if ctx.knowledge.drugs[name].review_class == "other"]
    return ctx.without("drugs", *odd)


@data_check(claims=["C143"], control=_only_four_classes)
def agents_within_four_classes(ctx: CheckContext) -> Measured:
    """Share of the agents of Table 1 that fit one of the review's four classes."""
    listed = [ctx.knowledge.drugs[name] for name in TABLE_1 if name in ctx.knowledge.drugs]
    fitting = [drug for drug in listed if drug.review_class != "other"]
    return Measured(len(fitting) / len(listed), "1")


@data_check(claims=["C149", "C169"], control=swapped("ctce_9908", "plerixafor"))
def ctce_9908_is_an_analogue_of_cxcl12(ctx: CheckContext) -> Measured:
    """Whether CTCE-9908 is a peptide made from CXCL12 that binds CXCR4."""
    drug = ctx.knowledge.drugs["ctce_9908"]
    return _true(drug.drug_class == "cxcl12_analogue" and "CXCR4" in drug.binds)


@data_check(claims=["C162"], control=swapped("msx_122", "ulocuplumab"))
def msx_122_is_no_peptide(ctx: CheckContext) -> Measured:
    """Whether MSX-122 is a non-peptide that binds CXCR4."""
    drug = ctx.knowledge.drugs["msx_122"]
    return _true(drug.drug_class == "cxcr4_antagonist_small_molecule" and "CXCR4" in drug.binds)


@data_check(claims=["C164"], control=swapped("burixafor", "motixafortide"))
def burixafor_is_no_peptide(ctx: CheckContext) -> Measured:
    """Whether burixafor is a non-peptide that binds CXCR4."""
    drug = ctx.knowledge.drugs["burixafor"]
    return _true(drug.drug_class == "cxcr4_antagonist_small_molecule" and "CXCR4" in drug.binds)


@data_check(claims=["C167"], control=swapped("motixafortide", "burixafor"))
def motixafortide_is_a_peptide(ctx: CheckContext) -> Measured:
    """Whether BKT-140 (motixafortide) is a peptide that binds CXCR4."""
    drug = ctx.knowledge.drugs["motixafortide"]
    return _true(drug.drug_class == "cxcr4_antagonist_peptide" and "CXCR4" in drug.binds)


@data_check(claims=["C171"], control=swapped("ulocuplumab", "alx_0651"))
def ulocuplumab_is_an_antibody(ctx: CheckContext) -> Measured:
    """Whether ulocuplumab is an antibody that binds CXCR4."""
    drug = ctx.knowledge.drugs["ulocuplumab"]
    return _true(drug.drug_class == "cxcr4_antibody" and "CXCR4" in drug.binds)


@data_check(claims=["C173"], control=swapped("alx_0651", "ulocuplumab"))
def alx_0651_is_a_nanobody(ctx: CheckContext) -> Measured:
    """Whether ALX-0651 is a nanobody that binds CXCR4."""
    drug = ctx.knowledge.drugs["alx_0651"]
    return _true(drug.drug_class == "cxcr4_nanobody" and "CXCR4" in drug.binds)
