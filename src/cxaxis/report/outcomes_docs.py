"""Write the page on outcomes of patients, or check that the one in a folder is fresh.

``python -m cxaxis.report.outcomes_docs docs`` writes ``outcomes.md`` (two minutes); with
``--check`` it compares the hash of what the page depends on and exits 1 if it is stale.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from cxaxis.claims.series import odds_ratio
from cxaxis.core.arrays import BoolArray, FloatArray
from cxaxis.core.errors import ModelValueError
from cxaxis.core.markdown import markdown_table
from cxaxis.knowledge.evidence import Evidence
from cxaxis.knowledge.parameters import Parameters, load_parameters
from cxaxis.knowledge.tables import parse_number
from cxaxis.report.outcomes import (
    DOSES,
    HORIZON_DAY,
    READ,
    Followed,
    Outcomes,
    Resected,
    arms_ratio,
    outcomes,
    planned,
)
from cxaxis.report.page_key import evidence_of, is_fresh, marker, simulated_key
from cxaxis.runs.progress import ProgressBar
from cxaxis.stats.proportions import exact_proportion
from cxaxis.stats.survival import HazardRatio, median_survival

COMMAND: Final = "python -m cxaxis.report.outcomes_docs docs"
PAGE: Final = "outcomes.md"
SEED: Final = 21
N_SCREENED: Final = 1000
DAYS_PER_MONTH: Final = 365.25 / 12.0
#: Share of T3 tumours with a visible node that `seeding_rate_lymph` was aimed at.
AIMED_AT_T3: Final = 2.0 / 3.0
#: What a hazard ratio of bulk RNA has to lie in to count as near 1.
NEAR_ONE: Final = (0.8, 1.25)
HEADER: Final = ("What", "Row", "Role", "Seen", "95 % seen", "Model", "95 % model", "Verdict")
ALIGN: Final = "lllrrrrl"


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A number with 95 % limits; not numbers where nothing is known."""

    value: float = np.nan
    low: float = np.nan
    high: float = np.nan


NOTHING: Final = Interval()


def verdict(seen: Interval, model: Interval) -> str:
    """Return ``hit`` if either number lies within the other's limits, else ``miss``.

    Where nothing was seen it is a dash.
    """
    if not np.isfinite(seen.value):
        return "-"
    met = (
        seen.low <= model.value <= seen.high,
        model.low <= seen.value <= model.high,
    )
    return "hit" if any(met) else "miss"


def cases(row: Evidence) -> int | None:
    """Return how many patients a reading is of, None if its words do not say."""
    found = re.search(r"\bn=(\d+)", row.system)
    return None if found is None else int(found[1])


def printed(row: Evidence, pattern: str) -> float:
    """Return the number that stands in the words of a row, by a pattern with one group.

    Raises
    ------
    ModelValueError
        If there is none.
    """
    found = re.search(pattern, f"{row.system}; {row.note}")
    if found is None:
        msg = f"{row.id} has no number like {pattern!r} in its words any more."
        raise ModelValueError(msg)
    return float(found[1])


def seen_percent(row: Evidence, per_cent: float | None = None, *, n: int | None = None) -> Interval:
    """Return a share that was read, in per cent, with its limits.

    Parameters
    ----------
    row
        Its limits are taken as printed, else computed where it says of how many patients it is.
    per_cent
        Another share in the words of the row; its limits need ``n``.
    n
        Of how many patients ``per_cent`` is.
    """
    share = parse_number(row.value) if per_cent is None else per_cent
    if share is None:
        return NOTHING
    low, high = parse_number(row.low), parse_number(row.high)
    if per_cent is None and low is not None and high is not None:
        return Interval(value=share, low=low, high=high)
    known = cases(row) if per_cent is None else n
    if known is None:
        return Interval(value=share)
    exact = exact_proportion(round(share / 100.0 * known), known)
    return Interval(value=share, low=100.0 * exact.low, high=100.0 * exact.high)


def seen_number(row: Evidence) -> Interval:
    """Return a number that was read, with its limits as printed."""
    value, low, high = (parse_number(text) for text in (row.value, row.low, row.high))
    return Interval(
        value=np.nan if value is None else value,
        low=np.nan if low is None else low,
        high=np.nan if high is None else high,
    )


def share_of(flags: BoolArray) -> Interval:
    """Return the share that is true, in per cent, with its binomial limits."""
    if not len(flags):
        return NOTHING
    exact = exact_proportion(int(np.sum(flags)), len(flags))
    return Interval(value=100.0 * exact.share, low=100.0 * exact.low, high=100.0 * exact.high)


def _of_ratio(ratio: HazardRatio | None) -> Interval:
    return NOTHING if ratio is None else Interval(value=ratio.hr, low=ratio.low, high=ratio.high)


def _of_odds(exposed: BoolArray, outcome: BoolArray) -> Interval:
    value, low, high = odds_ratio(exposed, outcome)
    return Interval(value=value, low=low, high=high)


def median_months(days: FloatArray) -> Interval:
    """Return the median of days to an event, infinite beyond five years, in months."""
    found = median_survival(np.minimum(days, HORIZON_DAY), np.isfinite(days))
    limits = (found.median_day, found.low_day, found.high_day)
    value, low, high = (np.nan if day is None else day / DAYS_PER_MONTH for day in limits)
    return Interval(value=value, low=low, high=np.inf if np.isnan(high) else high)


def alive(death_day: FloatArray, years: float) -> BoolArray:
    """Return who is alive after some years, at most five, same shape."""
    return np.asarray(death_day > years * 365.25 - 1e-6)


@dataclass(frozen=True, kw_only=True)
class Page:
    """The page: what was found, and what it is compared with."""

    found: Outcomes
    parameters: Parameters
    evidence: Mapping[str, Evidence]
    n_screened: int

    def role(self, row: str) -> str:
        """Return whether a row set a parameter or the model predicts it."""
        if any(row in item.evidence for item in self.parameters.values()):
            return "fitted"
        return "held out" if self.evidence[row].role == "held_out" else "predicted"

    def cells(
        self,
        what: str,
        row: str | None,
        model: Interval,
        seen: Interval | None = None,
        *,
        role: str | None = None,
    ) -> tuple[str, ...]:
        """Return the cells of one line; without a row nothing was read that it compares with."""
        if seen is None:
            seen = NOTHING if row is None else seen_percent(self.evidence[row])
        return (
            what,
            row or "-",
            role or ("predicted" if row is None else self.role(row)),
            _number(seen.value),
            _span(seen),
            _number(model.value),
            _span(model),
            verdict(seen, model),
        )

    def lines(self, key: str) -> Iterator[str]:
        """Yield the page; ``key`` is the hash of what was simulated."""
        yield from (
            "# Outcomes",
            "",
            *marker(COMMAND, key),
            "",
            "What virtual patients come to at the tabled parameters, beside what was read of real",
            f"ones. {self.n_screened} patients were drawn and followed to diagnosis; each table",
            "takes those whom a trial of it would enrol, in the stages in which they are found.",
            "",
            "`Role` is *fitted* where a parameter cites the row, *held out* where none may,",
            "*predicted* where none does. Shares are in per cent with exact binomial limits, those",
            "of the model for the patients it counts. A *hit* has the model's number within the",
            "limits of what was seen, or the other way round. A fitted row that is one proves",
            "nothing; one that is a miss was set in smaller samples or before the model changed.",
            "Misses are left as they are.",
            "",
        )
        for title, rows, after in (
            ("Nodes and stages at diagnosis", self._diagnosis(), self._after_diagnosis()),
            ("Response to chemoradiotherapy", self._response(), self._after_response()),
            ("Recurrence after resection", self._recurrence(), self._after_recurrence()),
            ("Prognosis of the read-outs", self._read_outs(), self._after_read_outs()),
            ("Survival", self._survival(), self._after_survival()),
        ):
            yield from (f"## {title}", "", *markdown_table(HEADER, rows, ALIGN), "")
            yield from after
            yield ""

    def _diagnosis(self) -> Iterator[tuple[str, ...]]:
        found = self.found.found
        nodes, aim = found.n > 0, Interval(value=100.0 * AIMED_AT_T3)
        for t in (2, 3, 4):
            model = share_of(nodes[found.t == t])
            if t == 3:
                yield self.cells(
                    "T3 with visible nodes (aimed at)", None, model, aim, role="fitted"
                )
            else:
                yield self.cells(f"T{t} with visible nodes", None, model)
        registry = {"II": "CLI155", "III": "CLI156", "IV": "CLI157"}
        rows = {stage: self.evidence[row] for stage, row in registry.items()}
        known = sum(seen_number(row).value for row in rows.values()) / 100.0
        for stage, row in rows.items():
            whole = stage == "IV"
            is_it = [item.startswith(stage) if whole else item == stage for item in found.stage]
            n = round((cases(row) or 0) * known)
            seen = seen_percent(row, seen_number(row).value / known, n=n)
            yield self.cells(f"stage {stage} of II to IV", row.id, share_of(np.array(is_it)), seen)
        advanced = np.isin(found.stage, ("III", "IVA", "IVB"))
        for what, row_id, outcome in (
            ("odds of nodes, CXCR4 high against low", "CLI049", nodes),
            ("odds of stage III or IV, the same", "CLI051", advanced),
        ):
            seen = seen_number(self.evidence[row_id])
            yield self.cells(what, row_id, _of_odds(found.cxcr4_high, outcome), seen)

    def _after_diagnosis(self) -> Iterator[str]:
        yield from (
            "No virtual tumour is found before T2, and no count of nodes by depth is on record, so",
            "that T2 and T4 stand alone. Trials sample their patients by the registry's stages",
            "(`share_stage_ii`, `share_stage_iii`), whatever the mix that is found.",
        )

    def _response(self) -> Iterator[tuple[str, ...]]:
        grays = ("41.4", "50.4", "60")
        for dose, gray in zip(DOSES, grays, strict=True):
            arm = self.found.by_dose[dose]
            model = share_of(arm.complete_response[arm.operated])
            if dose == DOSES[0]:
                yield self.cells("pCR after 41.4 Gy, operated", "CLI086", model)
                yield self.cells("the same, squamous arm of CROSS", "CLI077", model)
            else:
                yield self.cells(f"pCR after {gray} Gy, operated", None, model)
        cross = self.evidence["DRG174"]
        for what, arm, pattern in (
            ("R0 after 41.4 Gy", self.found.by_dose[DOSES[0]], r"R0 (\d+) vs"),
            ("R0 without", self.found.surgery, r"R0 \d+ vs (\d+)"),
        ):
            seen = Interval(value=printed(cross, pattern))
            yield self.cells(what, cross.id, share_of(arm.whole[arm.operated]), seen)
        first = self.found.by_dose[DOSES[0]]
        model = share_of(first.cleared[first.operated])
        yield self.cells("no clonogen left anywhere after 41.4 Gy and operation", None, model)

    def _after_response(self) -> Iterator[str]:
        gray = self.evidence["CLI214"]
        yield from (
            "The 41.4 Gy are given with carboplatin and paclitaxel, as in CROSS. The share that",
            "they were fitted to (CLI086) comes from NEOCRTEC5010, which gave",
            f"{gray.value} {gray.unit} with vinorelbine and cisplatin (CLI214): another dose and",
            "other drugs. The squamous arm of CROSS had the treatment simulated; it is small and",
            "held out. Higher doses are given with the same drugs and the same time to the",
            "operation.",
        )

    def _recurrence(self) -> Iterator[tuple[str, ...]]:
        until = printed(self.evidence["CLI214"], r"median of ([\d.]+) months") * DAYS_PER_MONTH
        arm, alone = self.found.by_dose[DOSES[0]], self.found.surgery
        for what, row, who in (
            ("recurrence, chemoradiotherapy and operation", "CLI087", arm),
            ("recurrence, operation alone", "CLI088", alone),
        ):
            yield self.cells(what, row, share_of(who.recurrence_day[who.operated] <= until))
        first = first_sites(arm)
        for site, flags in first.items():
            yield self.cells(
                f"first seen {site}, of all after chemoradiotherapy", None, share_of(flags)
            )
        for what, row, days in (
            ("locoregional at any time, the same", "CLI212", arm.locoregional_day),
            ("distant at any time, the same", "CLI213", arm.distant_day),
        ):
            yield self.cells(what, row, share_of(np.isfinite(days[arm.operated])))
        yield from self._alive_by_recurrence(arm, alone)

    def _alive_by_recurrence(self, *arms: Resected) -> Iterator[tuple[str, ...]]:
        said = self.evidence["CLI089"]
        kinds: tuple[tuple[str, float, Callable[[Resected], BoolArray]], ...] = (
            (
                "with recurrence",
                seen_number(said).value,
                lambda arm: np.isfinite(arm.recurrence_day),
            ),
            (
                "without",
                printed(said, r"recurrence-free ([\d.]+)%"),
                lambda arm: ~np.isfinite(arm.recurrence_day),
            ),
            (
                "first seen distant",
                printed(said, r"distant ([\d.]+)%"),
                lambda arm: arm.distant_day < arm.locoregional_day,
            ),
            (
                "first seen locoregional",
                printed(said, r"locoregional ([\d.]+)%"),
                lambda arm: arm.locoregional_day < arm.distant_day,
            ),
        )
        for what, value, those in kinds:
            living = [
                alive(arm.death_day, 5.0)[arm.operated & arm.whole & those(arm)] for arm in arms
            ]
            model = share_of(np.concatenate(living))
            yield self.cells(f"alive at 5 years {what}, R0", said.id, model, Interval(value=value))

    def _after_recurrence(self) -> Iterator[str]:
        yield from (
            "The rate at which blood is seeded was set by CLI087 and CLI088, so that these two are",
            "fitted; where recurrence is seen is not. The two shares by site are of a series that",
            "does not part the histologies. Survival by recurrence is of both arms together.",
        )

    def _read_outs(self) -> Iterator[tuple[str, ...]]:
        lines = (
            ("IHC of tumour cells, its paper's cut-off", "ihc", "CLI055"),
            ("the same, an earlier pool with adenocarcinoma", "ihc", "CLI045"),
            ("bulk RNA, above the median", "bulk", None),
            ("the same, leukocytes with no more message", "equal_bulk", None),
            ("single-cell RNA of tumour cells, above the median", "single_cell", None),
        )
        for what, name, row in lines:
            model = _of_ratio(self.found.read_outs[name].ratio)
            seen = None if row is None else seen_number(self.evidence[row])
            yield self.cells(f"HR of death: {what}", row, model, seen)

    def _after_read_outs(self) -> Iterator[str]:
        bulk = _of_ratio(self.found.read_outs["bulk"].ratio).value
        met = "a hit" if NEAR_ONE[0] <= bulk <= NEAR_ONE[1] else "a miss"
        yield from (
            "Crude hazard ratios after chemoradiotherapy alone, stages II to IVA,",
            f"{self.found.read_outs['bulk'].n} patients: each has a twin with CXCR4 mirrored about",
            "the median, as in the ledger; the limits take twins for strangers. The causal share",
            f"phi is {self.found.phi:g}.",
            "",
            "A bulk sample holds leukocytes, which carry most of the message, so that its hazard",
            f"ratio should lie near 1, within {NEAR_ONE[0]:g} to {NEAR_ONE[1]:g}: {met} at",
            f"{_number(bulk)}. How much more a leukocyte carries (`bulk_leukocyte_message`)",
            "follows from the shares of cells in which single-cell RNA finds it; the row below has",
            "it equal to a tumour cell's, as a measure of how much rests on that.",
        )

    def _survival(self) -> Iterator[tuple[str, ...]]:
        arm, alone = self.found.by_dose[DOSES[0]], self.found.surgery
        for what, row, who in (
            ("chemoradiotherapy and operation", "CLI082", arm),
            ("operation alone", "CLI083", alone),
        ):
            yield self.cells(f"alive at 5 years, {what}", row, share_of(alive(who.death_day, 5.0)))
        ratio = _of_ratio(arms_ratio(arm.death_day, alone.death_day))
        seen = seen_number(self.evidence["CLI081"])
        yield self.cells(
            "HR of death, with chemoradiotherapy against without", "CLI081", ratio, seen
        )
        yield from self._definitive(self.found.definitive)
        chemotherapy, added = self.found.palliative, self.found.anti_pd1
        said = self.evidence["CLI120"]
        for what, days, pattern in (
            ("chemotherapy", chemotherapy.death_day, r"vs ([\d.]+) mo"),
            ("the same and anti-PD-1", added.death_day, r"([\d.]+) vs"),
        ):
            seen = Interval(value=printed(said, pattern))
            label = f"median survival, months, distant disease, {what}"
            yield self.cells(label, said.id, median_months(days), seen)
        ratio = _of_ratio(arms_ratio(added.death_day, chemotherapy.death_day))
        label = "HR of death, with anti-PD-1 against without"
        yield self.cells(label, said.id, ratio, seen_number(said))

    def _definitive(self, found: Followed) -> Iterator[tuple[str, ...]]:
        five = share_of(alive(found.death_day, 5.0))
        for what, row in (("RTOG 85-01", "CLI106"), ("a phase 2 trial", "CLI114")):
            label = f"alive at 5 years, chemoradiotherapy alone, {what}"
            yield self.cells(label, row, five)
        four = share_of(alive(found.death_day[found.stage == "IVA"], 5.0))
        yield self.cells("the same, stage IVA against unresectable", "CLI115", four)
        for what, row, days in (
            ("survival", "CLI111", found.death_day),
            ("time to progression or death", "CLI110", found.progression_day),
        ):
            seen = seen_number(self.evidence[row])
            label = f"median {what}, months, chemoradiotherapy alone"
            yield self.cells(label, row, median_months(days), seen)

    def _after_survival(self) -> Iterator[str]:
        yield from (
            "The arms of a comparison hold the same patients with the same chances, so that the",
            "limits of their ratio are too wide. A trial takes patients fit for it; these are",
            "everybody of the stage.",
        )


def first_sites(arm: Resected) -> Mapping[str, BoolArray]:
    """Return where recurrence was first seen in each patient operated on, by site."""
    near, far = arm.locoregional_day[arm.operated], arm.distant_day[arm.operated]
    return {
        "locoregional": near < far,
        "distant": far < near,
        "in both at one visit": np.isfinite(near) & (near == far),
    }


def _number(value: float) -> str:
    """Return a number with three digits, a dash where there is none."""
    if np.isnan(value):
        return "-"
    return "never" if np.isinf(value) else f"{float(f'{value:.3g}'):g}"


def _span(item: Interval) -> str:
    if np.isnan(item.low) or np.isnan(item.high):
        return "-"
    return f"{_number(item.low)} to {_number(item.high)}"


def page(
    found: Outcomes,
    parameters: Parameters,
    evidence: Mapping[str, Evidence],
    key: str,
    *,
    n_screened: int = N_SCREENED,
) -> str:
    """Return the page as Markdown; ``key`` is the hash of what was simulated."""
    item = Page(found=found, parameters=parameters, evidence=evidence, n_screened=n_screened)
    return "\n".join(item.lines(key)).rstrip() + "\n"


def input_key() -> str:
    """Return the hash of the model, numbers and settings behind the page."""
    return simulated_key("patient", evidence=READ, seed=SEED, n_screened=N_SCREENED)


def main(arguments: list[str]) -> int:
    """Write or check the page; return the exit code."""
    folder = Path(next((item for item in arguments if not item.startswith("--")), "docs"))
    path = folder / PAGE
    # Taken before the work: inputs that change meanwhile must leave the page stale.
    key = input_key()
    if "--check" in arguments:
        fresh = is_fresh(path, key)
        if not fresh:
            sys.stderr.write(f"{path} is stale. Run: {COMMAND}\n")
        return 0 if fresh else 1
    parameters = load_parameters()
    with ProgressBar("Treating patients", total=planned(N_SCREENED)) as bar:
        found = outcomes(parameters, N_SCREENED, bar, seed=SEED)
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(page(found, parameters, evidence_of(READ), key), encoding="utf-8")
    sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
