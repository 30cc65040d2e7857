"""Grafts of an ESCC line in nude mice: CXCR4 knocked down, AMD3100, a line without CXCR4.

The bands of TIS045 and TIS046 are assumed acceptance bands of held-out rows: no number of the
model was set by them.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from tests.science_support import parameters_with, patient_model

from cxaxis.cohort.population import central_theta, draw_theta
from cxaxis.core.errors import ModelValueError
from cxaxis.engine.doses import DoseTable
from cxaxis.engine.population import PopulationEngine
from cxaxis.engine.protocol import ParameterTable
from cxaxis.figures.output import to_svg
from cxaxis.figures.style import arm_styles
from cxaxis.figures.xenograft import xenograft_figure
from cxaxis.knowledge.drug_records import Drug
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.evidence import load_evidence
from cxaxis.patient import grafts
from cxaxis.patient.grafts import (
    NUDE,
    VOLUME,
    Line,
    Theta,
    balanced_share,
    last_reading,
    of_the_mouse,
    settled_grafts,
    volumes_mm3,
)
from cxaxis.patient.xenograft import (
    CONTROL,
    DrawnRatios,
    XenograftArm,
    XenograftResult,
    arm_doses,
    drawn_ratios,
    run_xenograft,
    standard_arms,
)

ENGINE = PopulationEngine()
NEGATIVE = Line(cxcr4_share=0.0)
N_DRAW = 60
SEED = 11


def theta() -> Theta:
    return central_theta(parameters_with())


@cache
def plerixafor() -> Drug:
    return load_drugs()["plerixafor"]


def given(name: str, mg_per_kg: float, every_day: float = 1.0) -> XenograftArm:
    return XenograftArm(id=name, drug=plerixafor(), dose_mg_per_kg=mg_per_kg, every_day=every_day)


def arms(_: Theta) -> tuple[XenograftArm, ...]:
    return (
        *standard_arms(theta(), plerixafor()),
        XenograftArm(id="half", residual_cxcr4=0.5),
        XenograftArm(id="knock_out", residual_cxcr4=0.0),
        given("low", 0.5),
        given("often", 5.0, every_day=0.25),
        given("flood", 50.0, every_day=0.25),
    )


@cache
def ratios(line: Line = NUDE) -> dict[str, float]:
    """Volume over that of the untreated twin on the last day, by arm."""
    found = drawn_ratios(patient_model(), [theta()], arms, engine=ENGINE, line=line)
    return dict(zip(found.arms, found.ratio[:, 0], strict=True))


@cache
def over_draws() -> DrawnRatios:
    rows = parameters_with()
    thetas = [
        of_the_mouse(draw_theta(rows, seed=SEED, draw=k), rows, seed=SEED, draw=k)
        for k in range(N_DRAW)
    ]
    return drawn_ratios(
        patient_model(),
        thetas,
        lambda drawn: standard_arms(drawn, plerixafor()),
        engine=ENGINE,
    )


@cache
def experiment(line: Line = NUDE, n_mice: int = 8, seed: int = SEED) -> XenograftResult:
    return run_xenograft(
        patient_model(),
        theta(),
        standard_arms(theta(), plerixafor()),
        n_mice,
        seed=seed,
        engine=ENGINE,
        line=line,
    )


@cache
def untreated() -> ParameterTable:
    return settled_grafts(patient_model(), [theta()], ENGINE).table


def test_grafts_do_not_depend_on_what_untreated_signals_are_first_taken_for(monkeypatch):
    monkeypatch.setattr(grafts, "_FIRST_GUESS", 0.2)
    again = settled_grafts(patient_model(), [theta()], ENGINE).table
    assert again.names == untreated().names
    assert again.values == pytest.approx(untreated().values, rel=1e-6)


def untreated_volumes(days: np.ndarray) -> np.ndarray:
    model, table = patient_model(), untreated()
    run = ENGINE.simulate(model.sbml, table, DoseTable(), days, VOLUME)
    return volumes_mm3(run, table)[0]


def test_a_control_graft_doubles_as_its_row_says_at_the_reference_volume():
    days = np.linspace(0.0, 30.0, 601)
    volume = untreated_volumes(days)
    at = int(np.argmin(np.abs(volume - 1e3 * theta()["xenograft_reference_volume"])))
    rate = np.gradient(np.log(volume), days)[at]
    assert np.log(2) / rate == pytest.approx(theta()["xenograft_volume_doubling"], rel=0.03)


def test_a_control_graft_comes_to_about_a_millilitre_in_four_to_five_weeks():
    volume = untreated_volumes(np.array([28.0, 35.0]))
    assert volume[0] < 2500.0
    assert volume[1] > 500.0


def test_an_untreated_graft_starts_at_rest():
    # What it is relative to is itself: a day later nothing but its size has moved.
    model, table = patient_model(), untreated()
    names = ["fibroblasts", "cd8", "progenitors", "growth_drive", "tumour_cxcl12", "positive_share"]
    run = ENGINE.simulate(model.sbml, table, DoseTable(), np.array([0.0, 2.0]), names)
    np.testing.assert_allclose(run.values[0, 1], run.values[0, 0], rtol=5e-3)


@pytest.mark.parametrize(("arm", "row"), [("shrna", "TIS045"), ("amd3100", "TIS046")])
def test_the_ratio_to_control_over_draws_overlaps_the_assumed_band(arm, row):
    band = load_evidence()[row]
    assert band.role == "held_out"
    drawn = over_draws().of(arm)
    assert len(drawn) >= 0.9 * N_DRAW
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert low < float(band.high)
    assert high > float(band.low)


def test_knocking_cxcr4_down_shrinks_grafts_the_more_the_less_is_left():
    found = ratios()
    assert found["knock_out"] < found["shrna"] < found["half"] < 0.95


def test_amd3100_shrinks_grafts_the_more_the_longer_it_holds_the_receptor():
    # Gone within hours in a mouse: dosing more often does more than dosing tenfold.
    found = ratios()
    assert found["often"] < found["amd3100"] < found["low"] < 1.0
    assert found["flood"] < found["often"]


def test_a_neutral_antagonist_never_does_what_losing_the_receptor_does():
    # It takes the ligand away and leaves what CXCR4 does without one.
    assert ratios()["knock_out"] < 0.8 * ratios()["flood"]


def test_amd3100_of_one_dose_has_left_a_mouse_by_the_next():
    model, table = patient_model(), untreated()
    doses = arm_doses(
        given("once", 5.0),
        table.column("body_weight"),
        start_day=0.0,
        end_day=1.0,
        first_row=0,
    )
    days = np.linspace(0.0, 1.0, 241)
    run = ENGINE.simulate(model.sbml, table, DoseTable(doses), days, ["antagonist_central"])
    level = run.of("antagonist_central")[0]
    assert days[np.argmax(level)] < 2.0 / 24.0
    assert level[-1] < 1e-3 * level.max()


def test_a_line_without_cxcr4_is_untouched():
    for arm, ratio in ratios(NEGATIVE).items():
        assert ratio == pytest.approx(1.0, abs=2e-3), arm
    found = experiment(NEGATIVE)
    for arm in ("shrna", "amd3100"):
        interval = found.ratio_to_control(arm)
        assert interval.low < 1.0 < interval.high, arm


def test_the_causal_share_scales_what_the_axis_does_to_a_graft():
    none, half, whole = (ratios(Line(phi=phi)) for phi in (0.0, 0.5, 1.0))
    for arm in ("shrna", "amd3100"):
        assert none[arm] == pytest.approx(1.0, abs=1e-6)
        assert whole[arm] < half[arm] < none[arm]


def test_blockade_acts_in_a_line_with_cxcr4_and_not_in_its_sister_without():
    # As LM8 and Dunn in mice of their own strain (DRG243): primary and founders in the lung.
    drugs = (CONTROL, given("amd3100", 5.0))
    positive, negative = (
        drawn_ratios(
            patient_model(),
            [theta()],
            lambda _: drugs,
            engine=ENGINE,
            line=Line(cxcr4_share=share, immune_competent=True),
        )
        for share in (1.0, 0.0)
    )
    assert positive.ratio[1, 0] < 0.97
    assert positive.lung_ratio[1, 0] < 0.93
    assert 0.99 < negative.ratio[1, 0] < 1.05
    assert 0.99 < negative.lung_ratio[1, 0] < 1.05


def test_mice_of_an_arm_differ_and_belong_to_arm_and_seed():
    found = experiment()
    assert found.measured_mm3.shape == (3, 8, len(found.days))
    last = found.volumes("control")[:, found.last]
    assert 0.1 < np.log(last).std(ddof=1) < 1.5
    alone = run_xenograft(patient_model(), theta(), (CONTROL,), 8, seed=SEED, engine=ENGINE)
    np.testing.assert_allclose(alone.volumes("control"), found.volumes("control"), rtol=1e-5)
    other = experiment(seed=SEED + 1)
    assert not np.allclose(other.volumes("control"), found.volumes("control"))


def test_a_result_tells_mice_volume_and_ratio_of_every_arm():
    found = experiment()
    table = found.to_frame().set_index("arm")
    assert list(table.index) == ["control", "shrna", "amd3100"]
    assert table.loc["control", ["ratio", "low", "high"]].tolist() == [1.0, 1.0, 1.0]
    shrna = table.loc["shrna"]
    assert shrna["low"] < shrna["ratio"] < shrna["high"]
    assert len(found.courses()) == 3 * 8 * len(found.days)
    with pytest.raises(ModelValueError, match="control"):
        found.volumes("contol")


def test_the_reading_is_brought_forward_to_where_controls_are_too_large():
    volume = np.array([10.0, 100.0, 1900.0, 2100.0, 5000.0])
    assert last_reading(volume, 2000.0) == 2
    assert last_reading(volume[:3], 2000.0) == 2


@pytest.mark.parametrize("advantage", [-3.0, -0.1, 0.0, 0.04, 0.5, 4.0])
def test_shares_are_where_switching_back_and_growth_are_in_balance(advantage):
    aim, pace = np.array([0.01, 0.5, 0.8]), np.array(0.05)
    share = balanced_share(aim, pace, np.array(advantage))
    assert ((share > 0) & (share < 1)).all()
    np.testing.assert_allclose(
        advantage * share * (1 - share) + pace * (aim - share), 0.0, atol=1e-12
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"residual_cxcr4": 1.2}, "residual_cxcr4"),
        ({"dose_mg_per_kg": -1.0}, "dose_mg_per_kg"),
        ({"dose_mg_per_kg": 5.0}, "binds CXCR4, got none"),
        ({"every_day": 0.0}, "every_day"),
    ],
)
def test_an_impossible_arm_is_refused(changes, told):
    with pytest.raises(ModelValueError, match=told):
        replace(CONTROL, **changes)


def test_one_mouse_is_no_arm():
    with pytest.raises(ModelValueError, match="at least 2"):
        experiment(n_mice=1)


def test_the_figure_shows_every_arm_and_refuses_one_without_mice():
    found = experiment()
    styles = arm_styles({arm: arm.upper() for arm in found.arms}, control="control")
    ratios = {"SHRNA": np.array([0.2, 0.4, 0.9]), "AMD3100": np.array([0.8, 0.9, 1.0])}
    bands = {"SHRNA": (0.2, 0.7)}
    figure = xenograft_figure(found.courses(), styles, ratios, bands)
    text = to_svg(figure, name="grafts", title="Grafts", description="Volumes and ratios")
    assert all(label in text for label in ("CONTROL", "SHRNA", "AMD3100"))
    other = arm_styles({"control": "control", "placebo": "placebo"}, control="control")
    with pytest.raises(ModelValueError, match="placebo"):
        xenograft_figure(found.courses(), other, ratios, bands)
