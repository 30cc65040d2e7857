"""The patient model with its rival mechanisms as what each patient brings, not as texts of its own.

One text then serves every wiring: reading another takes longer than following a patient.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Final

from cxaxis.knowledge.parameters import Parameter, load_parameters
from cxaxis.models.build import Model, build
from cxaxis.models.wiring import PATIENT_WIRINGS, Wiring, switches_of, wiring_from
from cxaxis.trial.harm_plan import harm_wirings
from cxaxis.trial.uncertainty import draw_wiring

SWITCHES: Final = tuple(switch for name in PATIENT_WIRINGS for switch in switches_of(name))


def patient_wiring(*, seed: int, draw: int, options: Mapping[str, str] | None = None) -> Wiring:
    """Return the wiring of a draw: mechanisms of the patient by their prior weights.

    Parameters
    ----------
    seed, draw
        The draw's random streams are keyed ``("wiring", draw, mechanism)``.
    options
        Options that are chosen, not drawn.
    """
    drawn = draw_wiring(harm_wirings(), seed=seed, draw=draw)
    chosen = {name: getattr(drawn, name) for name in PATIENT_WIRINGS}
    return wiring_from({**chosen, **(options or {})})


def switch_values(wiring: Wiring) -> dict[str, float]:
    """Return what a population with this wiring has in the places of `SWITCHES`, 0 or 1."""
    values = wiring.switches()
    return {name: values[name] for name in SWITCHES}


@cache
def switched_model() -> Model:
    """Return the patient model with `SWITCHES` among what each patient brings."""
    model = build("patient", load_parameters())
    own = {name: name for name in SWITCHES}
    return replace(
        model,
        bindings={**model.bindings, **own},
        factors={**model.factors, **dict.fromkeys(own, 1.0)},
    )


@cache
def switch_rows() -> Mapping[str, Parameter]:
    """Return a row for each switch: the same in all patients of a population."""
    pattern = load_parameters()["phi"]
    return {
        name: replace(pattern, id=name, value=0.0, unit="1", spread=0.0, omega=0.0)
        for name in SWITCHES
    }
