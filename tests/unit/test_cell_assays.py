"""The bench: its registry, its table, its readouts, its fits, and what it refuses."""

import math
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cxaxis.cell.assays import ASSAYS
from cxaxis.cell.bench import TABLE_COLUMNS, run_assay, wiring_given, wiring_text
from cxaxis.cell.bench_checks import cell_model, known_settings, parted
from cxaxis.cell.bench_drawing import caption_of, draw_assay
from cxaxis.cell.bench_summary import summary_of
from cxaxis.cell.dose_fits import fit_doses, fit_hill
from cxaxis.cell.readouts import READOUTS, related
from cxaxis.cell.wells import LEADS_S
from cxaxis.core.errors import ModelValueError, UserInputError
from cxaxis.core.units import is_unit
from cxaxis.knowledge.cell_contexts import load_cell_contexts
from cxaxis.knowledge.claims import load_claims
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.models.wiring import Wiring

NAN = float("nan")


def refused(assay="calcium", **given):
    """The findings of a request that cannot be done."""
    with pytest.raises(UserInputError) as caught:
        run_assay(assay, **given)
    return caught.value.findings


# --- Registry


@pytest.mark.parametrize("assay", ASSAYS.values(), ids=lambda item: item.id)
def test_every_assay_names_known_things(assay):
    assert assay.context in load_cell_contexts()
    assert set(assay.readouts) <= set(READOUTS)
    assert set(assay.claims) <= set(load_claims())
    assert assay.conditions[0] == "control"
    assert list(assay.times_s) == sorted(set(assay.times_s))
    found = {w.condition for w in assay.wells(assay.cxcl12_nM, assay.times_s, {})}
    assert found == set(assay.conditions)
    assert assay.question.endswith("?")
    assert set(assay.breaks_s) <= set(assay.conditions)


def test_every_readout_is_of_the_model_and_has_a_unit():
    units = cell_model().units
    for item in READOUTS.values():
        assert set(item.quantities) <= set(units), item.id
        assert item.unit == "1" or is_unit(item.unit), item.id
        assert not item.pool or item.pool in units


def test_what_has_a_lead_can_be_set():
    assert set(LEADS_S) <= set(known_settings(cell_model()))


# --- Table


def test_the_table_is_tidy_and_holds_the_times_and_doses_asked_for():
    run = run_assay("phospho", cxcl12_nM=[3, 30], times_s=[0, 60, 600], readouts=["pERK", "pAKT"])
    assert tuple(run.table.columns) == TABLE_COLUMNS
    assert len(run.table) == 2 * 2 * 2 * 3
    assert not run.table.duplicated(["condition", "readout", "cxcl12_nM", "time_s"]).any()
    assert set(run.table["cxcl12_nM"]) == {3.0, 30.0}
    assert set(run.table["wiring"]) == {"default"}
    assert run.course("pERK")["time_s"].tolist() == [0, 60, 600] * 2


def test_the_vehicle_that_a_share_refers_to_is_not_in_the_table_unless_asked_for():
    run = run_assay("camp", cxcl12_nM=[10], times_s=[0, 300], readouts=["camp_share"])
    assert set(run.table["cxcl12_nM"]) == {10.0}
    run = run_assay("camp", cxcl12_nM=[0, 10], times_s=[0, 300], readouts=["camp_share"])
    vehicle = run.table[run.table["cxcl12_nM"] == 0]["value"]
    assert vehicle.tolist() == pytest.approx([1.0] * len(vehicle))


def test_conditions_can_be_chosen():
    run = run_assay("calcium", conditions=["control"], cxcl12_nM=[10], times_s=[0, 30])
    assert set(run.table["condition"]) == {"control"}


def test_a_gene_is_relative_to_the_kind_of_cell():
    half = run_assay(
        "surface",
        context="eca109",
        settings={"cxcr4_gene": 0.5},
        cxcl12_nM=[0],
        times_s=[0, 1],
        readouts=["total_cxcr4"],
    )
    assert half.table["value"].iloc[0] == pytest.approx(25_000, rel=0.02)


def test_a_parameter_can_be_set_in_the_unit_of_its_row():
    plain, blunt = (
        run_assay("calcium", cxcl12_nM=[100], times_s=[0, 30], values=values).table["value"].max()
        for values in (None, {"k_plc": 0.0})
    )
    assert plain > 1.5 * blunt


def test_an_isoform_takes_the_place_of_the_usual_one():
    rises = []
    for settings in ({}, {"isoform_gamma": 1.0}):
        run = run_assay("calcium", cxcl12_nM=[3], times_s=[0, 30], settings=settings)
        course = run.course("calcium_nM")["value"].to_numpy()
        rises.append(course[-1] - course[0])
    # The gamma isoform binds CXCR4 nearly seven times more weakly.
    assert 0 < rises[1] < 0.5 * rises[0]


def test_readings_without_a_reference_are_not_numbers():
    assert np.isnan(related(np.array([1.0, 2.0]), 0.0)).all()
    run = run_assay("arrestin", context="cxcr4_only", cxcl12_nM=[10], times_s=[0, 600])
    assert run.course("arrestin_ackr3_fold")["value"].isna().all()
    assert run.course("arrestin_cxcr4_fold")["value"].iloc[0] == pytest.approx(1)


@pytest.fixture
def three_draws(monkeypatch):
    """A posterior of three draws that differ in how strongly phospholipase C answers."""
    tabled = load_parameters()["k_plc"].value
    draws = {i: {"k_plc": factor * tabled} for i, factor in enumerate((0.5, 1.0, 2.0))}
    stand_in = SimpleNamespace(load_cell_posterior=lambda: draws)
    monkeypatch.setitem(sys.modules, "cxaxis.knowledge.posteriors", stand_in)


def test_draws_give_a_band(three_draws):
    given = {"conditions": ["control"], "cxcl12_nM": [100], "times_s": [0, 20, 40]}
    table = run_assay("calcium", **given, draws=3).table
    assert tuple(table.columns) == (*TABLE_COLUMNS, "low", "high")
    assert (table["low"] <= table["high"]).all()
    late = table.iloc[-1]
    assert late["low"] < 0.95 * late["high"]
    assert table["value"].equals(run_assay("calcium", **given).table["value"])


def test_draws_give_the_interval_of_each_half_effective_dose(three_draws):
    run = run_assay("dose_response", readouts=["calcium_nM"], draws=3)
    row = run.dose_table().iloc[0]
    assert row["interval"] == "5-95 % of draws"
    assert row["low_nM"] < row["high_nM"]
    assert "3 draws" in caption_of(run)


def test_a_value_set_by_hand_is_not_drawn(three_draws):
    given = {"conditions": ["control"], "cxcl12_nM": [100], "times_s": [0, 20]}
    table = run_assay("calcium", **given, draws=3, values={"k_plc": 0.1}).table
    assert table["low"].to_numpy() == pytest.approx(table["high"].to_numpy())


def test_more_draws_than_there_are_is_refused(three_draws):
    (finding,) = refused(draws=4)
    assert "there are 3 draws" in finding.message


# --- Summary and fits


def test_a_summary_says_where_a_course_starts_peaks_and_ends():
    table = pd.DataFrame(
        {
            "condition": "control",
            "readout": "x",
            "cxcl12_nM": 1.0,
            "time_s": [0.0, 10.0, 20.0, 30.0],
            "value": [1.0, 3.0, 5.0, 2.0],
            "unit": "1",
        }
    )
    row = summary_of(table).iloc[0]
    assert (row["start"], row["peak"], row["end"]) == (1, 5, 2)
    assert (row["peak_time_s"], row["half_time_s"]) == (20, 10)
    still = summary_of(table.assign(value=2.0)).iloc[0]
    assert math.isnan(still["peak_time_s"])
    late = summary_of(table, {"control": 20.0}).iloc[0]
    assert (late["start"], late["peak"]) == (5, 2)


DOSES = np.array([0.0, *10.0 ** np.arange(-2, 3.1, 0.5)])


@pytest.mark.parametrize(("bottom", "top"), [(1.0, 5.0), (5.0, 1.0), (0.0, 1e-3)])
def test_a_hill_curve_is_found_again(bottom, top):
    answer = bottom + (top - bottom) * DOSES**1.3 / (DOSES**1.3 + 7.0**1.3)
    fit = fit_hill(DOSES, answer)
    assert fit.ec50_nM == pytest.approx(7.0, rel=1e-3)
    assert fit.slope == pytest.approx(1.3, rel=1e-3)
    assert fit.low_nM <= fit.ec50_nM <= fit.high_nM
    assert fit.at(np.array([7.0]))[0] == pytest.approx(0.5 * (bottom + top), rel=1e-3)


def test_the_interval_of_a_fit_widens_with_scatter():
    clean = DOSES / (DOSES + 7.0)
    wobble = 0.05 * np.cos(7.0 * np.arange(len(DOSES)))
    smooth, rough = fit_hill(DOSES, clean), fit_hill(DOSES, clean + wobble)
    assert rough.high_nM / rough.low_nM > 1.2 * smooth.high_nM / smooth.low_nM


def test_what_is_no_hill_curve_says_why():
    assert fit_hill(DOSES, np.ones_like(DOSES)).note == "no answer to CXCL12"
    assert "fewer than" in fit_hill(DOSES[:3], DOSES[:3]).note
    bell = fit_hill(DOSES, DOSES / (DOSES + 3) * 30 / (DOSES + 30))
    assert math.isnan(bell.ec50_nM)
    assert bell.optimum_nM == pytest.approx(10.0)
    assert fit_hill(DOSES, 1e-9 * DOSES / (DOSES + 3), least=1e-6).note == "no answer to CXCL12"
    with pytest.raises(ModelValueError, match="must match"):
        fit_hill(DOSES, DOSES[:2])


def test_draws_give_the_interval_of_a_half_effective_dose():
    table = pd.DataFrame(
        {"condition": "control", "readout": "x", "cxcl12_nM": DOSES, "value": DOSES / (DOSES + 7)}
    )
    spread = [DOSES / (DOSES + half) for half in (5.0, 7.0, 9.0)]
    (fit,) = fit_doses(table, spread)
    assert 5.0 < fit.draws_low_nM < 7.0 < fit.draws_high_nM < 9.0


# --- Figures


@pytest.mark.parametrize(
    ("assay", "given"),
    [
        ("calcium", {"times_s": [0, 30, 700], "cxcl12_nM": [1, 10]}),
        ("phospho", {"times_s": [0, 60, 600]}),
        ("dose_response", {"readouts": ["pERK"]}),
        ("mirna", {}),
        ("transwell", {"readouts": ["chemotaxis"]}),
        ("proliferation", {}),
    ],
)
def test_a_figure_says_what_was_done_and_that_it_is_a_model(assay, given):
    run = run_assay(assay, **given)
    figure = draw_assay(run)
    told = " ".join(text.get_text().replace("\n", " ") for text in figure.texts)
    assert "Model, not measured." in told
    assert f"({run.context})" in told
    assert caption_of(run) in told
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert any(axes.get_ylabel() or axes.get_yticklabels() for axes in shown)


def test_a_caption_names_what_differs():
    run = run_assay(
        "calcium",
        cxcl12_nM=[1],
        times_s=[0, 1],
        wiring=wiring_given(["heterodimer=blunts_gi"]),
        settings={"cxcr4_gene": 0.2},
    )
    assert "heterodimer=blunts_gi" in caption_of(run)
    assert "cxcr4_gene = 0.2" in caption_of(run)
    assert set(run.table["wiring"]) == {"heterodimer=blunts_gi"}


# --- What is refused


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"assay": "calcum"}, "there is no assay 'calcum'. Did you mean calcium"),
        ({"context": "eca110"}, "there is no context 'eca110'. Did you mean eca109"),
        ({"readouts": ["perk"]}, "there is no readout 'perk'. Did you mean pERK?"),
        ({"readouts": []}, "is empty"),
        ({"conditions": ["hypoxia"]}, "there is no condition 'hypoxia'"),
        ({"cxcl12_nM": [-1.0]}, "-1 is no concentration"),
        ({"cxcl12_nM": [NAN]}, "nan is no concentration"),
        ({"cxcl12_nM": []}, "is empty. Give concentrations in nM"),
        ({"cxcl12_nM": [1.0, 1.0]}, "names a concentration twice"),
        ({"times_s": []}, "is empty. Give seconds"),
        ({"times_s": [0.0, 60.0, 60.0]}, "must increase"),
        ({"times_s": [-1.0, 60.0]}, "0 or more"),
        ({"times_s": [0.0]}, "holds only 0"),
        ({"settings": {"jak_inhibtion": 1.0}}, "Did you mean jak_inhibition"),
        ({"settings": {"jak_inhibition": 2.0}}, "is a share"),
        ({"settings": {"oxygen": -1.0}}, "must be a number, 0 or more"),
        ({"settings": {"ackr3_gene": 2.0}}, "cxcr4_only has none of it"),
        ({"settings": {"switch_heterodimer_blunts_gi": 1.0}}, "there is no input"),
        ({"values": {"kplc": 1.0}}, "the cell has no parameter 'kplc'"),
        ({"values": {"k_plc": -1.0}}, "must be a number, 0 or more"),
        ({"wiring": Wiring(niche_release="on")}, "a mechanism of the patient"),
        ({"draws": -1}, "Give 0 or more"),
        ({"conditions": ["second_pulse"], "times_s": [0.0, 60.0]}, "needs readings later than 60"),
    ],
)
def test_each_mistake_gets_one_message_with_its_cure(given, told):
    findings = refused(**given)
    assert len(findings) == 1
    assert told in findings[0].message


def test_all_mistakes_are_told_at_once():
    codes = [
        item.code
        for item in refused("calcum", cxcl12_nM=[-1.0], times_s=[], settings={"nothing_here": 1.0})
    ]
    assert sorted(codes) == ["CELL002", "CELL005", "CELL006", "CELL008"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("heterodimer", "is not WIRING=OPTION"),
        ("heterodymer=none", "Did you mean heterodimer"),
        ("heterodimer=both", "Options: none, blunts_gi, drives_arrestin"),
        ("niche_release=on", "a mechanism of the patient"),
    ],
)
def test_a_wiring_that_is_none_is_refused(text, told):
    with pytest.raises(UserInputError, match="CELL004") as caught:
        wiring_given([text])
    assert told in str(caught.value)


def test_a_wiring_has_a_short_text():
    assert wiring_text(Wiring()) == "default"
    chosen = wiring_given(["heterodimer=blunts_gi", "stat3_through_src=on"])
    assert wiring_text(chosen) == "heterodimer=blunts_gi;stat3_through_src=on"
    with pytest.raises(UserInputError, match="already"):
        wiring_given(["heterodimer=blunts_gi", "heterodimer=none"])


def test_inputs_and_parameters_are_told_apart():
    assert parted({"cxcr4_gene": 0.2, "k_plc": 1.0, "nothing": 2.0}) == (
        {"cxcr4_gene": 0.2, "nothing": 2.0},
        {"k_plc": 1.0},
    )
    assert parted({"oxygen": 9300.0})[0] == {"oxygen": 9300.0}
