"""Ids, units, hashes, streams, findings and outcomes."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxaxis.core.errors import (
    ModelValueError,
    SimulationFailedError,
    UserInputError,
    error,
    raise_on_errors,
    warning,
)
from cxaxis.core.hashing import canonical_json, sha256_file, sha256_of, sha256_text
from cxaxis.core.ids import did_you_mean, is_sbml_id, nearest, patient_id
from cxaxis.core.outcomes import ADVICE, Outcome, PatientOutcome, require_success
from cxaxis.core.streams import rng_for, stream_key
from cxaxis.core.units import conversion_factor, is_unit

scopes = st.lists(st.one_of(st.text(max_size=8), st.integers(0, 10**6)), min_size=1, max_size=4)


@given(seed=st.integers(0, 2**63 - 1), scope=scopes)
def test_a_stream_belongs_to_its_seed_and_purpose(seed, scope):
    one, two = (rng_for(seed, *scope).standard_normal(3) for _ in range(2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, rng_for(seed, *scope, "more").standard_normal(3))


def test_scopes_that_print_alike_are_different_streams():
    keys = {
        stream_key("a", 1),
        stream_key("a", "1"),
        stream_key("a1"),
        stream_key("a", "", "1"),
        stream_key(1, "a"),
    }
    assert len(keys) == 5


def test_streams_of_neighbours_are_not_correlated():
    draws = np.array([rng_for(1, "patient", i, "eta", "x").standard_normal(2) for i in range(4000)])
    assert draws.mean() == pytest.approx(0, abs=4 / np.sqrt(8000))
    assert draws.std() == pytest.approx(1, abs=0.03)
    assert abs(np.corrcoef(draws[:-1, 0], draws[1:, 0])[0, 1]) < 4 / np.sqrt(4000)


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_outside_its_range_is_refused(seed):
    with pytest.raises(ModelValueError, match="seed"):
        rng_for(seed, "x")


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (1.0, "nM", "1e-9 mole / litre", 1.0),
        (2.0, "1/hour", "1/day", 48.0),
        (2.6, "item/microlitre", "item/litre", 2.6e6),
        (1.0, "1e-9 mole / litre", "micromolar", 1e-3),
        (12.0, "month_clinical", "day", 365.25),
        (5.0, "1", "dimensionless", 5.0),
    ],
)
def test_units_convert(value, source, target, expected):
    assert value * conversion_factor(source, target) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("furlongs_x", "metre", "unknown unit"),
        ("metre", "second", "different dimensions"),
        ("item", "mole", "different dimensions"),
    ],
)
def test_units_that_do_not_convert_are_refused(source, target, message):
    with pytest.raises(ModelValueError, match=message):
        conversion_factor(source, target)


def test_is_unit_knows_the_house_units():
    assert all(is_unit(text) for text in ("nM", "item/litre", "1/day", "mg/kg"))
    assert not any(is_unit(text) for text in ("", "nonsense_unit", "mg/"))


def test_canonical_json_does_not_depend_on_key_order():
    assert canonical_json({"b": 1, "a": [1.5, None]}) == '{"a":[1.5,null],"b":1}'
    assert sha256_of({"b": 1, "a": 2}) == sha256_of({"a": 2, "b": 1})
    assert sha256_of(1) != sha256_of(1.5)
    with pytest.raises(ValueError, match="JSON"):
        canonical_json(float("nan"))


def test_a_file_hashes_as_its_text(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("CXCL12", encoding="utf-8")
    assert sha256_file(path) == sha256_text("CXCL12")


def test_house_ids():
    assert is_sbml_id("kd_cxcl12_cxcr4")
    assert not any(map(is_sbml_id, ("Kd", "1a", "a-b", "", "a b", "a\n")))
    assert patient_id(0) == "VP00001"
    assert nearest("plerixafr", ["cisplatin", "plerixafor"]) == ("plerixafor",)


def test_hints_name_the_nearest_or_all_of_a_short_list():
    assert did_you_mean("plerixafr", ["plerixafor", "cisplatin"]) == "Did you mean plerixafor?"
    assert did_you_mean("zzz", ["b", "a"]) == "Known: a, b."
    many = [f"name{k}" for k in range(20)]
    assert did_you_mean("zzz", many) == "None of the 20 known ids resembles it."


def test_a_finding_reads_as_one_line():
    assert (
        str(error("PROT001", "a.yaml:3", "dose is -1.")) == "a.yaml:3  error  PROT001  dose is -1."
    )


def test_errors_are_raised_all_at_once_and_warnings_are_not():
    raise_on_errors([warning("A001", "x", "careful")])
    findings = [error("A001", "x", "one"), warning("A002", "y", "two"), error("A003", "z", "three")]
    with pytest.raises(UserInputError) as caught:
        raise_on_errors(findings)
    assert caught.value.findings == tuple(findings)
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.findings == tuple(findings)


def test_every_outcome_has_advice_and_only_completion_and_events_are_no_failure():
    assert set(ADVICE) == set(Outcome)
    for outcome in Outcome:
        item = PatientOutcome(outcome=outcome, time=1.0)
        assert outcome.is_failure == (outcome not in (Outcome.COMPLETED, Outcome.EVENT))
        assert bool(item.advice) == outcome.is_failure


def test_success_is_required_up_to_a_number_of_failures():
    good = PatientOutcome(outcome=Outcome.COMPLETED, time=9.0)
    bad = PatientOutcome(outcome=Outcome.STEP_TOO_SMALL, time=12.5, state="cxcl12")
    require_success(["a", "b"], [good, bad], max_failed=1)
    with pytest.raises(SimulationFailedError, match=r"b: step_too_small at 12.5.*cxcl12"):
        require_success(["a", "b"], [good, bad])
