"""Operating characteristics of a run as one HTML page: no script, no request, same bytes again."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from jinja2 import Environment, FunctionLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from cxaxis._version import __version__
from cxaxis.figures.power import power_against_phi
from cxaxis.figures.ratios import ForestRow, forest
from cxaxis.figures.style import arm_styles
from cxaxis.report.drawings import Drawing, drawing
from cxaxis.report.operating_parts import parts_of

if TYPE_CHECKING:
    import pandas as pd

    from cxaxis.trial.operating_tables import Answers, Question
    from cxaxis.trial.protocol import Protocol

PAGE: Final = "operating.html"


def operating_page(
    found: Answers, question: Question, protocol: Protocol, *, n_pool: int, run_key: str
) -> str:
    """Return the operating characteristics of a run as HTML text.

    Parameters
    ----------
    found, question
        Answers, and what was asked.
    protocol
        Of the run.
    n_pool
        Patients of the run's pool.
    run_key
        Of the run, see `cxaxis.runs.manifest`.
    """
    environment = Environment(
        loader=FunctionLoader(_template),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    parts = [part for part in parts_of(found, question, protocol, n_pool=n_pool) if part.rows]
    return environment.get_template("operating.html").render(
        style=Markup(_template("report.css")),
        svg=Markup,
        title=protocol.title,
        parts=parts,
        notes=found.notes,
        drawings=_drawings(found, question, protocol),
        facts=(
            ("Protocol", protocol.sha256),
            ("Run key", run_key),
            ("End point", question.end_point),
            ("Patients of one trial", str(question.n_patient)),
            ("Patients of the pool", str(n_pool)),
            ("Trials", str(question.n_replicate)),
            ("Seed", str(protocol.seed)),
            ("cxaxis", __version__),
        ),
    )


def _template(name: str) -> str:
    return files("cxaxis.report").joinpath("templates", name).read_text(encoding="utf-8")


def _drawings(found: Answers, question: Question, protocol: Protocol) -> list[Drawing]:
    labels = {arm.id: arm.label for arm in protocol.arms}
    table = found.tables["operating"]
    colours = {style.arm: style.colour for style in arm_styles(labels, control=protocol.control)}
    rows = [_forest_row(row, labels, colours) for row in table.to_dict("records")]
    drawn = [
        drawing(
            forest(rows),
            name="replicates",
            title="Hazard ratios that single trials would report",
            description=f"{question.n_replicate} trials of {question.n_patient} patients.",
            caption=(
                f"{question.end_point}: hazard ratio that a trial of {question.n_patient} patients "
                f"would report. Mark: median of {question.n_replicate} trials; line: 95 % of them."
            ),
        )
    ]
    by_phi = found.tables["power_by_phi"]
    if by_phi["PHI"].nunique() >= 2:
        drawn.append(_power_drawing(by_phi, question, labels, protocol.control))
    return drawn


def _forest_row(
    row: Mapping[Any, Any], labels: Mapping[str, str], colours: Mapping[str, str]
) -> ForestRow:
    arm = str(row["ARM"])
    middle, low, high = (float(row[name]) for name in ("HRMED", "HRLOW", "HRHIGH"))
    if not np.isfinite([middle, low, high]).all():
        return ForestRow(label=labels[arm], colour=colours[arm])
    return ForestRow(label=labels[arm], hr=middle, low=low, high=high, colour=colours[arm])


def _power_drawing(
    table: pd.DataFrame, question: Question, labels: Mapping[str, str], control: str
) -> Drawing:
    axes = power_against_phi(table, arm_styles(labels, control=control)[1:], alpha=question.alpha)
    return drawing(
        axes,
        name="power",
        title="Power against the causal share",
        description=f"A trial of {question.n_planned} patients at the causal shares of the run.",
        caption=(
            f"Chance that a trial of {question.n_planned} patients in both arms rejects in favour "
            "of the arm, deaths, by Schoenfeld's formula; band: at the 95 % limits of the ratio in "
            "the pool. Dotted line: without effect."
        ),
    )
