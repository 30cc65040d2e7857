"""The decorator that makes a function a check, and the list of all checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import Final

from cxaxis.claims.records import Check, Control, Cost, Measure, Need, Role
from cxaxis.core.errors import Finding, error
from cxaxis.core.ids import did_you_mean
from cxaxis.knowledge.checks import Knowledge

CHECK_MODULES: Final = (
    "receptor_checks",
    "mobilisation_checks",
    "tumour_checks",
    "spread_checks",
    "surroundings_checks",
    "treatment_checks",
    "serum_checks",
    "xenograft_checks",
    "series_checks",
    "fact_checks",
    "library_checks",
    "prognosis_checks",
    "signalling_checks",
    "trafficking_checks",
    "route_checks",
    "expression_checks",
    "microrna_checks",
    "fate_checks",
)


def check(
    *,
    claims: Sequence[str],
    role: Role,
    cost: Cost,
    needs: Sequence[Need],
    control: Control,
    strengthened: Control | None = None,
) -> Callable[[Measure], Check]:
    """Make a function a check; see `Check` for what the arguments mean.

    The function takes a `CheckContext` and returns a `Measured`. It only measures: what is
    expected stands in ``expectations.tsv`` under the function's name.
    """

    def decorate(measure: Measure) -> Check:
        name = measure.__name__
        return Check(
            id=name,
            claims=tuple(claims),
            role=role,
            cost=cost,
            needs=tuple(needs),
            measure=measure,
            control=control,
            expectation=name,
            strengthened=strengthened,
        )

    return decorate


def data_check(*, claims: Sequence[str], control: Control) -> Callable[[Measure], Check]:
    """Make a function a check that looks tables up: fast, and in need of no model."""
    return check(claims=claims, role="context", cost="fast", needs=("knowledge",), control=control)


def simulated_model(item: Check) -> str:
    """Return the name of the model in which a simulation check runs and its path lies."""
    return "cell" if "cell" in item.needs else "patient"


def checks_in(module: ModuleType) -> tuple[Check, ...]:
    """Return the checks a module defines, in order of definition."""
    return tuple(item for item in vars(module).values() if isinstance(item, Check))


def all_checks(knowledge: Knowledge) -> tuple[Check, ...]:
    """Return every check: those written as functions, then registry checks and audits by claim."""
    from cxaxis.claims.audit_checks import audit_checks
    from cxaxis.claims.registry_checks import registry_checks

    written = [
        item for name in CHECK_MODULES for item in checks_in(import_module(f"cxaxis.claims.{name}"))
    ]
    return (*written, *registry_checks(knowledge), *audit_checks(knowledge))


def path_models(knowledge: Knowledge) -> Mapping[str, str]:
    """Return the model in which the path of each check lies, by expectation."""
    return {item.expectation: simulated_model(item) for item in all_checks(knowledge)}


def check_findings(checks: Sequence[Check], knowledge: Knowledge) -> Iterator[Finding]:
    """Yield what is wrong with checks as records: ids, claims, expectations, roles.

    A simulation compared with a row that calibration may use, or with a work that a parameter rests
    on, is ``fitted``; one compared with a held-out row is ``held_out``; nothing is compared with
    both ways.
    """
    first: dict[str, str] = {}
    for item in checks:
        where = f"check {item.id}"
        if item.id in first:
            yield error("CHECK001", where, f"{item.id} is defined twice. Rename one.")
        first[item.id] = item.id
        if not item.claims:
            yield error("CHECK002", where, f"{item.id} names no claim. Name at least one.")
        for claim in item.claims:
            if claim not in knowledge.claims:
                message = f"unknown claim {claim!r}. {did_you_mean(claim, knowledge.claims)}"
                yield error("CHECK002", where, message)
        if item.expectation not in knowledge.expectations:
            hint = did_you_mean(item.expectation, knowledge.expectations)
            message = f"expectation {item.expectation!r} has no row in expectations.tsv. {hint}"
            yield error("CHECK003", where, message)
        else:
            yield from _role_findings(item, knowledge, where)
    used = {item.expectation for item in checks}
    for name, row in knowledge.expectations.items():
        if name not in used:
            message = f"{name}: no check has this name. {did_you_mean(name, used)} Or remove it."
            yield error("CHECK004", row.where, message)


def _role_findings(item: Check, knowledge: Knowledge, where: str) -> Iterator[Finding]:
    row = knowledge.expectations[item.expectation]
    if (row.kind == "simulation") == (item.role == "context"):
        message = (
            f"role is {item.role}, the check is of kind {row.kind}. "
            "A simulation is fitted or held_out, data and audits are context."
        )
        yield error("CHECK005", where, message)
    if row.kind != "simulation":
        return
    for part in row.source:
        role = _role_of(part, knowledge)
        if role and role != item.role:
            message = f"role is {item.role}, but {part} is {role}. Set role to {role}."
            yield error("CHECK005", where, message)


def _role_of(part: str, knowledge: Knowledge) -> str:
    """Return the role that comparing with a row or a work gives, empty if either will do."""
    if part in knowledge.evidence:
        role = knowledge.evidence[part].role
        return {"parameter": "fitted", "fitted": "fitted", "held_out": "held_out"}.get(role, "")
    used = {
        knowledge.evidence[name].reference
        for parameter in knowledge.parameters.values()
        for name in parameter.evidence
        if name in knowledge.evidence
    }
    return "fitted" if part in used else ""
