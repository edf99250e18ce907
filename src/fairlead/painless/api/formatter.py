"""`String.format` by hand: %s %d %f %e %g %x %o %b %c %n %%, width and precision bounded; never Python's formatting of text.

Spec 04 sections 13.2 and 18.3.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from fairlead.painless.errors import Thrown, null_pointer, thrown
from fairlead.painless.limits import Meter
from fairlead.painless.runtime.bignum import BigDecimal
from fairlead.painless.runtime.equality import hash_of
from fairlead.painless.runtime.text import class_name, text
from fairlead.painless.runtime.values import BigInteger, Byte, Char, Float, Long, Short

_SPECIFIER = re.compile(r"%(\d+\$)?([-#+ 0,(<]*)(\d+)?(\.\d+)?([tT])?([a-zA-Z%])")
_MAX_WIDTH = 10_000
_WHOLE = frozenset({int, Long, Short, Byte, BigInteger})
_BITS = {int: 32, Long: 64, Short: 16, Byte: 8}


def _mismatch(conversion: str, value: Any) -> Thrown:
    return thrown("IllegalFormatConversionException", f"{conversion} != {class_name(value)}")


def format_text(meter: Meter, pattern: Any, values: list[Any]) -> str:
    """The formatted text; raises the JVM's exceptions for bad specifiers and arguments."""
    if pattern is None:
        raise null_pointer(None)
    parts: list[str] = []
    place = ordinary = 0
    last = -1
    while True:
        percent = pattern.find("%", place)
        if percent < 0:
            parts.append(pattern[place:])
            break
        parts.append(pattern[place:percent])
        found = _SPECIFIER.match(pattern, percent)
        if found is None:
            shown = pattern[percent + 1 : percent + 2] or "%"
            raise thrown("UnknownFormatConversionException", f"Conversion = '{shown}'")
        place = found.end()
        index, flags, width, precision, _, conversion = found.groups()
        if conversion in "n%":
            parts.append("\n" if conversion == "n" else _padded("%", flags, _bound(width)))
            continue
        if "<" in flags:
            number = last
        elif index:
            number = int(index[:-1]) - 1 if len(index) < 8 else -1
        else:
            number = ordinary
            ordinary += 1
        if not 0 <= number < len(values):
            raise thrown("MissingFormatArgumentException", f"Format specifier '{found.group()}'")
        last = number
        parts.append(
            _one(meter, conversion, flags, _bound(width), _bound(precision[1:]) if precision else None, values[number])
        )
        meter.take_chars(len(parts[-1]))
    return meter.made("".join(parts))


def _bound(digits: str | None) -> int:
    if not digits:
        return 0
    number = int(digits) if len(digits) < 9 else _MAX_WIDTH + 1
    if number > _MAX_WIDTH:
        raise thrown("OutOfMemoryError", "Java heap space")
    return number


def _padded(shown: str, flags: str, width: int) -> str:
    return shown.ljust(width) if "-" in flags else shown.rjust(width)


def _one(meter: Meter, conversion: str, flags: str, width: int, precision: int | None, value: Any) -> str:
    lower = conversion.lower()
    if lower not in "sbhcdoxfeg":
        raise thrown("UnknownFormatConversionException", f"Conversion = '{conversion}'")
    if lower == "s":
        shown = text(meter, value)
    elif lower == "b":
        shown = ("true" if value else "false") if type(value) is bool else ("false" if value is None else "true")
    elif value is None:
        shown = "null"
    elif lower == "h":
        shown = f"{hash_of(meter, value) & 0xFFFFFFFF:x}"
    elif lower == "c":
        shown = _character(conversion, value)
    else:
        shown = _number(conversion, flags, width, precision, value)
        return shown.upper() if conversion.isupper() else shown
    if precision is not None and lower in "sbh":
        shown = shown[:precision]
    if conversion.isupper():
        shown = shown.upper()
    return _padded(shown, flags, width)


def _character(conversion: str, value: Any) -> str:
    if type(value) in (Char, int, Short, Byte) and 0 <= value <= 0x10FFFF:
        return chr(value)
    if type(value) in (int, Short, Byte):
        raise thrown("IllegalArgumentException", f"Code point = 0x{value & 0xFFFFFFFF:x}")
    raise _mismatch(conversion, value)


def _number(conversion: str, flags: str, width: int, precision: int | None, value: Any) -> str:
    lower = conversion.lower()
    if lower in "dox":
        if type(value) not in _WHOLE:
            raise _mismatch(conversion, value)
        if precision is not None:
            raise thrown("IllegalFormatPrecisionException", str(precision))
        if lower == "d":
            digits, negative = str(abs(int(value))), value < 0
        else:
            bits = _BITS.get(type(value))
            whole = int(value) & ((1 << bits) - 1) if bits is not None else abs(int(value))
            digits, negative = f"{whole:{'x' if lower == 'x' else 'o'}}", bits is None and value < 0
            if "#" in flags:
                digits = ("0x" if lower == "x" else "0") + digits
    else:
        if type(value) not in (float, Float, BigDecimal):
            raise _mismatch(conversion, value)
        if type(value) is not BigDecimal and (value != value or value in (float("inf"), float("-inf"))):
            shown = "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
            return _padded(shown, flags, width)
        digits, negative = _real(lower, 6 if precision is None else precision, value)
    return _signed(digits, negative, flags, width)


def _real(lower: str, precision: int, value: Any) -> tuple[str, bool]:
    if type(value) is BigDecimal:
        # Decimal takes exponents of this size; larger ones are refused before.
        exact = Decimal(value.unscaled).scaleb(-max(min(value.scale, 5000), -5000))
        negative = value.unscaled < 0
    else:
        exact = Decimal(repr(float(value)))
        negative = str(float(value)).startswith("-")
    exact = abs(exact)
    if lower == "g":
        precision = precision or 1
        if exact != 0 and not Decimal("0.0001") <= exact < Decimal(10) ** precision:
            return _exponent(exact, precision - 1), negative
        precision = max(0, precision - (exact.adjusted() + 1 if exact else 1))
        return _fixed(exact, precision), negative
    return (_fixed(exact, precision) if lower == "f" else _exponent(exact, precision)), negative


def _fixed(exact: Decimal, precision: int) -> str:
    scaled = int(exact.scaleb(precision).to_integral_value(ROUND_HALF_UP)) if exact.adjusted() < 4000 else 0
    digits = str(scaled).rjust(precision + 1, "0")
    return f"{digits[:-precision]}.{digits[-precision:]}" if precision else digits


def _exponent(exact: Decimal, precision: int) -> str:
    adjusted = exact.adjusted() if exact else 0
    digits = str(int(exact.scaleb(precision - adjusted).to_integral_value(ROUND_HALF_UP)))
    if len(digits) > precision + 1:
        digits, adjusted = digits[:-1], adjusted + 1
    mantissa = digits[0] + ("." + digits[1:].ljust(precision, "0") if precision else "")
    return f"{mantissa}e{'-' if adjusted < 0 else '+'}{abs(adjusted):02d}"


def _signed(digits: str, negative: bool, flags: str, width: int) -> str:
    if "," in flags:
        whole, point, rest = digits.partition(".")
        groups = []
        while len(whole) > 3:
            groups.append(whole[-3:])
            whole = whole[:-3]
        digits = ",".join([whole, *reversed(groups)]) + point + rest
    before, after = "", ""
    if negative:
        before, after = ("(", ")") if "(" in flags else ("-", "")
    elif "+" in flags:
        before = "+"
    elif " " in flags:
        before = " "
    if "0" in flags:
        digits = digits.rjust(width - len(before) - len(after), "0")
    return _padded(before + digits + after, flags, width)
