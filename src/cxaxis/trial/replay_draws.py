"""What drawn populations say of a replayed trial: the committed draws, and intervals from them.

A draw gives each published result a centre and the scatter that the trial's own patients leave.
An interval mixes all draws; a hazard ratio or a response may have the effect of its trial on top.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import ModelValueError
from cxaxis.core.streams import rng_for
from cxaxis.knowledge.evidence import Evidence
from cxaxis.runs.tables import Column, TableSchema
from cxaxis.trial.protocol import Protocol
from cxaxis.trial.protocol_parts import Published
from cxaxis.trial.replays import PublishedCount, Replay

if TYPE_CHECKING:
    import pandas as pd

#: Seed of the scatter that is put on the draws.
SEED: Final = 22
#: Values made of each draw.
COPIES: Final = 400
#: Standard deviation of the half-normal scatter of the log effect between trials.
BETWEEN_TRIALS: Final = 0.5
LEVELS: Final = (0.025, 0.05, 0.1, 0.5, 0.9, 0.95, 0.975)
Scale = Literal["share", "log", "linear"]
SCALES: Final[Mapping[str, Scale]] = {
    "share_at_target": "share",
    "fold_between": "log",
    "peak_per_microlitre": "log",
    "peak_fold": "log",
    "days_raised": "linear",
    "hr_pfs": "log",
    "hr_os": "log",
    "response_difference": "linear",
}
DRAWS: Final = TableSchema(
    name="replay_draws",
    meaning="What each drawn population says of each published result of a replayed trial",
    columns=(
        Column(name="REPLAY", type="string", unit="", meaning="Name of the replay"),
        Column(name="ITEM", type="int32", unit="", meaning="Position of the published result"),
        Column(name="DRAW", type="int32", unit="", meaning="Number of the draw"),
        Column(
            name="CENTRE",
            type="float64",
            unit="",
            meaning="Share, log ratio or log count, or difference or days; null if undefined",
            nullable=True,
        ),
        Column(
            name="SD",
            type="float64",
            unit="",
            meaning="Scatter of CENTRE from the patients of one trial; 0 where it is binomial",
            nullable=True,
        ),
        Column(name="NPAT", type="int32", unit="", meaning="Virtual patients behind CENTRE"),
    ),
)
COLUMNS: Final = tuple(column.name for column in DRAWS.columns)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A published result, and what is needed to predict it.

    Attributes
    ----------
    replay, item
        Name of the replay, and position among its published results.
    rows
        Evidence rows; none where nothing was found.
    arm
        ``active``, ``control``, or ``both`` where the arms are compared.
    quantity, scale
        What is compared, and on which scale it scatters.
    role
        Of the first row: ``held_out`` or ``fitted``; ``none`` without a row.
    status
        Of the rows: ``seen``, ``derived`` or ``recalled``, the weakest one.
    seen, low, high
        Published value and interval in the unit of the prediction; not numbers if not published.
    at_least
        Whether the source gives a lower bound alone.
    patients
        Of the published arm, for shares.
    """

    replay: str
    item: int
    rows: tuple[str, ...]
    arm: str
    quantity: str
    scale: Scale
    role: str
    status: str
    seen: float
    low: float
    high: float
    at_least: bool
    patients: int | None


def comparisons_of(replay: Replay, evidence: Mapping[str, Evidence]) -> tuple[Comparison, ...]:
    """Return the published results of a replay, in file order."""
    items: Sequence[Published | PublishedCount] = replay.content.published or ()
    return tuple(_comparison(replay.name, k, item, evidence) for k, item in enumerate(items))


def _comparison(
    name: str, position: int, item: Published | PublishedCount, evidence: Mapping[str, Evidence]
) -> Comparison:
    minus = item.minus if isinstance(item, Published) else None
    rows = tuple(row for row in (item.row, minus) if row is not None)
    per_cent = item.quantity in ("share_at_target", "response_difference")
    unit = 0.01 if per_cent else 1.0
    seen, low, high, at_least = np.nan, np.nan, np.nan, False
    role, status = "none", "none"
    if rows:
        first = evidence[rows[0]]
        at_least = first.value.startswith(">")
        seen = unit * float(first.value.lstrip(">"))
        role, status = first.role, _weakest([evidence[row].status for row in rows])
        if minus is not None:
            seen -= unit * float(evidence[minus].value)
        elif first.low and first.high:
            low, high = unit * float(first.low), unit * float(first.high)
    counted = isinstance(item, PublishedCount)
    return Comparison(
        replay=name,
        item=position,
        rows=rows,
        arm=item.arm if isinstance(item, PublishedCount) else "both",
        quantity=item.quantity,
        scale=SCALES[item.quantity],
        role=role,
        status=status,
        seen=seen,
        low=low,
        high=high,
        at_least=at_least,
        patients=getattr(item, "patients", None) if counted else None,
    )


def _weakest(statuses: Sequence[str]) -> str:
    order = ("seen", "derived", "recalled")
    return max(statuses, key=order.index)


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """The prediction of one published result.

    Attributes
    ----------
    comparison
        What is predicted.
    quantiles
        At `LEVELS`, in the unit of the published value; not numbers without a draw.
    n_draw, undefined
        Draws with a value, and without one.
    """

    comparison: Comparison
    quantiles: FloatArray
    n_draw: int
    undefined: int

    def covers(self, level: float) -> bool | None:
        """Return whether the central interval of a level holds the published value.

        None where there is no published value or no draw. A published lower bound is met if the
        interval reaches it.

        Parameters
        ----------
        level
            0.8, 0.9 or 0.95.
        """
        low, high = self.interval(level)
        if not (np.isfinite(self.comparison.seen) and np.isfinite(low)):
            return None
        if self.comparison.at_least:
            return high >= self.comparison.seen
        return low <= self.comparison.seen <= high

    def interval(self, level: float) -> tuple[float, float]:
        """Return the central interval of a level: 0.8, 0.9 or 0.95."""
        tail = round((1.0 - level) / 2.0, 6)
        at = LEVELS.index(tail)
        return float(self.quantiles[at]), float(self.quantiles[-1 - at])

    @property
    def median(self) -> float:
        """Middle of the prediction."""
        return float(self.quantiles[LEVELS.index(0.5)])


def predicted(
    comparison: Comparison, draws: pd.DataFrame, *, between_trials: float = 0.0
) -> Predicted:
    """Return the prediction of a published result from its draws.

    Parameters
    ----------
    comparison
        What is predicted.
    draws
        Rows of `DRAWS`; those of other results are left out.
    between_trials
        Standard deviation of the half-normal prior of the scatter between trials, on the scale
        of the comparison; 0 for none.

    Raises
    ------
    ModelValueError
        If ``between_trials`` is negative.
    """
    if between_trials < 0:
        msg = f"between_trials must not be negative, got {between_trials:g}."
        raise ModelValueError(msg)
    here = (draws["REPLAY"] == comparison.replay) & (draws["ITEM"] == comparison.item)
    rows = draws[here].sort_values("DRAW")
    centre = rows["CENTRE"].to_numpy(dtype=np.float64)
    known = np.isfinite(centre)
    if not known.any():
        nothing = np.full(len(LEVELS), np.nan)
        return Predicted(comparison=comparison, quantiles=nothing, n_draw=0, undefined=len(centre))
    centre = centre[known, np.newaxis]
    rng = rng_for(SEED, "replay", comparison.replay, comparison.item)
    shape = (len(centre), COPIES)
    if comparison.scale == "share":
        n = rows["NPAT"].to_numpy(dtype=np.float64)[known, np.newaxis]
        # Jeffreys' prior: what so few virtual patients leave open of the share.
        share = rng.beta(centre * n + 0.5, (1.0 - centre) * n + 0.5, size=shape)
        values = rng.binomial(comparison.patients or 1, share) / float(comparison.patients or 1)
    else:
        scatter = rows["SD"].to_numpy(dtype=np.float64)[known, np.newaxis]
        values = centre + np.nan_to_num(scatter) * rng.standard_normal(shape)
        effect = between_trials * np.abs(rng.standard_normal(shape))
        values = values + effect * rng.standard_normal(shape)
        if comparison.scale == "log":
            values = np.exp(values)
    return Predicted(
        comparison=comparison,
        quantiles=np.quantile(values, LEVELS),
        n_draw=int(known.sum()),
        undefined=int((~known).sum()),
    )


def is_antitumour(replay: Replay) -> bool:
    """Whether a tumour is treated in a replay."""
    return isinstance(replay.content, Protocol)


def draws_text(draws: pd.DataFrame, *, command: str, key: str) -> str:
    """Return draws as a table of text: how it is made, the hash of its inputs, then the rows."""
    lines = [f"# Generated by: {command}", f"# inputs sha256: {key}", "\t".join(COLUMNS)]
    rows = draws.sort_values(["REPLAY", "DRAW", "ITEM"])
    for name, item, draw, *numbers, people in zip(*(rows[c] for c in COLUMNS), strict=True):
        cells = [_cell(float(value)) for value in numbers]
        lines.append(
            "\t".join([str(name), str(int(item)), str(int(draw)), *cells, str(int(people))])
        )
    return "\n".join(lines) + "\n"


def _cell(value: float) -> str:
    return f"{value:.5g}" if np.isfinite(value) else ""


def committed_path() -> Path:
    """Return the path of the committed draws."""
    return Path(__file__).parent / "generated" / "replay_draws.tsv"


def read_draws(path: Path | None = None) -> tuple[pd.DataFrame, str]:
    """Return draws that were written with `draws_text`, and the hash of their inputs.

    Parameters
    ----------
    path
        The committed ones if omitted. An absent file has no rows and no hash.

    Raises
    ------
    ModelValueError
        If the file is not such a table.
    """
    import pandas as pd

    file = committed_path() if path is None else path
    if not file.is_file():
        return pd.DataFrame({name: [] for name in COLUMNS}), ""
    lines = file.read_text("utf-8").splitlines()
    key = lines[1].partition("sha256: ")[2] if len(lines) > 1 else ""
    if not key or lines[2:3] != ["\t".join(COLUMNS)]:
        msg = f"{file} is no table of replay draws. Write it again with the command of its page."
        raise ModelValueError(msg)
    frame = pd.read_csv(file, sep="\t", skiprows=2, float_precision="round_trip")
    return frame, key
