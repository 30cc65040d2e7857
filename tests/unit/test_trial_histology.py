"""Histology as data: shares with their sources, and the arithmetic of a mixed series."""

from __future__ import annotations

import numpy as np
import pytest

from cxaxis.core.errors import ModelValueError
from cxaxis.core.streams import rng_for
from cxaxis.knowledge.evidence import load_evidence
from cxaxis.stats.stratified import stratified_cox
from cxaxis.trial.histology import histology_tables, mixed_ratio
from cxaxis.trial.study_tables import HISTOLOGY_SCHEMAS


def test_every_share_has_its_rows_and_is_a_share():
    tables = histology_tables()
    assert set(tables) == {schema.name for schema in HISTOLOGY_SCHEMAS}
    known = load_evidence()
    for name, column in (("histology_mix", "ESCC"), ("histology_expression", "SHARE")):
        for row in tables[name].to_dict("records"):
            assert set(row["EVIDENCE"].split(", ")) <= set(known)
            assert 0.0 < row[column] < 1.0
    # Two counts of one year and a share of another agree on about 85 %.
    assert tables["histology_mix"]["ESCC"].between(0.8, 0.92).all()


def test_a_missing_row_is_named():
    with pytest.raises(ModelValueError, match="ANN031"):
        histology_tables({})


def test_a_pure_series_keeps_its_ratio_and_another_disease_pulls_it_along():
    ratio = (2.0, 1.6, 2.5)
    assert mixed_ratio(ratio, 1.0, 1.0) == pytest.approx(ratio)
    assert mixed_ratio(ratio, 1.3, 0.0) == pytest.approx((1.3,) * 3)
    assert mixed_ratio(ratio, 1.0, 0.5)[0] == pytest.approx(np.sqrt(2.0))
    found = [mixed_ratio(ratio, 1.0, share)[0] for share in (1.0, 0.75, 0.5, 0.25)]
    assert found == sorted(found, reverse=True)
    with pytest.raises(ModelValueError, match="share"):
        mixed_ratio(ratio, 1.0, 1.2)


def test_the_mean_of_logs_is_what_a_stratified_cox_model_finds_in_a_mixed_series():
    rng = rng_for(3, "mixed")
    n = 8000
    squamous, high = rng.uniform(size=n) < 0.75, rng.uniform(size=n) < 0.5
    hazard = np.where(squamous, 1.0, 0.6) * np.where(high & squamous, 2.0, 1.0)
    day = rng.standard_exponential(n) / hazard
    model = stratified_cox(day, np.ones(n, dtype=bool), {"high": high}, strata=squamous)
    assert model.of("high").hr == pytest.approx(mixed_ratio((2.0,) * 3, 1.0, 0.75)[0], rel=0.06)
