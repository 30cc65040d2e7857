"""Choose the population parameters that are fitted to control arms: those that move them most.

``python -m cxaxis.inference.outcome_influence POOL`` reads a pool of populations drawn from the
prior (``pool.npz``, or the directory of a run that is not finished yet) and writes
``fitted_population.tsv``, at most `MOST_FITTED` rows.

Parameters are taken one after the other. The influence of one on a landmark is the share of the
variance of the ranks of the model's shares that it explains beside those taken before, less what
chance alone would: a strong parameter taken first leaves less noise over the weaker ones. It is
averaged over the *fitted* landmarks alone: over those of one arm and quantity first, so that a
curve read at three times counts once, then over arms and quantities. Held-out landmarks and
measured values play no part in the choice. A causal share is never chosen, for control arms hold
no drug that could tell it, nor is what only a graft in a mouse depends on, nor what a scale or a
tape tells of the patients who enrol: survival is no way to learn a height.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import CxaxisError, ModelValueError
from cxaxis.inference.outcome_pool import N_PRIOR, finished_arrays, prior_plan
from cxaxis.inference.outcome_records import (
    FITTED_COLUMNS,
    MOST_FITTED,
    PoolArrays,
    load_pool,
)
from cxaxis.knowledge.landmarks import Landmark, load_landmarks
from cxaxis.knowledge.parameters import UNIFORM_SHARES
from cxaxis.patient.grafts import XENOGRAFT_PARAMETERS
from cxaxis.runs.files import write_text_durably

COMMAND: Final = "python -m cxaxis.inference.outcome_influence"
LEAST_POPULATIONS: Final = 30
#: Read off patients at enrolment.
MEASURED_AT_ENROLMENT: Final = ("age_at_diagnosis", "body_height", "body_weight", "share_male")
_NOTHING: Final = 1e-9
FITTED_FILE: Final = "fitted_population.tsv"


@dataclass(frozen=True, kw_only=True)
class Influence:
    """How much the fitted landmarks depend on one parameter.

    Attributes
    ----------
    id
        Parameter.
    mean
        Share of variance that it adds, mean over arms and quantities; chance alone gives 0.
    strongest
        Landmark of which it adds most.
    correlation
        Partial rank correlation with that landmark, given those taken before.
    """

    id: str
    mean: float
    strongest: str
    correlation: float


def candidates(parameter_ids: Iterable[str]) -> tuple[str, ...]:
    """Return the parameters that may be chosen."""
    never = {*UNIFORM_SHARES, *XENOGRAFT_PARAMETERS, *MEASURED_AT_ENROLMENT}
    return tuple(name for name in parameter_ids if name not in never)


def influences(
    pool: PoolArrays, landmarks: Iterable[Landmark], *, most: int = MOST_FITTED
) -> tuple[Influence, ...]:
    """Return the parameters that move the landmarks to fit most, in the order taken.

    Parameters
    ----------
    pool
        Populations drawn from the prior; a landmark is read from those in which it has a number.
    landmarks
        All of them; only those of use ``fit`` count.
    most
        Parameters to take at most; fewer if no other explains more than chance.

    Raises
    ------
    ModelValueError
        If fewer than `LEAST_POPULATIONS` have a number for a landmark to fit.
    """
    fitted = [item for item in landmarks if item.use == "fit"]
    names = candidates(pool.parameter_ids)
    columns = [pool.parameter_ids.index(name) for name in names]
    fields = [_Field.of(pool, columns, item.id) for item in fitted]
    kinds: dict[tuple[str, str], list[int]] = {}
    for place, item in enumerate(fitted):
        kinds.setdefault((item.arm, item.quantity), []).append(place)
    taken: list[Influence] = []
    while len(taken) < most:
        correlation = np.array([field.correlations() for field in fields])
        explained = np.array(
            [field.explained(r) for field, r in zip(fields, correlation, strict=True)]
        )
        means = np.mean([explained[places].mean(axis=0) for places in kinds.values()], axis=0)
        best = int(np.argmax(means))
        if means[best] <= 0.0:
            break
        strongest = int(np.argmax(explained[:, best]))
        taken.append(
            Influence(
                id=names[best],
                mean=float(means[best]),
                strongest=fitted[strongest].id,
                correlation=float(correlation[strongest, best]),
            )
        )
        for field in fields:
            field.take(best)
    return tuple(taken)


@dataclass(kw_only=True)
class _Field:
    """Ranks of the candidates and of one landmark, both less what the taken ones explain.

    Attributes
    ----------
    scores
        Shape ``(n, n_candidate)``.
    rest
        Of the landmark, shape ``(n,)``; its norm was 1 at the start.
    used
        How many were taken.
    """

    scores: FloatArray
    rest: FloatArray
    used: int = 0

    @classmethod
    def of(cls, pool: PoolArrays, columns: Sequence[int], landmark: str) -> _Field:
        from scipy.stats import rankdata

        share = pool.share[:, pool.landmark_ids.index(landmark)]
        known = np.isfinite(share)
        if known.sum() < LEAST_POPULATIONS:
            msg = f"{landmark}: only {int(known.sum())} populations have a number. Simulate more."
            raise ModelValueError(msg)
        scores = rankdata(pool.unit_theta[known][:, list(columns)], axis=0)
        rest = rankdata(share[known])
        rest -= rest.mean()
        return cls(scores=scores - scores.mean(axis=0), rest=rest / np.linalg.norm(rest))

    def correlations(self) -> FloatArray:
        """Return partial rank correlations of the candidates, shape ``(n_candidate,)``."""
        size = np.linalg.norm(self.scores, axis=0) * np.linalg.norm(self.rest)
        # What has been taken leaves rounding errors alone.
        some = size > _NOTHING * len(self.rest)
        products = self.scores.T @ self.rest
        return np.asarray(np.divide(products, size, out=np.zeros(len(size)), where=some))

    def explained(self, correlation: FloatArray) -> FloatArray:
        """Return the share of the landmark's variance that each candidate adds beyond chance."""
        free = max(len(self.rest) - 1 - self.used, 1)
        left = float(self.rest @ self.rest)
        return np.asarray(left * (correlation**2 - 1.0 / free))

    def take(self, candidate: int) -> None:
        """Take what a candidate explains out of the others and of the landmark."""
        axis = self.scores[:, candidate] / np.linalg.norm(self.scores[:, candidate])
        self.rest = self.rest - axis * (axis @ self.rest)
        self.scores = self.scores - np.outer(axis, axis @ self.scores)
        self.used += 1


def fitted_text(found: Sequence[Influence]) -> str:
    """Return the table of the parameters to fit, in the order of `influences`."""
    lines = ["\t".join(FITTED_COLUMNS)]
    for rank, item in enumerate(found[:MOST_FITTED], start=1):
        why = f"partial rank correlation {item.correlation:+.2f} with {item.strongest}"
        lines.append("\t".join((item.id, str(rank), f"{item.mean:.4f}", why)))
    return "\n".join(lines) + "\n"


def pool_at(path: Path, populations: int) -> PoolArrays:
    """Return the pool of a file, or what is finished of the prior's run in a directory.

    Raises
    ------
    PoolFileError
        If the file is no pool.
    """
    if path.is_dir():
        return finished_arrays(prior_plan(populations), path)
    return load_pool(path)


def fitted_file() -> Path:
    """Return the table that ships with the package."""
    from cxaxis.knowledge.widening import parameter_file

    return parameter_file().with_name(FITTED_FILE)


def main(arguments: Sequence[str]) -> int:
    """Choose and write the table, or print it; return the exit code."""
    parser = argparse.ArgumentParser(prog=COMMAND, description="Parameters to fit to control arms.")
    parser.add_argument("pool", type=Path, help="pool.npz, or the directory of a run under way")
    parser.add_argument("--populations", type=int, default=N_PRIOR, help="of a run under way")
    parser.add_argument("--show", type=int, default=0, help="print so many rows, write nothing")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        pool = pool_at(chosen.pool, chosen.populations)
        found = influences(pool, load_landmarks().values(), most=chosen.show or MOST_FITTED)
    except CxaxisError as err:
        sys.stderr.write(f"{err}\n")
        return 2
    if chosen.show:
        for item in found:
            sys.stdout.write(
                f"{item.id}\t{item.mean:.4f}\t{item.strongest}\t{item.correlation:+.2f}\n"
            )
        return 0
    write_text_durably(fitted_file(), fitted_text(found))
    sys.stdout.write(f"{fitted_file()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
