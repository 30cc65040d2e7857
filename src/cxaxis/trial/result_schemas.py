"""The tables of results that are worked out from the tables of a run."""

from __future__ import annotations

from typing import Final

from cxaxis.runs.tables import Column, ColumnType, TableSchema
from cxaxis.trial.individual_effects import EFFECTS


def _column(
    name: str, kind: ColumnType, unit: str, meaning: str, *, nullable: bool = True
) -> Column:
    return Column(name=name, type=kind, unit=unit, meaning=meaning, nullable=nullable)


def _number(name: str, meaning: str, unit: str = "") -> Column:
    return _column(name, "float64", unit, meaning)


def _count(name: str, meaning: str) -> Column:
    return _column(name, "int32", "", meaning, nullable=False)


def _text(name: str, meaning: str, *, nullable: bool = False) -> Column:
    return _column(name, "string", "", meaning, nullable=nullable)


_ARM: Final = _text("ARM", "Arm")
_CONTROL: Final = _text("CONTROL", "Arm it is compared with")
_PARAMCD: Final = _text("PARAMCD", "Code of the end point")
_LOW: Final = _number("LOW", "Lower 95 % limit")
_HIGH: Final = _number("HIGH", "Upper 95 % limit")
_NOTE: Final = _text("NOTE", "What a reader should know, or why there is no number; else empty")

FLOW: Final = TableSchema(
    name="flow",
    meaning="How many patients passed each step, from screening to analysis",
    columns=(
        _text("STEP", "Code of the step"),
        _text("ARM", "Arm, null before allocation", nullable=True),
        _text("LABEL", "The step in words"),
        _count("N", "Patients"),
    ),
)
SURVIVAL_CURVES: Final = TableSchema(
    name="survival_curves",
    meaning="Kaplan-Meier curves of the allocated trial, one row per time of an event or censoring",
    columns=(
        _PARAMCD,
        _ARM,
        _number("DAY", "Days from randomisation", "day"),
        _number("SURVIVAL", "Share free of the event just after that day"),
        _number("LOW", "Lower 95 % limit, Greenwood's variance on the log(-log) scale"),
        _number("HIGH", "Upper 95 % limit"),
        _count("ATRISK", "Patients under observation just before"),
        _count("NEVENT", "Events on that day"),
        _count("NCENSOR", "Censored on that day"),
    ),
)
HAZARD_RATIOS: Final = TableSchema(
    name="hazard_ratios",
    meaning="Cox regression and log-rank test of the allocated trial, unadjusted and stratified",
    columns=(
        _PARAMCD,
        _ARM,
        _CONTROL,
        _text("STRATA", "Columns of adsl whose levels have their own baseline; empty for none"),
        _number("HR", "Hazard ratio"),
        _number("LOW", "Lower 95 % limit, Wald"),
        _number("HIGH", "Upper 95 % limit, Wald"),
        _number("PWALD", "Two-sided Wald p-value"),
        _number("PLOGRANK", "Two-sided p-value of the log-rank test within the same strata"),
        _text("TIES", "Rule for tied event times"),
        _count("N", "Patients of both arms"),
        _count("EVENTS", "Events of both arms"),
        _NOTE,
    ),
)
RESTRICTED_MEANS: Final = TableSchema(
    name="restricted_means",
    meaning="Mean event-free time up to a common horizon, and its difference between arms",
    columns=(
        _PARAMCD,
        _ARM,
        _CONTROL,
        _number("HORIZON", "Day up to which both curves are known", "day"),
        _number("MEAN", "Mean event-free days of the arm", "day"),
        _number("MEANCTL", "Mean event-free days of control", "day"),
        _number("DIFF", "Arm less control", "day"),
        _number("LOW", "Lower 95 % limit of the difference, normal", "day"),
        _number("HIGH", "Upper 95 % limit of the difference, normal", "day"),
    ),
)
RESPONSE_RATES: Final = TableSchema(
    name="response_rates",
    meaning="Shares of patients with a response, and their difference from control",
    columns=(
        _text("RESPONSE", "ORR, CR, R0, PCR or MPR"),
        _text("OF", "Whose share: allocated or operated"),
        _ARM,
        _count("N", "Patients"),
        _count("RESPOND", "Those with the response"),
        _number("RATE", "Share"),
        _number("LOW", "Lower 95 % limit, Clopper-Pearson"),
        _number("HIGH", "Upper 95 % limit, Clopper-Pearson"),
        _number("DIFF", "Less that of control; null for control"),
        _number("DIFFLOW", "Lower 95 % limit of the difference, Newcombe"),
        _number("DIFFHIGH", "Upper 95 % limit of the difference, Newcombe"),
    ),
)
SUBGROUPS: Final = TableSchema(
    name="subgroups",
    meaning="Hazard ratio of death in subgroups of the allocated trial",
    columns=(
        _PARAMCD,
        _ARM,
        _CONTROL,
        _text("FACTOR", "What divides the patients; All patients for everybody"),
        _text("LEVEL", "The subgroup"),
        _count("NCTL", "Patients of control"),
        _count("NTRT", "Patients of the arm"),
        _count("EVCTL", "Events of control"),
        _count("EVTRT", "Events of the arm"),
        _number("HR", "Hazard ratio; null without a finite one"),
        _LOW,
        _HIGH,
        _number("PINTER", "Likelihood-ratio p-value of the factor's interaction, uncorrected"),
    ),
)
NUMBER_NEEDED: Final = TableSchema(
    name="number_needed",
    meaning="Number needed to treat from the marginal curves of the allocated trial at landmarks",
    columns=(
        _PARAMCD,
        _ARM,
        _CONTROL,
        _number("DAY", "Landmark", "day"),
        _number("SHARECTL", "Event-free share of control"),
        _number("SHARETRT", "Event-free share of the arm"),
        _number("DIFF", "Arm less control"),
        _number("LOW", "Lower 95 % limit of the difference, bootstrap of patients"),
        _number("HIGH", "Upper 95 % limit of the difference"),
        _number("NEEDED", "Patients to treat for one more event-free; null where undefined"),
        _number("NEEDLOW", "Smaller limit"),
        _number("NEEDHIGH", "Larger limit"),
        _text("TOLD", "The same in words"),
    ),
)
COUNTERFACTUAL: Final = TableSchema(
    name="individual_summary",
    meaning="Effects on single patients in short (counterfactual: no trial sees both lives)",
    columns=(
        _ARM,
        _PARAMCD,
        _count("N", "Patients with both lives"),
        _count("COUNTERFACTUAL_GAINED", "Those with a longer event-free time within follow-up"),
        _count("COUNTERFACTUAL_LOST", "Those with a shorter one"),
        _count("COUNTERFACTUAL_SAME", "Those whose time differs by less than a day"),
        _number("COUNTERFACTUAL_MEAN_DAY", "Mean gain", "day"),
        _number("COUNTERFACTUAL_LOW_DAY", "Lower 95 % limit, paired bootstrap", "day"),
        _number("COUNTERFACTUAL_HIGH_DAY", "Upper 95 % limit", "day"),
    ),
)
CONCORDANCE: Final = TableSchema(
    name="concordance",
    meaning="Harrell's C-index of a marker, of stage and of both in the control arm",
    columns=(
        _PARAMCD,
        _ARM,
        _text("MARKER", "Column of adsl"),
        _text("MODEL", "marker, stage, both, or gain (both less stage)"),
        _number("C", "C-index, or its gain"),
        _number("LOW", "Lower 95 % limit, bootstrap of patients with the weights kept"),
        _number("HIGH", "Upper 95 % limit"),
        _count("N", "Patients"),
        _count("EVENTS", "Events"),
    ),
)
INTERIM_LOOKS: Final = TableSchema(
    name="interim_looks",
    meaning="Looks at the trial before its end, as planned",
    columns=(
        _count("LOOK", "Number of the look"),
        _number("DAY", "Calendar day, from the first possible entry", "day"),
        _count("N", "Patients entered"),
        _count("EVENTS", "Events seen"),
        _number("FRACTION", "Events as a share of those planned"),
        _number("Z", "Log-rank statistic, positive in favour of the arm"),
        _number("BOUNDARY", "What it is compared with"),
        _number("FUTILITY", "Below it the trial may stop as hopeless; null for no such rule"),
        _number("ALPHA", "Level spent up to here"),
        _text("DECISION", "What follows"),
    ),
)
VARIANCE: Final = TableSchema(
    name="variance_split",
    meaning="Variance of the log ratio of death rates over draws, by source",
    columns=(
        _ARM,
        _text("SOURCE", "total, patients, both, parameters or wiring"),
        _text("MEANING", "The source in words"),
        _number("VARIANCE", "Variance of the log ratio"),
        _number("SD", "Its square root"),
        _LOW,
        _HIGH,
        _count("NDRAW", "Draws with a ratio"),
        _NOTE,
    ),
)
INFLUENCE: Final = TableSchema(
    name="influence",
    meaning="Parameters by their rank correlation with the answer over draws",
    columns=(
        _ARM,
        _count("RANK", "1 for the most influential"),
        _text("ID", "Parameter"),
        _number("RHO", "Spearman's rank correlation with the log ratio of death rates"),
        _number("PARTIAL", "The same given the other leading parameters; null with too few draws"),
        _number("P", "Two-sided p-value of RHO"),
        _number("PANY", "The same for all parameters together, Holm"),
        _count("NDRAW", "Draws with a ratio"),
        _count("NPAR", "Parameters compared"),
        _text("STATUS", "What the parameter's value is: measured, derived, borrowed or assumed"),
    ),
)
RESULT_SCHEMAS: Final = (
    FLOW,
    SURVIVAL_CURVES,
    HAZARD_RATIOS,
    RESTRICTED_MEANS,
    RESPONSE_RATES,
    SUBGROUPS,
    NUMBER_NEEDED,
    EFFECTS,
    COUNTERFACTUAL,
    CONCORDANCE,
    INTERIM_LOOKS,
    VARIANCE,
    INFLUENCE,
)
