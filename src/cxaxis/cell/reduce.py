"""Write the response functions, or check that the committed ones are fresh.

``python -m cxaxis.cell.reduce`` fits and writes, ``--draws N`` takes the first N draws of the
posterior as well. ``--emit`` writes the texts that follow from the tables and fits nothing.
``--check`` compares input hashes and texts and exits 1 if a file is stale.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from cxaxis.cell.reduction import (
    ANTIMONY_FILE,
    COMMAND,
    DECLARATION_FILE,
    ERROR_FILE,
    KERNEL_FILE,
    generated_file,
    header_hash,
)
from cxaxis.cell.reduction_emit import antimony_source, coefficient_source, kernel_source
from cxaxis.cell.reduction_errors import (
    CHECK_SEED,
    N_CHECK,
    N_SIMULATED_FEW,
    SetErrors,
    check_points,
    errors_of,
)
from cxaxis.cell.reduction_fit import FLOOR
from cxaxis.cell.reduction_form import (
    ResponseFit,
    coefficient_names,
    coefficients_of,
    driver_logs,
    fit_from,
    fit_responses,
    fitted_outputs,
)
from cxaxis.cell.reduction_network import ReductionError
from cxaxis.cell.reduction_rest import Rest, constants_of, rest_of, rest_states
from cxaxis.cell.reduction_sampling import BENCH, Bench, evaluated
from cxaxis.core.hashing import sha256_file, sha256_of
from cxaxis.knowledge.posteriors import cell_posterior_file, load_cell_posterior
from cxaxis.knowledge.response_box import load_response_box, load_response_outputs
from cxaxis.models.build import TIME_UNIT, Model, build
from cxaxis.models.compose import compose
from cxaxis.models.responses import COEFFICIENT_FILE, DEFAULT, SHIFT_FILE, TABLED, response_sets
from cxaxis.models.wiring import Wiring, one_at_a_time

logger = logging.getLogger(__name__)

# Raised when the form or the way of fitting changes, so that committed files become stale.
FORM_VERSION: Final = 1
#: Files that only a fit can make, and those that follow from the tables and coefficients.
FITTED_FILES: Final = (COEFFICIENT_FILE, ERROR_FILE)
FILES: Final = (*FITTED_FILES, SHIFT_FILE, ANTIMONY_FILE, DECLARATION_FILE, KERNEL_FILE)
# Each further draw adds a set for every wiring that matters, half a minute to a minute each.
N_DRAW: Final = 1
# A wiring matters if it moves any output by this much of full scale.
_MATTERS: Final = 1e-6
_N_MATTERS: Final = 256
ERROR_COLUMNS: Final = (
    "wiring",
    "draw",
    "output",
    "n_check",
    "n_simulated",
    "absolute",
    "relative",
    "elasticity_ligand",
    "elasticity_occupancy",
    "algebra",
    "hysteresis",
    "most_rests",
)


@dataclass(frozen=True, kw_only=True)
class FittedSet:
    """Response functions of one wiring and draw with their errors."""

    wiring: str
    draw: str
    fit: ResponseFit
    errors: SetErrors


def input_hash(n_draw: int = N_DRAW) -> str:
    """Return the hash of everything the generated files depend on."""
    model = build(BENCH)
    constants = {k: v for k, v in constants_of(model).items() if k in model.bindings}
    posterior = cell_posterior_file()
    parts: dict[str, Any] = {
        "form": FORM_VERSION,
        "source": compose(BENCH, time_unit=TIME_UNIT[BENCH]).text,
        "constants": {name: repr(value) for name, value in sorted(constants.items())},
        "inputs": [_plain(item) for item in load_response_box().values()],
        "outputs": [_plain(item) for item in load_response_outputs().values()],
        "wirings": [_on(wiring, model) for wiring in one_at_a_time() if _on(wiring, model)],
        "posterior": sha256_file(posterior) if posterior.is_file() else "none",
        "n_draw": n_draw,
    }
    return sha256_of(parts)


def _on(wiring: Wiring, model: Model) -> list[str]:
    """Return the switches of a model that a wiring turns on; none for one that it does not have."""
    return [name for name, value in wiring.switches().items() if value and name in model.units]


def _plain(item: Any) -> dict[str, str]:
    return {key: str(value) for key, value in asdict(item).items() if key != "where"}


def committed_draws() -> int:
    """Return how many draws the committed files were asked for."""
    path = generated_file(COEFFICIENT_FILE)
    if path.is_file():
        first = path.read_text("utf-8").partition("\n")[0]
        _, found, number = first.partition("--draws ")
        if found and number.strip().isdecimal():
            return int(number)
    return N_DRAW


def stale_files() -> list[str]:
    """Return the generated files that do not belong to the present inputs."""
    n_draw = committed_draws()
    now = input_hash(n_draw)
    # Numbers may differ between processors in their last digit; texts of tables may not.
    worked_out = (*FITTED_FILES, SHIFT_FILE)
    texts = emitted(_header(n_draw, now))
    stale = [name for name in worked_out if header_hash(generated_file(name)) != now]
    return stale + [name for name, text in texts.items() if not _holds(name, text)]


def _holds(name: str, text: str) -> bool:
    path = generated_file(name)
    return path.is_file() and path.read_text("utf-8") == text


def _header(n_draw: int, digest: str) -> str:
    return f"Generated by: {COMMAND} --draws {n_draw}\ninputs sha256: {digest}"


def emitted(header: str) -> dict[str, str]:
    """Return the text of every file that follows from the tables alone, by name.

    Parameters
    ----------
    header
        Lines for the head of each, without comment signs.
    """
    inputs, outputs = load_response_box(), load_response_outputs()
    return {
        ANTIMONY_FILE: antimony_source(inputs, outputs, header),
        DECLARATION_FILE: coefficient_source(inputs, outputs, header),
        KERNEL_FILE: kernel_source(inputs, outputs, header),
    }


def emitted_anew() -> dict[str, str]:
    """Return the texts that go with the committed coefficients.

    Raises
    ------
    ReductionError
        If the coefficients do not belong to the present inputs.
    """
    n_draw = committed_draws()
    digest = input_hash(n_draw)
    for name in FITTED_FILES:
        path = generated_file(name)
        if header_hash(path) != digest:
            msg = f"{path} is stale, and its texts would be. Run: {COMMAND}"
            raise ReductionError(msg)
    header = _header(n_draw, digest)
    return {SHIFT_FILE: _shift_table(header, _committed_fits()), **emitted(header)}


def _committed_fits() -> dict[str, ResponseFit]:
    inputs, outputs = load_response_box(), load_response_outputs()
    return {
        wiring: fit_from(np.array(list(numbers.values())), inputs, outputs)
        for (wiring, draw), numbers in response_sets().items()
        if draw == TABLED
    }


def own_shifts(fit: ResponseFit, default: ResponseFit) -> dict[str, float]:
    """Return how far a set's functions lie from the default's, each at the default's drivers.

    What moves an output through its drivers alone does not count.

    Returns
    -------
    By fitted output, the largest difference over the checking points, relative to the default
    share plus the floor of the fit.
    """
    points = {name: c[:_N_MATTERS] for name, c in check_points(default.inputs).items()}
    values = default.clamped(points)
    shifts = {}
    for name, item in default.outputs.items():
        if item.is_given:
            values[name] = evaluated(item.given, values)
            continue
        logs = driver_logs(item, values)
        values[name] = default.ratios[name].at(logs)
        moved = np.abs(fit.ratios[name].at(logs) - values[name])
        shifts[name] = float((moved / (values[name] + FLOOR)).max())
    return shifts


def _shift_table(header: str, fits: Mapping[str, ResponseFit]) -> str:
    rows = {
        wiring: own_shifts(fit, fits[DEFAULT]) for wiring, fit in fits.items() if wiring != DEFAULT
    }
    outputs = fitted_outputs(fits[DEFAULT].outputs)
    lines = [f"# {line}" for line in header.splitlines()]
    lines.append("\t".join(("wiring", *outputs)))
    lines += ["\t".join((w, *(f"{row[k]:.2g}" for k in outputs))) for w, row in rows.items()]
    return "\n".join(lines) + "\n"


def wirings_that_matter(rest: Rest, model: Model) -> dict[str, Wiring]:
    """Return the wirings under which any output differs, by label, the default first."""
    points = {name: c[:_N_MATTERS] for name, c in check_points(rest.inputs).items()}
    plain = Wiring()
    default = rest_states(rest, constants_of(model, wiring=plain), points).shares
    found = {DEFAULT: plain}
    for wiring in one_at_a_time():
        shares = rest_states(rest, constants_of(model, wiring=wiring), points).shares
        if np.abs(shares - default).max() > _MATTERS:
            found[_option(wiring)] = wiring
    return found


def _option(wiring: Wiring) -> str:
    plain = asdict(Wiring())
    return ";".join(f"{k}={v}" for k, v in asdict(wiring).items() if v != plain[k])


def fitted_sets(n_draw: int) -> Iterator[FittedSet]:
    """Yield the response functions of every wiring that matters and of every draw.

    The first is that of the default wiring at tabled values; each later one begins from it.
    """
    inputs, outputs = load_response_box(), load_response_outputs()
    model = build(BENCH)
    rest = rest_of(model, inputs, outputs)
    draws: dict[str, Mapping[str, float]] = {TABLED: {}}
    if n_draw and cell_posterior_file().is_file():
        every = load_cell_posterior()
        draws |= {str(number): every[number] for number in sorted(every)[:n_draw]}
    first: ResponseFit | None = None
    for label, wiring in wirings_that_matter(rest, model).items():
        start = first
        for draw, values in draws.items():
            constants = constants_of(model, values, wiring)
            fit = fit_responses(rest, constants, start)
            bench = Bench(model=model, inputs=inputs, outputs=outputs, constants=constants)
            tabled = draw == TABLED
            errors = errors_of(
                fit,
                rest,
                bench,
                n_simulated=N_CHECK if tabled and label == DEFAULT else N_SIMULATED_FEW,
                ladder=tabled,
            )
            logger.info("%s, draw %s: relative %.3f", label, draw, errors.relative.max())
            first = first or fit
            start = fit if tabled else start
            yield FittedSet(wiring=label, draw=draw, fit=fit, errors=errors)


def rendered(n_draw: int) -> dict[str, str]:
    """Return the text of every generated file by its name.

    Raises
    ------
    ReductionError
        If the bench has no closed form, or an input changed while it was worked on.
    """
    outputs = load_response_outputs()
    digest = input_hash(n_draw)
    sets = list(fitted_sets(n_draw))
    if input_hash(n_draw) != digest:
        msg = f"the model or its tables changed while fitting. Run again: {COMMAND}"
        raise ReductionError(msg)
    header = _header(n_draw, digest)
    marked = "".join(f"# {line}\n" for line in header.splitlines())
    coefficients = ["\t".join(("wiring", "draw", *coefficient_names(outputs)))]
    coefficients += [
        "\t".join((item.wiring, item.draw, *(f"{v:.7g}" for v in coefficients_of(item.fit))))
        for item in sets
    ]
    errors = ["\t".join(ERROR_COLUMNS)]
    errors += ["\t".join(row) for item in sets for row in _error_rows(item)]
    seed = f"# check: {N_CHECK} points of a Sobol set of seed {CHECK_SEED}\n"
    return {
        COEFFICIENT_FILE: marked + "\n".join(coefficients) + "\n",
        ERROR_FILE: marked + seed + "\n".join(errors) + "\n",
        SHIFT_FILE: _shift_table(header, {s.wiring: s.fit for s in sets if s.draw == TABLED}),
        **emitted(header),
    }


def _error_rows(item: FittedSet) -> Iterator[tuple[str, ...]]:
    errors = item.errors
    columns = (
        errors.absolute,
        errors.relative,
        errors.ligand,
        errors.occupancy,
        errors.algebra,
        errors.hysteresis,
    )
    for k, output in enumerate(item.fit.outputs):
        yield (
            item.wiring,
            item.draw,
            output,
            str(N_CHECK),
            str(errors.n_simulated),
            *("" if np.isnan(column[k]) else f"{column[k]:.2g}" for column in columns),
            str(errors.most_rests),
        )


def main(arguments: list[str] | None = None) -> int:
    """Write or check the files; return the exit code."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--draws", type=int, default=N_DRAW, help="draws of the posterior")
    parser.add_argument("--check", action="store_true", help="compare hashes and texts only")
    parser.add_argument("--emit", action="store_true", help="write texts again, fit nothing")
    chosen = parser.parse_args(arguments)
    if chosen.check:
        stale = stale_files()
        for name in stale:
            command = COMMAND if name in FITTED_FILES else f"{COMMAND} --emit"
            sys.stderr.write(f"{generated_file(name)} is stale. Run: {command}\n")
        return 1 if stale else 0
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    for name, text in (emitted_anew() if chosen.emit else rendered(chosen.draws)).items():
        path = generated_file(name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
