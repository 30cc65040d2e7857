"""The kept result: tables there and back, the parameter table, the draws others load."""

import math
from dataclasses import replace

import pytest

from cxaxis.core.errors import UserInputError
from cxaxis.inference.cell_fit import CALIBRATED_NOTE, written_back
from cxaxis.inference.fit_files import (
    CellCalibration,
    FittedFeature,
    FittedParameter,
    FittedPoint,
    FittedStart,
    StaleFitError,
    calibration_texts,
    load_calibration,
)
from cxaxis.knowledge.cell_fit import load_cell_fit
from cxaxis.knowledge.parameters import PARAMETER_COLUMNS
from cxaxis.knowledge.posteriors import load_cell_posterior

NAMES = tuple(load_cell_fit().priors)
ROW = FittedParameter(
    id=NAMES[0],
    unit="nM",
    prior_median=40.0,
    prior_sd=1.0,
    value=31.25,
    laplace_sd=0.5,
    draw_sd=0.55,
    profile_low=12.5,
    profile_high=math.nan,
    rise_low=4.0,
    rise_high=2.0,
    identifiable="one side",
)
FIT = CellCalibration(
    parameters=tuple(replace(ROW, id=name) for name in NAMES),
    points=(FittedPoint(id="a", measured=1.0, sd=0.1, model=1.05, residual=-0.5),),
    starts=(
        FittedStart(
            start="table", misfit_at_start=9.0, misfit=4.0, evaluations=7, largest_shift_sd=0.25
        ),
    ),
    features=(
        FittedFeature(
            id="b",
            role="fitted",
            value=1.0,
            draw_low=0.5,
            draw_high=math.nan,
            share_read=1.0,
            share_inside=0.5,
        ),
    ),
    draws=tuple(dict.fromkeys(NAMES, value) for value in (30.0, 32.5)),
    summary={"input_hash": "0" * 64},
)


def _kept(folder, fit=FIT):
    for name, text in calibration_texts(fit).items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_a_result_is_read_as_it_was_written(tmp_path):
    found = load_calibration(_kept(tmp_path))
    assert calibration_texts(found) == calibration_texts(FIT)
    assert math.isnan(found.parameters[0].profile_high)
    assert found.parameters[0].identifiable == "one side"
    assert found.draws == FIT.draws


def test_a_missing_table_names_the_command(tmp_path):
    _kept(tmp_path)
    (tmp_path / "cell_fit_points.tsv").unlink()
    with pytest.raises(StaleFitError, match=r"python -m cxaxis\.inference\.cell_fit"):
        load_calibration(tmp_path)


def test_a_posterior_as_wide_as_its_prior_is_not_learned():
    assert replace(ROW, laplace_sd=0.9).is_learned
    assert not replace(ROW, laplace_sd=0.91).is_learned
    assert replace(ROW, laplace_sd=0.25).ratio == 0.25


def _line(**cells):
    plain = dict.fromkeys(PARAMETER_COLUMNS, "") | {"id": NAMES[0], "value": "40"}
    return "\t".join((plain | cells)[name] for name in PARAMETER_COLUMNS)


def _cells(text):
    return dict(zip(PARAMETER_COLUMNS, text.split("\n")[1].split("\t"), strict=True))


def _table(**cells):
    other = _line(id="kd_other", value="7", status="measured", note="stays")
    return "\n".join(["\t".join(PARAMETER_COLUMNS), _line(**cells), other, ""])


def test_values_go_back_into_the_table_once():
    before = _table(status="assumed", spread="0.7", evidence="MOL002", note="(fitted) low end")
    after = written_back(before, FIT)
    cells = _cells(after)
    assert cells["value"] == "31.25"
    assert cells["status"] == "derived"
    assert cells["spread"] == "0.7"
    assert cells["evidence"] == "MOL002"
    assert cells["note"] == f"low end; {CALIBRATED_NOTE}"
    assert after.split("\n")[2:] == before.split("\n")[2:]
    assert written_back(after, FIT) == after


def test_what_was_not_learned_stays_assumed_and_what_moved_is_no_reading():
    vague = replace(FIT, parameters=(replace(ROW, laplace_sd=0.95),))
    assert _cells(written_back(_table(status="assumed"), vague))["status"] == "assumed"
    assert _cells(written_back(_table(status="measured"), vague))["status"] == "derived"


def test_draws_are_loaded_by_number(tmp_path):
    path = _kept(tmp_path) / "cell_posterior.tsv"
    found = load_cell_posterior(path)
    assert list(found) == [0, 1]
    assert found[1] == dict.fromkeys(NAMES, 32.5)


def test_missing_draws_name_the_command(tmp_path):
    with pytest.raises(UserInputError, match="is missing"):
        load_cell_posterior(tmp_path / "cell_posterior.tsv")


@pytest.mark.parametrize("damage", ["-1", "", "x"])
def test_a_bad_draw_is_named(tmp_path, damage):
    path = _kept(tmp_path) / "cell_posterior.tsv"
    path.write_text(path.read_text("utf-8").replace("32.5", damage), encoding="utf-8")
    with pytest.raises(UserInputError, match=r"cell_posterior\.tsv:3"):
        load_cell_posterior(path)


def test_a_table_without_draws_is_refused(tmp_path):
    path = _kept(tmp_path) / "cell_posterior.tsv"
    path.write_text(path.read_text("utf-8").split("\n")[0] + "\n", encoding="utf-8")
    with pytest.raises(UserInputError, match="holds no draw"):
        load_cell_posterior(path)
