"""Prognosis: care by stage, weights of a registry, concordance of a series."""

from __future__ import annotations

import numpy as np
import pytest

from cxaxis.core.errors import ModelValueError
from cxaxis.core.streams import rng_for
from cxaxis.trial import prognosis
from cxaxis.trial.prognosis import ALL, CARE, EARLY, WEIGHTED, Series, care_of, prognosis_tables

STAGES = ("II", "III", "IVA", "IVB")


def _series(n=200, seed=1):
    """Later stages and higher scores die earlier."""
    rng = rng_for(seed, "series")
    stage = np.array(STAGES, dtype=object)[np.arange(n) % 4]
    score = rng.uniform(0, 300, n)
    scale = np.array([8.0, 4.0, 2.0, 1.0])[np.arange(n) % 4] * 365.25 * np.exp(-score / 200)
    death = scale * rng.standard_exponential(n)
    return Series(
        group=stage, death_day=np.where(death > prognosis.HORIZON_DAY, np.inf, death), score=score
    )


def _tables(series, early):
    return prognosis._tables(series, early, series.group, seed=1, n_boot=20)


def test_each_stage_has_the_care_that_it_is_told_to_have():
    drugs = {group: {drug.id for drug in care_of(group).drugs} for group in CARE}
    assert drugs[EARLY] == {"surgery"}
    assert drugs["II"] == drugs["III"] >= {"surgery", "radiotherapy"}
    assert "radiotherapy" in drugs["IVA"]
    assert "surgery" not in drugs["IVA"]
    assert drugs["IVB"] == {"cisplatin", "fluorouracil"}


def test_the_shares_of_the_registry_are_shares():
    shares = prognosis.registry_shares()
    assert sum(shares.values()) == pytest.approx(1.0)
    assert max(shares, key=shares.get) == "III"


def test_the_weighted_mean_lies_between_its_groups_and_is_one_if_nobody_dies():
    series = _series()
    early = Series(
        group=np.full(20, EARLY, dtype=object), death_day=np.full(20, np.inf), score=np.ones(20)
    )
    frame = _tables(series, early)["stage_survival"].set_index("GROUP")
    groups = frame.loc[[EARLY, *STAGES], "ALIVE"]
    assert groups.min() < frame.loc[WEIGHTED, "ALIVE"] < groups.max()
    assert frame.loc[ALL, "ALIVE"] == pytest.approx(frame.loc[list(STAGES), "ALIVE"].mean())
    assert "held_out" in frame.loc[ALL, "SOURCE"]
    immortal = Series(
        group=series.group, death_day=np.full(len(series.group), np.inf), score=series.score
    )
    whole = _tables(immortal, early)["stage_survival"].set_index("GROUP")
    assert whole.loc[WEIGHTED, "ALIVE"] == pytest.approx(1.0)


def test_without_early_patients_there_is_no_registry_mix():
    frame = _tables(_series(), None)["stage_survival"]
    assert {EARLY, WEIGHTED}.isdisjoint(frame["GROUP"])


def test_a_score_and_stage_together_rank_better_than_either():
    frame = _tables(_series(), None)["concordance"].set_index("MODEL")["C"]
    assert 0.5 < frame["marker"] < frame["both"]
    assert 0.5 < frame["stage"] < frame["both"]
    assert _tables(_series(8), None)["concordance"].empty


def test_unknown_stages_and_empty_studies_are_refused():
    with pytest.raises(ModelValueError, match="no care is laid down for I"):
        prognosis.treated_by_stage(None, [], np.array(["I", "II"], dtype=object))
    with pytest.raises(ModelValueError, match="at least 1"):
        prognosis_tables(0, seed=1)


def test_a_few_virtual_patients_are_staged_treated_and_counted():
    found = prognosis_tables(6, seed=1)
    frame = found["stage_survival"].set_index("GROUP")
    assert frame.loc[ALL, "N"] == frame.loc[frame.index.isin(STAGES), "N"].sum() == 6
    assert found["stage_mix"]["N"].sum() == 6
