"""The graphics card's path: its code, its memory, transfers; on a card where there is one."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from llvmlite import ir

from cxaxis.core.errors import ModelValueError
from cxaxis.core.outcomes import Outcome
from cxaxis.engine import gpu, population, vector_math
from cxaxis.engine.card import Card, open_card
from cxaxis.engine.doses import ALL_PATIENTS, Dose, DoseTable
from cxaxis.engine.gpu import GpuEngine, GpuError, GpuUnavailableError, ptx_of
from cxaxis.engine.population import PopulationEngine
from cxaxis.engine.protocol import ParameterTable, Tolerances
from gpu_support import Code, FakeDriver
from sketch_support import Sketch

PTXAS = shutil.which("ptxas")
TOLERANCES = Tolerances(relative=1e-7, absolute=1e-10)


def chain(n):
    """Return ``n`` pools that empty into each other, with one saturable loss."""
    s = Sketch({f"x{i}": 1.0 if i == 0 else 0.0 for i in range(n)}, {"k": 1.0, "m": 0.5})
    for i in range(n):
        inflow = s["k"] * s[f"x{i - 1}"] if i else 0.0
        s.rates[f"x{i}"] = inflow - s["k"] * s[f"x{i}"] / (s["m"] + s[f"x{i}"])
    return s


def dosed():
    """Return two compartments that take boluses and infusions."""
    s = Sketch({"depot": 0.0, "central": 1.0}, {"ka": 0.7, "ke": 0.2, "infusion": 0.0})
    s.rates["depot"] = -s["ka"] * s["depot"]
    s.rates["central"] = s["ka"] * s["depot"] - s["ke"] * s["central"] + s["infusion"]
    s.infused = {"central": "infusion"}
    return s


def driven():
    """Return an oscillator that time drives, with powers and a sine."""
    s = Sketch({"x": 0.3, "y": 0.1}, {"w": 2.0, "n": 1.5})
    s.rates["x"] = s["y"] - s["x"] ** s["n"]
    s.rates["y"] = (s["w"] * s["time"]).of("sin") - 0.5 * s["y"]
    return s


def eventful():
    """Return a growth that is halved with delay, counted, and ended by a size."""
    s = Sketch({"x": 1.0, "total": 0.0}, {"k": 0.8, "count": 0.0, "limit": 2.0, "far": 9.0})
    s.rates["x"] = s["k"] * s["x"]
    s.rates["total"] = s["x"]
    s.event("half", s["x"] > s["limit"], x=0.5 * s["x"], delay=0.1, priority=s["k"])
    s.event("tally", s["x"] < 1.5, count=s["count"] + 1.0, starts_true=False)
    s.event("enough", s["total"] > s["far"], ends=True)
    return s


SKETCHES = {
    "chain": lambda: chain(5),
    "dosed": dosed,
    "driven": driven,
    "eventful": eventful,
}
DOSES = DoseTable(
    (
        Dose(patient=ALL_PATIENTS, time=0.0, target="depot", amount=2.0),
        Dose(patient=3, time=1.5, target="depot", amount=1.0),
        Dose(patient=4, time=1.0, target="central", amount=3.0, duration=2.0),
        Dose(patient=ALL_PATIENTS, time=4.0, target="depot", amount=2.0),
    )
)
TIMES = np.linspace(0.0, 8.0, 9)


def batch(name, n=150):
    """Return a system, patients, doses and outputs."""
    system = SKETCHES[name]().system()
    names = tuple(n for n in system.settable if n not in ("infusion", "count"))
    medians = np.array([system.held[system.settable[n]].value for n in names])
    spread = np.exp(0.3 * np.sin(1.0 + np.arange(n * len(names)))).reshape(n, -1)
    rows = DOSES.rows if name == "dosed" else ()
    doses = DoseTable(tuple(dose for dose in rows if dose.patient < n))
    return system, ParameterTable(names, medians * spread), doses, tuple(system.readable)


def fake(system, outputs, **options):
    """Return a card whose driver is a stand-in, and that driver."""
    driver = FakeDriver(system, tuple(system.readable[name] for name in outputs), **options)
    return Card(driver), driver


def on_processor(problem, **options):
    """Return what the ordinary engine makes of a batch, one lane wide."""
    system, table, doses, outputs = problem
    engine = PopulationEngine(lanes=1, threads=1, **options)
    return engine.simulate_system(system, table, doses, TIMES, outputs, tolerances=TOLERANCES)


def on_card(problem, card, **options):
    """Return what a card makes of a batch."""
    system, table, doses, outputs = problem
    engine = GpuEngine(card=card, **options)
    return engine.simulate_system(system, table, doses, TIMES, outputs, tolerances=TOLERANCES)


# The code


@pytest.mark.parametrize("name", [*SKETCHES, "hundred"])
def test_a_model_is_one_kernel_that_needs_nothing_else(name):
    sketch = chain(100) if name == "hundred" else SKETCHES[name]()
    system = sketch.system()
    ptx = ptx_of(system, tuple(system.readable.values()))
    assert re.findall(r"\.entry (\w+)", ptx) == ["simulate"]
    assert ".extern" not in ptx
    written = set(re.findall(r"^\.func (?:\(.*\) )?([\w$]+)\(", ptx, re.MULTILINE))
    called = set(re.findall(r"^\s+call\.uni (?:\(\w+\), )?([\w$]+)", ptx, re.MULTILINE))
    assert {"run", "rates", "factor", "solve", "service"} <= called <= written


def test_threads_read_and_write_the_cards_main_memory_directly():
    system = eventful().system()
    ptx = ptx_of(system, tuple(system.readable.values()))
    kinds = set(re.findall(r"\b(?:ld|st)\.(\w+)\.[bf]64", ptx))
    assert "global" in kinds
    assert kinds <= {"global", "param"}
    assert re.search(r"atom\.[\w.]*global[\w.]*add", ptx)


def test_own_functions_keep_every_rounding_on_the_card():
    # NVIDIA's assembler may fuse a product and a sum that do not say how they round; functions
    # that recover what a rounding lost would then be wrong in their last digits.
    module = ir.Module()
    kind = ir.FunctionType(ir.DoubleType(), [ir.DoubleType()] * 2)
    builder = ir.IRBuilder(ir.Function(module, kind, "all").append_basic_block())
    x, y = builder.function.args
    for name in vector_math.NAMES:
        arguments = [x, y] if name in ("power", "minimum", "maximum") else [x]
        x = vector_math.call(builder, name, *arguments)
    builder.ret(x)
    ptx = gpu._emit_ptx(str(module)).decode("ascii")
    assert ptx.count("add.rn.f64") > 20
    assert not re.findall(r"\b(?:add|sub|mul)\.f64", ptx)
    assert ".extern" not in ptx


@pytest.mark.skipif(PTXAS is None, reason="ptxas, NVIDIA's assembler, is not installed")
@pytest.mark.parametrize(("name", "kind"), [("dosed", "sm_80"), ("eventful", "sm_90")])
def test_nvidias_assembler_accepts_the_code(name, kind, tmp_path):
    system = SKETCHES[name]().system()
    source = tmp_path / "model.ptx"
    source.write_text(ptx_of(system, tuple(system.readable.values())), "ascii")
    command = [PTXAS, "-O0", "--gpu-name", kind, "-o", str(tmp_path / "model.cubin"), str(source)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "model.cubin").stat().st_size > 1000


# Memory and what is handed over


@pytest.mark.parametrize("name", SKETCHES)
def test_threads_side_by_side_give_what_the_processor_gives(name):
    problem = batch(name)
    card, driver = fake(problem[0], problem[3])
    found, expected = on_card(problem, card), on_processor(problem)
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_array_equal(found.steps, expected.steps)
    assert found.outcomes == expected.outcomes
    assert driver.launches == [(2, 64, 150)]
    # Every thread worked, and each in a column of its own.
    assert driver.touched[0].any(axis=0).all()
    assert not driver.memory


def test_threads_that_take_patients_at_the_same_time_share_them_out():
    problem = batch("eventful", n=400)
    card, _ = fake(problem[0], problem[3], at_once=True, blocks=1)
    found = on_card(problem, card)
    np.testing.assert_array_equal(found.values, on_processor(problem).values)


def test_a_thread_touches_no_column_but_its_own():
    problem = batch("dosed", n=1)
    card, driver = fake(problem[0], problem[3])
    found = on_card(problem, card)
    np.testing.assert_array_equal(found.values, on_processor(problem).values)
    # The last thread has the only patient; the others only find that none is left.
    most = driver.touched[0].sum(axis=0)
    assert most[-1] > 5 * most[:-1].max()


def test_patients_are_handed_over_in_blocks_where_memory_is_small():
    problem = batch("dosed", n=300)
    card, driver = fake(problem[0], problem[3])
    whole = on_card(problem, card)
    per_patient = 8 * (len(TIMES) * len(problem[3]) + len(problem[1].names) + 6)
    memory = 64 * driver.rows * 8
    shared = 8 * 100
    driver.free = int((memory + shared + 110 * per_patient) / 0.9)
    driver.launches.clear()
    blocks = on_card(problem, card, most_threads=64)
    first = driver.launches[0][2]
    assert 100 <= first <= 115
    assert [n for _, _, n in driver.launches] == [first, first, 300 - 2 * first]
    np.testing.assert_array_equal(blocks.values, whole.values)
    assert blocks.outcomes == whole.outcomes


def test_shared_tables_are_sent_once():
    problem = batch("driven", n=200)
    card, driver = fake(problem[0], problem[3], watched=1)
    on_card(problem, card, most_threads=64)
    assert [n for _, _, n in driver.launches] == [64, 64, 64, 8]
    assert driver.sent.count(TIMES.nbytes) == 1


def test_times_and_schedules_of_its_own_reach_every_patient():
    system, table, doses, outputs = batch("dosed", n=100)
    own = TIMES + np.linspace(0.0, 0.5, 100)[:, np.newaxis]
    card, _ = fake(system, outputs, watched=1)
    arguments = (system, table, doses, own, outputs)
    found = GpuEngine(card=card, most_threads=64).simulate_system(*arguments)
    expected = PopulationEngine(lanes=1).simulate_system(*arguments)
    np.testing.assert_array_equal(found.values, expected.values)


def test_failures_are_outcomes_as_on_the_processor():
    s = Sketch({"x": 1.0}, {"k": 1.0})
    s.rates["x"] = s["k"] * s["x"] ** 2.0
    system = s.system()
    table = ParameterTable(("k",), np.array([[0.01], [1.0], [0.05]]))
    problem = (system, table, DoseTable(), ("x",))
    card, _ = fake(system, ("x",))
    found, expected = on_card(problem, card), on_processor(problem)
    assert found.outcomes == expected.outcomes
    assert [o.outcome.is_failure for o in found.outcomes] == [False, True, False]
    assert np.isnan(found.values[1, -1, 0])
    few = on_card(problem, card, max_steps=3)
    assert few.outcomes[0].outcome is Outcome.STEP_LIMIT


def test_a_document_and_its_endings_run_as_on_the_processor():
    sbml = """<?xml version="1.0" encoding="UTF-8"?>
    <sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1">
      <model><listOfParameters>
        <parameter id="x" value="1" constant="false"/><parameter id="k" value="1" constant="true"/>
      </listOfParameters><listOfRules><rateRule variable="x">
        <math xmlns="http://www.w3.org/1998/Math/MathML"><apply><times/><ci>k</ci><ci>x</ci></apply>
        </math></rateRule></listOfRules>
      <listOfEvents><event id="big" useValuesFromTriggerTime="true">
        <trigger initialValue="true" persistent="true">
        <math xmlns="http://www.w3.org/1998/Math/MathML"><apply><gt/><ci>x</ci><cn>20</cn></apply>
        </math></trigger></event></listOfEvents></model></sbml>"""
    table = ParameterTable(("k",), np.array([[0.2], [0.5], [1.0]]))
    system = population.load_system(sbml, frozenset(table.names), frozenset())
    ending = replace(system, events=tuple(replace(e, ends=True) for e in system.events))
    card, _ = fake(ending, ("x",))
    arguments = (sbml, table, DoseTable(), TIMES, ("x",))
    found = GpuEngine(card=card).simulate(*arguments, endings=("big",))
    expected = PopulationEngine(lanes=1).simulate(*arguments, endings=("big",))
    np.testing.assert_array_equal(found.values, expected.values)
    assert found.outcomes == expected.outcomes
    assert found.outcomes[2].time == pytest.approx(np.log(20.0), abs=1e-4)


# What can be wrong


def test_without_the_package_the_cure_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cuda", None)
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    open_card.cache_clear()
    with pytest.raises(GpuUnavailableError, match=r"cuda-bindings.*cxaxis\[gpu\]"):
        GpuEngine()


def test_without_a_driver_the_cure_is_named():
    class NoDriver:
        def cuInit(self, flags):
            msg = "libcuda.so.1 not found."
            raise RuntimeError(msg)

    with pytest.raises(GpuUnavailableError, match=r"no CUDA device: libcuda.*population engine"):
        Card(NoDriver())


def test_without_a_card_the_cure_is_named(monkeypatch):
    driver = fake(*_small())[1]
    monkeypatch.setattr(driver, "cuInit", lambda flags: (Code.CUDA_ERROR_NO_DEVICE,))
    with pytest.raises(GpuUnavailableError, match="CUDA_ERROR_NO_DEVICE"):
        Card(driver)
    with pytest.raises(GpuUnavailableError, match="no CUDA device 1: the driver lists 1"):
        Card(fake(*_small())[1], 1)


def test_an_old_card_is_refused():
    with pytest.raises(GpuUnavailableError, match=r"compute capability 6\.1"):
        fake(*_small(), capability=(6, 1))


def test_errors_of_the_driver_are_raised_and_memory_is_handed_back():
    problem = batch("chain")
    card, driver = fake(problem[0], problem[3])
    driver.breaks_at_launch = True
    with pytest.raises(GpuError, match="starting the kernel: CUDA_ERROR_LAUNCH_FAILED"):
        on_card(problem, card)
    assert not driver.memory
    driver.free = 1000
    with pytest.raises(GpuError, match="too little for 64 threads"):
        on_card(problem, card)


def test_options_out_of_range_are_refused():
    card, _ = fake(*_small())
    with pytest.raises(ModelValueError, match="multiple of 64"):
        GpuEngine(card=card, most_threads=100)
    with pytest.raises(ModelValueError, match="max_steps"):
        GpuEngine(card=card, max_steps=0)


def test_the_benchmark_says_plainly_that_nothing_was_measured():
    root = Path(__file__).parents[2]
    hidden = dict(os.environ, CUDA_VISIBLE_DEVICES="")
    command = [sys.executable, "-m", "benchmarks.engine.gpu"]
    done = subprocess.run(command, cwd=root, env=hidden, check=True, capture_output=True, text=True)
    assert done.stdout.startswith("no CUDA device: not measured\n")


def _small():
    system = driven().system()
    return system, ("x",)


# On a card


def _real_card():
    open_card.cache_clear()
    try:
        return open_card()
    except GpuUnavailableError:
        return None


needs_gpu = pytest.mark.skipif(_real_card() is None, reason="no CUDA device")


@needs_gpu
@pytest.mark.parametrize("name", SKETCHES)
def test_a_card_agrees_with_the_processor_within_tolerance(name):
    problem = batch(name, n=1000)
    found, expected = on_card(problem, open_card()), on_processor(problem)
    assert [o.outcome for o in found.outcomes] == [o.outcome for o in expected.outcomes]
    np.testing.assert_array_equal(np.isnan(found.values), np.isnan(expected.values))
    peak = np.nanmax(np.abs(expected.values), axis=(0, 1))
    assert np.nanmax(np.abs(found.values - expected.values) / peak) < 1e-5
