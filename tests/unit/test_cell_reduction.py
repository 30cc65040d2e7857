"""Response functions as users and engines meet them."""

import math

import numpy as np
import pytest

from cxaxis.cell import reduce
from cxaxis.cell.reduction import (
    ANTIMONY_FILE,
    DECLARATION_FILE,
    KERNEL_FILE,
    generated_file,
    header_hash,
    load_responses,
)
from cxaxis.cell.reduction_emit import (
    KERNEL,
    PREFIX,
    antimony_source,
    coefficient_source,
    kernel_source,
)
from cxaxis.cell.reduction_form import coefficient_names, coefficients_of, fit_from
from cxaxis.cell.reduction_network import ReductionError
from cxaxis.cell.reduction_sampling import box_points
from cxaxis.core.errors import ModelValueError, UserInputError
from cxaxis.knowledge.response_box import load_response_box, load_response_outputs
from cxaxis.models.build import consistency_messages
from cxaxis.models.compose import parse_submodel, read_source
from cxaxis.models.responses import COEFFICIENT_FILE, SHIFT_FILE, coefficient_file
from cxaxis.models.wiring import Wiring

INPUTS = load_response_box()
OUTPUTS = load_response_outputs()
RESPONSES = load_responses()
POINTS = box_points(INPUTS, 32, seed=3)


def kernel_of(text):
    names = {}
    exec(compile(text, KERNEL_FILE, "exec"), names)
    return names[KERNEL]


def kernel_shares(kernel, points, coefficients):
    found = np.empty((len(next(iter(points.values()))), len(OUTPUTS)))
    for i in range(len(found)):
        arguments = [float(points[name][i]) for name in INPUTS]
        kernel(*arguments, coefficients, found[i])
    return found


def test_the_kernel_equals_the_evaluator_to_rounding():
    text = generated_file(KERNEL_FILE).read_text("utf-8")
    found = kernel_shares(kernel_of(text), POINTS, RESPONSES.coefficients)
    shares = RESPONSES.shares(**POINTS)
    for k, name in enumerate(OUTPUTS):
        assert found[:, k] == pytest.approx(shares[name], rel=1e-10), name


def test_the_kernel_runs_compiled():
    numba = pytest.importorskip("numba")
    text = generated_file(KERNEL_FILE).read_text("utf-8")
    plain = kernel_of(text)
    found = kernel_shares(numba.njit(plain), POINTS, RESPONSES.coefficients)
    assert found == pytest.approx(kernel_shares(plain, POINTS, RESPONSES.coefficients), rel=1e-12)


def sbml_of(text):
    """The submodel in a model of its own, with a constant at every port."""
    import antimony

    units = read_source("units.ant").replace("TIME", "second")
    ports = ", ".join(INPUTS)
    constants = "\n".join(
        f"  {n} has {'dimensionless' if i.unit == '1' else i.unit};  {n} = 1;"
        for n, i in INPUTS.items()
    )
    declared = parse_submodel(read_source(DECLARATION_FILE))
    constants += "".join(f"\n  {s};  {s.split()[0]} = 1;" for s in declared.statements)
    whole = text.replace(f"model cell_response({ports})", f"model *bench()\n{units}\n{constants}")
    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(whole) >= 0, antimony.getLastError()
    return str(antimony.getSBMLString("bench"))


def test_the_antimony_text_equals_the_kernel_and_has_no_unit_complaint():
    import roadrunner

    text = read_source(ANTIMONY_FILE)
    sbml = sbml_of(text)
    assert consistency_messages(sbml) == []
    runner = roadrunner.RoadRunner(sbml)
    numbers = dict(zip(coefficient_names(OUTPUTS), RESPONSES.coefficients, strict=True))
    for name, item in INPUTS.items():
        numbers |= {f"low_{name}": item.low, f"high_{name}": item.high}
    for name, value in numbers.items():
        runner.setValue(PREFIX + name, float(value))
    kernel = kernel_of(generated_file(KERNEL_FILE).read_text("utf-8"))
    # One point beyond the box, so that both languages clamp.
    points = {name: np.append(column[:5], 1e6) for name, column in POINTS.items()}
    expected = kernel_shares(kernel, points, RESPONSES.coefficients)
    for i, row in enumerate(expected):
        for name in INPUTS:
            runner.setValue(name, float(points[name][i]))
        found = [runner.getValue(PREFIX + name) for name in OUTPUTS]
        assert found == pytest.approx(row.tolist(), rel=1e-10)


def test_generated_texts_follow_from_the_tables_alone():
    sources = {
        KERNEL_FILE: kernel_source,
        ANTIMONY_FILE: antimony_source,
        DECLARATION_FILE: coefficient_source,
    }
    for name, source in sources.items():
        text = generated_file(name).read_text("utf-8")
        header = [line.lstrip("#/ ") for line in text.splitlines()[:2]]
        assert text == source(INPUTS, OUTPUTS, "\n".join(header))


def test_both_submodels_read_as_such():
    functions = parse_submodel(read_source(ANTIMONY_FILE))
    assert functions.ports == tuple(INPUTS)
    assert "response_clamped" in functions.functions
    declared = parse_submodel(read_source(DECLARATION_FILE))
    assert declared.ports == ()
    names = [statement.split()[0] for statement in declared.statements]
    edges = [f"{edge}_{name}" for name in INPUTS for edge in ("low", "high")]
    assert names == [PREFIX + name for name in (*edges, *coefficient_names(OUTPUTS))]


def test_coefficients_there_and_back():
    fit = fit_from(RESPONSES.coefficients, INPUTS, OUTPUTS)
    assert np.array_equal(coefficients_of(fit), RESPONSES.coefficients)
    assert len(coefficient_names(OUTPUTS)) == len(RESPONSES.coefficients)


def middle(**changes):
    values = {name: math.sqrt(max(i.low, 0.1) * i.high) for name, i in INPUTS.items()}
    return {**values, "competitive_occupancy": 0.0, **changes}


def test_numbers_and_arrays_broadcast():
    found = RESPONSES.shares(**middle(cxcl12_nM=np.array([[0.1], [1.0]])))
    assert found["erk_activity"].shape == (2, 1)
    single = RESPONSES.shares(**middle(cxcl12_nM=0.1))["erk_activity"]
    assert single.shape == ()
    assert found["erk_activity"][0, 0] == pytest.approx(float(single), rel=1e-12)


@pytest.mark.parametrize("name", sorted(INPUTS))
def test_beyond_the_box_nothing_changes(name):
    item = INPUTS[name]
    for edge, beyond in ((item.high, item.high * 100), (item.low, item.low / 100 - 1e-9)):
        here = RESPONSES.shares(**middle(**{name: edge}))
        there = RESPONSES.shares(**middle(**{name: beyond}))
        assert all(here[output] == there[output] for output in OUTPUTS)


def test_every_share_lies_between_0_and_1():
    found = RESPONSES.shares(**box_points(INPUTS, 512, seed=8))
    for name, share in found.items():
        assert share.min() >= 0, name
        assert share.max() <= 1, name


def test_an_unknown_input_names_the_nearest():
    with pytest.raises(ModelValueError, match="cxcl12_nM"):
        RESPONSES.shares(**middle(), cxcl12_nm=1.0)


def test_a_missing_input_is_named():
    values = middle()
    del values["oxygen_nM"]
    with pytest.raises(ModelValueError, match="also need oxygen_nM"):
        RESPONSES.shares(**values)


def test_what_is_not_a_number_is_refused():
    with pytest.raises(ModelValueError, match="cxcl12_nM"):
        RESPONSES.shares(**middle(cxcl12_nM=math.nan))


def test_wirings_that_matter_have_a_set_and_others_take_the_default():
    assert load_responses(Wiring(heterodimer="blunts_gi")).wiring == "heterodimer=blunts_gi"
    assert load_responses(Wiring(tgf_beta="stromal_cxcl12_down")).wiring == "default"


def test_a_set_that_was_not_made_says_how_to_make_it():
    with pytest.raises(ModelValueError, match="--draws N"):
        load_responses(draw=10**6)
    with pytest.raises(ModelValueError, match="wiring heterodimer=blunts_gi, draw 1000000"):
        load_responses(Wiring(heterodimer="blunts_gi", ackr3_uptake="free"), draw=10**6)


def test_of_several_options_each_output_follows_the_one_that_acts_on_it():
    both = load_responses(Wiring(ackr3_survival="on", stat3_through_src="on"))
    assert both.wiring == "ackr3_survival=on;stat3_through_src=on"
    survival = load_responses(Wiring(ackr3_survival="on"))
    source = load_responses(Wiring(stat3_through_src="on"))
    names = coefficient_names(OUTPUTS)
    for output, single in (("death_rate", survival), ("stat3_activity", source)):
        own = [k for k, name in enumerate(names) if name.startswith(f"{output}_")]
        assert own
        assert np.array_equal(both.coefficients[own], single.coefficients[own])
    point = middle(cxcl12_nM=1.0)
    assert both.shares(**point)["stat3_activity"] == pytest.approx(
        source.shares(**point)["stat3_activity"], rel=0.02
    )


def test_committed_files_carry_the_hash_of_their_inputs(monkeypatch, capsys):
    assert reduce.stale_files() == []
    assert reduce.main(["--check"]) == 0
    monkeypatch.setattr(reduce, "FORM_VERSION", -1)
    assert sorted(reduce.stale_files()) == sorted(reduce.FILES)
    assert reduce.main(["--check"]) == 1
    assert "is stale. Run: python -m cxaxis.cell.reduce" in capsys.readouterr().err


def test_texts_are_written_again_without_a_fit(monkeypatch, tmp_path):
    real = generated_file
    monkeypatch.setattr(
        reduce,
        "generated_file",
        lambda name: real(name) if name in reduce.FITTED_FILES else tmp_path / name,
    )
    assert SHIFT_FILE in reduce.stale_files()
    assert reduce.main(["--emit"]) == 0
    assert reduce.stale_files() == []
    for name in (ANTIMONY_FILE, DECLARATION_FILE, KERNEL_FILE):
        assert (tmp_path / name).read_text("utf-8") == real(name).read_text("utf-8")
    (tmp_path / KERNEL_FILE).write_text("changed", "utf-8")
    assert reduce.stale_files() == [KERNEL_FILE]


def test_texts_of_stale_coefficients_are_refused(monkeypatch):
    monkeypatch.setattr(reduce, "FORM_VERSION", -1)
    with pytest.raises(ReductionError, match=COEFFICIENT_FILE):
        reduce.main(["--emit"])


def test_the_table_of_coefficients_lies_where_models_read_it():
    assert coefficient_file() == generated_file(COEFFICIENT_FILE)


def test_wirings_of_other_models_do_not_make_files_stale(monkeypatch):
    before = reduce.input_hash(1)
    here = [w for w in reduce.one_at_a_time() if w.niche_release == "off"]
    monkeypatch.setattr(reduce, "one_at_a_time", lambda: here)
    assert reduce.input_hash(1) == before
    fewer = [w for w in here if w.heterodimer == "none"]
    monkeypatch.setattr(reduce, "one_at_a_time", lambda: fewer)
    assert reduce.input_hash(1) != before


def test_a_file_without_a_header_is_stale(tmp_path):
    path = tmp_path / "x.tsv"
    assert header_hash(path) is None
    path.write_text("a\tb\n", encoding="utf-8")
    assert header_hash(path) is None


def test_the_box_refuses_every_fault_at_once(tmp_path):
    path = tmp_path / "box.tsv"
    path.write_text(
        "id\tunit\tlow\thigh\tscale\tacts_on\tformula\tname\tnote\n"
        "a\tnM\t1\t0.5\tlog\ta\ta\tname\tnote\n"
        "b\t1\t0\t1\tlog_free\tb\tb\tname\tnote\n"
        "c\tbogus_unit\t1\t2\tlinear\tc\tc\tname\t\n",
        encoding="utf-8",
    )
    with pytest.raises(UserInputError) as caught:
        load_response_box(path)
    message = str(caught.value)
    for piece in ("box.tsv:2", "box.tsv:3", "box.tsv:4", "bogus_unit", "linear", "note is empty"):
        assert piece in message


def test_the_box_is_as_wide_as_was_decided():
    decades = {name: math.log10(i.high / i.low) for name, i in INPUTS.items() if i.low > 0}
    assert decades["cxcl12_nM"] >= 3
    assert min(decades["cxcr4_surface_nM"], decades["ackr3_surface_nM"]) >= 2
