"""The page and the figure of the fit to control arms say what its tables say, misses included."""

import pytest

from cxaxis.core.errors import ModelValueError
from cxaxis.figures.landmarks import LandmarkGroup, landmark_intervals
from cxaxis.inference.outcome_checks import Compared, LeftOutStudy, RankTest
from cxaxis.inference.outcome_tables import FittedPopulation, OutcomeTables
from cxaxis.knowledge.landmarks import load_landmarks
from cxaxis.report.control_arms_docs import figure_text, named, page

LANDMARKS = load_landmarks()


def compared(item, shift):
    """A landmark predicted too low by `shift`, with an interval of 0.1 either way."""
    middle = item.share - shift
    return Compared(
        id=item.id,
        study=item.study,
        observed=item.share,
        centre=middle,
        centre_low=middle - 0.05,
        centre_high=middle + 0.05,
        low_80=middle - 0.1,
        high_80=middle + 0.1,
        low_95=middle - 0.2,
        high_95=middle + 0.2,
        reference_width=0.1,
        log_score=-3.0,
    )


def tables(shift=0.0):
    rows = tuple(compared(item, shift) for item in LANDMARKS.values())
    by_landmark = ";".join(f"{name}=0.5" for name in LANDMARKS)
    return OutcomeTables(
        parameters=tuple(
            FittedPopulation(
                id=name,
                unit="1",
                prior_median=0.5,
                prior_low=0.2,
                prior_high=0.8,
                median=0.4,
                low=0.3,
                high=0.5,
                ratio=ratio,
                effective=5000.0,
            )
            for name, ratio in (("share_stage_ii", 0.5), ("share_stage_iii", 0.95))
        ),
        landmarks=rows,
        emulated=rows,
        ranks=(
            RankTest(id="share_stage_ii", counts=(10,) * 8, p_value=1.0),
            RankTest(id="share_stage_iii", counts=(80, *(0,) * 7), p_value=1e-9),
        ),
        studies=(
            LeftOutStudy(
                study="CROSS",
                n_landmark=4,
                n_inside_80=3,
                n_inside_95=4,
                log_score=-2.0,
                prior_log_score=-4.0,
            ),
        ),
        summary={
            "input_hash": "abc",
            "populations_emulated": "1000",
            "draws": "200",
            "draws_simulated": "190",
            "states_kept": "10000",
            "least_effective_share": "0.4",
            "mean_acceptance": "0.93",
            "divergent_steps": "0",
            "study_spread_median": "0.3",
            "study_spread_low": "0.1",
            "study_spread_high": "0.6",
            "followed_others": "phi",
            "emulator_r2": by_landmark,
            "emulator_error_sd": by_landmark,
            "emulator_error_left_sd": by_landmark,
        },
    )


def test_every_landmark_is_on_the_page_and_in_the_figure():
    text, drawing = page(tables(), LANDMARKS), figure_text(tables(), LANDMARKS)
    for item in LANDMARKS.values():
        assert named(item) in text
        assert drawing.count(named(item)) >= 1
    assert "**missed**" not in text
    assert "width ratio" in text.lower()


def test_misses_and_failed_bars_are_said():
    text = page(tables(shift=0.25), LANDMARKS)
    assert text.count("**missed**") == len(LANDMARKS)
    bars = [line for line in text.splitlines() if line.endswith("**no** |")]
    # Fitted intervals, coverage and width of what is held out, ranks; not the effective share.
    assert len(bars) == 4
    assert "0 of 27 lie within" in text


def test_a_parameter_that_was_not_learned_says_so():
    text = page(tables(), LANDMARKS)
    assert (
        "| `share_stage_iii` | 1 | 0.5 (0.2 to 0.8) | 0.4 (0.3 to 0.5) | 0.95 | not learned" in text
    )
    assert "1 of 2 were learned" in text


def test_an_empty_group_is_refused():
    with pytest.raises(ModelValueError, match="at least one line"):
        landmark_intervals([LandmarkGroup(title="none", lines=())])
