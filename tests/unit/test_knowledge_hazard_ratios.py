"""Hazard ratios: each fault named with file, line, id, value and cure; what may be pooled."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cxaxis.core.errors import Finding, Severity, UserInputError
from cxaxis.knowledge.evidence import Evidence, Reference
from cxaxis.knowledge.hazard_ratios import (
    HAZARD_RATIO_COLUMNS,
    load_hazard_ratios,
    read_hazard_ratios,
)
from cxaxis.knowledge.pooling import (
    DEATH_ENDPOINTS,
    RELAPSE_ENDPOINTS,
    assumed_effects,
    gaps,
    overlap,
    poolable,
    published_pools,
)
from cxaxis.knowledge.tables import read_bytes
from cxaxis.stats.meta_analysis import pool

GOOD = {
    "id": "HRT001",
    "marker": "CXCR4",
    "measured": "ihc",
    "study": "one_2005",
    "year": "2005",
    "histology": "escc",
    "n": "136",
    "n_high": "75",
    "n_study": "",
    "assay": "CXCR4 by immunohistochemistry",
    "cut_off": "positive or negative",
    "endpoint": "OS",
    "analysis": "univariable",
    "direction": "adverse",
    "hr": "2.00",
    "low": "1.40",
    "high": "2.90",
    "p_value": "0.001",
    "events": "90",
    "how": "reported",
    "included_in": "pool_2014",
    "evidence": "CLI001",
    "seen": "https://example.org/one",
    "status": "seen",
    "role": "fitted",
    "note": "",
}
POOL = GOOD | {
    "id": "HRT090",
    "study": "pool_2014",
    "year": "2014",
    "n": "1055",
    "n_high": "",
    "n_study": "7",
    "analysis": "pooled",
    "hr": "1.49",
    "low": "1.24",
    "high": "1.80",
    "events": "",
    "included_in": "",
}
GAP = {"hr": "", "low": "", "high": "", "how": "", "note": "no interval in the abstract"}
REFERENCES = {
    name: Reference(id=name, citation=name, year=year, identifier="", note="", where="")
    for name, year in (
        ("one_2005", 2005),
        ("two_2010", 2010),
        ("three_2017", 2017),
        ("pool_2014", 2014),
        ("pool_2019", 2019),
    )
}
EVIDENCE = {
    name: Evidence(**(dict.fromkeys(Evidence.__dataclass_fields__, "") | {"role": role}))
    for name, role in (("CLI001", "fitted"), ("CLI002", "held_out"))
}


@pytest.fixture
def read(tmp_path):
    def reader(*rows):
        path = tmp_path / "hazard_ratios.tsv"
        lines = [
            "\t".join(HAZARD_RATIO_COLUMNS),
            *("\t".join(row[column] for column in HAZARD_RATIO_COLUMNS) for row in rows),
        ]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return read_hazard_ratios(path, evidence=EVIDENCE, references=REFERENCES)

    return reader


def records(read, *rows):
    found, findings = read(*rows)
    assert findings == ()
    return list(found.values())


def test_a_good_row_is_read(read):
    row, _ = records(read, GOOD, POOL)
    assert (row.hr, row.low, row.high, row.n, row.events) == (2.0, 1.4, 2.9, 136, 90)
    assert row.included_in == ("pool_2014",)
    assert row.where.endswith("hazard_ratios.tsv:2")
    assert row.effect.limits() == pytest.approx((1.4, 2.9), rel=0.02)


def test_a_bound_on_p_is_told_from_a_p_value(read):
    row, other, _ = records(
        read, GOOD | GAP | {"p_value": "<0.001"}, GOOD | {"id": "HRT002", "study": "two_2010",
        "year": ""}, POOL
    )  # fmt: skip
    assert (row.p_value, row.p_value_is_bound, row.effect) == (0.001, True, None)
    assert (other.p_value, other.p_value_is_bound) == (0.001, False)


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"id": "HR1"}, "HAZR001", "HRT and three digits"),
        ({"marker": "CXCR5"}, "HAZR002", "Did you mean CXCR4"),
        ({"measured": "IHC"}, "HAZR023", "ihc | rna | serum"),
        ({"study": "one_2006"}, "HAZR003", "Did you mean one_2005"),
        ({"year": "05"}, "HAZR004", "four digits"),
        ({"year": "2006"}, "HAZR004", "says 2005"),
        ({"histology": "ESCC"}, "HAZR005", "escc"),
        ({"assay": ""}, "HAZR006", "what was measured"),
        ({"endpoint": "PFS"}, "HAZR007", "Use OS | CSS | DFS | RFS"),
        ({"analysis": "cox"}, "HAZR008", "univariable"),
        ({"direction": "worse"}, "HAZR009", "adverse"),
        ({"n": "1e2"}, "HAZR010", "whole number"),
        ({"n_high": "137"}, "HAZR010", "exceeds n, which is 136"),
        ({"events": "200"}, "HAZR010", "exceeds n"),
        ({"n_study": "3"}, "HAZR010", "single study"),
        ({"p_value": "0"}, "HAZR011", "between 0 and 1"),
        ({"p_value": "<0.000"}, "HAZR011", "between 0 and 1"),
        ({"hr": "-2"}, "HAZR012", "positive number"),
        ({"low": ""}, "HAZR012", "leave all three empty"),
        ({"low": "3.5"}, "HAZR013", "Give the lower end first"),
        ({"hr": "3.00"}, "HAZR013", "within 1.40 to 2.90"),
        ({"how": "guessed"}, "HAZR014", "reported"),
        (GAP | {"how": "reported"}, "HAZR014", "leave it empty"),
        ({"how": "from_p_value"}, "HAZR015", "The rule gives"),
        ({"how": "from_p_value", "events": ""}, "HAZR015", "needs p_value, n, n_high and events"),
        ({"status": "read"}, "HAZR016", "seen | recalled | derived"),
        ({"role": "context"}, "HAZR017", "fitted | held_out"),
        ({"evidence": "CLI002"}, "HAZR017", "CLI002 is held_out"),
        (GAP | {"note": ""}, "HAZR018", "what was looked for"),
        ({"evidence": "CLI003"}, "HAZR020", "unknown evidence 'CLI003'"),
        ({"included_in": "two_2010"}, "HAZR021", "no row with analysis pooled"),
        ({"seen": ""}, "HAZR022", "Give the page"),
        ({"status": "recalled"}, "HAZR022", "leave the cell empty"),
    ],
)
def test_each_fault_gives_one_finding(read, change, code, said):
    found, findings = read(GOOD | change, POOL)
    (finding,) = findings
    assert (finding.code, finding.severity) == (code, Severity.ERROR)
    assert said in finding.message
    assert finding.where.endswith("hazard_ratios.tsv:2")
    assert list(found) == ["HRT090"]


def test_a_pool_is_in_no_pool(read):
    _, findings = read(POOL | {"included_in": "pool_2014"})
    assert [item.code for item in findings] == ["HAZR021"]


def test_a_skew_interval_is_a_warning_and_stays(read):
    found, findings = read(GOOD | {"hr": "2.80"}, POOL)
    assert [(item.code, item.severity) for item in findings] == [("HAZR019", Severity.WARNING)]
    assert "HRT001" in found


def test_a_derived_row_that_follows_the_rule_is_read(read):
    # 90 events, 75 of 136 high and P 0.01: V = 22.26, z = 2.576.
    row, _ = records(
        read,
        GOOD | {"p_value": "0.01", "hr": "1.73", "low": "1.14", "high": "2.62",
                "how": "from_p_value", "status": "derived"},
        POOL,
    )  # fmt: skip
    assert row.how == "from_p_value"


def test_a_second_row_with_an_id_is_refused(read):
    _, findings = read(GOOD, GOOD, POOL)
    assert [item.code for item in findings] == ["TABLE007"]


def test_studies_are_pooled_once_and_pools_never(read):
    rows = records(
        read,
        GOOD | {"endpoint": "CSS"},
        GOOD | {"id": "HRT002", "hr": "1.90"},
        GOOD | {"id": "HRT003", "study": "two_2010", "year": "2010", "role": "held_out"},
        GOOD | {"id": "HRT004", "study": "three_2017", "year": "2017"} | GAP,
        GOOD | {"id": "HRT005", "study": "three_2017", "year": "2017", "measured": "rna"},
        POOL,
    )
    (effect,) = poolable(rows, marker="CXCR4", endpoints=DEATH_ENDPOINTS)
    # Overall survival comes before cause-specific; held-out, bulk RNA and pools stay out.
    assert (effect.label, effect.ratio) == ("one_2005", pytest.approx(1.9))
    assert [row.id for row in gaps(rows, marker="CXCR4", endpoints=DEATH_ENDPOINTS)] == ["HRT004"]
    assert poolable(rows, marker="CXCR4", endpoints=RELAPSE_ENDPOINTS) == ()
    (published,) = published_pools(rows, marker="CXCR4", endpoints=DEATH_ENDPOINTS)
    assert published.published_pool.n_study == 7
    assert rows[0].published_pool is None


def test_pools_that_share_studies_say_which(read):
    later = POOL | {"id": "HRT091", "study": "pool_2019", "year": "2019"}
    rows = records(
        read,
        GOOD | {"included_in": "pool_2014;pool_2019"},
        GOOD | {"id": "HRT002", "study": "two_2010", "year": "2010", "included_in": ""},
        GOOD | {"id": "HRT003", "study": "three_2017", "year": "2017", "included_in": ""},
        POOL,
        later,
    )
    found = overlap(rows, rows[-2], rows[-1])
    assert found.pools == ("HRT090", "HRT091")
    assert found.shared == ("one_2005",)
    # The study of 2017 came after the pool of 2014.
    assert found.possible == ("two_2010",)


def test_assumed_numbers_give_an_order_of_size(read):
    rows = records(
        read,
        GOOD | GAP | {"events": "", "p_value": "<0.001"},
        GOOD | GAP | {"id": "HRT002", "study": "two_2010", "year": "2010", "direction": "none",
                      "p_value": "", "events": ""},
        GOOD | GAP | {"id": "HRT003", "study": "three_2017", "year": "2017", "p_value": "",
                      "direction": "unknown"},
        POOL,
    )  # fmt: skip
    how = {"marker": "CXCR4", "endpoints": DEATH_ENDPOINTS, "share_high": 0.5}
    adverse, none = assumed_effects(rows, event_share=0.6, **how)
    assert adverse.ratio > 1.5
    assert none.ratio == 1.0
    more, _ = assumed_effects(rows, event_share=0.9, **how)
    assert 1 < more.ratio < adverse.ratio


def test_the_shipped_table_is_sound():
    rows = list(load_hazard_ratios().values())
    assert len(rows) >= 30
    pools = published_pools(rows, marker="CXCR4", endpoints=DEATH_ENDPOINTS)
    assert {(row.study, row.hr, row.low, row.high) for row in pools} == {
        ("wu_j_2014", 1.49, 1.24, 1.80),
        ("jiang_2019", 1.52, 1.26, 1.84),
        ("chen_pei_meta", 2.0, 1.63, 2.45),
    }
    # Each alone: the squamous pool and the older mixed ones share studies.
    assert "kaifi_2005" in overlap(rows, pools[0], pools[2]).possible
    assert all(row.note for row in gaps(rows, marker="CXCR4", endpoints=DEATH_ENDPOINTS))


def test_what_one_study_or_one_sign_changes():
    rows = list(load_hazard_ratios().values())
    how = {"marker": "CXCR4", "endpoints": DEATH_ENDPOINTS, "event_share": 0.6, "share_high": 0.58}
    whole = pool(assumed_effects(rows, **how))
    without = pool(assumed_effects([row for row in rows if row.study != "kaifi_2005"], **how))
    turned = pool(
        assumed_effects(
            [
                replace(row, direction="favourable") if row.study == "kaifi_2005" else row
                for row in rows
            ],
            **how,
        )
    )
    assert whole.fixed.low > 1
    assert turned.fixed.ratio < without.fixed.ratio < whole.fixed.ratio


def test_a_missing_table_is_a_user_error(tmp_path):
    with pytest.raises(UserInputError, match="TABLE001"):
        load_hazard_ratios(tmp_path / "hazard_ratios.tsv")


LINES = read_bytes(None, "hazard_ratios.tsv")[1].split(b"\n")
JUNK = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["", ";", "<", "<0.", "0.0", "1e999", "nan", "-1", "٣", "²", "from_p_value"]),
)


@given(data=st.data())
def test_damage_gives_findings_never_another_exception(tmp_path_factory, data):
    lines = [LINES[0], *data.draw(st.permutations(LINES[1:-1]))[:6]]
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        cells = lines[at].split(b"\t")
        column = data.draw(st.integers(0, len(cells) - 1))
        cells[column] = data.draw(JUNK).encode("utf-8", "surrogatepass")
        lines[at] = b"\t".join(cells)
    path = tmp_path_factory.mktemp("damage", numbered=True) / "hazard_ratios.tsv"
    path.write_bytes(b"\n".join(lines) + b"\n")
    found, findings = read_hazard_ratios(path, evidence=EVIDENCE, references=REFERENCES)
    assert all(isinstance(item, Finding) and str(path) in item.where for item in findings)
    for row in found.values():
        assert row.effect is None or row.effect.se > 0
