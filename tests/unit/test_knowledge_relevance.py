"""How near a reading is to a patient with ESCC, and what that does to a parameter's spread."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxaxis.core.errors import ModelValueError, UserInputError
from cxaxis.knowledge.checks import check_relevance_follows_the_rules, read_knowledge
from cxaxis.knowledge.evidence import DIMENSIONS, load_evidence
from cxaxis.knowledge.parameters import Parameters, load_parameters
from cxaxis.knowledge.relevance import (
    combined_relevance,
    load_relevance_rules,
    read_relevance_rules,
    relevance_of,
)
from cxaxis.knowledge.tables import read_bytes
from cxaxis.knowledge.widening import (
    calibrated_tau,
    differing,
    expected_relevance,
    load_calibration,
    main,
    relevance_words,
    rewritten,
    widening_words,
)

EVIDENCE = load_evidence()
RULES = load_relevance_rules()
PARAMETERS = load_parameters(evidence=EVIDENCE, rules=RULES)
KNOWLEDGE, _ = read_knowledge()
TABLE = read_bytes(None, "relevance_rules.tsv")[1].decode()
SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=6)
# What the order of the factors says: in each chain, later is farther from a patient with ESCC.
CHAINS = {
    "species": [("human", "several", "mouse"), ("human", "rat"), ("human", "other_mammal")],
    "tissue": [
        ("escc", "oesophagus", "squamous_other", "other_tumour", "normal_other"),
        ("oesophagus", "other_tumour", "blood_or_marrow"),
        ("whole_body", "cell_free"),
    ],
    "assay": [
        ("clinical_outcome", "pathology", "cell_culture", "animal_model"),
        ("binding", "expression", "estimate"),
    ],
    "setting": [
        ("in_vivo_human", "ex_vivo", "in_vitro", "in_vivo_animal"),
        ("in_vivo_human", "in_silico"),
    ],
    "directness": [("direct", "indirect", "analogy")],
}
ROWS = st.builds(
    lambda words: replace(EVIDENCE["MOL002"], **words),
    st.fixed_dictionaries({name: st.sampled_from(words) for name, words in DIMENSIONS.items()}),
)


# Scores


@pytest.mark.parametrize(
    ("row", "by_hand"),
    [
        # human, another tumour's line, arrestin read-out, in a dish, fitted
        ("MOL002", 1 * 0.7 * 0.9 * 0.7 * 0.8),
        # human, other people than ESCC patients, drug levels, in people, read
        ("DRG085", 1 * 0.9 * 1 * 1 * 1),
        # mouse, glioblastoma, animal model, in an animal, read
        ("DRG242", 0.5 * 0.7 * 0.6 * 0.5 * 1),
        # a molar mass has no distance
        ("DRG001", 1),
    ],
)
def test_scores_by_hand(row, by_hand):
    assert relevance_of(EVIDENCE[row], RULES) == pytest.approx(by_hand, rel=1e-12)


def test_patients_with_escc_are_at_home():
    assert relevance_of(EVIDENCE["CLI055"], RULES) == 1


def test_an_animal_experiment_stays_below_the_power_a_mouse_may_have():
    for row in EVIDENCE.values():
        if row.assay == "animal_model":
            assert relevance_of(row, RULES) <= 0.3 + 1e-12, row.id


@given(row=ROWS, data=st.data())
def test_a_farther_system_never_scores_higher(row, data):
    name = data.draw(st.sampled_from(sorted(CHAINS)))
    chain = data.draw(st.sampled_from(CHAINS[name]))
    near, far = sorted(
        data.draw(st.lists(st.sampled_from(range(len(chain))), min_size=2, max_size=2))
    )
    scores = [relevance_of(replace(row, **{name: chain[at]}), RULES) for at in (near, far)]
    assert 0 < scores[1] <= scores[0] <= 1


def test_each_step_of_a_chain_costs_something():
    for name, chains in CHAINS.items():
        for chain in chains:
            factors = [RULES.factors[name, word] for word in chain]
            assert factors == sorted(factors, reverse=True)
            assert factors[0] > factors[-1]


# Several rows


def test_one_row_gives_its_own_score_and_two_the_root_mean_square_distance():
    assert combined_relevance([0.4]) == pytest.approx(0.4)
    assert combined_relevance([1.0, 0.0]) == pytest.approx(1 - math.sqrt(0.5))


@given(scores=SCORES, more=st.floats(0, 1))
def test_several_rows_lie_between_their_own_and_nearer_to_the_far_one(scores, more):
    together = combined_relevance(scores)
    assert min(scores) - 1e-9 <= together <= max(scores) + 1e-9
    assert together <= sum(scores) / len(scores) + 1e-9
    if more <= min(scores):
        assert combined_relevance([*scores, more]) <= together + 1e-9


def test_no_row_has_no_relevance():
    with pytest.raises(ModelValueError, match="at least one"):
        combined_relevance([])


# The rules


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("species\tmouse\t", "specis\tmouse\t", "RELV001", ["'specis'", "Did you mean species?"]),
        ("tissue\tescc\t", "tissue\tesc\t", "RELV002", ["'esc'", "Did you mean escc"]),
        ("species\tmouse\t0.5", "species\tmouse\t1.5", "RELV003", ["'1.5'", "at most 1"]),
        ("species\tmouse\t0.5", "species\tmouse\t0", "RELV003", ["mouse: factor is '0'"]),
        ("widening\ttau\t1.1", "widening\ttau\t-1", "RELV003", ["tau: factor is '-1'"]),
        ("human\t1\tthe species of the patient", "human\t1\t", "RELV004", ["Say why"]),
        ("directness\tdirect\t1\tthe quantity itself was read\n", "", "RELV005", ["'direct'"]),
    ],
)
def test_a_bad_rule_is_named(tmp_path, old, new, code, words):
    assert TABLE.count(old) == 1
    path = tmp_path / "rules.tsv"
    path.write_text(TABLE.replace(old, new), encoding="utf-8")
    rules, findings = read_relevance_rules(path)
    assert rules is None
    (finding,) = findings
    assert finding.code == code
    assert str(path) in finding.where
    for word in words:
        assert word in finding.message
    with pytest.raises(UserInputError):
        load_relevance_rules(path)


def test_each_factor_below_one_says_that_its_size_is_assumed():
    lines = [line.split("\t") for line in TABLE.splitlines()[1:]]
    for dimension, option, factor, reason in lines:
        if dimension != "widening" and float(factor) < 1:
            assert reason.endswith("size assumed"), option


# The parameters


def test_the_column_is_what_the_rules_give():
    assert differing(evidence=EVIDENCE, rules=RULES) == {}


def test_what_cites_nothing_keeps_what_it_states_up_to_the_ceiling():
    row = replace(PARAMETERS["body_height"], relevance=0.9)
    assert expected_relevance(row, EVIDENCE, RULES) == RULES.ceiling
    assert expected_relevance(replace(row, relevance=0.2), EVIDENCE, RULES) == 0.2
    assert expected_relevance(replace(row, spread=0.0), EVIDENCE, RULES) == 0.9


def test_constants_and_definitions_have_relevance_one_or_no_spread():
    assert PARAMETERS["items_per_nmol"].relevance == 1
    for row in PARAMETERS.values():
        assert (row.widened_spread == 0) == (row.spread == 0)


def test_the_tabled_tau_is_what_the_calibration_gives():
    readings = load_calibration(parameters=PARAMETERS, evidence=EVIDENCE)
    assert RULES.tau == pytest.approx(
        calibrated_tau(readings, PARAMETERS, EVIDENCE, RULES), abs=0.05
    )


def test_tau_by_hand_and_zero_where_the_spread_covers_the_scatter():
    """Two readings a factor e apart have sd 1/sqrt(2); both at distance 0.5."""
    words = {"species": "mouse", "tissue": "escc", "assay": "protocol", "directness": "direct"}
    row = replace(EVIDENCE["MOL002"], setting="in_vivo_human", **words)
    rows = {"A": replace(row, value="1"), "B": replace(row, value=repr(math.e))}
    narrow = {"k": replace(PARAMETERS["kd_cxcl12_cxcr4"], spread=0.5)}
    tau = calibrated_tau({"k": ("A", "B")}, narrow, rows, RULES)
    assert tau == pytest.approx(math.sqrt(0.5 - 0.25) / 0.5)
    wide = {"k": replace(narrow["k"], spread=0.8)}
    assert calibrated_tau({"k": ("A", "B")}, wide, rows, RULES) == 0


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("kd_cxcl12\tMOL002;MOL033\t", "RELV006"),
        ("kd_cxcl12_cxcr4\tMOL002;MOL999\t", "RELV007"),
        ("kd_cxcl12_cxcr4\tMOL002;TIS017\t", "RELV007"),
        ("kd_cxcl12_cxcr4\tMOL002\t", "RELV008"),
        ("kd_cxcl12_cxcr4\tMOL002;MOL022\t", "RELV009"),
        ("kd_cxcl12_cxcr4\tMOL002;MOL061\t", "RELV009"),
    ],
)
def test_a_bad_line_of_the_calibration_is_named(tmp_path, line, code):
    path = tmp_path / "calibration.tsv"
    path.write_text(f"id\tevidence\tnote\n{line}\n", encoding="utf-8")
    with pytest.raises(UserInputError) as caught:
        load_calibration(path, parameters=PARAMETERS, evidence=EVIDENCE)
    assert {(item.code, item.where) for item in caught.value.findings} == {(code, f"{path}:2")}


# The check on the whole knowledge base


def findings_on(row, **changes):
    knowledge = replace(KNOWLEDGE, parameters=Parameters({row.id: row}), **changes)
    return list(check_relevance_follows_the_rules(knowledge))


def test_a_relevance_that_its_evidence_does_not_give_is_found():
    row = PARAMETERS["koff_cxcl12_cxcr4"]
    assert findings_on(row) == []
    (finding,) = findings_on(replace(row, relevance=0.6))
    assert (finding.code, finding.where) == ("KNOW011", row.where)
    assert finding.message == (
        "koff_cxcl12_cxcr4: relevance is 0.6, its evidence gives 0.38. "
        "Set it to 0.38, or cite nearer evidence."
    )


def test_without_evidence_relevance_stays_below_the_ceiling_unless_fixed():
    row = PARAMETERS["tumour_fluid"]
    assert findings_on(replace(row, relevance=0.1)) == []
    assert findings_on(replace(row, relevance=1.0, spread=0.0)) == []
    (finding,) = findings_on(replace(row, relevance=0.7))
    assert "without evidence the ceiling is 0.5. Set it to 0.5" in finding.message


def test_faulty_words_or_rules_have_their_own_finding_and_blame_no_parameter():
    row = replace(PARAMETERS["koff_cxcl12_cxcr4"], relevance=0.6)
    spoilt = {"MOL032": replace(EVIDENCE["MOL032"], tissue="cellfree")}
    assert findings_on(row, evidence=spoilt) == []
    assert findings_on(row, relevance_rules=None) == []


# Words, and the command


def test_words_show_the_sum_and_its_parts():
    one = widening_words(PARAMETERS["koff_cxcl12_cxcr4"], EVIDENCE, RULES)
    spread = math.hypot(1.0, RULES.tau * (1 - 0.38))
    assert one == (
        f"spread 1.00 widened to {spread:.2f}: relevance 0.38, MOL032 0.38 "
        "(human 1 x cell free 0.6 x binding 0.9 x in vitro 0.7 x direct 1)"
    )
    several = widening_words(PARAMETERS["kd_cxcl12_cxcr4"], EVIDENCE, RULES)
    assert "from MOL002 0.35, MOL033 0.38, MOL035 0.38, MOL076 0.38; farthest MOL002" in several
    assert "fixed" in widening_words(PARAMETERS["node_flow"], EVIDENCE, RULES)
    assert "uniform" in widening_words(PARAMETERS["phi"], EVIDENCE, RULES)
    assert "no evidence is cited" in widening_words(PARAMETERS["tumour_fluid"], EVIDENCE, RULES)
    assert relevance_words(EVIDENCE["CLI055"], RULES).startswith("1.00 (human 1 x escc 1")


def test_only_the_column_is_rewritten():
    text = read_bytes(None, "parameters.tsv")[1].decode()
    assert rewritten(text, {}) == text
    changed = rewritten(text, {"kd_cxcl12_cxcr4": 0.123})
    differ = [(a, b) for a, b in zip(text.split("\n"), changed.split("\n"), strict=True) if a != b]
    assert len(differ) == 1
    assert differ[0][1] == differ[0][0].replace("\t0.37\t", "\t0.123\t")


def test_the_command_names_mends_and_then_finds_nothing(tmp_path, capsys):
    path = tmp_path / "parameters.tsv"
    content = read_bytes(None, "parameters.tsv")[1]
    path.write_text(rewritten(content.decode(), {"koff_cxcl12_cxcr4": 0.9}), encoding="utf-8")
    assert main(["--check", "--file", str(path)]) == 1
    assert capsys.readouterr().out == "koff_cxcl12_cxcr4: relevance 0.9 -> 0.38\n"
    assert main(["--write", "--file", str(path)]) == 0
    assert path.read_bytes() == content
    capsys.readouterr()
    assert main(["--check", "--file", str(path)]) == 0
    path.write_text("id\n", encoding="utf-8")
    assert main(["--check", "--file", str(path)]) == 2
    assert "column 'value' is missing" in capsys.readouterr().err
