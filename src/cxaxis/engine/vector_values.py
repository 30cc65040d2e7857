"""Numbers of the code being written, with operators: what the elementary functions are made of.

A `Value` stands for a double, or one in every lane of a vector; `Bits` for its bit pattern. An
operator writes one instruction where the builder stands. Nothing here may be fused, reordered
or approximated by the compiler: a lane's result is the same at every width.
"""

from __future__ import annotations

import struct
from typing import Any, overload

from llvmlite import ir

SIGN = -(2**63)


class Value:
    """A number, whole number or condition in every lane."""

    __slots__ = ("at", "ir")

    def __init__(self, at: ir.IRBuilder, value: Any) -> None:
        self.at = at
        self.ir = value

    def like(self, number: float) -> Value:
        """Return a constant of the same kind and width."""
        kind = self.ir.type
        many = [number] * kind.count if isinstance(kind, ir.VectorType) else number
        return Value(self.at, ir.Constant(kind, many))

    def _other(self, other: Value | float) -> Any:
        return other.ir if isinstance(other, Value) else self.like(other).ir

    def _new(self, value: Any) -> Value:
        return Value(self.at, value)

    def __add__(self, other: Value | float) -> Value:
        return self._new(self.at.fadd(self.ir, self._other(other)))

    def __sub__(self, other: Value | float) -> Value:
        return self._new(self.at.fsub(self.ir, self._other(other)))

    def __rsub__(self, other: float) -> Value:
        return self._new(self.at.fsub(self._other(other), self.ir))

    def __mul__(self, other: Value | float) -> Value:
        return self._new(self.at.fmul(self.ir, self._other(other)))

    def __truediv__(self, other: Value | float) -> Value:
        return self._new(self.at.fdiv(self.ir, self._other(other)))

    def __rtruediv__(self, other: float) -> Value:
        return self._new(self.at.fdiv(self._other(other), self.ir))

    def __neg__(self) -> Value:
        return self._new(self.at.fneg(self.ir))

    def __lt__(self, other: Value | float) -> Value:
        return self._new(self.at.fcmp_ordered("<", self.ir, self._other(other)))

    def __gt__(self, other: Value | float) -> Value:
        return self._new(self.at.fcmp_ordered(">", self.ir, self._other(other)))

    def equals(self, other: Value | float) -> Value:
        """Whether both are the same number; NaN equals nothing."""
        return self._new(self.at.fcmp_ordered("==", self.ir, self._other(other)))

    def differs(self, other: Value | float) -> Value:
        """Whether the numbers differ, or one is NaN."""
        return self._new(self.at.fcmp_unordered("!=", self.ir, self._other(other)))

    def __and__(self, other: Value) -> Value:
        return self._new(self.at.and_(self.ir, other.ir))

    def __or__(self, other: Value) -> Value:
        return self._new(self.at.or_(self.ir, other.ir))

    def same_as(self, other: Value) -> Value:
        """Whether two conditions both hold or both do not."""
        return self._new(self.at.icmp_unsigned("==", self.ir, other.ir))

    @overload
    def choose(self, a: Bits, b: Bits) -> Bits: ...

    @overload
    def choose(self, a: Value | float, b: Value | float) -> Value: ...

    def choose(self, a: Value | float, b: Value | float) -> Value:
        """Return ``a`` where this condition holds, else ``b``; one of them is a value."""
        kind = a if isinstance(a, Value) else b
        assert isinstance(kind, Value)
        return kind._new(self.at.select(self.ir, kind._other(a), kind._other(b)))

    def bits(self) -> Bits:
        """Return the bit pattern of a number."""
        return Bits(self.at, self.at.bitcast(self.ir, _of_width(ir.IntType(64), self.ir.type)))

    def intrinsic(self, name: str, *others: Value | float) -> Value:
        """Return an intrinsic function of this number and others."""
        kind = self.ir.type
        width = f"v{kind.count}" if isinstance(kind, ir.VectorType) else ""
        arguments = [self.ir, *(self._other(o) for o in others)]
        full_name = f"llvm.{name}.{width}f64"
        function = self.at.module.globals.get(full_name)
        if function is None:
            kinds = ir.FunctionType(kind, [kind] * len(arguments))
            function = ir.Function(self.at.module, kinds, full_name)
        return self._new(self.at.call(function, arguments))

    def fma(self, factor: Value | float, term: Value | float) -> Value:
        """Return ``self * factor + term``, rounded once."""
        return self.intrinsic("fma", factor, term)

    def absolute(self) -> Value:
        """Return the number without its sign."""
        return self.intrinsic("fabs")

    def at_most(self, bound: float) -> Value:
        """Return the smaller of this and a bound; NaN stays."""
        return (self.like(bound) < self).choose(bound, self)

    def at_least(self, bound: float) -> Value:
        """Return the larger of this and a bound; NaN stays."""
        return (self.like(bound) > self).choose(bound, self)

    def signed_as(self, other: Value) -> Value:
        """Return this number, which is not negative, with the sign of another."""
        return (self.bits() | (other.bits() & SIGN)).number()


class Bits(Value):
    """The bit patterns of numbers, as whole numbers of 64 bits."""

    __slots__ = ()

    def _new(self, value: Any) -> Bits:
        return Bits(self.at, value)

    def __add__(self, other: Value | float) -> Bits:
        return self._new(self.at.add(self.ir, self._other(other)))

    def __sub__(self, other: Value | float) -> Bits:
        return self._new(self.at.sub(self.ir, self._other(other)))

    def __and__(self, other: Value | float) -> Bits:
        return self._new(self.at.and_(self.ir, self._other(other)))

    def __or__(self, other: Value | float) -> Bits:
        return self._new(self.at.or_(self.ir, self._other(other)))

    def __xor__(self, other: Value | float) -> Bits:
        return self._new(self.at.xor(self.ir, self._other(other)))

    def __lshift__(self, count: int) -> Bits:
        return self._new(self.at.shl(self.ir, self._other(count)))

    def __rshift__(self, count: int) -> Bits:
        return self._new(self.at.lshr(self.ir, self._other(count)))

    def lies_between(self, low: float, high: float) -> Value:
        """Whether low <= number < high, in one comparison; low is not negative."""
        start, stop = (int.from_bytes(struct.pack(">d", v), "big") for v in (low, high))
        moved = self + (-(2**63) - start)
        limit = self.like(stop - start - 2**63)
        return Value(self.at, self.at.icmp_signed("<", moved.ir, limit.ir))

    def is_zero(self) -> Value:
        """Whether no bit is set."""
        return Value(self.at, self.at.icmp_unsigned("==", self.ir, self._other(0)))

    def number(self) -> Value:
        """Return the numbers that have these bits."""
        return Value(self.at, self.at.bitcast(self.ir, _of_width(ir.DoubleType(), self.ir.type)))


def _of_width(element: ir.Type, like: ir.Type) -> ir.Type:
    return ir.VectorType(element, like.count) if isinstance(like, ir.VectorType) else element
