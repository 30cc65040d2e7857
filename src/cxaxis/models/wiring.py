"""Rival mechanisms as named options; each option sets switches of the model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from typing import Literal, get_args, get_type_hints

from cxaxis.core.errors import ModelValueError
from cxaxis.core.ids import did_you_mean

OffOn = Literal["off", "on"]


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """One choice among rival mechanisms of the patient model.

    Defaults, evidence and prior weights stand in ``knowledge/data/wirings.tsv``.

    Attributes
    ----------
    niche_release
        Whether blockade that empties the marrow niche also releases tumour cells and so
        raises distant seeding (a harm).
    ackr3_survival
        Whether ligand displaced to ACKR3 gives tumour cells a survival signal (a harm)
        instead of only being scavenged.
    """

    niche_release: OffOn = "off"
    ackr3_survival: OffOn = "off"

    def switches(self) -> dict[str, float]:
        """Return the value of each ``switch_`` constant of the model."""
        return {f"switch_{name}": float(option == "on") for name, option in asdict(self).items()}


def wiring_options() -> dict[str, tuple[str, ...]]:
    """Return the options of each wiring, default first."""
    hints = get_type_hints(Wiring)
    return {field.name: get_args(hints[field.name]) for field in fields(Wiring)}


def wiring_from(options: dict[str, str]) -> Wiring:
    """Return the wiring with the given options changed from the default.

    Raises
    ------
    ModelValueError
        For an unknown wiring or option, naming the known ones.
    """
    known = wiring_options()
    for name, option in options.items():
        if name not in known:
            msg = f"unknown wiring {name!r}. {did_you_mean(name, known)}"
            raise ModelValueError(msg)
        if option not in known[name]:
            msg = f"wiring {name} has no option {option!r}. Options: {', '.join(known[name])}."
            raise ModelValueError(msg)
    return replace(Wiring(), **options)  # type: ignore[arg-type]


def one_at_a_time() -> Iterator[Wiring]:
    """Yield the default wiring and each one that differs from it in a single option."""
    yield Wiring()
    for name, options in wiring_options().items():
        for option in options[1:]:
            yield wiring_from({name: option})
