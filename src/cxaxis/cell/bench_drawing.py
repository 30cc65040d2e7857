"""Figures of an assay: the drawing that suits it, with words, units and caption."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from cxaxis.cell.assays import ASSAYS
from cxaxis.cell.readouts import READOUTS
from cxaxis.knowledge.cell_contexts import load_cell_contexts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from cxaxis.cell.bench import AssayRun
    from cxaxis.figures.cell import DoseCurve


def draw_assay(run: AssayRun) -> Figure:
    """Return the figure of an assay."""
    from cxaxis.figures.cell import course_figure, dose_figure, fold_panel

    assay = ASSAYS[run.assay]
    words = {name: READOUTS[name].words for name in run.table["readout"].unique()}
    caption = caption_of(run)
    if assay.drawing == "panel":
        return fold_panel(run.table, words=words, caption=caption)
    if assay.drawing == "dose" and run.table["cxcl12_nM"].max() > 0:
        return dose_figure(
            run.table,
            words=words,
            caption=caption,
            curves=list(_curves(run)),
            dose_words=f"CXCL12 {'in the lower well ' if assay.id == 'transwell' else ''}(nM)",
        )
    return course_figure(
        run.table, words=words, caption=caption, colour_by=assay.colour, clock=assay.clock
    )


def caption_of(run: AssayRun) -> str:
    """Return the line below a figure: the assay, the cells, the mechanisms and what was set."""
    from cxaxis.cell.bench import wiring_text

    contexts = load_cell_contexts()
    wiring = wiring_text(run.wiring)
    parts = [
        f"{ASSAYS[run.assay].title}; {contexts[run.context].name} ({run.context})",
        "default mechanisms" if wiring == "default" else f"mechanisms: {wiring}",
        *(f"{name} = {value:g}" for name, value in {**run.settings, **run.values}.items()),
    ]
    if run.n_draws:
        parts.append(f"bands: 5 to 95 % of {run.n_draws} draws of the calibrated parameters")
    return f"{'; '.join(parts)}."


def _curves(run: AssayRun) -> Iterator[DoseCurve]:
    from cxaxis.figures.cell import DoseCurve

    doses = run.table["cxcl12_nM"].to_numpy()
    positive = doses[doses > 0]
    fine = np.geomspace(positive.min(), positive.max(), 200)
    for item in run.fits:
        fit = item.hill
        bell = np.isfinite(fit.optimum_nM)
        fitted = np.isfinite(fit.ec50_nM)
        yield DoseCurve(
            readout=item.readout,
            condition=item.condition,
            cxcl12_nM=fine,
            value=fit.at(fine) if fitted else np.full(fine.shape, np.nan),
            mark_nM=fit.optimum_nM if bell else fit.ec50_nM,
            mark_words="most at" if bell else "EC50",
        )
