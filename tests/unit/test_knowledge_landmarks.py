import math
from pathlib import Path

import pytest

from cxaxis.core.errors import UserInputError
from cxaxis.knowledge.evidence import load_evidence
from cxaxis.knowledge.landmarks import (
    LANDMARK_COLUMNS,
    effective_n,
    load_landmarks,
    wilson_percent,
)

GOOD = {
    "id": "some_point",
    "study": "NEOCRTEC5010",
    "arm": "neoadjuvant_crt",
    "setting": "resectable_escc",
    "quantity": "alive_at",
    "time_month": "60",
    "value_percent": "59.9",
    "n": "224",
    "analysis_set": "as randomised",
    "use": "fit",
    "evidence": "CLI082",
}


def write(folder: Path, *rows: dict[str, str]) -> Path:
    path = folder / "landmarks.tsv"
    lines = ["\t".join(LANDMARK_COLUMNS)]
    lines += ["\t".join(row.get(name, "") for name in LANDMARK_COLUMNS) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def codes(folder: Path, **changed: str) -> set[str]:
    with pytest.raises(UserInputError) as caught:
        load_landmarks(write(folder, {**GOOD, **changed}))
    return {finding.code for finding in caught.value.findings}


def test_every_shipped_landmark_rests_on_rows_of_its_use() -> None:
    evidence = load_evidence()
    roles = {"fit": {"fitted"}, "check": {"fitted", "context"}, "predict": {"held_out"}}
    landmarks = load_landmarks()
    assert {item.use for item in landmarks.values()} == set(roles)
    for item in landmarks.values():
        assert {evidence[cited].role for cited in item.evidence} <= roles[item.use]


def test_the_value_is_what_the_row_says_or_what_its_note_says() -> None:
    evidence = load_evidence()
    for item in load_landmarks().values():
        said = " ".join(f"{evidence[c].value} {evidence[c].note}" for c in item.evidence)
        # A median is alive (or free) at that time: 50 %.
        number = item.time_month if item.value == 50 else item.value
        assert f"{number:g}" in said or f"{number:.1f}" in said, item.id


def test_no_study_is_both_fitted_and_held_out_at_the_same_point() -> None:
    points: dict[tuple[object, ...], set[str]] = {}
    for item in load_landmarks().values():
        points.setdefault((*item.curve, item.time_month), set()).add(item.use)
    assert not [key for key, uses in points.items() if {"fit", "predict"} <= uses]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"evidence": "CLI077"}, "LAND009"),
        ({"evidence": "CLI084"}, "LAND009"),
        ({"use": "predict"}, "LAND009"),
        ({"evidence": "CLI999"}, "LAND008"),
        ({"evidence": ""}, "LAND008"),
        ({"arm": "radium"}, "LAND003"),
        ({"setting": "metastatic_escc"}, "LAND003"),
        ({"value_percent": "130"}, "LAND004"),
        ({"n": "many"}, "LAND005"),
        ({"time_month": ""}, "LAND006"),
        ({"quantity": "pcr"}, "LAND006"),
        ({"low": "70", "high": "80"}, "LAND007"),
        ({"study": ""}, "LAND002"),
        ({"id": "No Id"}, "LAND001"),
    ],
)
def test_a_bad_row_is_told(tmp_path: Path, changed: dict[str, str], code: str) -> None:
    assert code in codes(tmp_path, **changed)


def test_points_of_one_curve_share_its_patients(tmp_path: Path) -> None:
    early = {**GOOD, "id": "early", "time_month": "12", "value_percent": "90"}
    looked_at = {**GOOD, "id": "looked_at", "use": "check", "time_month": "24"}
    other = {**GOOD, "id": "other", "quantity": "pcr", "time_month": "", "n": "185"}
    landmarks = load_landmarks(write(tmp_path, GOOD, early, looked_at, other))
    counted = effective_n(landmarks.values())
    assert counted == {"some_point": 112.0, "early": 112.0, "looked_at": 224.0, "other": 185.0}


def test_the_interval_is_wilsons() -> None:
    # The roots of (p - x)^2 = z^2 x (1 - x) / n.
    p, n, z = 0.25, 40, 1.959963984540054
    for limit in wilson_percent(100 * p, n):
        x = limit / 100
        assert math.isclose((p - x) ** 2, z**2 * x * (1 - x) / n, rel_tol=1e-9)


def test_a_printed_interval_stands_and_an_absent_one_is_made(tmp_path: Path) -> None:
    printed = {**GOOD, "id": "printed", "low": "50", "high": "70"}
    landmarks = load_landmarks(write(tmp_path, GOOD, printed))
    assert (landmarks["printed"].low, landmarks["printed"].high) == (50.0, 70.0)
    made = landmarks["some_point"]
    assert made.low < 59.9 < made.high
    assert math.isclose(
        made.high - made.low, 2 * 1.96 * 100 * math.sqrt(0.6 * 0.4 / 224), rel_tol=0.03
    )
