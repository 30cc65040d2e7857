"""Compose Antimony submodels into one flat model.

A submodel is a file ``<name>.ant`` holding ``model name(port, ...) ... end``. A top model
instantiates submodels with ``instance: name(argument, ...);``. A submodel used once keeps
its bare ids; the ids that a repeated one declares become ``<instance>_<id>``. Ids that a
submodel uses but does not declare belong to the rest of the model and must be declared
there. libAntimony's own flattening is not used: it renames units and port compartments.

Functions that stand before ``model`` come with the submodel. Of the cell's response functions
(`ON_DEMAND`) a model takes only what the rest of it uses: there are many more of them than any
one model needs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from cxaxis.core.errors import CxaxisError
from cxaxis.core.ids import did_you_mean

TIME_UNITS = {"day": "(86400 second)", "second": "second"}
#: Submodel of the cell's response functions, and that of their coefficients.
RESPONSES: Final = "cell_response"
COEFFICIENTS: Final = "cell_response_coefficients"
#: Submodels of which only what the rest of a model uses is taken.
ON_DEMAND: Final = frozenset({RESPONSES, COEFFICIENTS})
#: Units that SBML takes for quantities of a model that state none.
IMPLIED_UNITS: Final = frozenset({"substance", "extent", "volume", "time_unit"})

_HEAD = re.compile(r"^model\s+(\w+)\s*\(([^)]*)\)\s*$(.*)^end\s*$", re.MULTILINE | re.DOTALL)
_FUNCTION = re.compile(r"^function\s+(\w+)\s*\(.*?^end\s*$", re.MULTILINE | re.DOTALL)
_INSTANCE = re.compile(r"^(\w+)\s*:\s*(\w+)\(([^)]*)\)$")
_ARROW = re.compile(r"[-=]>")
_WORD = re.compile(r"[A-Za-z_]\w*")
_KEYWORDS = frozenset(
    (
        *("compartment", "species", "substanceOnly", "in", "has", "at", "identity", "isVersionOf"),
        *("exp", "ln", "end", "J", "dimensionless", "item", "piecewise", "time"),
    )
)


class ModelSourceError(CxaxisError):
    """An Antimony source breaks a rule of the house."""


@dataclass(frozen=True, kw_only=True)
class Submodel:
    """One parsed ``.ant`` file; ``functions`` are whole blocks by name."""

    name: str
    ports: tuple[str, ...]
    statements: tuple[str, ...]
    functions: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Composition:
    """A flat Antimony model and where its constants come from.

    Attributes
    ----------
    text
        Antimony source of the flat model.
    constants
        Constant id in the flat model -> ids of parameter rows that may bind it, best first.
    inputs
        Constants with a literal default in the source: set for each patient, not by a row.
    coefficients
        Constants that the table of response functions gives; none of them in ``constants``.
    """

    name: str
    text: str
    constants: Mapping[str, tuple[str, ...]]
    inputs: frozenset[str]
    coefficients: frozenset[str] = frozenset()


def generated_folder() -> Path:
    """Return the folder of what is generated: SBML, response functions and their coefficients."""
    return Path(str(resources.files("cxaxis.models"))) / "generated"


def read_source(file_name: str) -> str:
    """Return the text of one packaged Antimony file, written or generated.

    Raises
    ------
    ModelSourceError
        If there is no such file.
    """
    folders = (resources.files("cxaxis.models") / "antimony", generated_folder())
    for folder in folders:
        if (folder / file_name).is_file():
            return (folder / file_name).read_text("utf-8")
    known = [item.name for folder in folders for item in folder.iterdir()]
    msg = f"there is no {file_name!r}. {did_you_mean(file_name, known)}"
    raise ModelSourceError(msg)


def _statements(body: str) -> list[str]:
    """Split a body at semicolons outside quotes; comments dropped, white space collapsed.

    A reaction and the rate that follows its semicolon stay one statement.
    """
    kept: list[str] = []
    current: list[str] = []
    for piece in re.split(r'("[^"]*"|//[^\n]*|;)', body):
        if piece == ";":
            statement = " ".join("".join(current).split())
            if kept and _ARROW.search(kept[-1]) and ";" not in kept[-1]:
                kept[-1] = f"{kept[-1]}; {statement}"
            else:
                kept.append(statement)
            current = []
        elif not piece.startswith("//"):
            current.append(piece)
    if "".join(current).strip():
        msg = f"statement without semicolon: {''.join(current).strip()[:60]!r}."
        raise ModelSourceError(msg)
    return [statement for statement in kept if statement]


def parse_submodel(text: str) -> Submodel:
    """Parse one ``.ant`` file.

    Raises
    ------
    ModelSourceError
        If the file is not exactly one ``model name(ports) ... end``, with functions before it
        or none.
    """
    match = _HEAD.search(text)
    if match is None:
        msg = "expected one 'model name(ports) ... end' in the file."
        raise ModelSourceError(msg)
    name, ports, body = match.groups()
    before = text[: match.start()]
    rest = re.sub(r"//[^\n]*", "", _FUNCTION.sub("", before)).strip()
    if rest:
        msg = f"model {name}: only functions may stand before it, not {rest[:60]!r}."
        raise ModelSourceError(msg)
    return Submodel(
        name=name,
        ports=tuple(port.strip() for port in ports.split(",") if port.strip()),
        statements=tuple(_statements(body)),
        functions=_functions(before),
    )


def _functions(text: str) -> dict[str, str]:
    """Return the function blocks of a text by name."""
    return {found.group(1): found.group() for found in _FUNCTION.finditer(text)}


def _declared(statement: str) -> list[str]:
    """Return the ids that one statement declares."""
    if match := re.match(r"(?:substanceOnly )?(?:species|compartment) (.*)$", statement):
        names = (item.split() for item in match.group(1).split(","))
        return [name[0] for name in names]
    if match := re.match(r"(\w+) has ", statement):
        return [match.group(1)]
    if match := re.match(r"(\w+)\s*:(?!=)", statement):
        return [match.group(1)]
    return []


def _assigned(statement: str) -> str | None:
    """Return the id whose value over time a statement defines by a rule."""
    match = re.match(r"(\w+)\s*(?::=|'\s*=)", statement)
    return match.group(1) if match else None


def _initialised(statement: str) -> str | None:
    """Return the id whose starting value a statement sets."""
    match = re.match(r"(\w+)\s*=", statement)
    return match.group(1) if match else None


def _event_targets(statement: str) -> list[str]:
    match = re.match(r"\w+\s*:\s*at\s*\(.*?\)\s*:\s*(.*)$", statement)
    return re.findall(r"(\w+)\s*=(?!=)", match.group(1)) if match else []


def _rename(statement: str, names: Mapping[str, str]) -> str:
    """Replace whole words outside quotes and outside the unit of a ``has`` clause."""
    pieces = re.split(r'("[^"]*"|\bhas \w+)', statement)
    return "".join(
        piece
        if piece.startswith(('"', "has "))
        else _WORD.sub(lambda word: names.get(word.group(), word.group()), piece)
        for piece in pieces
    )


@dataclass(frozen=True, kw_only=True)
class _Instance:
    name: str
    submodel: Submodel
    names: Mapping[str, str]
    origin: Mapping[str, str]


def _instantiate(top: Submodel) -> tuple[list[str], list[_Instance]]:
    """Return the top model's own statements and its connected instances."""
    own: list[str] = []
    calls: list[tuple[str, str, tuple[str, ...]]] = []
    for statement in top.statements:
        match = _INSTANCE.match(statement)
        if match is None:
            own.append(statement)
            continue
        instance, kind, arguments = match.groups()
        calls.append((instance, kind, tuple(a.strip() for a in arguments.split(",") if a.strip())))
    uses = Counter(kind for _, kind, _ in calls)
    instances = []
    for instance, kind, arguments in calls:
        submodel = parse_submodel(read_source(f"{kind}.ant"))
        if len(arguments) != len(submodel.ports):
            missing = submodel.ports[len(arguments) :]
            msg = (
                f"{top.name}.ant: {instance}: {kind} has {len(submodel.ports)} ports, "
                f"{len(arguments)} connected (unconnected: {', '.join(missing) or 'none'})."
            )
            raise ModelSourceError(msg)
        declared = [name for s in submodel.statements for name in _declared(s)]
        prefix = f"{instance}_" if uses[kind] > 1 else ""
        local = {name: f"{prefix}{name}" for name in declared if name not in submodel.ports}
        instances.append(
            _Instance(
                name=instance,
                submodel=submodel,
                names={**local, **dict(zip(submodel.ports, arguments, strict=True))},
                origin={flat: bare for bare, flat in local.items()},
            )
        )
    return own, instances


def _unit_names() -> set[str]:
    return set(re.findall(r"^unit (\w+)", read_source("units.ant"), re.MULTILINE))


def _check_words(statements: list[str], known: set[str], top: str) -> None:
    """Raise if a statement uses an id that nothing declares."""
    for statement in statements:
        code = re.sub(r'"[^"]*"|\bhas \w+|\bsboTerm\b', " ", statement)
        for word in _WORD.findall(re.sub(r"\b\d[\w.]*", " ", code)):
            if word not in known:
                msg = (
                    f"{top}: {word!r} in {statement[:70]!r} is declared nowhere. "
                    f"{did_you_mean(word, known)}"
                )
                raise ModelSourceError(msg)


def compose(name: str, *, time_unit: str) -> Composition:
    """Compose the top model ``<name>.ant``.

    Parameters
    ----------
    name
        Top model, such as ``patient``.
    time_unit
        ``day`` or ``second``.

    Raises
    ------
    ModelSourceError
        For an unconnected port, an id declared twice or nowhere, or a broken file.
    """
    top = parse_submodel(read_source(f"{name}.ant"))
    own, instances = _instantiate(top)
    flat = list(own)
    origin: dict[str, tuple[str, ...]] = {}
    spare: list[str] = []
    coefficients: set[str] = set()
    for instance in instances:
        kind = instance.submodel.name
        statements = [_rename(s, instance.names) for s in instance.submodel.statements]
        (spare if kind in ON_DEMAND else flat).extend(statements)
        if kind == COEFFICIENTS:
            coefficients.update(instance.origin)
        for full, bare in instance.origin.items():
            origin[full] = (full,) if full == bare else (full, bare)
    flat += _wanted(spare, flat)

    functions = _functions_of([top, *_kinds(instances)], flat)
    function_names = set(_FUNCTION.findall(functions))
    units = _units_of(time_unit, f"{functions} {' '.join(flat)}")
    places: dict[str, list[str]] = {}
    for statement in flat:
        for one in _declared(statement):
            places.setdefault(one, []).append(statement)
    doubled = [item for item, at in places.items() if len(at) > 1 and not _one_and_its_unit(at)]
    if doubled:
        msg = f"{name}: declared more than once: {', '.join(sorted(doubled))}."
        raise ModelSourceError(msg)
    _check_words(flat, places.keys() | function_names | _unit_names() | _KEYWORDS, name)

    species = {
        item for s in flat if re.match(r"(?:substanceOnly )?species ", s) for item in _declared(s)
    }
    labels = {item for s in flat if re.match(r"\w+\s*:(?!=)", s) for item in _declared(s)}
    ruled = {item for s in flat if (item := _assigned(s))}
    started = {item for s in flat if (item := _initialised(s))}
    changed = {item for s in flat for item in _event_targets(s)}
    others = species | labels | ruled | started | changed | coefficients
    constants = {item: origin.get(item, (item,)) for item in places if item not in others}
    inputs = frozenset(started - species - ruled - changed - _computed(flat))
    body = "\n".join(f"  {statement};" for statement in flat)
    text = f"{functions}\nmodel *{name}()\n{units}\n{body}\nend\n"
    return Composition(
        name=name,
        text=text,
        constants=constants,
        inputs=inputs,
        coefficients=frozenset(coefficients & places.keys()),
    )


def _kinds(instances: list[_Instance]) -> list[Submodel]:
    """Return each submodel once, in order of first use."""
    return list({item.submodel.name: item.submodel for item in instances}.values())


def _words(text: str) -> set[str]:
    """Return the ids in a statement or a function, none of quotes and units of ``has``."""
    return set(_WORD.findall(re.sub(r'"[^"]*"|\bhas \w+', " ", text)))


def _wanted(spare: list[str], used: list[str]) -> list[str]:
    """Return the spare statements whose ids others use, directly or through one another."""
    uses: dict[str, set[str]] = {}
    for statement in spare:
        item = _subject(statement)
        uses[item] = uses.get(item, set()) | _words(statement)
    wanted: set[str] = set()
    waiting = {word for statement in used for word in _words(statement)}
    while waiting:
        wanted |= waiting
        waiting = {word for item in waiting & uses.keys() for word in uses[item]} - wanted
    return [statement for statement in spare if _subject(statement) in wanted]


def _subject(statement: str) -> str:
    """Return the id that a statement is about, the first word in it."""
    match = _WORD.search(statement)
    return match.group() if match else ""


def _functions_of(submodels: list[Submodel], used: list[str]) -> str:
    """Return the functions that statements use, as text: common ones and those of submodels.

    Raises
    ------
    ModelSourceError
        If two of one name differ.
    """
    blocks = _functions(read_source("functions.ant"))
    for submodel in submodels:
        for name, block in submodel.functions.items():
            if blocks.setdefault(name, block) != block:
                msg = f"{submodel.name}.ant: another file has a different function {name!r}."
                raise ModelSourceError(msg)
    wanted: set[str] = set()
    waiting = {word for statement in used for word in _words(statement)} & blocks.keys()
    while waiting:
        wanted |= waiting
        inner = {word for name in waiting for word in _words(blocks[name])}
        waiting = (inner & blocks.keys()) - wanted
    return "".join(f"{block}\n" for name, block in blocks.items() if name in wanted)


def _units_of(time_unit: str, text: str) -> str:
    """Return the units that a text uses, and those that SBML has for whatever states none."""
    lines = re.sub(r"\bTIME\b", TIME_UNITS[time_unit], read_source("units.ant")).splitlines()
    used = IMPLIED_UNITS | set(_WORD.findall(text))
    return "\n".join(line for line in lines if line.startswith("unit ") and line.split()[1] in used)


def _one_and_its_unit(declarations: list[str]) -> bool:
    """Return whether an id declared twice is a compartment that also states its unit."""
    first, second = declarations[0], declarations[-1]
    return len(declarations) == 2 and first.startswith("compartment") and " has " in second


def _computed(statements: list[str]) -> set[str]:
    """Return ids whose starting value is an expression, not a literal."""
    pairs = ((s, _initialised(s)) for s in statements)
    return {item for s, item in pairs if item and not re.fullmatch(r"\w+\s*=\s*[012]", s)}
