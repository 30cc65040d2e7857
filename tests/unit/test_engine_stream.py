"""Populations on disk: the same bytes however the run was cut, and memory of one block."""

import hashlib
import os
import signal
import subprocess
import sys
import textwrap
import weakref
from pathlib import Path

import numpy as np
import pytest

from cxaxis.core.errors import ModelValueError, UserInputError
from cxaxis.core.outcomes import Outcome, PatientOutcome
from cxaxis.core.streams import rng_for
from cxaxis.engine.doses import ALL_PATIENTS, Dose, DoseTable
from cxaxis.engine.protocol import ParameterTable, SimulationResult, Tolerances
from cxaxis.engine.stream import default_block_size, open_population, simulate_to_disk

TIMES = np.array([0.0, 1.0, 2.5])
DOSES = DoseTable((Dose(patient=ALL_PATIENTS, time=0.5, target="level", amount=2.0),))
N = 50


class DecayEngine:
    """Exponential decay from 1 with doses, in closed form; fails a patient where told to."""

    name = "decay"

    def __init__(self, *, stop_at=None, stop=None):
        self.calls = []
        self.alive = []
        self._stop_at, self._stop = stop_at, stop

    def simulate(self, sbml, parameters, doses, times, outputs, *, tolerances=None):
        if "missing" in outputs:
            msg = "output 'missing' is not in the model."
            raise ModelValueError(msg)
        self.calls.append(parameters.n_patient)
        assert not [each for each in self.alive if each() is not None], "an old block is kept"
        if len(self.calls) == self._stop_at:
            self._stop()
        rate = parameters.column("rate")
        clock = np.broadcast_to(times, (parameters.n_patient, times.shape[-1]))
        level = np.exp(-rate[:, None] * clock)
        for patient in range(parameters.n_patient):
            for dose in doses.of_patient(patient):
                late = clock[patient] - dose.time
                level[patient] += np.where(
                    late > 0, dose.amount * np.exp(-rate[patient] * np.maximum(late, 0)), 0.0
                )
        values = np.stack([level, 2 * level], axis=2)
        failed = rate > 0.9
        values[failed, 1:] = np.nan
        self.alive = [weakref.ref(values)]
        return SimulationResult(
            times=times,
            names=tuple(outputs),
            values=values,
            outcomes=tuple(
                PatientOutcome(outcome=Outcome.STEP_LIMIT, time=0.5, state="level", message="slow")
                if bad
                else PatientOutcome(outcome=Outcome.COMPLETED, time=float(clock[0, -1]))
                for bad in failed
            ),
            tolerances=tolerances or Tolerances(),
        )


def cohort(first, count, seed=3):
    rates = [rng_for(seed, "rate", i).uniform(0.1, 1.0) for i in range(first, first + count)]
    return ParameterTable(("rate",), np.array(rates)[:, None])


def run(directory, engine=None, **changed):
    given = {
        "cohort": cohort,
        "doses": DOSES,
        "times": TIMES,
        "outputs": ("level", "twice"),
        "n_patient": N,
        "block_size": 8,
    } | changed
    return simulate_to_disk(
        engine or DecayEngine(),
        "<sbml/>",
        given.pop("cohort"),
        given.pop("doses"),
        given.pop("times"),
        given.pop("outputs"),
        directory,
        **given,
    )


def hashes(directory):
    """Return the sha256 of every file but the log, by path."""
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(Path(directory).rglob("*"))
        if path.is_file() and path.name != "log.jsonl"
    }


def test_courses_are_those_of_one_batch_in_memory(tmp_path):
    stored = run(tmp_path / "run")
    whole = DecayEngine().simulate("", cohort(0, N), DOSES, TIMES, ("level", "twice"))
    frames = list(stored.blocks())
    assert [len(f) for f in frames] == [24] * 6 + [6]
    patients = np.concatenate([f["patient"] for f in frames])
    assert patients.tolist() == np.repeat(np.arange(N), 3).tolist()
    assert np.concatenate([f["time"] for f in frames]).tolist() == TIMES.tolist() * N
    for index, name in enumerate(("level", "twice")):
        column = np.concatenate([f[name] for f in frames])
        np.testing.assert_array_equal(column, whole.values[:, :, index].ravel())


def test_outcomes_stand_beside_the_courses_and_are_counted(tmp_path):
    stored = run(tmp_path / "run")
    failed = cohort(0, N).column("rate") > 0.9
    assert 0 < failed.sum() < N
    outcomes = stored.outcomes()
    assert (outcomes["outcome"] == "step_limit").tolist() == failed.tolist()
    assert set(outcomes.loc[failed, "state"]) == {"level"}
    assert stored.manifest.counts == {
        "completed": int(N - failed.sum()),
        "step_limit": int(failed.sum()),
    }
    assert stored.n_patient == N


def test_a_table_gives_the_courses_of_the_function_it_came_from(tmp_path):
    function = run(tmp_path / "function")
    table = run(tmp_path / "table", cohort=cohort(0, N), n_patient=None)
    parts = [name for name in hashes(function.path) if name.startswith("parts")]
    assert len(parts) == 7 * 3
    assert {n: hashes(table.path)[n] for n in parts} == {n: hashes(function.path)[n] for n in parts}


def test_doses_and_times_of_single_patients_find_their_block(tmp_path):
    times = TIMES + np.arange(N)[:, None] / 100
    doses = DoseTable(
        (
            Dose(patient=17, time=0.5, target="level", amount=2.0),
            Dose(patient=ALL_PATIENTS, time=0.7, target="level", amount=1.0),
            Dose(patient=49, time=0.5, target="level", amount=3.0),
        )
    )
    stored = run(tmp_path / "run", doses=doses, times=times)
    whole = DecayEngine().simulate("", cohort(0, N), doses, times, ("level", "twice"))
    level = np.concatenate([f["level"] for f in stored.blocks()])
    np.testing.assert_array_equal(level, whole.of("level").ravel())
    clock = np.concatenate([f["time"] for f in stored.blocks()])
    np.testing.assert_array_equal(clock, times.ravel())


def test_doses_may_come_block_by_block(tmp_path):
    def doses(first, count):
        return DoseTable(
            tuple(
                Dose(patient=i, time=0.5, target="level", amount=float(first + i))
                for i in range(count)
            )
        )

    whole = DecayEngine().simulate("", cohort(0, N), doses(0, N), TIMES, ("level", "twice"))
    stored = run(tmp_path / "run", doses=doses)
    level = np.concatenate([f["level"] for f in stored.blocks()])
    np.testing.assert_array_equal(level, whole.of("level").ravel())


def test_an_exception_half_way_leaves_a_run_that_ends_with_the_same_bytes(tmp_path):
    def stop():
        raise KeyboardInterrupt

    first = DecayEngine(stop_at=4, stop=stop)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", first)
    second = DecayEngine()
    run(tmp_path / "cut", second)
    # One patient looks at the names; 7 blocks follow, of which the first session made 2.
    assert first.calls == [1, 8, 8, 8]
    assert second.calls == [1, 8, 8, 8, 8, 2]
    run(tmp_path / "whole")
    assert hashes(tmp_path / "cut") == hashes(tmp_path / "whole")


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from unit_test_engine_stream import DecayEngine, run
engine = DecayEngine(stop_at=4, stop=lambda: os.kill(os.getpid(), signal.SIGKILL))
run(Path({out!r}), engine)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system has no such signal")
def test_a_killed_process_leaves_a_run_that_ends_with_the_same_bytes(tmp_path):
    out = tmp_path / "killed"
    # A module of another name, so that this file can be imported where tests are no package.
    (tmp_path / "unit_test_engine_stream.py").write_text(Path(__file__).read_text("utf-8"))
    script = textwrap.dedent(KILLED).format(tests=str(tmp_path), out=str(out))
    done = subprocess.run([sys.executable, "-c", script], check=False, env=dict(os.environ))
    assert done.returncode == -signal.SIGKILL
    finished = sorted(path.name for path in (out / "parts").glob("*.sha256"))
    assert finished == ["patients-00000.sha256", "patients-00001.sha256"]
    # What a process that dies while it writes leaves behind.
    (out / "parts" / ".patients-00002.courses.parquet.1234.tmp").write_bytes(b"PAR1")
    (out / "parts" / "patients-00003.courses.parquet").write_bytes(b"PAR1")
    run(out)
    run(tmp_path / "whole")
    assert hashes(out) == hashes(tmp_path / "whole")


def test_a_complete_run_is_refused_and_stays(tmp_path):
    run(tmp_path / "run")
    before = hashes(tmp_path / "run")
    engine = DecayEngine()
    with pytest.raises(UserInputError, match="complete run"):
        run(tmp_path / "run", engine)
    assert engine.calls == []
    assert hashes(tmp_path / "run") == before


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"cohort": lambda first, count: cohort(first, count, seed=4)}, "cohort_sha256"),
        ({"times": TIMES + 1}, "times_sha256"),
        ({"doses": DoseTable()}, "doses_sha256"),
        ({"tolerances": Tolerances(relative=1e-7)}, "relative_tolerance"),
        ({"block_size": 16}, "block_size"),
        ({"seed": 9}, "seed"),
    ],
)
def test_an_unfinished_run_of_another_request_is_refused(tmp_path, changed, named):
    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", DecayEngine(stop_at=3, stop=stop))
    before = hashes(tmp_path / "run")
    with pytest.raises(UserInputError, match=named):
        run(tmp_path / "run", **changed)
    assert hashes(tmp_path / "run") == before


def test_foreign_files_are_not_touched(tmp_path):
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(UserInputError, match="holds no run"):
        run(tmp_path)
    assert hashes(tmp_path).keys() == {"letter.txt"}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"outputs": ("level", "missing")}, "not in the model"),
        ({"outputs": ()}, "at least one"),
        ({"outputs": ("level", "level")}, "none twice"),
        ({"outputs": ("time",)}, "column of every table"),
        ({"units": {"nothing": "mm"}}, "no output"),
        ({"n_patient": None}, "needs n_patient"),
        ({"n_patient": 0}, "at least 1"),
        ({"block_size": 0}, "at least 1"),
        ({"cohort": cohort(0, 5)}, "has 5 rows"),
        ({"cohort": lambda first, count: cohort(0, 3)}, "gave 3 patients where 1"),
        ({"times": np.zeros((N + 1, 3))}, "times must have shape"),
        (
            {"doses": DoseTable((Dose(patient=N, time=0.0, target="level", amount=1.0),))},
            "there are 50",
        ),
    ],
)
def test_a_request_that_makes_no_sense_writes_nothing(tmp_path, changed, message):
    with pytest.raises(ModelValueError, match=message):
        run(tmp_path / "run", **changed)
    assert not (tmp_path / "run").exists()


def test_units_stand_with_the_columns(tmp_path):
    from cxaxis.runs.tables import read_schema

    stored = run(tmp_path / "run", units={"time": "day", "level": "mg/L"}, title="Decay")
    schema = read_schema(stored.path / "parts" / "patients-00000.courses.parquet")
    assert schema.units == {"patient": "", "time": "day", "level": "mg/L", "twice": ""}
    assert (stored.path / "data_dictionary.json").is_file()
    assert stored.manifest.title == "Decay"


def test_progress_counts_every_patient_also_of_a_resumed_run(tmp_path):
    class Counting:
        def __init__(self):
            self.counts = []

        def advance(self, n=1):
            self.counts.append(n)

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", DecayEngine(stop_at=4, stop=stop), progress=Counting())
    counting = Counting()
    run(tmp_path / "run", progress=counting)
    assert counting.counts == [16, 8, 8, 8, 8, 2]


def test_a_finished_population_opens_again_and_other_runs_do_not(tmp_path):
    stored = run(tmp_path / "run")
    again = open_population(tmp_path / "run")
    assert again.n_patient == N
    assert [len(f) for f in again.blocks()] == [len(f) for f in stored.blocks()]
    with pytest.raises(UserInputError, match=r"manifest\.json"):
        open_population(tmp_path)


DECAY = """
<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2">
 <model id="decay">
  <listOfParameters>
   <parameter id="rate" value="1" constant="true"/>
   <parameter id="level" value="1" constant="false"/>
  </listOfParameters>
  <listOfRules>
   <rateRule variable="level">
    <math xmlns="http://www.w3.org/1998/Math/MathML">
     <apply><minus/><apply><times/><ci>rate</ci><ci>level</ci></apply></apply>
    </math>
   </rateRule>
  </listOfRules>
 </model>
</sbml>
""".strip()


def test_the_population_engine_writes_the_same_in_blocks_of_any_size(tmp_path):
    from cxaxis.engine.population import PopulationEngine

    levels = []
    for size in (3, 50):
        stored = simulate_to_disk(
            PopulationEngine(threads=1),
            DECAY,
            cohort,
            DOSES,
            TIMES,
            ("level",),
            tmp_path / f"blocks of {size}",
            n_patient=N,
            block_size=size,
        )
        levels.append(np.concatenate([f["level"] for f in stored.blocks()]))
    np.testing.assert_array_equal(levels[0], levels[1])
    rate = cohort(0, N).column("rate")[:, None]
    late = np.maximum(TIMES - 0.5, 0)
    exact = np.exp(-rate * TIMES) + np.where(TIMES > 0.5, 2 * np.exp(-rate * late), 0)
    np.testing.assert_allclose(levels[0], exact.ravel(), rtol=1e-5)


def test_default_blocks_fit_into_memory():
    assert default_block_size(1, 1) == 8192
    for n_time, n_output in [(24, 24), (201, 27), (1000, 300), (10**6, 50)]:
        size = default_block_size(n_time, n_output)
        assert size == 64 or size * n_time * n_output * 8 <= 64 * 1024**2
        assert size == 8192 or 2 * size * n_time * n_output * 8 > 64 * 1024**2
