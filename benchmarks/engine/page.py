"""The page and the figure of the benchmark, written from its numbers alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.engine.accuracy import Point, cost_at
from benchmarks.engine.solvers import OURS
from cxaxis.core.markdown import markdown_table

PEER: Final = "libroadrunner"
TARGETS: Final = (1e-5, 1e-7)
# What runs of patients deliver; tighter, libroadrunner takes hours for a course.
PATIENT_TARGETS: Final = (1e-3,)
# Relative tolerance of runs of patients, and what a course of three years was to cost at it, ms.
PATIENT_RTOL: Final = 1e-4
COSTS_AIMED_AT: Final = {"patient": 20.0, "patient_daily": 60.0}
#: The speed over libroadrunner that is aimed at, by problem and target.
AIMS: Final[dict[tuple[str, float], float]] = {
    ("gpcr", 1e-5): 15.0,
    ("gpcr", 1e-7): 8.0,
    ("tumour", 1e-5): 30.0,
    ("tumour", 1e-7): 25.0,
    ("cell", 1e-5): 10.0,
    ("cell", 1e-7): 10.0,
    ("patient", 1e-3): 10.0,
    ("patient_month", 1e-3): 10.0,
}
STYLES: Final = {
    OURS: ("#0072b2", (0, ())),
    "libroadrunner": ("#d55e00", (0, (6, 1.6))),
    "COPASI": ("#009e73", (0, (6, 1.6, 1.4, 1.6))),
    "scipy LSODA": ("#b5508f", (0, (1.6, 1.2))),
    "scipy BDF": ("#5f656b", (0, (1.6, 1.2))),
}


def points_of(records: Sequence[Mapping[str, Any]], beside: str = "") -> list[Point]:
    """Return the points of a solver that have an error.

    With ``beside``, the worst patient is that among the patients of the solver of that name.
    """
    return [
        Point(
            r["rtol"],
            r["us_per_patient"],
            r["error_median"],
            r["error_worst_of_patients_of"].get(beside, r["error_worst"]),
        )
        for r in records
        if r["error_median"] is not None
    ]


def speed(
    problem: Mapping[str, Any], peer: str, error: float, *, worst: bool = False
) -> tuple[float, float, float] | None:
    """Return our time, a peer's time (us) and their ratio at an achieved error."""
    solvers = problem["solvers"]
    if peer not in solvers:
        return None
    mine = cost_at(points_of(solvers[OURS], peer), error, worst=worst)
    theirs = cost_at(points_of(solvers[peer]), error, worst=worst)
    return None if mine is None or theirs is None else (mine, theirs, theirs / mine)


def write_page(results: Mapping[str, Any], path: Path) -> None:
    """Write the page, and the figure beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if "precision" in results:
        _save_figure(results["precision"], path.with_suffix(".svg"))
    text = "\n".join(_lines(results, path.with_suffix(".svg").name))
    path.write_text(text.rstrip() + "\n", "utf-8")


def _lines(results: Mapping[str, Any], figure: str) -> Iterator[str]:
    machine = results["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    yield "# The population engine beside other solvers"
    yield ""
    yield "<!-- Written by `python -m benchmarks.engine`; change nothing here by hand. -->"
    yield ""
    if results.get("quick"):
        yield "**A quick look at few patients: the numbers are rough.**"
        yield ""
    yield (
        f"{machine['system']}, {machine['processor']}, {machine['cores']} cores, "
        f"{machine['lanes']} lanes; Python {machine['python']}, {versions}."
    )
    yield ""
    yield from _method()
    if "precision" in results:
        yield f"![Time per patient against achieved error]({figure})"
        yield ""
        yield from _ratios(results["precision"])
        yield from _costs(results["precision"])
        for problem in results["precision"].values():
            yield from _problem(problem)
    writers: dict[str, Callable[[Any], Iterator[str]]] = {
        "threads": _threads,
        "compile": _compile,
        "memory": _memory,
        "states": _states,
        "patients": _patients,
        "kill": _kill,
    }
    for part, write in writers.items():
        if part in results:
            yield from write(results[part])
    yield "## What was not measured"
    yield ""
    yield (
        "Graphics cards; solvers outside Python; compilers other than LLVM. COPASI is judged by "
        "its solver alone: loading a patient's model and copying results out are not counted. "
        "scipy runs on compiled rates with an analytic Jacobian, so its time is that of its own "
        "loop; it is left out where a model has events."
    )


def _method() -> Iterator[str]:
    yield (
        "Time is processor time of one core per patient, all solvers in turn on the same "
        "stretches of patients in one run. The error of a patient is the largest difference from "
        "the reference solution over all states and reading times, as a share of that state's "
        "peak in that patient. Solvers are compared at the same *achieved* error: at the same "
        "nominal tolerance they differ by a factor of ten and more in what they deliver. Times "
        "between tolerances are interpolated, logarithm against logarithm. Parameters are spread "
        "log-normally (sigma 0.3, exponents 0.05); the project's patients come from its own "
        "population. Ratios for the worst patient take the worst among the same patients. "
        "libroadrunner runs in whichever form is fastest for it: doses as stops, or "
        "as one recurring event. The patient it compiles with all optimisation, in eight minutes "
        "and 4 GB; without, it loads in one and a half and computes rates 18 times slower."
    )
    yield ""


def _ratios(problems: Mapping[str, Any]) -> Iterator[str]:
    yield f"## Times faster than {PEER}, at equal achieved error, one core"
    yield ""
    rows = (
        _ratio_cells(name, problem, error, worst=worst)
        for name, problem in problems.items()
        if PEER in problem["solvers"]
        for error in (PATIENT_TARGETS if name.startswith("patient") else TARGETS)
        for worst in (False, True)
    )
    times = ("ours, us", "libroadrunner, us", "ratio")
    yield from markdown_table(("problem", "error", "of the", *times, "aim"), rows)
    yield ""


def _costs(problems: Mapping[str, Any]) -> Iterator[str]:
    yield "## Cost of a patient"
    yield ""
    yield (
        f"One core, relative and absolute tolerance {PATIENT_RTOL:.0e} as in every run of "
        "patients, from the day of diagnosis, read at every visit."
    )
    yield ""
    rows = [
        (problems[name]["title"], f"{aim:g}", f"{1e-3 * record['us_per_patient']:.1f}")
        for name, aim in COSTS_AIMED_AT.items()
        if name in problems
        for record in problems[name]["solvers"][OURS]
        if record["rtol"] == PATIENT_RTOL
    ]
    yield from markdown_table(("course", "aimed at, ms", "ms"), rows, "lr")
    yield ""


def _ratio_cells(
    name: str, problem: Mapping[str, Any], error: float, *, worst: bool
) -> tuple[str, ...]:
    found = speed(problem, PEER, error, worst=worst)
    who = "worst patient" if worst else "median patient"
    aim = "" if worst else f"{AIMS.get((name, error), 0):g}"
    if found is None:
        return (name, f"{error:.0e}", who, "outside the measured range", "", "", aim)
    mine, theirs, ratio = found
    return (name, f"{error:.0e}", who, f"{mine:,.0f}", f"{theirs:,.0f}", f"{ratio:.1f}", aim)


def _problem(problem: Mapping[str, Any]) -> Iterator[str]:
    yield f"## {problem['title']}"
    yield ""
    quiet = problem["calibration_us_per_step"]
    yield (
        f"{problem['n_state']} states, {problem['n_parameter']} values per patient, "
        f"{problem['n_time']} readings, {problem['n_patient']} patients. Absolute tolerance: "
        f"{problem['atol_per_rtol']:.0e} of the relative one. Calibration (one scalar step of a "
        f"fixed model) {min(quiet):.2f} to {max(quiet):.2f} us while this was measured."
    )
    yield ""
    reference = problem["reference"]
    checks = "; ".join(
        f"{c['solver']} at {c['rtol']:.0e} differs by at most "
        + ("a failure" if c["worst"] is None else f"{c['worst']:.1e}")
        + f" on {c['n']} patients"
        for c in reference["checks"]
    )
    told = checks or "no other code solved it in the time there was"
    yield f"Reference: our engine at relative tolerance {reference['rtol']:.0e}; {told}."
    yield ""
    rows = (
        (
            solver,
            f"{r['rtol']:.0e}",
            r["n"],
            f"{r['us_per_patient']:,.0f}",
            *(
                "" if r[key] is None else f"{r[key]:.1e}"
                for key in ("error_median", "error_p90", "error_worst")
            ),
            r["failed"],
            "" if r["steps_per_patient"] is None else f"{r['steps_per_patient']:,.0f}",
        )
        for solver, records in problem["solvers"].items()
        for r in records
    )
    header = ("solver", "tolerance", "patients", "us per patient", "error: median", "90 %")
    yield from markdown_table((*header, "worst", "failed", "steps"), rows)
    yield ""


def _threads(records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "## Two threads"
    yield ""
    rows = (
        (
            r["name"],
            r["n_patient"],
            f"{r['one_wall_s']:.2f}",
            f"{r['ratio_median']:.2f}",
            f"{r['ratio_best']:.2f}",
            f"{r['cores_used']:.2f}",
        )
        for r in records
    )
    header = ("problem", "patients", "one thread, s", "two threads faster by", "best")
    yield from markdown_table((*header, "cores it got"), rows)
    yield ""
    yield "Wall time, pairs in turn; the last column is 2 where nothing else used the cores."
    yield ""


def _compile(records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "## From SBML to the first answer"
    yield ""
    rows = (
        (r["name"], f"{r['cold_s']:.2f}", f"{r['cached_s']:.2f}", f"{r['peak_mib']:.0f}")
        for r in records
    )
    yield from markdown_table(("problem", "new, s", "kept on disk, s", "peak memory, MiB"), rows)
    yield ""


def _memory(records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "## Peak memory of a batch"
    yield ""
    rows = (
        (r["name"], r["solver"], r["n_patient"], f"{r['before_mib']:.0f}", f"{r['peak_mib']:.0f}")
        for r in records
    )
    header = ("problem", "solver", "patients", "before, MiB", "peak, MiB")
    yield from markdown_table(header, rows)
    yield ""


def _states(records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "## Growth with states"
    yield ""
    yield "Rings of cells of 25 states each, 4 h, relative tolerance 1e-6; not at equal error."
    yield ""
    rows = (
        (
            r["n_state"],
            f"{r['cold_s']:.2f}",
            f"{r['steps_per_patient']:,.0f}",
            f"{r['us_per_step']:.2f}",
            f"{r['us_per_patient']:,.0f}",
            f"{r['libroadrunner_us_per_patient']:,.0f}",
            f"{r['peak_mib']:.0f}",
        )
        for r in records
    )
    header = ("states", "compile, s", "steps", "us per step", "us per patient")
    yield from markdown_table((*header, "libroadrunner, us", "peak memory, MiB"), rows)
    yield ""


def _patients(records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "## Growth with patients, streamed to disk"
    yield ""
    yield "24 readings of three quantities of every patient, relative tolerance 1e-4, all cores."
    yield ""
    rows = (
        (
            r["name"],
            f"{r['n_patient']:,}",
            f"{r['wall_s']:,.1f}",
            f"{r['n_patient'] / r['wall_s']:,.0f}",
            f"{r['peak_mib']:,.0f}",
            f"{r['disk_mib']:,.1f}",
            sum(n for outcome, n in r["counts"].items() if outcome != "completed"),
        )
        for r in records
    )
    header = ("problem", "patients", "wall, s", "patients a second", "peak memory, MiB")
    yield from markdown_table((*header, "disk, MiB", "failed"), rows)
    yield ""


def _kill(record: Mapping[str, Any]) -> Iterator[str]:
    same = "the same bytes as" if record["same_bytes"] else "OTHER BYTES THAN"
    yield (
        f"A run of {record['n_patient']:,} patients, killed after {record['parts_before_kill']} of "
        f"{record['parts']} parts and started again, ended with {same} one left alone."
    )
    yield ""


def _save_figure(problems: Mapping[str, Any], path: Path) -> None:
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullLocator

    from cxaxis.figures.output import save
    from cxaxis.figures.style import RULE, house_style

    with house_style():
        rows = -(-len(problems) // 2)
        figure = Figure(figsize=(7.6, 0.5 + 2.7 * rows), layout="constrained")
        panels = figure.subplots(rows, min(2, len(problems)), squeeze=False)
        for axes, problem in zip(panels.flat, problems.values(), strict=False):
            for solver, records in problem["solvers"].items():
                points = points_of(records)
                colour, dashes = STYLES[solver]
                ms = [p.us / 1e3 for p in points]
                axes.plot(
                    [p.median for p in points],
                    ms,
                    color=colour,
                    linestyle=dashes,
                    marker="o",
                    markersize=3.2,
                    label=solver,
                )
                axes.plot(
                    [p.worst for p in points],
                    ms,
                    color=colour,
                    linestyle="",
                    marker="x",
                    markersize=3.2,
                    alpha=0.6,
                )
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.invert_xaxis()
            axes.xaxis.set_major_locator(LogLocator(numticks=5))
            axes.xaxis.set_major_formatter(lambda x, _: f"{x:.0e}")
            axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
            axes.yaxis.set_major_formatter(lambda y, _: f"{y:g}")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_minor_locator(NullLocator())
            axes.set_title(problem["title"], loc="left")
            axes.set_xlabel("Achieved error, share of peak")
            axes.set_ylabel("Time per patient, ms")
            axes.grid(visible=True, color=RULE, linewidth=0.5)
        for axes in list(panels.flat)[len(problems) :]:
            axes.set_visible(False)
        handles, labels = panels.flat[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
        figure.suptitle(
            "One core. Lines: median patient; crosses: worst patient. Lower and further right is "
            "better.",
            fontsize=9,
        )
        save(figure, path)
