"""One look for every figure: arm colours, type sizes, frames, months."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cxaxis.core.errors import ModelValueError
from cxaxis.core.units import conversion_factor

CONTROL_COLOUR = "#5f656b"
# Okabe and Ito's colours, told apart by readers with any common colour vision; yellow and
# light tones are left out because they vanish on white paper.
ARM_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b5508f", "#b87900", "#2f8fc4")
Dashes: TypeAlias = tuple[float, tuple[float, ...]]
SOLID: Dashes = (0, ())
ARM_DASHES: tuple[Dashes, ...] = (
    SOLID,
    (0, (6, 1.6)),
    (0, (6, 1.6, 1.4, 1.6)),
    (0, (1.6, 1.2)),
)
INK = "#22262a"
MUTED = "#5f656b"
RULE = "#c9ced3"
BAND_ALPHA = 0.16

_STYLE: Mapping[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9.5,
    "axes.labelsize": 9.5,
    "axes.titlesize": 10,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "xtick.minor.visible": False,
    "ytick.minor.visible": False,
    "text.color": INK,
    "legend.fontsize": 9,
    "legend.frameon": True,
    "legend.framealpha": 0.85,
    "legend.edgecolor": "none",
    "legend.fancybox": False,
    "legend.handlelength": 2.6,
    "lines.linewidth": 1.7,
    "lines.solid_capstyle": "butt",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    # Labels come from users: a dollar sign is a dollar sign.
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "cxaxis",
    "pdf.fonttype": 42,
    "path.simplify": True,
}


@dataclass(frozen=True, kw_only=True)
class ArmStyle:
    """How one arm is drawn, the same in every figure.

    Attributes
    ----------
    arm
        Arm id, as in the column ``TRT01P`` or ``ARM``.
    label
        Name shown to readers.
    colour
        Line colour.
    dashes
        Line style, so that arms stay apart in black and white.
    """

    arm: str
    label: str
    colour: str
    dashes: Dashes


def arm_styles(labels: Mapping[str, str], *, control: str) -> tuple[ArmStyle, ...]:
    """Return one style per arm: control first and grey, the others coloured in their order.

    Parameters
    ----------
    labels
        Arm id to the name shown to readers, in protocol order.
    control
        Id of the control arm.

    Raises
    ------
    ModelValueError
        If ``control`` is not one of the arms.
    """
    if control not in labels:
        msg = f"control {control!r} is not one of the arms {', '.join(labels)}."
        raise ModelValueError(msg)
    styles = [ArmStyle(arm=control, label=labels[control], colour=CONTROL_COLOUR, dashes=SOLID)]
    others = [arm for arm in labels if arm != control]
    styles += [
        ArmStyle(
            arm=arm,
            label=labels[arm],
            colour=ARM_COLOURS[rank % len(ARM_COLOURS)],
            dashes=ARM_DASHES[rank % len(ARM_DASHES)],
        )
        for rank, arm in enumerate(others)
    ]
    return tuple(styles)


@contextmanager
def house_style() -> Iterator[None]:
    """Apply the house style inside the block and restore the earlier settings after it."""
    with mpl.rc_context():
        # A reader's own matplotlibrc must not change what is drawn.
        mpl.rcdefaults()
        for key, value in _STYLE.items():
            mpl.rcParams[key] = value  # type: ignore[index]
        yield


def new_axes(*, width_inch: float = 5.4, height_inch: float = 3.4) -> Axes:
    """Return the axes of a new figure that arranges its own margins."""
    return Figure(figsize=(width_inch, height_inch), layout="constrained").add_subplot()


def figure_of(axes: Axes) -> Figure:
    """Return the whole figure that ``axes`` belong to."""
    figure = axes.get_figure(root=True)
    if figure is None:
        msg = "these axes belong to no figure."
        raise ModelValueError(msg)
    return figure


@cache
def days_per_month() -> float:
    """Return the length of the clinical month, 30.4375 days."""
    return conversion_factor("month_clinical", "day")


def month_ticks(last_month: float) -> list[float]:
    """Return tick positions in months: at most nine, on a clinical grid."""
    step = next((s for s in (1, 2, 3, 6, 12, 24, 60) if last_month / s <= 8), 120)
    return [float(step * k) for k in range(int(last_month / step + 1e-9) + 1)]


def light_grid(axes: Axes, *, axis: str = "y") -> None:
    """Draw thin grid lines behind the data."""
    axes.grid(visible=True, axis=axis, color=RULE, linewidth=0.5)  # type: ignore[arg-type]


def require_columns(columns: Sequence[str], needed: Sequence[str], table: str) -> None:
    """Refuse a table without the columns a figure needs.

    Raises
    ------
    ModelValueError
        Naming every missing column.
    """
    missing = [name for name in needed if name not in columns]
    if missing:
        msg = f"table {table!r} lacks the columns {', '.join(missing)}."
        raise ModelValueError(msg)
