from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cxaxis.core.errors import ModelValueError, UserInputError
from cxaxis.core.streams import rng_for
from cxaxis.inference.outcome_influence import candidates, fitted_text, influences
from cxaxis.inference.outcome_records import MOST_FITTED, PoolArrays, load_fitted
from cxaxis.knowledge.landmarks import load_landmarks
from cxaxis.knowledge.parameters import load_parameters

LANDMARKS = load_landmarks()
FIT = LANDMARKS["neocrtec_crt_5_year"]
HELD_OUT = LANDMARKS["rtog_8501_5_year"]
IDS = ("alpha_tumour", "birth_rate", "vigour", "phi")


def pool(weights: dict[str, dict[str, float]], n: int = 400) -> PoolArrays:
    """Return populations in which landmarks are weighted sums of scores."""
    z = rng_for(4, "influence").standard_normal((n, len(IDS)))
    noise = rng_for(4, "noise").standard_normal((n, len(weights)))
    columns = [
        0.2 * noise[:, k] + sum(w * z[:, IDS.index(name)] for name, w in row.items())
        for k, row in enumerate(weights.values())
    ]
    share = 1.0 / (1.0 + np.exp(-np.column_stack(columns)))
    return PoolArrays(
        parameter_ids=IDS,
        unit_theta=z,
        landmark_ids=tuple(weights),
        share=share,
        share_se=np.zeros_like(share),
        population_draw=np.arange(n),
        wiring=np.full(n, "default"),
    )


def test_parameters_come_by_the_variance_they_explain() -> None:
    made = pool({FIT.id: {"alpha_tumour": 1.0, "birth_rate": -2.0}})
    found = influences(made, [FIT])
    assert [item.id for item in found[:2]] == ["birth_rate", "alpha_tumour"]
    assert found[0].correlation < 0 < found[1].correlation
    # 4, 1 and 0.04 parts of variance.
    assert found[0].mean == pytest.approx(4 / 5.04, abs=0.05)
    assert found[1].mean == pytest.approx(1 / 5.04, abs=0.05)


def test_held_out_landmarks_play_no_part() -> None:
    made = pool({FIT.id: {"alpha_tumour": 1.0}, HELD_OUT.id: {"vigour": 5.0}})
    found = influences(made, [FIT, HELD_OUT])
    assert found[0].id == "alpha_tumour"
    changed = replace(made, share=made.share * np.array([1.0, 0.1]))
    assert influences(changed, [FIT, HELD_OUT]) == found


def test_a_causal_share_is_never_chosen() -> None:
    made = pool({FIT.id: {"phi": 5.0, "vigour": 1.0}})
    assert "phi" not in {item.id for item in influences(made, [FIT])}
    assert candidates(IDS) == IDS[:3]


def test_a_height_is_not_learned_from_survival() -> None:
    assert candidates(("body_height", "body_weight", "vigour")) == ("vigour",)


def test_a_parameter_taken_explains_nothing_more() -> None:
    made = pool({FIT.id: {"alpha_tumour": 1.0}})
    twin = replace(
        made, unit_theta=made.unit_theta.copy(), parameter_ids=("alpha_tumour", *IDS[1:])
    )
    twin.unit_theta[:, 1] = twin.unit_theta[:, 0]
    found = influences(twin, [FIT])
    assert [item.id for item in found].count("alpha_tumour") + [item.id for item in found].count(
        "birth_rate"
    ) == 1


def test_too_few_populations_are_refused() -> None:
    made = pool({FIT.id: {"alpha_tumour": 1.0}})
    made.share[20:] = np.nan
    with pytest.raises(ModelValueError, match="only 20 populations"):
        influences(made, [FIT])


def test_the_table_is_read_back_and_that_which_ships_is_sound(tmp_path: Path) -> None:
    found = influences(pool({FIT.id: {"alpha_tumour": 1.0, "birth_rate": -2.0}}), [FIT])
    path = tmp_path / "fitted_population.tsv"
    path.write_text(fitted_text(found), encoding="utf-8")
    assert tuple(load_fitted(path)) == tuple(item.id for item in found)
    shipped = load_fitted()
    assert 0 < len(shipped) <= MOST_FITTED
    assert [item.rank for item in shipped.values()] == list(range(1, len(shipped) + 1))
    assert all(load_parameters()[name].spread > 0 for name in shipped)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("no_such\t1\t0.1\twhy", "FITPOP001"),
        ("alpha_tumour\t16\t0.1\twhy", "FITPOP002"),
        ("alpha_tumour\t1\tmuch\twhy", "FITPOP003"),
    ],
)
def test_a_bad_row_is_told(tmp_path: Path, line: str, code: str) -> None:
    path = tmp_path / "fitted_population.tsv"
    path.write_text(f"id\trank\tinfluence\twhy\n{line}\n", encoding="utf-8")
    with pytest.raises(UserInputError) as caught:
        load_fitted(path)
    assert {finding.code for finding in caught.value.findings} == {code}
