"""The page of outcomes: what is seen, what the model says, and when the two agree."""

import numpy as np
import pytest

from cxaxis.core.errors import ModelValueError
from cxaxis.knowledge.evidence import load_evidence
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.report.outcomes import (
    DOSES,
    READ,
    AtDiagnosis,
    Followed,
    Outcomes,
    ReadOut,
    Resected,
    above_median,
    arms_ratio,
    read_out,
)
from cxaxis.report.outcomes_docs import (
    HEADER,
    Interval,
    Page,
    cases,
    first_sites,
    median_months,
    page,
    printed,
    seen_percent,
    share_of,
    verdict,
)
from cxaxis.report.page_key import evidence_of
from cxaxis.stats.proportions import exact_proportion
from cxaxis.stats.survival import HazardRatio

EVIDENCE = evidence_of(READ)
MONTH = 365.25 / 12
NEVER = np.inf
N = 40


def resected(**changes):
    near = np.where(np.arange(N) % 4 == 0, 300.0, NEVER)
    far = np.where(np.arange(N) % 5 == 0, 300.0, NEVER)
    arrays = {
        "operated": np.arange(N) > 1,
        "whole": np.arange(N) % 10 > 0,
        "complete_response": np.arange(N) % 2 == 0,
        "cleared": np.arange(N) % 3 == 0,
        "locoregional_day": near,
        "distant_day": far,
        "death_day": np.where(np.arange(N) % 2, 700.0 + np.arange(N), NEVER),
    }
    return Resected(**{**arrays, **changes})


def followed(shift=0.0):
    return Followed(
        stage=np.array(["II", "III", "IVA", "IVA"] * (N // 4)),
        progression_day=np.linspace(50, 900, N) + shift,
        death_day=np.linspace(100, 2500, N) + shift,
    )


def found():
    ratio = ReadOut(ratio=HazardRatio(hr=1.1, low=0.9, high=1.3), n_high=20, n=40)
    return Outcomes(
        found=AtDiagnosis(
            t=np.arange(N) % 3 + 2,
            n=np.arange(N) % 2,
            stage=np.array(["II", "III", "IVA", "IVB"] * (N // 4)),
            cxcr4_high=np.arange(N) % 4 < 2,
        ),
        by_dose=dict.fromkeys(DOSES, resected()),
        surgery=resected(),
        definitive=followed(),
        palliative=followed(),
        anti_pd1=followed(30.0),
        read_outs=dict.fromkeys(("ihc", "bulk", "single_cell", "equal_bulk"), ratio),
        phi=0.5,
    )


def test_a_hit_is_a_number_within_the_others_limits():
    seen = Interval(value=43, low=36, high=51)
    assert verdict(seen, Interval(value=37, low=31, high=40)) == "hit"
    assert verdict(seen, Interval(value=35, low=31, high=40)) == "miss"
    # Of many patients the limits are narrower than those of the few that are simulated.
    assert (
        verdict(Interval(value=20, low=19.9, high=20.1), Interval(value=22, low=18, high=26))
        == "hit"
    )
    assert verdict(Interval(value=49), Interval(value=37, low=31, high=44)) == "miss"
    assert verdict(Interval(), Interval(value=37, low=31, high=44)) == "-"


def test_limits_of_a_share_are_printed_or_exact():
    exact = exact_proportion(80, 185)
    found_here = seen_percent(EVIDENCE["CLI086"])
    assert (found_here.low, found_here.high) == (100 * exact.low, 100 * exact.high)
    as_printed = seen_percent(EVIDENCE["CLI114"])
    assert (as_printed.low, as_printed.high) == (48.0, 77.8)
    assert np.isnan(seen_percent(EVIDENCE["CLI077"]).low)
    assert cases(EVIDENCE["CLI077"]) is None


def test_numbers_in_the_words_of_a_row_are_found_or_missed_aloud():
    assert printed(EVIDENCE["DRG174"], r"R0 (\d+) vs") == 92
    assert printed(EVIDENCE["CLI214"], r"median of ([\d.]+) months") == 51.9
    with pytest.raises(ModelValueError, match="CLI214"):
        printed(EVIDENCE["CLI214"], r"mean of (\d+)")


def test_roles_follow_what_parameters_cite():
    item = Page(found=found(), parameters=load_parameters(), evidence=EVIDENCE, n_screened=N)
    assert item.role("CLI086") == item.role("CLI087") == item.role("CLI088") == "fitted"
    assert item.role("CLI077") == item.role("CLI089") == item.role("CLI212") == "held out"
    assert item.role("CLI081") == "predicted"


def test_one_reading_does_not_stand_in_two_roles():
    every = load_evidence()
    assert every["DRG175"].value == every["CLI077"].value
    assert every["DRG175"].role == every["CLI077"].role == "held_out"


def test_first_sites_part_the_patients_with_recurrence():
    arm = resected()
    sites = first_sites(arm)
    assert sum(flags.sum() for flags in sites.values()) == np.isfinite(arm.recurrence_day[2:]).sum()
    assert all(len(flags) == arm.operated.sum() for flags in sites.values())
    assert sites["in both at one visit"].sum() == 1


def test_a_median_that_is_not_reached_has_no_number():
    days = np.concatenate([np.linspace(10, 100, 21) * MONTH / 10, np.full(20, NEVER)])
    assert median_months(days).value == pytest.approx(10, abs=0.6)
    assert np.isnan(median_months(np.full(20, NEVER)).value)


def test_shares_are_of_those_who_are_counted():
    assert share_of(np.array([True, False, False, False])).value == 25
    assert np.isnan(share_of(np.array([], dtype=bool)).value)


def test_read_outs_without_an_effect_on_death_have_a_ratio_of_one():
    rng = np.random.Generator(np.random.Philox(3))
    values = rng.standard_normal(N)
    both = Followed(
        stage=np.repeat("II", 2 * N),
        progression_day=np.zeros(2 * N),
        death_day=np.tile(rng.exponential(900, N), 2),
    )
    same = read_out(both, above_median(np.concatenate([values, -values])))
    assert same.ratio.hr == pytest.approx(1.0, abs=1e-6)
    assert same.n_high == N
    later, sooner = followed(200.0).death_day, followed().death_day
    assert arms_ratio(later, sooner).hr < 1 < arms_ratio(sooner, later).hr


def test_the_page_has_every_table_whole_and_its_own_hash():
    text = page(found(), load_parameters(), EVIDENCE, "abc", n_screened=N)
    assert "inputs sha256: abc " in text
    assert text.count("\n## ") == 5
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count(" | ") for line in tables if "---" not in line} == {len(HEADER) - 1}
    assert "a hit at\n1.1" in text
    assert "nan" not in text
    for row in ("CLI086", "CLI077", "CLI087", "CLI088", "CLI089", "CLI049"):
        assert f"| {row} |" in text
