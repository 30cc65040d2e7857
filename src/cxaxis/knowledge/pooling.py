"""Which recorded hazard ratios may be pooled, which lack an interval, and what pools share.

Only staining of tumour cells enters: bulk RNA sees leukocytes as well, and serum sees neither.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from cxaxis.knowledge.hazard_ratios import Endpoint, HazardRatio, Marker
from cxaxis.stats.study_effects import (
    StudyEffect,
    effect_from_p_value,
    standard_error_from_events,
)

# Survival with death as the event: one row of a study is enough, in this order.
DEATH_ENDPOINTS: Final[tuple[Endpoint, ...]] = ("OS", "CSS")
RELAPSE_ENDPOINTS: Final[tuple[Endpoint, ...]] = ("DFS", "RFS")


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """Which studies two published pools have in common.

    Attributes
    ----------
    pools
        Ids of the two pools.
    shared
        Studies known to be in both.
    possible
        Studies that fit both by marker, end point, histology and year of publication, and are
        not known to be in both.
    """

    pools: tuple[str, str]
    shared: tuple[str, ...]
    possible: tuple[str, ...]


def poolable(
    rows: Iterable[HazardRatio], *, marker: Marker, endpoints: Collection[Endpoint]
) -> tuple[StudyEffect, ...]:
    """Return one effect per study that may be pooled: with an interval, no pool, not held out.

    Parameters
    ----------
    rows
        Hazard ratios; leave one out, or turn one round, to see what hangs on it.
    marker
        Which marker.
    endpoints
        End points in order of preference, for a study that has several.
    """
    return tuple(
        row.effect for row in _preferred(rows, marker, endpoints) if row.effect is not None
    )


def gaps(
    rows: Iterable[HazardRatio], *, marker: Marker, endpoints: Collection[Endpoint]
) -> tuple[HazardRatio, ...]:
    """Return the rows of single studies, held out or not, whose interval was not found."""
    return tuple(
        row
        for row in rows
        if row.marker == marker
        and row.measured == "ihc"
        and row.endpoint in endpoints
        and row.analysis != "pooled"
        and row.hr is None
    )


def published_pools(
    rows: Iterable[HazardRatio], *, marker: Marker, endpoints: Collection[Endpoint]
) -> tuple[HazardRatio, ...]:
    """Return the pools that others published, each to be looked at alone."""
    return tuple(
        row
        for row in rows
        if row.marker == marker and row.endpoint in endpoints and row.analysis == "pooled"
    )


def overlap(rows: Iterable[HazardRatio], one: HazardRatio, other: HazardRatio) -> Overlap:
    """Return which studies two published pools share, and which they may share.

    Parameters
    ----------
    rows
        All hazard ratios.
    one, other
        Two rows with the analysis ``pooled``.
    """
    shared: dict[str, None] = {}
    possible: dict[str, None] = {}
    for row in rows:
        if row.analysis == "pooled":
            continue
        if {one.study, other.study} <= set(row.included_in):
            shared[row.study] = None
        elif all(_could_hold(pool, row) for pool in (one, other)):
            possible[row.study] = None
    return Overlap(
        pools=(one.id, other.id),
        shared=tuple(shared),
        possible=tuple(study for study in possible if study not in shared),
    )


def assumed_effects(
    rows: Iterable[HazardRatio],
    *,
    marker: Marker,
    endpoints: Collection[Endpoint],
    event_share: float,
    share_high: float,
) -> tuple[StudyEffect, ...]:
    """Return what the studies would give if the numbers they lack were as assumed.

    For a look at the order of size only: a study with a P value gets the effect that fits it,
    or the smallest one where only a bound was printed; a study that found no association gets
    a hazard ratio of 1; the standard errors come from the assumed number of events. A study with
    an interval keeps it; one without n, or whose direction is not known, stays out.

    Parameters
    ----------
    rows, marker, endpoints
        As for `poolable`.
    event_share
        Share of the patients with an event where a study prints no events, in (0, 1].
    share_high
        Share of the patients whose marker is high where a study prints none, in (0, 1).

    Raises
    ------
    ModelValueError
        If an assumed share lies outside its range.
    """
    effects = (
        row.effect or _assumed_effect(row, event_share, share_high)
        for row in _preferred(rows, marker, endpoints, also_without_interval=True)
    )
    return tuple(effect for effect in effects if effect is not None)


def _assumed_effect(row: HazardRatio, event_share: float, share_high: float) -> StudyEffect | None:
    if row.n is None:
        return None
    events = row.events if row.events is not None else event_share * row.n
    share = row.n_high / row.n if row.n_high is not None else share_high
    if row.direction == "none":
        se = standard_error_from_events(row.study, events=events, share_high=share)
        return StudyEffect(label=row.study, log_ratio=0.0, se=se)
    if row.p_value is None or row.direction == "unknown":
        return None
    return effect_from_p_value(
        row.study,
        p_value=row.p_value,
        events=events,
        share_high=share,
        adverse=row.direction == "adverse",
    )


def _preferred(
    rows: Iterable[HazardRatio],
    marker: Marker,
    endpoints: Collection[Endpoint],
    *,
    also_without_interval: bool = False,
) -> tuple[HazardRatio, ...]:
    order = list(endpoints)
    chosen: dict[str, HazardRatio] = {}
    for row in rows:
        if (
            row.marker != marker
            or row.measured != "ihc"
            or row.endpoint not in order
            or row.analysis == "pooled"
            or row.role == "held_out"
            or (row.hr is None and not also_without_interval)
        ):
            continue
        held = chosen.get(row.study)
        if held is None or order.index(row.endpoint) < order.index(held.endpoint):
            chosen[row.study] = row
    return tuple(chosen.values())


def _could_hold(pool: HazardRatio, row: HazardRatio) -> bool:
    if (pool.marker, pool.measured) != (row.marker, row.measured):
        return False
    death = pool.endpoint in DEATH_ENDPOINTS
    if (row.endpoint in DEATH_ENDPOINTS) != death:
        return False
    if pool.histology == "escc" and row.histology == "adenocarcinoma":
        return False
    return pool.study in row.included_in or (
        pool.year is None or row.year is None or row.year <= pool.year
    )
