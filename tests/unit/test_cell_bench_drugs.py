"""A class of drug on the bench: the table, the fits along either dose, and what is refused."""

import numpy as np
import pytest

from cxaxis.cell.assays import ASSAYS
from cxaxis.cell.bench import planned_wells, run_assay
from cxaxis.cell.bench_checks import cell_model, known_settings
from cxaxis.cell.bench_drawing import caption_of, draw_assay
from cxaxis.cell.bench_drugs import conditions_with_drug
from cxaxis.core.errors import UserInputError
from cxaxis.knowledge.antagonist_classes import DRUG_INPUTS, load_antagonist_classes

NAN = float("nan")


@pytest.fixture(scope="module")
def schild():
    return run_assay(
        "dose_response",
        readouts=["camp_share"],
        drug="competitive",
        drug_nM=[0, 1000],
    )


@pytest.fixture(scope="module")
def block():
    return run_assay(
        "dose_response",
        readouts=["calcium_nM"],
        cxcl12_nM=[10],
        drug="slow_off_inverse_agonist",
        drug_nM=[0, 0.1, 0.3, 1, 3, 10, 30, 100],
    )


def test_every_class_can_be_given_and_its_inputs_be_set():
    assert set(DRUG_INPUTS) <= set(known_settings(cell_model()))
    for name in load_antagonist_classes():
        run = run_assay(
            "calcium",
            conditions=["control"],
            cxcl12_nM=[10],
            times_s=[0, 30],
            drug=name,
            drug_nM=[0, 1000],
        )
        assert set(run.table["drug"]) == {name}
        assert run.table["drug_nM"].tolist() == [0, 0, 1000, 1000]


def test_without_a_drug_the_columns_say_so():
    run = run_assay("calcium", conditions=["control"], cxcl12_nM=[10], times_s=[0, 30])
    assert set(run.table["drug"]) == {"none"}
    assert set(run.table["drug_nM"]) == {0.0}


def test_no_drug_of_a_class_is_no_drug():
    given = {"conditions": ["control"], "cxcl12_nM": [10], "times_s": [0, 20, 40]}
    plain = run_assay("calcium", **given).table["value"].to_numpy()
    none = run_assay("calcium", **given, drug="competitive", drug_nM=[0]).table["value"]
    assert none.to_numpy() == pytest.approx(plain, rel=1e-9)


def test_each_dose_of_a_drug_has_its_own_curve_over_cxcl12(schild):
    table = schild.dose_table()
    assert set(table["along"]) == {"cxcl12_nM"}
    assert table["drug_nM"].tolist() == [0, 1000]
    free, shifted = table["ec50_nM"]
    assert shifted > 5 * free
    assert len(schild.table) == 2 * len(ASSAYS["dose_response"].cxcl12_nM)
    assert not schild.table.duplicated(["readout", "cxcl12_nM", "drug_nM"]).any()


def test_vehicle_is_that_of_the_same_dose_of_the_drug():
    run = run_assay(
        "camp",
        conditions=["control"],
        cxcl12_nM=[0, 30],
        times_s=[0, 600],
        readouts=["camp_share", "camp_nM"],
        drug="partial_agonist",
        drug_nM=[0, 500],
    )
    rows = run.course("camp_share")
    assert rows[rows["cxcl12_nM"] == 0]["value"].to_numpy() == pytest.approx(np.ones(4))
    alone = run.course("camp_nM")
    alone = alone[(alone["cxcl12_nM"] == 0) & (alone["time_s"] == 600)]["value"].to_numpy()
    assert alone[1] < 0.95 * alone[0]


def test_more_doses_of_the_drug_than_of_cxcl12_give_its_own_curve(block):
    (row,) = block.dose_table().to_dict("records")
    assert (row["along"], row["cxcl12_nM"]) == ("drug_nM", 10)
    assert np.isnan(row["drug_nM"])
    assert 0.3 < row["ec50_nM"] < 30
    values = block.course("calcium_nM")["value"].to_numpy()
    assert (np.diff(values) < 0).all()


def test_a_summary_has_a_row_for_each_dose_of_the_drug():
    run = run_assay(
        "calcium",
        conditions=["control"],
        cxcl12_nM=[100],
        times_s=[0, 15, 30, 60],
        drug="competitive",
        drug_nM=[0, 1000, 10000],
    )
    summary = run.summary()
    assert summary["drug_nM"].tolist() == [0, 1000, 10000]
    assert (np.diff(summary["peak"]) < 0).all()


def test_a_value_set_by_hand_wins_over_that_of_the_class():
    given = {"conditions": ["control"], "cxcl12_nM": [30], "times_s": [0, 20]}
    drug = {"drug": "slow_off_inverse_agonist", "drug_nM": [30.0]}
    usual = run_assay("calcium", **given, **drug)
    weak = run_assay("calcium", **given, **drug, values={"kd_antagonist_cxcr4": 1e6})
    assert usual.values["kd_antagonist_cxcr4"] == 0.32
    assert usual.settings["antagonist_nM"] == 30
    assert weak.values["kd_antagonist_cxcr4"] == 1e6
    rises = [np.ptp(run.table["value"]) for run in (usual, weak)]
    assert rises[1] > 20 * rises[0]


def test_conditions_with_a_drug_of_their_own_are_left_out():
    assert conditions_with_drug(ASSAYS["proliferation"]) == ("antagonist", "inverse_agonist")
    run = run_assay(
        "proliferation",
        cxcl12_nM=[0],
        times_s=[0, 86400],
        readouts=["cell_number_fold"],
        drug="nanobody",
        drug_nM=[100],
    )
    assert set(run.table["condition"]) == {"control", "knockdown"}


def test_a_progress_bar_counts_the_doses_of_the_drug():
    assert planned_wells("calcium", drug_nM=[0, 1, 2]) == 3 * planned_wells("calcium")


def legend(figure):
    return {text.get_text() for key in figure.legends for text in key.get_texts()}


def test_figures_tell_the_doses_of_a_drug_apart(schild, block):
    figure = draw_assay(schild)
    assert legend(figure) == {"0 nM drug", "1000 nM drug"}
    assert "neutral competitive antagonist (competitive) at 0, 1000 nM" in caption_of(schild)
    (axes,) = (axes for axes in draw_assay(block).axes if axes.get_visible())
    assert axes.get_xlabel() == "inverse agonist that leaves slowly (nM)"
    assert any("half at" in text.get_text() for text in axes.texts)
    course = run_assay(
        "surface",
        cxcl12_nM=[100],
        times_s=[0, 1800, 3600],
        readouts=["surface_cxcr4_fold"],
        drug="nanobody",
        drug_nM=[0, 100],
    )
    titles = [axes.get_title() for axes in draw_assay(course).axes]
    assert titles == ["0 nM drug", "100 nM drug", "washed, 0 nM drug", "washed, 100 nM drug"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"drug": "competitve", "drug_nM": [1]}, "Did you mean competitive?"),
        ({"drug": "motixafortide", "drug_nM": [1]}, "is of class slow_off_inverse_agonist"),
        ({"drug": "competitive"}, "needs its concentrations. Give nM with --drug-nM"),
        ({"drug_nM": [1]}, "is the dose of no drug. Name its class with --drug"),
        ({"drug": "competitive", "drug_nM": []}, "is empty"),
        ({"drug": "competitive", "drug_nM": [-1.0]}, "-1 is no concentration"),
        ({"drug": "competitive", "drug_nM": [NAN]}, "nan is no concentration"),
        ({"drug": "competitive", "drug_nM": [1, 1]}, "names a concentration twice"),
        (
            {"drug": "competitive", "drug_nM": [1], "settings": {"neutraliser_nM": 3.0}},
            "is given beside --drug competitive",
        ),
        (
            {"assay": "proliferation", "drug": "nanobody", "drug_nM": [1]}
            | {"conditions": ["inverse_agonist"]},
            "inverse_agonist gives a drug of its own",
        ),
        ({"settings": {"drug_gi_coupling": 2.0}}, "is a share"),
    ],
)
def test_each_mistake_gets_one_message_with_its_cure(given, told):
    with pytest.raises(UserInputError) as caught:
        run_assay(**{"assay": "calcium", **given})
    (finding,) = caught.value.findings
    assert told in finding.message
