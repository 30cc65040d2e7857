"""Checks of what statistics are given: durations, flags, labels and levels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cxaxis.core.arrays import BoolArray, FloatArray
from cxaxis.core.errors import ModelValueError


def checked_durations(duration_day: ArrayLike, event: ArrayLike) -> tuple[FloatArray, BoolArray]:
    """Return durations in days and event flags as arrays of one shape, ``(n_patient,)``.

    Raises
    ------
    ModelValueError
        If there is no patient, a duration is negative or not finite, events are not boolean, or
        shapes differ.
    """
    duration = np.asarray(duration_day, dtype=np.float64)
    if duration.ndim != 1 or len(duration) == 0:
        msg = f"durations must be a non-empty list of days, got shape {duration.shape}."
        raise ModelValueError(msg)
    if not np.all(np.isfinite(duration)) or np.any(duration < 0):
        bad = int(np.flatnonzero(~(np.isfinite(duration) & (duration >= 0)))[0])
        msg = f"durations must be finite and non-negative days, got {duration[bad]} at row {bad}."
        raise ModelValueError(msg)
    return duration, checked_flags(event, "event", len(duration))


def checked_flags(values: ArrayLike, name: str, length: int) -> BoolArray:
    """Return one flag for each duration.

    Raises
    ------
    ModelValueError
        If the values are not boolean or not one for each of ``length`` durations; ``name`` tells
        which.
    """
    flags = np.asarray(values)
    if flags.dtype != np.bool_:
        msg = (
            f"{name} must be boolean, got {flags.dtype}. Were durations passed in its place? "
            "From a CDISC censor flag write `cnsr == 0`."
        )
        raise ModelValueError(msg)
    if flags.shape != (length,):
        msg = f"{name} has shape {flags.shape}, durations have ({length},); one per patient."
        raise ModelValueError(msg)
    return flags


def checked_labels(values: ArrayLike | Sequence[Any], length: int, name: str) -> Any:
    """Return one label for each duration; labels of mixed type become text.

    Raises
    ------
    ModelValueError
        If there is not one for each of ``length`` durations; ``name`` tells which.
    """
    labels = np.asarray(values)
    if labels.shape != (length,):
        msg = f"{name} has shape {labels.shape}, durations have ({length},); one per patient."
        raise ModelValueError(msg)
    return labels.astype(str) if labels.dtype == object else labels


def checked_level(level: float) -> float:
    """Return a confidence level.

    Raises
    ------
    ModelValueError
        If it does not lie strictly between 0 and 1.
    """
    if not 0.0 < level < 1.0:
        msg = f"level must lie strictly between 0 and 1, got {level!r}."
        raise ModelValueError(msg)
    return level
