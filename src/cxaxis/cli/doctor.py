"""``cxaxis doctor``: what is installed, what is missing and how to get it."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import sys
from pathlib import Path

import typer

NEEDED = {
    "numpy": "arrays",
    "scipy": "special functions and statistics",
    "pandas": "tables",
    "pyarrow": "Parquet files",
    "lifelines": "survival analysis",
    "pydantic": "strict reading of files",
    "PyYAML": "protocol and drug files",
    "Pint": "units",
    "typer": "the command line",
    "rich": "tables and progress",
    "matplotlib": "figures",
    "Jinja2": "the report",
    "antimony": "model text",
    "python-libsbml": "SBML and its checks",
    "llvmlite": "the population engine",
}
OPTIONAL = {
    "libroadrunner": ("the reference engine, for cross-checks", "test"),
    "pytest": ("tests", "test"),
    "hypothesis": ("property tests", "test"),
    "mypy": ("type checks", "test"),
    "ruff": ("format and lint", "test"),
    "import-linter": ("import contracts", "test"),
}
LEAST_FREE_GB = 1.0


def doctor() -> None:
    """Say what is installed and what is missing.

    And how to get what is missing. Exits with 1 if a needed part is missing or does not run.
    """
    from cxaxis._version import __version__
    from cxaxis.cli.tables import print_table
    from cxaxis.runs.executor import available_cpus

    rows, missing = [], []
    for name, use in NEEDED.items():
        version = installed_version(name)
        rows.append([name, version or "MISSING", use, "needed"])
        if version is None:
            missing.append(name)
    for name, (use, extra) in OPTIONAL.items():
        version = installed_version(name)
        rows.append([name, version or "not installed", use, f"extra '{extra}'"])
    runs, note = (False, "") if missing else engine_check()
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    notes = [
        f"cxaxis {__version__}, Python {platform.python_version()} at {sys.executable}",
        f"{platform.platform()}, {available_cpus()} processors, {free:.0f} GB free here",
        note,
    ]
    if free < LEAST_FREE_GB:
        notes.append("Little disk space is left: a large run may not fit.")
    if missing:
        cure = f"{sys.executable} -m pip install {' '.join(map(requirement, missing))}"
        notes.append(f"Missing: {', '.join(missing)}. Install with: {cure}")
    if any(row[1] == "not installed" for row in rows):
        notes.append("For development: make test installs the extra 'test'.")
    print_table(
        "Parts of cxaxis",
        ("Part", "Version", "Used for", "Kind"),
        rows,
        notes=[*filter(None, notes)],
    )
    if not runs:
        raise typer.Exit(1)


def installed_version(name: str) -> str | None:
    """Return the version of an installed distribution, None if there is none."""
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def requirement(name: str) -> str:
    """Return what pip is to be asked for: the name with the versions that fit, quoted."""
    from importlib import metadata

    try:
        wanted = metadata.requires("cxaxis") or []
    except metadata.PackageNotFoundError:
        wanted = []
    for text in wanted:
        spec = text.partition(";")[0].strip()
        if spec.lower().startswith(name.lower()) and not spec[len(name) :].startswith("-"):
            return shlex.quote(spec)
    return name


def engine_check() -> tuple[bool, str]:
    """Return whether the models build and the engine solves, and that in words."""
    try:
        import numpy as np

        from cxaxis.engine.choice import engine_named
        from cxaxis.engine.doses import DoseTable
        from cxaxis.engine.protocol import ParameterTable
        from cxaxis.models.build import build

        model = build("receptor_bench")
        table = ParameterTable(("cxcl12",), np.array([[1.0]]))
        result = engine_named().simulate(
            model.sbml, table, DoseTable(), np.array([60.0]), ["cxcl12_cxcr4"]
        )
    except Exception as err:  # a doctor reports what is broken, whatever it is
        why = f"{type(err).__name__}: {err}"
        return False, f"The models or the population engine do not run: {why}"
    outcome = result.outcomes[0].outcome
    if outcome.is_failure:
        return False, f"The population engine fails on a small model: {outcome.value}."
    return True, f"The models build and the population engine runs: {engine_words()}"


def engine_words() -> str:
    """Return what the population engine makes code for and where it keeps it."""
    from cxaxis.engine.machine import cache_directory, this_processor

    processor = this_processor()
    folder = cache_directory()
    kept = "" if is_writable(folder) else ", which cannot be written: each start compiles anew"
    return (
        f"code for {processor.name}, {processor.lanes} patients at a time on each processor; "
        f"compiled models are kept in {folder}{kept}."
    )


def is_writable(folder: Path) -> bool:
    """Return whether a folder, or the nearest one above it that exists, can be written to."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK)
