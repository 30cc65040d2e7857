"""The grammar of rules: which signals a cell may read and which behaviours they may drive.

Names are those of PhysiCell's dictionaries, with the tissue's own substrates, cell types and custom
numbers put in. Every signal and every behaviour has a column; `cxaxis.tissue.rules` turns rules
into those columns.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import Finding, error
from cxaxis.tissue.records import CellType, Tissue

#: Behaviours that stand alone, in the order of their columns.
SINGLE_BEHAVIOURS: Final = (
    "apoptosis",
    "necrosis",
    "migration speed",
    "migration bias",
    "migration persistence time",
    "cell-cell adhesion",
    "cell-cell repulsion",
    "relative maximum adhesion distance",
    "damage rate",
    "phagocytose dead cell",
)

#: Behaviours towards a substrate.
SUBSTRATE_BEHAVIOURS: Final = (
    "{} secretion",
    "{} secretion target",
    "{} uptake",
    "{} export",
    "chemotactic response to {}",
)

#: Behaviours towards a cell type.
TYPE_BEHAVIOURS: Final = (
    "adhesive affinity to {}",
    "phagocytose {}",
    "attack {}",
    "transform to {}",
)

SUBSTRATE_SIGNALS: Final = ("{}", "intracellular {}", "{} gradient")
SINGLE_SIGNALS: Final = (
    "pressure",
    "volume",
    "contact with live cell",
    "contact with dead cell",
    "damage",
    "dead",
    "apoptotic",
    "necrotic",
    "total attack time",
    "time",
)

_BEHAVIOUR_ALIASES: Final[Mapping[str, str]] = {
    "cycle entry": "exit from cycle phase 0",
    "attack damage rate": "damage rate",
    "phagocytose apoptotic cell": "phagocytose dead cell",
    "phagocytose necrotic cell": "phagocytose dead cell",
    "phagocytose other dead cell": "phagocytose dead cell",
}


@dataclass(frozen=True, kw_only=True)
class Grammar:
    """Columns of the signals and behaviours of one tissue.

    Attributes
    ----------
    substrates, types, customs
        Ids, in the order of the tissue; custom numbers by name.
    n_phase
        Phases of the longest cycle.
    """

    substrates: tuple[str, ...]
    types: tuple[str, ...]
    customs: tuple[str, ...]
    n_phase: int

    @cached_property
    def behaviours(self) -> dict[str, int]:
        """Column of each behaviour."""
        names = [
            *SINGLE_BEHAVIOURS,
            *(f"exit from cycle phase {k}" for k in range(self.n_phase)),
            *(name.format(s) for name in SUBSTRATE_BEHAVIOURS for s in self.substrates),
            *(name.format(t) for name in TYPE_BEHAVIOURS for t in self.types),
            *(f"custom:{c}" for c in self.customs),
        ]
        return {name: column for column, name in enumerate(names)}

    @cached_property
    def signals(self) -> dict[str, int]:
        """Column of each signal."""
        names = [
            *(name.format(s) for name in SUBSTRATE_SIGNALS for s in self.substrates),
            *(f"contact with {t}" for t in self.types),
            *SINGLE_SIGNALS,
            *(f"custom:{c}" for c in self.customs),
        ]
        return {name: column for column, name in enumerate(names)}

    def behaviour(self, name: str) -> int | None:
        """Return the column of a behaviour under any of its names, None if there is none."""
        name = _custom(_BEHAVIOUR_ALIASES.get(name, name))
        return self.behaviours.get(name)

    def signal(self, name: str) -> int | None:
        """Return the column of a signal under any of its names, None if there is none."""
        return self.signals.get(_custom(name))

    def columns(self, template: str) -> slice:
        """Return the columns of a behaviour towards every substrate or type, such as ``attack {}``.

        ``exit from cycle phase {}`` and ``custom:{}`` are understood as well.
        """
        if template in SUBSTRATE_BEHAVIOURS:
            owners: Sequence[str] = self.substrates
        elif template in TYPE_BEHAVIOURS:
            owners = self.types
        elif template == "custom:{}":
            owners = self.customs
        else:
            owners = [str(k) for k in range(self.n_phase)]
        first = self.behaviours[template.format(owners[0])] if owners else 0
        return slice(first, first + len(owners))


def grammar_of(tissue: Tissue) -> Grammar:
    """Return the columns of a tissue; custom numbers are those of its types, then of its cells."""
    known = {"x_um", "y_um", "z_um", "type"}
    customs = [name for cell_type in tissue.cell_types for name in cell_type.custom]
    customs += [str(name) for name in tissue.start.columns if name not in known]
    return Grammar(
        substrates=tuple(substrate.id for substrate in tissue.substrates),
        types=tuple(cell_type.id for cell_type in tissue.cell_types),
        customs=tuple(dict.fromkeys(customs)),
        n_phase=max((len(cell_type.cycle) for cell_type in tissue.cell_types), default=0),
    )


def base_behaviours(grammar: Grammar, types: Sequence[CellType]) -> FloatArray:
    """Return behaviours before rules, ``(n_type, n_behaviour)``, in the units of the records."""
    base = np.zeros((len(types), len(grammar.behaviours)))
    for row, cell_type in zip(base, types, strict=True):
        for name, value in _behaviours_of(cell_type, grammar):
            row[grammar.behaviours[name]] = value
    return base


def unknown_name(code: str, where: str, kind: str, name: str, known: Iterable[str]) -> Finding:
    """Return the finding that a name is not one of the known, with the nearest that are."""
    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    cure = f"did you mean {' or '.join(repr(n) for n in near)}?" if near else "see the grammar."
    return error(code, where, f"{kind} {name!r} is not known; {cure}")


def _behaviours_of(cell_type: CellType, grammar: Grammar) -> Iterable[tuple[str, float]]:
    rates = {death.kind: death.rate_per_min for death in cell_type.deaths}
    motility, mechanics = cell_type.motility, cell_type.mechanics
    interactions = cell_type.interactions
    yield "apoptosis", rates.get("apoptosis", 0.0)
    yield "necrosis", rates.get("necrosis", 0.0)
    yield "migration speed", motility.speed_um_per_min
    yield "migration bias", motility.bias
    yield "migration persistence time", motility.persistence_min
    yield "cell-cell adhesion", mechanics.adhesion_um_per_min
    yield "cell-cell repulsion", mechanics.repulsion_um_per_min
    yield "relative maximum adhesion distance", mechanics.reach_radii
    yield "damage rate", interactions.damage_rate_per_min
    yield "phagocytose dead cell", interactions.dead_phagocytosis_per_min
    for k, phase in enumerate(cell_type.cycle):
        yield (
            f"exit from cycle phase {k}",
            1.0 / phase.duration_min if phase.duration_min > 0 else np.inf,
        )
    for s in grammar.substrates:
        if s in cell_type.exchange:
            exchange = cell_type.exchange[s]
            yield f"{s} secretion", exchange.secretion_per_min
            yield f"{s} secretion target", exchange.target
            yield f"{s} uptake", exchange.uptake_per_min
            yield f"{s} export", exchange.net_export_per_min
        yield f"chemotactic response to {s}", motility.sensitivities.get(s, 0.0)
    for t in grammar.types:
        yield f"adhesive affinity to {t}", mechanics.affinities.get(t, 1.0)
        yield f"phagocytose {t}", interactions.phagocytosis_per_min.get(t, 0.0)
        yield f"attack {t}", interactions.attack_per_min.get(t, 0.0)
        yield f"transform to {t}", interactions.transformation_per_min.get(t, 0.0)
    for c in grammar.customs:
        yield f"custom:{c}", cell_type.custom.get(c, 0.0)


def _custom(name: str) -> str:
    return (
        f"custom:{name.removeprefix('custom').strip(': ')}" if name.startswith("custom") else name
    )
