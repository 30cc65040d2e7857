"""A stand-in for a graphics card's driver: the kernel runs on this machine's processor.

The processor code has a width of one lane and takes the distance between rows at run time,
exactly as the card's code does; memory is checked and filled with NaN when it is taken.
"""

from __future__ import annotations

import ctypes
import threading
from enum import IntEnum
from types import SimpleNamespace

import numpy as np

from cxaxis.engine.job import ENTRIES
from cxaxis.engine.machine import Loaded, emit_object
from cxaxis.engine.program import whole_unit
from cxaxis.engine.unit import Target


class Code(IntEnum):
    """Error codes, as the driver's package has them."""

    CUDA_SUCCESS = 0
    CUDA_ERROR_OUT_OF_MEMORY = 2
    CUDA_ERROR_NO_DEVICE = 100
    CUDA_ERROR_LAUNCH_FAILED = 719


OK = Code.CUDA_SUCCESS


class FakeDriver:
    """Answers like ``cuda.bindings.driver``; runs one system's kernel, whatever PTX it gets.

    ``at_once`` runs the threads of a launch at the same time; else one after the other, each
    with an equal share of the patients, so that which thread has which patient is known.
    """

    def __init__(
        self,
        system,
        outputs,
        *,
        capability=(9, 0),
        watched=0,
        free=1 << 28,
        blocks=2,
        at_once=False,
    ):
        unit, self.rows = whole_unit(system, outputs, Target(1, None))
        self._code = Loaded([emit_object(str(unit.module))], "run", 3)
        self.at_once, self.free, self.blocks = at_once, free, blocks
        self.CUdevice_attribute = SimpleNamespace(
            CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR=capability[0],
            CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR=capability[1],
            CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT=1,
            CU_DEVICE_ATTRIBUTE_KERNEL_EXEC_TIMEOUT=watched,
        )
        self.memory, self.launches, self.sent, self.images = {}, [], [], []
        self.touched = []
        self.breaks_at_launch = False

    # Starting

    def cuInit(self, flags):
        return (OK,)

    def cuDeviceGetCount(self):
        return (OK, 1)

    def cuDeviceGet(self, ordinal):
        return (OK, ordinal)

    def cuDeviceGetName(self, length, device):
        return (OK, b"Fake 1" + bytes(length - 6))

    def cuDeviceGetAttribute(self, kind, device):
        return (OK, kind)

    def cuDevicePrimaryCtxRetain(self, device):
        return (OK, "context")

    def cuCtxSetCurrent(self, context):
        assert context == "context"
        return (OK,)

    def cuModuleLoadData(self, image):
        assert image.endswith(b"\0")
        self.images.append(image)
        return (OK, "module")

    def cuModuleUnload(self, module):
        assert module == "module"
        return (OK,)

    def cuModuleGetFunction(self, module, name):
        assert b".entry " + name in self.images[-1]
        return (OK, "kernel")

    def cuOccupancyMaxActiveBlocksPerMultiprocessor(self, kernel, block, shared):
        return (OK, self.blocks)

    # Memory

    def cuMemGetInfo(self):
        return (OK, self.free, self.free)

    def cuMemAlloc(self, size):
        if size > self.free:
            return (Code.CUDA_ERROR_OUT_OF_MEMORY, 0)
        array = np.full(-(-size // 8), np.nan)
        self.free -= size
        self.memory[array.ctypes.data] = (array, size)
        return (OK, array.ctypes.data)

    def cuMemFree(self, address):
        self.free += self.memory.pop(address)[1]
        return (OK,)

    def _within(self, address, size):
        assert 0 < size <= self.memory[address][1]

    def cuMemcpyHtoD(self, address, source, size):
        self._within(address, size)
        self.sent.append(size)
        ctypes.memmove(address, source, size)
        return (OK,)

    def cuMemcpyDtoH(self, target, address, size):
        self._within(address, size)
        ctypes.memmove(target, address, size)
        return (OK,)

    def cuMemsetD8(self, address, byte, size):
        self._within(address, size)
        ctypes.memset(address, byte, size)
        return (OK,)

    # Running

    def cuLaunchKernel(self, kernel, gx, gy, gz, bx, by, bz, shared, stream, arguments, extra):
        assert (kernel, gy, gz, by, bz, shared, stream, extra) == ("kernel", 1, 1, 1, 1, 0, 0, 0)
        places = np.ctypeslib.as_array(
            ctypes.cast(arguments, ctypes.POINTER(ctypes.c_uint64)), (3,)
        )
        memory, n_thread, table = (
            ctypes.c_uint64.from_address(int(place)).value for place in places
        )
        if self.breaks_at_launch:
            return (Code.CUDA_ERROR_LAUNCH_FAILED,)
        assert n_thread == gx * bx
        self._within(memory, n_thread * self.rows * 8)
        self._within(table, len(ENTRIES) * 8)
        entries = self.memory[table][0].view(np.int64)
        self.launches.append((gx, bx, int(entries[ENTRIES.index("n_patient")])))
        (self._run_at_once if self.at_once else self._run_in_turn)(memory, n_thread, table, entries)
        lanes = self.memory[memory][0][: n_thread * self.rows].reshape(self.rows, n_thread)
        self.touched.append(~np.isnan(lanes))
        return (OK,)

    def _run_in_turn(self, memory, n_thread, table, entries):
        n_patient = int(entries[0])
        following = self.memory[int(entries[1])][0].view(np.int64)
        for thread in range(n_thread):
            entries[0] = n_patient * (thread + 1) // n_thread
            self._code.call(memory + 8 * thread, n_thread, table)
            # A thread that found none left has counted one patient too far.
            following[0] = entries[0]

    def _run_at_once(self, memory, n_thread, table, entries):
        workers = [
            threading.Thread(target=self._code.call, args=(memory + 8 * k, n_thread, table))
            for k in range(n_thread)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    def cuCtxSynchronize(self):
        return (OK,)
