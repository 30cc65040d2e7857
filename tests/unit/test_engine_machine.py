"""The cache of compiled models: damage, folders that refuse, writers at once, processors."""

import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

from cxaxis.engine import machine
from cxaxis.engine.machine import Loaded, Processor, cache_directory, cache_key, compiled
from cxaxis.engine.program import Batch, Program, Schedules, fingerprint
from sketch_support import Sketch

MODULE = """
define void @run(ptr %a, ptr %b) {
  %x = load double, ptr %a
  %y = load double, ptr %b
  %z = fadd double %x, %y
  store double %z, ptr %a
  ret void
}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CXAXIS_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Maker:
    """Says how often it was asked to make a module."""

    def __init__(self, text=MODULE, numbers=(7, -3)):
        self.calls, self.text, self.numbers = 0, text, numbers

    def __call__(self):
        self.calls += 1
        return self.text, self.numbers


def total(code):
    """Run the code: the sum of two numbers."""
    a, b = np.array([1.25]), np.array([2.5])
    # The code lasts no longer than what loaded it.
    loaded = Loaded([code], "run")
    loaded.call(a.ctypes.data, b.ctypes.data)
    return a[0]


def kept(folder):
    return sorted(folder.rglob("*.bin"))


def test_code_is_made_once_and_read_back(folder):
    make = Maker()
    first = compiled("key", make)
    again = compiled("key", make)
    assert make.calls == 1
    assert first == again
    assert again[1] == [7, -3]
    assert total(again[0]) == 3.75
    assert [path.name for path in kept(folder)] == ["key.bin"]
    # Nothing half-written is left beside it.
    assert len(list((folder / "kernels").iterdir())) == 1


DAMAGE = {
    "emptied": lambda content: b"",
    "cut short": lambda content: content[: len(content) // 2],
    "one bit turned": lambda content: content[:-40] + bytes([content[-40] ^ 1]) + content[-39:],
    "one byte more": lambda content: content + b"\0",
    "head turned": lambda content: bytes([content[0] ^ 0x80]) + content[1:],
    "something else": lambda content: b"not machine code at all" * 20,
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_entry_is_made_again_and_mended(folder, name):
    make = Maker()
    good = compiled("key", make)
    path = kept(folder)[0]
    path.write_bytes(DAMAGE[name](path.read_bytes()))
    assert compiled("key", make) == good
    assert make.calls == 2
    assert compiled("key", make) == good
    assert make.calls == 2


def test_a_folder_in_place_of_an_entry_is_done_without(folder):
    (folder / "kernels" / "key.bin").mkdir(parents=True)
    make = Maker()
    assert total(compiled("key", make)[0]) == 3.75
    assert make.calls == 1


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("in the way")
    monkeypatch.setenv("CXAXIS_CACHE_DIR", str(file / "below"))
    make = Maker()
    for _ in range(2):
        assert total(compiled("key", make)[0]) == 3.75
    assert make.calls == 2
    assert file.read_text() == "in the way"


def test_a_full_disk_leaves_no_half_entry(folder, monkeypatch):
    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    make = Maker()
    assert total(compiled("key", make)[0]) == 3.75
    monkeypatch.undo()
    monkeypatch.setenv("CXAXIS_CACHE_DIR", str(folder))
    assert kept(folder) == []
    assert total(compiled("key", make)[0]) == 3.75
    assert make.calls == 2


def test_threads_that_write_one_entry_at_once_all_get_working_code(folder):
    start = threading.Barrier(6)
    found, failures = [], []

    def work():
        try:
            start.wait()
            found.append(compiled("key", Maker())[0])
        except Exception as err:
            failures.append(err)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [total(code) for code in found] == [3.75] * 6
    assert len(list((folder / "kernels").iterdir())) == 1


def test_processes_that_write_one_entry_at_once_all_get_working_code(folder):
    script = textwrap.dedent(
        f"""
        import numpy as np
        from cxaxis.engine.machine import Loaded, compiled
        code, numbers = compiled("key", lambda: ({MODULE!r}, [5]))
        a, b = np.array([1.25]), np.array([2.5])
        loaded = Loaded([code], "run")
        loaded.call(a.ctypes.data, b.ctypes.data)
        print(a[0], numbers)
        """
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [w.communicate(timeout=60)[0].strip() for w in writers] == ["3.75 [5]"] * 3
    assert [path.name for path in kept(folder)] == ["key.bin"]


# Keys


def test_another_processor_has_other_entries(monkeypatch):
    here = cache_key("run", "model", 4)
    assert here == cache_key("run", "model", 4)
    this = machine.this_processor()
    others = [
        Processor("another", this.features, this.lanes),
        Processor(this.name, this.features + ",+another", this.lanes),
    ]
    keys = {here}
    for other in others:
        monkeypatch.setattr(machine, "this_processor", lambda other=other: other)
        keys.add(cache_key("run", "model", 4))
    assert len(keys) == 3


def test_lanes_outputs_and_generators_have_their_own_entries(monkeypatch):
    keys = {cache_key("run", "model", lanes) for lanes in (1, 2, 4, 8)}
    keys |= {cache_key("observe", "model", (1, 2), 4), cache_key("observe", "model", (2, 1), 4)}
    monkeypatch.setattr(machine, "_generator_digest", lambda: "another")
    keys.add(cache_key("run", "model", 4))
    assert len(keys) == 7


def test_every_module_that_generates_code_is_part_of_the_key():
    """What is imported to compile a model is named, but for what only describes models."""
    script = textwrap.dedent(
        """
        import sys
        sys.path.insert(0, "tests")
        from sketch_support import Sketch
        from cxaxis.engine.program import Program
        s = Sketch({"x": 1.0}, {"k": 1.0})
        s.rates["x"] = (s["x"] ** s["k"]).of("exp")
        s.event("e", s["x"] < 0.5, delay=s["k"], ends=True, x=s["k"])
        system = s.system()
        for pivoted in (False, True):
            Program(system, [system.readable["x"]], lanes=1, pivoted=pivoted)
        names = [n.rpartition(".")[2] for n in sys.modules if n.startswith("cxaxis.engine.")]
        print(*sorted(names))
        """
    )
    folder = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=folder, check=True
    )
    describes_only = {"system", "doses", "loading", "population", "refusals", "written"}
    assert set(done.stdout.split()) - describes_only <= set(machine._GENERATORS)


def test_the_cache_is_where_the_user_says(monkeypatch, tmp_path):
    monkeypatch.delenv("CXAXIS_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_directory() == tmp_path / "xdg" / "cxaxis"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_directory() == Path.home() / ".cache" / "cxaxis"
    monkeypatch.setenv("CXAXIS_CACHE_DIR", str(tmp_path / "own"))
    assert cache_directory() == tmp_path / "own"


# Models


def decay(rate=1.0, *, power=1.0):
    s = Sketch({"x": 1.0}, {"k": rate})
    s.rates["x"] = -s["k"] * s["x"] ** power
    return s


def result_of(program, k):
    none = np.zeros(1, dtype=np.int64)
    schedules = Schedules(
        of_patient=none,
        first_stop=np.zeros(2, dtype=np.int64),
        times=np.empty(0),
        first_change=np.zeros(1, dtype=np.int64),
        row=np.empty(0, dtype=np.int64),
        sets=np.empty(0, dtype=np.int64),
        amount=np.empty(0),
    )
    batch = Batch(
        columns=np.zeros(1, dtype=np.int64),
        table=np.array([[k]]),
        times=np.array([1.0]),
        schedules=schedules,
        relative=1e-9,
        absolute=1e-12,
        max_steps=1000,
    )
    return program.run(batch).outputs[0, 0, 0]


def test_a_model_read_from_the_cache_gives_the_same_bits(folder):
    system = decay().system()
    node = system.readable["x"]
    made = result_of(Program(system, [node], lanes=2), 0.7)
    entries = {path: path.read_bytes() for path in kept(folder)}
    assert len(entries) == 2
    assert result_of(Program(system, [node], lanes=2), 0.7) == made
    assert {path: path.read_bytes() for path in kept(folder)} == entries
    assert made == pytest.approx(np.exp(-0.7), rel=1e-8)


def test_models_that_differ_are_told_apart_and_names_of_numbers_are_not_enough():
    prints = {fingerprint(s.system()) for s in (decay(), decay(power=2.0), decay(power=0.5))}
    assert len(prints) == 3
    # The value of a constant is data: it needs no code of its own.
    assert fingerprint(decay(1.0).system()) == fingerprint(decay(2.0).system())
    ends, stays = decay(), decay()
    ends.event("low", ends["x"] < 0.5, ends=True)
    stays.event("low", stays["x"] < 0.5)
    assert fingerprint(ends.system()) != fingerprint(stays.system())


def test_read_outs_that_differ_alone_are_told_apart(folder):
    """The same states, the same node numbers, another formula to read."""
    values = []
    for name in ("sin", "cosh"):
        s = decay()
        s.more["y"] = s["x"].of(name)
        system = s.system()
        values.append(result_of(Program(system, [system.readable["y"]], lanes=1), 1.0))
    x = np.exp(-1.0)
    assert values == pytest.approx([np.sin(x), np.cosh(x)], rel=1e-7)


def test_many_programs_live_side_by_side(folder):
    """Each is linked under its own name; none replaces another's entry point."""
    programs = []
    for power in (1.0, 2.0, 3.0):
        system = decay(power=power).system()
        programs.append(Program(system, [system.readable["x"]], lanes=1))
    exact = [np.exp(-1.0), 1 / 2, 1 / np.sqrt(3.0)]
    assert [result_of(p, 1.0) for p in programs] == pytest.approx(exact, rel=1e-7)
