"""Systems of SBML texts, read once: for all texts that differ in numbers, and for all processes."""

from __future__ import annotations

import io
import math
import pickle
from functools import lru_cache
from pathlib import Path
from typing import Any

from cxaxis.core.cache import kept
from cxaxis.core.hashing import sha256_of, sha256_text
from cxaxis.engine.system import System
from cxaxis.engine.written import Written, taken_apart, with_numbers

_SYSTEMS = 32
# Texts, taken apart: a trial reads each under several sets of columns, one after another.
_TEXTS = 4


@lru_cache(maxsize=_SYSTEMS)
def load_system(sbml: str, given: frozenset[str], infused: frozenset[str]) -> System:
    """Return the system of a document, read once; see `cxaxis.engine.sbml.read_system`.

    Documents that differ in values of parameters alone share the formulas of the first.
    """
    from cxaxis.engine.sbml import read_system

    written = _taken_apart(sbml)
    first, system = _alike(_Like(written, sbml), given, infused)
    found = with_numbers(system, first, written)
    return read_system(sbml, given=given, infused=infused) if found is None else found


_taken_apart = lru_cache(maxsize=_TEXTS)(taken_apart)


class _Like:
    """A text as a key: equal to those that differ in numbers alone."""

    def __init__(self, written: Written, sbml: str) -> None:
        self.written = written
        self.sbml = sbml

    def __hash__(self) -> int:
        return hash(self.written.rest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Like) and self.written.rest == other.written.rest


@lru_cache(maxsize=_SYSTEMS)
def _alike(text: _Like, given: frozenset[str], infused: frozenset[str]) -> tuple[Written, System]:
    """Return the first document read of those like ``text``, taken apart, and its system."""
    from cxaxis.engine.sbml import read_system

    def read() -> bytes:
        return _packed((text.written.values, read_system(text.sbml, given=given, infused=infused)))

    rest = text.written.rest
    key = sha256_of([_reader(), sha256_text(rest), sorted(given), sorted(infused)])
    values, system = _unpacked(kept("systems", key, read))
    return Written(rest, values), system


@lru_cache(maxsize=1)
def _reader() -> str:
    """Return the hash of what reads a document: the engine and the library below it."""
    import libsbml

    folder = Path(__file__).parent
    code = {path.name: path.read_text("utf-8") for path in sorted(folder.glob("*.py"))}
    return sha256_of([libsbml.getLibSBMLDottedVersion(), pickle.DEFAULT_PROTOCOL, code])


# A graph tells the one not-a-number of the standard library from all others by identity.


class _Packer(pickle.Pickler):
    def persistent_id(self, thing: Any) -> str | None:
        return "nan" if thing is math.nan else None


class _Unpacker(pickle.Unpickler):
    def persistent_load(self, name: Any) -> float:
        return math.nan


def _packed(read: tuple[dict[str, float], System]) -> bytes:
    buffer = io.BytesIO()
    _Packer(buffer, pickle.DEFAULT_PROTOCOL).dump(read)
    return buffer.getvalue()


def _unpacked(content: bytes) -> tuple[dict[str, float], System]:
    # As trustworthy as the compiled code that lies beside it and is run.
    found: tuple[dict[str, float], System] = _Unpacker(io.BytesIO(content)).load()
    return found
