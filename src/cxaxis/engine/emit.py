"""A small language for writing kernels: values with operators, branches, loops, lane rows.

All memory of a lane is a column of rows of eight bytes; row ``r`` of lane ``l`` stands at
``r * pitch + l``. Vector code (``width`` lanes at once) and scalar code (one lane, the same
pitch) therefore read the same memory. On a graphics card the width is 1 and the pitch the
number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from cxaxis.engine import vector_math

REAL = ir.DoubleType()
WHOLE = ir.IntType(64)
BOOL = ir.IntType(1)
POINTER = ir.PointerType()
# Lets a multiplication and an addition become one fused operation.
FUSE = ("contract",)


@dataclass(frozen=True)
class Row:
    """A run of rows in the memory of a lane: where it starts and how long it is."""

    start: int
    size: int = 1

    def __getitem__(self, index: int) -> Row:
        if not 0 <= index < self.size:
            raise IndexError(index)
        return Row(self.start + index)


class Rows:
    """Hands out rows; its ``size`` is the memory that a lane needs."""

    def __init__(self) -> None:
        self.size = 0

    def take(self, count: int = 1) -> Row:
        """Return the next ``count`` rows."""
        row = Row(self.size, count)
        self.size += count
        return row


class Value:
    """A number, whole number or condition in every lane, with the usual operators."""

    __slots__ = ("code", "ir")

    def __init__(self, code: Code, value: Any) -> None:
        self.code = code
        self.ir = value

    @property
    def is_real(self) -> bool:
        """Whether this is a floating-point number."""
        return _element(self.ir.type) is REAL

    def _with(self, other: Value | float) -> Any:
        return self.code.same_kind(other, self).ir

    def _arithmetic(self, name: str, other: Value | float, *, swap: bool = False) -> Value:
        a, b = self.ir, self._with(other)
        if swap:
            a, b = b, a
        builder = self.code.builder
        if self.is_real:
            return Value(self.code, getattr(builder, f"f{name}")(a, b, flags=FUSE))
        return Value(
            self.code, getattr(builder, {"div": "sdiv", "rem": "srem"}.get(name, name))(a, b)
        )

    def __add__(self, other: Value | float) -> Value:
        return self._arithmetic("add", other)

    __radd__ = __add__

    def __sub__(self, other: Value | float) -> Value:
        return self._arithmetic("sub", other)

    def __rsub__(self, other: Value | float) -> Value:
        return self._arithmetic("sub", other, swap=True)

    def __mul__(self, other: Value | float) -> Value:
        return self._arithmetic("mul", other)

    __rmul__ = __mul__

    def __truediv__(self, other: Value | float) -> Value:
        return self._arithmetic("div", other)

    def __rtruediv__(self, other: Value | float) -> Value:
        return self._arithmetic("div", other, swap=True)

    def __neg__(self) -> Value:
        return Value(self.code, self.code.builder.fneg(self.ir))

    def _compare(self, op: str, other: Value | float) -> Value:
        builder = self.code.builder
        if self.is_real:
            compare = builder.fcmp_unordered if op == "!=" else builder.fcmp_ordered
            return Value(self.code, compare(op, self.ir, self._with(other)))
        return Value(self.code, builder.icmp_signed(op, self.ir, self._with(other)))

    def __lt__(self, other: Value | float) -> Value:
        return self._compare("<", other)

    def __le__(self, other: Value | float) -> Value:
        return self._compare("<=", other)

    def __gt__(self, other: Value | float) -> Value:
        return self._compare(">", other)

    def __ge__(self, other: Value | float) -> Value:
        return self._compare(">=", other)

    def equals(self, other: Value | float) -> Value:
        """Return the condition that two values are equal."""
        return self._compare("==", other)

    def differs(self, other: Value | float) -> Value:
        """Return the condition that two values are not equal (NaN differs from everything)."""
        return self._compare("!=", other)

    def __and__(self, other: Value) -> Value:
        return Value(self.code, self.code.builder.and_(self.ir, other.ir))

    def __or__(self, other: Value) -> Value:
        return Value(self.code, self.code.builder.or_(self.ir, other.ir))

    def __invert__(self) -> Value:
        return Value(self.code, self.code.builder.not_(self.ir))


def _element(kind: Any) -> Any:
    return kind.element if isinstance(kind, ir.VectorType) else kind


class Code:
    """Writes the body of one function.

    Attributes
    ----------
    builder
        Where instructions go.
    width
        Lanes handled by one instruction; 1 makes plain scalars.
    memory
        Pointer to row 0 of the (first) lane.
    pitch
        Distance between rows: a number, or an IR value on a graphics card.
    """

    def __init__(self, builder: ir.IRBuilder, width: int, memory: Any, pitch: Any) -> None:
        self.builder = builder
        self.width = width
        self.memory = memory
        self.pitch = pitch

    # Types and numbers

    def kind(self, element: Any) -> Any:
        """Return the type of a value with this element in every lane."""
        return element if self.width == 1 else ir.VectorType(element, self.width)

    def number(self, value: float) -> Value:
        """Return a floating-point number, the same in every lane."""
        return self._splat(REAL, float(value))

    def whole(self, value: int) -> Value:
        """Return a whole number, the same in every lane."""
        return self._splat(WHOLE, int(value))

    def truth(self, value: bool) -> Value:
        """Return a condition, the same in every lane."""
        return self._splat(BOOL, int(value))

    def _splat(self, element: Any, value: float) -> Value:
        kind = self.kind(element)
        return Value(self, ir.Constant(kind, value if self.width == 1 else [value] * self.width))

    def same_kind(self, value: Value | float, like: Value) -> Value:
        """Return a Python number as a value of the kind of ``like``; values pass."""
        if isinstance(value, Value):
            return value
        return self.number(value) if like.is_real else self.whole(int(value))

    def select(self, condition: Value, a: Value, b: Value) -> Value:
        """Return ``a`` in the lanes where the condition holds, else ``b``."""
        return Value(self, self.builder.select(condition.ir, a.ir, b.ir))

    def function(self, name: str, *values: Value) -> Value:
        """Return a function of `cxaxis.engine.vector_math`."""
        return Value(self, vector_math.call(self.builder, name, *(v.ir for v in values)))

    def smaller(self, a: Value, b: Value) -> Value:
        """Return ``a`` where it is below ``b``, else ``b``."""
        return self.select(a < b, a, b)

    def larger(self, a: Value, b: Value) -> Value:
        """Return ``a`` where it is above ``b``, else ``b``."""
        return self.select(a > b, a, b)

    def neighbour(self, value: Value, steps: int) -> Value:
        """Return the floating-point number ``steps`` places above a positive one."""
        bits = self.builder.bitcast(value.ir, self.kind(WHOLE))
        moved = self.builder.add(bits, self.whole(steps).ir)
        return Value(self, self.builder.bitcast(moved, value.ir.type))

    def to_real(self, value: Value) -> Value:
        """Return a whole number or a condition as a floating-point number."""
        if _element(value.ir.type) is BOOL:
            return self.select(value, self.number(1.0), self.number(0.0))
        return Value(self, self.builder.sitofp(value.ir, self.kind(REAL)))

    # Memory of the lane

    def address(self, row: Row, offset: Value | None = None) -> Any:
        """Return the pointer to a row, ``offset`` (a loop index, uniform) rows further on."""
        if offset is None:
            if isinstance(self.pitch, int):
                place = ir.Constant(WHOLE, row.start * self.pitch)
            else:
                place = self.builder.mul(self.pitch, ir.Constant(WHOLE, row.start))
        else:
            index = self.builder.add(offset.ir, ir.Constant(WHOLE, row.start))
            pitch = ir.Constant(WHOLE, self.pitch) if isinstance(self.pitch, int) else self.pitch
            place = self.builder.mul(index, pitch)
        return self.builder.gep(self.memory, [place], source_etype=REAL)

    def load(self, row: Row, offset: Value | None = None) -> Value:
        """Return the floating-point number of a row."""
        return self._load(REAL, row, offset)

    def load_whole(self, row: Row, offset: Value | None = None) -> Value:
        """Return the whole number of a row."""
        return self._load(WHOLE, row, offset)

    def _load(self, element: Any, row: Row, offset: Value | None) -> Value:
        loaded = self.builder.load(self.address(row, offset), typ=self.kind(element), align=8)
        return Value(self, loaded)

    def store(
        self,
        row: Row,
        value: Value | float,
        offset: Value | None = None,
        where: Value | None = None,
    ) -> None:
        """Write a row, in the lanes of ``where`` only if it is given."""
        new = value if isinstance(value, Value) else self.number(value)
        address = self.address(row, offset)
        if where is not None:
            old = Value(self, self.builder.load(address, typ=new.ir.type, align=8))
            new = self.select(where, new, old)
        self.builder.store(new.ir, address, align=8)

    # Arrays outside the lanes (scalar code only)

    def element(self, array: Any, index: Value, element: Any = REAL) -> Value:
        """Return one element of an array of eight-byte numbers."""
        place = self.builder.gep(array, [index.ir], source_etype=element)
        return Value(self, self.builder.load(place, typ=element, align=8))

    def set_element(self, array: Any, index: Value, value: Value) -> None:
        """Write one element of an array of eight-byte numbers."""
        place = self.builder.gep(array, [index.ir], source_etype=value.ir.type)
        self.builder.store(value.ir, place, align=8)

    # Control

    def any(self, condition: Value) -> Any:
        """Return the plain condition that some lane fulfils ``condition``."""
        if self.width == 1:
            return condition.ir
        mask = ir.IntType(self.width)
        bits = self.builder.bitcast(condition.ir, mask)
        return self.builder.icmp_unsigned("!=", bits, ir.Constant(mask, 0))

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """Do what follows only if some lane fulfils the condition."""
        with self.builder.if_then(self.any(condition)):
            yield

    @contextmanager
    def choice(self, condition: Value) -> Iterator[tuple[Any, Any]]:
        """Give two blocks: for the case that some lane fulfils the condition, and the other."""
        with self.builder.if_else(self.any(condition)) as branches:
            yield branches

    @contextmanager
    def repeat_while(self, test: Callable[[], Value]) -> Iterator[None]:
        """Repeat what follows while some lane fulfils ``test()``."""
        builder = self.builder
        head = builder.append_basic_block("head")
        body = builder.append_basic_block("body")
        after = builder.append_basic_block("after")
        builder.branch(head)
        builder.position_at_end(head)
        builder.cbranch(self.any(test()), body, after)
        builder.position_at_end(body)
        yield
        builder.branch(head)
        builder.position_at_end(after)

    @contextmanager
    def each(self, count: int | Value, unroll: int = 1) -> Iterator[Value]:
        """Repeat for a uniform index from 0 to ``count - 1``."""
        builder = self.builder
        scalar = Code(builder, 1, self.memory, self.pitch)
        limit = count if isinstance(count, Value) else scalar.whole(count)
        before = builder.block
        head = builder.append_basic_block("each")
        body = builder.append_basic_block("turn")
        after = builder.append_basic_block("done")
        builder.branch(head)
        builder.position_at_end(head)
        index = builder.phi(WHOLE)
        index.add_incoming(ir.Constant(WHOLE, 0), before)
        builder.cbranch(builder.icmp_signed("<", index, limit.ir), body, after)
        builder.position_at_end(body)
        yield Value(scalar, index)
        index.add_incoming(builder.add(index, ir.Constant(WHOLE, 1)), builder.block)
        builder.branch(head)
        builder.position_at_end(after)

    @contextmanager
    def each_lane(self, condition: Value) -> Iterator[Code]:
        """Repeat, in scalar code of that lane, for every lane that fulfils the condition."""
        builder = self.builder
        if self.width == 1:
            with builder.if_then(condition.ir):
                yield self
            return
        with self.each(self.width) as lane:
            here = builder.extract_element(condition.ir, builder.trunc(lane.ir, ir.IntType(32)))
            with builder.if_then(here):
                memory = builder.gep(self.memory, [lane.ir], source_etype=REAL)
                yield Code(builder, 1, memory, self.pitch)
