"""Dates as queries write them: formats, date math, rounding; refuses to read the clock or a time zone file.

Everything is epoch milliseconds in UTC.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from fairlead.errors import BodyParse, DateFault, IllegalArgument

DEFAULT_FORMAT = "strict_date_time||epoch_millis"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_ZONE = r"(?P<zone>Z|[+-]\d\d(?::?\d\d)?)"
_TIME = r"T(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?"
_OPTIONAL = (
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)(?:T(?:(?P<hour>\d\d)(?::(?P<minute>\d\d)"
    r"(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?)?" + _ZONE + "?)?)?)?)?"
)
_DATE = r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
_PATTERNS = {
    "strict_date_time": _DATE + _TIME + _ZONE,
    "date_time": _DATE + _TIME + _ZONE,
    "strict_date_time_no_millis": _DATE + r"T(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)" + _ZONE,
    "date_time_no_millis": _DATE + r"T(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)" + _ZONE,
    "strict_date_optional_time": _OPTIONAL,
    "date_optional_time": _OPTIONAL,
    "strict_date_hour_minute_second": _DATE + r"T(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)",
    "strict_date": _DATE,
    "date": _DATE,
    "yyyy-MM-dd": _DATE,
    "uuuu-MM-dd": _DATE,
    "strict_year_month": r"(?P<year>\d{4})-(?P<month>\d\d)",
    "yyyy-MM": r"(?P<year>\d{4})-(?P<month>\d\d)",
    "strict_year": r"(?P<year>\d{4})",
    "yyyy": r"(?P<year>\d{4})",
    "yyyy-MM-dd HH:mm:ss": _DATE + r" (?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)",
}
_FORMATS = {name: re.compile(pattern, re.ASCII) for name, pattern in _PATTERNS.items()}
_EPOCHS = {"epoch_millis": 1, "epoch_second": 1000}
_NUMBER = re.compile(r"[+-]?\d{1,19}(?:\.\d{1,9})?", re.ASCII)
_MATH = re.compile(r"(?P<sign>[+-])(?P<count>\d*)(?P<unit>[yMwdhHms])|/(?P<round>[yMwdhHms])", re.ASCII)
_SPANS = {"w": timedelta(weeks=1), "d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}
_SPANS |= {"H": _SPANS["h"], "s": timedelta(seconds=1)}


@dataclass(frozen=True, slots=True)
class DateReader:
    """Reads dates in the formats of `format` (joined by `||`), relative to `now_ms`, in `zone` where none is written."""

    format: str = DEFAULT_FORMAT
    zone: timezone = UTC

    def __post_init__(self) -> None:
        for name in self.format.split("||"):
            if name not in _FORMATS and name not in _EPOCHS:
                raise IllegalArgument(f"Invalid format: [{self.format}]: Unknown date format [{name}]")

    def read(self, text: str, now_ms: int, *, round_up: bool = False) -> int:
        """Epoch milliseconds of `text`; with `round_up` the last millisecond of what it names.

        Raises BodyParse with the causes the original reports.
        """
        if text.startswith("now"):
            return self._math(_datetime(now_ms).astimezone(self.zone), text[3:], text, round_up)
        literal, separator, math = text.partition("||")
        if separator:
            return self._math(_datetime(self._literal(literal, text, False)), math, text, round_up)
        return self._literal(text, text, round_up)

    def _literal(self, literal: str, whole: str, round_up: bool) -> int:
        for name in self.format.split("||"):
            scale = _EPOCHS.get(name)
            if scale is not None:
                if _NUMBER.fullmatch(literal):
                    return int(literal) * scale if literal.lstrip("+-").isdigit() else int(float(literal) * scale)
            elif (match := _FORMATS[name].fullmatch(literal)) is not None:
                try:
                    return self._civil(match.groupdict(), round_up)
                except (ValueError, OverflowError):
                    continue
        reason = f"failed to parse date field [{literal}] with format [{self.format}]"
        parsers = DateFault("Failed to parse with all enclosed parsers")
        raise BodyParse(f"{reason}: [{reason}]", cause=IllegalArgument(reason, cause=parsers))

    def _civil(self, part: dict[str, str | None], round_up: bool) -> int:
        zone = _zone(part["zone"]) if part.get("zone") else self.zone
        given = [int(part.get(name) or -1) if part.get(name) is not None else -1 for name in _PARTS]
        floors = (1970, 1, 1, 0, 0, 0)
        year, month, day, hour, minute, second = (
            value if value >= 0 else floor for value, floor in zip(given, floors, strict=True)
        )
        moment = datetime(year, month, day, hour, minute, second, tzinfo=zone)
        fraction = part.get("fraction")
        milliseconds = int((fraction + "00")[:3]) if fraction else 0
        result = _millis(moment) + milliseconds
        if not round_up or fraction:
            return result
        unit = next((name for name, value in zip("yMdhms", [*given[1:], -1], strict=True) if value < 0), "s")
        return _millis(_next(moment, unit)) - 1

    def _math(self, moment: datetime, math: str, whole: str, round_up: bool) -> int:
        at = 0
        try:
            while at < len(math):
                step = _MATH.match(math, at)
                if step is None:
                    raise BodyParse(f"operator not supported for date math [{math[at:] or whole}]")
                if step["round"]:
                    moment = _floor(moment, step["round"])
                    if round_up:
                        moment = _next(moment, step["round"]) - _MILLISECOND
                else:
                    count = int(step["count"] or 1) * (1 if step["sign"] == "+" else -1)
                    moment = _shift(moment, step["unit"], count)
                at = step.end()
        except (OverflowError, ValueError) as error:
            raise BodyParse(f"date math [{whole}] leaves the calendar") from error
        return _millis(moment)


_PARTS = ("year", "month", "day", "hour", "minute", "second")


def read_zone(text: str) -> timezone:
    """`Z`, `UTC` or an offset such as `+02:00`. Raises IllegalArgument for names: they need time zone files."""
    if text in ("Z", "UTC", "GMT"):
        return UTC
    try:
        return _zone(text)
    except ValueError:
        raise IllegalArgument(f"time_zone [{text}] is not supported: use an offset such as +02:00") from None


def _zone(text: str | None) -> timezone:
    if text == "Z":
        return UTC
    match = re.fullmatch(r"([+-])(\d\d):?(\d\d)?", text or "", re.ASCII)
    if match is None:
        raise ValueError(text)
    offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    return timezone(offset if match[1] == "+" else -offset)


def show(millis: int) -> str:
    """The moment in the first default format, with milliseconds in UTC."""
    try:
        moment = _datetime(millis)
    except OverflowError:
        return str(millis)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _datetime(millis: int) -> datetime:
    return _EPOCH + millis * _MILLISECOND


def _millis(moment: datetime) -> int:
    return (moment - _EPOCH) // _MILLISECOND


def _shift(moment: datetime, unit: str, count: int) -> datetime:
    if unit in _SPANS:
        return moment + count * _SPANS[unit]
    months = moment.year * 12 + moment.month - 1 + count * (12 if unit == "y" else 1)
    year, month = divmod(months, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))


def _floor(moment: datetime, unit: str) -> datetime:
    return _FLOORS[unit](moment)


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


_FLOORS: dict[str, Callable[[datetime], datetime]] = {
    "y": lambda moment: _midnight(moment).replace(month=1, day=1),
    "M": lambda moment: _midnight(moment).replace(day=1),
    "w": lambda moment: _midnight(moment) - timedelta(days=moment.weekday()),
    "d": _midnight,
    "h": lambda moment: moment.replace(minute=0, second=0, microsecond=0),
    "H": lambda moment: moment.replace(minute=0, second=0, microsecond=0),
    "m": lambda moment: moment.replace(second=0, microsecond=0),
    "s": lambda moment: moment.replace(microsecond=0),
}


def _next(moment: datetime, unit: str) -> datetime:
    """The start of the unit after the one that starts at `moment`."""
    return _shift(moment, unit, 1)
