"""Math: everything double in, double out, with IEEE values where Python raises. Spec 04 section 15."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import SystemRandom

from fairlead.painless.limits import Meter
from fairlead.painless.runtime import arithmetic as a
from fairlead.painless.types import Row

_random = SystemRandom()


def real_max(x: float, y: float) -> float:
    """`Math.max`: NaN wins, 0.0 beats -0.0."""
    if x != x or y != y:
        return math.nan
    if x == 0 and y == 0:
        return x if math.copysign(1.0, x) > 0 else y
    return max(x, y)


# Math -------------------------------------------------------------------------------------------------------------------


def _guarded(function: Callable[..., float]) -> Callable[..., float]:
    """A function of the math module whose faults are IEEE values."""

    def run(m: Meter, *values: float) -> float:
        try:
            return float(function(*values))
        except OverflowError:
            return math.inf
        except ValueError:
            return math.nan

    return run


def _log(function: Callable[[float], float]) -> Callable[[Meter, float], float]:
    def run(m: Meter, x: float) -> float:
        if x == 0:
            return -math.inf
        return function(x) if x > 0 else math.nan

    return run


def _power(m: Meter, x: float, y: float) -> float:
    if y == 0:
        return 1.0
    if abs(x) == 1 and (math.isinf(y) or y != y):
        return math.nan
    try:
        return math.pow(x, y)
    except OverflowError:
        return -math.inf if x < 0 and y % 2 == 1 else math.inf
    except ValueError:
        if x == 0:
            return -math.inf if math.copysign(1.0, x) < 0 and y % 2 == 1 else math.inf
        return math.nan


def _whole_float(function: Callable[[float], int]) -> Callable[[Meter, float], float]:
    """ceil, floor, rint: the sign of zero stays."""

    def run(m: Meter, x: float) -> float:
        return math.copysign(float(function(x)), x) if math.isfinite(x) else x

    return run


def _round(m: Meter, x: float) -> int:
    return (
        a.to_long(x)
        if not math.isfinite(x) or abs(x) >= 2**52
        else math.floor(x + 0.5)
        if x != 0.49999999999999994
        else 0
    )


def _cbrt(m: Meter, x: float) -> float:
    root = math.cbrt(x)
    if not math.isfinite(root) or root == 0:
        return root
    # One Newton step: some C libraries are an ulp off where Java is exact (27 -> 3).
    return root - (root * root * root - x) / (3.0 * root * root)


def _trig(function: Callable[[float], float]) -> Callable[[Meter, float], float]:
    return lambda m, x: function(x) if math.isfinite(x) else math.nan


def _signum(m: Meter, x: float) -> float:
    return x if x == 0 or x != x else math.copysign(1.0, x)


def _hyper(function: Callable[[float], float]) -> Callable[[Meter, float], float]:
    def run(m: Meter, x: float) -> float:
        try:
            return function(x)
        except OverflowError:
            return math.inf if x > 0 or function is math.cosh else -math.inf

    return run


_ONE: dict[str, Callable[[Meter, float], float]] = {
    "abs": lambda m, x: abs(x),
    "acos": _guarded(math.acos),
    "asin": _guarded(math.asin),
    "atan": _guarded(math.atan),
    "cbrt": _cbrt,
    "ceil": _whole_float(math.ceil),
    "cos": _trig(math.cos),
    "cosh": _hyper(math.cosh),
    "exp": _guarded(math.exp),
    "expm1": _guarded(math.expm1),
    "floor": _whole_float(math.floor),
    "log": _log(math.log),
    "log10": _log(math.log10),
    "log1p": lambda m, x: -math.inf if x == -1 else math.log1p(x) if x > -1 else math.nan,
    "rint": _whole_float(round),
    "signum": _signum,
    "sin": _trig(math.sin),
    "sinh": _hyper(math.sinh),
    "sqrt": lambda m, x: math.sqrt(x) if x >= 0 else math.nan,
    "tan": _trig(math.tan),
    "tanh": _guarded(math.tanh),
    "toDegrees": lambda m, x: math.degrees(x),
    "toRadians": lambda m, x: math.radians(x),
    "ulp": lambda m, x: math.ulp(x) if math.isfinite(x) else abs(x),
    "nextUp": lambda m, x: math.nextafter(x, math.inf),
    "nextDown": lambda m, x: math.nextafter(x, -math.inf),
}
_TWO: dict[str, Callable[[Meter, float, float], float]] = {
    "IEEEremainder": _guarded(math.remainder),
    "atan2": _guarded(math.atan2),
    "copySign": lambda m, x, y: math.copysign(x, y),
    "hypot": _guarded(math.hypot),
    "max": lambda m, x, y: real_max(x, y),
    "min": lambda m, x, y: -real_max(-x, -y),
    "nextAfter": lambda m, x, y: math.nextafter(x, y),
    "pow": _power,
}
MATH = (
    *(Row(f"double {name}(double)", run, static=True) for name, run in _ONE.items()),
    *(Row(f"double {name}(double,double)", run, static=True) for name, run in _TWO.items()),
    Row("double random()", lambda m: _random.random(), static=True),
    Row("long round(double)", _round, static=True),
)
