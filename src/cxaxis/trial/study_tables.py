"""The tables of the studies of prognosis, of screening and of histology."""

from __future__ import annotations

from typing import Final

from cxaxis.runs.tables import Column, ColumnType, TableSchema
from cxaxis.trial.result_schemas import CONCORDANCE


def _column(
    name: str, kind: ColumnType, unit: str, meaning: str, *, nullable: bool = True
) -> Column:
    return Column(name=name, type=kind, unit=unit, meaning=meaning, nullable=nullable)


def _number(name: str, meaning: str, unit: str = "") -> Column:
    return _column(name, "float64", unit, meaning)


def _count(name: str, meaning: str) -> Column:
    return _column(name, "int32", "", meaning, nullable=False)


def _text(name: str, meaning: str) -> Column:
    return _column(name, "string", "", meaning, nullable=False)


STAGE_SURVIVAL: Final = TableSchema(
    name="stage_survival",
    meaning="Five-year overall survival of virtual patients by what they came with",
    columns=(
        _text("GROUP", "Early, all stages, all stages at a registry's mix, or a stage"),
        _text("CARE", "Treatment"),
        _count("N", "Patients; 0 for a weighted mean of groups"),
        _number("ALIVE", "Share alive at five years"),
        _number("LOW", "Lower 95 % limit, exact"),
        _number("HIGH", "Upper 95 % limit, exact"),
        _number("PUBLISHED", "The same as published"),
        _text("SOURCE", "Evidence row, whose, and its role; empty for none"),
    ),
)
STAGE_MIX: Final = TableSchema(
    name="stage_mix",
    meaning="Stages of unselected virtual patients beside a registry",
    columns=(
        _text("STAGE", "Stage group"),
        _count("N", "Virtual patients"),
        _number("SHARE", "Share of them"),
        _number("REGISTRY", "Share in the registry, of those staged"),
        _text("SOURCE", "Evidence rows"),
    ),
)
SCREENING: Final = TableSchema(
    name="screening",
    meaning="What a test finds, once at diagnosis and repeated before it",
    columns=(
        _text("TEST", "The test"),
        _number("THRESHOLD", "From here on it is positive, in UNIT"),
        _text("UNIT", "Unit of the threshold"),
        _number("SENS", "Share positive at diagnosis"),
        _number("SENSLOW", "Lower 95 % limit, exact"),
        _number("SENSHIGH", "Upper 95 % limit, exact"),
        _number("SPEC", "Share negative of people without the disease"),
        _number("SPECLOW", "Lower 95 % limit, exact"),
        _number("SPECHIGH", "Upper 95 % limit, exact"),
        _number("EVERY", "Days between tests of the programme", "day"),
        _number("FOUND", "Share found by some test between onset and diagnosis"),
        _number("FALSE", "Share of people without the disease that some test flags"),
        _number("LEADLOW", "Lower quartile of the lead time of those found", "day"),
        _number("LEAD", "Median lead time of those found", "day"),
        _number("LEADHIGH", "Upper quartile of the lead time of those found", "day"),
        _count("NILL", "People who come to diagnosis"),
        _count("NFREE", "People without the disease"),
        _text("NOTE", "What a reader should know"),
    ),
)
HISTOLOGY_MIX: Final = TableSchema(
    name="histology_mix",
    meaning="Shares of the histological types of oesophageal cancer, as published",
    columns=(
        _text("EVIDENCE", "Evidence rows"),
        _text("QUANTITY", "What was counted"),
        _number("ESCC", "Share of squamous cell carcinoma"),
        _text("SYSTEM", "Whose"),
        _text("ROLE", "What the row may be used for"),
    ),
)
HISTOLOGY_EXPRESSION: Final = TableSchema(
    name="histology_expression",
    meaning="Share of tumours with CXCR4 by histological type, as published",
    columns=(
        _text("EVIDENCE", "Evidence row"),
        _text("HISTOLOGY", "escc or adenocarcinoma"),
        _text("QUANTITY", "What was counted"),
        _number("SHARE", "Share of tumours"),
        _text("SYSTEM", "Whose"),
        _text("ROLE", "What the row may be used for"),
    ),
)
HISTOLOGY_RATIOS: Final = TableSchema(
    name="histology_ratios",
    meaning="Hazard ratio of death, CXCR4 high against low, that a mixed series would show",
    columns=(
        _number("ESCC", "Share of the events that are of squamous cell carcinoma"),
        _number("ADENO", "Hazard ratio in adenocarcinoma, supposed"),
        _number("HR", "Hazard ratio of the mixed series"),
        _number("LOW", "Lower 95 % limit"),
        _number("HIGH", "Upper 95 % limit"),
        _text("SOURCE", "Row of the ratio in squamous cell carcinoma"),
    ),
)
PROGNOSIS_SCHEMAS: Final = (STAGE_SURVIVAL, STAGE_MIX, CONCORDANCE)
SCREENING_SCHEMAS: Final = (SCREENING,)
HISTOLOGY_SCHEMAS: Final = (HISTOLOGY_MIX, HISTOLOGY_EXPRESSION, HISTOLOGY_RATIOS)
