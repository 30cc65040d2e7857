"""Replays: sealed before they run, the same bytes from the same seed, intervals that can miss."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cxaxis.core.errors import UserInputError
from cxaxis.inference.marrow_fit import DISEASES
from cxaxis.inference.replay_mobilisation import fitted_draw
from cxaxis.inference.replay_run import input_key, replay_plan, run_replays
from cxaxis.knowledge.evidence import load_evidence
from cxaxis.trial.protocol import Protocol
from cxaxis.trial.replay_antitumour import ReplayTask, antitumour_rows
from cxaxis.trial.replay_class import CLASS_REPLAYS, class_comparisons, class_stamp
from cxaxis.trial.replay_draws import (
    COLUMNS,
    comparisons_of,
    draws_text,
    predicted,
    read_draws,
)
from cxaxis.trial.replays import read_replay, replay_names, replay_path
from cxaxis.trial.seals import SEAL_SUFFIX


def rows_of(values):
    """Draws of the class replays: a log hazard ratio for each, with its scatter."""
    rows = [
        (name, 0, draw, centre, sd, 10)
        for name, (centre, sd) in zip(CLASS_REPLAYS, values, strict=True)
        for draw in range(5)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


@pytest.mark.parametrize("name", replay_names())
def test_every_replay_that_ships_is_sealed_and_unchanged(name):
    replay = read_replay(name)
    assert not replay.seal.changed
    assert replay.seal.seal.sha256 == replay.content.sha256
    assert comparisons_of(replay, load_evidence())


@pytest.mark.parametrize("name", ["genesis", "ly2510924_sclc"])
def test_a_replay_without_its_seal_is_refused(name, tmp_path):
    path = tmp_path / f"{name}.yaml"
    shutil.copy(replay_path(name), path)
    with pytest.raises(UserInputError, match="not sealed") as caught:
        read_replay(path)
    assert caught.value.findings[0].code == "PROT032"


def test_a_change_after_the_seal_is_named(tmp_path):
    path = tmp_path / "genesis.yaml"
    path.write_text(replay_path("genesis").read_text("utf-8").replace("6.0e+6", "2.0e+6"))
    seal = replay_path("genesis").with_name("genesis.yaml" + SEAL_SUFFIX)
    shutil.copy(seal, path.with_name(path.name + SEAL_SUFFIX))
    told = [str(item) for item in read_replay(path).seal.differences]
    assert told == ["target_per_kg: sealed 6000000.0, now 2000000.0"]


def test_what_is_wrong_with_a_replay_is_told_with_its_line(tmp_path):
    path = tmp_path / "bad.yaml"
    text = replay_path("genesis").read_text("utf-8")
    path.write_text(text.replace("drug: motixafortide", "drug: motix").replace("DRG522", "DRG999"))
    with pytest.raises(UserInputError) as caught:
        read_replay(path)
    assert [item.code for item in caught.value.findings] == ["REPLAY003", "REPLAY005"]
    assert all(":" in item.where for item in caught.value.findings)


def test_an_unknown_replay_names_the_nearest():
    with pytest.raises(UserInputError, match="genesis"):
        read_replay("genesi")


def null_protocol() -> Protocol:
    """The replay in small-cell cancer with nothing added in the second arm."""
    plan = read_replay("ly2510924_sclc").content
    assert isinstance(plan, Protocol)
    arms = tuple(arm.model_copy(update={"regimens": ()}) for arm in plan.arms)
    return plan.model_copy(update={"arms": arms})


def test_a_drug_that_is_not_given_has_a_ratio_of_one_within_the_scatter_of_the_trial():
    rows = pd.concat(
        [
            antitumour_rows(
                ReplayTask(
                    name="ly2510924_sclc", protocol=null_protocol(), draw=draw, seed=1, n_patient=8
                )
            )
            for draw in (1, 6)
        ]
    )
    ratios = rows[rows["ITEM"] == 0].dropna()
    assert len(ratios) == 2
    # The mean of 200 trials of the same patients in both arms.
    error = ratios["SD"] / np.sqrt(200.0)
    assert (np.abs(ratios["CENTRE"]) < 4.0 * error).all()
    comparison = replace(class_comparisons()[0], seen=1.0)
    found = predicted(comparison, rows)
    assert found.covers(0.9)
    assert 0.8 < found.median < 1.25


def test_the_same_seed_gives_the_same_draws_with_any_number_of_workers(tmp_path):
    plan = replay_plan([read_replay("ly2510924_sclc")], draws=2, patients=4, seed=1)
    alone = run_replays(plan, workers=1)
    stored = run_replays(plan, out=tmp_path / "run", workers=2)
    texts = [draws_text(rows, command="x", key=input_key(plan)) for rows in (alone, stored)]
    assert texts[0] == texts[1]
    (tmp_path / "draws.tsv").write_text(texts[0])
    again, key = read_draws(tmp_path / "draws.tsv")
    assert key == input_key(plan)
    assert draws_text(again, command="x", key=key) == texts[0]


def test_mobilisation_gives_the_same_draws_again_and_a_drug_raises_the_share():
    replay = read_replay("plerixafor_nhl")
    plan = replay_plan([replay], draws=1, patients=12, seed=1)
    rows = run_replays(plan)
    pd.testing.assert_frame_equal(rows, run_replays(plan), check_exact=True)
    share = rows["CENTRE"].to_numpy()
    assert 0.0 <= share[1] < share[0] <= 1.0


def test_a_fitted_draw_meets_the_numbers_that_the_marrow_is_fitted_to():
    from cxaxis.engine.population import PopulationEngine
    from cxaxis.inference.marrow_fit import anchors
    from cxaxis.models.build import build

    fitted = fitted_draw(1, 0)
    assert fitted is not None
    rows = fitted.parameters
    found = anchors(build("marrow_bench", rows), rows, PopulationEngine())
    evidence = load_evidence()
    seen = [float(evidence[name].value) for name in ("DRG021", "DRG026", "DRG027")]
    assert found == pytest.approx(seen, rel=0.1)


def test_no_arm_with_a_drug_in_phase_three_is_fitted():
    evidence = load_evidence()
    fitted = {item.placebo for item in DISEASES}
    for name in ("plerixafor_nhl", "plerixafor_myeloma", "genesis"):
        for item in comparisons_of(read_replay(name), evidence):
            assert (item.role == "fitted") == bool(fitted & set(item.rows))


def test_the_stamp_counts_trials_outside_the_interval():
    seen = [np.log(item.seen) for item in class_comparisons()]
    exact = rows_of([(value, 0.1) for value in seen])
    stamp = class_stamp(exact)
    assert (stamp.state, stamp.missed, stamp.of) == ("consistent", 0, 3)
    one = class_stamp(rows_of([(seen[0] - 9.0, 0.1), *((value, 0.1) for value in seen[1:])]))
    assert (one.state, one.missed) == ("consistent", 1)
    two = class_stamp(rows_of([(seen[0] - 9.0, 0.1), (seen[1] - 9.0, 0.1), (seen[2], 0.1)]))
    assert (two.state, two.missed, two.words) == ("inconsistent", 2, "class-inconsistent")


def test_the_between_trial_effect_can_only_forgive():
    seen = [np.log(item.seen) for item in class_comparisons()]
    stamp = class_stamp(rows_of([(value - 0.4, 0.1) for value in seen]))
    assert stamp.missed == 0
    assert stamp.missed_without_effect == 3


def test_the_class_is_not_judged_before_every_trial_was_run():
    rows = rows_of([(0.0, 0.1)] * 3)
    part = rows[rows["REPLAY"] != CLASS_REPLAYS[1]]
    assert class_stamp(part).state == "not run"
    assert class_stamp(part).of == 2


def test_a_share_scatters_as_its_trial_is_small():
    comparison = comparisons_of(read_replay("genesis"), load_evidence())[3]
    assert comparison.patients == 42
    rows = pd.DataFrame(
        [("genesis", 3, draw, 0.5, 0.0, 100_000) for draw in range(50)], columns=COLUMNS
    )
    low, high = predicted(comparison, rows).interval(0.95)
    # Binomial: 1.96 standard errors of 42 patients, to the width of one patient.
    half = 1.96 * np.sqrt(0.25 / 42)
    assert high - low == pytest.approx(2.0 * half, abs=1.0 / 42)


def test_a_published_lower_bound_is_met_from_above():
    comparison = comparisons_of(read_replay("volunteers_olaptesed"), load_evidence())[1]
    assert comparison.at_least
    assert comparison.seen == 4.0
    rows = pd.DataFrame(
        [("volunteers_olaptesed", 1, draw, 9.0, 0.0, 10) for draw in range(3)], columns=COLUMNS
    )
    assert predicted(comparison, rows).covers(0.8)
    assert not predicted(comparison, rows.assign(CENTRE=2.0)).covers(0.8)
