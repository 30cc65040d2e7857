"""Figures of an assay: the drawing that suits it, with words, units and caption."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from cxaxis.cell.assays import ASSAYS, CONTROL
from cxaxis.cell.dose_fits import CXCL12, DRUG
from cxaxis.cell.readouts import READOUTS
from cxaxis.knowledge.antagonist_classes import antagonist_class
from cxaxis.knowledge.cell_contexts import load_cell_contexts

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from cxaxis.cell.bench import AssayRun
    from cxaxis.figures.cell import DoseCurve


def draw_assay(run: AssayRun) -> Figure:
    """Return the figure of an assay."""
    from cxaxis.figures.cell import course_figure, dose_figure, fold_panel

    assay = ASSAYS[run.assay]
    along = next((item.along for item in run.fits), CXCL12)
    table = _drawn(run, along)
    words = {name: READOUTS[name].words for name in run.table["readout"].unique()}
    caption = caption_of(run)
    if assay.drawing == "panel":
        return fold_panel(table, words=words, caption=caption)
    if assay.drawing == "dose" and table[CXCL12].max() > 0:
        where = "in the lower well " if assay.id == "transwell" else ""
        return dose_figure(
            table,
            words=words,
            caption=caption,
            curves=list(_curves(run)),
            dose_words=f"CXCL12 {where}(nM)" if along == CXCL12 else f"{_drug_words(run)} (nM)",
        )
    return course_figure(
        table, words=words, caption=caption, colour_by=assay.colour, clock=assay.clock
    )


def _drawn(run: AssayRun, along: str) -> pd.DataFrame:
    """Return the table with what the drawing tells apart: conditions, with the dose of a drug."""
    if run.drug is None:
        return run.table
    if along == DRUG:
        table = run.table.assign(**{CXCL12: run.table[DRUG]})
        return table.assign(condition=_told(run.table["condition"], run.table[CXCL12], "CXCL12"))
    if run.table[DRUG].nunique() == 1:
        return run.table
    return run.table.assign(condition=_told(run.table["condition"], run.table[DRUG], "drug"))


def _told(conditions: Iterable[str], doses_nM: Iterable[float], what: str) -> list[str]:
    return [_name(c, dose, what) for c, dose in zip(conditions, doses_nM, strict=True)]


def _name(condition: str, dose_nM: float, what: str) -> str:
    dose = f"{dose_nM:g} nM {what}"
    return dose if condition == CONTROL else f"{condition}, {dose}"


def _drug_words(run: AssayRun) -> str:
    return antagonist_class(run.drug).name if run.drug else ""


def caption_of(run: AssayRun) -> str:
    """Return the line below a figure: the assay, the cells, the mechanisms and what was set."""
    from cxaxis.cell.bench import wiring_text

    contexts = load_cell_contexts()
    wiring = wiring_text(run.wiring)
    parts = [
        f"{ASSAYS[run.assay].title}; {contexts[run.context].name} ({run.context})",
        "default mechanisms" if wiring == "default" else f"mechanisms: {wiring}",
    ]
    if run.drug is not None:
        doses = ", ".join(f"{dose:g}" for dose in sorted(run.table[DRUG].unique()))
        parts.append(f"{_drug_words(run)} ({run.drug}) at {doses} nM from an hour before CXCL12")
    parts += [f"{name} = {value:g}" for name, value in {**run.settings, **run.values}.items()]
    if run.n_draws:
        parts.append(f"bands: 5 to 95 % of {run.n_draws} draws of the calibrated parameters")
    return f"{'; '.join(parts)}."


def _curves(run: AssayRun) -> Iterator[DoseCurve]:
    from cxaxis.figures.cell import DoseCurve

    several = run.drug is not None and run.table[DRUG].nunique() > 1
    for item in run.fits:
        doses = run.table[item.along].to_numpy()
        positive = doses[doses > 0]
        fine = np.geomspace(positive.min(), positive.max(), 200)
        what = "drug" if item.along == CXCL12 else "CXCL12"
        fit = item.hill
        bell = np.isfinite(fit.optimum_nM)
        fitted = np.isfinite(fit.ec50_nM)
        yield DoseCurve(
            readout=item.readout,
            condition=_name(item.condition, item.beside_nM, what) if several else item.condition,
            cxcl12_nM=fine,
            value=fit.at(fine) if fitted else np.full(fine.shape, np.nan),
            mark_nM=fit.optimum_nM if bell else fit.ec50_nM,
            mark_words="most at" if bell else "EC50" if item.along == CXCL12 else "half at",
        )
