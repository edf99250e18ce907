"""Request bodies: a template compiled once into literal parts and slots that know where they stand.

A slot stands inside a JSON string or bare. Given values are data: escaped in strings, checked to be one JSON value when
bare, never expanded again (D-07..D-12). Texts of the connector itself are part of the template and go in as written.
What is rendered is strict JSON or NDJSON, or the call is refused; no caller's value is ever echoed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass

import orjson

from fairlead.domain.dataset import JsonText, Value
from fairlead.engine.parameters import Parameters
from fairlead.engine.placeholders import PARAMETERS, Placeholder, scan
from fairlead.errors import IllegalArgument

_BARE, _STRING, _ESCAPED = 0, 1, 2
_CONTROL = {code: f"\\u{code:04x}" for code in range(0x20)} | {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r"}
_NULL_DEFAULT = re.compile(r'"\$\{parameters\.(\w+):-null\}"', re.ASCII)


@dataclass(frozen=True, slots=True)
class _Slot:
    name: str
    source: str
    in_string: bool
    owned: str | tuple[str | _Slot, ...] | None
    """What stands here when nothing is given: a finished text or parts with slots of their own."""
    null: str = "null"
    """What a given null becomes: in a string the default, since the word would be no null there (D-08)."""
    or_null: bool = False
    """The slot with its quotes becomes `null` when nothing is given (spec/03 2.3)."""
    left_open: str | None = None
    """A placeholder inside the default: it is never filled (spec/03 2.2)."""
    barred: bool = False
    """Right after a lone backslash, which would eat the first character of a given value."""
    cycle: str | None = None


class Template:
    """A compiled body. Rendering raises IllegalArgument."""

    __slots__ = ("_certain", "_flips", "_given", "_owned", "_parts", "text")

    def __init__(self, text: str, owned: Mapping[str, str], given: frozenset[str] = frozenset()) -> None:
        """`given` are names that every call gives, so that their own texts and defaults never stand."""
        self.text = text
        self._owned = owned
        self._given = given
        compiler = _Compiler(owned, text, given)
        self._parts = compiler.compile()
        self._flips = frozenset(compiler.flips)
        self._certain = compiler.certain and all(_well_formed(_skeleton(self._parts, given)) for given in (True, False))

    def render(self, parameters: Parameters) -> tuple[str, list[str]]:
        """The body for these parameters, strict JSON or NDJSON, and the placeholders left open inside its strings.

        Those are the caller's to judge, since processors may still change the text.
        """
        if self._flips and not self._flips.isdisjoint(parameters.given):
            # What follows stands elsewhere once such a text is replaced: places are found anew without it.
            replaced = self._given.union(self._flips & parameters.given.keys())
            return Template(self.text, self._owned, replaced).render(parameters)
        given = parameters.given
        out: list[str] = []
        open_slots: list[_Slot] = []
        raw = parameters.raw
        _render(self._parts, given, raw, out, open_slots)
        text = "".join(out)
        if open_slots:
            misfits = [slot for slot in open_slots if not slot.in_string or slot.name in given]
            if misfits:
                raise self._invalid(parameters, misfits)
        if (not self._certain or raw) and not _well_formed(text):
            raise self._invalid(parameters, [])
        return text, [slot.left_open or slot.source for slot in open_slots]

    def _invalid(self, parameters: Parameters, misfits: list[_Slot]) -> IllegalArgument:
        """The original echoes the payload; here a caller's values stay placeholders, which also names them."""
        out: list[str] = []
        _mask(self._parts, parameters.given, out)
        named = {slot.name: slot for slot in misfits if slot.name in parameters.given}
        barred = any(slot.barred for slot in named.values())
        where = "follows a lone backslash there" if barred else "stands unquoted there and is no JSON"
        why = f" (the value of {', '.join(named)} {where})" if named else ""
        return IllegalArgument(f"Invalid payload: {''.join(out)}{why}")


def escape(text: str) -> str:
    """The inside of a JSON string literal for `text`."""
    try:
        return orjson.dumps(text)[1:-1].decode()
    except TypeError:  # lone surrogates cannot be encoded; Java sends a question mark
        return orjson.dumps(text.encode("utf-8", "replace").decode())[1:-1].decode()


def is_json(text: str) -> bool:
    """Whether `text` is one strict JSON value."""
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def _well_formed(text: str) -> bool:
    """An object or array, or such a value in every line that is not blank; a lone scalar is no payload (spec/03 2.6)."""
    if _is_container(text):
        return True
    lines = [line for line in re.split(r"\r?\n", text) if line.strip()]
    return len(lines) > 1 and all(map(_is_container, lines))


def _is_container(text: str) -> bool:
    return text.lstrip()[:1] in ("{", "[") and is_json(text)


def _render(
    parts: tuple[str | _Slot, ...],
    given: Mapping[str, Value],
    raw: Set[str],
    out: list[str],
    open_slots: list[_Slot],
) -> None:
    for part in parts:
        if type(part) is str:
            out.append(part)
            continue
        assert type(part) is _Slot
        if part.name in given:
            text = _filled(part, given[part.name], part.name in raw)
            if text is None:
                open_slots.append(part)
            else:
                out.append(text)
        elif part.cycle is not None:
            raise IllegalArgument(part.cycle)
        elif part.owned is not None:
            quote = '"' if part.or_null else ""
            out.append(quote)
            if type(part.owned) is str:
                out.append(part.owned)
            elif type(part.owned) is tuple:
                _render(part.owned, given, raw, out, open_slots)
            out.append(quote)
            if part.left_open is not None:
                open_slots.append(part)
        elif part.or_null:
            out.append("null")
        else:
            out.append(part.source)
            open_slots.append(part)


def _filled(part: _Slot, value: Value, raw: bool) -> str | None:
    """The text of a given value in this slot; None when it cannot stand there."""
    if part.barred:
        return None
    if value is None:
        return part.null
    if part.or_null:
        return f'"{value if raw else escape(value)}"'
    if part.in_string:
        return value if raw else escape(value)
    if type(value) is JsonText or raw:
        return value
    # Line ends between tokens mean nothing in JSON, but would cut a line of NDJSON in two.
    return value.replace("\r", " ").replace("\n", " ") if is_json(value) else None


def _mask(parts: tuple[str | _Slot, ...], given: Mapping[str, Value], out: list[str]) -> None:
    for part in parts:
        if isinstance(part, str):
            out.append(part)
        elif part.name in given or part.owned is None:
            out.append(f'"{part.source}"' if part.or_null else part.source)
        else:
            quote = '"' if part.or_null else ""
            out.append(quote)
            _mask((part.owned,) if isinstance(part.owned, str) else part.owned, given, out)
            out.append(quote)


def _skeleton(parts: tuple[str | _Slot, ...], given: bool) -> str:
    """The body with harmless values in all slots (`given`) or only in those that have no text of their own."""
    out: list[str] = []
    for part in parts:
        if isinstance(part, str):
            out.append(part)
        elif given or part.owned is None:
            out.append("x" if part.in_string and not part.or_null else "null")
        else:
            owned = part.owned if isinstance(part.owned, str) else _skeleton(part.owned, given)
            out.append(f'"{owned}"' if part.or_null else owned)
    return "".join(out)


class _Compiler:
    def __init__(self, owned: Mapping[str, str], text: str, given: frozenset[str]) -> None:
        self.owned = owned
        self.text = text
        self.given = given
        self.state = _BARE
        self.certain = True
        self.flips: set[str] = set()
        """Names whose owned text or default opens or closes a string."""

    def compile(self) -> tuple[str | _Slot, ...]:
        parts: list[str | _Slot] = []
        at = 0
        for match in _NULL_DEFAULT.finditer(self.text):
            if match.start() < at:
                continue
            parts += self.parts(self.text[at : match.start()], ())
            if self.state == _BARE:
                parts.append(self.or_null(match[1], match[0][1:-1]))
                at = match.end()
            else:
                at = match.start()
        parts += self.parts(self.text[at:], ())
        return _joined(parts)

    def or_null(self, name: str, source: str) -> _Slot:
        self.state = _STRING
        slot = self.slot(Placeholder(name, None, source), ())
        self.literal('"')
        return _Slot(name, source, True, slot.owned, or_null=True, cycle=slot.cycle)

    def parts(self, text: str, stack: tuple[str, ...]) -> list[str | _Slot]:
        return [self.literal(part) if isinstance(part, str) else self.slot(part, stack) for part in scan(text)]

    def literal(self, text: str) -> str:
        """Follows the JSON state through `text`; a raw control character in a string, which no JSON may have, is
        escaped."""
        out: list[str] = []
        for character in text:
            if self.state == _BARE:
                self.state = _STRING if character == '"' else _BARE
            elif self.state == _ESCAPED:
                self.state = _STRING
            elif character == '"':
                self.state = _BARE
            elif character == "\\":
                self.state = _ESCAPED
            elif character < " ":
                character = _CONTROL[ord(character)]
            out.append(character)
        return "".join(out)

    def slot(self, placeholder: Placeholder, stack: tuple[str, ...]) -> _Slot:
        name, before = placeholder.name, self.state
        in_string = before != _BARE
        cycle = left_open = None
        owned: str | tuple[str | _Slot, ...] | None = None
        text, default = (None, None) if name in self.given else (self.owned.get(name), placeholder.default)
        null = self._null(default) if in_string else "null"
        if name in stack:
            cycle = f"Infinite loop in property interpolation of {self.text}: {'->'.join(stack)}"
        elif text is not None:
            if placeholder.stringify:
                text = escape(text)
            parts = _joined(self.parts(text, (*stack, name)))
            owned = "".join(parts) if all(isinstance(part, str) for part in parts) else parts  # type: ignore[arg-type]
        elif default is not None:
            owned = self.literal(default)
            if (nested := default.find(PARAMETERS)) >= 0:
                left_open = default[nested:] + "}"
        if before == _ESCAPED:
            self.certain = False
            self.state = _STRING if owned is None else self.state
        elif self.state != before:
            self.certain = False
            self.flips.add(name)
        elif owned is not None and not in_string:
            whole = (owned,) if isinstance(owned, str) else owned
            self.certain = self.certain and is_json(_skeleton(whole, False))
        barred = before == _ESCAPED
        return _Slot(name, placeholder.source, in_string, owned, null, left_open=left_open, barred=barred, cycle=cycle)

    def _null(self, default: str | None) -> str:
        """The default as text for a given null, if it keeps the string it stands in."""
        before = self.state
        text = "null" if default is None else self.literal(default)
        kept, self.state = self.state == before, before
        return text if kept else "null"


def _joined(parts: list[str | _Slot]) -> tuple[str | _Slot, ...]:
    """Neighbouring literals as one, empty ones dropped."""
    joined: list[str | _Slot] = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        elif part != "":
            joined.append(part)
    return tuple(joined)
