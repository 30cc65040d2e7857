"""What a world knows of the cell: draws of the calibration, and of the prior where it was silent.

The calibration frees some parameters of receptors and signalling and holds the others of its
experiments at their tabled values; its draws are a posterior only together with those. So a
world takes a calibrated parameter from a draw of the posterior and leaves what was held where it
was. Whatever the calibrated experiments do not contain (expression, fates, drugs, isoforms, pairs
of receptors) is drawn from the prior, as for a patient. What the held parameters leave open is
therefore not in a verdict.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from cxaxis.knowledge.cell_fit import load_cell_fit
from cxaxis.knowledge.posteriors import load_cell_posterior
from cxaxis.models.build import build
from cxaxis.models.graph import dependencies

CALIBRATED_PARTS: Final = ("cell_receptor_bench", "cell_signalling_bench")
# In the equations of the read-outs, but at work in no calibrated experiment.
_ABSENT: Final = frozenset(
    {
        *("half_dimer_ackr3", "gi_of_dimer", "arrestin_gain_dimer", "chloroquine_stat3_effect"),
        *("kd_antagonist_cxcr4", "koff_antagonist_cxcr4"),
        *("allosteric_kd_ratio", "k_antibody_loss_cxcr4"),
        *("kd_neutraliser_cxcl12", "koff_neutraliser_cxcl12"),
    }
)
_OTHER_ISOFORM: Final = re.compile(r"_(beta|gamma|delta|epsilon|phi)\Z")
_WORD: Final = re.compile(r"[A-Za-z]\w*")


def learned(draw: int) -> Mapping[str, float]:
    """Return the draw of the calibrated parameters that belongs to a world.

    Parameters
    ----------
    draw
        Number of the world; draws of the posterior are used in turn.

    Returns
    -------
    Parameter -> value in the unit of the parameter table.
    """
    draws = _posterior()
    return draws[draw % len(draws)]


@cache
def _posterior() -> tuple[Mapping[str, float], ...]:
    draws = load_cell_posterior()
    return tuple(draws[number] for number in sorted(draws))


@cache
def held() -> frozenset[str]:
    """Return the parameters that act on a calibrated read-out in the calibrated experiments.

    They are calibrated, or stay at the value with which the others were calibrated.
    """
    read = {
        name for item in load_cell_fit().readouts.values() for name in _WORD.findall(item.formula)
    }
    # The volumes of an assay are no part of what is unknown of the cell.
    found = {"medium", "cell_volume"}
    for part in CALIBRATED_PARTS:
        model = build(part)
        uses = dependencies(model)
        behind = set(read & uses.keys())
        waiting = list(behind)
        while waiting:
            new = uses[waiting.pop()] - behind
            behind |= new
            waiting += new
        found |= {model.bindings[name] for name in behind if name in model.bindings}
    return frozenset(
        name for name in found if name not in _ABSENT and not _OTHER_ISOFORM.search(name)
    )
