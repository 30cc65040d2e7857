"""Findings on a protocol: what its end points, visits, arms, wiring and drugs say of each other.

Every check reads the file, not the protocol made of it: a fault elsewhere must not hide it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import ValidationError

from cxaxis.cohort.settings import SETTINGS
from cxaxis.cohort.virtual import ALL_STUDIES
from cxaxis.cohort.weights import targets_of
from cxaxis.core.errors import Finding, ModelValueError, UserInputError, error
from cxaxis.core.ids import did_you_mean
from cxaxis.knowledge.drug_records import Drug
from cxaxis.knowledge.located_yaml import LocatedDocument, Location
from cxaxis.knowledge.posteriors import load_outcome_posterior
from cxaxis.trial.document_parts import horizon_of, part_at, prescriptions_of, words_at
from cxaxis.trial.events import END_POINTS
from cxaxis.trial.operations import operation_findings
from cxaxis.trial.protocol_parts import Enrolment, Prescription, Visits, resolve
from cxaxis.trial.slots import slot_findings

MOST_VISITS: Final = 10_000
ALWAYS_SHOWN: Final = ("OS", "PFS")
SEEN_WITHOUT_VISITS: Final = ("OS",)


def protocol_findings(document: LocatedDocument, drugs: Mapping[str, Drug]) -> Iterator[Finding]:
    """Yield what is wrong between the parts of a protocol that every trial has."""
    yield from _end_point_findings(document)
    yield from _time_findings(document)
    control = document.value(("control",))
    arms = document.value(("arms",))
    if isinstance(arms, list):
        yield from _arm_findings(arms, control, document)
    yield from _margin_findings(document)
    wiring = document.value(("wiring",))
    for name, option in wiring.items() if isinstance(wiring, dict) else ():
        if isinstance(option, str):
            yield from _wiring_findings(name, option, document)
    prescribed = tuple(prescriptions_of(document))
    for location, item in prescribed:
        yield from _prescription_findings(item, location, document, drugs)
    yield from _population_findings(document)
    yield from slot_findings(((place, item.drug) for place, item in prescribed), document, drugs)
    yield from operation_findings(document, drugs)


def _population_findings(document: LocatedDocument) -> Iterator[Finding]:
    """Yield why populations cannot be drawn from the fit to control arms, if they are to be."""
    place: Location = ("uncertainty", "populations")
    if document.value(place) != "control_arms":
        return
    try:
        known = len(load_outcome_posterior())
    except UserInputError as err:
        for finding in err.findings:
            message = (
                f"uncertainty.populations is control_arms, but {finding.where} {finding.message} "
                "Or draw from the prior."
            )
            yield error("PROT035", document.where(place), message)
        return
    draws = document.value(("uncertainty", "draws"))
    if isinstance(draws, int) and draws > known:
        message = (
            f"uncertainty.draws is {draws}, but the fit to control arms has {known} populations. "
            f"Ask for {known} or fewer, or draw from the prior."
        )
        yield error("PROT035", document.where(("uncertainty", "draws")), message)


def _margin_findings(document: LocatedDocument) -> Iterator[Finding]:
    """Yield a study whose margins the setting does not have."""
    place = ("population", "margins")
    study, setting = document.value(place), document.value(("population", "setting"))
    if not isinstance(study, str) or setting not in SETTINGS:
        return
    try:
        targets_of(setting, None if study == ALL_STUDIES else study)
    except ModelValueError as failure:
        message = f"population.margins: {failure} Or give true for every study."
        yield error("PROT040", document.where(place), message)


def _end_point_findings(document: LocatedDocument) -> Iterator[Finding]:
    """Yield end points named twice, and those that every report shows and this one lacks."""
    endpoints = document.value(("endpoints",))
    if not isinstance(endpoints, list):
        return
    names = words_at(document, ("endpoints",))
    if len(set(names)) != len(names):
        message = f"endpoints {', '.join(names)} name one twice. Remove the second."
        yield error("PROT008", document.where(("endpoints",)), message)
    absent = [name for name in ALWAYS_SHOWN if name not in names]
    # A word that is no end point has a finding, and may be the one that is missing.
    if absent and all(name in END_POINTS for name in names):
        message = (
            f"endpoints lack {' and '.join(absent)}, which every report shows. "
            "Add what is missing; the primary end point stands first."
        )
        yield error("PROT008", document.where(("endpoints",)), message)


def _time_findings(document: LocatedDocument) -> Iterator[Finding]:
    """Yield what cannot happen before the trial ends."""
    horizon_day = horizon_of(document)
    if horizon_day is None:
        return
    enrolment = part_at(document, ("enrolment",), Enrolment)
    if enrolment is not None and enrolment.accrual_day >= horizon_day:
        message = (
            f"enrolment.accrual_day {enrolment.accrual_day:g} is not below horizon_day "
            f"{horizon_day:g}: the last patients would have no follow-up. Change one."
        )
        yield error("PROT017", document.where(("enrolment", "accrual_day")), message)
    visits = part_at(document, ("visits",), Visits)
    if visits is not None and visits.first_day >= horizon_day:
        seen_then = [
            name for name in words_at(document, ("endpoints",)) if name not in SEEN_WITHOUT_VISITS
        ]
        message = (
            f"visits.first_day {visits.first_day:g} is not before horizon_day {horizon_day:g}: no "
            f"visit could observe {', '.join(seen_then) or 'anything'}. Move one of them."
        )
        yield error("PROT009", document.where(("visits", "first_day")), message)
    if visits is not None and horizon_day / visits.every_day > MOST_VISITS:
        message = (
            f"visits.every_day {visits.every_day:g} makes {horizon_day / visits.every_day:.3g} "
            f"visits until horizon_day {horizon_day:g}. At most {MOST_VISITS}: raise it."
        )
        yield error("PROT019", document.where(("visits", "every_day")), message)
    for location, item in prescriptions_of(document):
        if item.regimen is None and item.start_day is not None and item.start_day >= horizon_day:
            key = ".".join(map(str, location))
            message = (
                f"{key}.start_day {item.start_day:g} is not before horizon_day {horizon_day:g}: "
                "nothing would be given. Move one of them."
            )
            yield error("PROT018", document.where((*location, "start_day")), message)


def _arm_findings(arms: list[Any], control: Any, document: LocatedDocument) -> Iterator[Finding]:
    """Yield too few, equal or empty arms, and names of arms that do not exist."""
    if len(arms) < 2:
        count = f"{len(arms)} {'entry' if len(arms) == 1 else 'entries'}"
        message = f"arms has {count}. A trial needs a control and at least one more."
        yield error("PROT004", document.where(("arms",)), message)
    seen: dict[str, int] = {}
    for index, arm in enumerate(arms):
        name = arm.get("id") if isinstance(arm, dict) else None
        if not isinstance(name, str):
            continue
        if name in seen:
            message = f"arms.{index}.id is {name!r}, the id of arms.{seen[name]}. Rename one."
            yield error("PROT005", document.where(("arms", index, "id")), message)
        seen.setdefault(name, index)
    # A control that names no arm says nothing about which arm may be empty.
    for index, arm in enumerate(arms):
        name = arm.get("id") if isinstance(arm, dict) else None
        if control in seen and name in seen and name != control and arm.get("regimens", []) == []:
            message = (
                f"arm {name!r} is empty: it adds nothing to the backbone. "
                "Give it regimens, or make it the control."
            )
            yield error("PROT006", document.where(("arms", index)), message)
    if seen and isinstance(control, str) and control not in seen:
        message = f"control is {control!r}, no arm. {did_you_mean(control, seen)}"
        yield error("PROT007", document.where(("control",)), message)
    compared = document.value(("uncertainty", "arms"))
    for index, name in enumerate(compared if isinstance(compared, list) else ()):
        if not isinstance(name, str) or (name in seen and name != control):
            continue
        what = "the control" if name == control else "no arm"
        others = [arm for arm in seen if arm != control]
        message = f"uncertainty.arms has {name!r}, {what}. {did_you_mean(name, others)}"
        yield error("PROT016", document.where(("uncertainty", "arms", index)), message)


def _wiring_findings(name: str, option: str, document: LocatedDocument) -> Iterator[Finding]:
    from cxaxis.core.errors import ModelValueError
    from cxaxis.models.wiring import PATIENT_WIRINGS, wiring_from

    where = document.where(("wiring", name))
    try:
        wiring_from({name: option})
    except ModelValueError as err:
        yield error("PROT010", where, str(err))
        return
    if name not in PATIENT_WIRINGS:
        message = (
            f"wiring {name!r} is of the cell model alone and would change nothing in a patient. "
            f"Use one of: {', '.join(PATIENT_WIRINGS)}."
        )
        yield error("PROT010", where, message)


def _prescription_findings(
    item: Prescription, location: Location, document: LocatedDocument, drugs: Mapping[str, Drug]
) -> Iterator[Finding]:
    """Yield what is wrong between a prescription and its drug."""
    key = ".".join(map(str, location))
    if item.drug not in drugs:
        message = f"{key}.drug is {item.drug!r}, no known drug. {did_you_mean(item.drug, drugs)}"
        yield error("PROT011", document.where((*location, "drug")), message)
        return
    drug = drugs[item.drug]
    if not drug.target:
        given = ", ".join(sorted(other.id for other in drugs.values() if other.target))
        message = (
            f"{key}.drug is {drug.id!r}, which no model can be given: "
            f"it waits for {drug.waits_for}. Use one of: {given}."
        )
        yield error("PROT020", document.where((*location, "drug")), message)
        return
    if item.regimen is not None:
        if item.regimen not in drug.regimens:
            hint = did_you_mean(item.regimen, drug.regimens)
            message = f"{key}.regimen is {item.regimen!r}, no regimen of {drug.id}. {hint}"
            yield error("PROT012", document.where((*location, "regimen")), message)
        return
    if item.route is not None and item.route not in drug.target:
        routes = " or ".join(drug.target)
        message = f"{key}.route is {item.route!r}, by which {drug.id} is not given. Use {routes}."
        yield error("PROT013", document.where((*location, "route")), message)
    if item.dose is not None and item.dose.unit not in drug.dose_units:
        message = (
            f"{key}.dose.unit is {item.dose.unit!r}, which is no dose unit of {drug.id}. "
            f"Use one of: {', '.join(drug.dose_units)}."
        )
        yield error("PROT014", document.where((*location, "dose", "unit")), message)
    try:
        resolve(item, drugs)
    except ValidationError as failure:
        for problem in failure.errors():
            cause = str(problem["msg"]).removeprefix("Value error, ")
            yield error("PROT015", document.where(location), f"{key}: {cause}")
