"""A laboratory's own readings: the file, its units, and how likely each wiring makes them."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from cxaxis.cell.bench import run_assay
from cxaxis.cell.likelihood import compare, rival_wirings
from cxaxis.cell.likelihood_words import verdict_of
from cxaxis.cell.measured_conditions import Condition
from cxaxis.cell.measurements import Measurement, Measurements, assay_reading, read_measurements
from cxaxis.cell.noise import fit_series, mean_of_likelihoods, posterior, series_of
from cxaxis.core.errors import UserInputError
from cxaxis.core.streams import rng_for
from cxaxis.models.wiring import Wiring

HEAD = "readout,value,unit,time_min,cxcl12_nM,condition,sd\n"
THROUGH_SRC = Wiring(stat3_through_src="on")


@pytest.fixture
def read(tmp_path):
    def reading(text, **options):
        path = tmp_path / "my.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_measurements(path, **options)

    return reading


@pytest.fixture
def refused(read):
    def findings(text, **options):
        with pytest.raises(UserInputError) as caught:
            read(text, **options)
        return caught.value.findings

    return findings


def only(data):
    (row,) = data.rows
    return row


@pytest.mark.parametrize(
    ("cell", "dose_nM"),
    [
        ("7.96,ng/mL", 1.0),
        ("0.796,ug/mL", 100.0),
        ("0.796,µg/ml", 100.0),
        ("250,pM", 0.25),
        ("0.1,µM", 100.0),
        ("12,nM", 12.0),
    ],
)
def test_cxcl12_is_read_in_any_unit_of_amount_or_mass(read, cell, dose_nM):
    data = read(f"readout,value,unit,time_s,cxcl12,cxcl12_unit\npERK,1,au,60,{cell}\n")
    assert only(data).cxcl12_nM == pytest.approx(dose_nM, rel=1e-12)


@pytest.mark.parametrize(
    ("column", "seconds"), [("time_s", 3), ("Time (min)", 180), ("time_h", 10800)]
)
def test_time_is_read_in_the_unit_of_its_column(read, column, seconds):
    data = read(f"readout,value,unit,{column},CXCL12 [nM]\npERK,1,au,3,10\n")
    assert (only(data).time_s, only(data).cxcl12_nM) == (seconds, 10)


@pytest.mark.parametrize(
    ("readout", "value", "unit", "kept"),
    [
        ("calcium", 0.25, "uM", ("calcium_nM", 250, "nM", False)),
        ("calcium_nM", 2.5, "fold", ("calcium_fold", 2.5, "1", False)),
        ("surface_cxcr4", 60, "% of start", ("surface_cxcr4_fold", 0.6, "1", False)),
        ("Surface CXCR4", 9000, "receptors/cell", ("surface_cxcr4", 9000, "item", False)),
        ("perk", 35, "% of total", ("pERK", 0.35, "1", False)),
        ("camp_share", 35, "%", ("camp_share", 0.35, "1", False)),
        ("pERK", 35, "%", ("pERK", 35, "%", True)),
        ("pERK", 35, "a.u.", ("pERK", 35, "a.u.", True)),
        ("cxcl12_medium", 7.96, "ng/mL", ("cxcl12_medium_nM", 1, "nM", False)),
    ],
)
def test_readings_are_converted_to_the_unit_of_the_readout(read, readout, value, unit, kept):
    row = only(read(f"{HEAD}{readout},{value},{unit},1,10,,\n"))
    assert (row.readout, row.value, row.unit, row.scaled) == (
        kept[0],
        pytest.approx(kept[1], rel=1e-12),
        *kept[2:],
    )


def test_a_standard_deviation_is_of_the_mean_of_n_and_follows_the_unit(read):
    text = "readout,value,unit,time_s,cxcl12_nM,{},n\ncalcium,0.2,uM,10,1,0.03,9\n"
    assert only(read(text.format("sd"))).sd == pytest.approx(10)
    assert only(read(text.format("sem"))).sd == pytest.approx(30)


@pytest.mark.parametrize(
    ("text", "name", "inputs"),
    [
        ("", "control", {}),
        ("vehicle", "control", {}),
        ("PTX", "pertussis_toxin", {}),
        ("pertussis_toxin=1", "pertussis_toxin", {}),
        ("JAK inhibition=0.9", "control", {"jak_inhibition": 0.9}),
        ("ptx + jak_inhibition", "pertussis_toxin", {"jak_inhibition": 1}),
        ("antagonist_nM=50", "control", {"antagonist_nM": 50}),
        ("knockdown=0.3", "control", {"cxcr4_gene": 0.3}),
        ("hypoxia", "control", {"oxygen": 9300}),
        ("hypoxia=0", "control", {}),
    ],
)
def test_conditions_are_those_of_the_assay_or_inputs_of_the_cell(read, text, name, inputs):
    condition = only(read(f"{HEAD}pERK,1,au,1,10,{text},\n")).condition
    assert (condition.name, dict(condition.settings)) == (name, inputs)


def test_the_assay_follows_readout_and_condition():
    assert assay_reading("pERK") == "phospho"
    assert assay_reading("calcium_fold") == "calcium"
    assert assay_reading("total_cxcr4_fold", "hypoxia_hre_mutant") == "hypoxia"
    assert assay_reading("total_cxcr4_fold", "knockdown") == "knockdown"


PLAIN = "readout,value,unit,time_min,cxcl12_nM\npERK,1.5,au,2.5,10\n"


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace(",", ";").encode(),
        PLAIN.replace(",", "\t").encode(),
        PLAIN.replace(",", ";").replace(".", ",").encode(),
        f"sep=;\n{PLAIN.replace(',', ';')}".encode(),
        f"# ours, of May\n\n{PLAIN}\n\n".encode(),
        PLAIN.replace("pERK", '"pERK"').encode(),
        PLAIN.replace("unit", "unit,note").replace("au", "au,5 µL").encode("cp1252"),
    ],
)
def test_what_spreadsheets_write_is_read_where_it_means_one_thing(read, content):
    row = only(read(content))
    assert (row.readout, row.value, row.time_s, row.cxcl12_nM) == ("pERK", 1.5, 150, 10)


def test_lines_without_a_value_are_left_out_and_said(read):
    data = read(f"{HEAD}pERK,1,au,1,10,,\npERK,NaN,au,2,10,,\npERK,,au,3,10,,\npERK,2,au,4,10,,0\n")
    assert [row.value for row in data.rows] == [1, 2]
    assert any("2 lines without a value left out: 3, 4" in note for note in data.notes)
    assert any("sd of 0" in note for note in data.notes)


def test_a_percentage_of_nothing_in_particular_is_said_to_be_fitted(read):
    assert any("a factor is fitted" in note for note in read(f"{HEAD}pERK,9,%,1,10,,\n").notes)


LINE = "pERK,1,au,1,10,,\n"
BAD_FILES = {
    "no value column": ("readout,valu,unit,time_min,cxcl12_nM\npERK,1,au,1,1\n", 1, "Is it 'valu'"),
    "no unit column": ("readout,value,time_min,cxcl12_nM\npERK,1,1,1\n", 1, "unit is missing"),
    "no time": ("readout,value,unit,cxcl12_nM\npERK,1,au,1\n", 1, "Add time_min"),
    "no cxcl12": ("readout,value,unit,time_min\npERK,1,au,1\n", 1, "Add cxcl12_nM"),
    "time without unit": ("readout,value,unit,time,cxcl12_nM\npERK,1,au,1,1\n", 1, "has no unit"),
    "time twice": ("readout,value,unit,time_s,time_min,cxcl12_nM\npERK,1,au,1,1,1\n", 1, "once"),
    "same header twice": ("readout,value,value,unit,time_s,cxcl12_nM\n", 1, "stands 2 times"),
    "misspelt column": (
        "readout,value,unit,time_s,cxcl12_nM,conditon\npERK,1,au,1,1,ptx\n",
        1,
        "condition",
    ),
    "sd and sem": (
        "readout,value,unit,time_s,cxcl12_nM,sd,sem\npERK,1,au,1,1,1,1\n",
        1,
        "Keep one",
    ),
    "empty": ("", None, "is empty"),
    "blank": (" \n\n", None, "is empty"),
    "header alone": (HEAD, None, "no measurement"),
    "remarks alone": ("# nothing\n", None, "remarks alone"),
    "no value at all": (f"{HEAD}pERK,,au,1,10,,\n", None, "no line with a value"),
    "other file": ("date,temperature\n1,2\n", 1, "names no known column"),
    "workbook": (b"PK\x03\x04\x00\x00workbook", None, "Save the sheet as CSV"),
    "open quote": (f'{HEAD}"pERK,1,au,1,10,,\n', 2, "double quote"),
    "too many cells": (f"{HEAD}pERK,1,5,au,1,10,ptx,,\n", 2, "the header has 7"),
    "decimal comma in quotes": (f'{HEAD}pERK,"1,5",au,1,10,,\n', 2, "decimal sign"),
    "both signs": (
        "readout;value;unit;time_min;cxcl12_nM\npERK;1,5;au;1;2.5\n",
        2,
        "part thousands",
    ),
    "no number": (f"{HEAD}pERK,high,au,1,10,,\n", 2, "value is 'high'"),
    "infinite": (f"{HEAD}pERK,inf,au,1,10,,\n", 2, "value is 'inf'"),
    "overflow": (f"{HEAD}pERK,1e999,au,1,10,,\n", 2, "value is '1e999'"),
    "negative time": (f"{HEAD}pERK,1,au,-1,10,,\n", 2, "time is -1. Give 0 or more"),
    "negative concentration": (f"{HEAD}pERK,1,au,1,-10,,\n", 2, "cxcl12 is -10. Give 0 or more"),
    "negative sd": (f"{HEAD}pERK,1,au,1,10,,-2\n", 2, "sd is -2"),
    "late": (f"{HEAD}pERK,1,au,1e9,10,,\n", 2, "unit of time"),
    "syrup": (f"{HEAD}pERK,1,au,1,1e9,,\n", 2, "above 1e+06 nM"),
    "no concentration": (f"{HEAD}pERK,1,au,1,,,\n", 2, "cxcl12 is empty"),
    "unknown readout": (f"{HEAD}pERKK,1,au,1,10,,\n", 2, "Did you mean pERK"),
    "unit of another kind": (f"{HEAD}calcium,1,mV,1,10,,\n", 2, "Give nM, fold"),
    "unit that is a tower": (f"{HEAD}calcium,1,m**9**9**9,1,10,,\n", 2, "does not convert"),
    "unknown condition": (f"{HEAD}pERK,1,au,1,10,jak_inhibitor,\n", 2, "jak_inhibition"),
    "share above 1": (f"{HEAD}pERK,1,au,1,10,jak_inhibition=3,\n", 2, "is a share"),
    "level missing": (f"{HEAD}pERK,1,au,1,10,antagonist_nM,\n", 2, "needs a level"),
    "level no number": (f"{HEAD}pERK,1,au,1,10,ptx=lots,\n", 2, "'lots' is no number"),
    "other oxygen": (f"{HEAD}pERK,1,au,1,10,hypoxia=5,\n", 2, "oxygen=NUMBER"),
    "two conditions": (
        f"{HEAD}calcium,1,au,1,10,ptx + second_pulse,\n",
        2,
        "exclude each other",
    ),
    "unknown context": (
        "readout,value,unit,time_s,cxcl12_nM,context\npERK,1,au,1,1,eca190\n",
        2,
        "Did you mean eca109",
    ),
    "unknown unit of dose": (
        "readout,value,unit,time_s,cxcl12,cxcl12_unit\npERK,1,au,1,1,IU\n",
        2,
        "ng/mL",
    ),
    "n of no number": (
        "readout,value,unit,time_s,cxcl12_nM,sd,n\npERK,1,au,1,1,1,2.5\n",
        2,
        "n is 2.5",
    ),
}


@pytest.mark.parametrize(("text", "line", "words"), BAD_FILES.values(), ids=BAD_FILES)
def test_each_bad_file_gets_one_message_with_its_line_and_cure(refused, text, line, words):
    (finding,) = refused(text)
    assert words in finding.message
    assert finding.where.endswith("my.csv" if line is None else f"my.csv:{line}")


def test_everything_that_is_wrong_is_said_at_once(refused):
    findings = refused(f"{HEAD}pERKK,a,au,-1,10,,\n{LINE}calcium,1,mV,1,-3,what,\n")
    assert [item.where.rpartition(":")[2] for item in findings] == ["2"] * 3 + ["4"] * 3


def test_a_file_that_is_not_there_names_one_beside_it(tmp_path):
    (tmp_path / "blots.csv").write_text(HEAD + LINE)
    with pytest.raises(UserInputError, match=r"blots\.csv"):
        read_measurements(tmp_path / "blot.csv")


CELLS = st.sampled_from(
    ["pERK", "calcium", "fold", "au", "%", "nM", "1", "-1", "1e5", "1,5", "nan", "ptx", "x=", '"']
) | st.text(max_size=8)


@settings(max_examples=150)
@given(
    rows=st.lists(st.lists(CELLS, min_size=4, max_size=8), min_size=1, max_size=5),
    separator=st.sampled_from(",;\t"),
    head=st.booleans(),
)
def test_no_table_of_odd_cells_ends_in_a_traceback(tmp_path_factory, rows, separator, head):
    lines = [separator.join(row) for row in rows]
    first = [HEAD.strip().replace(",", separator)] if head else []
    path = tmp_path_factory.mktemp("odd") / "odd.csv"
    path.write_text("\n".join([*first, *lines]), encoding="utf-8", errors="surrogateescape")
    read_or_refuse(path)


@settings(max_examples=60)
@given(content=st.binary(max_size=300))
def test_no_bytes_end_in_a_traceback(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("bytes") / "odd.csv"
    path.write_bytes(content)
    read_or_refuse(path)


def read_or_refuse(path):
    rows, findings = (), ()
    try:
        rows = read_measurements(path).rows
    except UserInputError as err:
        findings = err.findings
    assert bool(rows) != bool(findings)
    assert all(item.message and "odd.csv" in item.where for item in findings)
    assert all(math.isfinite(row.value) and row.cxcl12_nM >= 0 for row in rows)


# ---- likelihood


def measured(readout, values, *, unit="nM", scaled=False, sd=None, times_s=None):
    times_s = times_s or range(len(values))
    return [
        Measurement(
            where=f"my.csv:{i + 2}",
            assay="calcium",
            context="cxcr4_only",
            readout=readout,
            value=float(value),
            unit=unit,
            scaled=scaled,
            time_s=float(time_s),
            cxcl12_nM=10.0,
            condition=Condition(),
            sd=sd,
            replicate="",
            source="",
        )
        for i, (value, time_s) in enumerate(zip(values, times_s, strict=True))
    ]


def fitted(rows, said):
    said = np.asarray(said, dtype=float)
    (series,) = series_of(rows, [said], np.ones(len(rows), dtype=bool))
    return series, fit_series(series, said)


def test_a_given_sd_makes_the_gaussian_likelihood():
    series, fit = fitted(measured("pERK", [0.2, 0.5], unit="1", sd=0.1), [0.3, 0.5])
    assert not series.logarithmic
    assert fit.residuals == pytest.approx([-1, 0])
    assert fit.log_likelihood == pytest.approx(norm.logpdf([0.2, 0.5], [0.3, 0.5], 0.1).sum())
    assert series.n_fitted == 0


def test_concentrations_are_compared_by_proportion():
    series, fit = fitted(measured("calcium_nM", [100, 200], sd=10.0), [110, 220])
    assert series.logarithmic
    assert fit.residuals[0] == pytest.approx(-math.log(1.1) / math.sqrt(math.log(1.01)))


def test_a_zero_among_concentrations_makes_them_compared_linearly():
    assert not fitted(measured("calcium_nM", [0, 200]), [100, 200])[0].logarithmic
    assert not fitted(measured("calcium_nM", [100, 200]), [0, 200])[0].logarithmic


def test_without_sd_the_fitted_one_is_that_of_largest_likelihood():
    rows, said = measured("pERK", [0.2, 0.5, 0.9], unit="1"), np.array([0.3, 0.5, 0.7])
    series, fit = fitted(rows, said)
    rivals = [norm.logpdf([0.2, 0.5, 0.9], said, sd).sum() for sd in np.linspace(0.01, 1, 500)]
    assert fit.log_likelihood >= max(rivals)
    assert fit.log_likelihood == pytest.approx(max(rivals), abs=1e-3)
    assert (series.sd_source, series.n_fitted) == ("fitted", 1)


def test_replicates_give_the_pooled_sd_whatever_the_model_says():
    values, times = [1, 3, 10, 14, 5], [0, 0, 60, 60, 120]
    rows = measured("pERK", [*values, 7], unit="au", scaled=True, times_s=[*times, 120])
    series, _ = fitted(rows, [9, 9, 1, 1, 5, 5])
    assert series.sd_source == "replicates"
    assert series.sd == pytest.approx(np.full(6, math.sqrt((2 + 8 + 2) / 3)))


def test_a_perfect_fit_has_no_residuals_and_a_finite_likelihood():
    _, fit = fitted(measured("calcium_nM", [100, 200, 150]), [100, 200, 150])
    assert fit.residuals == pytest.approx(np.zeros(3), abs=1e-12)
    assert math.isfinite(fit.log_likelihood)


@given(factor=st.floats(1e-3, 1e3))
def test_arbitrary_units_can_be_stretched_without_changing_the_fit(factor):
    values, said = np.array([1.0, 4.0, 2.5]), [0.1, 0.5, 0.2]
    _, plain = fitted(measured("pERK", values, unit="au", scaled=True), said)
    _, other = fitted(measured("pERK", factor * values, unit="au", scaled=True), said)
    assert other.factor == pytest.approx(factor * plain.factor)
    assert other.residuals == pytest.approx(plain.residuals)
    # A density in other units: the same shift for every wiring.
    assert other.log_likelihood == pytest.approx(plain.log_likelihood - 3 * math.log(factor))


def test_the_factor_is_that_of_least_squares_and_never_negative():
    _, fit = fitted(measured("pERK", [1, 4], unit="au", scaled=True, sd=1.0), [1.0, 2.0])
    assert fit.factor == pytest.approx((1 * 1 + 4 * 2) / (1 + 4))
    _, fit = fitted(measured("pERK", [-1, -4], unit="au", scaled=True, sd=1.0), [1.0, 2.0])
    assert fit.factor == 0


def test_probabilities_weigh_likelihood_with_prior():
    chances = posterior({"a": -1000.0, "b": -1000.0 + math.log(3)}, {"a": 0.6, "b": 0.2})
    assert chances == pytest.approx({"a": 0.5, "b": 0.5})


def test_likelihoods_are_averaged_not_their_logarithms():
    logs = [-1000.0, -1000.0 + math.log(3), -2000.0]
    assert mean_of_likelihoods(logs) == pytest.approx(-1000 + math.log(4 / 3))


# ---- rival wirings


def test_the_rivals_are_those_of_the_cell_with_their_prior_weights():
    rivals = {item.name: item for item in rival_wirings()}
    assert "stat3_through_src=on" in rivals
    assert "niche_release=on" not in rivals
    assert sum(item.prior for item in rivals.values()) == pytest.approx(1)
    ratio = rivals["stat3_through_src=on"].prior / rivals["default"].prior
    assert ratio == pytest.approx(0.3 / 0.7)


def western(wiring, *, noise, label="test"):
    run = run_assay(
        "phospho",
        wiring=wiring,
        cxcl12_nM=[100.0],
        times_s=[0.0, 120.0, 300.0, 900.0],
        readouts=["pSTAT3"],
    )
    rng = rng_for(7, "western", label)
    rows = tuple(
        Measurement(
            where=f"my.csv:{i + 2}",
            assay="phospho",
            context="cxcr4_only",
            readout="pSTAT3",
            value=800 * (row.value * (1 + noise * rng.normal()) + 0.01 * noise * rng.normal()),
            unit="au",
            scaled=True,
            time_s=row.time_s,
            cxcl12_nM=row.cxcl12_nM,
            condition=Condition(name=row.condition),
            sd=None,
            replicate="",
            source="synthetic",
        )
        for i, row in enumerate(run.table.itertuples())
    )
    return Measurements(label="my.csv", rows=rows, notes=())


@pytest.mark.parametrize("wiring", [Wiring(), THROUGH_SRC], ids=["jak2", "src"])
def test_the_wiring_that_made_the_data_is_found(wiring):
    found = compare(
        western(wiring, noise=0.1), rivals=[THROUGH_SRC, Wiring(heterodimer="blunts_gi")]
    )
    expected = "default" if wiring == Wiring() else "stat3_through_src=on"
    assert found.best == expected
    summary = found.summary.set_index("wiring")
    assert summary.loc[expected, "verdict"] == "best"
    other = ({"default", "stat3_through_src=on"} - {expected}).pop()
    assert summary.loc[other, "difference"] < -5
    assert "less likely" in summary.loc[other, "verdict"]
    # There is no ACKR3 in this cell to pair with.
    assert summary.loc["heterodimer=blunts_gi", "verdict"].startswith("not seen")
    assert any(
        "cannot tell from the default" in note and "blunts_gi" in note for note in found.notes
    )


def test_data_without_noise_leave_no_residuals():
    found = compare(western(Wiring(), noise=0.0), rivals=[])
    assert np.abs(found.points["residual_sd"]).max() < 1e-3
    assert found.points["factor"].to_numpy() == pytest.approx(800, rel=1e-4)


def test_coarse_data_of_one_condition_alone_cannot_tell_src_from_jak2():
    made = western(Wiring(), noise=0.0)
    alone = [row for row in made.rows if row.condition.name == "control"]
    sd = 0.3 * max(row.value for row in alone)
    rows = tuple(replace(row, sd=sd) for row in alone)
    found = compare(Measurements(label="x", rows=rows, notes=()), rivals=[THROUGH_SRC])
    assert found.best == "default"
    assert found.summary["difference"].min() > -2
    assert not found.summary["verdict"].str.contains("less likely").any()
    shares = found.summary.set_index("wiring")["posterior"]
    assert 0.05 < shares["stat3_through_src=on"] < 0.5


@pytest.mark.parametrize(
    ("difference", "shift", "words"),
    [
        (-1.9, 3.0, "cannot be told apart from the best"),
        (-2.1, 3.0, "less likely than the best, by 2.1 log units"),
        (-9.0, 0.01, "not seen by these readings: says the same as the default"),
    ],
)
def test_the_words_for_a_rival_follow_its_distance_and_whether_it_is_seen(difference, shift, words):
    assert verdict_of("heterodimer=blunts_gi", difference, shift, first=False) == words


def test_draws_are_averaged(monkeypatch):
    data = western(Wiring(), noise=0.1)
    draws = [{"k_inactivate_stat3": 2.0}, {"k_inactivate_stat3": 0.2}]
    monkeypatch.setattr("cxaxis.cell.likelihood.drawn_parameters", lambda n: draws[:n])
    both = compare(data, rivals=[], draws=2)
    each = [
        compare(data, rivals=[], values=draw).summary["log_likelihood"].iloc[0] for draw in draws
    ]
    assert both.summary["log_likelihood"].iloc[0] == pytest.approx(mean_of_likelihoods(each))
    assert any("2 draws" in note for note in both.notes)


def test_a_fold_at_its_own_start_counts_for_nothing(read):
    text = f"{HEAD}pERK,1,fold,0,100,,\npERK,2.5,fold,5,100,,\npERK,2,fold,20,100,,\n"
    found = compare(read(text), rivals=[])
    assert found.summary["n_points"].iloc[0] == 2
    assert any("by definition" in note for note in found.notes)


def test_a_readout_that_the_cell_cannot_give_is_refused_with_its_line(read):
    data = read(f"{HEAD}surface_cxcr4,0.5,fold,30,100,,\n", context="ackr3_only")
    with pytest.raises(UserInputError, match=r"my\.csv:2.*no reading of surface_cxcr4_fold"):
        compare(data, rivals=[])


def test_a_condition_that_comes_later_than_the_reading_is_refused_with_its_line(read):
    data = read(f"{HEAD}calcium,100,nM,1,100,second_pulse,\n")
    with pytest.raises(UserInputError, match=r"my\.csv:2.*second_pulse needs readings later"):
        compare(data, rivals=[])


def test_data_far_from_every_wiring_are_said_to_be_missed(read):
    lines = "".join(f"calcium,{v},nM,{t},100,,5\n" for t, v in enumerate((900, 100, 900, 100)))
    found = compare(read(HEAD + lines), rivals=[])
    assert any("Even the best wiring misses calcium_nM" in note for note in found.notes)
