"""From modules to running code: the processor, the compiler, the cache of compiled models."""

from __future__ import annotations

import ctypes
import hashlib
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from cxaxis.core.cache import cache_directory as cache_directory

# The modules that decide what the machine code is.
_GENERATORS = (
    "course",
    "dense",
    "elimination",
    "emit",
    "expressions",
    "firings",
    "job",
    "kernels",
    "locating",
    "machine",
    "outline",
    "pivoting",
    "program",
    "protocol",
    "rodas5p",
    "service",
    "stepper",
    "unit",
    "vector_math",
    "vector_values",
    "watching",
)
_MAGIC = b"cxaxis machine code\n"


@dataclass(frozen=True)
class Processor:
    """The processor that code is made for.

    Attributes
    ----------
    name, features
        As LLVM calls them.
    lanes
        Doubles in its widest vector: 8, 4 or 2.
    """

    name: str
    features: str
    lanes: int


@lru_cache(maxsize=1)
def this_processor() -> Processor:
    """Return the processor that runs this."""
    import llvmlite.binding as llvm

    features = llvm.get_host_cpu_features()
    lanes = 8 if features.get("avx512f") else 4 if features.get("avx") else 2
    return Processor(llvm.get_host_cpu_name(), features.flatten(), lanes)


@lru_cache(maxsize=1)
def _generator_digest() -> str:
    digest = hashlib.blake2b(digest_size=20)
    for name in _GENERATORS:
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    return digest.hexdigest()


def cache_key(*parts: object) -> str:
    """Return the name under which code made from ``parts`` is kept.

    The processor, the operating system, the version of LLVM and the modules that generate
    the code are part of it.
    """
    import llvmlite
    import llvmlite.binding as llvm

    processor = this_processor()
    said = (
        _generator_digest(),
        llvmlite.__version__,
        llvm.llvm_version_info,
        sys.platform,
        processor,
        *parts,
    )
    return hashlib.blake2b(repr(said).encode(), digest_size=20).hexdigest()


def compiled(
    key: str,
    make: Callable[[], tuple[str, Sequence[int]]],
    emit: Callable[[str], bytes] | None = None,
) -> tuple[bytes, list[int]]:
    """Return object code and numbers that belong to it, from the cache if they are there.

    Parameters
    ----------
    key
        From `cache_key`.
    make
        Gives the module as text and the numbers to keep beside the code.
    emit
        Compiles the text; `emit_object` if omitted.

    Notes
    -----
    A cache that cannot be read is rebuilt, and one that cannot be written is done without.
    """
    path = cache_directory() / "kernels" / f"{key}.bin"
    kept = _read(path)
    if kept is not None:
        return kept
    text, numbers = make()
    code = (emit or emit_object)(text)
    _write(path, code, list(numbers))
    return code, list(numbers)


def _read(path: Path) -> tuple[bytes, list[int]] | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, body = content[:20], content[20:]
    if hashlib.blake2b(body, digest_size=20).digest() != digest or not body.startswith(_MAGIC):
        return None
    head, _, code = body[len(_MAGIC) :].partition(b"\n")
    return code, [int(word) for word in head.split()]


def _write(path: Path, code: bytes, numbers: list[int]) -> None:
    body = _MAGIC + " ".join(map(str, numbers)).encode() + b"\n" + code
    content = hashlib.blake2b(body, digest_size=20).digest() + body
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(content)
        Path(file.name).replace(path)
    except OSError:
        return


def emit_object(text: str) -> bytes:
    """Compile a module for this processor and return its object code.

    No optimisation passes run: the formulas come with common parts already shared.
    """
    import llvmlite.binding as llvm

    module = llvm.parse_assembly(text)
    module.triple = llvm.get_default_triple()
    module.verify()
    code: bytes = _target_machine().emit_object(module)
    return code


def _target_machine() -> Any:
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    processor = this_processor()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=processor.name, features=processor.features, opt=2, reloc="pic", codemodel="small"
    )


class Loaded:
    """Object code in memory, ready to be called; keeps it there as long as it lives."""

    _count = 0

    def __init__(self, objects: Sequence[bytes], entry: str, n_argument: int = 2) -> None:
        import llvmlite.binding as llvm

        builder = llvm.JITLibraryBuilder().add_current_process()
        for each in objects:
            builder = builder.add_object_img(each)
        self._tracker = builder.export_symbol(entry).link(_linker(), _library_name())
        kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * n_argument)
        # Functions called through ctypes run without the interpreter's lock.
        self.call = kind(self._tracker[entry])


@lru_cache(maxsize=1)
def _linker() -> Any:
    import llvmlite.binding as llvm

    # The older linker aborts where parts of a program come to lie more than 2 GB apart, as they do
    # in a process that holds some GB.
    return llvm.create_lljit_compiler(_target_machine(), use_jit_link=True)


def _library_name() -> str:
    Loaded._count += 1
    return f"model{Loaded._count}"
