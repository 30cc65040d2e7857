"""Experiments in mice: arms of grafts, volumes by calipers, ratios to control (C116).

How a graft and its mouse are set up stands in `cxaxis.patient.grafts`. `run_xenograft` is an
experiment as it is done, every mouse in one arm; `drawn_ratios` compares twins without calipers
over draws of what is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from cxaxis.core.arrays import FloatArray
from cxaxis.core.errors import ModelValueError
from cxaxis.core.ids import did_you_mean
from cxaxis.core.streams import rng_for
from cxaxis.core.units import conversion_factor
from cxaxis.engine.doses import Dose, DoseTable
from cxaxis.engine.protocol import Engine, ParameterTable, Tolerances
from cxaxis.knowledge.drug_records import Drug
from cxaxis.knowledge.parameters import Parameter, load_parameters
from cxaxis.models.agents import rows_of_agent, slot_of
from cxaxis.models.build import Model
from cxaxis.patient.course import PATIENT_TOLERANCES
from cxaxis.patient.grafts import (
    NUDE,
    VOLUME,
    Line,
    Theta,
    converted,
    last_reading,
    moved,
    reading_days,
    settled_grafts,
    stacked,
    volumes_mm3,
    with_cxcr4,
)
from cxaxis.stats.bootstrap import BootstrapInterval, resampled_patients

if TYPE_CHECKING:
    import pandas as pd

N_BOOT: Final = 2000
_TOLERANCES: Final = PATIENT_TOLERANCES


@dataclass(frozen=True, kw_only=True)
class XenograftArm:
    """One arm of an experiment in mice.

    Attributes
    ----------
    id
        Name of the arm; the mice of an arm belong to it and the seed.
    residual_cxcr4
        Share of CXCR4 that the cells grafted have left, 0 to 1.
    drug
        A drug at CXCR4, or None.
    dose_mg_per_kg
        Each dose under the skin, mg/kg, non-negative.
    every_day
        Days between doses, positive.
    """

    id: str
    residual_cxcr4: float = 1.0
    drug: Drug | None = None
    dose_mg_per_kg: float = 0.0
    every_day: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what no experiment can have.

        Raises
        ------
        ModelValueError
            For a share outside 0 to 1, a negative dose, an interval that is not positive, or a
            dose of no drug.
        """
        if not 0.0 <= self.residual_cxcr4 <= 1.0:
            msg = f"arm {self.id}: residual_cxcr4 must lie in 0 to 1, got {self.residual_cxcr4}."
            raise ModelValueError(msg)
        if not (self.dose_mg_per_kg >= 0.0 and self.every_day > 0.0):
            msg = (
                f"arm {self.id}: dose_mg_per_kg must not be negative and every_day be positive, "
                f"got {self.dose_mg_per_kg} and {self.every_day}."
            )
            raise ModelValueError(msg)
        if self.dose_mg_per_kg > 0 and (self.drug is None or slot_of(self.drug) != "antagonist"):
            given = "none" if self.drug is None else self.drug.id
            msg = f"arm {self.id}: dose_mg_per_kg needs a drug that binds CXCR4, got {given}."
            raise ModelValueError(msg)


CONTROL: Final = XenograftArm(id="control")


def standard_arms(theta: Theta, plerixafor: Drug) -> tuple[XenograftArm, ...]:
    """Return control, CXCR4 short hairpin RNA and AMD3100, as `theta` has them."""
    return (
        CONTROL,
        XenograftArm(id="shrna", residual_cxcr4=theta["xenograft_residual_cxcr4"]),
        XenograftArm(
            id="amd3100",
            drug=plerixafor,
            dose_mg_per_kg=theta["xenograft_plerixafor_dose"],
        ),
    )


def arm_columns(
    arm: XenograftArm,
    model: Model,
    thetas: Sequence[Theta],
    parameters: Mapping[str, Parameter],
) -> dict[str, FloatArray]:
    """Return what the drug of an arm sets in the model, shape ``(n_theta,)`` each."""
    if arm.drug is None:
        return {}
    return {
        constant: np.array([theta[row] for theta in thetas])
        * converted(row, model.units[constant], parameters)
        for constant, row in rows_of_agent(arm.drug, model.bindings, parameters).items()
    }


def arm_doses(
    arm: XenograftArm, weight_kg: FloatArray, *, start_day: float, end_day: float, first_row: int
) -> tuple[Dose, ...]:
    """Return the doses of an arm, one mouse per weight, in rows from `first_row` on.

    Raises
    ------
    ModelValueError
        If the drug has no molar mass or is not given under the skin.
    """
    if arm.drug is None or arm.dose_mg_per_kg == 0:
        return ()
    target = arm.drug.target.get("subcutaneous")
    if target is None or arm.drug.molar_mass is None:
        msg = f"arm {arm.id}: {arm.drug.id} has no subcutaneous route or no molar mass."
        raise ModelValueError(msg)
    grams = arm.dose_mg_per_kg * weight_kg * conversion_factor("milligram", "gram")
    nmol = grams / arm.drug.molar_mass.g_per_mol * conversion_factor("mole", "nanomole")
    return tuple(
        Dose(patient=first_row + i, time=float(day), target=target, amount=float(amount))
        for i, amount in enumerate(nmol)
        for day in np.arange(start_day, end_day, arm.every_day)
    )


def _mouse_value(
    row: Parameter, centre: float, arm: str, mice: Sequence[int], seed: int
) -> FloatArray:
    """Return a row's value in each mouse of an arm, shape ``(n_mice,)``."""
    eta = np.array([rng_for(seed, "xenograft", arm, i, row.id).standard_normal() for i in mice])
    return moved(row.scale, centre, row.omega * eta)


def _place_of(arm: str, arms: Sequence[str]) -> int:
    """Return the place of an arm, or raise `ModelValueError` with the nearest name."""
    if arm not in arms:
        msg = f"no arm {arm!r}. {did_you_mean(arm, arms)}"
        raise ModelValueError(msg)
    return arms.index(arm)


@dataclass(frozen=True, kw_only=True)
class XenograftResult:
    """An experiment in mice, every mouse in one arm.

    Attributes
    ----------
    arms
        Names, control first.
    days
        Days from inoculation on which volumes were read, shape ``(n_day,)``.
    true_mm3, measured_mm3
        Volumes, and what calipers read, shape ``(n_arm, n_mice, n_day)``.
    last
        Index of the day on which arms are compared.
    seed
        Seed of all streams.
    """

    arms: tuple[str, ...]
    days: FloatArray
    true_mm3: FloatArray = field(repr=False)
    measured_mm3: FloatArray = field(repr=False)
    last: int
    seed: int

    def volumes(self, arm: str) -> FloatArray:
        """Return the measured volumes of an arm, shape ``(n_mice, n_day)``, mm3.

        Raises
        ------
        ModelValueError
            If there is no such arm.
        """
        return np.asarray(self.measured_mm3[_place_of(arm, self.arms)])

    def ratio_to_control(self, arm: str, *, level: float = 0.95) -> BootstrapInterval:
        """Return the ratio of mean volumes on the last day, with its interval over mice."""
        treated = self.volumes(arm)[:, self.last]
        control = self.volumes(self.arms[0])[:, self.last]
        n = len(control)
        drawn = [
            sample[resampled_patients(n, n_boot=N_BOOT, seed=self.seed, purpose=f"{arm}/{who}")]
            for who, sample in (("treated", treated), ("control", control))
        ]
        ratios = drawn[0].mean(axis=1) / drawn[1].mean(axis=1)
        low, high = np.quantile(ratios, [0.5 - level / 2.0, 0.5 + level / 2.0])
        return BootstrapInterval(
            estimate=float(treated.mean() / control.mean()),
            low=float(low),
            high=float(high),
            n_boot=N_BOOT,
            n_undefined=0,
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row per arm: mice, mean volume on the last day, ratio and its interval."""
        import pandas as pd

        rows = []
        for arm in self.arms:
            ratio = self.ratio_to_control(arm)
            final = self.volumes(arm)[:, self.last]
            rows.append(
                {
                    "arm": arm,
                    "mice": len(final),
                    "day": float(self.days[self.last]),
                    "mean_volume_mm3": float(final.mean()),
                    "ratio": ratio.estimate,
                    "low": 1.0 if arm == self.arms[0] else ratio.low,
                    "high": 1.0 if arm == self.arms[0] else ratio.high,
                }
            )
        return pd.DataFrame(rows)

    def courses(self) -> pd.DataFrame:
        """Return one row per mouse and day: ``arm, mouse, day, volume_mm3``."""
        import pandas as pd

        n_arm, n_mice, n_day = self.measured_mm3.shape
        return pd.DataFrame(
            {
                "arm": np.repeat(self.arms, n_mice * n_day),
                "mouse": np.tile(np.repeat(np.arange(n_mice), n_day), n_arm),
                "day": np.tile(self.days, n_arm * n_mice),
                "volume_mm3": self.measured_mm3.ravel(),
            }
        )


def _mice(
    arm: XenograftArm,
    grafts: ParameterTable,
    theta: Theta,
    parameters: Mapping[str, Parameter],
    seed: int,
) -> ParameterTable:
    """Return the mice of an arm: how many cells took, how fast they double, what a mouse weighs."""
    inoculum, doubling, weight = (
        _mouse_value(parameters[name], theta[name], arm.id, range(grafts.n_patient), seed)
        for name in ("xenograft_inoculum", "xenograft_volume_doubling", "xenograft_body_weight")
    )
    pace = theta["xenograft_volume_doubling"] / doubling
    return with_cxcr4(grafts, arm.residual_cxcr4).with_columns(
        tumour_log=np.log(inoculum / grafts.column("cells_at_diagnosis")),
        birth_rate=grafts.column("birth_rate") * pace,
        body_weight=weight,
    )


def run_xenograft(
    model: Model,
    theta: Theta,
    arms: Sequence[XenograftArm],
    n_mice: int,
    *,
    seed: int,
    engine: Engine,
    line: Line = NUDE,
    parameters: Mapping[str, Parameter] | None = None,
    tolerances: Tolerances = _TOLERANCES,
) -> XenograftResult:
    """Return an experiment: every arm has its own mice, each measured by calipers.

    Parameters
    ----------
    model
        The patient model.
    theta
        The population: one line and one strain of mouse.
    arms
        Control first.
    n_mice
        Mice in each arm, at least 2.
    seed
        Seed of all streams.
    engine
        Any engine.
    line
        The cells and the mouse.
    parameters
        Rows with units and scatter between mice; the tabled ones if omitted.
    tolerances
        Error control.

    Raises
    ------
    ModelValueError
        For fewer than two mice, or if a mouse could not be simulated.
    """
    if n_mice < 2:
        msg = f"an arm needs at least 2 mice, got {n_mice}."
        raise ModelValueError(msg)
    rows = load_parameters() if parameters is None else parameters
    grafts = settled_grafts(
        model, [theta], engine, line=line, parameters=rows, tolerances=tolerances
    ).table
    days = reading_days(theta)
    tables: list[ParameterTable] = []
    doses: list[Dose] = []
    for position, arm in enumerate(arms):
        mice = _mice(arm, grafts.rows([0] * n_mice), theta, rows, seed)
        agent = {name: value[0] for name, value in arm_columns(arm, model, [theta], rows).items()}
        tables.append(mice.with_columns(**agent))
        doses += arm_doses(
            arm,
            mice.column("body_weight"),
            start_day=theta["xenograft_treatment_start"],
            end_day=float(days[-1]),
            first_row=position * n_mice,
        )
    table = stacked(tables)
    run = engine.simulate(
        model.sbml, table, DoseTable(tuple(doses)), days, VOLUME, tolerances=tolerances
    )
    true = volumes_mm3(run, table)
    if not np.isfinite(true).all():
        msg = f"{int((~np.isfinite(true).all(axis=1)).sum())} mice could not be simulated."
        raise ModelValueError(msg)
    shape = (len(arms), n_mice, len(days))
    error = [
        rng_for(seed, "xenograft", arm.id, i, "calipers").standard_normal(len(days))
        for arm in arms
        for i in range(n_mice)
    ]
    measured = true * np.exp(theta["xenograft_caliper_error"] * np.array(error))
    control = true[:n_mice].mean(axis=0)
    limit = theta["xenograft_volume_limit"] * converted("xenograft_volume_limit", "mm^3", rows)
    return XenograftResult(
        arms=tuple(arm.id for arm in arms),
        days=days,
        true_mm3=true.reshape(shape),
        measured_mm3=measured.reshape(shape),
        last=last_reading(control, limit),
        seed=seed,
    )


@dataclass(frozen=True, kw_only=True)
class DrawnRatios:
    """Ratios of volume to control over draws of what is not known.

    Attributes
    ----------
    arms
        Names, control first.
    ratio
        Volume of a typical graft under each arm over that of its twin in the control arm, not a
        number where either failed, shape ``(n_arm, n_theta)``.
    lung_ratio
        Founders expected in the lung by then, relative to control, same shape.
    day
        Day of the reading in each draw, shape ``(n_theta,)``.
    control_mm3
        Volume of the control graft on that day, shape ``(n_theta,)``.
    """

    arms: tuple[str, ...]
    ratio: FloatArray = field(repr=False)
    lung_ratio: FloatArray = field(repr=False)
    day: FloatArray = field(repr=False)
    control_mm3: FloatArray = field(repr=False)

    def of(self, arm: str) -> FloatArray:
        """Return the ratios of an arm that could be simulated.

        Raises
        ------
        ModelValueError
            If there is no such arm.
        """
        ratio = self.ratio[_place_of(arm, self.arms)]
        return np.asarray(ratio[np.isfinite(ratio)])


def drawn_ratios(
    model: Model,
    thetas: Sequence[Theta],
    arms_of: Callable[[Theta], Sequence[XenograftArm]],
    *,
    engine: Engine,
    line: Line = NUDE,
    parameters: Mapping[str, Parameter] | None = None,
    tolerances: Tolerances = _TOLERANCES,
) -> DrawnRatios:
    """Return the ratio to control in each draw: typical mice, twins in all arms, no calipers.

    Parameters
    ----------
    model
        The patient model.
    thetas
        Draws of the population.
    arms_of
        The arms in one draw, control first; the same names and drugs in each.
    engine
        Any engine.
    line
        The cells and the mouse.
    parameters
        Rows with their units; the tabled ones if omitted.
    tolerances
        Error control.
    """
    rows = load_parameters() if parameters is None else parameters
    grafts = settled_grafts(
        model, thetas, engine, line=line, parameters=rows, tolerances=tolerances
    ).table
    arms = [tuple(arms_of(theta)) for theta in thetas]
    start = np.array([theta["xenograft_treatment_start"] for theta in thetas])
    days = reading_days({"xenograft_duration": max(t["xenograft_duration"] for t in thetas)})
    weight = grafts.column("body_weight")
    tables: list[ParameterTable] = []
    doses: list[Dose] = []
    for position, first in enumerate(arms[0]):
        of_arm = [each[position] for each in arms]
        share = np.array([arm.residual_cxcr4 for arm in of_arm])
        agent = arm_columns(first, model, thetas, rows)
        tables.append(with_cxcr4(grafts, share).with_columns(**agent))
        for i, arm in enumerate(of_arm):
            doses += arm_doses(
                arm,
                weight[i : i + 1],
                start_day=float(start[i]),
                end_day=float(days[-1]),
                first_row=position * len(thetas) + i,
            )
    table = stacked(tables)
    run = engine.simulate(
        model.sbml,
        table,
        DoseTable(tuple(doses)),
        days,
        [*VOLUME, "lung_hazard"],
        tolerances=tolerances,
    )
    shape = (len(arms[0]), len(thetas), len(days))
    volume = volumes_mm3(run, table).reshape(shape)
    factor = converted("xenograft_volume_limit", "mm^3", rows)
    last = np.array(
        [
            min(
                last_reading(curve, theta["xenograft_volume_limit"] * factor),
                int(np.searchsorted(days, theta["xenograft_duration"] + 1e-9)) - 1,
            )
            for curve, theta in zip(volume[0], thetas, strict=True)
        ]
    )
    final, founders = (
        np.take_along_axis(values, last[None, :, None], axis=2)[..., 0]
        for values in (volume, run.of("lung_hazard").reshape(shape))
    )
    return DrawnRatios(
        arms=tuple(arm.id for arm in arms[0]),
        ratio=final / final[0],
        lung_ratio=founders / founders[0],
        day=days[last],
        control_mm3=final[0],
    )
