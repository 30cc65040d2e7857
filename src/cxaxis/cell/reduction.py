"""Response functions: what a cell does for days at constant inputs, without simulating it.

They stand in for receptor and signalling where those are fast beside everything else, in tissue
and patient. Each output is a share of a named full scale (``response_outputs.tsv``), smooth and
between 0 and 1; beyond the box (``response_box.tsv``) it stays at what it is at the edge. There is
one set of coefficients for each wiring that matters and for each draw of the posterior.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
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
from cxaxis.models.compose import COEFFICIENTS, RESPONSES, generated_folder
from cxaxis.models.responses import (
    COEFFICIENT_FILE,
    SHIFT_FILE,
    TABLED,
    coefficient_file,
    response_coefficients,
    wiring_label,
)
from cxaxis.models.wiring import Wiring

COMMAND: Final = "python -m cxaxis.cell.reduce"
ERROR_FILE: Final = "response_errors.tsv"
ANTIMONY_FILE: Final = f"{RESPONSES}.ant"
DECLARATION_FILE: Final = f"{COEFFICIENTS}.ant"
KERNEL_FILE: Final = "response_kernel.py"


def generated_file(name: str) -> Path:
    """Return the path of a committed file: models read theirs from their own folder."""
    if name in (COEFFICIENT_FILE, SHIFT_FILE, ANTIMONY_FILE, DECLARATION_FILE):
        return generated_folder() / name
    return Path(str(resources.files("cxaxis.cell"))) / "generated" / name


@dataclass(frozen=True, kw_only=True)
class ResponseFunctions:
    """The response functions of one wiring and draw.

    Attributes
    ----------
    wiring
        ``default``, or the options that differ and matter, such as ``heterodimer=blunts_gi``.
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
        Rival mechanisms. Sets are made for one option at a time; where several that matter
        differ from the default, each output takes the set of the option that acts on it most.
    draw
        Number of a draw of the posterior; None takes the tabled values.

    Raises
    ------
    ModelValueError
        If there is no such set.
    """
    chosen = wiring or Wiring()
    number = TABLED if draw is None else str(draw)
    numbers = response_coefficients(chosen, number)
    inputs, outputs = load_response_box(), load_response_outputs()
    if tuple(numbers) != coefficient_names(outputs):
        msg = f"{coefficient_file()} was made for other outputs. Run: {COMMAND}"
        raise ModelValueError(msg)
    coefficients = np.array(list(numbers.values()))
    return ResponseFunctions(
        wiring=wiring_label(chosen),
        draw=number,
        coefficients=coefficients,
        _fit=fit_from(coefficients, inputs, outputs),
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
