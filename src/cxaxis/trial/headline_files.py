"""The committed rows of the headline grid: a table of text that names what it was made from."""

from __future__ import annotations

import io
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from cxaxis.core.errors import UserInputError, error
from cxaxis.core.hashing import sha256_of
from cxaxis.trial.headline import COLUMNS, ENDPOINTS
from cxaxis.trial.headline_plan import HeadlinePlan, Source, key_parts

if TYPE_CHECKING:
    import pandas as pd

FILE: Final = "headline.tsv"
COMMAND: Final = "make headline"
#: Largest difference of a log ratio that another processor may make.
TOLERANCE: Final = 1e-6
_DECIMALS: Final = 8
_COARSE_DECIMALS: Final = 5
_HEAD: Final = ("command", "inputs_sha256", "source", "draws", "patients", "seed")


def headline_file() -> Path:
    """Return the file that ships with the package."""
    return Path(str(resources.files("cxaxis"))) / "trial" / "generated" / FILE


def input_key(plan: HeadlinePlan) -> str:
    """Return the hash of the model, parameters, protocols and settings behind the rows."""
    return sha256_of(key_parts(plan))


def write_rows(rows: pd.DataFrame, path: Path, plan: HeadlinePlan, key: str) -> None:
    """Write the rows of a grid with their head.

    Parameters
    ----------
    key
        Of `input_key`, taken before the work.
    """
    said = (COMMAND, key, plan.source, plan.draws, plan.n_patient, plan.seed)
    lines = [f"# {name}: {value}" for name, value in zip(_HEAD, said, strict=True)]
    body = rounded(rows).to_csv(sep="\t", index=False, na_rep="", lineterminator="\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n" + body, encoding="utf-8")


def rounded(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with as many decimals as are kept; zero has no sign."""
    fine = [f"{code}_LOGHR" for code in ENDPOINTS]
    coarse = [f"{code}_{what}" for code in ENDPOINTS for what in ("SE", "EVENTS")]
    found = rows[list(COLUMNS)].copy()
    for columns, decimals in ((fine, _DECIMALS), ([*coarse, "PHI"], _COARSE_DECIMALS)):
        found[columns] = found[columns].round(decimals) + 0.0
    return found


def read_rows(path: Path | None = None) -> tuple[Mapping[str, str], pd.DataFrame]:
    """Return the head and the rows of the committed grid.

    Parameters
    ----------
    path
        File to read; None reads the one that ships with the package.

    Raises
    ------
    UserInputError
        If the file is missing, or has another head or other columns.
    """
    import pandas as pd

    source = headline_file() if path is None else path
    if not source.is_file():
        raise UserInputError([error("HEAD002", str(source), f"is missing. Run {COMMAND}.")])
    lines = source.read_text("utf-8").splitlines()
    pairs = [line[2:].partition(": ") for line in lines[: len(_HEAD)] if line.startswith("# ")]
    head = {name: value for name, _, value in pairs}
    body = lines[len(_HEAD) :]
    if tuple(head) != _HEAD or not body or tuple(body[0].split("\t")) != COLUMNS:
        message = f"is no table of the headline grid. Run {COMMAND}."
        raise UserInputError([error("HEAD003", str(source), message)])
    rows = pd.read_csv(io.StringIO("\n".join(body)), sep="\t", float_precision="round_trip")
    return head, rows


def source_of(head: Mapping[str, str]) -> Source:
    """Return where the populations of committed rows come from."""
    return "control_arms" if head["source"] == "control_arms" else "prior"


def differences(committed: pd.DataFrame, computed: pd.DataFrame) -> list[str]:
    """Return in words where rows computed anew differ from the committed ones of these cells.

    Parameters
    ----------
    committed
        All rows on file.
    computed
        Rows of some cells.
    """
    key = ["BACKBONE", "DRAW", "ARM"]
    fresh = rounded(computed)
    beside = fresh.merge(committed, on=key, how="left", suffixes=("", "_KEPT"), indicator=True)
    found = []
    for row in beside.to_dict("records"):
        place = "/".join(str(row[name]) for name in key)
        if row["_merge"] != "both":
            found.append(f"{place}: not on file")
            continue
        for name in (column for column in COLUMNS if column not in key):
            new, old = row[name], row[f"{name}_KEPT"]
            if not _same(new, old, name):
                found.append(f"{place} {name}: {old} on file, {new} now")
    return found


def _same(new: object, old: object, name: str) -> bool:
    if isinstance(new, str) or isinstance(old, str):
        return new == old
    step = TOLERANCE if name.endswith("_LOGHR") else 10.0**-_COARSE_DECIMALS
    a, b = np.float64(str(new)), np.float64(str(old))
    # Half a step is lost in rounding, on either side.
    return bool((np.isnan(a) and np.isnan(b)) or abs(a - b) <= 1.5 * step)
