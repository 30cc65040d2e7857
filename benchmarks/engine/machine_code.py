"""Right-hand sides as scalar machine code with the C library's functions, for scipy's solvers.

Python functions would spend their time in the interpreter; with this, scipy is judged by its
solvers and their bookkeeping, not by its callbacks.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from cxaxis.core.arrays import FloatArray
from cxaxis.engine.expressions import Graph, Node
from cxaxis.engine.system import System

_LIBRARY: Final = {
    "exp": "exp",
    "log": "log",
    "sqrt": "sqrt",
    "absolute": "fabs",
    "floor": "floor",
    "ceil": "ceil",
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "sinh": "sinh",
    "cosh": "cosh",
    "tanh": "tanh",
    "minimum": "fmin",
    "maximum": "fmax",
    "power": "pow",
}
_INSTRUCTION: Final = {
    "add": "fadd",
    "subtract": "fsub",
    "multiply": "fmul",
    "divide": "fdiv",
    "negate": "fneg",
    "and": "and_",
    "not": "not_",
    "select": "select",
}
_ORDER: Final = {"less": "<", "less_equal": "<=", "equal": "=="}


@dataclass(frozen=True)
class Compiled:
    """A model as functions of time, states and held values.

    Attributes
    ----------
    start
        ``held -> (held, states)`` at time 0.
    rates
        ``(t, y, held) -> dy/dt``.
    jacobian
        ``(t, y, held) -> `` shape ``(n_state, n_state)``.
    """

    start: Callable[[FloatArray], tuple[FloatArray, FloatArray]]
    rates: Callable[[float, FloatArray, FloatArray], FloatArray]
    jacobian: Callable[[float, FloatArray, FloatArray], FloatArray]
    # The code lives as long as what calls it.
    _keep: Any


def compile_system(system: System) -> Compiled:
    """Return the machine code of a system without events."""
    graph, n, n_held = system.graph, len(system.states), len(system.held)
    rates = [state.rate for state in system.states]
    leaves = [graph.state(j) for j in range(n)]
    slopes = {
        (i, j): slope
        for i, rate in enumerate(rates)
        for j, leaf in enumerate(leaves)
        if (slope := graph.derivative(rate, leaf)) != graph.zero
    }
    held = {i: h.start for i, h in enumerate(system.held) if h.start is not None}
    starts = [*(s.start for s in system.states), *held.values()]
    functions, keep = _compile(
        graph,
        {"rates": rates, "jacobian": list(slopes.values()), "start": starts},
    )
    flat = np.array([i * n + j for i, j in slopes], dtype=np.intp)
    held_at = np.array(list(held), dtype=np.intp)
    nothing = np.zeros(n)

    def call(name: str, size: int, t: float, y: FloatArray, h: FloatArray) -> FloatArray:
        out = np.empty(size)
        y = np.ascontiguousarray(y, dtype=np.float64)
        functions[name](t, y.ctypes.data, h.ctypes.data, out.ctypes.data)
        return out

    def start(values: FloatArray) -> tuple[FloatArray, FloatArray]:
        first = np.ascontiguousarray(values, dtype=np.float64)
        both = call("start", n + len(held), 0.0, nothing, first)
        full = first.copy()
        full[held_at] = both[n:]
        assert full.shape == (n_held,)
        return full, both[:n]

    def jacobian(t: float, y: FloatArray, h: FloatArray) -> FloatArray:
        matrix = np.zeros(n * n)
        matrix[flat] = call("jacobian", len(flat), t, y, h)
        return matrix.reshape(n, n)

    return Compiled(
        start=start,
        rates=lambda t, y, h: call("rates", n, t, y, h),
        jacobian=jacobian,
        _keep=keep,
    )


def _compile(
    graph: Graph, wanted: dict[str, Sequence[Node]]
) -> tuple[dict[str, Callable[[float, int, int, int], None]], Any]:
    import llvmlite.binding as llvm
    from llvmlite import ir

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = ir.Module(name="peer", context=ir.Context())
    for name, nodes in wanted.items():
        _write(module, name, graph, nodes)
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3
    )
    parsed = llvm.parse_assembly(str(module))
    engine = llvm.create_mcjit_compiler(parsed, machine)
    engine.finalize_object()
    kind = ctypes.CFUNCTYPE(
        None, ctypes.c_double, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p
    )
    return {name: kind(engine.get_function_address(name)) for name in wanted}, (engine, machine)


def _write(module: Any, name: str, graph: Graph, nodes: Sequence[Node]) -> None:
    from llvmlite import ir

    real, pointer, whole = ir.DoubleType(), ir.PointerType(), ir.IntType(64)
    kind = ir.FunctionType(ir.VoidType(), [real, pointer, pointer, pointer])
    function = ir.Function(module, kind, name)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    time, states, held, out = function.args

    def place(array: Any, index: int) -> Any:
        return builder.gep(array, [ir.Constant(whole, index)], source_etype=real)

    def library(symbol: str, count: int) -> Any:
        if symbol not in module.globals:
            ir.Function(module, ir.FunctionType(real, [real] * count), symbol)
        return module.globals[symbol]

    values: dict[Node, Any] = {}
    for node in graph.reachable(nodes):
        op, args, number = graph.term(node)
        a = [values[arg] for arg in args]
        if op == "constant":
            value = ir.Constant(real, number)
        elif op == "time":
            value = time
        elif op in ("state", "held"):
            value = builder.load(place(states if op == "state" else held, int(number)), typ=real)
        elif op in _LIBRARY:
            if op == "power":
                # Rounding below zero would make a power of it no number.
                a[0] = builder.call(library("fmax", 2), [a[0], ir.Constant(real, 0.0)])
            value = builder.call(library(_LIBRARY[op], len(a)), a)
        elif op in _ORDER:
            value = builder.fcmp_ordered(_ORDER[op], *a)
        elif op == "not_equal":
            value = builder.fcmp_unordered("!=", *a)
        elif op in ("true", "false"):
            value = ir.Constant(ir.IntType(1), int(op == "true"))
        else:
            value = getattr(builder, _INSTRUCTION[op])(*a)
        values[node] = value
    for k, node in enumerate(nodes):
        builder.store(values[node], place(out, k))
    builder.ret_void()
