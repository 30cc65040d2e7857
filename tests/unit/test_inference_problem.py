"""The calibration problem: built from the tables, sound PEtab, refusing what it must."""

import math
import subprocess
import sys
from pathlib import Path

import pytest

from cxaxis.core.errors import UserInputError
from cxaxis.inference.cell_petab import problem_file, problem_texts, write_problem
from cxaxis.inference.objective import ProblemError, load_objective
from cxaxis.knowledge.cell_fit import CellFit, load_cell_fit
from cxaxis.knowledge.parameters import load_parameters
from cxaxis.models.build import load_model

READOUTS = "id\tformula\tnoise\tscaled\tnote\n"
POINTS = "id\treadout\tcontext\tsetting\tcxcl12_nM\ttime_min\tvalue\tsd\tsource\trole\tnote\n"
PRIORS = "id\tmedian\tnote\n"


def _tables(tmp_path: Path, readouts: str = "", points: str = "", priors: str = "") -> CellFit:
    texts = {"readouts": READOUTS + readouts, "points": POINTS + points, "priors": PRIORS + priors}
    paths = {}
    for name, text in texts.items():
        paths[name] = tmp_path / f"{name}.tsv"
        paths[name].write_text(text, encoding="utf-8")
    return load_cell_fit(**paths)


SURFACE = "surface\tcxcr4_surface\tnormal\tyes\tover rest\n"
KD = "kd_arrestin_ackr3\t450\tits source\n"


def _codes(caught: pytest.ExceptionInfo[UserInputError]) -> set[str]:
    return {finding.code for finding in caught.value.findings}


def test_a_held_out_row_is_refused(tmp_path):
    point = "p1\tsurface\tcxcr4_only\t\t1\t40\t0.5\t0.1\tMOL174\tfitted\t\n"
    with pytest.raises(UserInputError, match="held_out") as caught:
        _tables(tmp_path, SURFACE, point, KD)
    assert "CELLFIT007" in _codes(caught)


def test_a_held_out_row_is_refused_under_its_own_role_as_well(tmp_path):
    point = "p1\tsurface\tcxcr4_only\t\t1\t40\t0.5\t0.1\tMOL174\theld_out\t\n"
    with pytest.raises(UserInputError, match="may only be predicted"):
        _tables(tmp_path, SURFACE, point, KD)


@pytest.mark.parametrize(
    ("point", "code"),
    [
        ("p1\tsurfac\tcxcr4_only\t\t1\t40\t0.5\t0.1\tMOL173\tfitted\t\n", "CELLFIT004"),
        ("p1\tsurface\tcxcr4_onyl\t\t1\t40\t0.5\t0.1\tMOL173\tfitted\t\n", "CELLFIT004"),
        ("p1\tsurface\tcxcr4_only\tforskolin\t1\t40\t0.5\t0.1\tMOL173\tfitted\t\n", "CELLFIT005"),
        ("p1\tsurface\tcxcr4_only\t\t-1\t40\t0.5\t0.1\tMOL173\tfitted\t\n", "CELLFIT006"),
        ("p1\tsurface\tcxcr4_only\t\t1\t0\t0.5\t0.1\tMOL173\tfitted\t\n", "CELLFIT006"),
        ("p1\tsurface\tcxcr4_only\t\t1\t40\t0.5\t0\tMOL173\tfitted\t\n", "CELLFIT006"),
        ("p1\tsurface\tcxcr4_only\t\t1\t40\t0.5\t0.1\t\tfitted\t\n", "CELLFIT007"),
        ("p1\tsurface\tcxcr4_only\t\t1\t40\t0.5\t0.1\tMOL173\tparameter\t\n", "CELLFIT008"),
    ],
)
def test_a_bad_point_is_named(tmp_path, point, code):
    with pytest.raises(UserInputError) as caught:
        _tables(tmp_path, SURFACE, point, KD)
    assert _codes(caught) == {code}
    assert "points.tsv:2" in str(caught.value)


@pytest.mark.parametrize(
    ("prior", "code"),
    [
        ("kd_arrestin_ackr33\t450\tits source\n", "CELLFIT010"),
        ("most_cyclase_inhibition\t0.8\ton another scale\n", "CELLFIT010"),
        ("kd_arrestin_ackr3\t0\tits source\n", "CELLFIT009"),
        ("kd_arrestin_ackr3\t450\t\n", "CELLFIT003"),
    ],
)
def test_a_bad_prior_is_named(tmp_path, prior, code):
    with pytest.raises(UserInputError) as caught:
        _tables(tmp_path, SURFACE, "", prior)
    assert _codes(caught) == {code}


def test_a_formula_is_made_of_quantities(tmp_path):
    with pytest.raises(UserInputError) as caught:
        _tables(tmp_path, "surface\tcxcr4_surface * 2\tnormal\tyes\tx\n", "", KD)
    assert _codes(caught) == {"CELLFIT001"}


def test_the_points_rest_on_no_held_out_row():
    from cxaxis.knowledge.evidence import load_evidence

    evidence = load_evidence()
    roles = {
        evidence[item].role for point in load_cell_fit().points.values() for item in point.source
    }
    assert roles <= {"fitted", "parameter"}


def test_priors_are_those_of_the_tables():
    fit, rows, model = load_cell_fit(), load_parameters(), load_model("cell")
    header, *lines = problem_texts(fit)["parameters.tsv"].splitlines()
    names = header.split("\t")
    found = {line.split("\t")[0]: dict(zip(names, line.split("\t"), strict=True)) for line in lines}
    for name, prior in fit.priors.items():
        (constant,) = model.constants_of(name)
        cells = found[constant]
        mu, sd = (float(part) for part in cells["priorParameters"].split(";"))
        assert math.exp(mu) == pytest.approx(prior.median * model.factors[constant], rel=1e-9)
        assert sd == pytest.approx(rows[name].widened_spread, rel=1e-9)
        width = math.log(float(cells["upperBound"]) / float(cells["lowerBound"]))
        assert width == pytest.approx(6.0 * sd, rel=1e-6)


def test_the_committed_problem_has_a_clean_lint():
    # A process of its own: the lint draws from priors by numpy's global stream.
    done = subprocess.run(
        [sys.executable, "-m", "petab.petablint", str(problem_file())],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "failed" not in (done.stdout + done.stderr).lower()


def test_the_committed_problem_has_a_line_for_each_row():
    folder = problem_file().parent
    texts = problem_texts()
    fit = load_cell_fit()
    measurements = (folder / "measurements.tsv").read_text(encoding="utf-8")
    assert measurements == texts["measurements.tsv"]
    assert measurements.count("\n") == 1 + len(fit.points)
    scaled = sum(readout.scaled for readout in fit.readouts.values())
    parameters = (folder / "parameters.tsv").read_text(encoding="utf-8")
    assert parameters.count("\n") == 1 + len(fit.priors) + scaled


def test_a_problem_that_the_bench_cannot_do_is_refused(tmp_path):
    point = "p1\tsurface\tcxcr4_only\t\t100\t40\t0.5\t0.1\tMOL173\tfitted\t\n"
    texts = problem_texts(_tables(tmp_path, SURFACE, point, KD), model_file=str(_generated_model()))
    texts["experiments.tsv"] = texts["experiments.tsv"].replace("-518400", "-3600")
    with pytest.raises(ProblemError, match="rest"):
        load_objective(write_problem(tmp_path / "problem", texts))


def _generated_model() -> Path:
    return problem_file().parent.parent.parent.parent / "models" / "generated" / "cell.xml"
