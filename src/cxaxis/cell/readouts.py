"""What the virtual bench can read from a cell, each with its unit and what it stands for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal

import numpy as np

from cxaxis.cell.course import Dish
from cxaxis.core.arrays import FloatArray
from cxaxis.core.units import conversion_factor

Relation = Literal["", "rest", "start", "vehicle"]
HOUR_S: Final = 3600.0


@dataclass(frozen=True, kw_only=True)
class Readout:
    """One thing an assay measures.

    Attributes
    ----------
    id
        Short name.
    quantities
        Quantities of the cell model; several are multiplied.
    unit
        Unit of the reading; ``1`` for shares and folds, ``item`` for molecules per cell.
    words
        What it is, for axes and lists.
    pool
        Constant of the model that the quantity is divided by; empty for none.
    relative
        What the reading is a share of: nothing, ``rest`` (the same cell before the start),
        ``start`` (the first reading after the start) or ``vehicle`` (the same condition without
        CXCL12, at the same time).
    least
        What is less than this, in `unit`, is no answer.
    growth
        Whether two rates, birth and death, make the number of cells relative to the start.
    """

    id: str
    quantities: tuple[str, ...]
    unit: str
    words: str
    pool: str = ""
    relative: Relation = ""
    least: float = 1e-6
    growth: bool = False

    def read(
        self, cell: Dish, courses: Mapping[str, FloatArray], times_s: FloatArray
    ) -> FloatArray:
        """Return the readings of one course before they are related to anything.

        Parameters
        ----------
        cell
            The dish that the course comes from.
        courses
            Quantity -> course in the units of the model, shape ``(n_time,)``.
        times_s
            Seconds from the start, shape ``(n_time,)``.

        Returns
        -------
        Readings, shape ``(n_time,)``, in `unit` unless relative.
        """
        if self.growth:
            birth, death = (courses[name] for name in self.quantities)
            net = birth - death
            steps = 0.5 * (net[1:] + net[:-1]) * np.diff(times_s)
            grown: FloatArray = np.exp(np.concatenate([[0.0], np.cumsum(steps)]))
            return grown
        reading = np.ones_like(times_s)
        for name in self.quantities:
            reading = reading * courses[name]
        return reading * self._factor(cell)

    def _factor(self, cell: Dish) -> float:
        if self.relative:
            return 1.0
        if self.pool:
            return 1.0 / cell.value_of(self.pool)
        source = " * ".join(f"({cell.model.units[name]})" for name in self.quantities)
        if self.unit.startswith("item"):
            per_nM = cell.value_of("cell_volume") * cell.value_of("items_per_nmol")
            return per_nM * conversion_factor(source, self.unit.replace("item", "nM"))
        return conversion_factor(source, self.unit)


def related(readings: FloatArray, reference: FloatArray | float) -> FloatArray:
    """Return readings as a multiple of a reference; not a number where there is nothing."""
    base = np.broadcast_to(np.asarray(reference, dtype=np.float64), readings.shape)
    # A cell without the gene keeps a trace of the receptor, whose folds would mean nothing.
    something = np.abs(base) > 1e-9
    return np.where(something, readings / np.where(something, base, 1.0), np.nan)


_POOL: Final = "signalling_protein_total"


def _absolute() -> Iterator[Readout]:
    for id_, quantity, unit, words in (
        ("calcium_nM", "calcium_free", "nM", "free calcium in the cytosol"),
        ("camp_nM", "camp", "nM", "cAMP"),
        ("ip3_nM", "ip3", "nM", "IP3"),
        ("gi_active_nM", "gi_gtp", "nM", "G-alpha-i with GTP"),
        ("beta_gamma_nM", "gbg", "nM", "free G-beta-gamma"),
        ("beta_catenin_nM", "catenin", "nM", "beta-catenin"),
        ("hif1a_nM", "hif1a", "nM", "HIF-1alpha"),
        ("pERK", "erk_share", "1", "pERK, share of ERK"),
        ("pAKT", "akt_share", "1", "pAKT at both sites, share of AKT"),
        ("pSTAT3", "stat3_share", "1", "pSTAT3, share of STAT3"),
        ("pSrc", "src_share", "1", "pSrc, share of Src"),
        ("pFAK", "fak_share", "1", "pFAK, share of FAK"),
        ("rac1_gtp", "rac1_share", "1", "Rac1 with GTP, share"),
        ("cdc42_gtp", "cdc42_share", "1", "Cdc42 with GTP, share"),
        ("surface_cxcr4", "cxcr4_surface", "item", "CXCR4 at the surface, per cell"),
        ("surface_ackr3", "ackr3_surface", "item", "ACKR3 at the surface, per cell"),
        ("total_cxcr4", "cxcr4_total", "item", "CXCR4 in all, per cell"),
        ("total_ackr3", "ackr3_total", "item", "ACKR3 in all, per cell"),
        ("blocked_cxcr4", "cxcr4_blocked", "item", "CXCR4 with drug, per cell"),
        ("arrestin_cxcr4", "arrestin_cxcr4", "item", "arrestin on CXCR4, per cell"),
        ("arrestin_ackr3", "arrestin_ackr3", "item", "arrestin on ACKR3, per cell"),
        ("cxcr4_message", "cxcr4_message", "item", "CXCR4 message, per cell"),
        ("ackr3_message", "ackr3_message", "item", "ACKR3 message, per cell"),
        ("cxcl12_alpha_message", "cxcl12_alpha_message", "item", "CXCL12-alpha message, per cell"),
        ("cxcl12_beta_message", "cxcl12_beta_message", "item", "CXCL12-beta message, per cell"),
        ("cxcl12_secretion", "cxcl12_secretion", "item/hour", "CXCL12 secreted, per cell"),
        ("cxcl12_medium_nM", "cxcl12", "nM", "CXCL12 in the medium"),
        ("chemotactic_index", "chemotactic_bias", "1", "chemotactic index"),
        ("migration_speed", "migration_speed", "um/hour", "speed of migration"),
        ("birth_rate", "birth_rate", "1/day", "division, per cell"),
        ("death_rate", "death_rate", "1/day", "death, per cell"),
        ("stemness", "stemness", "1", "stem-like share"),
        ("vegf_secretion", "vegf_secretion", "item/hour", "VEGF secreted, per cell"),
        ("foxm1", "foxm1", "1", "FOXM1, relative to a cell without CXCR4"),
        ("chemosensitivity", "chemosensitivity", "1", "sensitivity to a cytotoxic drug, relative"),
        ("invasion", "invasion", "1", "invasion, relative to a cell without CXCR4"),
    ):
        yield Readout(id=id_, quantities=(quantity,), unit=unit, words=words)
    for id_, quantity, words in (
        ("pPYK2", "pyk2_active", "pPYK2, share of PYK2"),
        ("pp38", "p38_active", "pp38, share of p38"),
        ("pJNK", "jnk_active", "pJNK, share of JNK"),
        ("pJAK2", "jak2_active", "pJAK2, share of JAK2"),
        ("rhoa_gtp", "rhoa_gtp", "RhoA with GTP, share"),
    ):
        yield Readout(id=id_, quantities=(quantity,), unit="1", words=words, pool=_POOL)


def _readouts() -> Iterator[Readout]:
    for item in _absolute():
        yield item
        base, words = item.id.removesuffix("_nM"), item.words.split(",")[0]
        yield replace(
            item, id=f"{base}_fold", unit="1", words=f"{words}, fold of rest", relative="rest"
        )
    yield Readout(
        id="camp_share",
        quantities=("camp",),
        unit="1",
        words="cAMP, share of vehicle",
        relative="vehicle",
    )
    yield Readout(
        id="cxcl12_left",
        quantities=("cxcl12",),
        unit="1",
        words="CXCL12 left in the medium, share",
        relative="start",
    )
    yield Readout(
        id="chemotaxis",
        quantities=("migration_speed", "chemotactic_bias"),
        unit="um/hour",
        words="drift up the gradient",
        least=1e-3,
    )
    yield Readout(
        id="cell_number_fold",
        quantities=("birth_rate", "death_rate"),
        unit="1",
        words="number of cells, fold of the start",
        growth=True,
    )


READOUTS: Final[Mapping[str, Readout]] = MappingProxyType({item.id: item for item in _readouts()})
"""Every readout of the bench by id."""
