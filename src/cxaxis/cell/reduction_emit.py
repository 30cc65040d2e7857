"""One form, two languages: Antimony functions with submodels, and the source of a kernel.

Engines write out an assignment rule wherever it is used; the arguments of a function are worked
out once. In the Antimony text each output is therefore one call of a function of the logarithms of
what drives it.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping
from typing import Final

from cxaxis.cell.reduction_form import coefficient_names, fitted_outputs
from cxaxis.knowledge.response_box import ResponseInput, ResponseOutput
from cxaxis.models.compose import COEFFICIENTS, RESPONSES
from cxaxis.models.responses import PREFIX

KERNEL: Final = "cell_response"
_WORD: Final = re.compile(r"[A-Za-z_]\w*")

Inputs = Mapping[str, ResponseInput]
Outputs = Mapping[str, ResponseOutput]


def kernel_source(inputs: Inputs, outputs: Outputs, header: str) -> str:
    """Return the kernel as Python that Numba can compile, or that runs as it is.

    The function takes the inputs in the order of their table, the coefficients in the order of
    ``COEFFICIENTS`` and an array that receives the outputs in the order of theirs; it allocates
    nothing.

    Parameters
    ----------
    inputs, outputs
        Of the response functions.
    header
        Lines for the head of the file, without comment signs.
    """
    names = {name: f"{name}_inside" for name in inputs}
    names |= {name: f"{name}_share" for name in outputs}
    drivers = _drivers(outputs)
    lines = [
        *(f"# {line}" for line in header.splitlines()),
        "# fmt: off",
        "# ruff: noqa",
        '"""Response functions of one cell: shares of full scale at constant inputs."""',
        "from math import exp, log",
        "",
        "from cxaxis.core.arrays import FloatArray",
        "",
        f"INPUTS = {_tuple(inputs)}",
        f"OUTPUTS = {_tuple(outputs)}",
        f"COEFFICIENTS = {_tuple(coefficient_names(outputs))}",
        "",
        "",
        f"def {KERNEL}(",
        *(f"    {name}: float," for name in inputs),
        "    coefficients: FloatArray,",
        "    shares: FloatArray,",
        ") -> None:",
        '    """Write the outputs at constant inputs into ``shares``, each from 0 to 1."""',
    ]
    lines += [
        f"    {names[name]} = min(max({name}, {item.low!r}), {item.high!r})"
        for name, item in inputs.items()
    ]
    at = 0
    written: set[str] = set()
    for place, (name, item) in enumerate(outputs.items()):
        if item.is_given:
            lines.append(f"    {names[name]} = {_renamed(item.given, names)}")
        else:
            for text in item.via:
                if text not in written:
                    written.add(text)
                    lines.append(f"    {drivers[text]} = log({_renamed(text, names)})")
            n_driver = len(item.via)
            above, below = [], []
            for j in range(item.n_term):
                power = " + ".join(
                    f"coefficients[{at + 1 + k}] * {drivers[text]}"
                    for k, text in enumerate(item.via)
                )
                lines.append(f"    weight_{j} = exp(coefficients[{at}] + {power})")
                above.append(f"coefficients[{at + 1 + n_driver}] * weight_{j}")
                below.append(f"weight_{j}")
                at += n_driver + 2
            lines.append(f"    {names[name]} = ({' + '.join(above)}) / ({' + '.join(below)})")
        lines.append(f"    shares[{place}] = {names[name]}")
    return "\n".join(lines) + "\n"


def antimony_source(inputs: Inputs, outputs: Outputs, header: str) -> str:
    """Return the functions in Antimony, and a submodel with one port for each input.

    The submodel may stand in a model several times. Coefficients are those of
    `coefficient_source`, shared by all. Concentrations within are numbers of nM.

    Parameters
    ----------
    inputs, outputs
        Of the response functions.
    header
        Lines for the head of the file, without comment signs.
    """
    names = {name: f"{PREFIX}inside_{name}" for name in inputs}
    names |= {name: PREFIX + name for name in outputs}
    fitted = fitted_outputs(outputs)
    lines = [
        *_marked(header),
        "// Response functions of one cell: shares of full scale at constant inputs.",
        f"function {PREFIX}clamped(x, low, high)",
        "  piecewise(low, x < low, high, x > high, x)",
        "end",
    ]
    for n_term in sorted({item.n_term for item in fitted.values()}):
        lines += _mean_function(n_term)
    for shape in sorted({(item.n_term, len(item.via)) for item in fitted.values()}):
        lines += _ratio_function(*shape)
    lines.append(f"model {RESPONSES}({', '.join(inputs)})")
    for name, item in inputs.items():
        unit = "dimensionless" if item.unit == "1" else item.unit
        edges = f"{PREFIX}low_{name}, {PREFIX}high_{name}"
        lines.append(_rule(names[name], f"{PREFIX}clamped({name} / (1 {unit}), {edges})"))
    for name, output in outputs.items():
        if output.is_given:
            lines.append(_rule(names[name], _with_units(_renamed(output.given, names))))
            continue
        logs = [f"ln({_with_units(_renamed(text, names))})" for text in output.via]
        numbers = [f"{PREFIX}{number}" for number in coefficient_names({name: output})]
        shape = output.n_term, len(output.via)
        call = f"{_ratio_name(*shape)}({', '.join([*logs, *numbers])})"
        lines.append(_rule(names[name], call))
    return "\n".join([*lines, "end", ""])


def coefficient_source(inputs: Inputs, outputs: Outputs, header: str) -> str:
    """Return a submodel without ports that declares the coefficients and the edges of the box.

    Parameters
    ----------
    inputs, outputs
        Of the response functions.
    header
        Lines for the head of the file, without comment signs.
    """
    declared = [f"{edge}_{name}" for name in inputs for edge in ("low", "high")]
    declared += coefficient_names(outputs)
    lines = [
        *_marked(header),
        "// Coefficients of the response functions and edges of their box.",
        f"model {COEFFICIENTS}()",
        *(f"  {PREFIX}{name} has dimensionless;" for name in declared),
        "end",
    ]
    return "\n".join([*lines, ""])


def _marked(header: str) -> list[str]:
    return [f"// {line}" for line in header.splitlines()]


def _rule(name: str, formula: str) -> str:
    return f"  {name} := {formula};  {name} has dimensionless;"


def _mean_function(n_term: int) -> list[str]:
    """Return the mean of levels by weights."""
    weights = [f"w{j}" for j in range(n_term)]
    levels = [f"p{j}" for j in range(n_term)]
    above = " + ".join(f"{p} * {w}" for p, w in zip(levels, weights, strict=True))
    return [
        f"function {PREFIX}mean_{n_term}({', '.join([*weights, *levels])})",
        f"  ({above}) / ({' + '.join(weights)})",
        "end",
    ]


def _ratio_name(n_term: int, n_driver: int) -> str:
    return f"{PREFIX}ratio_{n_term}_{n_driver}"


def _ratio_function(n_term: int, n_driver: int) -> list[str]:
    """Return the mean of levels weighed by powers of drivers given as logarithms."""
    logs = [f"x{k}" for k in range(n_driver)]
    numbers: list[str] = []
    weights: list[str] = []
    for j in range(n_term):
        powers = [f"a{j}_{k}" for k in range(n_driver)]
        numbers += [f"b{j}", *powers, f"p{j}"]
        total = " + ".join(f"{a} * {x}" for a, x in zip(powers, logs, strict=True))
        weights.append(f"exp(b{j} + {total})")
    levels = [f"p{j}" for j in range(n_term)]
    return [
        f"function {_ratio_name(n_term, n_driver)}({', '.join([*logs, *numbers])})",
        f"  {PREFIX}mean_{n_term}({', '.join([*weights, *levels])})",
        "end",
    ]


def _drivers(outputs: Outputs) -> dict[str, str]:
    """Return a name for the logarithm of each formula that drives an output."""
    texts = dict.fromkeys(text for item in fitted_outputs(outputs).values() for text in item.via)
    return {text: f"log_{index}" for index, text in enumerate(texts)}


def _renamed(text: str, names: Mapping[str, str]) -> str:
    return _WORD.sub(lambda word: names.get(word.group(), word.group()), text)


def _with_units(text: str) -> str:
    """Return a formula of the tables in Antimony, whose numbers carry a unit."""
    halves = text.replace("** 0.5", "^ (1 / 2)").replace("** 2", "^ 2")
    return re.sub(r"(?<![\w.^])(?<!\^ )(\d+)(?![\w.])", r"\1 dimensionless", halves)


def _tuple(names: Iterable[str]) -> str:
    body = textwrap.fill(", ".join(f'"{name}"' for name in names), 96)
    return "(\n" + textwrap.indent(body, "    ") + ",\n)"
