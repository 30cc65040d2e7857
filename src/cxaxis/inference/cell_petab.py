"""The calibration of the cell as a PEtab problem (version 2), written from the house tables.

The model is the generated SBML file of the cell, to which the problem file points. Every
experiment rests for days before time 0, as cells on the virtual bench do; a kind of cell is a
condition of that rest, an addition of ligand a condition of what follows. Values are in the
units of the model: seconds and nM.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

from cxaxis.cell.course import REST_S, dish
from cxaxis.cell.observations import ASSAY_MEDIUM, BEGINS_AT_ZERO
from cxaxis.knowledge.cell_contexts import load_cell_contexts
from cxaxis.knowledge.cell_fit import CellFit, Point, load_cell_fit
from cxaxis.knowledge.parameters import Parameters, load_parameters
from cxaxis.models.build import Model, load_model

PROBLEM_FILE: Final = "problem.yaml"
BOUND_SD: Final = 3.0
"""Standard deviations of the prior at which the search ends."""
SCALE_BOUNDS: Final = (1e-6, 1e6)
"""Bounds of the free factor of an assay in arbitrary units; it has no prior."""
NOISE_PLACEHOLDER: Final = "noise_sd"
_MINUTE_S: Final = 60.0


def generated_folder() -> Path:
    """Return the folder of what the calibration writes."""
    return Path(str(resources.files("cxaxis.inference"))) / "generated"


def problem_file() -> Path:
    """Return the problem file that ships with the package."""
    return generated_folder() / "cell_petab" / PROBLEM_FILE


def scale_id(readout: str) -> str:
    """Return the id of the free factor of a read-out in arbitrary units."""
    return f"scale_{readout}"


def observable_id(readout: str) -> str:
    """Return the PEtab id of a read-out; a species of the model may have the short name."""
    return f"observed_{readout}"


@dataclass(frozen=True, kw_only=True)
class _Experiment:
    """What all points of one experiment share."""

    context: str
    setting: tuple[tuple[str, float], ...]
    cxcl12_nM: float

    @property
    def since_rest(self) -> dict[str, float]:
        return {name: value for name, value in self.setting if name not in BEGINS_AT_ZERO}

    @property
    def from_zero(self) -> dict[str, float]:
        later = {name: value for name, value in self.setting if name in BEGINS_AT_ZERO}
        return {**ASSAY_MEDIUM, **later}

    @property
    def rest_condition(self) -> str:
        return _slug("rest", self.since_rest)

    @property
    def begin_condition(self) -> str:
        later = {k: v for k, v in self.from_zero.items() if k not in ASSAY_MEDIUM}
        return _slug("begin", {**later, "cxcl12": self.cxcl12_nM})

    @property
    def id(self) -> str:
        return _slug(self.context, {**dict(self.setting), "cxcl12": self.cxcl12_nM})


def problem_texts(
    fit: CellFit | None = None,
    *,
    parameters: Parameters | None = None,
    nominal: Mapping[str, float] | None = None,
    scales: Mapping[str, float] | None = None,
    model_file: str = "../../../models/generated/cell.xml",
) -> dict[str, str]:
    """Return the text of every file of the problem by its name.

    Parameters
    ----------
    fit
        Read-outs, points and priors; the packaged tables by default.
    parameters
        Rows that give unit, spread and, where nothing else is said, the nominal value.
    nominal
        Nominal value of parameters, in the unit of their row.
    scales
        Nominal value of the free factors, by read-out; 1 where nothing is said.
    model_file
        Where the SBML file lies, from the folder of the problem.
    """
    tables = load_cell_fit() if fit is None else fit
    rows = load_parameters() if parameters is None else parameters
    model = load_model("cell")
    experiments = {point.id: _experiment_of(point) for point in tables.points.values()}
    unique = sorted(set(experiments.values()), key=lambda item: item.id)
    return {
        PROBLEM_FILE: _problem_yaml(model_file),
        "parameters.tsv": _parameters_tsv(tables, rows, model, nominal or {}, scales or {}),
        "conditions.tsv": _conditions_tsv(unique),
        "experiments.tsv": _experiments_tsv(unique),
        "observables.tsv": _observables_tsv(tables),
        "measurements.tsv": _measurements_tsv(tables, experiments),
    }


def write_problem(folder: Path, texts: Mapping[str, str]) -> Path:
    """Write the files of a problem into a folder; return the path of its problem file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder / PROBLEM_FILE


def model_value(model: Model, row: str, value: float) -> float:
    """Return a tabled value in the unit of the model.

    Parameters
    ----------
    model
        The cell model.
    row
        Parameter that one constant of the model takes its value from.
    value
        In the unit of the parameter table.
    """
    (constant,) = model.constants_of(row)
    return value * model.factors[constant]


def _experiment_of(point: Point) -> _Experiment:
    return _Experiment(
        context=point.context,
        setting=tuple(sorted(point.setting.items())),
        cxcl12_nM=point.cxcl12_nM,
    )


def _slug(start: str, values: Mapping[str, float]) -> str:
    parts = [f"{name}_{value:g}" for name, value in values.items()]
    text = "__".join([start, *parts])
    return text.replace(".", "p").replace("-", "m").replace("+", "")


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    return "".join("\t".join(cells) + "\n" for cells in (header, *rows))


def _number(value: float) -> str:
    return f"{value:.12g}"


def _problem_yaml(model_file: str) -> str:
    lines = ["format_version: 2.0.0", "id: cell_calibration", "model_files:", "  cell:"]
    lines += [f"    location: {model_file}", "    language: sbml"]
    for kind in ("parameter", "condition", "experiment", "observable", "measurement"):
        lines += [f"{kind}_files:", f"  - {kind}s.tsv"]
    return "\n".join(lines) + "\n"


def _parameters_tsv(
    tables: CellFit,
    rows: Parameters,
    model: Model,
    nominal: Mapping[str, float],
    scales: Mapping[str, float],
) -> str:
    lines = []
    for name, prior in tables.priors.items():
        (constant,) = model.constants_of(name)
        median = model_value(model, name, prior.median)
        spread = rows[name].widened_spread
        low, high = (median * math.exp(side * BOUND_SD * spread) for side in (-1.0, 1.0))
        now = model_value(model, name, nominal.get(name, rows[name].value))
        numbers = [_number(value) for value in (low, high, now)]
        prior_cells = ["log-normal", f"{_number(math.log(median))};{_number(spread)}"]
        lines.append([constant, *numbers, "true", *prior_cells])
    for readout in tables.readouts.values():
        if readout.scaled:
            numbers = [_number(v) for v in (*SCALE_BOUNDS, scales.get(readout.id, 1.0))]
            lines.append([scale_id(readout.id), *numbers, "true", "", ""])
    header = ["parameterId", "lowerBound", "upperBound", "nominalValue", "estimate"]
    return _table([*header, "priorDistribution", "priorParameters"], lines)


def _conditions_tsv(experiments: Iterable[_Experiment]) -> str:
    contexts = load_cell_contexts()
    changes: dict[str, dict[str, str]] = {}
    for item in experiments:
        cells = dish(contexts[item.context]).values
        changes[f"cells_{item.context}"] = {k: _number(v) for k, v in cells.items()}
        if item.since_rest:
            changes[item.rest_condition] = {k: _number(v) for k, v in item.since_rest.items()}
        begin = {name: _number(value) for name, value in item.from_zero.items()}
        if item.cxcl12_nM:
            begin["cxcl12"] = f"cxcl12 + {_number(item.cxcl12_nM)}"
        changes[item.begin_condition] = begin
    rows = [
        [condition, target, value]
        for condition in sorted(changes)
        for target, value in changes[condition].items()
    ]
    return _table(["conditionId", "targetId", "targetValue"], rows)


def _experiments_tsv(experiments: Iterable[_Experiment]) -> str:
    rows = []
    for item in experiments:
        resting = [f"cells_{item.context}"]
        if item.since_rest:
            resting.append(item.rest_condition)
        rows += [[item.id, _number(-REST_S), condition] for condition in resting]
        rows.append([item.id, "0", item.begin_condition])
    return _table(["experimentId", "time", "conditionId"], rows)


def _observables_tsv(tables: CellFit) -> str:
    header = ["observableId", "observableName", "observableFormula", "noiseFormula"]
    rows = []
    for item in tables.readouts.values():
        formula = f"{scale_id(item.id)} * ({item.formula})" if item.scaled else item.formula
        rows.append(
            [
                *(observable_id(item.id), item.note, formula, NOISE_PLACEHOLDER),
                *(item.noise, NOISE_PLACEHOLDER),
            ]
        )
    return _table([*header, "noiseDistribution", "noisePlaceholders"], rows)


def _measurements_tsv(tables: CellFit, experiments: Mapping[str, _Experiment]) -> str:
    rows = [
        [
            observable_id(point.readout),
            experiments[point.id].id,
            _number(point.time_min * _MINUTE_S),
            _number(point.value),
            _number(point.sd),
            point.id,
        ]
        for point in tables.points.values()
    ]
    header = ["observableId", "experimentId", "time", "measurement", "noiseParameters"]
    return _table([*header, "datasetId"], rows)
