"""The results of a run that the page and the exported tables share, worked out once."""

from __future__ import annotations

from pydantic import ValidationError

from cxaxis.core.errors import ModelValueError
from cxaxis.report.source import TrialRun
from cxaxis.trial.flow import last_dose_days
from cxaxis.trial.protocol import Protocol
from cxaxis.trial.results import TrialResults, trial_results

_SCREENED = "cohort_"


def results_of(run: TrialRun) -> TrialResults:
    """Return every result of a run as tables."""
    protocol = protocol_of(run)
    return trial_results(
        run.tables,
        arms=run.summary.labels,
        control=run.summary.control,
        protocol=run.protocol,
        seed=run.manifest.seed,
        screened=screened_of(run),
        looks=[look.model_dump() for look in run.summary.interim_looks],
        last_dose_day=None if protocol is None else _last_doses(protocol),
        drugs=None if protocol is None else drugs_of(protocol),
    )


def protocol_of(run: TrialRun) -> Protocol | None:
    """Return the protocol as run, None if this version cannot read it."""
    try:
        return Protocol.model_validate(dict(run.protocol))
    except ValidationError:
        return None


def screened_of(run: TrialRun) -> dict[str, int]:
    """Return how many candidates were screened, and excluded by reason."""
    return {
        name.removeprefix(_SCREENED): int(count)
        for name, count in run.manifest.counts.items()
        if name.startswith(_SCREENED)
    }


def drugs_of(protocol: Protocol) -> tuple[str, ...]:
    """Return the ids of the drugs of all arms, each once."""
    given = [item.drug for item in protocol.backbone]
    given += [item.drug for arm in protocol.arms for item in arm.regimens]
    return tuple(dict.fromkeys(given))


def _last_doses(protocol: Protocol) -> dict[str, float] | None:
    try:
        return last_dose_days(protocol)
    except ModelValueError:
        return None
