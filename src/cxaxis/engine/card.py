"""A graphics card through its driver: memory, transfers, kernels.

The driver is the module ``cuda.bindings.driver`` of the optional package cuda-bindings, which
answers every call with a tuple whose first entry is an error code.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxaxis.core.errors import CxaxisError

#: Oldest compute capability that kernels are written for, as major and minor number.
OLDEST = (7, 5)
_NAME_LENGTH = 256
_CURE = (
    "Use the population engine, which needs no graphics card, or see that `nvidia-smi` lists an "
    "NVIDIA card and that the extra is installed: pip install 'cxaxis[gpu]'."
)


class GpuError(CxaxisError):
    """The driver of the graphics card reported an error."""


class GpuUnavailableError(GpuError):
    """There is no graphics card that kernels can run on."""


def _values(answer: tuple[Any, ...], doing: str) -> Any:
    """Return what a call of the driver gave, or raise what it complained of."""
    code, *values = answer
    if int(code) != 0:
        msg = f"the graphics card's driver failed while {doing}: {getattr(code, 'name', code)}."
        raise GpuError(msg)
    return values[0] if len(values) == 1 else tuple(values)


@lru_cache(maxsize=4)
def open_card(device: int = 0) -> Card:
    """Return a graphics card, opened once.

    Raises
    ------
    GpuUnavailableError
        If the driver, its Python package or the card is missing, or the card is too old.
    """
    try:
        driver = import_module("cuda.bindings.driver")
    except ImportError as problem:
        msg = f"the Python package cuda-bindings cannot be imported ({problem}). {_CURE}"
        raise GpuUnavailableError(msg) from problem
    return Card(driver, device)


class Card:
    """One graphics card.

    Parameters
    ----------
    driver
        ``cuda.bindings.driver``, or what answers like it.
    device
        Number of the card, from 0.

    Attributes
    ----------
    name
        As its maker calls it.
    capability
        Compute capability, major and minor.
    n_multiprocessor
        Multiprocessors.
    is_watched
        Whether the system ends kernels that run for some seconds, as where the card also
        draws the screen.

    Raises
    ------
    GpuUnavailableError
        If there is no such card, or it is too old.
    """

    def __init__(self, driver: Any, device: int = 0) -> None:
        self._driver = driver
        try:
            _values(driver.cuInit(0), "starting")
            count = _values(driver.cuDeviceGetCount(), "counting cards")
        except (RuntimeError, OSError, GpuError) as problem:
            msg = f"no CUDA device: {problem} {_CURE}"
            raise GpuUnavailableError(msg) from problem
        if not 0 <= device < count:
            msg = f"no CUDA device {device}: the driver lists {count}, counted from 0. {_CURE}"
            raise GpuUnavailableError(msg)
        handle = _values(driver.cuDeviceGet(device), "opening a card")
        name = _values(driver.cuDeviceGetName(_NAME_LENGTH, handle), "reading a card's name")
        self.name = name.split(b"\0")[0].decode("utf-8", "replace")
        kinds = driver.CUdevice_attribute

        def attribute(name: str) -> int:
            kind = getattr(kinds, f"CU_DEVICE_ATTRIBUTE_{name}")
            return int(_values(driver.cuDeviceGetAttribute(kind, handle), f"reading {name}"))

        self.capability = (
            attribute("COMPUTE_CAPABILITY_MAJOR"),
            attribute("COMPUTE_CAPABILITY_MINOR"),
        )
        if self.capability < OLDEST:
            msg = (
                f"{self.name} has compute capability {self.capability[0]}.{self.capability[1]}; "
                f"kernels need {OLDEST[0]}.{OLDEST[1]} (2018) or later. {_CURE}"
            )
            raise GpuUnavailableError(msg)
        self.n_multiprocessor = attribute("MULTIPROCESSOR_COUNT")
        self.is_watched = bool(attribute("KERNEL_EXEC_TIMEOUT"))
        self._context = _values(driver.cuDevicePrimaryCtxRetain(handle), "opening a context")

    def activate(self) -> None:
        """Let calls of this thread go to this card."""
        _values(self._driver.cuCtxSetCurrent(self._context), "choosing the card")

    def load(self, ptx: str, entry: str) -> Kernel:
        """Return a kernel of a module in PTX; the driver compiles it (and keeps the result)."""
        self.activate()
        image = ptx.encode("ascii") + b"\0"
        module = _values(self._driver.cuModuleLoadData(image), "compiling the model")
        found = self._driver.cuModuleGetFunction(module, entry.encode("ascii"))
        return Kernel(self._driver, module, _values(found, "finding the kernel"))

    def resident_threads(self, kernel: Kernel, block: int) -> int:
        """Return how many threads, in blocks of this size, run at the same time."""
        occupancy = self._driver.cuOccupancyMaxActiveBlocksPerMultiprocessor
        blocks = _values(occupancy(kernel.handle, block, 0), "asking for the occupancy")
        return int(blocks) * self.n_multiprocessor * block

    def free_memory(self) -> int:
        """Return the memory of the card that is free, bytes."""
        free, _ = _values(self._driver.cuMemGetInfo(), "asking for free memory")
        return int(free)

    def launch(self, kernel: Kernel, n_block: int, block: int, arguments: list[int]) -> None:
        """Run a kernel of eight-byte arguments and wait until it is done."""
        numbers = np.array(arguments, dtype=np.uint64)
        places = numbers.ctypes.data + 8 * np.arange(len(arguments), dtype=np.uint64)
        grid = (n_block, 1, 1, block, 1, 1)
        launched = self._driver.cuLaunchKernel(
            kernel.handle, *grid, 0, 0, int(places.ctypes.data), 0
        )
        _values(launched, "starting the kernel")
        _values(self._driver.cuCtxSynchronize(), "running the kernel")

    @contextmanager
    def buffers(self) -> Iterator[Buffers]:
        """Give memory on the card that is handed back at the end."""
        self.activate()
        made = Buffers(self._driver)
        try:
            yield made
        finally:
            made.free()


class Kernel:
    """A compiled kernel; its module stays loaded as long as it lives."""

    def __init__(self, driver: Any, module: Any, handle: Any) -> None:
        self.handle = handle
        self._driver = driver
        self._module = module

    def __del__(self) -> None:
        # Errors cannot be told from here, and a context that is gone has freed it already.
        self._driver.cuModuleUnload(self._module)


class Buffers:
    """Arrays on the card, by name; each grows as it must and is used again."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver
        self._places: dict[str, tuple[int, int]] = {}
        self._sent: dict[str, NDArray[Any]] = {}

    def room(self, name: str, n_byte: int) -> int:
        """Return the address of at least so many bytes, whatever stands there."""
        address, size = self._places.get(name, (0, 0))
        if size < n_byte or not address:
            self._release(name)
            answer = self._driver.cuMemAlloc(max(n_byte, 8))
            address = int(_values(answer, f"taking {n_byte} bytes of its memory"))
            self._places[name] = (address, max(n_byte, 8))
        return address

    def send(self, name: str, array: NDArray[Any]) -> int:
        """Return the address of a copy of an array; the same array is sent only once."""
        if self._sent.get(name) is array:
            return self._places[name][0]
        address = self.room(name, array.nbytes)
        if array.nbytes:
            copy = self._driver.cuMemcpyHtoD(address, array.ctypes.data, array.nbytes)
            _values(copy, f"sending {name}")
        self._sent[name] = array
        return address

    def fill(self, name: str, n_byte: int, byte: int) -> int:
        """Return the address of so many bytes that are all the same."""
        address = self.room(name, n_byte)
        if n_byte:
            _values(self._driver.cuMemsetD8(address, byte, n_byte), f"clearing {name}")
        return address

    def fetch(self, name: str, array: NDArray[Any]) -> None:
        """Copy what stands under a name into an array that is contiguous."""
        if array.nbytes:
            address = self._places[name][0]
            copy = self._driver.cuMemcpyDtoH(array.ctypes.data, address, array.nbytes)
            _values(copy, f"fetching {name}")

    def _release(self, name: str) -> None:
        address, _ = self._places.pop(name, (0, 0))
        self._sent.pop(name, None)
        if address:
            self._driver.cuMemFree(address)

    def free(self) -> None:
        """Hand everything back."""
        for name in list(self._places):
            self._release(name)
