"""What was seen of such cells, read off the model as it was read off the assay.

Each row of ``cell_observations.tsv`` names an experiment (kind of cell, ligand, what holds since
rest) and a feature of its course. Here the experiments are run, each once however many rows it
serves, and the features are read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import numpy as np

from cxaxis.cell.course import CellCourse, Dish, Phase, dish, run_phases
from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import SimulationFailedError
from cxaxis.knowledge.cell_contexts import cell_context
from cxaxis.knowledge.cell_observations import CellObservation

DishOf = Callable[[str], Dish]

# Seconds: fine while calcium and Rac1 move, then every half minute of an hour and a half.
SECONDS: Final = np.concatenate([np.arange(0.0, 180.0, 2.0), np.arange(180.0, 5401.0, 30.0)])
DOSES_NM: Final = (0.03, 0.1, 0.3, 1.0, 2.0, 4.6, 10.0, 20.0, 42.0, 125.0)
MIGRATION_DOSES_NM: Final = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
THRESHOLD_MINUTE: Final = 40.0
THRESHOLD_RISE: Final = 0.5
"""A signal is told from rest when it stands by half of rest above it within 40 minutes."""
# Fresh medium without serum holds no proteases.
ASSAY_MEDIUM: Final[Mapping[str, float]] = MappingProxyType({"k_loss_cxcl12": 0.0})
BEGINS_AT_ZERO: Final = frozenset({"oxygen", "k_translate"})
"""Settings that begin with the experiment; every other holds since rest."""
_MINUTE = 60.0
_LEAST_ANSWER: Final = 0.002
"""What counts as an answer at all, as a share of the scale of the output."""
_SCALES: Final[Mapping[str, float]] = MappingProxyType(
    {"calcium_free": 500.0, "camp": 500.0, "migration_speed*chemotactic_bias": 5e-9}
)


def tabled_dish(context: str) -> Dish:
    """Return a dish of a kind of cell at the tabled parameters."""
    return dish(cell_context(context))


def measure(
    dish_of: DishOf, rows: Iterable[CellObservation], *, control: bool = False
) -> dict[str, float]:
    """Return each observation as the model has it, by id of the row, in the unit of the row.

    Parameters
    ----------
    dish_of
        Makes a dish of a kind of cell; its parameters may have any values.
    rows
        Observations; experiments that they share are run once.
    control
        Whether each is measured on cells from which its control has taken a part.

    Returns
    -------
    dict
        NaN where there is no answer whose time, shape or dose could be read.
    """
    bench = _Bench(dish_of=dish_of)
    return {row.id: _measured(bench, row, control=control) for row in rows}


def is_inside(row: CellObservation, value: float) -> bool:
    """Return whether a measured value lies in the range of its row; NaN does not."""
    return row.low <= value <= row.high


@dataclass(frozen=True, kw_only=True)
class _Bench:
    """Experiments that were run already."""

    dish_of: DishOf
    _dishes: dict[tuple[object, ...], Dish] = field(default_factory=dict)
    _courses: dict[tuple[object, ...], CellCourse] = field(default_factory=dict)

    def cells(self, context: str, changes: Mapping[str, float]) -> Dish:
        key = (context, *sorted(changes.items()))
        if key not in self._dishes:
            plain = self._dishes.get((context,)) or self.dish_of(context)
            self._dishes[(context,)] = plain
            self._dishes[key] = plain.changed(**changes) if changes else plain
        return self._dishes[key]

    def course(
        self, context: str, changes: Mapping[str, float], phases: tuple[Phase, ...]
    ) -> CellCourse:
        settled = tuple(
            (p.times_s, *sorted(p.add_nM.items()), "|", *sorted(p.settings.items())) for p in phases
        )
        key = (context, tuple(sorted(changes.items())), settled)
        if key not in self._courses:
            cells = self.cells(context, changes)
            self._courses[key] = run_phases(cells, phases, _outputs(cells))
        return self._courses[key]


@dataclass(frozen=True, kw_only=True)
class _Trial:
    """One row and the cells it is read on."""

    bench: _Bench
    row: CellObservation
    control: Mapping[str, float]

    def after(
        self,
        dose_nM: float,
        *,
        setting: Mapping[str, float] | None = None,
        context: str = "",
        times_s: Sequence[float] | FloatArray = SECONDS,
    ) -> CellCourse:
        """Return the course after ligand in cells that rested under the setting."""
        stated = self.row.setting if setting is None else setting
        held = {name: value for name, value in stated.items() if name not in BEGINS_AT_ZERO}
        later = {name: value for name, value in stated.items() if name in BEGINS_AT_ZERO}
        phase = Phase(
            times_s=tuple(float(t) for t in times_s),
            add_nM={"cxcl12": dose_nM} if dose_nM else {},
            settings={**ASSAY_MEDIUM, **later},
        )
        cells = {**held, **self.control}
        return self.bench.course(context or self.row.context, cells, (phase,))

    def values(self, dose_nM: float, *, setting: Mapping[str, float] | None = None) -> FloatArray:
        return _read(self.after(dose_nM, setting=setting), self.row.output)

    @property
    def dose_nM(self) -> float:
        return self.row.dose_nM or 0.0

    def rise(self, *, setting: Mapping[str, float] | None = None) -> FloatArray:
        return _rise(self.values(self.dose_nM, setting=setting))

    @property
    def least(self) -> float:
        return _LEAST_ANSWER * _SCALES.get(self.row.output, 1.0)


def _measured(bench: _Bench, row: CellObservation, *, control: bool = False) -> float:
    """Return one observation in the unit of its row, NaN where nothing can be read."""
    trial = _Trial(bench=bench, row=row, control=row.control if control else {})
    try:
        return float(FEATURES[row.feature](trial))
    except SimulationFailedError:
        return math.nan


def _outputs(cells: Dish) -> tuple[str, ...]:
    return tuple(name for name in OUTPUTS if name in cells.model.units)


OUTPUTS: Final = (
    *("arrestin_cxcr4", "arrestin_ackr3", "cxcr4_surface", "ackr3_surface", "cxcr4_total"),
    *("ackr3_total", "cxcr4_active", "gi_gtp", "camp", "calcium_free", "erk_share", "akt_share"),
    *("stat3_share", "src_active", "fak_active", "pyk2_active", "rac1_gtp", "cdc42_gtp"),
    *("rhoa_gtp", "p38_active", "jnk_active", "cxcl12", "cxcr4_message", "jak2_active"),
    *("migration_speed", "chemotactic_bias"),
)


def _read(course: CellCourse, output: str) -> FloatArray:
    """Return an output, or the product of several written with ``*`` between."""
    parts = [course.of(name) for name in output.split("*")]
    return np.asarray(math.prod(parts), dtype=np.float64)


def _at(values: FloatArray, minute: float, clock: FloatArray = SECONDS) -> float:
    return float(np.interp(minute * _MINUTE, clock, values))


def _peak(rise: FloatArray) -> tuple[float, float]:
    """Return the largest departure from rest and its time (s), between grid points."""
    place = int(np.abs(rise).argmax())
    if place in (0, rise.size - 1):
        return float(rise[place]), float(SECONDS[place])
    around = slice(place - 1, place + 2)
    return float(rise[place]), _summit(SECONDS[around], rise[around])


def _summit(x: FloatArray, y: FloatArray) -> float:
    """Return where the parabola through three points has its summit, between the outer two."""
    bend, slope, _ = np.polyfit(x - x[1], y, 2)
    shift = 0.0 if bend == 0 else -slope / (2 * bend)
    return float(x[1] + np.clip(shift, x[0] - x[1], x[2] - x[1]))


def _peak_time(trial: _Trial) -> float:
    height, second = _peak(trial.rise())
    if abs(height) < trial.least:
        return math.nan
    return second / (_MINUTE if trial.row.unit == "min" else 1.0)


def _peak_rise(trial: _Trial) -> float:
    return _peak(trial.rise())[0]


def _peak_fold(trial: _Trial) -> float:
    values = trial.values(trial.dose_nM)
    return float(values.max() / values[0]) if values[0] > 0 else math.nan


def _fold_at(trial: _Trial) -> float:
    values = trial.values(trial.dose_nM)
    return _at(values, trial.row.minutes[0]) / values[0] if values[0] > 0 else math.nan


def _share_of_peak_at(trial: _Trial) -> float:
    """Signal over its highest, rest included."""
    values = trial.values(trial.dose_nM)
    return _at(values, trial.row.minutes[0]) / values.max() if values.max() > 0 else math.nan


def _rise_left_at(trial: _Trial) -> float:
    """Departure from rest over its largest; also the worst of several minutes."""
    rise = trial.rise()
    height = _peak(rise)[0]
    if abs(height) < trial.least:
        return math.nan
    return max(_at(rise, minute) / height for minute in trial.row.minutes)


def _later_over_earlier(trial: _Trial) -> float:
    values = trial.values(trial.dose_nM)
    early, late = (_at(values, minute) for minute in trial.row.minutes)
    return late / early if early > 0 else math.nan


def _largest_swing(trial: _Trial) -> float:
    values = trial.values(trial.dose_nM)
    return float(np.abs(values / values[0] - 1.0).max())


def _threshold(trial: _Trial) -> float:
    """Dose (nM) at which the signal is told from rest; doses in between on a log scale."""
    folds = []
    for dose in DOSES_NM:
        values = trial.values(dose)[SECONDS <= THRESHOLD_MINUTE * _MINUTE]
        if values[0] <= 0:
            return math.nan
        folds.append(values.max() / values[0])
    return _dose_reaching(1.0 + THRESHOLD_RISE, folds)


def _half_dose(trial: _Trial) -> float:
    """Dose (nM) of half the answer to the largest dose; the answer is the peak."""
    answers = [abs(_peak(_rise(trial.values(dose)))[0]) for dose in DOSES_NM]
    if answers[-1] < trial.least:
        return math.nan
    return _dose_reaching(0.5 * answers[-1], answers)


def _fall(trial: _Trial, dose: float) -> float:
    minute = trial.row.minutes[0]
    vehicle = _at(trial.values(0.0), minute)
    return 1.0 - _at(trial.values(dose), minute) / vehicle


def _fall_at(trial: _Trial) -> float:
    """Fall below the same cells without ligand at the same minute."""
    return _fall(trial, trial.dose_nM)


def _fall_half_dose(trial: _Trial) -> float:
    falls = [_fall(trial, dose) for dose in DOSES_NM]
    return _dose_reaching(0.5 * falls[-1], falls) if falls[-1] > 0.01 else math.nan


def _peak_ratio_under(trial: _Trial) -> float:
    """Peak under the setting over the peak without it."""
    plain = _peak(trial.rise(setting={}))[0]
    return _peak(trial.rise())[0] / plain if abs(plain) >= trial.least else math.nan


def _rise_ratio_at_under(trial: _Trial) -> float:
    minute = trial.row.minutes[0]
    plain = _at(trial.rise(setting={}), minute)
    return _at(trial.rise(), minute) / plain if abs(plain) >= trial.least else math.nan


def _peak_over_context(trial: _Trial) -> float:
    """Peak over that of the cells named in the setting."""
    return _compared(trial, lambda values: abs(_peak(_rise(values))[0]))


def _highest_over_context(trial: _Trial) -> float:
    """Highest signal relative to its rest over that of the other cells."""
    return _compared(trial, lambda v: float(v.max() / v[0]) if v[0] > 0 else math.nan)


def _level_over_context_at(trial: _Trial) -> float:
    """Signal at a minute over that of the other cells."""
    return _compared(trial, lambda values: _at(values, trial.row.minutes[0]))


def _compared(trial: _Trial, feature: Callable[[FloatArray], float]) -> float:
    base = trial.after(trial.dose_nM, context=trial.row.against)
    plain = feature(_read(base, trial.row.output))
    return feature(trial.values(trial.dose_nM)) / plain if plain > 0 else math.nan


def _left_in_medium_at(trial: _Trial) -> float:
    """Ligand left in the medium over what was added."""
    return _at(trial.values(trial.dose_nM), trial.row.minutes[0]) / trial.dose_nM


def _half_life(values: FloatArray, minute: float) -> float:
    """Return minutes; NaN where less than a hundredth is gone by then."""
    left = _at(values, minute) / float(values[0])
    return math.log(2.0) * minute / -math.log(left) if 0.0 < left < 0.99 else math.nan


def _half_life_ratio_under(trial: _Trial) -> float:
    """Half-life of the ligand in the medium under the setting over that without it."""
    minute = trial.row.minutes[0]
    plain = _half_life(trial.values(trial.dose_nM, setting={}), minute)
    return _half_life(trial.values(trial.dose_nM), minute) / plain


def _clearance_exponent(trial: _Trial) -> float:
    """Power of the dose with which the amount cleared rises, over one decade of dose."""
    minute, dose = trial.row.minutes[0], trial.dose_nM
    cleared = [d - _at(trial.values(d), minute) for d in (dose, 10.0 * dose)]
    return math.log10(cleared[1] / cleared[0]) if min(cleared) > 0 else math.nan


def _fold_after(trial: _Trial) -> float:
    """Level some time after the experiment begins over the level at rest."""
    end = trial.row.minutes[0] * _MINUTE
    values = _read(trial.after(trial.dose_nM, times_s=(0.0, end)), trial.row.output)
    return float(values[-1] / values[0]) if values[0] > 0 else math.nan


def _second_peak_ratio(trial: _Trial) -> float:
    """Peak after a second, equal addition over the first peak."""
    wait = trial.row.minutes[0] * _MINUTE
    first = Phase(
        times_s=tuple(np.arange(0.0, wait + 1.0, 5.0).tolist()),
        add_nM={"cxcl12": trial.dose_nM},
        settings=dict(ASSAY_MEDIUM),
    )
    second = Phase(times_s=tuple(np.arange(0.0, 301.0, 5.0)), add_nM={"cxcl12": trial.dose_nM})
    course = trial.bench.course(
        trial.row.context, {**trial.row.setting, **trial.control}, (first, second)
    )
    values = _read(course, trial.row.output)
    n = len(first.times_s)
    heights = [float(part.max() - part[0]) for part in (values[:n], values[n:])]
    return heights[1] / heights[0] if heights[0] >= trial.least else math.nan


def _optimum_dose(trial: _Trial) -> float:
    """Dose (nM) of the largest answer at a minute; NaN if it lies at either end or is none."""
    clock = (0.0, trial.row.minutes[0] * _MINUTE)
    answers = np.array(
        [
            _read(trial.after(dose, times_s=clock), trial.row.output)[-1]
            for dose in MIGRATION_DOSES_NM
        ]
    )
    place, ends = int(answers.argmax()), answers[[0, -1]].max()
    if place in (0, answers.size - 1) or answers[place] < max(trial.least, 1.05 * ends):
        return math.nan
    around = slice(place - 1, place + 2)
    return math.exp(_summit(np.log(MIGRATION_DOSES_NM[around]), answers[around]))


def _rise(values: FloatArray) -> FloatArray:
    return np.asarray(values - values[0], dtype=np.float64)


def _dose_reaching(level: float, answers: Sequence[float]) -> float:
    """Return the first dose whose answer reaches a level, by interpolation; NaN if none."""
    logs = np.log(DOSES_NM)
    for i, answer in enumerate(answers):
        if answer >= level:
            if i == 0:
                return float(DOSES_NM[0])
            part = (level - answers[i - 1]) / (answer - answers[i - 1])
            return float(np.exp(logs[i - 1] + part * (logs[i] - logs[i - 1])))
    return math.nan


FEATURES: Final[Mapping[str, Callable[[_Trial], float]]] = MappingProxyType(
    {
        "peak_time": _peak_time,
        "peak_rise": _peak_rise,
        "peak_fold": _peak_fold,
        "fold_at": _fold_at,
        "share_of_peak_at": _share_of_peak_at,
        "rise_left_at": _rise_left_at,
        "later_over_earlier": _later_over_earlier,
        "largest_swing": _largest_swing,
        "threshold": _threshold,
        "half_dose": _half_dose,
        "fall_at": _fall_at,
        "fall_half_dose": _fall_half_dose,
        "peak_ratio_under": _peak_ratio_under,
        "rise_ratio_at_under": _rise_ratio_at_under,
        "peak_over_context": _peak_over_context,
        "highest_over_context": _highest_over_context,
        "level_over_context_at": _level_over_context_at,
        "left_in_medium_at": _left_in_medium_at,
        "half_life_ratio_under": _half_life_ratio_under,
        "clearance_exponent": _clearance_exponent,
        "fold_after": _fold_after,
        "second_peak_ratio": _second_peak_ratio,
        "optimum_dose": _optimum_dose,
    }
)
