"""The table of what every agent mobilises, and the page that shows it."""

from functools import cache

import numpy as np
import pytest

from cxaxis.cohort.overrides import with_values
from cxaxis.cohort.population import central_theta
from cxaxis.engine.population import PopulationEngine
from cxaxis.inference.marrow_fit import BENCH, FITTED, fit_release, written_back
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.evidence import load_evidence
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.models.agents import slot_of
from cxaxis.models.build import build
from cxaxis.patient.mobilisation import LEVELS
from cxaxis.report.mobilisation_docs import counts_of, people_at_rest, predicted_table

ENGINE = PopulationEngine()
MIDDLE = len(LEVELS) // 2


@cache
def tables():
    return predicted_table(load_parameters(), load_evidence(), ENGINE, n_draw=12)


def row_of(agent):
    return next(row for row in tables().typical if row.agent == agent)


def test_every_agent_at_the_axis_has_a_row():
    wanted = {d.id for d in load_drugs().values() if slot_of(d) in ("antagonist", "neutraliser")}
    shown = {row.agent for row in tables().drawn}
    assert wanted < shown
    assert shown - wanted == {"filgrastim", "filgrastim + plerixafor"}
    assert len(wanted) >= 11


def test_a_draw_whose_counts_swing_without_end_is_left_out():
    """A marrow whose making of neutrophils falls too steeply with their number cannot rest."""
    rows = load_parameters()
    model = build(BENCH, rows)
    typical = central_theta(rows)
    swinging = {**typical, "neutrophil_feedback": 6.0 * typical["neutrophil_feedback"]}
    kept, people = people_at_rest(model, rows, [typical, swinging, typical], ENGINE)
    assert kept == [typical, typical]
    assert people.n_patient == 2


def test_intervals_are_in_order_and_counts_are_counts():
    for row in tables().drawn:
        for found in (row.cd34_rest, row.cd34_peak, row.cd34_fold, row.leukocyte_fold):
            assert np.isfinite(found).all(), row.agent
            assert (np.diff(found) >= 0).all(), row.agent
            assert found[0] > 0, row.agent
        assert 0 <= row.risen <= 1


def test_the_typical_rows_stand_in_the_order_of_pharmacology():
    """A biased and a weak drug move few; what stays on, or takes the ligand away, moves most."""
    fold = {row.agent: row.cd34_fold[MIDDLE] for row in tables().typical}
    hours = {row.agent: row.cd34_hours[MIDDLE] for row in tables().typical}
    assert fold["msx_122"] < 1.5 < fold["ctce_9908"] < fold["plerixafor"]
    assert fold["filgrastim + plerixafor"] > max(fold["filgrastim"], fold["plerixafor"])
    for lasting in ("ulocuplumab", "olaptesed", "ly2510924"):
        assert hours[lasting] > 2 * hours["plerixafor"], lasting


def test_plerixafor_in_the_table_is_the_fitted_volunteer():
    row = row_of("plerixafor")
    assert row.cd34_peak[MIDDLE] == pytest.approx(40.4, rel=0.05)
    assert 6 <= row.cd34_peak_hour[MIDDLE] <= 10


def test_counts_are_read_from_the_unit_of_a_share():
    assert counts_of("% (89/150)") == (89, 150)


def test_the_fit_finds_its_way_back_from_elsewhere():
    rows = load_parameters()
    targets = np.array(
        [float(load_evidence()[row].value) for row in ("DRG021", "DRG026", "DRG027")]
    )
    start = with_values(rows, {"cd34_release_gain": 60.0, "filgrastim_cxcl12_effect": 0.5})
    values, found = fit_release(start, targets, ENGINE)
    assert found == pytest.approx(targets, rel=1e-3)
    for name in FITTED:
        assert rows[name].value == pytest.approx(values[name], rel=0.05), name


def test_fitted_values_are_written_into_their_rows_alone():
    text = "id\tvalue\tunit\na\t1\tnM\nb\t2\tnM\n"
    assert written_back(text, {"b": 0.123456}) == "id\tvalue\tunit\na\t1\tnM\nb\t0.1235\tnM\n"
