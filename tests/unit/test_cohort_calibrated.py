"""Populations of the posterior: what was fitted is theirs, everything else the prior's."""

import pytest

from cxaxis.cohort import calibrated
from cxaxis.cohort.population import central_theta, draw_theta
from cxaxis.core.errors import UserInputError
from cxaxis.knowledge import posteriors
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.knowledge.posteriors import OUTCOME_SEED

FITTED = ("share_stage_ii", "share_stage_iii")


@pytest.fixture
def draws(tmp_path, monkeypatch):
    monkeypatch.setattr(posteriors, "_ids_of", lambda *_: FITTED)
    path = tmp_path / "outcome_posterior.tsv"
    rows = [("draw", *FITTED), ("0", "0.3", "0.4"), ("1", "0.2", "0.5"), ("2", "0.1", "0.6")]
    path.write_text("".join("\t".join(row) + "\n" for row in rows))
    return path


def test_a_draw_changes_what_was_fitted_and_nothing_else(draws):
    rows = load_parameters()
    theta = calibrated.posterior_draw(rows, 1, path=draws)
    prior = draw_theta(rows, seed=OUTCOME_SEED, draw=1)
    assert [theta[name] for name in FITTED] == [0.2, 0.5]
    assert {k: v for k, v in theta.items() if k not in FITTED} == {
        k: v for k, v in prior.items() if k not in FITTED
    }


def test_the_middle_has_medians_and_tabled_values(draws):
    rows = load_parameters()
    theta = calibrated.calibrated_theta(rows, path=draws)
    assert [theta[name] for name in FITTED] == [0.2, 0.5]
    central = central_theta(rows)
    assert all(theta[name] == central[name] for name in rows if name not in FITTED)


def test_a_row_that_is_left_out_stays_out(draws):
    rows = {"share_stage_ii": load_parameters()["share_stage_ii"]}
    assert calibrated.posterior_draw(rows, 0, path=draws) == {"share_stage_ii": 0.3}


def test_a_draw_that_is_not_there_is_named(draws):
    with pytest.raises(UserInputError, match="no draw 3; it has 3"):
        calibrated.posterior_draw(load_parameters(), 3, path=draws)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("draw\tshare_stage_ii\tshare_stage_iii\n0\tx\t0.5\n", "Give a number;"),
        ("draw\tshare_stage_ii\tshare_stage_iii\n", "holds no draw"),
        (None, "is missing. Write it with python -m cxaxis.inference.outcome_fit"),
    ],
)
def test_a_bad_file_is_named_with_its_cure(draws, text, message):
    if text is None:
        draws.unlink()
    else:
        draws.write_text(text)
    with pytest.raises(UserInputError, match=message):
        calibrated.posterior_draw(load_parameters(), 0, path=draws)
