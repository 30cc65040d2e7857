"""The page: everything in one HTML file, no script, no request, the same bytes every time."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FunctionLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from cxaxis._version import __version__
from cxaxis.core.errors import UserInputError, error
from cxaxis.core.hashing import sha256_of
from cxaxis.core.outcomes import Outcome
from cxaxis.figures.style import days_per_month
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.report import (
    design_rows,
    drawings,
    patient_drawings,
    ratio_drawings,
    readings,
    verdict,
    words,
)
from cxaxis.report.result_content import result_content
from cxaxis.report.run_results import results_of
from cxaxis.report.source import Occupancy, TrialRun, read_trial_run
from cxaxis.runs.files import write_text_durably
from cxaxis.stats.proportions import exact_proportion
from cxaxis.trial.results import TrialResults
from cxaxis.trial.run import Trial

PAGE_NAME = "report.html"
STATUSES = {
    "measured": "read in the named source for this quantity",
    "derived": "computed from measured numbers",
    "borrowed": "measured elsewhere: another species, tissue or drug",
    "assumed": "no source; a choice, with a wide spread",
}
_MOST_FAILED_SHOWN = 50


def report(run: Trial | Path | str, out: Path | str | None = None) -> Path:
    """Write the report of a trial run.

    Parameters
    ----------
    run
        A finished trial, or the directory of a complete run.
    out
        File to write, or a directory that gets ``report.html``; by default ``report.html``
        in the run directory. An existing report is replaced.

    Returns
    -------
    Path of the page.

    Raises
    ------
    UserInputError
        With every finding: the directory is absent, incomplete or not a trial, a table was
        changed, the summary cannot be used, or ``out`` cannot be written.
    """
    source = run.path if isinstance(run, Trial) else Path(run)
    target = _target(source, out)
    page = render(read_trial_run(source))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_text_durably(target, page)
    except OSError as err:
        message = f"the report cannot be written ({err.strerror}). Give another file with -o."
        raise UserInputError([error("REPT006", str(target), message)]) from err
    return target


def render(run: TrialRun, results: TrialResults | None = None) -> str:
    """Return the page of a run as HTML text.

    Parameters
    ----------
    run
        The run.
    results
        What `results_of` returned for it; worked out if omitted.
    """
    found = results_of(run) if results is None else results
    environment = Environment(
        loader=FunctionLoader(_template),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "number": words.number,
        "percent": words.percent,
        "p_value": words.p_value,
        "median": words.median,
        "tested_ratio": words.tested_ratio,
        "cell_lines": words.cell_lines,
    }
    environment.globals |= {"ratio": words.ratio}
    return environment.get_template("report.html").render(_content(run, found))


def _template(name: str) -> str:
    return files("cxaxis.report").joinpath("templates", name).read_text(encoding="utf-8")


def _target(source: Path, out: Path | str | None) -> Path:
    if out is None:
        return source / PAGE_NAME
    target = Path(out)
    # A name without ending is a directory to be made, as in report(run, "out/").
    return target / PAGE_NAME if target.is_dir() or not target.suffix else target


def _content(run: TrialRun, results: TrialResults) -> dict[str, Any]:
    summary, tables = run.summary, run.tables
    return {
        "style": Markup(_template("report.css")),
        "run": run,
        "summary": summary,
        "facts": _facts(run),
        "in_short": verdict.in_short(summary),
        "two_answers": verdict.two_answers(
            summary, readings.pool_readings(run), readings.lucks(run)
        ),
        "findings": verdict.findings_of(summary),
        "swatches": {style.arm: style.colour for style in drawings.styles_of(summary)},
        "baseline": readings.baseline(tables["adsl"], list(summary.labels)),
        "day_zero": readings.day_zero(tables["adsl"]),
        "design": design_rows.design_content(summary.design, summary.labels),
        "survival": [
            drawings.survival_drawing(run, paramcd="OS", end_point="Overall survival"),
            drawings.survival_drawing(run, paramcd="PFS", end_point="Progression-free survival"),
        ],
        "events": readings.event_counts(tables["adtte"], list(summary.labels)),
        "responses": _responses(run),
        "operations": readings.operations(tables["adpath"], summary.labels, _numbers(run)),
        "axis_drugs": readings.axis_drugs(run.protocol),
        "distant": bool((tables["adsl"]["STAGE"] == "IVB").any()),
        "occupancy": drawings.occupancy_drawings(run),
        "occupancy_rows": _occupancy_rows(run),
        "cd34": drawings.cd34_drawing(run),
        "cd34_rows": readings.cd34_rise(tables["adpd"], summary),
        "burden": drawings.burden_drawing(run),
        "subgroups": patient_drawings.subgroup_drawings(run, results.subgroups),
        **result_content(run, results),
        "courses": [
            drawn
            for drawn in (
                patient_drawings.waterfall_drawing(run),
                patient_drawings.swimmer_drawing(run),
            )
            if drawn is not None
        ],
        "pool": ratio_drawings.pool_drawing(run),
        "phi": ratio_drawings.phi_drawing(run),
        "phi_table": _phi_table(run),
        "prior": ratio_drawings.prior_drawings(run),
        "prior_rows": _prior_rows(run),
        "failures": _failures(run),
        "protocol": words.protocol_nodes(run.protocol),
        "parameters": _parameters(tables["parameters"]),
        "statuses": _status_counts(tables["parameters"]),
        "other_values": (other_values := _other_values(run)),
        "reproduce": _reproduce(other_values),
        "cohort_given": run.manifest.key_parts.get("cohort", "sampled") != "sampled",
        "key_parts": words.protocol_nodes(run.manifest.key_parts),
        "horizon_month": summary.horizon_day / days_per_month(),
        "svg": Markup,
    }


def _facts(run: TrialRun) -> list[tuple[str, str]]:
    parts = run.manifest.key_parts
    return [
        ("Run key", run.manifest.run_key),
        ("Protocol hash", _hash_part(parts, "protocol") or sha256_of(dict(run.protocol))),
        ("Seal", words.seal(run.summary.seal)),
        ("Seed", str(run.manifest.seed)),
        ("cxaxis version", _part(parts, "version") or "not recorded"),
    ]


def _part(parts: Mapping[str, Any], word: str) -> str | None:
    return next((str(value) for key, value in parts.items() if word in key), None)


def _hash_part(parts: Mapping[str, Any], word: str) -> str | None:
    text = _part(parts, word)
    return text if text is not None and len(text) == 64 else None


def _phi_table(run: TrialRun) -> dict[str, Any]:
    summary = run.summary
    arms = list(dict.fromkeys(item.arm for item in summary.phi))
    found = {
        (item.phi, item.arm): words.ratio(item.hr_os, item.low, item.high, digits=3)
        for item in summary.phi
    }
    shares = sorted({item.phi for item in summary.phi})
    return {
        "names": [summary.labels.get(arm, arm) for arm in arms],
        "rows": [(share, [found.get((share, arm), "") for arm in arms]) for share in shares],
    }


def _numbers(run: TrialRun) -> dict[str, int]:
    """Return the patients allocated to each arm."""
    adsl = run.tables["adsl"]
    return {arm: int((adsl["TRT01P"] == arm).sum()) for arm in run.summary.labels}


def _responses(run: TrialRun) -> dict[str, Any]:
    labels = run.summary.labels
    counts = _numbers(run)
    best = readings.best_responses(run.tables["adrs"], counts)
    kinds = {
        "CR": "complete",
        "PR": "partial",
        "SD": "stable",
        "NED": "no disease seen",
        "PD": "progression",
    }
    return {
        "names": [kinds.get(name, name) for name, _ in next(iter(best.values()))],
        "rows": [
            (labels[arm], [words.count_of(n, counts[arm]) for _, n in found])
            for arm, found in best.items()
        ],
    }


def _occupancy_rows(run: TrialRun) -> list[tuple[str, str, Occupancy]]:
    rows = []
    for arm in run.summary.arms:
        if arm.occupancy is not None:
            rows.append((arm.label, "tumour", arm.occupancy))
            marrow = readings.marrow_occupancy(run.tables["adpd"], arm.arm)
            if marrow is not None:
                rows.append((arm.label, "marrow", marrow))
    return rows


def _prior_rows(run: TrialRun) -> list[dict[str, Any]]:
    draws = run.tables["uncertainty"]
    rows = []
    for item in run.summary.prior_predictive:
        known = draws[(draws["ARM"] == item.arm) & draws["LOGHR"].notna()]
        harm = int((known["LOGHR"] > 0).sum())
        rows.append(
            {
                "label": run.summary.labels.get(item.arm, item.arm),
                "summary": item,
                "harm": harm,
                "chance": exact_proportion(harm, len(known)) if len(known) else None,
                "smallest": float(np.exp(known["LOGHR"].min())) if len(known) else None,
                "largest": float(np.exp(known["LOGHR"].max())) if len(known) else None,
                "rewired": int((known["WIRING"] != "default").sum()),
                "undefined": int((draws["ARM"] == item.arm).sum()) - len(known),
                "patients": int(known["NPAT"].median()) if len(known) else 0,
            }
        )
    return rows


def _other_values(run: TrialRun) -> dict[str, float]:
    # Another version may hold other values; a difference then is not a choice of the user.
    if _part(run.manifest.key_parts, "version") != __version__:
        return {}
    packaged = {name: row.value for name, row in load_parameters().items()}
    return readings.values_not_packaged(run.tables["parameters"], packaged)


def _reproduce(other_values: Mapping[str, float]) -> str:
    settings = "".join(f" --set {name}={value!r}" for name, value in other_values.items())
    return f"cxaxis trial run protocol.json{settings} -o again"


def _failures(run: TrialRun) -> dict[str, Any]:
    outcome = run.tables["outcome"]
    failed = outcome[outcome["OUTCOME"] != Outcome.COMPLETED.value]
    shown = failed.sort_values(["USUBJID", "ARM"], kind="stable").head(_MOST_FAILED_SHOWN)
    return {
        "n_run": len(outcome),
        "n_failed": len(failed),
        "n_patients": int(failed["USUBJID"].nunique()),
        "rows": shown.to_dict("records"),
    }


def _parameters(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows = table.sort_values("ID", kind="stable")
    return [
        {str(key).lower(): _cell(value) for key, value in row.items()}
        for row in rows.to_dict("records")
    ]


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return ""
    return words.number(value) if isinstance(value, float) else str(value)


def _status_counts(table: pd.DataFrame) -> list[tuple[str, int, str]]:
    counts = table["STATUS"].value_counts()
    known = [(status, int(counts.get(status, 0)), meaning) for status, meaning in STATUSES.items()]
    others = sorted(set(counts.index) - set(STATUSES))
    return known + [(str(status), int(counts[status]), "") for status in others]
