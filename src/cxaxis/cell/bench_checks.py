"""What makes a request to the virtual bench unfit, every finding at once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Final

from cxaxis.cell.assays import ASSAYS
from cxaxis.cell.bench_drugs import drug_findings
from cxaxis.cell.course import dish
from cxaxis.cell.readouts import READOUTS
from cxaxis.cell.wells import GENES, MEDIUM_SETTINGS
from cxaxis.core.errors import Finding, UserInputError, error, raise_on_errors
from cxaxis.core.ids import did_you_mean
from cxaxis.knowledge.cell_contexts import CellContext, load_cell_contexts
from cxaxis.models.build import Model
from cxaxis.models.wiring import Wiring, switches_of, wiring_from, wiring_options

# Inputs that have a tabled value, and are set all the same.
TABLED_INPUTS: Final = ("oxygen",)
_SHARES: Final = (
    *("pertussis_toxin", "calcium_chelation", "chloroquine", "pten_activity", "cytotoxic"),
    *("stromal", "endothelial", "macrophage", "methylation_mir149", "nfkb_stimulus", "forskolin"),
    *("drug_gi_coupling", "drug_arrestin_coupling"),
)
_SHARE_ENDS: Final = ("_inhibition",)
_SHARE_STARTS: Final = ("antagomir_", "hre_mutation_", "drug_is_", "isoform_")
_RECEPTORS: Final = {
    "cxcr4_gene": "cxcr4_per_cell",
    "ackr3_gene": "ackr3_per_cell",
    "cxcl12_gene": "cxcl12_gene",
}


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a user asks of the bench; the fields are the arguments of `run_assay`."""

    assay: str
    context: str | None
    wiring: Wiring
    cxcl12_nM: Sequence[float] | None
    settings: Mapping[str, float]
    values: Mapping[str, float]
    times_s: Sequence[float] | None
    readouts: Sequence[str] | None
    conditions: Sequence[str] | None
    draws: int
    drug: str | None = None
    drug_nM: Sequence[float] | None = None


def known_settings(model: Model) -> tuple[str, ...]:
    """Return the inputs that a user may set, sorted."""
    inputs = {name for name in model.inputs if not name.startswith("switch_")}
    return tuple(sorted({*inputs, *TABLED_INPUTS, *MEDIUM_SETTINGS}))


def parted(assignments: Mapping[str, float]) -> tuple[dict[str, float], dict[str, float]]:
    """Return the inputs among named values, and the parameters; an unknown name is an input."""
    known, rows = known_settings(cell_model()), set(cell_model().bindings.values())
    values = {k: v for k, v in assignments.items() if k in rows and k not in known}
    return {k: v for k, v in assignments.items() if k not in values}, values


def wiring_text(wiring: Wiring) -> str:
    """Return what of a wiring differs from the defaults, ``default`` if nothing does."""
    usual = asdict(Wiring())
    changed = [f"{k}={v}" for k, v in asdict(wiring).items() if v != usual[k]]
    return ";".join(changed) or "default"


def wiring_given(texts: Iterable[str]) -> Wiring:
    """Return the wiring of texts of the form ``wiring=option``.

    Raises
    ------
    UserInputError
        For every text that is no known wiring and option of the cell, and for one given twice.
    """
    known = {name: options for name, options in wiring_options().items() if name != PATIENT_ONLY}
    chosen: dict[str, str] = {}
    findings = []
    for text in texts:
        where = f"--wiring {text}"
        name, sign, option = (part.strip() for part in text.partition("="))
        if not sign:
            message = f"{text!r} is not WIRING=OPTION. Write it such as heterodimer=blunts_gi."
        elif name == PATIENT_ONLY:
            message = f"{name} is a mechanism of the patient; a cell does not have it."
        elif name not in known:
            message = f"there is no wiring {name!r}. {did_you_mean(name, known)}"
        elif option not in known[name]:
            message = f"{name} has no option {option!r}. Options: {', '.join(known[name])}."
        elif name in chosen:
            message = f"{name} is {chosen[name]} already. Keep one of the two."
        else:
            chosen[name] = option
            continue
        findings.append(error("CELL004", where, message))
    raise_on_errors(findings)
    return wiring_from(chosen)


PATIENT_ONLY: Final = "niche_release"


def cell_model() -> Model:
    """Return the cell model with default mechanisms, for the names in it."""
    return dish(next(iter(load_cell_contexts().values()))).model


def request_findings(request: Request, model: Model | None = None) -> Iterator[Finding]:
    """Yield everything that is wrong with a request.

    Parameters
    ----------
    request
        What was asked for.
    model
        The cell model, for the names of inputs and parameters; by default the packaged one.
    """
    model = model or cell_model()
    contexts = load_cell_contexts()
    yield from _name_findings("CELL002", "assay", [request.assay], ASSAYS)
    if request.context is not None:
        yield from _name_findings("CELL001", "--context", [request.context], contexts)
    yield from _list_findings("CELL003", "--readout", request.readouts, READOUTS)
    if request.assay in ASSAYS:
        assay = ASSAYS[request.assay]
        yield from _list_findings("CELL007", "--condition", request.conditions, assay.conditions)
    usual = ASSAYS[request.assay].context if request.assay in ASSAYS else ""
    yield from _setting_findings(request.settings, model, contexts.get(request.context or usual))
    yield from _dose_findings(request.cxcl12_nM)
    yield from drug_findings(
        request.drug,
        request.drug_nM,
        settings=request.settings,
        conditions=request.conditions,
        assay=ASSAYS.get(request.assay),
    )
    yield from _time_findings(request.times_s)
    yield from _value_findings(request.values, model)
    for name in switches_of(PATIENT_ONLY):
        if request.wiring.switches()[name]:
            message = f"{PATIENT_ONLY} is a mechanism of the patient; a cell does not have it."
            yield error("CELL004", f"--wiring {PATIENT_ONLY}", message)
    yield from _draw_findings(request.draws)


def _name_findings(
    code: str, where: str, names: Iterable[str], known: Iterable[str]
) -> Iterator[Finding]:
    pool = list(known)
    for name in names:
        if name not in pool:
            hint = did_you_mean(name, pool)
            if same := [item for item in pool if item.casefold() == name.casefold()]:
                hint = f"Did you mean {same[0]}?"
            message = f"there is no {where.lstrip('-')} {name!r}. {hint}"
            every = f" All: {', '.join(pool)}." if "Known:" not in message else ""
            yield error(code, where, message + (every if len(pool) <= 14 else ""))


def _list_findings(
    code: str, where: str, names: Sequence[str] | None, known: Iterable[str]
) -> Iterator[Finding]:
    if names is None:
        return
    if not names:
        yield error(code, where, "is empty. Name at least one, or leave it out for the usual ones.")
    yield from _name_findings(code, where, names, known)


def _dose_findings(doses_nM: Sequence[float] | None) -> Iterator[Finding]:
    where = "--cxcl12-nM"
    if doses_nM is None:
        return
    if not len(doses_nM):
        yield error("CELL006", where, "is empty. Give concentrations in nM, such as 1,10,100.")
    for dose in doses_nM:
        if not math.isfinite(dose) or dose < 0:
            yield error("CELL006", where, f"{dose:g} is no concentration. Give nM, 0 or more.")
    if len(set(doses_nM)) < len(doses_nM):
        yield error("CELL006", where, "names a concentration twice. Give each once.")


def _time_findings(times_s: Sequence[float] | None) -> Iterator[Finding]:
    where = "--times-s"
    if times_s is None:
        return
    if not len(times_s):
        yield error("CELL008", where, "is empty. Give seconds after CXCL12, such as 0,60,300.")
        return
    if any(not math.isfinite(time) or time < 0 for time in times_s):
        yield error("CELL008", where, "must be finite seconds after CXCL12, 0 or more.")
    elif any(b <= a for a, b in pairwise(times_s)):
        yield error("CELL008", where, "must increase. Sort them and give each once.")
    elif times_s[-1] == 0:
        yield error("CELL008", where, "holds only 0. Give a time after CXCL12 as well.")


def _draw_findings(draws: int) -> Iterator[Finding]:
    if draws < 0:
        yield error("CELL009", "--draws", f"is {draws}. Give 0 or more.")
    elif draws:
        from cxaxis.knowledge.posteriors import load_cell_posterior

        try:
            count = len(load_cell_posterior())
        except UserInputError as err:
            yield from err.findings
            return
        if draws > count:
            message = f"is {draws}, and there are {count} draws of the calibration. Give fewer."
            yield error("CELL009", "--draws", message)


def drawn_parameters(draws: int) -> list[Mapping[str, float]]:
    """Return the first draws of the calibrated parameters, in the units of the table."""
    if not draws:
        return []
    from cxaxis.knowledge.posteriors import load_cell_posterior

    return list(load_cell_posterior().values())[:draws]


def _is_share(name: str) -> bool:
    return name in _SHARES or name.startswith(_SHARE_STARTS) or name.endswith(_SHARE_ENDS)


def _setting_findings(
    settings: Mapping[str, float], model: Model, context: CellContext | None
) -> Iterator[Finding]:
    known = known_settings(model)
    for name, value in settings.items():
        where = f"--set {name}={value:g}"
        if name not in known:
            every = {*known, *model.bindings.values()}
            message = f"there is no input or parameter {name!r}. {did_you_mean(name, every)}"
            yield error("CELL005", where, message)
        elif not math.isfinite(value) or value < 0:
            yield error("CELL005", where, f"{name} must be a number, 0 or more.")
        elif _is_share(name) and value > 1:
            yield error("CELL005", where, f"{name} is a share: give 0 (none) to 1 (all).")
        elif name in GENES and context and not getattr(context, _RECEPTORS[name]):
            message = (
                f"{name} is relative to the kind of cell, and {context.id} has none of it. "
                "Choose another --context."
            )
            yield error("CELL005", where, message)


def _value_findings(values: Mapping[str, float], model: Model) -> Iterator[Finding]:
    known = set(model.bindings.values())
    for name, value in values.items():
        where = f"--set {name}={value:g}"
        if name not in known:
            message = f"the cell has no parameter {name!r}. {did_you_mean(name, known)}"
            yield error("CELL010", where, message)
        elif not math.isfinite(value) or value < 0:
            yield error("CELL010", where, f"{name} must be a number, 0 or more.")
