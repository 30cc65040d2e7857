"""A small run for the tests of the room `runs`: picklable work, and a script to interrupt."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


@dataclass(frozen=True)
class Share:
    """A block to be computed and stored, after whatever the test wants to happen first."""

    store: Any
    block: Any
    marks: Path | None = None


def compute_share(share):
    """Store a block; return its name and the folder it was written to."""
    compute(share.store, share.block)
    return share.block.name, share.store.directory


def die_once_in(share):
    """As `compute_share`, but the first process that comes to the second block is killed."""
    mark = share.marks / "died"
    if share.block.name == "control-00001" and not mark.exists():
        mark.write_text(str(os.getpid()))
        os.kill(os.getpid(), signal.SIGKILL)
    return compute_share(share)


def perform(path, after=None):
    """Do the whole run of `KEY_PARTS`, and be killed at durable write number ``after``, if any.

    Return the names of the blocks computed. Half of the kills strike before the file has its
    name, half when it just has it.
    """
    from cxaxis.runs.blocks import blocks_of
    from cxaxis.runs.directory import open_run
    from cxaxis.runs.tables import write_table

    if after is not None:
        kill_at_write(after)
    blocks = (*blocks_of("control", ITEMS), *blocks_of("treated", ITEMS))
    computed = []
    with open_run(path, KEY_PARTS) as run:
        store = run.block_store(schemas())
        for block in store.missing(blocks):
            compute(store, block)
            computed.append(block.name)
        frames = store.load_blocks(blocks)
        for schema in schemas():
            write_table(frames[schema.name], run.path / schema.file_name, schema)
        run.write_json("summary.json", {"rows": {name: len(frames[name]) for name in frames}})
        run.finish(
            kind="test", title="A test", seed=SEED, counts={"done": ITEMS}, tables=list(frames)
        )
    return computed


def kill_at_write(after):
    """Have this process kill itself at a rename: they make every file of a run."""
    rename, seen = Path.replace, []

    def replace(path, target):
        seen.append(target)
        if len(seen) == after // 2 + 1:
            if after % 2:
                rename(path, target)
            os.kill(os.getpid(), signal.SIGKILL)
        return rename(path, target)

    Path.replace = replace


def perform_trial(path):
    """Run the tiniest trial, whose protocol lies beside the directory ``path``."""
    from cxaxis.trial.run import run_trial

    run_trial(path.parent / "tiny.yaml", out=path, workers=1)


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
