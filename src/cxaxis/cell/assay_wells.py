"""The wells that an assay is made of: what each gets, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from cxaxis.cell.course import Phase

CONTROL: Final = "control"
MINUTE_S: Final = 60.0
HOUR_S: Final = 3600.0
DAY_S: Final = 86400.0
ONE_PERCENT_OXYGEN_NM: Final = 9300.0
SECOND_PULSE_S: Final = 10 * MINUTE_S
WASH_S: Final = 30 * MINUTE_S
# When cells with a short hairpin meet a gradient of CXCL12: their receptors have turned over.
MEETING_S: Final = 3 * DAY_S
# What a lentiviral short hairpin leaves of a message.
KNOCKDOWN_LEFT: Final = 0.2
# A transfected mimic, relative to the level of the reference cell; share that an antagomir blocks.
MIMIC_LEVEL: Final = 10.0
ANTAGOMIR_SHARE: Final = 0.9
MIRNAS: Final = ("mir9", "mir101", "mir149", "mir200", "mir370", "mir622")
MIRNA_MEANS: Final = {"mimic": MIMIC_LEVEL, "antagomir": ANTAGOMIR_SHARE}
# Plerixafor as laboratories give it to stop CXCR4.
ANTAGONIST_NM: Final = 1000.0
# Change of CXCL12 over the length of a cell, as a share of what the cell sees.
TRANSWELL_GRADIENT: Final = 0.1
# What a cell in a pore sees of the lower well: halfway along a straight gradient.
PORE_SHARE: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One well of an assay.

    Attributes
    ----------
    condition
        What was done to it beside CXCL12.
    cxcl12_nM
        What CXCL12 was added, nM.
    phases
        From time 0.
    settings
        Inputs that hold beside those of the user: of the cell at rest, or of its pretreatment.
    drug_nM
        What of the class of drug asked for stands in the medium, nM.
    """

    condition: str
    cxcl12_nM: float
    phases: tuple[Phase, ...]
    settings: Mapping[str, float] = field(default_factory=dict)
    drug_nM: float = 0.0


Wells = Callable[[Sequence[float], Sequence[float], Mapping[str, float]], Iterator[Experiment]]


def until(last_s: float, step_s: float) -> tuple[float, ...]:
    """Return times from 0 to the last, both among them, s."""
    return tuple(np.arange(0.0, last_s + 0.5 * step_s, step_s).tolist())


def _added(times_s: Sequence[float], dose_nM: float, **settings: float) -> tuple[Phase, ...]:
    return (Phase(times_s=tuple(times_s), add_nM={"cxcl12": dose_nM}, settings=settings),)


def under(**conditions: Mapping[str, float]) -> Wells:
    """Return wells with each dose in the control and under each of some settings."""

    def wells(
        doses_nM: Sequence[float], times_s: Sequence[float], _: Mapping[str, float]
    ) -> Iterator[Experiment]:
        for condition, settings in {CONTROL: {}, **conditions}.items():
            for dose in doses_nM:
                yield Experiment(
                    condition=condition,
                    cxcl12_nM=dose,
                    phases=_added(times_s, dose),
                    settings=settings,
                )

    return wells


def _broken(
    times_s: Sequence[float], dose_nM: float, at_s: float, second: Mapping[str, float] | None
) -> tuple[Phase, ...] | None:
    """Return CXCL12 at the start, then at a time more of it, or (None) none in fresh medium."""
    early = [time for time in times_s if time < at_s]
    late = [time - at_s for time in times_s if time > at_s]
    if not late:
        return None
    return (
        Phase(times_s=(*early, at_s), add_nM={"cxcl12": dose_nM}),
        Phase(times_s=tuple(late), add_nM=second or {}, fresh_medium=second is None),
    )


def calcium_wells(
    doses_nM: Sequence[float], times_s: Sequence[float], settings: Mapping[str, float]
) -> Iterator[Experiment]:
    """Yield wells without and with pertussis toxin, and such with a second pulse of CXCL12."""
    toxin = {"pertussis_toxin": 1.0}
    yield from under(pertussis_toxin=toxin)(doses_nM, times_s, settings)
    for dose in doses_nM:
        phases = _broken(times_s, dose, SECOND_PULSE_S, {"cxcl12": dose})
        if phases:
            yield Experiment(condition="second_pulse", cxcl12_nM=dose, phases=phases)


def surface_wells(
    doses_nM: Sequence[float], times_s: Sequence[float], settings: Mapping[str, float]
) -> Iterator[Experiment]:
    """Yield wells that keep their CXCL12, and such that are washed after half an hour."""
    yield from under()(doses_nM, times_s, settings)
    for dose in doses_nM:
        phases = _broken(times_s, dose, WASH_S, None)
        if phases:
            yield Experiment(condition="washed", cxcl12_nM=dose, phases=phases)


def from_start(**conditions: Mapping[str, float]) -> Wells:
    """Return wells in which the settings of each condition begin at time 0."""

    def wells(
        doses_nM: Sequence[float], times_s: Sequence[float], _: Mapping[str, float]
    ) -> Iterator[Experiment]:
        for condition, settings in {CONTROL: {}, **conditions}.items():
            for dose in doses_nM:
                yield Experiment(
                    condition=condition,
                    cxcl12_nM=dose,
                    phases=_added(times_s, dose, **settings),
                )

    return wells


def hypoxia_wells(
    doses_nM: Sequence[float], times_s: Sequence[float], _: Mapping[str, float]
) -> Iterator[Experiment]:
    """Yield wells in air and, from time 0, at 1 % oxygen, with and without a sound HRE."""
    low = {"oxygen": ONE_PERCENT_OXYGEN_NM}
    for condition, rest, start in (
        (CONTROL, {}, {}),
        ("hypoxia", {}, low),
        ("hypoxia_hre_mutant", {"hre_mutation_cxcr4": 1.0}, low),
    ):
        for dose in doses_nM:
            yield Experiment(
                condition=condition,
                cxcl12_nM=dose,
                phases=_added(times_s, dose, **start),
                settings=rest,
            )


def knockdown_wells(
    doses_nM: Sequence[float], times_s: Sequence[float], _: Mapping[str, float]
) -> Iterator[Experiment]:
    """Yield wells with and without a short hairpin from time 0, which meet CXCL12 on day 3."""
    early = tuple(time for time in times_s if time < MEETING_S)
    late = tuple(time - MEETING_S for time in times_s if time > MEETING_S)
    for condition, left in ((CONTROL, {}), ("knockdown", {"cxcr4_gene": KNOCKDOWN_LEFT})):
        for dose in doses_nM:
            before = Phase(times_s=(*early, MEETING_S) if late else tuple(times_s), settings=left)
            met = Phase(
                times_s=late,
                add_nM={"cxcl12": dose},
                settings={"cxcl12_gradient": TRANSWELL_GRADIENT},
            )
            yield Experiment(
                condition=condition, cxcl12_nM=dose, phases=(before, met) if late else (before,)
            )


def mirna_wells(
    doses_nM: Sequence[float], times_s: Sequence[float], settings: Mapping[str, float]
) -> Iterator[Experiment]:
    """Yield wells that get each mimic and each antagomir at time 0."""
    conditions = {
        f"{name}_{what}": {f"{what}_{name}": level}
        for name in MIRNAS
        for what, level in MIRNA_MEANS.items()
    }
    yield from from_start(**conditions)(doses_nM, times_s, settings)


def transwell_wells(
    doses_nM: Sequence[float], times_s: Sequence[float], settings: Mapping[str, float]
) -> Iterator[Experiment]:
    """Yield wells of which the lower holds CXCL12; a cell in the pore sees half of it."""
    for condition, given in (
        (CONTROL, {}),
        ("no_gradient", {"cxcl12_gradient": 0.0}),
        ("pertussis_toxin", {"pertussis_toxin": 1.0}),
    ):
        for dose in doses_nM:
            share = 1.0 if condition == "no_gradient" else PORE_SHARE
            yield Experiment(
                condition=condition,
                cxcl12_nM=dose,
                phases=_added(times_s, share * dose),
                settings={"cxcl12_gradient": TRANSWELL_GRADIENT, **settings, **given},
            )


def raised_camp(**conditions: Mapping[str, float]) -> Wells:
    """Return wells in which forskolin raises cAMP, in the control and under each condition."""

    def wells(
        doses_nM: Sequence[float], times_s: Sequence[float], settings: Mapping[str, float]
    ) -> Iterator[Experiment]:
        for condition, given in {CONTROL: {}, **conditions}.items():
            for dose in doses_nM:
                yield Experiment(
                    condition=condition,
                    cxcl12_nM=dose,
                    phases=_added(times_s, dose),
                    settings={"forskolin": 1.0, **settings, **given},
                )

    return wells
