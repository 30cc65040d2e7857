"""Elementary functions written in LLVM's language, for one number or a vector of them.

No function here calls a library: all are branch-free arithmetic on doubles, so that the same
code is right for every lane of a vector and for a graphics card, where no library is. A lane's
result depends neither on its neighbours nor on the width of the vector, to the last bit.

Fused multiply-add is the intrinsic ``llvm.fma``. A processor without it (x86-64 before 2013)
gets a call of the C library's ``fma`` per lane: the same bits, much slower.

Bounds of the error, in units of the last place (ulp) of the true result, half of which is
rounding alone. NaN in gives NaN out, but for ``power(x, 0)``.

=================  ========  ==================================================================
function           error     range and special values
=================  ========  ==================================================================
exp                1.0 ulp   all; overflow is inf; underflow is gradual, then 0
log                1.0 ulp   all, subnormal too; 0 gives -inf, a negative number NaN
power              1.2 ulp   all; see `call`
sin, cos           1.0 ulp   to `LARGEST_ANGLE` on either side, NaN beyond
tan                2.2 ulp   to `LARGEST_ANGLE` on either side, NaN beyond
arcsin, arccos     1.0 ulp   -1 to 1, NaN beyond
arctan             1.2 ulp   all
sinh, cosh, tanh   1.6 ulp   all; overflow is inf
sqrt               0.5 ulp   0 and above, NaN below
=================  ========  ==================================================================

Absolute value, floor, ceiling, minimum and maximum are exact; minimum and maximum of a number
and NaN are NaN, and which of 0 and -0 they return is not said.

The polynomials have the least largest relative error (Remez exchange in 60 digits, then rounded
coefficients): at most 1.1e-17 of the function anywhere in their range.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir

from cxaxis.engine.vector_values import Bits, Value

#: A negative base above this one, under an exponent that is not whole, counts as zero: solvers
#: leave states that tend to zero this far below it, where the true power has no real value.
BASE_NOISE = -1e-6
#: Angles, rad, up to which sine, cosine and tangent keep their accuracy; NaN beyond.
LARGEST_ANGLE = 1e9

# While the function being written has fewer instructions than this, a call is written out in
# place: with nine calls among 40 states that saves a quarter to a third of the time. Beyond it,
# code outgrows the instruction cache and compile time soars (200 calls among 300 states: from
# 1.4 s to 6 s) for a gain that is small or negative; one function for each name and type is
# then called.
_INLINE_BELOW = 2000
_SHORT = frozenset({"sqrt", "absolute", "floor", "ceil", "minimum", "maximum"})
_SMALLEST_NORMAL = 2.0**-1022
# Adding this number rounds to whole numbers, which then stand in the low bits of the sum.
_ROUNDER = 1.5 * 2.0**52
# The same, with the sum of two exponents' offsets added to the low bits.
_EXPONENT_ROUNDER = _ROUNDER + 2046.0
_MANTISSA = 2**52 - 1
_ROOT_HALF_BITS = 0x3FE6A09E667F3BCD
_LOG2_E = 1.4426950408889634
# Constants in parts; the first part of ln(2) times an exponent is exact.
_LN2 = (0.6931471805598903, 5.497923018708371e-14)
_LN2_NEAREST = 0.6931471805599453
_HALF_PI = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33)
_TWO_OVER_LN2 = (2.8853900817779268, 4.0710547481862066e-17)
_TWO_THIRDS_OVER_LN2 = 0.9617966939259756

_TAN_PI_8 = 0.41421356237309503
_TAN_3_PI_8 = 2.414213562373095

# fmt: off
# (exp(r) - 1 - r) / r**2 for |r| <= ln(2) / 2, in r.
_EXP = (
    0.5000000000000011, 0.1666666666666641, 0.04166666666652919,
    0.008333333333495627, 0.0013888888943921454, 0.00019841269504751636,
    2.4801492763973955e-05, 2.7557587357531655e-06, 2.7630378228186743e-07,
    2.4999960208336418e-08,
)
# (2**r - 1 - r ln(2)) / r**2 for |r| <= 1/2, in r.
_EXP2 = (
    0.24022650695910122, 0.05550410866482072, 0.009618129107596744,
    0.0013333558146688116, 0.00015403530454415708, 1.5252733545365583e-05,
    1.321543641592571e-06, 1.0178185042323018e-07, 7.0736153565873e-09,
    4.43628449116848e-10,
)
# (log((1 + s) / (1 - s)) - 2 s) / s**3 for |s| <= 0.1716, in s**2.
_LOG = (
    0.6666666666666734, 0.3999999999941431, 0.28571428742475635,
    0.22222198563497392, 0.18183564862866122, 0.15314035989789973,
    0.14796103496892704,
)
# (log2((1 + s) / (1 - s)) - (2 s + 2 s**3 / 3) / ln(2)) / s**5 for |s| <= 0.1716, in s**2.
_LOG2 = (
    0.5770780163556545, 0.4121985830824924, 0.32059890346957604,
    0.26230761844132733, 0.221987184626729, 0.19119084007111609,
    0.19091532047409812,
)
# (sin(r) - r) / r**3 for |r| <= pi/4, in r**2.
_SIN = (
    -0.16666666666666632, 0.008333333333322316, -0.0001984126982972534,
    2.7557313662084237e-06, -2.5050753265808807e-08, 1.5896504879041192e-10,
)
# (cos(r) - 1 + r**2 / 2) / r**4 for |r| <= pi/4, in r**2.
_COS = (
    0.0416666666666666, -0.0013888888888873992, 2.4801587289395377e-05,
    -2.7557314326138764e-07, 2.0875719570904287e-09, -1.1359449206679631e-11,
)
# (arctan(t) - t) / t**3 for |t| <= tan(pi/8), in t**2.
_ARCTAN = (
    -0.333333333333332, 0.1999999999995404, -0.14285714280244158,
    0.11111110785910482, -0.09090897829649772, 0.07692061511885671,
    -0.06663118915499672, 0.05847997929727731, -0.050397947425002074,
    0.038077001023392655, -0.017920802900948267,
)
# (arcsin(s) - s) / s**3 for |s| <= 1/2, in s**2.
_ARCSIN = (
    0.16666666666666763, 0.07499999999970094, 0.044642857175288875,
    0.030381942675166345, 0.022372215908674043, 0.01735159545612493,
    0.013981019006650032, 0.011397289568773287, 0.010789338945677912,
    0.003672123136106158, 0.02179078724760077, -0.021116904797089567,
    0.032702271070236565,
)
# (sinh(x) - x) / x**3 for |x| <= 1, in x**2.
_SINH = (
    0.16666666666666669, 0.008333333333333137, 0.00019841269841438524,
    2.75573191550611e-06, 2.505212344379238e-08, 1.6057236715803743e-10,
    7.759425144610077e-13,
)
# (tanh(x) - x) / x**3 for |x| <= 0.55, in x**2.
_TANH = (
    -0.333333333333333, 0.13333333333326813, -0.05396825396386657,
    0.021869488388746715, -0.008863232646752591, 0.0035920924696343,
    -0.001455545566647724, 0.0005884552810948833, -0.00023340810247658912,
    8.335325757743754e-05, -1.951671161301455e-05,
)
# fmt: on


def _polynomial(x: Value, coefficients: Sequence[float]) -> Value:
    """Return the polynomial, lowest coefficient first, by pairs (short chains of operations)."""
    terms: list[Value] = []
    last = len(coefficients) - 1
    for i in range(0, last + 1, 2):
        low = coefficients[i]
        terms.append(x.like(low) if i == last else x.like(coefficients[i + 1]).fma(x, low))
    while len(terms) > 1:
        x = x * x
        terms = [
            terms[i + 1].fma(x, terms[i]) if i + 1 < len(terms) else terms[i]
            for i in range(0, len(terms), 2)
        ]
    return terms[0]


# Exponential and logarithm


def _scaled(p: Value, both: Bits, sign: Bits | None = None) -> Value:
    """Return p times 2 to the n, where ``both`` are the bits of n + `_EXPONENT_ROUNDER`.

    |n| is below 1110. The two factors are normal numbers, so that over- and underflow are those
    of the product.
    """
    half = both >> 1
    first, second = half << 52, (both - half) << 52
    if sign is not None:
        second = second ^ sign
    return p * first.number() * second.number()


def _exp(x: Value, halvings: int = 0) -> Value:
    """Return exp(x) halved so many times; the halving itself cannot overflow."""
    x = x.at_most(711.0).at_least(-750.0)
    shifted = x.fma(_LOG2_E, _EXPONENT_ROUNDER)
    n = shifted - _EXPONENT_ROUNDER
    r = n.fma(-_LN2[1], n.fma(-_LN2[0], x))
    p = r.fma(r.fma(_polynomial(r, _EXP), 1.0), 1.0)
    return _scaled(p, shifted.bits() - halvings if halvings else shifted.bits())


def _split(x: Value) -> tuple[Value, Value]:
    """Return m and k of a normal x = m 2**k, with m from sqrt(1/2) to sqrt(2)."""
    moved = x.bits() + ((1023 << 52) - _ROOT_HALF_BITS)
    # The exponent becomes the low bits of 2**52, which is cheaper than a conversion.
    exponent = ((moved >> 52) | (0x433 << 52)).number() - (2.0**52 + 1023.0)
    return ((moved & _MANTISSA) + _ROOT_HALF_BITS).number(), exponent


def _log(x: Value) -> Value:
    tiny = x < _SMALLEST_NORMAL
    m, k = _split(tiny.choose(x * 2.0**54, x))
    k = tiny.choose(k - 54.0, k)
    f = m - 1.0
    s = f / (m + 1.0)
    z = s * s
    h = f * f * 0.5
    rest = k.fma(_LN2[1], s * z.fma(_polynomial(z, _LOG), h))
    result = k.fma(_LN2[0], f - (h - rest))
    result = (x < math.inf).choose(result, x)
    return (x > 0.0).choose(result, x.equals(0.0).choose(-math.inf, x.like(math.nan)))


def _log2_in_parts(x: Value) -> tuple[Value, Value]:
    """Return log2 of a normal x as a sum of two numbers, right to about 65 bits."""
    m, k = _split(x)
    f = m - 1.0
    t = m + 1.0
    t_low = m - (t - 1.0)
    inverse = 1.0 / t
    s = f * inverse
    s_low = (-s).fma(t_low, (-s).fma(t, f)) * inverse
    z = s * s
    z_low = (s + s).fma(s_low, s.fma(s, -z))
    # log2(m) = s u, where u = 2 / ln 2 + z c and c = 2 / (3 ln 2) + z (polynomial in z). What a
    # rounding lost is the same fused operation again, with the rounded sum taken off first.
    tail = _polynomial(z, _LOG2)
    c = z.fma(tail, _TWO_THIRDS_OVER_LN2)
    c_low = z.fma(tail, _TWO_THIRDS_OVER_LN2 - c)
    u = z.fma(c, _TWO_OVER_LN2[0])
    u_low = z.fma(c_low, z_low.fma(c, _TWO_OVER_LN2[1])) + z.fma(c, _TWO_OVER_LN2[0] - u)
    high = s.fma(u, k)
    return high, s_low.fma(u, s.fma(u_low, s.fma(u, k - high)))


def _power(x: Value, y: Value) -> Value:
    # Beyond the clamps the lowest bit would not tell odd from even.
    rounded = y.at_most(_ROUNDER / 3.0).at_least(-_ROUNDER / 3.0) + _ROUNDER
    whole = (rounded - _ROUNDER).equals(y)
    sign = whole.choose(x.bits() & (rounded.bits() << 63), x.like(0.0).bits())
    base = x.absolute()
    regular = base.bits().lies_between(_SMALLEST_NORMAL, math.inf) & (whole | (x > 0.0))
    # The logarithm of any other base; all this waits for nothing and so costs little.
    irregular = (x < BASE_NOISE).choose(math.nan, x.like(-math.inf))
    irregular = (x < _SMALLEST_NORMAL).choose(irregular, x)
    irregular = y.equals(0.0).choose(0.0, irregular)
    high, low = _log2_in_parts(base)
    high = regular.choose(high, irregular)
    e = y * high
    e_low = y.fma(low, y.fma(high, -e))
    # An infinite logarithm has NaN as its small part; this makes that a number too.
    e_low = (e_low < 1.0).choose(e_low, 1.0).at_least(-1.0)
    e = e.at_most(1100.0).at_least(-1100.0)
    shifted = e + _EXPONENT_ROUNDER
    r = (e - (shifted - _EXPONENT_ROUNDER)) + e_low
    p = r.fma(r.fma(_polynomial(r, _EXP2), _LN2_NEAREST), 1.0)
    return _scaled(p, shifted.bits(), sign)


# Circular functions


def _reduced(x: Value) -> tuple[Bits, Value, Value]:
    """Return the quarter turn nearest to an angle and the rest, in two parts."""
    x = (x.absolute() > LARGEST_ANGLE).choose(math.nan, x)
    shifted = x.fma(1.0 / _HALF_PI[0], _ROUNDER)
    n = shifted - _ROUNDER
    # Exact: angle and product are multiples of 2**-53, their difference is below 1.
    first = n.fma(-_HALF_PI[0], x)
    second = n * _HALF_PI[1]
    rest = first - second
    back = rest - first
    low = (first - (rest - back)) - (second + back)
    low = low - n.fma(_HALF_PI[2], n.fma(_HALF_PI[1], -second))
    return shifted.bits(), rest, low


def _sin_and_cos(x: Value) -> tuple[Bits, Value, Value]:
    """Return the quarter turn and sine and cosine of the rest."""
    turn, r, low = _reduced(x)
    z = r * r
    sine = r + (z * r).fma(_polynomial(z, _SIN), low)
    h = z * 0.5
    near = 1.0 - h
    cosine = near + ((1.0 - near - h) + (z * z).fma(_polynomial(z, _COS), -(r * low)))
    return turn, sine, cosine


def _sin(x: Value) -> Value:
    turn, sine, cosine = _sin_and_cos(x)
    result = (turn & 1).is_zero().choose(sine, cosine)
    return (result.bits() ^ ((turn & 2) << 62)).number()


def _cos(x: Value) -> Value:
    turn, sine, cosine = _sin_and_cos(x)
    result = (turn & 1).is_zero().choose(cosine, sine)
    return (result.bits() ^ (((turn + 1) & 2) << 62)).number()


def _tan(x: Value) -> Value:
    turn, sine, cosine = _sin_and_cos(x)
    even = (turn & 1).is_zero()
    return even.choose(sine, -cosine) / even.choose(cosine, sine)


def _from_base(base: Value, base_low: Value | float, v: Value, v_low: Value) -> Value:
    """Return base - v with the small parts of both, |base| >= |v| or base zero."""
    high = base - v
    return high + ((base - high - v) + (base_low - v_low))


def _arc_of_sine(x: Value) -> tuple[Value, Value, Value]:
    """Return whether |x| > 1/2, and half or the whole of an arc, in two parts.

    The arc is arcsin |x|, or half of arccos |x| where |x| > 1/2.
    """
    a = x.absolute()
    large = a > 0.5
    z = large.choose((1.0 - a) * 0.5, a * a)
    root = z.intrinsic("sqrt")
    s = large.choose(root, a)
    # What the rounding of the root lost; a root of zero lost nothing.
    lost = root.fma(-root, z) / (root + root).at_least(_SMALLEST_NORMAL)
    low = (s * z).fma(_polynomial(z, _ARCSIN), large.choose(lost, 0.0))
    return large, s, low


def _arcsin(x: Value) -> Value:
    large, s, low = _arc_of_sine(x)
    base = large.choose(x.like(_HALF_PI[0]), 0.0)
    base_low = large.choose(x.like(_HALF_PI[1]), 0.0)
    factor = large.choose(x.like(2.0), -1.0)
    return _from_base(base, base_low, s * factor, low * factor).absolute().signed_as(x)


def _arccos(x: Value) -> Value:
    large, s, low = _arc_of_sine(x)
    negative = x < 0.0
    turns = large.choose(negative.choose(x.like(2.0), 0.0), 1.0)
    factor = large.choose(x.like(2.0), 1.0)
    factor = (large.same_as(negative)).choose(factor, -factor)
    return _from_base(turns * _HALF_PI[0], turns * _HALF_PI[1], s * factor, low * factor)


def _arctan(x: Value) -> Value:
    a = x.absolute()
    large = a > _TAN_3_PI_8
    middle = a > _TAN_PI_8
    over = large.choose(-1.0, middle.choose(a - 1.0, a))
    under = large.choose(a, middle.choose(a + 1.0, x.like(1.0)))
    turns = large.choose(1.0, middle.choose(x.like(0.5), 0.0))
    t = over / under
    z = t * t
    low = (t * z).fma(_polynomial(z, _ARCTAN), turns * _HALF_PI[1])
    return (turns * _HALF_PI[0] + (t + low)).signed_as(x)


# Hyperbolic functions


def _sinh(x: Value) -> Value:
    a = x.absolute()
    half = _exp(a, halvings=1)
    z = x * x
    near = (a * z).fma(_polynomial(z, _SINH), a)
    return (a < 1.0).choose(near, half - 0.25 / half).signed_as(x)


def _cosh(x: Value) -> Value:
    half = _exp(x.absolute(), halvings=1)
    return half + 0.25 / half


def _tanh(x: Value) -> Value:
    a = x.absolute()
    z = x * x
    near = (a * z).fma(_polynomial(z, _TANH), a)
    return (a < 0.55).choose(near, 1.0 - 2.0 / (_exp(a + a) + 1.0)).signed_as(x)


# The rest, and the way in


def _minimum(a: Value, b: Value) -> Value:
    return a.equals(a).choose((a < b).choose(a, b), a)


def _maximum(a: Value, b: Value) -> Value:
    return a.equals(a).choose((a > b).choose(a, b), a)


_FUNCTIONS: dict[str, Callable[..., Value]] = {
    "exp": _exp,
    "log": _log,
    "power": _power,
    "sqrt": lambda x: x.intrinsic("sqrt"),
    "absolute": lambda x: x.absolute(),
    "floor": lambda x: x.intrinsic("floor"),
    "ceil": lambda x: x.intrinsic("ceil"),
    "minimum": _minimum,
    "maximum": _maximum,
    "sin": _sin,
    "cos": _cos,
    "tan": _tan,
    "arcsin": _arcsin,
    "arccos": _arccos,
    "arctan": _arctan,
    "sinh": _sinh,
    "cosh": _cosh,
    "tanh": _tanh,
}
#: Names that `call` knows.
NAMES = tuple(_FUNCTIONS)


def call(builder: ir.IRBuilder, name: str, *values: Any) -> Any:
    """Emit a function of ``values`` where the builder stands, and return its value.

    The code stands in place, or is a call of a function private to the builder's module where
    the function being written is already long; the result is the same to the last bit.

    Parameters
    ----------
    builder
        Builder that stands in a block of a function.
    name
        One of `NAMES`.
    values
        One value, or two for power, minimum and maximum, all of one type: ``double`` or
        ``<W x double>`` with any W.

    Returns
    -------
    llvmlite.ir.Value
        The result, of the same type.

    Raises
    ------
    KeyError
        If there is no function of that name.

    Notes
    -----
    ``power(x, y)`` is as in C, with these differences:

    - under an exponent that is not whole, a base from `BASE_NOISE` to 0 counts as 0;
    - a base between 0 and the smallest normal number, 2.2e-308, counts as 0;
    - the base minus infinity gives NaN, as does 1 to the power of infinity or NaN;
    - an exponent beyond 2**51 (2.3e15) on either side counts as not whole, so that the power of
      a negative base is NaN (or that of 0).

    So 0 to a positive power is 0, to a negative power inf, and anything to the power 0 is 1,
    NaN too.
    """
    emitter = _FUNCTIONS[name]
    size = sum(len(block.instructions) for block in builder.function.blocks)
    if size < _INLINE_BELOW or name in _SHORT:
        return emitter(*(Value(builder, value) for value in values)).ir
    return builder.call(_private(builder.module, name, values[0].type, len(values)), values)


def _private(module: ir.Module, name: str, kind: ir.Type, count: int) -> ir.Function:
    """Return the module's own function of this name and type, written at the first call."""
    lanes = f"v{kind.count}f64" if isinstance(kind, ir.VectorType) else "f64"
    full_name = f"vector_math_{name}_{lanes}"
    function = module.globals.get(full_name)
    if function is None:
        function = ir.Function(module, ir.FunctionType(kind, [kind] * count), full_name)
        function.linkage = "internal"
        function.attributes.add("nounwind")
        builder = ir.IRBuilder(function.append_basic_block())
        builder.ret(_FUNCTIONS[name](*(Value(builder, value) for value in function.args)).ir)
    return function
