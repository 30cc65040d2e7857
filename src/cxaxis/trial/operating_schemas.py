"""Tables of operating characteristics: what each holds, column by column."""

from __future__ import annotations

from typing import Final

from cxaxis.runs.tables import Column, ColumnType, TableSchema


def _column(
    name: str, kind: ColumnType, unit: str, meaning: str, *, nullable: bool = False
) -> Column:
    return Column(name=name, type=kind, unit=unit, meaning=meaning, nullable=nullable)


_ARM: Final = _column("ARM", "string", "", "Arm compared with control")
_PLANNED: Final = _column("NPLAN", "int32", "", "Patients of the comparison, both arms")

OPERATING: Final = TableSchema(
    name="operating",
    meaning="What replicates of the allocated trial show, one row per comparison with control",
    columns=(
        _ARM,
        _column("PARAMCD", "string", "", "End point"),
        _column("NTRIAL", "int32", "", "Patients of one trial, all arms"),
        _column("NPOOL", "int32", "", "Patients of the pool they are drawn from"),
        _column("NREPL", "int32", "", "Replicates"),
        _column("ALPHA", "float64", "", "Level of the log-rank test, both sides together"),
        _column("REJECT", "float64", "", "Share of replicates that reject on either side"),
        _column("REJSE", "float64", "", "Its Monte Carlo standard error"),
        _column("REJLOW", "float64", "", "Its lower 95 % limit, exact"),
        _column("REJHIGH", "float64", "", "Its upper 95 % limit, exact"),
        _column("BENEFIT", "float64", "", "Share that reject in favour of the arm"),
        _column("NULLREJ", "float64", "", "Share that reject if the arm changed nobody's course"),
        _column("NULLSE", "float64", "", "Its Monte Carlo standard error"),
        _column("NULLLOW", "float64", "", "Its lower 95 % limit, exact"),
        _column("NULLHIGH", "float64", "", "Its upper 95 % limit, exact"),
        _column("EVENTS", "float64", "", "Expected events of both arms"),
        _column("NPAT", "float64", "", "Expected patients of both arms at the end"),
        _column("DURDAY", "float64", "day", "Expected end, from the first possible entry"),
        _column("HRLOW", "float64", "", "2.5 % quantile of the Cox hazard ratio", nullable=True),
        _column("HRMED", "float64", "", "Its median", nullable=True),
        _column("HRHIGH", "float64", "", "Its 97.5 % quantile", nullable=True),
        _column("NOHR", "int32", "", "Replicates without a finite hazard ratio"),
    ),
)
REPLICATES: Final = TableSchema(
    name="replicates",
    meaning="Every replicate of every comparison",
    columns=(
        _ARM,
        _column("REPL", "int32", "", "Number of the replicate"),
        _column("REJECTED", "bool", "", "Whether the test rejected, on either side"),
        _column("BENEFIT", "bool", "", "Whether it rejected in favour of the arm"),
        _column("LOGHR", "float64", "", "Log of the Cox hazard ratio at the end", nullable=True),
        _column("EVENTS", "int32", "", "Events of both arms"),
        _column("NPAT", "int32", "", "Patients of both arms"),
        _column("DURDAY", "float64", "day", "End, from the first possible entry"),
    ),
)
POWER_BY_PHI: Final = TableSchema(
    name="power_by_phi",
    meaning="Chance of success of a trial at fixed causal shares, by Schoenfeld's formula",
    columns=(
        _column("PHI", "float64", "", "Causal share"),
        _ARM,
        _PLANNED,
        _column("HR", "float64", "", "Ratio of death rates in the pool", nullable=True),
        _column("POWER", "float64", "", "Chance to reject in favour of the arm", nullable=True),
        _column("LOW", "float64", "", "The same at the upper limit of the ratio", nullable=True),
        _column("HIGH", "float64", "", "The same at the lower limit of the ratio", nullable=True),
    ),
)
ASSURANCE: Final = TableSchema(
    name="assurance",
    meaning="Chance of success of a trial over what is not known",
    columns=(
        _ARM,
        _PLANNED,
        _column("EVENTS", "float64", "", "Expected deaths of both arms at the mean log ratio"),
        _column("ALPHA", "float64", "", "Level of the log-rank test, both sides together"),
        _column("ASSUR", "float64", "", "Share of nested trials that reject in favour of the arm"),
        _column("MCSE", "float64", "", "Its standard error from the number of nested trials"),
        _column("DRAWSSE", "float64", "", "Its standard error from the number of draws"),
        _column("LOW", "float64", "", "Lower 95 % limit by both, not below 0"),
        _column("HIGH", "float64", "", "Upper 95 % limit by both, not above 1"),
        _column("ASDRAWN", "float64", "", "Not corrected for the sampling within draws"),
        _column("ATMEAN", "float64", "", "Power at the mean log ratio, as if it were known"),
        _column("NDRAW", "int32", "", "Draws with a ratio"),
        _column("NUNDEF", "int32", "", "Draws without"),
    ),
)
SPREAD: Final = TableSchema(
    name="spread",
    meaning="Variance of the log hazard ratio by source",
    columns=(
        _ARM,
        _column("SOURCE", "string", "", "trial, draw, parameters, wiring or both"),
        _column("MEANING", "string", "", "The source in words"),
        _column("VARIANCE", "float64", "", "Variance of the log hazard ratio", nullable=True),
        _column("SD", "float64", "", "Its square root", nullable=True),
        _column("LOW", "float64", "", "Lower 95 % limit of the variance", nullable=True),
        _column("HIGH", "float64", "", "Upper 95 % limit of the variance", nullable=True),
        _column("NOTE", "string", "", "Why there is no number, else empty"),
    ),
)
INFORMATION: Final = TableSchema(
    name="information",
    meaning="What each uncertain input is worth knowing before the decision to go on",
    columns=(
        _ARM,
        _column("RANK", "int32", "", "1 for the input that explains most"),
        _column("INPUT", "string", "", "Parameter, option of the wiring, or wiring as a whole"),
        _column("SHARE", "float64", "", "Share of the variance over draws, chance taken off"),
        _column("VALUE", "float64", "", "Gain of the decision, log hazard ratio"),
        _column("P", "float64", "", "Chance to explain as much without influence"),
        _column("PANY", "float64", "", "Chance that any of all inputs would"),
        _column("NDRAW", "int32", "", "Draws used"),
        _column("NNEED", "int32", "", "Draws that a ranking needs"),
        _column("RELIABLE", "bool", "", "Whether there were as many"),
        _column("GO", "bool", "", "Whether the mean log ratio of the draws lies below the target"),
        _column("PWRONG", "float64", "", "Share of draws in which the other decision is right"),
        _column("PERFECT", "float64", "", "Gain from knowing everything, log hazard ratio"),
    ),
)
SCHEMAS: Final = (OPERATING, REPLICATES, POWER_BY_PHI, ASSURANCE, SPREAD, INFORMATION)
