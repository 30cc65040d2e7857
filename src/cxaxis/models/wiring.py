"""Rival mechanisms as named options; each option sets switches of the model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from typing import Final, Literal, get_args, get_type_hints

from cxaxis.core.errors import ModelValueError
from cxaxis.core.ids import did_you_mean

OffOn = Literal["off", "on"]

# The mechanisms that the patient model has; the others are of the cell alone.
PATIENT_WIRINGS: Final = (
    "niche_release",
    "ackr3_survival",
    "ligand_rebound",
    "freed_ligand_vessels",
    "leukocyte_field",
)
Heterodimer = Literal["none", "blunts_gi", "drives_arrestin"]
Ackr3Uptake = Literal["arrestin", "free"]
TgfBeta = Literal["cxcr4_up", "stromal_cxcl12_down"]


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """One choice among rival mechanisms of the models.

    Defaults, evidence and prior weights stand in ``knowledge/data/wirings.tsv``.

    Attributes
    ----------
    niche_release
        Whether blockade that empties the marrow niche also releases tumour cells and so
        raises distant seeding (a harm).
    ackr3_survival
        Whether ligand displaced to ACKR3 gives tumour cells a survival signal (a harm)
        instead of only being scavenged.
    ligand_rebound
        Whether stroma makes more CXCL12 under lasting blockade and goes on for a while after it
        (a harm).
    freed_ligand_vessels
        Whether ligand that blockade leaves unbound draws endothelial progenitors (a harm).
    leukocyte_field
        Whether leukocytes that blockade moves into the blood are hit in the radiation field and
        raise deaths from treatment (a harm).
    heterodimer
        What CXCR4 paired with ACKR3 does otherwise than alone: nothing, turn over less G
        protein, or hold more arrestin.
    ackr3_uptake
        Whether a cell takes in only the ACKR3 that arrestin holds, or all of it.
    stat3_through_src
        Whether STAT3 follows Src, and so the G protein, instead of JAK2 at the receptor.
    chloroquine_stat3
        Whether chloroquine lowers STAT3 phosphorylation itself.
    tgf_beta
        Whether TGF-beta raises CXCR4 of the tumour cell or lowers CXCL12 of stromal cells.
    nuclear_cxcr4_loop
        Whether nuclear CXCR4 and HIF-1alpha raise each other.
    message_stabilised
        Whether low oxygen also stabilises the CXCR4 message.
    """

    niche_release: OffOn = "off"
    ackr3_survival: OffOn = "off"
    ligand_rebound: OffOn = "off"
    freed_ligand_vessels: OffOn = "off"
    leukocyte_field: OffOn = "off"
    heterodimer: Heterodimer = "none"
    ackr3_uptake: Ackr3Uptake = "arrestin"
    stat3_through_src: OffOn = "off"
    chloroquine_stat3: OffOn = "off"
    tgf_beta: TgfBeta = "cxcr4_up"
    nuclear_cxcr4_loop: OffOn = "off"
    message_stabilised: OffOn = "off"

    def switches(self) -> dict[str, float]:
        """Return the value of each ``switch_`` constant of the models.

        A wiring that is off or on has one switch, ``switch_<wiring>``; any other has one for
        each option that is not the default, ``switch_<wiring>_<option>``.
        """
        return {
            switch: float(chosen == option)
            for name, chosen in asdict(self).items()
            for switch, option in _switches_of(name)
        }


def _switches_of(name: str) -> Iterator[tuple[str, str]]:
    """Yield each switch of a wiring and the option that turns it on."""
    options = wiring_options()[name]
    for option in options[1:]:
        yield (f"switch_{name}" if options == ("off", "on") else f"switch_{name}_{option}"), option


def switches_of(name: str) -> tuple[str, ...]:
    """Return the ``switch_`` constants of a wiring, one for each option but the default."""
    return tuple(switch for switch, _ in _switches_of(name))


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
