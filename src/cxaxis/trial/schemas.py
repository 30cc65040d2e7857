"""The tables of a trial run: names, types, units and meaning of every column."""

from __future__ import annotations

from typing import Final

from cxaxis.runs.tables import Column, ColumnType, TableSchema


def _column(
    name: str, kind: ColumnType, unit: str, meaning: str, *, nullable: bool = False
) -> Column:
    return Column(name=name, type=kind, unit=unit, meaning=meaning, nullable=nullable)


SUBJECT: Final = _column("USUBJID", "string", "", "Virtual patient")
ALLOCATED: Final = _column("TRT01P", "string", "", "Arm the patient was allocated to")
ANY_ARM: Final = _column("ARM", "string", "", "Arm under which the patient was simulated")
CENSORED: Final = _column("CNSR", "int8", "", "0 when the event was observed, 1 when censored")
EVENT: Final = _column("EVENT", "bool", "", "Whether the event was observed")
PARAMCD: Final = _column("PARAMCD", "string", "", "Code of the quantity")

#: Covariate of the cohort -> column: whether a stain is high by the cut-off of one series.
STAIN_CALLS: Final = {
    "ihc_kaifi_2005_cxcr4": "X4KAI05",
    "ihc_gockel_2006_cxcr4_any": "X4GOC06A",
    "ihc_gockel_2006_cxcr4_strong": "X4GOC06S",
    "ihc_uchi_2016_cxcr4": "CXCR4GR",
    "ihc_aacr_2012_cxcr4": "X4AAC12",
    "ihc_sasaki_2009_cxcr4": "X4SAS09",
    "ihc_uchi_2016_cxcl12": "X12UCH16",
    "ihc_aacr_2012_cxcl12": "X12AAC12",
    "ihc_sasaki_2009_cxcl12": "X12SAS09",
    "ihc_chen_2020_cxcl12": "X12CHE20",
    "ihc_cxcr7_2013_ackr3": "X7TMA13",
}

ADSL: Final = TableSchema(
    name="adsl",
    meaning="One row per patient of the allocated trial",
    columns=(
        _column("STUDYID", "string", "", "Hash of the protocol, first twelve characters"),
        SUBJECT,
        ALLOCATED,
        _column("ARM", "string", "", "Label of the allocated arm"),
        _column("AGE", "float64", "year", "Age at randomisation"),
        _column("SEX", "string", "", "M or F"),
        _column("STAGE", "string", "", "Clinical stage group: II, III, IVA or IVB"),
        _column("SITE", "string", "", "Third of the oesophagus: upper, middle or lower"),
        _column("TCAT", "int8", "", "Clinical T category, 2 to 4"),
        _column("NCAT", "int8", "", "Clinical N category: 0, 1 (one or two nodes) or 2 (more)"),
        _column("WEIGHT", "float64", "kg", "Body weight"),
        _column("HEIGHT", "float64", "cm", "Height"),
        _column("CRCL", "float64", "mL/min", "Creatinine clearance"),
        _column("CXCR4H", "float64", "", "H-score of CXCR4 on tumour cells, 0 to 300"),
        _column("CXCL12H", "float64", "", "H-score of CXCL12 in tumour cells, 0 to 300"),
        _column("ACKR3H", "float64", "", "H-score of ACKR3 on tumour cells, 0 to 300"),
        _column("PDL1CPS", "float64", "", "Combined positive score of PD-L1, 0 to 100"),
        *(
            _column(column, "string", "", f"Stain by the cut-off {name[4:]}: low or high")
            for name, column in STAIN_CALLS.items()
        ),
        _column("BULKX4", "float64", "", "CXCR4 in bulk RNA, relative to positive tumour cells"),
        _column("SCX4", "float64", "", "Share of tumour cells with CXCR4 by single-cell RNA"),
        _column("SERUMX12", "float64", "ng/mL", "CXCL12 in serum"),
        _column("CYTNODE", "int32", "", "Nodes with a micrometastasis by cytokeratin"),
        _column("CYTMARR", "bool", "", "Cytokeratin shows tumour cells in an aspirate of marrow"),
        _column("TUMDIAM", "float64", "mm", "Diameter of the primary at diagnosis"),
        _column(
            "OCCMETS",
            "int32",
            "",
            "Distant founders that had arrived before day 0; those beyond an organ's slots as one",
        ),
        _column("ENTRYDY", "float64", "day", "Calendar day of entry, from the first possible one"),
    ),
    version=4,
)

CONDUCT: Final = TableSchema(
    name="conduct",
    meaning="What the trial did with each patient: population, end of treatment, switch",
    columns=(
        SUBJECT,
        ALLOCATED,
        _column("BASKET", "string", "", "Population the patient entered by"),
        _column("ENDTRTDY", "float64", "day", "End of the arm's planned drugs"),
        _column("LASTDY", "float64", "day", "Last day of follow-up"),
        _column("LOST", "bool", "", "Whether that was loss to follow-up"),
        _column(
            "PROGDY", "float64", "day", "First progression seen in the control arm", nullable=True
        ),
        _column("CROSSDY", "float64", "day", "Switch to the drugs of another arm", nullable=True),
    ),
)

ADTTE: Final = TableSchema(
    name="adtte",
    meaning="Times to event of the allocated trial",
    columns=(
        _column("STUDYID", "string", "", "Hash of the protocol, first twelve characters"),
        SUBJECT,
        ALLOCATED,
        PARAMCD,
        _column("PARAM", "string", "", "Name of the end point"),
        _column("AVAL", "float64", "day", "Days from randomisation to event or censoring"),
        CENSORED,
        EVENT,
        _column(
            "EVNTDESC", "string", "", "What happened, with the cause of a death, or why it ended"
        ),
    ),
)

POOL: Final = TableSchema(
    name="pool",
    meaning="Times to event of every patient under every arm (counterfactual)",
    columns=(
        SUBJECT,
        ANY_ARM,
        PARAMCD,
        _column("AVAL", "float64", "day", "Days from randomisation", nullable=True),
        CENSORED,
        EVENT,
        _column(
            "EVNTDESC", "string", "", "What happened, with the cause of a death, or why it ended"
        ),
    ),
)

OUTCOME: Final = TableSchema(
    name="outcome",
    meaning="How the simulation of every patient under every arm ended",
    columns=(
        SUBJECT,
        ANY_ARM,
        _column("OUTCOME", "string", "", "completed, or the kind of failure"),
        _column("TIME_DAY", "float64", "day", "Time reached"),
        _column("STATE", "string", "", "Stiffest state at failure"),
        _column("MESSAGE", "string", "", "The solver's words"),
        _column("ADVICE", "string", "", "What to try next"),
    ),
)


def _visit_table(name: str, meaning: str, *columns: Column, version: int = 1) -> TableSchema:
    day = _column("ADY", "float64", "day", "Day from randomisation")
    return TableSchema(
        name=name, meaning=meaning, columns=(SUBJECT, ALLOCATED, *columns, day), version=version
    )


ADTR: Final = _visit_table(
    "adtr",
    "Tumour burden at visits while alive and followed, allocated arm",
    PARAMCD,
    _column("AVAL", "float64", "mm", "Sum of the target lesions by RECIST 1.1, as measured"),
    version=2,
)
ADRS: Final = _visit_table(
    "adrs",
    "Response at visits while alive and followed, and the best of them, allocated arm",
    PARAMCD,
    _column(
        "AVALC",
        "string",
        "",
        "CR, PR, SD, PD or NED (no disease seen so far) by RECIST 1.1; after an operation against "
        "the first sight after it. The best response (before an operation, on the row of day 0) "
        "may be NE, not evaluable",
    ),
    version=2,
)
ADPATH: Final = _visit_table(
    "adpath",
    "Pathologist's report on each patient operated on, allocated arm; the day is the operation's",
    _column("MARGIN", "string", "", "R0 or R1"),
    _column("YPT0", "bool", "", "No viable tumour cell found in the bed of the primary"),
    _column("YPN", "int8", "", "ypN category, 0 to 3"),
    _column("NODEPOS", "int32", "", "Nodes in which tumour was found"),
    _column("NODEEXAM", "int32", "", "Nodes examined"),
    _column("RESIDUAL", "float64", "", "Viable tumour as a share of the former bed, 0 if none"),
    _column("TRG", "string", "", "Regression grade of Becker: 1a, 1b, 2 or 3"),
    _column("PCR", "bool", "", "Pathological complete response: ypT0 and ypN0"),
    _column("MPR", "bool", "", "Major pathological response: at most a tenth of the bed viable"),
    _column("CLEARED", "bool", "", "No clonogen left anywhere after the operation; nobody sees it"),
)
ADPC: Final = _visit_table(
    "adpc",
    "Drug concentrations during treatment, allocated arm",
    PARAMCD,
    _column("AVAL", "float64", "nanomolar", "Total plasma concentration"),
)
ADPD: Final = _visit_table(
    "adpd",
    "Pharmacodynamics during treatment, allocated arm: occupancy and CD34+ cells",
    PARAMCD,
    _column("AVAL", "float64", "", "Value, in AVALU"),
    _column("AVALU", "string", "", "Unit of the value"),
)
# Written block by block: everything about a patient under an arm; the visit tables hold
# rows only for the arm the patient was allocated to.
BLOCK_SCHEMAS: Final = (POOL, OUTCOME, ADTR, ADRS, ADPATH, ADPC, ADPD)

PARAMETERS: Final = TableSchema(
    name="parameters",
    meaning="The parameters used, with what each rests on",
    columns=(
        _column("ID", "string", "", "Parameter"),
        _column("VALUE", "float64", "", "Value used, in UNIT"),
        _column("UNIT", "string", "", "Unit"),
        _column("SCALE", "string", "", "Scale of SPREAD and OMEGA: log, linear or logit"),
        _column("SPREAD", "float64", "", "Standard deviation of what is not known, as stated"),
        _column("WIDENED", "float64", "", "SPREAD widened by relevance: what is drawn from"),
        _column("OMEGA", "float64", "", "Standard deviation between patients"),
        _column("STATUS", "string", "", "measured, derived, borrowed or assumed"),
        _column("SPECIES", "string", "", "System the value comes from"),
        _column("RELEVANCE", "float64", "", "Nearness of that system to a patient, 0 to 1"),
        _column("EVIDENCE", "string", "", "Evidence rows"),
        _column("SOURCE", "string", "", "Citation of each evidence row and how it was read"),
        _column("NOTE", "string", "", "Reasons and caveats"),
    ),
)

UNCERTAINTY: Final = TableSchema(
    name="uncertainty",
    meaning="Ratio of death rates in each population drawn from what is not known",
    columns=(
        _column("DRAW", "int32", "", "Number of the draw"),
        ANY_ARM,
        _column("PHI", "float64", "", "Causal share of this draw"),
        _column("WIRING", "string", "", "Options that differ from the default"),
        _column(
            "LOGHR",
            "float64",
            "",
            "Log ratio of deaths per person-time, arm over control",
            nullable=True,
        ),
        _column("NPAT", "int32", "", "Patients under each arm"),
    ),
)

PHI: Final = TableSchema(
    name="phi",
    meaning="Ratio of death rates in the pool at fixed causal shares (counterfactual)",
    columns=(
        _column("PHI", "float64", "", "Causal share"),
        ANY_ARM,
        _column("HR", "float64", "", "Deaths per person-time, arm over control", nullable=True),
        _column("LOW", "float64", "", "Lower 95 % limit, paired bootstrap", nullable=True),
        _column("HIGH", "float64", "", "Upper 95 % limit, paired bootstrap", nullable=True),
        _column("NPAT", "int32", "", "Patients under each arm"),
    ),
)

RUN_SCHEMAS: Final = (
    ADSL,
    CONDUCT,
    ADTTE,
    ADTR,
    ADRS,
    ADPATH,
    ADPC,
    ADPD,
    OUTCOME,
    POOL,
    PHI,
    UNCERTAINTY,
    PARAMETERS,
)
