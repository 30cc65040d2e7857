"""Clinical settings: which stages a trial or a cohort enrols, and in what shares."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

import numpy as np

from cxaxis.core.errors import ModelValueError

Setting = Literal["resectable_escc", "locally_advanced_escc", "metastatic_escc"]

LOCALLY_ADVANCED: Final[Setting] = "locally_advanced_escc"
SETTINGS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        # T4 is left to definitive chemoradiotherapy: whether it can be taken out is not modelled.
        "resectable_escc": ("II", "III"),
        "locally_advanced_escc": ("II", "III", "IVA"),
        "metastatic_escc": ("IVB",),
    }
)
"""Clinical stages of each setting."""
SETTING_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "resectable_escc": "resectable",
        "locally_advanced_escc": "locally advanced",
        "metastatic_escc": "metastatic",
    }
)
"""Settings as a title has them."""
LEAST_LIFE_EXPECTANCY_DAY: Final[Mapping[str, float]] = MappingProxyType(
    # First-line trials of advanced disease enrol those expected to live 12 weeks or longer.
    {"metastatic_escc": 84.0}
)
"""Days that a patient of a setting must be expected to live untreated; others are not enrolled."""
STAGES: Final = SETTINGS[LOCALLY_ADVANCED]


def stage_quotas(
    n: int, theta: Mapping[str, float], setting: Setting = LOCALLY_ADVANCED
) -> dict[str, int]:
    """Return how many patients of each stage a cohort of ``n`` has, by largest remainder.

    The shares of the stages that a setting leaves out go to those it keeps, in proportion.

    Raises
    ------
    ModelValueError
        If the shares of stages II and III exceed 1 together.
    """
    two, three = theta["share_stage_ii"], theta["share_stage_iii"]
    if two + three > 1.0:
        msg = (
            f"share_stage_ii {two:g} and share_stage_iii {three:g} exceed 1 together; stage IVA "
            "is what they leave."
        )
        raise ModelValueError(msg)
    # Distant disease stands alone in its setting, so that its weight has no meaning.
    weights = {"II": two, "III": three, "IVA": 1.0 - two - three, "IVB": 1.0}
    stages = SETTINGS[setting]
    shares = np.array([weights[stage] for stage in stages])
    exact = n * shares / shares.sum()
    counts = np.floor(exact).astype(int)
    order = np.argsort(-(exact - counts), kind="stable")
    counts[order[: n - counts.sum()]] += 1
    return dict(zip(stages, counts.tolist(), strict=True))
