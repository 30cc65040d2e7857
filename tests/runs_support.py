"""A small run for the tests of the room `runs`: picklable work, and a script to interrupt."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

SEED = 11
ITEMS = 150
KEY_PARTS = {
    "protocol": "a" * 64,
    "wiring": {"egress": "shared", "rebound": True},
    "seed": SEED,
    "tolerances": {"rtol": 1e-6, "atol": 1e-9},
    "package_version": "0.1.0",
}


def schemas():
    from cxaxis.runs.tables import Column, TableSchema

    def column(name, kind, unit="", *, nullable=False):
        return Column(name=name, type=kind, unit=unit, meaning=f"the {name}", nullable=nullable)

    return (
        TableSchema(
            name="sizes",
            meaning="One row per item.",
            columns=(
                column("ITEM", "string"),
                column("SIZE", "float64", "mm"),
                column("LATE", "float64", "day", nullable=True),
            ),
        ),
        TableSchema(
            name="flags",
            meaning="One row per large item.",
            columns=(column("ITEM", "string"), column("FLAG", "int8")),
        ),
    )


def store_in(directory):
    from cxaxis.runs.blocks import BlockStore

    return BlockStore(directory=Path(directory), schemas=schemas())


def compute(store, block):
    """Fill a block with numbers that depend on the item alone."""
    import pandas as pd

    from cxaxis.core.streams import rng_for

    draws = [rng_for(SEED, block.group, item).normal(size=2) for item in items(block)]
    names = [f"{block.group}{item}" for item in items(block)]
    large = [name for name, draw in zip(names, draws, strict=True) if draw[0] > 1]
    sizes = {
        "ITEM": names,
        "SIZE": [draw[0] for draw in draws],
        "LATE": [draw[1] if draw[1] > 0 else None for draw in draws],
    }
    frames = {
        "sizes": pd.DataFrame(sizes),
        "flags": pd.DataFrame({"ITEM": large, "FLAG": [1] * len(large)}),
    }
    store.write(block, frames)
    return block


def items(block):
    return range(block.start, block.stop)


def compute_task(task):
    return compute(*task)


def square(number):
    return number * number


def die(number):
    if number == 1:
        os._exit(3)
    return number


def fail(number):
    msg = f"number {number} is not liked"
    raise ValueError(msg)


def sleep_unless_zero(number):
    if number:
        time.sleep(600)
    return number


def leave_pid_and_sleep(directory):
    (Path(directory) / f"{os.getpid()}.pid").touch()
    time.sleep(600)


_loaded = {}


def load(name):
    _loaded["name"] = name


def loaded_and(number):
    return _loaded["name"], number


def main():
    """Start two sleeping workers that leave their process ids in the directory given."""
    from cxaxis.runs.executor import run_blocks

    try:
        list(run_blocks([sys.argv[1]] * 4, leave_pid_and_sleep, workers=2))
    except KeyboardInterrupt:
        sys.exit(42)


if __name__ == "__main__":
    main()
