"""``cxaxis doctor``: what is installed, what is missing and how to get it."""

from __future__ import annotations

import platform
import shutil
import sys
from importlib import metadata
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
    "libroadrunner": "the reference engine",
}
OPTIONAL = {
    "pytest": ("tests", "test"),
    "hypothesis": ("property tests", "test"),
    "mypy": ("type checks", "test"),
    "ruff": ("format and lint", "test"),
    "import-linter": ("import contracts", "test"),
}
LEAST_FREE_GB = 1.0


def doctor() -> None:
    """Say what is installed, what is missing and how to get it; exit 1 if a needed part is."""
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
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    notes = [
        f"cxaxis {__version__}, Python {platform.python_version()} at {sys.executable}",
        f"{platform.platform()}, {available_cpus()} processors, {free:.0f} GB free here",
        *engine_notes(missing),
    ]
    if free < LEAST_FREE_GB:
        notes.append("Little disk space is left: a large run may not fit.")
    if missing:
        notes.append(
            f"Missing: {', '.join(missing)}. Install with: pip install {' '.join(missing)}"
        )
    if any(row[1] == "not installed" for row in rows):
        notes.append("For development: make test installs the extra 'test'.")
    print_table("Parts of cxaxis", ("Part", "Version", "Used for", "Kind"), rows, notes=notes)
    if missing:
        raise typer.Exit(1)


def installed_version(name: str) -> str | None:
    """Return the version of an installed distribution, None if there is none."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def engine_notes(missing: list[str]) -> list[str]:
    """Return whether the models build and the engine solves, or why not."""
    if missing:
        return []
    try:
        import numpy as np

        from cxaxis.engine.doses import DoseTable
        from cxaxis.engine.protocol import ParameterTable
        from cxaxis.engine.reference import ReferenceEngine
        from cxaxis.models.build import build

        model = build("receptor_bench")
        table = ParameterTable(("cxcl12",), np.array([[1.0]]))
        result = ReferenceEngine().simulate(
            model.sbml, table, DoseTable(), np.array([60.0]), ["cxcl12_cxcr4"]
        )
    except Exception as err:  # a doctor reports what is broken, whatever it is
        return [f"The reference engine does not run: {type(err).__name__}: {err}"]
    outcome = result.outcomes[0].outcome.value
    return [f"The models build and the reference engine runs ({outcome})."]
