"""What a batch hands to the machine code: one table of addresses and numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxaxis.engine.emit import REAL, WHOLE, Code, Value

#: Entries of the table, in order. Numbers that are not whole are stored bit by bit.
ENTRIES = (
    # The population: how many, the next to be begun, held values.
    "n_patient",
    "next_patient",
    "n_column",
    "columns",
    "table",
    "defaults",
    # Output times and outputs.
    "n_time",
    "times",
    "times_pitch",
    "n_output",
    "outputs",
    # Schedules of doses: of each patient, stops of each schedule, changes at each stop.
    "schedule_of",
    "first_stop",
    "stop_times",
    "first_change",
    "change_row",
    "change_sets",
    "change_amount",
    # Outcomes.
    "status",
    "end_time",
    "culprit",
    "steps",
    "rejections",
    # Error control.
    "relative",
    "absolute",
    "max_steps",
)
REALS = ("relative", "absolute")

#: Why a patient's course stopped, as the machine code says it.
COMPLETED, ENDED, STEP_TOO_SMALL, NON_FINITE, STEP_LIMIT, SMALL_PIVOT, NEGATIVE, QUEUE_FULL = range(
    8
)


@dataclass(frozen=True)
class Job:
    """The table of a batch; keeps what it points at alive."""

    table: NDArray[np.int64]
    arrays: dict[str, Any]


def pack(**entries: Any) -> Job:
    """Return the table of a batch from arrays and numbers, one for every name in `ENTRIES`."""
    table = np.zeros(len(ENTRIES), dtype=np.int64)
    for k, name in enumerate(ENTRIES):
        value = entries[name]
        if isinstance(value, np.ndarray):
            table[k] = value.ctypes.data
        elif name in REALS:
            table[k] = np.float64(value).view(np.int64)
        else:
            table[k] = int(value)
    return Job(table, entries)


class Table:
    """The table as scalar code sees it."""

    def __init__(self, pointer: Any) -> None:
        self.pointer = pointer

    def whole(self, code: Code, name: str) -> Value:
        """Return a whole number of the table."""
        return code.element(self.pointer, code.whole(ENTRIES.index(name)), WHOLE)

    def real(self, code: Code, name: str) -> Value:
        """Return a floating-point number of the table."""
        return code.element(self.pointer, code.whole(ENTRIES.index(name)), REAL)

    def array(self, code: Code, name: str) -> Any:
        """Return the pointer to an array."""
        from cxaxis.engine.emit import POINTER

        return code.builder.inttoptr(self.whole(code, name).ir, POINTER)
