"""Published landmarks of control arms: what share of patients had lived, responded or relapsed.

A landmark is one share of one arm at one time. The model is calibrated to those marked ``fit``;
``check`` repeats the same patients in other words and is only looked at; ``predict`` is held out.

The written rule for intervals: a share of ``n`` patients has the Wilson interval of ``n`` trials,
and S(t) has it too, ``n`` being those randomised, unless a number at risk or an interval was
printed (then that stands in ``low`` and ``high``). Censoring makes the true interval wider, by
little before the median follow-up. A median is the landmark "alive at that time: 50 %". Shares
read along one curve are of the same patients: each counts as ``n`` over the number of points
fitted on that curve (`effective_n`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, cast, get_args

from cxaxis.core.errors import Finding, error, raise_on_errors
from cxaxis.core.ids import did_you_mean, is_sbml_id
from cxaxis.knowledge.evidence import Evidence, load_evidence
from cxaxis.knowledge.tables import (
    Row,
    bad_cell,
    choice_findings,
    parse_number,
    read_table,
    sound_rows,
    split_ids,
)

Use = Literal["fit", "check", "predict"]
Quantity = Literal["alive_at", "pfs_at", "dfs_at", "recurrence_by", "pcr", "response"]
ControlArm = Literal[
    "surgery_alone",
    "neoadjuvant_crt",
    "definitive_crt",
    "first_line_pf",
    "first_line_pf_pd1",
    "first_line_tp",
    "first_line_tp_pd1",
]

USES: Final = get_args(Use)
QUANTITIES: Final = get_args(Quantity)
CONTROL_ARMS: Final[tuple[str, ...]] = get_args(ControlArm)
TIMED: Final = ("alive_at", "pfs_at", "dfs_at", "recurrence_by")
SETTINGS_OF_ARMS: Final[Mapping[str, str]] = {
    "surgery_alone": "resectable_escc",
    "neoadjuvant_crt": "resectable_escc",
    "definitive_crt": "locally_advanced_escc",
    "first_line_pf": "metastatic_escc",
    "first_line_pf_pd1": "metastatic_escc",
    "first_line_tp": "metastatic_escc",
    "first_line_tp_pd1": "metastatic_escc",
}
ROLES_OF_USES: Final[Mapping[str, tuple[str, ...]]] = {
    "fit": ("fitted",),
    "check": ("fitted", "context"),
    "predict": ("held_out",),
}
LANDMARK_COLUMNS: Final = (
    *("id", "study", "arm", "setting", "quantity", "time_month", "value_percent", "n"),
    *("low", "high", "analysis_set", "use", "evidence", "note"),
)
LEVEL: Final = 0.95


@dataclass(frozen=True, kw_only=True)
class Landmark:
    """One published share of one control arm.

    Attributes
    ----------
    id
        House id.
    study
        Trial or series; the shared effect of the calibration belongs to it.
    arm
        What was given, one of `CONTROL_ARMS`.
    setting
        Stages enrolled, as in `cxaxis.cohort.settings`.
    quantity
        ``alive_at``; ``pfs_at``; ``dfs_at`` (free of recurrence and alive, of those operated on
        with nothing left); ``recurrence_by`` (recurrence seen, of the same); ``pcr`` (of those
        operated on); ``response`` (complete or partial at any visit, of all).
    time_month
        Since randomisation; None for a quantity without a time.
    value
        Share, %.
    n
        Patients of the analysis set.
    low, high
        95 % interval, %.
    analysis_set
        Whose share, in words.
    use
        ``fit``, ``check`` or ``predict``.
    evidence
        Ids of the evidence rows.
    note
        What a reader should know.
    where
        ``file:line`` of the row.
    """

    id: str
    study: str
    arm: ControlArm
    setting: str
    quantity: Quantity
    time_month: float | None
    value: float
    n: int
    low: float
    high: float
    analysis_set: str
    use: Use
    evidence: tuple[str, ...]
    note: str
    where: str

    @property
    def backbone(self) -> str:
        """The arm, by the name that its plan has."""
        return self.arm

    @property
    def share(self) -> float:
        """The value as a share, in [0, 1]."""
        return self.value / 100.0

    @property
    def curve(self) -> tuple[str, str, str]:
        """The curve that the landmark is read from: study, arm and quantity."""
        return self.study, self.arm, self.quantity


def effective_n(landmarks: Iterable[Landmark]) -> dict[str, float]:
    """Return the number of patients that each landmark counts as, by id.

    Points fitted along one curve are of the same patients and share them out evenly; a point
    that is not fitted keeps its ``n``.
    """
    chosen = tuple(landmarks)
    points = Counter(landmark.curve for landmark in chosen if landmark.use == "fit")
    return {
        item.id: item.n / points[item.curve] if item.use == "fit" else float(item.n)
        for item in chosen
    }


def load_landmarks(
    path: Path | None = None, *, evidence: Mapping[str, Evidence] | None = None
) -> Mapping[str, Landmark]:
    """Return the landmarks by id, in file order.

    Parameters
    ----------
    path
        Table to read; None reads the one that ships with the package.
    evidence
        Rows that landmarks cite; None loads those that ship with the package.

    Raises
    ------
    UserInputError
        With every finding at once: a malformed table, id, number, word, interval or time;
        evidence that is unknown; a landmark to fit that rests on a row that is not ``fitted``,
        or one to predict that rests on a row that is not ``held_out``.
    """
    landmarks, findings = read_landmarks(
        path, evidence=load_evidence() if evidence is None else evidence
    )
    raise_on_errors(findings)
    return landmarks


def read_landmarks(
    path: Path | None = None, *, evidence: Mapping[str, Evidence]
) -> tuple[Mapping[str, Landmark], tuple[Finding, ...]]:
    """Return the landmarks without an error and every finding on the table."""
    table = read_table(path, "landmarks.tsv", LANDMARK_COLUMNS)

    def findings_of(row: Row) -> Iterator[Finding]:
        yield from _form_findings(row)
        yield from _role_findings(row, evidence)

    return sound_rows(table, findings_of, _landmark)


def _landmark(row: Row) -> Landmark:
    value, n = float(row["value_percent"]), int(row["n"])
    low, high = wilson_percent(value, n)
    return Landmark(
        id=row["id"],
        study=row["study"],
        arm=cast("ControlArm", row["arm"]),
        setting=row["setting"],
        quantity=cast("Quantity", row["quantity"]),
        time_month=parse_number(row["time_month"]),
        value=value,
        n=n,
        low=float(row["low"]) if row["low"] else low,
        high=float(row["high"]) if row["high"] else high,
        analysis_set=row["analysis_set"],
        use=cast("Use", row["use"]),
        evidence=split_ids(row["evidence"]),
        note=row["note"],
        where=row.where,
    )


def wilson_percent(value: float, n: float) -> tuple[float, float]:
    """Return the 95 % Wilson interval, %, of a share of ``value`` % of ``n`` patients."""
    from statsmodels.stats.proportion import proportion_confint

    count = n * value / 100.0
    low, high = proportion_confint(count, n, alpha=1.0 - LEVEL, method="wilson")
    return 100.0 * float(low), 100.0 * float(high)


def _form_findings(row: Row) -> Iterator[Finding]:
    if not is_sbml_id(row["id"]):
        cure = "Use lower-case letters, digits and underscores, such as cross_surgery_median."
        yield bad_cell("LAND001", row, "id", cure)
    if not row["study"]:
        yield bad_cell("LAND002", row, "study", "Name the trial or series.")
    if not row["analysis_set"]:
        yield bad_cell("LAND002", row, "analysis_set", "Say whose share it is.")
    yield from choice_findings("LAND003", row, "arm", CONTROL_ARMS)
    yield from choice_findings("LAND003", row, "quantity", QUANTITIES)
    yield from choice_findings("LAND003", row, "use", USES)
    expected = SETTINGS_OF_ARMS.get(row["arm"])
    if expected is not None and row["setting"] != expected:
        yield bad_cell("LAND003", row, "setting", f"Arm {row['arm']} is given in {expected}.")
    value = parse_number(row["value_percent"])
    if value is None or not 0.0 < value < 100.0:
        cure = "Give a share in per cent, between 0 and 100."
        yield bad_cell("LAND004", row, "value_percent", cure)
    if not row["n"].isdecimal() or int(row["n"]) < 1:
        yield bad_cell("LAND005", row, "n", "Give the number of patients of the analysis set.")
    time = parse_number(row["time_month"])
    if row["quantity"] in TIMED and (time is None or time <= 0):
        yield bad_cell("LAND006", row, "time_month", "Give the months since randomisation.")
    if row["quantity"] not in TIMED and row["time_month"]:
        yield bad_cell("LAND006", row, "time_month", f"Leave it empty: {row['quantity']} has none.")
    yield from _interval_findings(row, value)


def _interval_findings(row: Row, value: float | None) -> Iterator[Finding]:
    if not row["low"] and not row["high"]:
        return
    low, high = parse_number(row["low"]), parse_number(row["high"])
    inside = low is not None and high is not None and value is not None and low <= value <= high
    if not inside:
        cure = "Give both ends with the value between them, or leave both empty."
        yield bad_cell("LAND007", row, "low", cure)


def _role_findings(row: Row, evidence: Mapping[str, Evidence]) -> Iterator[Finding]:
    """Yield a finding for each row cited that may not serve the landmark's use."""
    cited = split_ids(row["evidence"])
    if not cited:
        yield bad_cell("LAND008", row, "evidence", "Name the row that was read, such as CLI082.")
    allowed = ROLES_OF_USES.get(row["use"], ())
    for item in cited:
        if item not in evidence:
            message = f"{row['id']}: unknown evidence {item!r}. {did_you_mean(item, evidence)}"
            yield error("LAND008", row.where, message)
        elif allowed and evidence[item].role not in allowed:
            message = (
                f"{row['id']}: evidence {item!r} is {evidence[item].role}, and use {row['use']!r} "
                f"takes {' or '.join(allowed)} alone. Cite another row, or change the use."
            )
            yield error("LAND009", row.where, message)
