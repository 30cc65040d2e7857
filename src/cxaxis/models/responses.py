"""Coefficients of the cell's response functions, as models take them.

The functions stand for receptor and signalling wherever a model runs for days. They are made from
the cell by ``python -m cxaxis.cell.reduce``, which writes their text and this table; models only
read both.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

from cxaxis.core.errors import ModelValueError
from cxaxis.knowledge.response_box import load_response_box
from cxaxis.models.compose import generated_folder
from cxaxis.models.wiring import Wiring

COEFFICIENT_FILE: Final = "response_coefficients.tsv"
SHIFT_FILE: Final = "response_shifts.tsv"
#: Prefix of every name of the response functions within a model.
PREFIX: Final = "response_"
TABLED: Final = "tabled"
DEFAULT: Final = "default"
_KEYS: Final = ("wiring", "draw")


def coefficient_file() -> Path:
    """Return the path of the committed table of coefficients."""
    return generated_folder() / COEFFICIENT_FILE


@lru_cache(maxsize=1)
def response_sets() -> Mapping[tuple[str, str], Mapping[str, float]]:
    """Return the coefficients by name for each wiring and draw, in the order of the table.

    Raises
    ------
    ModelValueError
        If the file is not there or is no such table.
    """
    path = coefficient_file()
    if not path.is_file():
        msg = f"there is no {path}. Run: python -m cxaxis.cell.reduce"
        raise ModelValueError(msg)
    with path.open(encoding="utf-8", newline="") as handle:
        rows = csv.reader((line for line in handle if not line.startswith("#")), delimiter="\t")
        header = next(rows, [])
        if tuple(header[:2]) != _KEYS:
            msg = f"{path} has no columns {' and '.join(_KEYS)}. Run: python -m cxaxis.cell.reduce"
            raise ModelValueError(msg)
        return MappingProxyType(
            {
                (row[0], row[1]): MappingProxyType(
                    dict(zip(header[2:], map(float, row[2:]), strict=True))
                )
                for row in rows
            }
        )


def changed_options(wiring: Wiring) -> tuple[str, ...]:
    """Return the options that matter to the response functions and differ from the default."""
    plain = asdict(Wiring())
    matter = {label.partition("=")[0] for label, _ in response_sets()}
    return tuple(
        f"{name}={option}"
        for name, option in asdict(wiring).items()
        if name in matter and option != plain[name]
    )


def wiring_label(wiring: Wiring) -> str:
    """Return the name of a wiring's coefficients, such as ``default``."""
    return ";".join(changed_options(wiring)) or DEFAULT


@lru_cache(maxsize=1)
def response_shifts() -> Mapping[str, Mapping[str, float]]:
    """Return how far an option moves each output's own function, by option and output.

    Raises
    ------
    ModelValueError
        If the file is not there.
    """
    path = generated_folder() / SHIFT_FILE
    if not path.is_file():
        msg = f"there is no {path}. Run: python -m cxaxis.cell.reduce"
        raise ModelValueError(msg)
    with path.open(encoding="utf-8", newline="") as handle:
        rows = csv.DictReader((x for x in handle if not x.startswith("#")), delimiter="\t")
        return MappingProxyType(
            {
                row.pop("wiring"): MappingProxyType({k: float(v) for k, v in row.items()})
                for row in rows
            }
        )


def response_coefficients(wiring: Wiring, draw: str = TABLED) -> Mapping[str, float]:
    """Return the coefficients of the response functions by name, in the order of their table.

    Parameters
    ----------
    wiring
        Rival mechanisms. Sets are made for one option at a time. Where several that matter
        differ from the default, each output takes its coefficients from the option that moves
        the output's own function most: an option acts on a few outputs directly, and on others
        through them.
    draw
        ``tabled`` or the number of a draw of the posterior.

    Raises
    ------
    ModelValueError
        If there is no set of an option and draw.
    """
    sets, changed = response_sets(), changed_options(wiring)
    labels = changed or (DEFAULT,)
    if missing := [label for label in labels if (label, draw) not in sets]:
        draws = sorted(number for label, number in sets if label == missing[0])
        known = sorted({label for label, _ in sets})
        msg = (
            f"there are no response functions for wiring {missing[0]}, draw {draw}. "
            f"Wirings: {', '.join(known)}; draws of this one: {', '.join(draws) or 'none'}. "
            "Others are made by python -m cxaxis.cell.reduce --draws N."
        )
        raise ModelValueError(msg)
    if len(labels) == 1:
        return sets[labels[0], draw]
    shifts = response_shifts()
    source = {
        output: max(labels, key=lambda label: shifts[label][output]) for output in shifts[labels[0]]
    }
    names = sets[labels[0], draw]
    return MappingProxyType({name: sets[source[_output(name)], draw][name] for name in names})


def _output(coefficient: str) -> str:
    """Return the output that a coefficient belongs to."""
    return re.sub(r"_(?:offset_\d+|power_\d+_\d+|level_\d+)$", "", coefficient)


def response_constants(wiring: Wiring) -> dict[str, float]:
    """Return the constants of the response functions in a model, at tabled values.

    Parameters
    ----------
    wiring
        Rival mechanisms; several may differ from the default, see `response_coefficients`.

    Returns
    -------
    Every coefficient and both edges of every input, by the name that it has in a model.
    """
    found = {PREFIX + name: value for name, value in response_coefficients(wiring).items()}
    for name, item in load_response_box().items():
        found |= {f"{PREFIX}low_{name}": item.low, f"{PREFIX}high_{name}": item.high}
    return found
