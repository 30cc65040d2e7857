"""Assurance of a trial over draws of what is not known, and what its spread comes from.

Reads the ``uncertainty`` and ``parameters`` tables of a run. The log ratio of death rates of a
draw stands for the log hazard ratio of a trial in that population.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import ArrayLike

from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import ModelValueError, UserInputError, error
from cxaxis.core.streams import rng_for
from cxaxis.trial.operating import CounterfactualPool
from cxaxis.trial.protocol_parts import Populations

if TYPE_CHECKING:
    import pandas as pd

_BOOTSTRAPS: Final = 1000
_AT_ONCE: Final = 100
_SAME_SHARE: Final = 1e-12


@dataclass(frozen=True, kw_only=True)
class TrialSize:
    """What decides how much one comparison of a trial can see.

    Attributes
    ----------
    n_patient
        Patients of both arms together.
    treated_share
        Share of them in the arm, in (0, 1).
    control_event_share
        Share of the control arm whose event is seen by the end, in (0, 1]. That of the arm follows
        from the hazard ratio, hazards being proportional.
    alpha
        Two-sided level, in (0, 1).
    """

    n_patient: int
    treated_share: float
    control_event_share: float
    alpha: float = 0.05

    def __post_init__(self) -> None:
        shares = (self.treated_share, self.alpha)
        if self.n_patient < 2 or not all(0 < x < 1 for x in shares):
            msg = f"needs two patients, and a share and alpha in (0, 1), got {self}."
            raise ModelValueError(msg)
        if not 0 < self.control_event_share <= 1:
            msg = f"control_event_share must lie in (0, 1], got {self.control_event_share!r}."
            raise ModelValueError(msg)

    def event_shares(self, log_hr: ArrayLike) -> FloatArray:
        """Return the share of the treated arm whose event is seen, same shape as ``log_hr``."""
        ratio = np.exp(np.asarray(log_hr, dtype=np.float64))
        return np.asarray(1.0 - (1.0 - self.control_event_share) ** ratio)

    def expected_events(self, log_hr: ArrayLike) -> FloatArray:
        """Return the events of both arms, same shape as ``log_hr``."""
        treated = self.treated_share * self.event_shares(log_hr)
        control = (1.0 - self.treated_share) * self.control_event_share
        return np.asarray(self.n_patient * (treated + control))

    def power(self, log_hr: ArrayLike) -> FloatArray:
        """Return the chance to reject in favour of the arm, by Schoenfeld's formula (1981)."""
        from scipy.special import ndtr, ndtri

        effect = np.asarray(log_hr, dtype=np.float64)
        information = self.expected_events(effect) * self.treated_share * (1 - self.treated_share)
        return np.asarray(ndtr(-effect * np.sqrt(information) + ndtri(self.alpha / 2.0)))


@dataclass(frozen=True, kw_only=True)
class Assurance:
    """Chance that a trial succeeds, over what is not known.

    Attributes
    ----------
    probability
        Share of nested replicates in which the log-rank test rejects in favour of the arm.
    monte_carlo_se
        Standard error from the number of replicates.
    draws_se
        Standard error from the number of draws, usually the larger.
    as_drawn
        The same without correction for the sampling of patients within draws, whose scatter would
        count as an effect.
    at_mean
        Power at the mean log hazard ratio: what one would state if nothing were unknown.
    n_draw, n_undefined
        Draws used, and draws without a ratio.
    """

    probability: float
    monte_carlo_se: float
    draws_se: float
    as_drawn: float
    at_mean: float
    n_draw: int
    n_undefined: int


def assurance(
    log_hr: ArrayLike,
    *,
    within_variance: float,
    size: TrialSize,
    n_replicate: int,
    seed: int,
) -> Assurance:
    """Return the chance that a trial succeeds when its effect is drawn from draws.

    Each replicate draws an effect, then the events of both arms, then the log-rank statistic about
    its expectation. The final analysis alone; interim looks would lower the chance a little.

    Parameters
    ----------
    log_hr
        Of each draw, shape ``(n_draw,)``; not a number where it has none.
    within_variance
        Sampling variance of these numbers; see `sampling_variance`.
    size
        Of the trial.
    n_replicate
        Nested trials, positive.
    seed
        Of the nested trials.

    Raises
    ------
    ModelValueError
        If fewer than two draws have a ratio, or there is no replicate.
    """
    from scipy.special import ndtri

    from cxaxis.stats.nested_variance import shrunk_draws

    given = np.asarray(log_hr, dtype=np.float64)
    known = given[np.isfinite(given)]
    if len(known) < 2 or n_replicate < 1:
        msg = f"assurance needs two draws with a ratio and a replicate, got {len(known)} draws."
        raise ModelValueError(msg)
    effects = shrunk_draws(known, within_variance=within_variance)
    rng = rng_for(seed, "assurance")
    effect = effects[rng.integers(0, len(effects), n_replicate)]
    n_treated = round(size.n_patient * size.treated_share)
    events = rng.binomial(n_treated, size.event_shares(effect)) + rng.binomial(
        size.n_patient - n_treated, size.control_event_share, n_replicate
    )
    information = events * size.treated_share * (1.0 - size.treated_share)
    z = rng.standard_normal(n_replicate) - effect * np.sqrt(information)
    share = float((z >= -ndtri(size.alpha / 2.0)).mean())
    power = size.power(effects)
    return Assurance(
        probability=share,
        monte_carlo_se=float(np.sqrt(share * (1.0 - share) / n_replicate)),
        draws_se=float(power.std(ddof=1) / np.sqrt(len(power))),
        as_drawn=float(size.power(known).mean()),
        at_mean=float(size.power(known.mean())),
        n_draw=len(known),
        n_undefined=len(given) - len(known),
    )


def sampling_variance(
    pool: CounterfactualPool, *, control: str, arm: str, n_patient: int, seed: int
) -> float:
    """Return the variance of a draw's log rate ratio that comes from its few patients.

    By paired bootstrap of ``n_patient`` from the pool, so that it holds for the population of the
    trial; that of other draws may be larger or smaller.

    Raises
    ------
    ModelValueError
        If an arm has no event in half of the replicates.
    """
    from cxaxis.stats.bootstrap import log_rate_ratios

    rows = [pool.arms.index(name) for name in (control, arm)]
    sound = np.isfinite(pool.duration_day[rows]).all(axis=0)
    day = pool.duration_day[rows][:, sound].ravel()
    event = pool.event[rows][:, sound].ravel()
    n = int(sound.sum())
    if n == 0 or n_patient < 1:
        msg = f"needs patients, got {n} in the pool and {n_patient} in a draw."
        raise ModelValueError(msg)
    rng = rng_for(seed, "sampling_variance", arm)
    share = np.full(n, 1.0 / n)
    ratios = np.concatenate(
        [
            log_rate_ratios(day, event, rng.multinomial(n_patient, share, size=_AT_ONCE))
            for _ in range(_BOOTSTRAPS // _AT_ONCE)
        ]
    )
    known = ratios[np.isfinite(ratios)]
    if len(known) < len(ratios) / 2:
        msg = (
            f"{n_patient} patients of a draw have no event in one arm more often than not, so "
            "that the sampling variance of draws is not known. Use more patients a draw."
        )
        raise ModelValueError(msg)
    return float(known.var(ddof=1))


def drawn_parameters(
    parameters: pd.DataFrame,
    uncertainty: pd.DataFrame,
    *,
    seed: int,
    populations: Populations = "prior",
) -> dict[str, FloatArray]:
    """Return the value of every uncertain parameter in each row of ``uncertainty``.

    They are drawn again from the streams of the run and held against the causal share it wrote
    down.

    Parameters
    ----------
    parameters, uncertainty
        Tables of the run.
    seed
        Of the run.
    populations
        Where the run drew them.

    Raises
    ------
    UserInputError
        If what is drawn is not what the run drew.
    """
    from cxaxis.knowledge.parameters import UNIFORM_SHARES, Parameter
    from cxaxis.trial.uncertainty import drawn_population

    uncertain = parameters[
        (parameters["WIDENED"] > 0) | parameters["ID"].isin(list(UNIFORM_SHARES))
    ]
    rows = {
        row["ID"]: Parameter(
            id=row["ID"],
            value=row["VALUE"],
            unit=row["UNIT"],
            scale=row["SCALE"],
            # Widened already.
            spread=row["WIDENED"],
            omega=row["OMEGA"],
            status=row["STATUS"],
            species=row["SPECIES"],
            relevance=row["RELEVANCE"],
            evidence=(),
            note=row["NOTE"],
            where="parameters.parquet",
            tau=0.0,
        )
        for row in uncertain.to_dict("records")
    }
    draws = [
        drawn_population(rows, seed=seed, draw=int(draw), populations=populations)
        for draw in uncertainty["DRAW"].to_numpy()
    ]
    found = {name: np.array([theta[name] for theta in draws]) for name in rows}
    told = uncertainty["PHI"].to_numpy(dtype=np.float64)
    if len(draws) and not np.allclose(found.get("phi", -1.0), told, rtol=0.0, atol=_SAME_SHARE):
        message = (
            "the draws of this run cannot be drawn again by this version, so that nothing is said "
            "about which parameter matters. Run the protocol again."
        )
        raise UserInputError([error("OPER004", "uncertainty.parquet", message)])
    return found


def wiring_switches(wiring: ArrayLike) -> dict[str, np.ndarray]:
    """Return, for each option that some draw has and some has not, which draws have it.

    Parameters
    ----------
    wiring
        Texts of the ``WIRING`` column, such as ``niche_release=on, ackr3_survival=on``.
    """
    chosen = [set(str(text).split(", ")) - {"default"} for text in np.asarray(wiring).tolist()]
    options = sorted(set().union(*chosen)) if chosen else []
    found = {option: np.array([option in one for one in chosen]) for option in options}
    return {option: flags for option, flags in found.items() if not flags.all()}
