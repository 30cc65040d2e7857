"""Columns of a user's own patients: what is known of them, by which names, within which range."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, kw_only=True)
class UserColumn:
    """A covariate that a user's table may hold.

    Attributes
    ----------
    covariate
        Name among the covariates of a cohort.
    names
        Headers by which it is recognised, in house form (lower case, underscores).
    low, high
        Range of a number, both ends included, in `unit`.
    unit
        Unit of a number.
    categories
        Category -> words for it in lower case; empty for a number.
    """

    covariate: str
    names: tuple[str, ...]
    low: float = 0.0
    high: float = 0.0
    unit: str = ""
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def _number(
    covariate: str, low: float, high: float, unit: str, *names: str
) -> tuple[str, UserColumn]:
    item = UserColumn(
        covariate=covariate, names=(covariate.lower(), *names), low=low, high=high, unit=unit
    )
    return covariate, item


def _category(
    covariate: str, categories: Mapping[str, tuple[str, ...]], *names: str
) -> tuple[str, UserColumn]:
    item = UserColumn(covariate=covariate, names=(covariate.lower(), *names), categories=categories)
    return covariate, item


_CALLS: Final = {
    "high": ("high", "positive", "pos", "+", "1", "yes"),
    "low": ("low", "negative", "neg", "-", "0", "no"),
}
#: Covariate -> column, in the order of the map that is written.
USER_COLUMNS: Final[Mapping[str, UserColumn]] = MappingProxyType(
    dict(
        [
            _number("age_year", 18, 110, "year", "age", "age_years", "age_at_diagnosis"),
            _category(
                "sex",
                {"M": ("m", "male", "man", "1"), "F": ("f", "female", "woman", "2")},
                "gender",
            ),
            _number("weight_kg", 25, 250, "kg", "weight", "body_weight"),
            _number("height_cm", 120, 220, "cm", "height"),
            _number("crcl_mL_min", 5, 300, "mL/min", "crcl", "creatinine_clearance"),
            _category(
                "site",
                {
                    "upper": ("upper", "upper third", "proximal", "cervical", "ut"),
                    "middle": ("middle", "mid", "middle third", "mt"),
                    "lower": ("lower", "lower third", "distal", "lt"),
                },
                "location",
                "tumour_location",
                "tumor_location",
            ),
            _category(
                "t",
                {
                    "2": ("2", "t2", "ct2"),
                    "3": ("3", "t3", "ct3"),
                    "4": ("4", "t4", "ct4", "t4a", "ct4a", "t4b", "ct4b"),
                },
                "t_category",
                "ct",
                "clinical_t",
                "tcat",
            ),
            _category(
                "n",
                {
                    "0": ("0", "n0", "cn0"),
                    "1": ("1", "n1", "cn1"),
                    "2": ("2", "n2", "cn2", "3", "n3", "cn3"),
                },
                "n_category",
                "cn",
                "clinical_n",
                "ncat",
            ),
            _category(
                "stage",
                {
                    "II": ("ii", "iia", "iib", "2"),
                    "III": ("iii", "iiia", "iiib", "iiic", "3"),
                    "IVA": ("iva", "4a"),
                    "IVB": ("ivb", "4b"),
                },
                "clinical_stage",
                "tnm_stage",
            ),
            _number("diameter_mm", 1, 200, "mm", "tumour_diameter_mm", "tumor_diameter_mm"),
            _number("cxcr4_h_score", 0, 300, "H-score", "cxcr4h", "cxcr4_hscore"),
            _number("cxcl12_h_score", 0, 300, "H-score", "cxcl12h", "cxcl12_hscore"),
            _number("ackr3_h_score", 0, 300, "H-score", "ackr3h", "cxcr7_h_score", "ackr3_hscore"),
            _category("cxcr4_ihc", _CALLS, "cxcr4", "cxcr4_status"),
            _number("pdl1_cps", 0, 100, "CPS", "cps", "pd_l1_cps", "pdl1cps"),
            _number("serum_cxcl12_ng_per_mL", 0, 100, "ng/mL", "serum_cxcl12", "cxcl12_ng_ml"),
        ]
    )
)
#: Headers of the column that names patients.
SUBJECT_NAMES: Final = ("subject", "patient", "patient_id", "id", "usubjid", "case")
