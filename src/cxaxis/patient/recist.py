"""RECIST 1.1: what a reader of scans would say of a patient, visit by visit.

Targets are chosen at the first visit and kept. Nodes are measured across their short axis and
count as diseased by other bounds than other lesions. What has grown is said of measured sizes:
`read_sizes` adds the reader's error, and true sizes give the assessment without it. A change is
seen at a visit alone, so that an event day is known to an interval (`seen_between`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from cxaxis.core.arrays import BoolArray, FloatArray
from cxaxis.core.errors import ModelValueError
from cxaxis.core.streams import rng_for

NODE: Final = "node"
REGIONAL: Final = frozenset({"primary", NODE})
"""Organs whose growth is locoregional; all others are distant."""

# The criteria's own numbers (Eisenhauer 2009).
MOST_TARGETS: Final = 5
MOST_TARGETS_PER_ORGAN: Final = 2
TARGET_MM: Final = 10.0
TARGET_NODE_MM: Final = 15.0
PATHOLOGICAL_NODE_MM: Final = 10.0
PROGRESSION_FACTOR: Final = 1.2
PROGRESSION_LEAST_MM: Final = 5.0
RESPONSE_FACTOR: Final = 0.7
# What a scan with slices of 5 mm can show at all.
NOTICED_MM: Final = 5.0
# Stable disease needs one assessment at least so long after the first.
LEAST_STABLE_DAY: Final = 42.0

# Visits after surgery: every three months for two years, then every six.
CLOSE_EVERY_DAY: Final = 91.0
CLOSE_UNTIL_DAY: Final = 728.0
WIDE_EVERY_DAY: Final = 182.0


@dataclass(frozen=True, kw_only=True)
class Lesions:
    """Sizes of the lesions of patients over their visits.

    Attributes
    ----------
    size_mm
        Longest diameter; for nodes the short axis, which a normal node has as well. Shape
        ``(n_patient, n_lesion, n_visit)``, mm, non-negative; the first visit is the baseline.
    organs
        Organ of each lesion, ``node`` for lymph nodes and ``primary`` for the primary, shape
        ``(n_lesion,)``.
    single
        Whether each is one lesion that can be a target, not a group of them, same shape; all
        are if omitted.
    """

    size_mm: FloatArray
    organs: tuple[str, ...]
    single: tuple[bool, ...] = ()

    def __post_init__(self) -> None:
        if self.single and len(self.single) != len(self.organs):
            msg = f"single has {len(self.single)} entries for {len(self.organs)} lesions."
            raise ModelValueError(msg)
        if self.size_mm.ndim != 3 or self.size_mm.shape[1] != len(self.organs):
            msg = (
                f"sizes have shape {self.size_mm.shape}, but {len(self.organs)} organs are named. "
                "Give sizes by patient, lesion and visit, and one organ for each lesion."
            )
            raise ModelValueError(msg)

    @property
    def is_node(self) -> BoolArray:
        """Whether each lesion is a lymph node, shape ``(n_lesion,)``."""
        return np.array([organ == NODE for organ in self.organs], dtype=bool)

    @property
    def is_regional(self) -> BoolArray:
        """Whether each lesion is the primary or a node, shape ``(n_lesion,)``."""
        return np.array([organ in REGIONAL for organ in self.organs], dtype=bool)


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """RECIST assessment of patients over their visits.

    Attributes
    ----------
    sum_mm
        Sum of the target lesions, shape ``(n_patient, n_visit)``, mm.
    targets
        Lesions chosen at the first visit, shape ``(n_patient, n_lesion)``.
    progressed
        Whether progression is present at a visit or was before, shape ``(n_patient, n_visit)``.
    new_lesion
        Whether a new lesion is present at a visit or was before, same shape.
    locoregional
        Whether there is progression of which the primary or nodes are part, by the rule for
        growth or as new lesions, same shape. Growth there that a response elsewhere outweighs
        is no progression.
    distant
        The same of all other organs.
    response
        ``CR``, ``PR``, ``SD`` (or non-CR and non-PD without targets) or ``PD`` at each visit;
        ``NED`` while there has been no disease. Same shape.
    """

    sum_mm: FloatArray
    targets: BoolArray
    progressed: BoolArray
    new_lesion: BoolArray
    locoregional: BoolArray
    distant: BoolArray
    response: np.ndarray


def node_short_axis_mm(
    deposit_mm: FloatArray, *, short_axis_at_rest_mm: FloatArray | float
) -> FloatArray:
    """Return the short axis of a node that holds a deposit: its own volume and the deposit's.

    Parameters
    ----------
    deposit_mm
        Diameter of the deposit, mm, non-negative.
    short_axis_at_rest_mm
        Short axis of the node without it, mm, positive.
    """
    return np.asarray(np.cbrt(deposit_mm**3 + np.asarray(short_axis_at_rest_mm) ** 3))


def reading_errors(
    patients: Sequence[int], lesions: Sequence[str], n_visit: int, *, seed: int
) -> FloatArray:
    """Return the standard normal error of each reading.

    Each patient and lesion has a stream of its own (``("patient", i, "recist", lesion)``) whose
    n-th number belongs to the n-th visit: neither arms, other lesions nor later visits change it.

    Returns
    -------
    Shape ``(n_patient, n_lesion, n_visit)``.
    """
    draws = [
        [rng_for(seed, "patient", i, "recist", name).standard_normal(n_visit) for name in lesions]
        for i in patients
    ]
    return np.array(draws, dtype=float).reshape(len(patients), len(lesions), n_visit)


def read_sizes(size_mm: FloatArray, errors: FloatArray, *, noise: float) -> FloatArray:
    """Return the sizes a reader would write down.

    Parameters
    ----------
    size_mm
        True sizes, mm.
    errors
        Standard normal, same shape; see `reading_errors`.
    noise
        Log standard deviation of one reading, non-negative; 0 gives the true sizes.

    Raises
    ------
    ModelValueError
        If ``noise`` is negative.
    """
    if noise < 0:
        msg = f"the noise of a reading is a standard deviation, got {noise:g}. Give 0 or more."
        raise ModelValueError(msg)
    return np.asarray(size_mm * np.exp(noise * errors))


def choose_targets(lesions: Lesions) -> BoolArray:
    """Return the target lesions of each patient, shape ``(n_patient, n_lesion)``.

    The largest measurable lesions of the first visit, at most five and at most two of an organ;
    measurable is 10 mm, for nodes 15 mm across the short axis.
    """
    first = lesions.size_mm[..., 0]
    measurable = first >= np.where(lesions.is_node, TARGET_NODE_MM, TARGET_MM)
    if lesions.single:
        measurable &= np.array(lesions.single)
    names = list(dict.fromkeys(lesions.organs))
    organ = np.array([names.index(item) for item in lesions.organs], dtype=int)
    patient = np.arange(len(first))
    taken = np.zeros((len(first), len(names)), dtype=int)
    chosen = np.zeros(first.shape, dtype=bool)
    order = np.argsort(-first, axis=1, kind="stable")
    for rank in range(first.shape[1]):
        lesion = order[:, rank]
        fits = (
            measurable[patient, lesion]
            & (taken[patient, organ[lesion]] < MOST_TARGETS_PER_ORGAN)
            & (chosen.sum(axis=1) < MOST_TARGETS)
        )
        chosen[patient[fits], lesion[fits]] = True
        taken[patient[fits], organ[lesion[fits]]] += 1
    return chosen


def _stays(flags: BoolArray) -> BoolArray:
    return np.asarray(np.logical_or.accumulate(flags, axis=-1))


def _grown(sum_mm: FloatArray) -> BoolArray:
    """Return where a sum has grown past the smallest one so far, and stays so."""
    nadir = np.minimum.accumulate(sum_mm, axis=-1)
    return _stays((sum_mm >= PROGRESSION_FACTOR * nadir) & (sum_mm - nadir >= PROGRESSION_LEAST_MM))


def _new(size_mm: FloatArray, node: BoolArray) -> BoolArray:
    """Return where each lesion is new: certain now, and not there at the first visit."""
    first = size_mm[..., :1]
    certain = size_mm >= np.where(node, PATHOLOGICAL_NODE_MM, TARGET_MM)
    # A node is always there: it is new disease if it was normal and has clearly swollen.
    clean = np.where(node, first < PATHOLOGICAL_NODE_MM, first < NOTICED_MM)
    swollen = ~node | (size_mm - first >= PROGRESSION_LEAST_MM)
    return _stays(certain & clean & swollen)


def assess(lesions: Lesions) -> Assessment:
    """Assess patients by RECIST 1.1; the first visit is the baseline.

    Parameters
    ----------
    lesions
        Measured or true sizes.

    Notes
    -----
    A lesion of less than 5 mm cannot be seen and counts as gone. Lesions seen at the first visit
    that are no targets progress when their own sum and that of all lesions have both grown by
    the rule for targets: growth that outweighs a response elsewhere.
    """
    size = lesions.size_mm
    node = lesions.is_node[None, :, None]
    regional = lesions.is_regional[None, :, None]
    targets = choose_targets(lesions)
    bound = np.where(lesions.is_node, PATHOLOGICAL_NODE_MM, NOTICED_MM)
    diseased = np.asarray(size[..., 0] >= bound)
    others = diseased & ~targets
    shown = np.where(node | (size >= NOTICED_MM), size, 0.0)
    gone = np.where(node, size < PATHOLOGICAL_NODE_MM, size < NOTICED_MM)

    def sum_of(which: BoolArray) -> FloatArray:
        return np.asarray(np.where(which, shown, 0.0).sum(axis=1))

    def all_gone(which: BoolArray) -> BoolArray:
        return np.asarray((gone | ~which[..., None]).all(axis=1))

    target_sum, followed = sum_of(targets[..., None]), diseased[..., None]
    everything = _grown(sum_of(followed))
    new = _new(size, np.broadcast_to(node, size.shape))
    new_lesion = np.asarray(new.any(axis=1))
    others_grown = _grown(sum_of(others[..., None])) & everything
    grown = _grown(target_sum) | others_grown
    progressed = _stays(grown | new_lesion)
    complete = all_gone(diseased)
    has_target = targets.any(axis=1, keepdims=True)
    partial = has_target & ((target_sum <= RESPONSE_FACTOR * target_sum[:, :1]) | all_gone(targets))
    clear = ~diseased.any(axis=1, keepdims=True)

    def part(where: BoolArray) -> BoolArray:
        return np.asarray(_grown(sum_of(followed & where)) | (new & where).any(axis=1))

    response = np.select(
        [progressed, np.broadcast_to(clear, progressed.shape), complete, partial],
        ["PD", "NED", "CR", "PR"],
        "SD",
    )
    return Assessment(
        sum_mm=target_sum,
        targets=targets,
        progressed=progressed,
        new_lesion=new_lesion,
        locoregional=progressed & part(regional),
        distant=progressed & part(~regional),
        response=response,
    )


def best_overall_response(
    response: np.ndarray,
    visits_day: FloatArray,
    *,
    alive: BoolArray | None = None,
    confirmed: bool = False,
    least_stable_day: float = LEAST_STABLE_DAY,
) -> np.ndarray:
    """Return the best response of each patient before progression, shape ``(n_patient,)``.

    Parameters
    ----------
    response
        At each visit, as `Assessment.response`; the first visit counts for nothing.
    visits_day
        Day of each visit, ascending, shape ``(n_visit,)``.
    alive
        Whether the patient came to the visit, same shape as ``response``; all did if omitted.
    confirmed
        Whether a response counts only if the next visit shows one as good or better.
    least_stable_day
        Stable disease counts from this day after the first visit.

    Returns
    -------
    ``CR``, ``PR``, ``SD``, ``PD``, ``NED``, or ``NE`` where nothing can be said.
    """
    came = np.ones(response.shape, dtype=bool) if alive is None else alive
    said = np.where(came, response, "NE")[:, 1:]
    late = (visits_day[1:] - visits_day[0] >= least_stable_day)[None, :]

    def held(good: BoolArray) -> BoolArray:
        if not confirmed:
            return np.asarray(good.any(axis=1))
        return np.asarray((good[:, :-1] & good[:, 1:]).any(axis=1))

    # What answers PR at one visit and CR at the next is a confirmed PR at least.
    complete, responding = said == "CR", (said == "CR") | (said == "PR")
    stable = ((said == "SD") | responding) & late
    return np.select(
        [
            held(complete),
            held(responding),
            stable.any(axis=1),
            (said == "NED").any(axis=1),
            (said == "PD").any(axis=1),
        ],
        ["CR", "PR", "SD", "NED", "PD"],
        "NE",
    )


def surveillance_days(*, start_day: float, horizon_day: float) -> FloatArray:
    """Return the visits after surgery: every three months for two years, then every six.

    Parameters
    ----------
    start_day
        Day of surgery; the first visit is three months later.
    horizon_day
        Last day on which a visit may fall.

    Returns
    -------
    Ascending days, shape ``(n_visit,)``, empty where the horizon comes first.
    """
    close = np.arange(CLOSE_EVERY_DAY, CLOSE_UNTIL_DAY + 1.0, CLOSE_EVERY_DAY)
    left = max(horizon_day - start_day, 0.0)
    wide = np.arange(CLOSE_UNTIL_DAY + WIDE_EVERY_DAY, left + 1e-9, WIDE_EVERY_DAY)
    days = start_day + np.concatenate([close, wide])
    return np.asarray(days[days <= horizon_day])


def seen_between(visits_day: FloatArray, flags: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Return the interval in which what a visit shows has come about.

    Parameters
    ----------
    visits_day
        Ascending, shape ``(n_visit,)``.
    flags
        True from the visit at which it is seen, shape ``(n_patient, n_visit)``.

    Returns
    -------
    The last visit without it and the first with it, shape ``(n_patient,)`` each. Seen at the
    first visit: minus infinity and that day; never seen: the last visit and infinity.
    """
    index = np.argmax(flags, axis=-1)
    ever = flags.any(axis=-1)
    before = np.where(index > 0, visits_day[np.maximum(index - 1, 0)], -np.inf)
    return (
        np.where(ever, before, visits_day[-1]),
        np.where(ever, visits_day[index], np.inf),
    )
