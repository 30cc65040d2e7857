"""What ``cxaxis drug compare`` was asked for, checked before anything is simulated."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from cxaxis.cli.options import all_of

if TYPE_CHECKING:
    from cxaxis.core.errors import Finding
    from cxaxis.knowledge.drug_records import Drug, Regimen
    from cxaxis.patient.compare import AddOn, Treatment

FILES: Final = (
    "drug_readings.csv",
    "drug_courses.csv",
    "drug_compare.png",
    "drug_compare.svg",
)
GRID_OPTION: Final = "--dose-grid"
#: The grid around each regimen's own dose, as multiples of it.
AROUND: Final = "around"
MULTIPLES: Final = (0.1, 1.0 / 3.0, 1.0, 3.0, 10.0)
MOST_PEOPLE: Final = 1000
MOST_DOSES: Final = 20
LEAST_DAYS, MOST_DAYS = 0.25, 120.0
ADD_ONS: Final = ("filgrastim",)
_SIGNIFICANT: Final = 3


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is compared, checked.

    Attributes
    ----------
    drugs
        In the order given.
    treatments
        Every dose of every drug in that order, the add-on alone last.
    usual
        Of each drug, the dose of its regimen, or the middle one of a grid without it.
    """

    drugs: tuple[Drug, ...]
    treatments: tuple[Treatment, ...]
    usual: Mapping[str, float]


def checked_request(
    names: Sequence[str],
    regimens: Sequence[str] | None,
    grid: str | None,
    with_: str | None,
) -> Request:
    """Return what is compared; everything wrong with it is raised at once.

    Raises
    ------
    UserInputError
        For an unknown drug, one without a slot, one named twice, an unknown regimen or add-on,
        and a grid that cannot be given.
    """
    from cxaxis.knowledge.drugs import load_drugs
    from cxaxis.patient.compare import Treatment

    known = load_drugs()
    drugs, add_on, doses = all_of(
        lambda: _drugs(names, known), lambda: _add_on(with_, known), lambda: parsed_grid(grid)
    )
    plans = _plans(drugs, regimens, known)
    if isinstance(doses, tuple):
        _one_unit(drugs, plans, grid or "")
    treatments, usual = [], {}
    for drug in drugs:
        name, plan = plans[drug.id]
        own = plan.dose.value
        amounts = _amounts(own, doses)
        usual[drug.id] = own if own in amounts else amounts[len(amounts) // 2]
        treatments += [
            Treatment(drug=drug, regimen=name, plan=_at_dose(plan, value), add_on=add_on)
            for value in amounts
        ]
    if add_on is not None:
        treatments.append(Treatment(drug=None, regimen="-", plan=None, add_on=add_on))
    return Request(drugs=tuple(drugs), treatments=tuple(treatments), usual=usual)


def parsed_grid(text: str | None) -> tuple[float, ...] | str | None:
    """Return the doses of a grid ascending; None and ``around`` as they are.

    Raises
    ------
    UserInputError
        If a part is no dose, or there are too many.
    """
    from cxaxis.core.errors import error, raise_on_errors

    if text is None or text == AROUND:
        return text
    where, values, bad = f"{GRID_OPTION} {text}", [], []
    for part in text.split(","):
        try:
            value = float(part)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value >= 0):
            bad.append(part.strip() or "nothing")
        values.append(value)
    findings = []
    if bad:
        message = (
            f"{', '.join(map(repr, bad))} cannot be a dose. Give numbers of 0 or more, parted by "
            f"commas, such as {GRID_OPTION} 80,160,240, or {GRID_OPTION} alone."
        )
        findings.append(error("CMP005", where, message))
    elif len(set(values)) > MOST_DOSES:
        message = f"has {len(set(values))} doses. Give {MOST_DOSES} or fewer."
        findings.append(error("CMP005", where, message))
    raise_on_errors(findings)
    return tuple(sorted(set(values)))


def _amounts(own: float, grid: tuple[float, ...] | str | None) -> tuple[float, ...]:
    """Return the doses of one drug, ascending."""
    if grid is None:
        return (own,)
    if isinstance(grid, tuple):
        return grid
    # Rounded, so that a table reads 80 and not 79.9999.
    return tuple(float(f"{own * share:.{_SIGNIFICANT}g}") for share in MULTIPLES)


def _at_dose(plan: Regimen, value: float) -> Regimen:
    from cxaxis.knowledge.drug_records import Regimen as Plan

    given = plan.model_dump()
    return Plan.model_validate({**given, "dose": {**given["dose"], "value": value}})


def _drugs(names: Sequence[str], known: Mapping[str, Drug]) -> list[Drug]:
    from cxaxis.models.agents import slot_of
    from cxaxis.patient.compare import COMPARED_SLOTS

    return named_drugs(
        names,
        known,
        {key: drug for key, drug in known.items() if slot_of(drug) in COMPARED_SLOTS},
        command="drug compare",
        code="CMP",
        unable="binds neither CXCR4 nor CXCL12 in the model, so there is nothing to compare",
        hints={name: f"Give it beside them: --with {name}." for name in ADD_ONS},
        again=f"; {GRID_OPTION} gives more doses",
    )


def named_drugs(
    names: Sequence[str],
    known: Mapping[str, Drug],
    able: Mapping[str, Drug],
    *,
    command: str,
    code: str,
    unable: str,
    hints: Mapping[str, str] = MappingProxyType({}),
    again: str = "",
) -> list[Drug]:
    """Return the drugs that a command was asked for, in that order.

    Parameters
    ----------
    names
        Ids, names or synonyms, in any case.
    known, able
        Every drug, and those that the command can take, by id.
    command, code
        Its words and the first letters of its findings: 001 for an unknown drug, 002 for one
        that it cannot take, 003 for one named twice.
    unable, hints
        Why it cannot take the others, and what else to do with one of them, by id.
    again
        What to add where a drug is named twice.

    Raises
    ------
    UserInputError
        With every finding at once.
    """
    from cxaxis.core.errors import error, raise_on_errors
    from cxaxis.core.ids import did_you_mean

    found: list[Drug] = []
    findings: list[Finding] = []
    for name in names:
        where = f"{command} {name}"
        drug = drug_named(name, known)
        if drug is None:
            message = f"no drug {name!r}. {did_you_mean(name.casefold(), _spellings(able))}"
            findings.append(error(f"{code}001", where, message))
        elif drug.id not in able:
            cure = f"Drugs that do: {', '.join(able)}. {hints.get(drug.id, '')}".rstrip()
            findings.append(error(f"{code}002", where, f"{drug.id} {unable}. {cure}"))
        elif drug in found:
            message = f"{drug.id} is there twice. Name it once{again}."
            findings.append(error(f"{code}003", where, message))
        else:
            found.append(drug)
    raise_on_errors(findings)
    return found


def _spellings(drugs: Mapping[str, Drug]) -> set[str]:
    """Return every name of drugs, small letters."""
    return {
        word.casefold() for drug in drugs.values() for word in (drug.id, drug.name, *drug.synonyms)
    }


def drug_named(name: str, known: Mapping[str, Drug]) -> Drug | None:
    """Return the drug of an id, a name or a synonym, whatever the case; None if there is none."""
    wanted = name.casefold()
    return next((drug for drug in known.values() if wanted in _spellings({"": drug})), None)


def _plans(
    drugs: Sequence[Drug], texts: Sequence[str] | None, known: Mapping[str, Drug]
) -> dict[str, tuple[str, Regimen]]:
    """Return the regimen of each drug, by its id."""
    from cxaxis.cohort.drug_panels import named_regimen
    from cxaxis.core.errors import error, raise_on_errors
    from cxaxis.core.ids import did_you_mean

    chosen = {drug.id: named_regimen(drug) for drug in drugs}
    findings: list[Finding] = []
    for text in texts or []:
        where = f"--regimen {text}"
        name, sign, wanted = (part.strip() for part in text.partition("="))
        drug = drug_named(name, known)
        if not sign or drug is None or drug.id not in chosen:
            ids = ", ".join(chosen)
            message = f"{text!r} is not DRUG=NAME with a drug that is compared: {ids}."
            findings.append(error("CMP004", where, message))
        elif wanted not in drug.regimens:
            message = f"{drug.id} has no regimen {wanted!r}. {did_you_mean(wanted, drug.regimens)}"
            findings.append(error("CMP004", where, message))
        else:
            chosen[drug.id] = wanted
    raise_on_errors(findings)
    return {drug.id: (chosen[drug.id], drug.regimens[chosen[drug.id]]) for drug in drugs}


def _one_unit(drugs: Sequence[Drug], plans: Mapping[str, tuple[str, Regimen]], grid: str) -> None:
    """Raise `UserInputError` if one grid would mean different units."""
    from cxaxis.core.errors import UserInputError, error

    units = {drug.id: plans[drug.id][1].dose.unit for drug in drugs}
    if len(set(units.values())) > 1:
        told = ", ".join(f"{name} {unit}" for name, unit in units.items())
        message = (
            f"the same numbers would be in different units ({told}). Give {GRID_OPTION} alone "
            "for a grid around each dose, or choose regimens in one unit with --regimen."
        )
        raise UserInputError([error("CMP006", f"{GRID_OPTION} {grid}", message)])


def _add_on(name: str | None, known: Mapping[str, Drug]) -> AddOn | None:
    from cxaxis.core.errors import UserInputError, error
    from cxaxis.core.ids import did_you_mean
    from cxaxis.patient.compare import AddOn, lead_in_of_growth_factor

    if name is None:
        return None
    drug = drug_named(name, known)
    if drug is None or drug.id not in ADD_ONS:
        pool = _spellings({item: known[item] for item in ADD_ONS})
        message = f"{name!r} cannot be given besides. {did_you_mean(name.casefold(), pool)}"
        raise UserInputError([error("CMP007", f"--with {name}", message)])
    plan = next(iter(drug.regimens.values()))
    return AddOn(drug=drug, plan=plan, lead_in_hours=lead_in_of_growth_factor())


def size_findings(*, days: float, draws: int, patients: int, seed: int) -> Iterator[Finding]:
    """Yield what is wrong with the sizes of a comparison."""
    from cxaxis.core.errors import error
    from cxaxis.core.streams import SEED_LIMIT

    if not LEAST_DAYS <= days <= MOST_DAYS:
        message = f"is {days:g}. Give {LEAST_DAYS:g} to {MOST_DAYS:g} days."
        yield error("CMP008", "--days", message)
    for option, value in (("--draws", draws), ("--patients", patients)):
        if not 0 <= value <= MOST_PEOPLE:
            message = f"is {value}. Give 0 to {MOST_PEOPLE}; 0 for none."
            yield error("CMP008", option, message)
    if not 0 <= seed < SEED_LIMIT:
        yield error("CMP008", "--seed", f"is {seed}. Give 0 or more, below 2**63.")


def output_findings(directory: Path | None) -> Iterator[Finding]:
    """Yield what stands in the way of writing there."""
    from cxaxis.core.errors import error

    if directory is None:
        return
    if directory.exists() and not directory.is_dir():
        message = "this is a file. Give the name of a directory with -o."
        yield error("CMP009", str(directory), message)
    for name in FILES:
        if (directory / name).exists():
            message = "this exists already and is not overwritten. Give another directory with -o."
            yield error("CMP009", str(directory / name), message)
