"""Write the page on grafts and growth routes, or check that the one in a folder is fresh.

``python -m cxaxis.report.xenograft_docs docs`` writes ``xenograft.md`` and ``xenograft.svg`` (a
minute); with ``--check`` it compares the hash of what the page depends on and exits 1 if it is
stale.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from cxaxis.cohort.population import central_theta, draw_theta, typical_patient
from cxaxis.core.markdown import markdown_table
from cxaxis.engine.population import PopulationEngine
from cxaxis.engine.protocol import Engine
from cxaxis.figures.output import save
from cxaxis.figures.style import arm_styles
from cxaxis.figures.xenograft import xenograft_figure
from cxaxis.knowledge.drug_records import Drug
from cxaxis.knowledge.drugs import load_drugs
from cxaxis.knowledge.evidence import Evidence
from cxaxis.knowledge.parameters import Parameters, load_parameters
from cxaxis.models.build import Model, build
from cxaxis.patient.course import to_diagnosis
from cxaxis.patient.grafts import NUDE, Line, Theta, of_the_mouse, settled_grafts
from cxaxis.patient.growth_routes import RouteFactorial, route_factorial
from cxaxis.patient.xenograft import (
    DrawnRatios,
    XenograftArm,
    XenograftResult,
    drawn_ratios,
    run_xenograft,
    standard_arms,
)
from cxaxis.report.page_key import evidence_of, is_fresh, marker, simulated_key

COMMAND: Final = "python -m cxaxis.report.xenograft_docs docs"
PAGE: Final = "xenograft.md"
FIGURE: Final = "xenograft.svg"
SEED: Final = 11
N_DRAW: Final = 300
N_MICE: Final = 8
HUMAN_DAY: Final = 90.0
CAUSAL_SHARES: Final = (0.0, 0.5, 1.0)
LABELS: Final[Mapping[str, str]] = {
    "control": "control",
    "shrna": "CXCR4 shRNA",
    "amd3100": "AMD3100",
    "knock_out": "CXCR4 knocked out",
    "flood": "AMD3100 without a gap",
}
#: Arm -> row whose low and high are its assumed band.
BANDS: Final[Mapping[str, str]] = {"shrna": "TIS045", "amd3100": "TIS046"}
# Ten times the dose, four times a day: the receptor is never free.
_FLOOD_TIMES: Final = 10.0
_FLOOD_EVERY_DAY: Final = 0.25


def arms_of(theta: Theta, plerixafor: Drug) -> tuple[XenograftArm, ...]:
    """Return the standard arms, the knock-out, and AMD3100 that never leaves the receptor."""
    dose = theta["xenograft_plerixafor_dose"]
    return (
        *standard_arms(theta, plerixafor),
        XenograftArm(id="knock_out", residual_cxcr4=0.0),
        XenograftArm(
            id="flood",
            drug=plerixafor,
            dose_mg_per_kg=_FLOOD_TIMES * dose,
            every_day=_FLOOD_EVERY_DAY,
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What the page tells.

    Attributes
    ----------
    experiment
        Mice of the tabled population.
    central
        Twins of the tabled population by what the line and its mouse are.
    drawn
        Twins over draws of what is not known.
    routes
        Factorials by host.
    """

    experiment: XenograftResult
    central: Mapping[str, DrawnRatios]
    drawn: DrawnRatios
    routes: Mapping[str, RouteFactorial]


def findings(parameters: Parameters, engine: Engine, *, n_draw: int = N_DRAW) -> Findings:
    """Run everything that the page tells."""
    model = build("patient", parameters)
    theta = central_theta(parameters)
    plerixafor = load_drugs()["plerixafor"]
    thetas = [
        of_the_mouse(draw_theta(parameters, seed=SEED, draw=k), parameters, seed=SEED, draw=k)
        for k in range(n_draw)
    ]

    def twins(populations: Sequence[Theta], line: Line = NUDE) -> DrawnRatios:
        return drawn_ratios(
            model, populations, lambda each: arms_of(each, plerixafor), engine=engine, line=line
        )

    lines = {f"causal share {phi:g}": Line(phi=phi) for phi in CAUSAL_SHARES}
    lines["line without CXCR4"] = Line(cxcr4_share=0.0)
    lines["T cells in the mouse"] = Line(immune_competent=True)
    lines["T cells in the mouse, line without CXCR4"] = Line(cxcr4_share=0.0, immune_competent=True)
    return Findings(
        experiment=run_xenograft(
            model, theta, standard_arms(theta, plerixafor), N_MICE, seed=SEED, engine=engine
        ),
        central={name: twins([theta], line) for name, line in lines.items()},
        drawn=twins(thetas),
        routes=_routes(model, theta, engine),
    )


def _routes(model: Model, theta: Theta, engine: Engine) -> dict[str, RouteFactorial]:
    patient = to_diagnosis(model, typical_patient(model, theta), engine).patients
    graft = settled_grafts(model, [theta], engine).table
    return {
        "patient": route_factorial(model, patient, engine, day=HUMAN_DAY),
        "nude mouse": route_factorial(model, graft, engine, day=theta["xenograft_duration"]),
    }


def input_key() -> str:
    """Return the hash of the model, numbers and settings behind the page."""
    return simulated_key(
        "patient",
        evidence=BANDS.values(),
        seed=SEED,
        n_draw=N_DRAW,
        n_mice=N_MICE,
        day=HUMAN_DAY,
        phi=CAUSAL_SHARES,
    )


def page(found: Findings, evidence: Mapping[str, Evidence], key: str) -> str:
    """Return the page as Markdown; ``key`` is the hash of what was simulated."""
    return "\n".join(
        [
            "# Grafts in mice and the routes of growth",
            "",
            *marker(COMMAND, key),
            "",
            "The patient model as a nude mouse with an ESCC line under the skin. The control grows",
            "as the `xenograft_*` rows say; what an arm loses is predicted. The causal share is 1:",
            "it splits hazard ratios of patients, and an experiment that takes CXCR4 away has",
            "cause alone.",
            "",
            f"![Volumes by arm, and ratios to control over draws]({FIGURE})",
            "",
            *_experiment_part(found),
            *_drawn_part(found, evidence),
            *_central_part(found),
            *_routes_part(found),
        ]
    )


def _experiment_part(found: Findings) -> Iterator[str]:
    yield from (
        "## One experiment",
        "",
        f"{N_MICE} mice in each arm at the tabled parameters; intervals over mice.",
        "",
    )
    rows = (
        (
            LABELS[row["arm"]],
            f"{row['day']:.0f}",
            f"{row['mean_volume_mm3']:.0f}",
            f"{row['ratio']:.2f}",
            f"{row['low']:.2f}-{row['high']:.2f}",
        )
        for row in found.experiment.to_frame().to_dict("records")
    )
    yield from markdown_table(("Arm", "Day", "Mean mm3", "Ratio to control", "95 %"), rows, "lr")
    yield ""


def _drawn_part(found: Findings, evidence: Mapping[str, Evidence]) -> Iterator[str]:
    yield from (
        "## Over what is not known",
        "",
        f"Twins without calipers in {N_DRAW} draws. The bands are assumptions about held-out",
        "experiments whose ratios nobody read; they set no number.",
        "",
    )
    tabled = found.central["causal share 1"]

    def cells(arm: str) -> tuple[str, ...]:
        ratio = found.drawn.of(arm)
        low, inner_low, middle, inner_high, high = np.quantile(ratio, (0.025, 0.1, 0.5, 0.9, 0.975))
        told = ("-", "-", "-")
        if arm in BANDS:
            row = evidence[BANDS[arm]]
            left, right = float(row.low), float(row.high)
            inside = float(((ratio >= left) & (ratio <= right)).mean())
            overlaps = "yes" if low < right and high > left else "no"
            told = (f"{left:g}-{right:g} ({row.id})", overlaps, f"{100 * inside:.0f} %")
        return (
            LABELS[arm],
            f"{tabled.of(arm)[0]:.2f}",
            f"{middle:.2f}",
            f"{inner_low:.2f}-{inner_high:.2f}",
            f"{low:.2f}-{high:.2f}",
            *told,
        )

    bands = ("Assumed band", "95 % overlaps", "Draws inside")
    header = ("Arm", "Tabled", "Median", "80 %", "95 %", *bands)
    yield from markdown_table(header, map(cells, found.drawn.arms[1:]), "lrrrrrlr")
    yield from (
        "",
        "AMD3100 leaves a mouse within hours, and a neutral antagonist takes the ligand from",
        "CXCR4 but not what CXCR4 does without one: held for good it still does less than",
        "losing the receptor.",
        "",
    )


def _central_part(found: Findings) -> Iterator[str]:
    arms = found.drawn.arms[1:]
    yield from (
        "## Other lines, mice and causal shares",
        "",
        "Ratios at the tabled parameters. The last two rows are sister lines in mice of their own",
        "strain, as LM8 and Dunn (DRG243). With T cells, blockade also brings regulatory T cells",
        "out of the marrow: a line without CXCR4 then grows a little more under it.",
        "",
    )
    header = ("Line and mouse", *(LABELS[arm] for arm in arms), "AMD3100: founders in the lung")
    rows = (
        (
            name,
            *(f"{ratios.of(arm)[0]:.2f}" for arm in arms),
            f"{ratios.lung_ratio[ratios.arms.index('amd3100'), 0]:.2f}",
        )
        for name, ratios in found.central.items()
    )
    yield from markdown_table(header, rows, "lr")
    yield ""


def _routes_part(found: Findings) -> Iterator[str]:
    hosts = list(found.routes)
    days = ", ".join(f"{name} day {item.day:.0f}" for name, item in found.routes.items())
    yield from (
        "## By which routes CXCR4 makes a primary grow",
        "",
        "CXCR4 is taken from every tumour cell and each route hears it or is kept deaf: a full",
        f"factorial, read on {days}.",
        "Effects are factors on volume: of one route the mean over the choices for the others, of",
        "several their interaction.",
        "",
    )
    items = found.routes.values()
    cuts = (
        (
            "none, CXCR4 gone and no route hears it",
            *(f"{item.left_over[0]:.4f}" for item in items),
        ),
        ("all four, the axis-free tumour", *(f"{item.axis_free[0]:.4f}" for item in items)),
    )
    effects = (
        (" x ".join(routes), *(f"{np.exp(item.effect(*routes)[0]):.4f}" for item in items))
        for routes, _ in found.routes[hosts[0]].effects()
    )
    yield from markdown_table(("Routes cut", *hosts), cuts, "lr")
    yield ""
    yield from markdown_table(("Effect", *hosts), effects, "lr")
    yield from (
        "",
        "The first row is 1 where the four are all there are. Stemness changes treatment and",
        "spread, and hardly the size of an untreated tumour: stem-like cells divide as others do.",
        "",
    )


def main(arguments: list[str]) -> int:
    """Write or check the page; return the exit code."""
    folder = Path(next((item for item in arguments if not item.startswith("--")), "docs"))
    path = folder / PAGE
    key, evidence = input_key(), evidence_of(BANDS.values())
    if "--check" in arguments:
        fresh = is_fresh(path, key)
        if not fresh:
            sys.stderr.write(f"{path} is stale. Run: {COMMAND}\n")
        return 0 if fresh else 1
    found = findings(load_parameters(), PopulationEngine())
    text = page(found, evidence, key)
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    styles = arm_styles({arm: LABELS[arm] for arm in found.experiment.arms}, control="control")
    figure = xenograft_figure(
        found.experiment.courses(),
        styles,
        {LABELS[arm]: found.drawn.of(arm) for arm in found.drawn.arms[1:]},
        {
            LABELS[arm]: (float(evidence[row].low), float(evidence[row].high))
            for arm, row in BANDS.items()
        },
    )
    save(figure, folder / FIGURE)
    sys.stdout.write(f"{path}\n{folder / FIGURE}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
