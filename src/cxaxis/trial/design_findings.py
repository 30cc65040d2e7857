"""Findings on the design of a protocol: shares, strata, biomarkers, looks, baskets, crossover.

Every check reads the file, not the protocol made of it: a fault elsewhere must not hide it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise

from cxaxis.cohort.settings import SETTINGS
from cxaxis.core.errors import Finding, error
from cxaxis.core.ids import did_you_mean
from cxaxis.knowledge.located_yaml import LocatedDocument, Location
from cxaxis.trial.biomarkers import BIOMARKERS, CALLS, band_faults
from cxaxis.trial.document_parts import (
    arms_of,
    horizon_of,
    length_at,
    part_at,
    parts_at,
    words_at,
)
from cxaxis.trial.protocol_parts import (
    MOST_PARTS,
    Arm,
    Basket,
    BiomarkerBands,
    Crossover,
    Enrichment,
    Interim,
    Population,
    Visits,
    whole_parts,
)

#: How names of uptake in PET begin.
UPTAKES = ("SUV", "PET", "TBR")


def design_findings(document: LocatedDocument) -> Iterator[Finding]:
    """Yield what is wrong with the design that a protocol describes."""
    yield from _allocation_findings(document)
    yield from _strata_findings(document)
    yield from _enrichment_findings(("enrichment",), document)
    for location, _ in parts_at(document, ("baskets",), Basket):
        yield from _enrichment_findings((*location, "enrichment"), document)
    yield from _basket_findings(document)
    yield from _crossover_findings(document)
    design = part_at(document, ("interim",), Interim)
    if design is not None:
        yield from _look_findings(design, document)
        yield from _comparison_findings(design, document)


def replay_findings(document: LocatedDocument, *, sealed: bool) -> Iterator[Finding]:
    """Yield that a replay has no seal."""
    if document.value(("replay",)) is True and not sealed:
        message = (
            "replay is true, but the protocol is not sealed: nobody could tell that it stood "
            "before the result was looked at. Run `cxaxis trial seal` on it first."
        )
        yield error("PROT032", document.where(("replay",)), message)


def _allocation_findings(document: LocatedDocument) -> Iterator[Finding]:
    """Yield shares that are not positive, do not sum to 1, or are of other arms."""
    shares = document.value(("allocation",))
    if not isinstance(shares, dict):
        return
    arms = arms_of(document)
    numbers = {
        name: float(share)
        for name, share in shares.items()
        if isinstance(share, int | float) and not isinstance(share, bool) and math.isfinite(share)
    }
    for name in shares:
        if name not in arms:
            message = f"allocation has {name!r}, no arm. {did_you_mean(str(name), arms)}"
            yield error("PROT028", document.where(("allocation", name)), message)
    low = [name for name, share in numbers.items() if share <= 0]
    for name in low:
        message = (
            f"allocation.{name} is {numbers[name]:g}. Give every arm a share above 0; an arm "
            "that nobody enters is left out."
        )
        yield error("PROT028", document.where(("allocation", name)), message)
    absent = [name for name in arms if name not in shares]
    if absent:
        message = f"allocation lacks {', '.join(absent)}. Give every arm its share."
        yield error("PROT028", document.where(("allocation",)), message)
    if len(numbers) == len(shares) and not low and whole_parts(numbers) is None:
        told = " + ".join(f"{share:g}" for share in numbers.values())
        message = (
            f"allocation {told} sums to {sum(numbers.values()):g}, not 1. Change a share; each is "
            f"read as a fraction of at most {MOST_PARTS} parts."
        )
        yield error("PROT028", document.where(("allocation",)), message)
    for location, arm in parts_at(document, ("arms",), Arm):
        if "ratio" in arm.model_fields_set:
            key = ".".join(map(str, location))
            message = (
                f"{key}.ratio is {arm.ratio}, but allocation gives shares. Keep one of the two."
            )
            yield error("PROT028", document.where((*location, "ratio")), message)


def _strata_findings(document: LocatedDocument) -> Iterator[Finding]:
    """Yield strata that share patients, or leave some out."""
    names = words_at(document, ("strata",))
    markers: dict[str, str] = {}
    for index, name in enumerate(names):
        where = document.where(("strata", index))
        if name in names[:index]:
            message = f"strata {', '.join(names)} name {name} twice. Remove the second."
            yield error("PROT024", where, message)
            continue
        yield from _second_cut(name, _stain_of(name), markers, where)
    for location, item in parts_at(document, ("biomarker_strata",), BiomarkerBands):
        key = ".".join(map(str, location))
        if item.biomarker not in BIOMARKERS:
            hint = did_you_mean(item.biomarker, BIOMARKERS)
            message = f"{key}.biomarker is {item.biomarker!r}, no biomarker with bands. {hint}"
            yield error("PROT025", document.where((*location, "biomarker")), message)
            continue
        faults = band_faults(item.bands, BIOMARKERS[item.biomarker])
        if faults:
            message = (
                f"{key}.bands of {item.biomarker}: {'; '.join(faults)}. Let each value of "
                f"{BIOMARKERS[item.biomarker].range_text} lie in one band."
            )
            outside = all("outside" in fault for fault in faults)
            code = "PROT026" if outside else "PROT024"
            yield error(code, document.where((*location, "bands")), message)
        covariate = BIOMARKERS[item.biomarker].covariate
        where = document.where((*location, "biomarker"))
        yield from _second_cut(item.biomarker, _stain_of(covariate), markers, where)


def _stain_of(name: str) -> str:
    """Return the marker whose stain a covariate is read from, else the covariate's own name."""
    for stain in ("cxcr4", "cxcl12"):
        if name in (f"{stain}_h_score", f"{stain}_ihc"):
            return stain
        if name.startswith("ihc_") and stain in name:
            return stain
    return name


def _second_cut(name: str, stain: str, markers: dict[str, str], where: str) -> Iterator[Finding]:
    """Yield that a stain is cut a second time, which makes strata that nobody can be in."""
    first = markers.setdefault(stain, name)
    if first != name:
        message = (
            f"strata {first} and {name} overlap: both cut the stain for {stain.upper()}. "
            "Keep one of them, or write bands."
        )
        yield error("PROT024", where, message)


def _enrichment_findings(location: Location, document: LocatedDocument) -> Iterator[Finding]:
    """Yield a biomarker that is none, and a cut-off that it cannot have."""
    item = part_at(document, location, Enrichment)
    if item is None:
        return
    key = ".".join(map(str, location))
    where = document.where((*location, "biomarker"))
    if item.biomarker in CALLS:
        if item.call is None or item.above is not None:
            message = (
                f"{key}.biomarker {item.biomarker} is the call of a stain. "
                "Give call: high or call: low, and no cut-off."
            )
            yield error("PROT025", where, message)
        return
    found = BIOMARKERS.get(item.biomarker)
    if found is None and item.biomarker.upper().startswith(UPTAKES):
        message = (
            f"{key}.biomarker is {item.biomarker!r}, uptake in PET: no run reads images at "
            "screening, so nobody could be selected by them. Enrich by a stain, such as CXCR4H."
        )
        yield error("PROT035", where, message)
    elif found is None:
        hint = did_you_mean(item.biomarker, [*BIOMARKERS, *CALLS])
        message = f"{key}.biomarker is {item.biomarker!r}, no biomarker. {hint}"
        yield error("PROT025", where, message)
    elif item.above is None or item.call is not None:
        message = (
            f"{key}.biomarker {item.biomarker} is a number of {found.range_text}. "
            "Give above: with a cut-off, and no call."
        )
        yield error("PROT025", where, message)
    elif not found.low <= item.above < found.high:
        message = (
            f"{key}.above is {item.above:g}, outside the range of {item.biomarker}, "
            f"{found.range_text}. Give a cut-off within it that leaves patients above."
        )
        yield error("PROT026", document.where((*location, "above")), message)


def _basket_findings(document: LocatedDocument) -> Iterator[Finding]:
    """Yield baskets of one name, and baskets that one patient could enter both of."""
    baskets: list[tuple[Location, str, str, Enrichment | None]] = []
    population = part_at(document, ("population",), Population)
    if population is not None:
        own = part_at(document, ("enrichment",), Enrichment)
        baskets.append((("population",), "population", population.setting, own))
    found = list(parts_at(document, ("baskets",), Basket))
    baskets += [
        (place, f"basket {item.id!r}", item.setting, item.enrichment) for place, item in found
    ]
    names = [item.id for _, item in found]
    for index, (location, item) in enumerate(found):
        if item.id in names[:index]:
            message = f"baskets name {item.id!r} twice. Rename one."
            yield error("PROT030", document.where((*location, "id")), message)
    for (_, first, one, first_marker), (location, second, other, other_marker) in combinations(
        baskets, 2
    ):
        shared = [stage for stage in SETTINGS[one] if stage in SETTINGS[other]]
        if shared and not _exclusive(first_marker, other_marker):
            message = (
                f"{second} ({other}) overlaps with {first} ({one}): a patient of stage "
                f"{' or '.join(shared)} could enter both. Give settings that share no stage, or "
                "opposite calls of one stain."
            )
            yield error("PROT030", document.where((*location, "setting")), message)


def _exclusive(one: Enrichment | None, other: Enrichment | None) -> bool:
    """Return whether nobody can have the biomarkers that both ask for."""
    if one is None or other is None or one.biomarker != other.biomarker:
        return False
    return {one.call, other.call} == {"high", "low"}


def _crossover_findings(document: LocatedDocument) -> Iterator[Finding]:
    """Yield a crossover into no arm, or into the one that patients leave."""
    item = part_at(document, ("crossover",), Crossover)
    arms, control = arms_of(document), document.value(("control",))
    if item is None or (item.to in arms and item.to != control):
        return
    what = "the control, which patients cross from" if item.to == control else "no arm"
    others = [arm for arm in arms if arm != control]
    message = f"crossover.to is {item.to!r}, {what}. {did_you_mean(item.to, others)}"
    yield error("PROT031", document.where(("crossover", "to")), message)


def _look_findings(design: Interim, document: LocatedDocument) -> Iterator[Finding]:
    """Yield looks that do not come, or not in order."""
    where = document.where(("interim",))
    horizon_day = horizon_of(document)
    if bool(design.information_fractions) == bool(design.look_days):
        message = (
            "interim needs its looks once: "
            "information_fractions, such as [0.5, 0.75], or look_days."
        )
        yield error("PROT027", where, message)
    for key, values in (
        ("information_fractions", design.information_fractions),
        ("look_days", design.look_days),
    ):
        if any(later <= earlier for earlier, later in pairwise(values)):
            message = (
                f"interim.{key} {_list(values)} do not increase. Put them in order, each once."
            )
            yield error("PROT027", document.where(("interim", key)), message)
    late = [value for value in design.information_fractions if value >= 1]
    if late:
        message = (
            f"interim.information_fractions has {_list(late)}: an interim look comes before the "
            "end, which is 1. Give fractions below 1; the final look needs none."
        )
        yield error("PROT027", document.where(("interim", "information_fractions")), message)
    after = [day for day in design.look_days if horizon_day is not None and day >= horizon_day]
    if after:
        message = (
            f"interim.look_days has {_list(after)}, not before horizon_day {horizon_day:g}: an "
            "interim look comes before the end. Remove it, or move horizon_day."
        )
        yield error("PROT027", document.where(("interim", "look_days")), message)
    visits = part_at(document, ("visits",), Visits)
    code = _end_point(design, document)
    if visits is not None and code not in (None, "OS"):
        blind = [day for day in design.look_days if day < visits.first_day]
        if blind:
            message = (
                f"interim.look_days has {_list(blind)}, before visits.first_day "
                f"{visits.first_day:g}: no visit has observed {code} then. Look later."
            )
            yield error("PROT027", document.where(("interim", "look_days")), message)
    if design.futility_z and len(design.futility_z) != design.n_interim:
        message = (
            f"interim.futility_z has {len(design.futility_z)} numbers for {design.n_interim} "
            "interim looks. Give one for each, or none."
        )
        yield error("PROT027", document.where(("interim", "futility_z")), message)


def _comparison_findings(design: Interim, document: LocatedDocument) -> Iterator[Finding]:
    """Yield an end point, an arm or a number of events that the trial does not have."""
    names = words_at(document, ("endpoints",))
    if design.end_point is not None and names and design.end_point not in names:
        message = f"interim.end_point {design.end_point} is not among endpoints. Add it there."
        yield error("PROT027", document.where(("interim", "end_point")), message)
    arms, control = arms_of(document), document.value(("control",))
    others = [arm for arm in arms if arm != control]
    if design.arm is None and len(others) > 1:
        message = f"interim.arm is missing: {', '.join(others)} are compared. Name one of them."
        yield error("PROT027", document.where(("interim",)), message)
    if design.arm is not None and design.arm not in others:
        what = "the control" if design.arm == control else "no arm"
        message = f"interim.arm is {design.arm!r}, {what}. {did_you_mean(design.arm, others)}"
        yield error("PROT027", document.where(("interim", "arm")), message)
        return
    most = _patients(design.arm or (others[0] if others else None), document)
    if most is not None and design.events > most:
        message = (
            f"interim.events {design.events} is more than the {most} patients compared: they "
            "cannot come. Lower it, or enrol more."
        )
        yield error("PROT027", document.where(("interim", "events")), message)


def _patients(arm: str | None, document: LocatedDocument) -> int | None:
    """Return the patients of an arm and control, None if they cannot be counted."""
    population = part_at(document, ("population",), Population)
    control = document.value(("control",))
    listed = list(parts_at(document, ("arms",), Arm))
    if arm is None or population is None or len(listed) != length_at(document, ("arms",)):
        return None
    ratios = {item.id: item.ratio for _, item in listed}
    shares = document.value(("allocation",))
    if shares is not None:
        try:
            ratios = whole_parts({name: float(share) for name, share in shares.items()}) or {}
        except (AttributeError, TypeError, ValueError, OverflowError):
            return None
    if arm not in ratios or control not in ratios:
        return None
    return population.patients_per_ratio_unit * (ratios[arm] + ratios[control])


def _end_point(design: Interim, document: LocatedDocument) -> str | None:
    names = words_at(document, ("endpoints",))
    return design.end_point or (names[0] if names else None)


def _list(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
