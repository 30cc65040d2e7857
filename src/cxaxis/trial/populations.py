"""Who enters a trial: its own population and its baskets, screened for stage and biomarker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from cxaxis.cohort.sample import Cohort
from cxaxis.cohort.settings import SETTINGS, Setting
from cxaxis.cohort.virtual import ALL_STUDIES, sample_enrolled
from cxaxis.core.arrays import IntArray
from cxaxis.core.errors import Finding, error, raise_on_errors
from cxaxis.engine.protocol import ParameterTable
from cxaxis.trial.analysis import follow_up
from cxaxis.trial.biomarkers import enters, strata_of
from cxaxis.trial.jobs import Setup
from cxaxis.trial.protocol import Protocol
from cxaxis.trial.protocol_parts import OWN_POPULATION, Enrichment

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Entrance:
    """One population of a trial.

    Attributes
    ----------
    id
        Of the basket; `cxaxis.trial.protocol_parts.OWN_POPULATION` for the protocol's own.
    setting
        Which stages may enter.
    n_patient
        How many enter.
    enrichment
        A biomarker that they must have, None for none. Two populations of a trial share no stage,
        or ask for opposite calls of one stain.
    """

    id: str
    setting: Setting
    n_patient: int
    enrichment: Enrichment | None


@dataclass(frozen=True, kw_only=True)
class Screening:
    """How many were screened to fill one population, and why the others did not enter."""

    id: str
    setting: Setting
    screened: int
    entered: int
    excluded: Mapping[str, int]


def entrances_of(protocol: Protocol) -> tuple[Entrance, ...]:
    """Return the populations of a trial, the protocol's own first."""
    units = sum(protocol.ratios)
    own = Entrance(
        id=OWN_POPULATION,
        setting=protocol.population.setting,
        n_patient=units * protocol.population.patients_per_ratio_unit,
        enrichment=protocol.enrichment,
    )
    baskets = (
        Entrance(
            id=item.id,
            setting=item.setting,
            n_patient=units * item.patients_per_ratio_unit,
            enrichment=item.enrichment,
        )
        for item in protocol.baskets or ()
    )
    return (own, *baskets)


def populations_of(protocol: Protocol, covariates: Mapping[str, Any]) -> np.ndarray:
    """Return the id of the population that each patient entered by, shape ``(n_patient,)``.

    Stage and biomarker tell it, since nobody could enter two; empty for those who can enter none.
    """
    stage = np.asarray(covariates["stage"])
    found = np.full(len(stage), "", dtype=object)
    for entrance in entrances_of(protocol):
        here = np.isin(stage, SETTINGS[entrance.setting])
        found[here & enters(entrance.enrichment, covariates)] = entrance.id
    return found


def allocation_strata(protocol: Protocol, covariates: Mapping[str, Any]) -> list[str]:
    """Return the stratum within which each patient is allocated: population, then strata."""
    strata = strata_of(protocol, covariates)
    if not protocol.baskets:
        return strata
    names = populations_of(protocol, covariates)
    return [f"{name}/{stratum}" for name, stratum in zip(names, strata, strict=True)]


def sample_entrants(setup: Setup) -> tuple[Cohort, tuple[Screening, ...]]:
    """Screen until every population of a trial is full.

    Each population is screened from the same series of patients in the order of their indices; no
    patient can enter two.

    Raises
    ------
    ScreeningError
        If too few of the patients screened may enter.
    """
    parts = []
    protocol = setup.protocol
    for entrance in entrances_of(protocol):
        wanted = entrance.enrichment
        cohort = sample_enrolled(
            entrance.n_patient,
            protocol.seed,
            setting=entrance.setting,
            margins=_margins_of(protocol, entrance),
            parameters=setup.parameters,
            model=setup.model,
            tolerances=setup.tolerances,
            engine=setup.engine,
            entry=None if wanted is None else partial(enters, wanted),
        )
        parts.append((entrance, cohort))
    screenings = tuple(screening_of(entrance, cohort) for entrance, cohort in parts)
    return joined([cohort for _, cohort in parts]), screenings


def _margins_of(protocol: Protocol, entrance: Entrance) -> str | None:
    """Return whose margins an entrance is matched to; a study is of the trial's own setting."""
    population = protocol.population
    if population.margins_of is None or entrance.setting == population.setting:
        return population.margins_of
    return ALL_STUDIES


def screening_of(entrance: Entrance, cohort: Cohort) -> Screening:
    """Return how one population was screened."""
    return Screening(
        id=entrance.id,
        setting=entrance.setting,
        screened=int(cohort.screened.get("screened", len(cohort))),
        entered=len(cohort),
        excluded={
            name: int(count)
            for name, count in cohort.screened.items()
            if name != "screened" and count
        },
    )


def given_screenings(protocol: Protocol, cohort: Cohort | None) -> tuple[Screening, ...]:
    """Return the screening of a cohort sampled before; it is known of one population alone."""
    if cohort is None:
        return ()
    entrances = entrances_of(protocol)
    return (screening_of(entrances[0], cohort),) if len(entrances) == 1 else ()


def entry_table(protocol: Protocol, cohort: Cohort, arms: IntArray) -> pd.DataFrame:
    """Return ``USUBJID, TRT01P, BASKET, LASTDY, LOST`` of each patient, see ``conduct``."""
    import pandas as pd

    _, last_day, lost = follow_up(protocol, cohort)
    return pd.DataFrame(
        {
            "USUBJID": cohort.labels,
            "TRT01P": np.array(protocol.arm_ids)[arms],
            "BASKET": populations_of(protocol, cohort.covariates),
            "LASTDY": last_day,
            "LOST": lost,
        }
    )


def joined(cohorts: Sequence[Cohort]) -> Cohort:
    """Return several cohorts of one population and seed as one, in the order given."""
    first = cohorts[0]
    if len(cohorts) == 1:
        return first
    # Every population is screened from the start of one series, so that the counts overlap.
    screened = max(cohort.screened.get("screened", 0) for cohort in cohorts)
    turned_away = screened - sum(len(cohort) for cohort in cohorts)
    return Cohort(
        indices=tuple(index for cohort in cohorts for index in cohort.indices),
        table=ParameterTable(
            first.table.names, np.vstack([cohort.table.values for cohort in cohorts])
        ),
        covariates={
            name: np.concatenate([np.asarray(cohort.covariates[name]) for cohort in cohorts])
            for name in first.covariates
        },
        screened={"screened": screened, "no_population": turned_away} if screened else {},
        seed=first.seed,
        theta=first.theta,
    )


def check_entrants(protocol: Protocol, cohort: Cohort) -> None:
    """Raise `UserInputError` for each population that a cohort given does not fill as asked."""
    raise_on_errors(list(_entrant_findings(protocol, cohort)))


def _entrant_findings(protocol: Protocol, cohort: Cohort) -> Iterator[Finding]:
    if not protocol.baskets and protocol.enrichment is None:
        return
    names = populations_of(protocol, cohort.covariates)
    for entrance in entrances_of(protocol):
        found = int((names == entrance.id).sum())
        if found != entrance.n_patient:
            wanted = entrance.enrichment
            marked = "" if wanted is None else f" with {_asked(wanted)}"
            message = (
                f"has {found} patients of {entrance.id} ({entrance.setting}){marked}, the protocol "
                f"asks for {entrance.n_patient}. Leave the cohort out: the run screens for them."
            )
            yield error("TRIAL004", "cohort", message)


def _asked(wanted: Enrichment) -> str:
    """Return an enrichment in words."""
    if wanted.call is not None:
        return f"{wanted.biomarker} {wanted.call}"
    return f"{wanted.biomarker} above {wanted.above:g}"
