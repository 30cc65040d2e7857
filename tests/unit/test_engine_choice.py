"""The engine is chosen by name: in options, in what identifies a run, in worker processes."""

import multiprocessing

import numpy as np
import pytest

from cli_support import PROTOCOL, command_of
from cxaxis.cell.course import Phase, dish, run_phases
from cxaxis.core.errors import ModelValueError
from cxaxis.engine import population, reference
from cxaxis.engine.choice import ENGINES, engine_named
from cxaxis.engine.population import PopulationEngine
from cxaxis.knowledge.cell_contexts import cell_context
from cxaxis.runs.manifest import read_manifest
from cxaxis.trial.run import key_of_run
from science_support import small_protocol


@pytest.fixture
def cxaxis(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    return command_of(monkeypatch, capsys)


def test_the_population_engine_is_the_default():
    assert engine_named().name == "population"
    assert [engine_named(name).name for name in ENGINES] == list(ENGINES)


def test_an_unknown_engine_is_refused_with_the_nearest():
    with pytest.raises(ModelValueError, match=r"no engine 'refrence'.*reference"):
        engine_named("refrence")


def test_a_worker_process_uses_one_thread(monkeypatch):
    assert engine_named().threads is None
    monkeypatch.setattr(multiprocessing, "parent_process", object)
    assert engine_named().threads == 1


def test_the_engine_is_part_of_what_identifies_a_run():
    protocol = small_protocol()
    assert key_of_run(protocol) == key_of_run(protocol, engine="population")
    assert key_of_run(protocol) != key_of_run(protocol, engine="reference")


def test_both_engines_see_the_same_cell():
    phase = Phase(times_s=(0.0, 30.0, 300.0, 3600.0), add_nM={"cxcl12": 10.0})
    outputs = ("cxcr4_surface", "calcium_free", "erk_active")
    here, there = (
        run_phases(dish(cell_context("double"), engine=engine), [phase], outputs)
        for engine in ENGINES
    )
    for name in outputs:
        peak = np.abs(there.of(name)).max()
        assert np.abs(here.of(name) - there.of(name)).max() < 1e-5 * peak, name


@pytest.mark.parametrize(
    "words",
    [
        ("demo", "--small"),
        ("trial", "run", "trial.yaml"),
        ("cohort", "sample"),
        ("cell", "assay", "calcium"),
        ("cell", "compare", "--data", "blots"),
        ("claims", "run"),
    ],
    ids=" ".join,
)
def test_each_command_that_simulates_refuses_an_unknown_engine(cxaxis, words):
    answer = cxaxis(*words, "--engine", "refrence")
    assert answer.code == 2
    assert "reference" in answer.err
    assert "--engine" in answer.err


def test_a_trial_on_the_reference_engine_says_so_and_asks_no_other(cxaxis, tmp_path, monkeypatch):
    """The population engine stands in for libroadrunner, which would take ten minutes.

    That both tell the same patient is seen where engines are compared, on one patient.
    """
    asked = set()

    def standing_in_for(name):
        class StandIn(PopulationEngine):
            def simulate(self, *given, **options):
                asked.add(name)
                return super().simulate(*given, **options)

        return StandIn

    monkeypatch.setattr(reference, "ReferenceEngine", standing_in_for("reference"))
    monkeypatch.setattr(population, "PopulationEngine", standing_in_for("population"))
    (tmp_path / "trial.yaml").write_text(PROTOCOL)
    answer = cxaxis("trial", "run", "trial.yaml", "-o", "run", "-j", 1, "--engine", "reference")
    assert answer.code == 0, answer.err
    assert asked == {"reference"}
    assert read_manifest(tmp_path / "run").key_parts["engine"] == "reference"


def test_a_cohort_says_which_engine_grew_it(cxaxis, tmp_path):
    assert cxaxis("cohort", "sample", "--n", 1, "-j", 1, "-o", "one").code == 0
    assert read_manifest(tmp_path / "one").key_parts["engine"] == "population"
