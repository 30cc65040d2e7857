"""The same models on a graphics card: one thread a patient, `PopulationEngine`'s interface.

The machine code is that of the processor at a width of one lane, with the number of threads as
the distance between the rows of a thread's memory, so that neighbouring threads read
neighbouring numbers. A thread that has finished a patient takes the next one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from cxaxis.core.errors import ModelValueError
from cxaxis.engine.card import OLDEST, Card, GpuError, GpuUnavailableError, open_card
from cxaxis.engine.expressions import Node
from cxaxis.engine.job import pack
from cxaxis.engine.machine import cache_key, compiled
from cxaxis.engine.population import MAX_STEPS, PopulationEngine, SystemKey
from cxaxis.engine.program import Batch, BatchResult, entries_of, fingerprint, whole_unit
from cxaxis.engine.system import System

__all__ = ["ENTRY", "GpuEngine", "GpuError", "GpuUnavailableError", "ptx_of"]

#: Name of the kernel: ``simulate(memory, n_thread, table)``.
ENTRY = "simulate"
# Threads in a block. Small blocks leave nothing idle where kernels need many registers.
BLOCK = 64
# Share of the free memory that threads may work in, and that is used in all.
LARGEST_THREAD_SHARE = 0.5
LARGEST_SHARE = 0.9
# Entries of the table that have a row for every patient, beside the results.
_OWN = ("table", "schedule_of")
_TRIPLE = "nvptx64-nvidia-cuda"
_PROGRAMS = 8
# All memory is the card's main memory: no other kind of pointer is in the code.
_ANY_POINTER = re.compile(r"(?<![\w.%@\"$-])ptr(?![\w.\"$-])")
_CARD_POINTER = "ptr addrspace(1)"


class GpuEngine(PopulationEngine):
    """Patients in the threads of an NVIDIA graphics card.

    Results are those of `PopulationEngine` but for rounding, which error control may amplify
    up to the tolerance. Patients whose linear systems need row pivoting run on the processor.

    Parameters
    ----------
    device
        Number of the card, from 0.
    max_steps
        Steps after which a patient is given up, positive.
    most_threads
        Largest number of threads, a multiple of 64; None takes what the card can hold.
        Results do not depend on it.
    card
        An open card, instead of ``device``.

    Raises
    ------
    GpuUnavailableError
        If there is no card, or its driver or the package cuda-bindings is missing.
    """

    name = "gpu"

    def __init__(
        self,
        *,
        device: int = 0,
        max_steps: int = MAX_STEPS,
        most_threads: int | None = None,
        card: Card | None = None,
    ) -> None:
        super().__init__(max_steps=max_steps)
        if most_threads is not None and (most_threads < BLOCK or most_threads % BLOCK):
            msg = f"most_threads must be a multiple of {BLOCK}, got {most_threads}."
            raise ModelValueError(msg)
        self.most_threads = most_threads
        self.card = card or open_card(device)

    def _run(self, system: System, nodes: tuple[Node, ...], batch: Batch) -> BatchResult:
        program = _program(SystemKey(system), nodes, self.card)
        return program.run(batch, most_threads=self.most_threads)


class GpuProgram:
    """A system with the outputs asked for, compiled for a card."""

    def __init__(self, system: System, outputs: Sequence[Node], card: Card) -> None:
        ptx, self.rows = _translated(system, tuple(outputs))
        self.system = system
        self.card = card
        self.n_output = len(outputs)
        self._kernel = card.load(ptx, ENTRY)

    def run(self, batch: Batch, *, most_threads: int | None = None) -> BatchResult:
        """Simulate every patient of a batch; nothing is raised for one that fails.

        Raises
        ------
        GpuError
            If the driver fails, or the card's memory is too small for one block of threads.
        """
        result = BatchResult.empty(batch, self.n_output)
        result.outputs.fill(np.nan)
        with self.card.buffers() as buffers:
            threads, block = self._plan(batch, result, most_threads)
            memory = buffers.room("memory of threads", threads * self.rows * 8)
            for first in range(0, batch.n_patient, block):
                here = slice(first, first + block)
                self._run_block(buffers, memory, threads, batch.part(here), result.part(here))
        return result

    def _plan(self, batch: Batch, result: BatchResult, most_threads: int | None) -> tuple[int, int]:
        """Return how many threads run, and how many patients are handed over at a time."""
        n = max(batch.n_patient, 1)
        arrays = {
            name: value.nbytes
            for name, value in entries_of(self.system, batch, result).items()
            if isinstance(value, np.ndarray)
        }
        own = {*_OWN, *vars(result), *(["times"] if batch.times.ndim == 2 else [])}
        per_patient = max(1, sum(arrays[name] for name in own) // n)
        free = self.card.free_memory() - sum(arrays[name] for name in arrays.keys() - own)
        per_thread = self.rows * 8
        fitting = int(free * LARGEST_THREAD_SHARE) // (per_thread * BLOCK) * BLOCK
        if not fitting:
            msg = (
                f"{self.card.name} has {max(free, 0) >> 20} MiB of memory left, too little for "
                f"{BLOCK} threads of {per_thread} bytes. Close other programs that use it."
            )
            raise GpuError(msg)
        resident = self.card.resident_threads(self._kernel, BLOCK)
        needed = -(-n // BLOCK) * BLOCK
        threads = min(needed, fitting, max(resident, BLOCK), most_threads or needed)
        block = (int(free * LARGEST_SHARE) - threads * per_thread) // per_patient
        if self.card.is_watched:
            block = min(block, threads)
        return threads, max(1, min(n, block))

    def _run_block(
        self, buffers: Any, memory: int, threads: int, batch: Batch, result: BatchResult
    ) -> None:
        written = vars(result)
        entries = {
            # Every bit set is NaN in a number and -1 in a whole number.
            name: buffers.fill(name, value.nbytes, 0xFF)
            if name in written
            else buffers.send(name, value)
            if isinstance(value, np.ndarray)
            else value
            for name, value in entries_of(self.system, batch, result).items()
        }
        table = buffers.send("entries", pack(**entries).table)
        self.card.launch(self._kernel, threads // BLOCK, BLOCK, [memory, threads, table])
        for name, array in written.items():
            buffers.fetch(name, array)
        if (result.status < 0).any():
            msg = f"{self.card.name} ended its work before every patient was simulated."
            raise GpuError(msg)


@lru_cache(maxsize=_PROGRAMS)
def _program(key: SystemKey, nodes: tuple[Node, ...], card: Card) -> GpuProgram:
    return GpuProgram(key.system, nodes, card)


def ptx_of(system: System, outputs: Sequence[Node]) -> str:
    """Return a system as a module in PTX, the assembly language of NVIDIA's cards.

    Its kernel `ENTRY` takes the address of the threads' memory, the number of threads and
    the address of the table of `cxaxis.engine.job`. It needs no other module.

    Parameters
    ----------
    system
        With at least one state.
    outputs
        Nodes of the system's graph.
    """
    return _translated(system, tuple(outputs))[0]


def _translated(system: System, outputs: tuple[Node, ...]) -> tuple[str, int]:
    """Return the module in PTX and the rows of memory that a thread needs."""
    code, (rows,) = compiled(
        cache_key("ptx", fingerprint(system, outputs), OLDEST),
        lambda: _module(system, outputs),
        _emit_ptx,
    )
    return code.decode("ascii"), rows


def _module(system: System, outputs: tuple[Node, ...]) -> tuple[str, list[int]]:
    from cxaxis.engine.unit import Target

    unit, rows = whole_unit(system, outputs, Target(1, None))
    for function in unit.module.functions:
        if function.blocks:
            function.linkage = "internal"
    _write_entry(unit)
    return _ANY_POINTER.sub(_CARD_POINTER, str(unit.module)), [rows]


def _write_entry(unit: Any) -> None:
    """Write the kernel: find the thread's memory and work until no patient is left."""
    from llvmlite import ir

    from cxaxis.engine.emit import POINTER, REAL, WHOLE

    kind = ir.FunctionType(ir.VoidType(), [POINTER, WHOLE, POINTER])
    entry = ir.Function(unit.module, kind, ENTRY)
    entry.calling_convention = "ptx_kernel"
    memory, n_thread, table = entry.args
    builder = ir.IRBuilder(entry.append_basic_block("entry"))
    places = []
    for register in ("ctaid", "ntid", "tid"):
        name = f"llvm.nvvm.read.ptx.sreg.{register}.x"
        read = ir.Function(unit.module, ir.FunctionType(ir.IntType(32), []), name)
        places.append(builder.zext(builder.call(read, []), WHOLE))
    block, size, place = places
    index = builder.add(builder.mul(block, size), place)
    with builder.if_then(builder.icmp_unsigned("<", index, n_thread)):
        own = builder.gep(memory, [index], source_etype=REAL)
        builder.call(unit.module.get_global("run"), [own, n_thread, table])
    builder.ret_void()


def _emit_ptx(text: str) -> bytes:
    import llvmlite.binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple(_TRIPLE)
    machine = target.create_target_machine(cpu=f"sm_{OLDEST[0]}{OLDEST[1]}", opt=3)
    module = llvm.parse_assembly(text)
    module.triple = _TRIPLE
    module.data_layout = str(machine.target_data)
    module.verify()
    ptx: str = machine.emit_assembly(module)
    return ptx.encode("ascii")
