"""Response functions: what a cell does for days at constant inputs, without simulating it.

They stand in for receptor and signalling where those are fast beside everything else, in tissue
and patient. Each output is a share of a named full scale (``response_outputs.tsv``), smooth and
between 0 and 1; beyond the box (``response_box.tsv``) it stays at what it is at the edge. There is
one set of coefficients for each wiring that matters and for each draw of the posterior.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from cxaxis.cell.reduction_form import ResponseFit, coefficient_names, fit_from
from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import ModelValueError
from cxaxis.core.ids import did_you_mean
from cxaxis.knowledge.response_box import load_response_box, load_response_outputs
from cxaxis.models.wiring import Wiring

COMMAND: Final = "python -m cxaxis.cell.reduce"
COEFFICIENT_FILE: Final = "response_coefficients.tsv"
ERROR_FILE: Final = "response_errors.tsv"
ANTIMONY_FILE: Final = "cell_response.ant"
KERNEL_FILE: Final = "response_kernel.py"
TABLED: Final = "tabled"
DEFAULT: Final = "default"


def generated_folder() -> Path:
    """Return the folder of the committed response functions."""
    return Path(str(resources.files("cxaxis.cell"))) / "generated"


@dataclass(frozen=True, kw_only=True)
class ResponseFunctions:
    """The response functions of one wiring and draw.

    Attributes
    ----------
    wiring
        ``default``, or the one option that differs, such as ``heterodimer=blunts_gi``.
    draw
        ``tabled`` or the number of a draw of the posterior.
    coefficients
        In the order of the kernel and of the Antimony text.
    """

    wiring: str
    draw: str
    coefficients: FloatArray = field(repr=False)
    _fit: ResponseFit = field(repr=False)

    def shares(self, **inputs: ArrayLike) -> Mapping[str, FloatArray]:
        """Return every output at constant inputs.

        Parameters
        ----------
        **inputs
            Every input of the box by its id, numbers or arrays that broadcast together.

        Returns
        -------
        Mapping
            Output -> share of full scale, 0 to 1, in the common shape of the inputs.

        Raises
        ------
        ModelValueError
            For an unknown or missing input, or one that is not a number.
        """
        known = self._fit.inputs
        for name in inputs:
            if name not in known:
                msg = f"no response function has the input {name!r}. {did_you_mean(name, known)}"
                raise ModelValueError(msg)
        if missing := [name for name in known if name not in inputs]:
            msg = f"the response functions also need {', '.join(missing)}."
            raise ModelValueError(msg)
        arrays = np.broadcast_arrays(*(np.asarray(inputs[name], dtype=float) for name in known))
        for name, array in zip(known, arrays, strict=True):
            if np.isnan(array).any():
                msg = f"{name} holds a value that is not a number."
                raise ModelValueError(msg)
        points = {name: array.ravel() for name, array in zip(known, arrays, strict=True)}
        found = self._fit.shares(points)
        return MappingProxyType(
            {name: found[:, k].reshape(arrays[0].shape) for k, name in enumerate(self._fit.outputs)}
        )


def load_responses(wiring: Wiring | None = None, draw: int | None = None) -> ResponseFunctions:
    """Return committed response functions.

    Parameters
    ----------
    wiring
        Rival mechanisms, at most one of those that matter here other than the default.
    draw
        Number of a draw of the posterior; None takes the tabled values.

    Raises
    ------
    ModelValueError
        If there is no such set.
    """
    sets = _sets()
    label = _label(wiring or Wiring(), {name for name, _ in sets})
    key = label, TABLED if draw is None else str(draw)
    if key not in sets:
        draws = sorted({number for name, number in sets if name == label})
        wirings = sorted({name for name, _ in sets})
        msg = (
            f"there are no response functions for wiring {label}, draw {key[1]}. "
            f"Wirings: {', '.join(wirings)}; draws of this one: {', '.join(draws) or 'none'}. "
            f"Others are made by {COMMAND} --draws N."
        )
        raise ModelValueError(msg)
    inputs, outputs = load_response_box(), load_response_outputs()
    return ResponseFunctions(
        wiring=label,
        draw=key[1],
        coefficients=sets[key],
        _fit=fit_from(sets[key], inputs, outputs),
    )


def _label(wiring: Wiring, known: set[str]) -> str:
    """Return the name of a wiring's set; options that matter nowhere here leave the default."""
    plain = asdict(Wiring())
    matter = {name.partition("=")[0] for name in known}
    changed = [
        f"{name}={option}"
        for name, option in asdict(wiring).items()
        if name in matter and option != plain[name]
    ]
    return ";".join(changed) or DEFAULT


@lru_cache(maxsize=1)
def _sets() -> Mapping[tuple[str, str], FloatArray]:
    path = generated_folder() / COEFFICIENT_FILE
    expected = ["wiring", "draw", *coefficient_names(load_response_outputs())]
    with path.open(encoding="utf-8", newline="") as handle:
        rows = csv.reader((line for line in handle if not line.startswith("#")), delimiter="\t")
        header = next(rows, [])
        if header != expected:
            msg = f"{path} was made for other outputs. Run: {COMMAND}"
            raise ModelValueError(msg)
        return MappingProxyType(
            {(row[0], row[1]): np.array([float(cell) for cell in row[2:]]) for row in rows}
        )


def header_hash(path: Path) -> str | None:
    """Return the input hash in the header of a generated file, or None."""
    if not path.is_file():
        return None
    with path.open(encoding="utf-8") as handle:
        for line in handle:
            _, found, rest = line.partition("inputs sha256: ")
            if found:
                return rest.split()[0]
            if not line.startswith(("#", "//")):
                return None
    return None


def table_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a generated table by column."""
    with path.open(encoding="utf-8", newline="") as handle:
        lines = (line for line in handle if not line.startswith("#"))
        return list(csv.DictReader(lines, delimiter="\t"))
