"""The engine's own elementary functions: right to the last bits, the same at every width."""

import ctypes
import math
import re
import shutil
import subprocess
from collections.abc import Callable

import llvmlite.binding as llvm
import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from llvmlite import ir

from cxaxis.engine import vector_math

WIDTHS = (1, 2, 4, 8)
TWO = ("power", "minimum", "maximum")
POINTS = 1600
REAL, WHOLE, POINTER = ir.DoubleType(), ir.IntType(64), ir.PointerType()
inf, nan = math.inf, math.nan


def _value_type(width: int):
    return REAL if width == 1 else ir.VectorType(REAL, width)


def _loop(module: ir.Module, name: str, width: int, emit: Callable) -> None:
    """Write name_width(x, y, out, n): out[i] = emit(x[i], y[i]) for n elements."""
    function = ir.Function(
        module,
        ir.FunctionType(ir.VoidType(), [POINTER, POINTER, POINTER, WHOLE]),
        f"{name}_{width}",
    )
    start, body, end = (function.append_basic_block(n) for n in ("start", "body", "end"))
    builder = ir.IRBuilder(start)
    builder.branch(body)
    builder.position_at_end(body)
    i = builder.phi(WHOLE)
    i.add_incoming(WHOLE(0), start)

    def element(array):
        return builder.gep(array, [i], source_etype=REAL)

    x, y = (
        builder.load(element(array), typ=_value_type(width), align=8) for array in function.args[:2]
    )
    builder.store(emit(builder, x, y), element(function.args[2]), align=8)
    following = builder.add(i, WHOLE(width))
    i.add_incoming(following, builder.block)
    builder.cbranch(builder.icmp_signed("<", following, function.args[3]), body, end)
    ir.IRBuilder(end).ret_void()


def _emitter(name: str) -> Callable:
    count = 2 if name in TWO else 1
    return lambda builder, *xy: vector_math.call(builder, name, *xy[:count])


class _Compiled:
    """The functions of a module, called on arrays."""

    def __init__(self, module: ir.Module) -> None:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        machine = llvm.Target.from_default_triple().create_target_machine(
            cpu=llvm.get_host_cpu_name(),
            features=llvm.get_host_cpu_features().flatten(),
            opt=2,
            jit=True,
        )
        parsed = llvm.parse_assembly(str(module))
        parsed.verify()
        self._engine = llvm.create_mcjit_compiler(parsed, machine)
        self._engine.finalize_object()

    def __call__(self, name: str, width: int, *values) -> np.ndarray:
        x, y = np.broadcast_arrays(*(np.atleast_1d(np.asarray(v, float)) for v in (*values, 1.0)))[
            :2
        ]
        size = x.size + -x.size % 8
        x, y = (np.ascontiguousarray(np.resize(v, size)) for v in (x, y))
        out = np.empty(size)
        address = self._engine.get_function_address(f"{name}_{width}")
        run = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3, ctypes.c_int64)(address)
        run(x.ctypes.data, y.ctypes.data, out.ctypes.data, size)
        return out[: np.broadcast(*values).size if len(values) > 1 else np.size(values[0])]


@pytest.fixture(scope="module")
def compiled() -> _Compiled:
    module = ir.Module()
    for name in vector_math.NAMES:
        for width in WIDTHS:
            _loop(module, name, width, _emitter(name))
    return _Compiled(module)


def _bits(values) -> list[int]:
    # NaN is NaN, whatever its payload.
    return np.where(np.isnan(values), nan, values).view(np.int64).tolist()


def _errors_ulp(found: np.ndarray, exact: list) -> np.ndarray:
    assert np.isfinite(found).all()
    spacing = [np.spacing(abs(float(e))) for e in exact]
    return np.array(
        [
            float(abs(mpmath.mpf(float(f)) - e) / s)
            for f, e, s in zip(found, exact, spacing, strict=True)
        ]
    )


def _even(low, high):
    return lambda rng: rng.uniform(low, high, POINTS)


def _decades(low, high):
    return lambda rng: 10.0 ** rng.uniform(low, high, POINTS)


def _signed_decades(low, high):
    return lambda rng: rng.choice([-1.0, 1.0], POINTS) * 10.0 ** rng.uniform(low, high, POINTS)


def _near_quarter_turns(rng):
    return np.round(rng.uniform(1, 6e8, POINTS)) * (math.pi / 2)


def _near_one(rng):
    return 1 - 10.0 ** rng.uniform(-16, -1, POINTS)


EXACT = {
    "arcsin": mpmath.asin,
    "arccos": mpmath.acos,
    "arctan": mpmath.atan,
    "absolute": mpmath.fabs,
}


@pytest.mark.parametrize(
    ("name", "draw", "bound_ulp"),
    [
        ("exp", _even(-708.3, 709.78), 1.0),
        ("exp", _even(-1, 1), 1.0),
        ("exp", _signed_decades(-300, -1), 1.0),
        ("exp", _even(-745.1, -708.3), 1.0),
        ("log", _decades(-307, 308), 1.0),
        ("log", _even(0.4, 2.1), 1.0),
        ("log", _near_one, 1.0),
        ("log", _decades(-323, -307), 1.0),
        ("sqrt", _decades(-320, 308), 0.5),
        *((n, _even(-10, 10), 1.0) for n in ("sin", "cos")),
        *((n, _even(-1e6, 1e6), 1.0) for n in ("sin", "cos")),
        *((n, _even(-1e9, 1e9), 1.0) for n in ("sin", "cos")),
        *((n, _near_quarter_turns, 1.0) for n in ("sin", "cos")),
        *((n, _signed_decades(-300, 0), 1.0) for n in ("sin", "cos")),
        ("tan", _even(-10, 10), 2.2),
        ("tan", _even(-1e9, 1e9), 2.2),
        ("tan", _near_quarter_turns, 2.2),
        *((n, _even(-1, 1), 1.0) for n in ("arcsin", "arccos")),
        *((n, _near_one, 1.0) for n in ("arcsin", "arccos")),
        ("arcsin", _signed_decades(-300, 0), 1.0),
        ("arctan", _even(-5, 5), 1.2),
        ("arctan", _signed_decades(-300, 300), 1.2),
        *((n, _even(-3, 3), 1.6) for n in ("sinh", "cosh", "tanh")),
        *((n, _even(-710.4, 710.4), 1.6) for n in ("sinh", "cosh", "tanh")),
        *((n, _signed_decades(-300, 0), 1.6) for n in ("sinh", "tanh")),
    ],
)
def test_a_function_is_right_to_the_last_bits(compiled, name, draw, bound_ulp):
    x = draw(np.random.default_rng(20261122))
    with mpmath.workdps(45):
        function = EXACT.get(name) or getattr(mpmath, name)
        exact = [function(mpmath.mpf(float(v))) for v in x]
        assert _errors_ulp(compiled(name, 8, x), exact).max() <= bound_ulp


@pytest.mark.parametrize(
    "base",
    [
        _decades(-6, 6),
        _even(0.5, 2),
        _decades(-300, 300),
        lambda rng: 1 + rng.normal(0, 1e-4, POINTS),
    ],
)
@pytest.mark.parametrize("log10_result", [300.0, 3.0])
def test_a_power_is_right_over_the_whole_range_of_results(compiled, base, log10_result):
    rng = np.random.default_rng(20261122)
    x = base(rng)
    y = rng.uniform(-log10_result, log10_result, POINTS) / np.log10(x)
    with mpmath.workdps(45):
        exact = [mpmath.mpf(float(a)) ** mpmath.mpf(float(b)) for a, b in zip(x, y, strict=True)]
        assert _errors_ulp(compiled("power", 8, x, y), exact).max() <= 1.2


def test_whole_powers_of_negative_bases_have_the_sign_of_mathematics(compiled):
    x = -np.linspace(0.01, 5, 250)
    for y in range(-7, 8):
        assert compiled("power", 4, x, y) == pytest.approx(x ** float(y), rel=1e-15)


@pytest.mark.parametrize(
    ("x", "y", "power"),
    [
        (0.0, 2.5, 0.0),
        (0.0, -0.5, inf),
        (0.0, 0.0, 1.0),
        (-0.0, 0.5, 0.0),
        (1e-310, 0.5, 0.0),
        (nan, 0.0, 1.0),
        (-3.0, 0.0, 1.0),
        (-inf, 0.0, 1.0),
        (inf, 0.0, 1.0),
        (inf, 0.5, inf),
        (inf, -2.0, 0.0),
        (0.5, inf, 0.0),
        (2.0, inf, inf),
        (2.0, -inf, 0.0),
        (1e300, 1e300, inf),
        (1e300, -1e300, 0.0),
        (2.0, 1024.0, inf),
        (2.0, 1023.0, 2.0**1023),
        (2.0, -1074.0, 5e-324),
        (2.0, -1076.0, 0.0),
        (-1.0, 2.0**51 - 1, -1.0),
        (-1.0, 2.0**51, 1.0),
        (-1.0, 2.0**52, nan),
        (-2.0, 0.5, nan),
        (-1.01e-6, 0.5, nan),
        (-0.99e-6, 0.5, 0.0),
        (-0.99e-6, -0.5, inf),
        (-0.99e-6, -1.5, inf),
        (-2.0, -1.0, -0.5),
        (-0.5e-6, 1.0, -0.5e-6),
        (nan, 1.5, nan),
        (1.5, nan, nan),
        (1.0, nan, nan),
        (-inf, 2.0, nan),
    ],
)
def test_power_at_its_edges(compiled, x, y, power):
    for width in WIDTHS:
        found = compiled("power", width, np.full(8, x), np.full(8, y))
        np.testing.assert_array_equal(found, power)


@pytest.mark.parametrize(
    ("name", "x", "value"),
    [
        ("exp", [-inf, -746.0, 0.0, 709.79, 1e300, inf, nan], [0, 0, 1, inf, inf, inf, nan]),
        ("log", [0.0, -0.0, -5e-324, -1.0, 1.0, inf, nan], [-inf, -inf, nan, nan, 0, inf, nan]),
        ("sqrt", [0.0, -1.0, inf, nan], [0, nan, inf, nan]),
        ("sin", [0.0, 1.001e9, -1e300, inf, nan], [0, nan, nan, nan, nan]),
        ("cos", [0.0, 1.001e9, -1e300, inf, nan], [1, nan, nan, nan, nan]),
        ("tan", [0.0, 1.001e9, -1e300, inf, nan], [0, nan, nan, nan, nan]),
        ("arcsin", [-1.0, 0.0, 1.0, 1.0000001, nan], [-math.pi / 2, 0, math.pi / 2, nan, nan]),
        ("arccos", [-1.0, 0.0, 1.0, -1.0000001, nan], [math.pi, math.pi / 2, 0, nan, nan]),
        ("arctan", [-inf, 0.0, inf, nan], [-math.pi / 2, 0, math.pi / 2, nan]),
        ("sinh", [-inf, 0.0, 711.0, inf, nan], [-inf, 0, inf, inf, nan]),
        ("cosh", [-inf, 0.0, 711.0, inf, nan], [inf, 1, inf, inf, nan]),
        ("tanh", [-inf, -30.0, 0.0, 1e300, inf, nan], [-1, -1, 0, 1, 1, nan]),
        ("floor", [-1.5, 2.0, 1e300, -inf, nan], [-2, 2, 1e300, -inf, nan]),
        ("ceil", [-1.5, 2.0, 1e300, -inf, nan], [-1, 2, 1e300, -inf, nan]),
        ("absolute", [-1.5, -0.0, -inf, nan], [1.5, 0, inf, nan]),
    ],
)
def test_a_function_at_its_edges(compiled, name, x, value):
    for width in WIDTHS:
        np.testing.assert_array_equal(compiled(name, width, x), value)


def test_minimum_and_maximum_keep_nan(compiled):
    x, y = [1.0, 2.0, nan, 1.0, inf, nan], [2.0, 1.0, 1.0, nan, -inf, nan]
    for width in WIDTHS:
        np.testing.assert_array_equal(compiled("minimum", width, x, y), np.minimum(x, y))
        np.testing.assert_array_equal(compiled("maximum", width, x, y), np.maximum(x, y))


def test_odd_functions_are_odd_to_the_last_bit(compiled):
    x = np.random.default_rng(3).uniform(0, 1, 400)
    for name in ("sin", "tan", "arcsin", "arctan", "sinh", "tanh"):
        assert _bits(compiled(name, 4, -x)) == _bits(-compiled(name, 4, x))


numbers = st.floats() | st.floats(-1000, 1000) | st.integers(-20, 20).map(float)


@given(
    x=st.lists(numbers, min_size=8, max_size=8),
    y=st.lists(numbers, min_size=8, max_size=8),
)
def test_a_lane_does_not_know_its_neighbours_or_the_width(compiled, x, y):
    for name in vector_math.NAMES:
        alone = _bits(compiled(name, 1, np.array(x), np.array(y)))
        for width in WIDTHS[1:]:
            assert _bits(compiled(name, width, np.array(x), np.array(y))) == alone, (name, width)


@given(x=st.floats(0, exclude_min=True, allow_infinity=False), y=st.floats(-400, 400))
def test_a_power_is_that_of_the_library_wherever_that_is_finite(compiled, x, y):
    normal = x >= 2.0**-1022
    with np.errstate(all="ignore"):
        expected = float(np.power(x if normal else 0.0, y))
    found = float(compiled("power", 8, x, y)[0])
    # One step of the smallest number, where results are subnormal.
    assert found == pytest.approx(expected, rel=1e-15, abs=5e-324)


@given(x=st.floats(allow_nan=False))
def test_exp_and_log_are_inverse_and_in_order(compiled, x):
    value, above = compiled("exp", 2, [x, math.nextafter(x, inf)])
    assert 0 <= value <= above * (1 + 3e-16)
    if -700 < x < 700:
        assert compiled("log", 2, [value])[0] == pytest.approx(x, rel=3e-16, abs=3e-16)


def test_a_long_function_calls_and_gets_the_same_bits(compiled, monkeypatch):
    module = ir.Module()
    for name in vector_math.NAMES:
        _loop(module, name, 4, _emitter(name))
    assert 'call <4 x double> @"vector_math' not in str(module)
    monkeypatch.setattr(vector_math, "_INLINE_BELOW", 0)
    module = ir.Module()
    for name in vector_math.NAMES:
        _loop(module, name, 4, _emitter(name))
    assert len(re.findall(r'define internal .*@"vector_math_', str(module))) == 12
    called = _Compiled(module)
    rng = np.random.default_rng(5)
    x, y = rng.normal(0, 2, 400), rng.normal(0, 2, 400)
    for name in vector_math.NAMES:
        assert _bits(called(name, 4, x, y)) == _bits(compiled(name, 4, x, y))


def test_a_long_function_stops_growing_by_whole_bodies():
    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(REAL, [REAL]), "chain")
    builder = ir.IRBuilder(function.append_basic_block())
    value = function.args[0]
    for _ in range(300):
        value = vector_math.call(builder, "exp", value)
    builder.ret(value)
    assert len(function.blocks[0].instructions) < 2500
    assert str(module).count("define internal") == 1


def test_every_width_that_the_vector_type_says():
    module = ir.Module()
    three = ir.VectorType(REAL, 3)
    function = ir.Function(module, ir.FunctionType(three, [three]), "three")
    builder = ir.IRBuilder(function.append_basic_block())
    builder.ret(vector_math.call(builder, "exp", function.args[0]))
    llvm.parse_assembly(str(module)).verify()


def test_an_unknown_function_is_refused():
    function = ir.Function(ir.Module(), ir.FunctionType(REAL, [REAL]), "f")
    builder = ir.IRBuilder(function.append_basic_block())
    with pytest.raises(KeyError, match="gamma"):
        vector_math.call(builder, "gamma", function.args[0])


@pytest.fixture(scope="module")
def ptx() -> str:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    module = ir.Module()
    module.triple = "nvptx64-nvidia-cuda"
    for name in vector_math.NAMES:
        _loop(module, name, 1, _emitter(name))
    machine = llvm.Target.from_triple(module.triple).create_target_machine(cpu="sm_70", opt=3)
    return machine.emit_assembly(llvm.parse_assembly(str(module)))


def test_a_graphics_card_needs_no_library(ptx):
    for name in vector_math.NAMES:
        assert f".func {name}_1(" in ptx
    # A function from elsewhere would be declared so, and called.
    assert ".extern" not in ptx
    assert "call" not in ptx
    # An unrounded product could be fused with a sum, which would change the bits.
    assert not re.search(r"\b(mul|add|sub)\.f64", ptx)


@pytest.mark.skipif(shutil.which("ptxas") is None, reason="ptxas is not installed")
def test_the_assembler_of_the_graphics_card_accepts_the_code(ptx, tmp_path):
    source = tmp_path / "functions.ptx"
    source.write_text(ptx)
    run = subprocess.run(
        ["ptxas", "-arch=sm_80", str(source), "-o", str(tmp_path / "functions.cubin")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
