"""Individual effects from the counterfactual pool: what two lives of one patient say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cxaxis.core.errors import ModelValueError
from cxaxis.runs.tables import data_dictionary, write_table
from cxaxis.trial.individual_effects import EFFECTS, counterfactual_summary, individual_effects

HORIZON = 1000.0


def _pool(lives: dict[str, tuple[float, float]], code: str = "OS") -> pd.DataFrame:
    """Return patients with the day of death under control and treated; infinite for none."""
    rows = []
    for column, arm in enumerate(("c", "t")):
        for who, days in lives.items():
            day = days[column]
            rows.append(
                {
                    "USUBJID": who,
                    "ARM": arm,
                    "PARAMCD": code,
                    "AVAL": min(day, HORIZON) if not np.isnan(day) else np.nan,
                    "EVENT": bool(day <= HORIZON),
                }
            )
    return pd.DataFrame(rows)


LIVES = {
    "helped": (300.0, 500.0),
    "harmed": (300.0, 100.0),
    "saved": (400.0, np.inf),
    "lost": (np.inf, 400.0),
    "well": (np.inf, np.inf),
    "same": (700.0, 700.0),
    "failed": (500.0, np.nan),
}


def test_gains_are_paired_differences_with_what_they_bound():
    found = individual_effects(_pool(LIVES), control="c", arm="t").set_index("USUBJID")
    gain = found["COUNTERFACTUAL_GAIN_DAY"].to_dict()
    assert gain == {
        "helped": 200, "harmed": -200, "saved": 600, "lost": -600, "well": 0, "same": 0
    }  # fmt: skip
    assert found["COUNTERFACTUAL_BOUND"].to_dict() == {
        "helped": "exact",
        "harmed": "exact",
        "saved": "at least",
        "lost": "at most",
        "well": "beyond follow-up",
        "same": "exact",
    }


def test_every_column_of_two_lives_says_counterfactual(tmp_path):
    found = individual_effects(_pool(LIVES), control="c", arm="t")
    assert all(
        name.startswith("COUNTERFACTUAL_")
        for name in found.columns
        if name not in ("USUBJID", "ARM", "PARAMCD")
    )
    # The table keeps its schema, with units in the file and the dictionary.
    write_table(found, tmp_path / "effects.parquet", EFFECTS)
    assert "counterfactual" in str(data_dictionary([EFFECTS])).lower()


def test_pairs_are_by_patient_whatever_the_order_of_rows():
    pool = _pool(LIVES)
    shuffled = pool.iloc[[*range(13, 6, -1), *range(7)]]
    one = individual_effects(pool, control="c", arm="t")
    other = individual_effects(shuffled, control="c", arm="t")
    pd.testing.assert_frame_equal(
        one.sort_values("USUBJID").reset_index(drop=True),
        other.sort_values("USUBJID").reset_index(drop=True),
    )


def test_an_arm_against_itself_has_no_effect():
    found = individual_effects(_pool(LIVES), control="c", arm="c")
    assert (found["COUNTERFACTUAL_GAIN_DAY"] == 0).all()


def test_the_summary_counts_and_averages():
    effects = individual_effects(_pool(LIVES), control="c", arm="t")
    found = counterfactual_summary(effects, seed=1, n_boot=200)
    assert (found.n, found.gained, found.lost, found.unchanged) == (6, 2, 2, 2)
    assert found.mean_gain_day.estimate == pytest.approx(0.0)
    assert found.mean_gain_day.low < 0 < found.mean_gain_day.high
    # The same gain in all leaves nothing to resample.
    equal = effects.assign(COUNTERFACTUAL_GAIN_DAY=30.0)
    interval = counterfactual_summary(equal, seed=1, n_boot=50).mean_gain_day
    assert (interval.low, interval.high) == (30.0, 30.0)


def test_small_differences_count_as_none():
    effects = individual_effects(_pool({"a": (300.0, 300.4)}), control="c", arm="t")
    assert counterfactual_summary(effects, seed=1, n_boot=5).unchanged == 1
    assert counterfactual_summary(effects, seed=1, n_boot=5, least_day=0.1).gained == 1


def test_end_points_cut_by_death_and_unknown_arms_are_refused():
    with pytest.raises(ModelValueError, match=r"counts death.*'LRC'"):
        individual_effects(_pool(LIVES, "LRC"), control="c", arm="t", paramcd="LRC")
    with pytest.raises(ModelValueError, match=r"no OS of arm 'x'. Its arms: c, t"):
        individual_effects(_pool(LIVES), control="c", arm="x")
    pool = _pool(LIVES)
    with pytest.raises(ModelValueError, match="stands twice under arm 'c'"):
        individual_effects(pd.concat([pool, pool]), control="c", arm="t")
    with pytest.raises(ModelValueError, match="both lives"):
        counterfactual_summary(
            individual_effects(_pool({"a": (1.0, np.nan)}), control="c", arm="t"), seed=1
        )
