"""What the page shows of results: flow, full tables, what they rest on, and their limits."""

from __future__ import annotations

from typing import Any

from cxaxis.report.basis_rows import influence_tables
from cxaxis.report.flow_drawing import flow_drawing, flow_table
from cxaxis.report.landmark_words import compared_with_landmarks
from cxaxis.report.result_tables import outcome_tables, variance_table
from cxaxis.report.source import TrialRun
from cxaxis.trial.influence import LEAST_DRAWS
from cxaxis.trial.results import TrialResults


def result_content(run: TrialRun, results: TrialResults) -> dict[str, Any]:
    """Return the values of the page's template that come from the results of a run."""
    labels, flow = run.summary.labels, results.tables["flow"]
    return {
        "flow": flow_drawing(flow, labels, control=run.summary.control),
        "flow_rows": flow_table(flow, labels),
        "outcome_tables": outcome_tables(results, labels),
        "result_notes": results.notes,
        "variance_table": variance_table(results, labels),
        "influence_tables": influence_tables(results, run.tables["parameters"], labels),
        "least_draws": LEAST_DRAWS,
        "compared": compared_with_landmarks(run),
        "limits": limits_of(run),
        "fitted_draws": (run.protocol.get("uncertainty") or {}).get("populations")
        == "control_arms",
    }


def limits_of(run: TrialRun) -> list[str]:
    """Return what the results of a run cannot say, one sentence each."""
    draws = run.tables["uncertainty"]
    n_draw = int(draws["DRAW"].nunique()) if len(draws) else 0
    n_patient = len(run.tables["adsl"])
    return [
        "Patients, their disease and what is seen of it are simulated; no number here was observed "
        "in anybody.",
        f"The allocated trial is one draw of {n_patient} patients: another seed gives another "
        "trial, and its intervals hold that chance alone.",
        (
            f"What is not known of parameters and mechanisms is drawn {n_draw} times; so few draws "
            "show the order of its size."
            if 0 < n_draw < 100
            else f"What is not known of parameters and mechanisms is drawn {n_draw} times."
            if n_draw
            else "What is not known of parameters and mechanisms is not drawn in this run."
        ),
        "Everything is squamous cell carcinoma: adenocarcinoma is not modelled, and a mixed series "
        "is not comparable.",
        "Treatment is given as planned until death: toxicity shortens no course and nobody "
        "refuses; there is neither crossover nor a later line unless the protocol says so.",
        "Drop-out does not depend on the course of the disease.",
        "The share of the CXCR4 effect that is causal (φ) is not known from any study; every "
        "effect of a drug rests on it.",
        "Comparisons with published trials are of unlike patients: they test the order of size, "
        "and are no validation in a trial of these drugs in this disease, of which there is none.",
    ]
