"""A small calibration problem of ACKR3 alone, quick to evaluate."""

from pathlib import Path

from cxaxis.inference.cell_petab import problem_file, problem_texts, write_problem
from cxaxis.inference.objective import Objective, load_objective
from cxaxis.knowledge.cell_fit import CellFit, load_cell_fit

FREE = ("kd_arrestin_ackr3", "kd_arrestin_cxcl12_ackr3", "k_recycle_late_ackr3")
READOUT = "arrestin_ackr3_signal"


def small_tables() -> CellFit:
    whole = load_cell_fit()
    return CellFit(
        readouts={READOUT: whole.readouts[READOUT]},
        points={k: v for k, v in whole.points.items() if v.readout == READOUT},
        priors={name: whole.priors[name] for name in FREE},
    )


def small_problem(folder: Path) -> Objective:
    model = problem_file().parents[3] / "models" / "generated" / "cell.xml"
    return load_objective(
        write_problem(folder, problem_texts(small_tables(), model_file=str(model)))
    )
