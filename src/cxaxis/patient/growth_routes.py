"""By which routes CXCR4 makes a primary grow: a full factorial of four.

The routes are division and death of tumour cells (autocrine and stromal CXCL12), stemness,
vessels (VEGF and progenitors) and immune cells (exclusion, regulatory T cells, plasmacytoid
dendritic cells). CXCR4 is taken from every tumour cell; a route that is *cut* hears it, one that
is *kept* is made deaf by its own parameters and goes on as in the untreated tumour. With all four
cut the tumour is the axis-free one. With all four kept it must grow as the intact tumour does, or
CXCR4 acts by a fifth route: `RouteFactorial.left_over` measures that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import TYPE_CHECKING, Final

import numpy as np

from cxaxis.core.arrays import BoolArray, FloatArray
from cxaxis.core.errors import ModelValueError
from cxaxis.engine.doses import DoseTable
from cxaxis.engine.protocol import Engine, ParameterTable, Tolerances
from cxaxis.models.build import Model
from cxaxis.patient.course import PATIENT_TOLERANCES
from cxaxis.patient.grafts import VOLUME, stacked, volumes_mm3, with_cxcr4

if TYPE_CHECKING:
    import pandas as pd

#: Quantities of the untreated tumour that a route is held at.
_HELD: Final = ("growth_drive", "vessel_aim", "tumour_log", "repair")
_TOLERANCES: Final = PATIENT_TOLERANCES

Columns = Mapping[str, FloatArray | float]
_Deafen = Callable[[ParameterTable, Mapping[str, FloatArray]], Columns]


def _keep_division(tumour: ParameterTable, held: Mapping[str, FloatArray]) -> Columns:
    return {
        "cxcr4_growth_effect": 0.0,
        "ackr3_growth_effect": 0.0,
        "birth_rate": tumour.column("birth_rate") * held["growth_drive"],
    }


def _keep_stemness(tumour: ParameterTable, held: Mapping[str, FloatArray]) -> Columns:
    # The shares of cells stay as they are.
    return {"k_differentiate": 0.0, "k_switch_cxcr4_share": 0.0}


def _keep_vessels(tumour: ParameterTable, held: Mapping[str, FloatArray]) -> Columns:
    # Without a stromal signal progenitors come to 1 less the share that CXCR4 brings.
    size = np.exp(tumour.column("vessel_size_exponent") * held["tumour_log"])
    level = held["vessel_aim"] * size
    return {
        "vegf_effect": 0.0,
        "progenitor_effect": 1.0,
        "cxcr4_share_of_progenitors": 1.0 - level,
        "progenitors": level,
        "freed_ligand_gain": 0.0,
        "host_share_of_repair": 1.0 - held["repair"],
        "myeloid": 0.0,
    }


def _keep_immunity(tumour: ParameterTable, held: Mapping[str, FloatArray]) -> Columns:
    # Killing is counted from the untreated tumour on.
    return {"kill_per_cd8": 0.0}


_KEEP: Final[Mapping[str, _Deafen]] = {
    "division": _keep_division,
    "stemness": _keep_stemness,
    "vessels": _keep_vessels,
    "immunity": _keep_immunity,
}
ROUTES: Final = tuple(_KEEP)
#: Every choice of routes to cut, the one without any first and the one with all last.
CHOICES: Final = tuple(product((False, True), repeat=len(ROUTES)))


def cut_routes(
    tumour: ParameterTable, held: Mapping[str, FloatArray], cut: Sequence[str]
) -> ParameterTable:
    """Return tumours without CXCR4 in which only some routes hear that it is gone.

    Parameters
    ----------
    tumour
        Untreated tumours as found, with their untreated signals and a causal share of 1.
    held
        ``growth_drive``, ``vessel_aim``, ``tumour_log`` and ``repair`` of them, one per tumour.
    cut
        Names out of `ROUTES`.

    Raises
    ------
    ModelValueError
        For a name that is no route.
    """
    if unknown := [name for name in cut if name not in ROUTES]:
        msg = f"no route {unknown[0]!r}. Routes: {', '.join(ROUTES)}."
        raise ModelValueError(msg)
    columns: dict[str, FloatArray | float] = {}
    for name, keep in _KEEP.items():
        if name not in cut:
            columns |= keep(tumour, held)
    return with_cxcr4(tumour, 0.0).with_columns(**columns)


@dataclass(frozen=True, kw_only=True)
class RouteFactorial:
    """Log volume of tumours with every choice of routes cut.

    Attributes
    ----------
    day
        Day of the reading, from the loss of CXCR4.
    log_volume
        Natural log of volume over that of the same tumour, intact, on that day; in the order of
        `CHOICES`, shape ``(16, n_tumour)``.
    """

    day: float
    log_volume: FloatArray = field(repr=False)

    @property
    def left_over(self) -> FloatArray:
        """Volume without CXCR4 and with all routes kept over the intact one, ``(n_tumour,)``.

        1 where the four routes are all there are.
        """
        return np.asarray(np.exp(self.log_volume[0]))

    @property
    def axis_free(self) -> FloatArray:
        """Volume with all routes cut over the intact one, shape ``(n_tumour,)``."""
        return np.asarray(np.exp(self.log_volume[-1]))

    def log_ratio(self, *cut: str) -> FloatArray:
        """Return the log ratio with these routes cut, shape ``(n_tumour,)``."""
        return np.asarray(self.log_volume[CHOICES.index(tuple(name in cut for name in ROUTES))])

    def effect(self, *routes: str) -> FloatArray:
        """Return a main effect, or the interaction of several routes, on log volume.

        Half the sum over choices, each counted plus or minus by whether an even number of the
        routes named is kept, over the number of choices at one level: the usual contrast. The
        effect of one route is the mean over all choices for the other three of what cutting it
        adds; that of two is half of what cutting one adds to the effect of the other.
        """
        chosen = np.array(
            [[cut for cut, name in zip(c, ROUTES, strict=True) if name in routes] for c in CHOICES]
        )
        sign = np.prod(np.where(chosen, 1.0, -1.0), axis=1)
        return np.asarray(sign @ self.log_volume / (len(CHOICES) / 2))

    def effects(self) -> Iterator[tuple[tuple[str, ...], FloatArray]]:
        """Yield every main effect, then every interaction, with the routes it is of."""
        for order in range(1, len(ROUTES) + 1):
            for routes in combinations(ROUTES, order):
                yield routes, self.effect(*routes)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per effect: ``routes, order``, median log effect and its factor."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "routes": " x ".join(routes),
                    "order": len(routes),
                    "log_effect": float(np.median(effect)),
                    "factor": float(np.exp(np.median(effect))),
                }
                for routes, effect in self.effects()
            ]
        )


def route_factorial(
    model: Model,
    tumour: ParameterTable,
    engine: Engine,
    *,
    day: float,
    tolerances: Tolerances = _TOLERANCES,
) -> RouteFactorial:
    """Return the factorial of the four routes in untreated tumours.

    Parameters
    ----------
    model
        The patient model.
    tumour
        Untreated tumours as found: of a patient, ``Diagnosis.patients``; of a mouse,
        ``Grafts.table``. Their causal share is taken to be 1, and the last clonogen lives.
    engine
        Any engine.
    day
        Day of the reading, from the loss of CXCR4, positive.
    tolerances
        Error control.

    Raises
    ------
    ModelValueError
        If a tumour could not be simulated.
    """
    found = tumour.with_columns(phi=1.0, control_draw=1e-300)
    start = engine.simulate(
        model.sbml, found, DoseTable(), np.array([0.0]), list(_HELD), tolerances=tolerances
    )
    held = {name: start.of(name)[:, 0] for name in _HELD}
    tables = [found]
    for choice in CHOICES:
        cut = [name for name, is_cut in zip(ROUTES, choice, strict=True) if is_cut]
        tables.append(cut_routes(found, held, cut))
    names = tuple(dict.fromkeys(name for table in tables for name in table.names))
    if missing := [name for name in names if name not in found.names]:
        msg = f"the tumours lack {', '.join(missing)}."
        raise ModelValueError(msg)
    table = stacked(tables)
    run = engine.simulate(
        model.sbml, table, DoseTable(), np.array([day]), VOLUME, tolerances=tolerances
    )
    volume = volumes_mm3(run, table)[:, -1].reshape(len(tables), tumour.n_patient)
    if not (np.isfinite(volume).all() and (volume > 0).all()):
        msg = "a tumour could not be simulated, or has no volume left to compare."
        raise ModelValueError(msg)
    return RouteFactorial(day=day, log_volume=np.log(volume[1:] / volume[0]))


def hearing(choice: BoolArray | Sequence[bool]) -> str:
    """Return the routes cut in a choice as text, such as ``division + vessels``."""
    return " + ".join(n for n, cut in zip(ROUTES, choice, strict=True) if cut) or "none"
