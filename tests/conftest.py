"""Settings of every test: reproducible examples, and unseeded randomness is an error."""

import hashlib
import importlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("cxaxis", derandomize=True, deadline=None, database=None, print_blob=True)
settings.load_profile("cxaxis")

_ROOT = Path(__file__).resolve().parents[1]


def _keep_compiled_models() -> None:
    """Keep compiled models from one session to the next, until the engine's code changes."""
    sources = sorted((_ROOT / "src" / "cxaxis" / "engine").glob("*.py"))
    digest = hashlib.blake2b(b"".join(path.read_bytes() for path in sources), digest_size=8)
    shelf = _ROOT / ".pytest_cache" / "compiled_models"
    folder = shelf / digest.hexdigest()
    for old in shelf.glob("*"):
        if old != folder:
            shutil.rmtree(old, ignore_errors=True)
    os.environ["CXAXIS_CACHE_DIR"] = str(folder)


_keep_compiled_models()

_CURE = "Draw from a stream of core.streams.rng_for; pass it on as `rng` or `random_state`."
# Hypothesis saves, sets and restores the state around every example. A test that changes it
# is found by the fixture below.
_HARMLESS = frozenset({"get_state", "set_state", "seed", "_legacy_seeding", "_bit_generator"})


class UnseededRandomnessError(AssertionError):
    """Code under test drew from a stream that no seed decides."""


class _Tripwire(np.random.RandomState):
    """Stands in for numpy's global generator, which scipy and pandas take when given no stream."""

    def __getattribute__(self, name: str) -> Any:
        if name in _HARMLESS or name.startswith("__"):
            return super().__getattribute__(name)
        msg = f"numpy's global random state was used ({name}). {_CURE}"
        raise UnseededRandomnessError(msg)


def _refusing(name: str) -> Callable[..., NoReturn]:
    def refuse(*_args: object, **_kwargs: object) -> NoReturn:
        msg = f"numpy.random.{name} draws from numpy's global random state. {_CURE}"
        raise UnseededRandomnessError(msg)

    return refuse


def _guard_numpy() -> np.random.RandomState:
    """Make every draw that no seed decides an error; return the real global generator."""
    real = np.random.mtrand._rand
    np.random.mtrand._rand = _Tripwire(real._bit_generator)
    # scipy.stats keeps the global generator that it finds when imported, so it must find the
    # tripwire; and it draws its docstrings' examples then, so default_rng is replaced later.
    importlib.import_module("scipy.stats")
    for name in np.random.__all__:
        bound_to = getattr(getattr(np.random, name), "__self__", None)
        if bound_to is real and name not in _HARMLESS:
            setattr(np.random, name, _refusing(name))
    default_rng = np.random.default_rng

    def seeded_default_rng(seed: Any = None) -> np.random.Generator:
        if seed is None:
            msg = f"numpy.random.default_rng() has no seed. {_CURE}"
            raise UnseededRandomnessError(msg)
        return default_rng(seed)

    np.random.default_rng = seeded_default_rng
    return real


_REAL = _guard_numpy()


@pytest.fixture(autouse=True)
def _global_random_state_is_left_alone() -> Iterator[None]:
    before = _REAL.get_state()
    yield
    after = _REAL.get_state()
    _REAL.set_state(before)
    if not all(np.array_equal(one, other) for one, other in zip(before, after, strict=True)):
        msg = f"The test changed numpy's global random state (numpy.random.seed?). {_CURE}"
        raise UnseededRandomnessError(msg)
