"""Failures on order: asked for by one request, or installed as a script of rules; nothing fails by chance."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fairlead.simulator.message import Refused, Reply, Request

STATUS, DELAY, DROP, TRUNCATE = "x-simulate-status", "x-simulate-delay-ms", "x-simulate-drop", "x-simulate-truncate"
PREFIX = "x-simulate-"
_ASKED = ((STATUS, "status"), (DELAY, "delay_ms"), (DROP, "drop"), (TRUNCATE, "truncate"))
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True)
class Failure:
    """What to do to one reply: another status (200 to 599) in the provider's error body or in `body`, `delay_ms`
    milliseconds of waiting, no reply at all, or only the first `truncate` bytes of the body; `headers` are added."""

    status: int | None = None
    delay_ms: int = 0
    drop: bool = False
    truncate: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None

    def apply(self, reply: Reply) -> Reply:
        changed = replace(
            reply,
            headers=reply.headers + self.headers,
            delay=reply.delay + self.delay_ms / 1000,
            drop=reply.drop or self.drop,
            truncate=reply.truncate if self.truncate is None else self.truncate,
        )
        return changed if self.body is None else replace(changed, body=self.body, chunks=None)


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of a number in a failure."""

    low: int
    high: int


_NUMBERS = {"status": Limits(200, 599), "delay_ms": Limits(0, 600_000), "truncate": Limits(0, 1 << 30)}
_FLAGS = {"1": True, "true": True, "0": False, "false": False}


def asked(request: Request) -> Failure | None:
    """The failure that a request asks for by header or query (`x-simulate-…`); blank values ask for nothing.

    Raises Refused with status 400 for a value that makes no sense.
    """
    query = request.query() if PREFIX in request.target else {}
    given: dict[str, object] = {}
    for name, member in _ASKED:
        text = (request.fields.get(name) or query.get(name) or "").strip()
        if text:
            given[member] = _number(name, member, text) if member in _NUMBERS else _flag(name, text)
    return Failure(**given) if given else None  # type: ignore[arg-type]


def _number(name: str, member: str, value: object) -> int:
    limits = _NUMBERS[member]
    text = str(value)
    if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,10}", text) or not limits.low <= int(text) <= limits.high:
        raise Refused(400, f"{name} must be a number from {limits.low} to {limits.high}.", parameter=name)
    return int(text)


def _flag(name: str, text: str) -> bool:
    if text.lower() not in _FLAGS:
        raise Refused(400, f"{name} must be one of {', '.join(_FLAGS)}.", parameter=name)
    return _FLAGS[text.lower()]


@dataclass(frozen=True, slots=True)
class Rule:
    """Requests whose path matches `path` whole (and whose method and host are the given ones) meet `failure`, `times` times
    (None: always). A failure that does nothing lets that many calls pass before the rules behind it."""

    path: re.Pattern[str]
    times: int | None
    failure: Failure
    method: str | None = None
    host: str | None = None
    source: Mapping[str, object] = field(default_factory=dict)

    def matches(self, request: Request, host: str) -> bool:
        return (
            (self.method is None or self.method == request.method)
            and (self.host is None or self.host == host)
            and self.path.fullmatch(request.path) is not None
        )


_MEMBERS = frozenset({"path", "times", "method", "host", "status", "delay_ms", "drop", "truncate", "headers", "body"})


def parse_rules(document: object) -> tuple[Rule, ...]:
    """The rules of `{"rules": [...]}`; raises Refused with status 400 that names the rule and the member at fault."""
    rules = document.get("rules") if isinstance(document, Mapping) else None
    if not isinstance(rules, list):
        raise Refused(400, 'A script is {"rules": [{"path": "regular expression", ...}]}.', parameter="rules")
    return tuple(_rule(number, item) for number, item in enumerate(rules))


def _rule(number: int, item: object) -> Rule:
    where = f"rules[{number}]"
    if not isinstance(item, Mapping):
        raise Refused(400, f"{where} must be an object.", parameter=where)
    unknown = sorted(set(item) - _MEMBERS)
    if unknown:
        raise Refused(400, f"{where} has unknown members: {', '.join(unknown)}.", parameter=where)
    times = item.get("times", 1)
    if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
        raise Refused(400, f"{where}.times must be a number from 1, or null for always.", parameter=f"{where}.times")
    return Rule(
        path=_pattern(f"{where}.path", item.get("path")),
        times=times,
        failure=_failure(where, item),
        method=_text(f"{where}.method", item.get("method")),
        host=_text(f"{where}.host", item.get("host")),
        source=dict(item),
    )


def _pattern(name: str, value: object) -> re.Pattern[str]:
    if not isinstance(value, str):
        raise Refused(400, f"{name} must be a regular expression.", parameter=name)
    try:
        return re.compile(value)
    except re.error as error:
        raise Refused(400, f"{name} is no regular expression: {error}.", parameter=name) from error


def _text(name: str, value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise Refused(400, f"{name} must be a string.", parameter=name)
    return value


def _failure(where: str, item: Mapping[str, object]) -> Failure:
    amounts = {name: _number(f"{where}.{name}", name, item[name]) for name in _NUMBERS if item.get(name) is not None}
    drop = item.get("drop", False)
    if not isinstance(drop, bool):
        raise Refused(400, f"{where}.drop must be true or false.", parameter=f"{where}.drop")
    body = item.get("body")
    return Failure(
        status=amounts.get("status"),
        delay_ms=amounts.get("delay_ms", 0),
        drop=drop,
        truncate=amounts.get("truncate"),
        headers=_headers(f"{where}.headers", item.get("headers")),
        body=None if body is None else (body if isinstance(body, str) else json.dumps(body)).encode("utf-8", "replace"),
    )


def _headers(name: str, value: object) -> tuple[tuple[str, str], ...]:
    if value is None:
        return ()
    if not isinstance(value, Mapping):
        raise Refused(400, f"{name} must be an object of strings.", parameter=name)
    return tuple(checked_header(name, key, text) for key, text in value.items())


def checked_header(name: str, key: object, value: object) -> tuple[str, str]:
    """A header that may be sent: a token, and Latin-1 text without control characters (RFC 9110 5.5)."""
    sound = isinstance(value, str) and value.isprintable() and all(ord(character) < 256 for character in value)
    if not isinstance(key, str) or not isinstance(value, str) or not sound or not _TOKEN.fullmatch(key):
        raise Refused(400, f"{name}: {key!r} is no header that can be sent.", parameter=name)
    return key, value


class Script:
    """The installed rules and how often each may still be used. The first rule that matches and is not used up counts."""

    __slots__ = ("_left", "_rules")

    def __init__(self) -> None:
        self._rules: tuple[Rule, ...] = ()
        self._left: list[int | None] = []

    def install(self, rules: tuple[Rule, ...]) -> None:
        """Replaces all rules."""
        self._rules = rules
        self._left = [rule.times for rule in rules]

    def next(self, request: Request, host: str) -> Failure | None:
        """The failure this request meets, counted as used."""
        for number, rule in enumerate(self._rules):
            left = self._left[number]
            if left == 0 or not rule.matches(request, host):
                continue
            if left is not None:
                self._left[number] = left - 1
            return rule.failure
        return None

    def listing(self) -> list[dict[str, object]]:
        """The rules as they were given, with `left`: how often each may still be used, null for always."""
        return [{**rule.source, "left": left} for rule, left in zip(self._rules, self._left, strict=True)]
