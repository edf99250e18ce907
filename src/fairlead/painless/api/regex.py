"""Pattern and Matcher; there is no way to compile a pattern but a literal. Spec 04 sections 14 and 15."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from fairlead.painless.errors import null_pointer, thrown
from fairlead.painless.limits import Meter
from fairlead.painless.runtime.patterns import Matcher, Pattern, apply, matches, search, subject
from fairlead.painless.runtime.text import name_class, print_class
from fairlead.painless.runtime.values import Array, Function, Stream
from fairlead.painless.types import ClassRows, Row, needed


def _matcher(m: Meter, p: Pattern, text: Any) -> Matcher:
    return Matcher(p, subject(m, text))


def _find_from(m: Meter, r: Matcher, start: int) -> bool:
    if not 0 <= start <= len(r.text):
        raise thrown("IndexOutOfBoundsException", "Illegal start index")
    r.start, r.end, r.at = 0, len(r.text), start
    return r.find(m)


def _whole(method: str) -> Callable[[Meter, Matcher], bool]:
    """`matches` and `lookingAt`."""

    def run(m: Meter, r: Matcher) -> bool:
        r.found = apply(m, r.pattern, method, r.text, r.start, r.end)
        if r.found is not None:
            r.at = r.found.end()
        return r.found is not None

    return run


def _group(m: Meter, r: Matcher, number: int = 0) -> Any:
    found = r.group(number)
    return None if found is None else m.made(found)


def _named(m: Meter, r: Matcher, name: Any) -> Any:
    found = r.matched()
    if name is None:
        raise null_pointer("Group name")
    if name not in r.pattern.compiled.groupindex:
        raise thrown("IllegalArgumentException", f"No group with name <{name}>")
    value = found.group(name)
    return None if value is None else m.made(value)


def _position(end: bool) -> Callable[..., int]:
    def run(m: Meter, r: Matcher, number: int = 0) -> int:
        r.group(number)
        found = r.matched()
        return int(found.end(number) if end else found.start(number))

    return run


_REFERENCE = re.compile(r"\\(.?)|\$(?:\{([^}]*)\}|(\d))?", re.DOTALL)


def _expanded(r: Matcher, template: str) -> str:
    """`$1`, `${name}` and backslash in a replacement."""

    def part(found: re.Match[str]) -> str:
        if found.group().startswith("\\"):
            if not found.group(1):
                raise thrown("IllegalArgumentException", "character to be escaped is missing")
            return found.group(1)
        if found.group(2) is not None:
            if found.group(2) not in r.pattern.compiled.groupindex:
                raise thrown("IllegalArgumentException", f"No group with name {{{found.group(2)}}}")
            return r.matched().group(found.group(2)) or ""
        if found.group(3) is None:
            raise thrown("IllegalArgumentException", "Illegal group reference")
        return r.group(int(found.group(3))) or ""

    return _REFERENCE.sub(part, template)


def _replace(count: int) -> Callable[..., str]:
    def run(m: Meter, r: Matcher, template: Any) -> str:
        if template is None:
            raise null_pointer("replacement")
        parts = []
        place = 0
        for match in matches(m, r)[: count or None]:
            parts.append(r.text[place : match.found.start()])
            shown = _expanded(match, template)
            m.take_chars(len(shown))
            parts.append(shown)
            place = match.found.end()
        parts.append(r.text[place:])
        return m.made("".join(parts))

    return run


def _reset(m: Meter, r: Matcher, text: Any = None) -> Matcher:
    if text is not None:
        r.text = subject(m, text)
    r.start, r.end, r.at, r.found = 0, len(r.text), 0, None
    return r


def _region(m: Meter, r: Matcher, start: int, end: int) -> Matcher:
    if not 0 <= start <= end <= len(r.text):
        raise thrown("IndexOutOfBoundsException", "start" if not 0 <= start <= len(r.text) else "end")
    r.start, r.end, r.at, r.found = start, end, start, None
    return r


def split(m: Meter, p: Pattern, text: Any, limit: int = 0) -> list[str]:
    """`Pattern.split`: no empty text first for an empty match, none at the end unless the limit is negative."""
    s = subject(m, text)
    parts: list[str] = []
    place = 0
    for match in matches(m, Matcher(p, s)):
        if limit > 0 and len(parts) == limit - 1:
            break
        start, end = match.found.span()
        if end == 0:
            continue
        parts.append(s[place:start])
        place = end
    if place == 0 and not parts:
        return [s]
    parts.append(s[place:])
    if limit == 0:
        while parts and not parts[-1]:
            parts.pop()
    m.take_chars(len(s))
    return parts


def _quote(m: Meter, s: Any) -> str:
    if "\\E" not in s:
        return m.made(f"\\Q{s}\\E")
    return m.made("\\Q" + s.replace("\\E", "\\E\\\\E\\Q") + "\\E")


_PATTERN = (
    Row("Predicate asPredicate()", lambda m, p: Function("Predicate", lambda s: search(m, p, s))),
    Row("int flags()", lambda m, p: p.bits),
    Row("Matcher matcher(CharSequence)", _matcher),
    Row("String pattern()", lambda m, p: p.source),
    Row("String quote(String)", _quote, static=True),
    Row("String[] split(CharSequence)", lambda m, p, s: Array(needed("String[]"), split(m, p, s))),
    Row("String[] split(CharSequence,int)", lambda m, p, s, n: Array(needed("String[]"), split(m, p, s, n))),
    Row("Stream splitAsStream(CharSequence)", lambda m, p, s: Stream("Stream", iter(split(m, p, s)))),
)

_MATCHER = (
    Row("int end()", _position(True)),
    Row("int end(int)", _position(True)),
    Row("boolean find()", lambda m, r: r.find(m)),
    Row("boolean find(int)", _find_from),
    Row("String group()", _group),
    Row("String group(int)", _group),
    Row("int groupCount()", lambda m, r: r.pattern.compiled.groups),
    Row("boolean hasAnchoringBounds()", lambda m, r: True),
    Row("boolean hasTransparentBounds()", lambda m, r: False),
    Row("boolean hitEnd()", lambda m, r: r.found is None or r.found.end() == r.end),
    Row("boolean lookingAt()", _whole("match")),
    Row("boolean matches()", _whole("fullmatch")),
    Row("String namedGroup(String)", _named),
    Row("Pattern pattern()", lambda m, r: r.pattern),
    Row("Matcher region(int,int)", _region),
    Row("int regionEnd()", lambda m, r: r.end),
    Row("int regionStart()", lambda m, r: r.start),
    Row("String replaceAll(String)", _replace(0)),
    Row("String replaceFirst(String)", _replace(1)),
    Row("Matcher reset()", _reset),
    Row("Matcher reset(CharSequence)", _reset),
    Row("int start()", _position(False)),
    Row("int start(int)", _position(False)),
    Row("String quoteReplacement(String)", lambda m, s: m.made(re.sub(r"([\\$])", r"\\\1", s)), static=True),
)

_R = "java.util.regex."

TABLES = (
    ClassRows(_R + "Pattern", (), _PATTERN, tier=2, python=(Pattern,)),
    ClassRows(_R + "Matcher", (), _MATCHER, tier=2, python=(Matcher,)),
)

name_class(Pattern, "java.util.regex.Pattern")
name_class(Matcher, "java.util.regex.Matcher")
print_class(Pattern, lambda m, p: str(p.source))
