"""Dense elimination with row pivoting, for the rare patient whose pivots on the diagonal fail.

Loops over the rows of one lane, in place of the sparse formulas; slow and safe.
"""

from __future__ import annotations

from typing import Any

from cxaxis.engine.emit import POINTER, Code, Row, Value
from cxaxis.engine.kernels import Layout
from cxaxis.engine.unit import Unit


def write_pivoted(
    unit: Unit, fill: Any, layout: Layout, dense: Row, order: Row, best: Row, n: int
) -> tuple[Any, Any]:
    """Write ``factor`` and ``solve`` for a matrix that ``fill`` writes row by row.

    Parameters
    ----------
    unit
        Of scalar code: lanes would take different rows.
    dense
        ``n * n`` rows of the matrix, which its factors replace.
    order
        ``n`` rows: the row that each elimination step took.
    best
        A spare row.
    """
    assert unit.target.width == 1
    return (
        _write_factor(unit, fill, layout, dense, order, best, n),
        _write_solve(unit, layout, dense, order, n),
    )


def _write_factor(
    unit: Unit, fill: Any, layout: Layout, dense: Row, order: Row, best: Row, n: int
) -> Any:
    function, code, _ = unit.function("factor")
    unit.call(code, fill)
    code.store(layout.small_pivot, 0.0)
    with code.each(n) as k:
        _choose_row(code, dense, layout.answer, best, k, n)
        chosen = code.load_whole(best)
        code.store(order, chosen, k)
        with code.each(n) as j:
            upper, lower = code.load(dense, k * n + j), code.load(dense, chosen * n + j)
            code.store(dense, lower, k * n + j)
            code.store(dense, upper, chosen * n + j)
        pivot = code.load(dense, k * n + k)
        code.store(layout.small_pivot, 1.0, where=pivot.equals(0.0))
        inverse = 1.0 / pivot
        code.store(dense, inverse, k * n + k)
        with code.each(n - (k + 1)) as below:
            i = k + 1 + below
            multiplier = code.load(dense, i * n + k) * inverse
            code.store(dense, multiplier, i * n + k)
            with code.each(n - (k + 1)) as right:
                j = k + 1 + right
                rest = code.load(dense, i * n + j) - multiplier * code.load(dense, k * n + j)
                code.store(dense, rest, i * n + j)
    code.builder.ret_void()
    return function


def _choose_row(code: Code, dense: Row, size: Row, best: Row, k: Value, n: int) -> None:
    """Set ``best`` to the row, from ``k`` on, with the largest entry in column ``k``."""
    code.store(size, -1.0)
    code.store(best, k)
    with code.each(n - k) as below:
        i = k + below
        entry = code.function("absolute", code.load(dense, i * n + k))
        with code.when(entry > code.load(size)):
            code.store(size, entry)
            code.store(best, i)


def _write_solve(unit: Unit, layout: Layout, dense: Row, order: Row, n: int) -> Any:
    function, code, (pointer,) = unit.function("solve", extra=[POINTER])
    into = Code(code.builder, 1, pointer, code.pitch)
    x = Row(0, n)
    with code.each(n) as i:
        into.store(x, code.load(layout.right, i), i)
    with code.each(n) as k:
        chosen = code.load_whole(order, k)
        here, there = into.load(x, k), into.load(x, chosen)
        into.store(x, there, k)
        into.store(x, here, chosen)
    with code.each(n) as i, code.each(i) as j:
        rest = into.load(x, i) - code.load(dense, i * n + j) * into.load(x, j)
        into.store(x, rest, i)
    with code.each(n) as turn:
        i = (n - 1) - turn
        with code.each(turn) as later:
            j = i + 1 + later
            rest = into.load(x, i) - code.load(dense, i * n + j) * into.load(x, j)
            into.store(x, rest, i)
        into.store(x, into.load(x, i) * code.load(dense, i * n + i), i)
    code.builder.ret_void()
    return function
