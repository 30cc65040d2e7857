"""Write the response functions, or check that the committed ones are fresh.

``python -m cxaxis.cell.reduce`` fits and writes, ``--draws N`` takes the first N draws of the
posterior as well, ``--check`` compares input hashes and exits 1 if a file is stale.
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
    COEFFICIENT_FILE,
    COMMAND,
    DEFAULT,
    ERROR_FILE,
    KERNEL_FILE,
    TABLED,
    generated_folder,
    header_hash,
)
from cxaxis.cell.reduction_emit import antimony_source, kernel_source
from cxaxis.cell.reduction_errors import (
    CHECK_SEED,
    N_CHECK,
    N_SIMULATED_FEW,
    SetErrors,
    check_points,
    errors_of,
)
from cxaxis.cell.reduction_form import (
    ResponseFit,
    coefficient_names,
    coefficients_of,
    fit_responses,
)
from cxaxis.cell.reduction_network import ReductionError
from cxaxis.cell.reduction_rest import Rest, constants_of, rest_of, rest_states
from cxaxis.cell.reduction_sampling import BENCH, Bench
from cxaxis.core.hashing import sha256_file, sha256_of
from cxaxis.knowledge.posteriors import cell_posterior_file, load_cell_posterior
from cxaxis.knowledge.response_box import load_response_box, load_response_outputs
from cxaxis.models.build import TIME_UNIT, Model, build
from cxaxis.models.compose import compose
from cxaxis.models.wiring import Wiring, one_at_a_time

logger = logging.getLogger(__name__)

# Raised when the form or the way of fitting changes, so that committed files become stale.
FORM_VERSION: Final = 1
FILES: Final = (COEFFICIENT_FILE, ERROR_FILE, ANTIMONY_FILE, KERNEL_FILE)
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
        "wirings": [str(asdict(wiring)) for wiring in one_at_a_time()],
        "posterior": sha256_file(posterior) if posterior.is_file() else "none",
        "n_draw": n_draw,
    }
    return sha256_of(parts)


def _plain(item: Any) -> dict[str, str]:
    return {key: str(value) for key, value in asdict(item).items() if key != "where"}


def committed_draws() -> int:
    """Return how many draws the committed files were asked for."""
    path = generated_folder() / COEFFICIENT_FILE
    if path.is_file():
        first = path.read_text("utf-8").partition("\n")[0]
        _, found, number = first.partition("--draws ")
        if found and number.strip().isdecimal():
            return int(number)
    return N_DRAW


def stale_files() -> list[str]:
    """Return the generated files that do not belong to the present inputs."""
    now = input_hash(committed_draws())
    return [name for name in FILES if header_hash(generated_folder() / name) != now]


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
    inputs, outputs = load_response_box(), load_response_outputs()
    digest = input_hash(n_draw)
    sets = list(fitted_sets(n_draw))
    if input_hash(n_draw) != digest:
        msg = f"the model or its tables changed while fitting. Run again: {COMMAND}"
        raise ReductionError(msg)
    made = f"Generated by: {COMMAND} --draws {n_draw}"
    header = f"{made}\ninputs sha256: {digest}"
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
        ANTIMONY_FILE: antimony_source(inputs, outputs, header),
        KERNEL_FILE: kernel_source(inputs, outputs, header),
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
    parser.add_argument("--check", action="store_true", help="compare input hashes only")
    chosen = parser.parse_args(arguments)
    folder = generated_folder()
    if chosen.check:
        stale = stale_files()
        for name in stale:
            sys.stderr.write(f"{folder / name} is stale. Run: {COMMAND}\n")
        return 1 if stale else 0
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    folder.mkdir(exist_ok=True)
    for name, text in rendered(chosen.draws).items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
