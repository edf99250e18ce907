"""YAML at the edge: a body in YAML becomes JSON text before anything reads it, a reply is written as Jackson writes YAML.

Refuses aliases, anchors and tags (they can grow without end or make objects), and bodies of more than a megabyte.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from fairlead.errors import BodyParse, JsonSyntax, StatusFault, StreamConstraints
from fairlead.java.jackson import MAX_DEPTH

MAX_BYTES = 1 << 20
"""Reading YAML takes a hundred times as long as JSON; people write it by hand."""

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)
_WORDS = {
    **dict.fromkeys(("true", "True", "TRUE"), "true"),
    **dict.fromkeys(("false", "False", "FALSE"), "false"),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), "null"),
}
"""Jackson's words; `yes` and `no` are texts."""
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN_KEY = re.compile(r"[A-Za-z_$.][A-Za-z0-9_$./-]*", re.ASCII)
_RESERVED = frozenset({*_WORDS, "y", "Y", "n", "N", "yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF"})  # fmt: skip
_ESCAPED = re.compile(r"[\x00-\x1f\"\\\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0", "\b": "\\b"}


def json_of(body: bytes) -> bytes:
    """The first document as JSON; numbers keep their text. Raises JsonSyntax, BodyParse, StreamConstraints, StatusFault 413."""
    if len(body) > MAX_BYTES:
        raise StatusFault(f"A YAML body may hold {MAX_BYTES} bytes; send JSON", 413)
    try:
        return "".join(_pieces(body)).encode("utf-8", "replace")
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as fault:
        raise JsonSyntax(f"The body is not valid YAML{_place(fault)}") from None


def _place(fault: Exception) -> str:
    mark = getattr(fault, "problem_mark", None)
    problem = getattr(fault, "problem", None)
    where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
    return f"{where}: {problem}" if problem else where


class _Container:
    """A list or an object whose end was not read; `count` of values read, keys included."""

    __slots__ = ("count", "mapping")

    def __init__(self, mapping: bool) -> None:
        self.mapping = mapping
        self.count = 0

    def lead(self) -> str:
        """What stands before the next value."""
        self.count += 1
        if self.mapping and self.count % 2 == 0:
            return ":"
        return "," if self.count > 1 else ""

    @property
    def at_key(self) -> bool:
        return self.mapping and self.count % 2 == 0


def _pieces(body: bytes) -> Iterator[str]:
    opened: list[_Container] = []
    for event in yaml.parse(body, Loader=_LOADER):
        if isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            yield "}" if opened.pop().mapping else "]"
        elif isinstance(event, yaml.DocumentEndEvent):
            return
        elif isinstance(event, yaml.NodeEvent):
            _check(event, opened)
            at_key = bool(opened) and opened[-1].at_key
            yield opened[-1].lead() if opened else ""
            if isinstance(event, yaml.ScalarEvent):
                yield json.dumps(event.value) if at_key or event.style is not None else _scalar(event.value)
                continue
            if at_key:
                raise BodyParse(f"A key in the YAML body is no text{_line(event)}")
            opened.append(_Container(isinstance(event, yaml.MappingStartEvent)))
            yield "{" if opened[-1].mapping else "["
            if len(opened) > MAX_DEPTH:
                raise StreamConstraints(f"Document nesting depth ({len(opened)}) exceeds the maximum allowed ({MAX_DEPTH})")


def _check(event: yaml.NodeEvent, opened: list[_Container]) -> None:
    if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
        raise BodyParse(f"Anchors and aliases in a YAML body are not supported{_line(event)}")
    if getattr(event, "tag", None) not in (None, "!"):
        raise BodyParse(f"Tags in a YAML body are not supported{_line(event)}")


def _line(event: yaml.Event) -> str:
    mark = event.start_mark
    return f" (line {mark.line + 1}, column {mark.column + 1})" if mark is not None else ""


def _scalar(text: str) -> str:
    if text in _WORDS:
        return _WORDS[text]
    return text if _NUMBER.fullmatch(text) else json.dumps(text)


def yaml_of(value: Any) -> bytes:
    """A JSON value as a YAML document: texts in double quotes, lists at their parent's indent, as recorded."""
    if not isinstance(value, (dict, list)):
        return f"--- {_text(value)}\n".encode()
    if not value:
        return f"--- {_text(value)}\n".encode()
    return ("---\n" + "".join(_lines(value))).encode()


def _lines(root: Any) -> Iterator[str]:
    """Written with a list of what is left to write, so that deep replies cost no Python frames.

    Of a container inside a list, the first member stands on the line of its dash.
    """
    left: list[tuple[Iterator[tuple[str, Any]], int]] = [(_members(root), 0)]
    begun = False
    while left:
        members, indent = left[-1]
        entry = next(members, None)
        if entry is None:
            left.pop()
            continue
        lead, value = entry
        yield lead if begun else " " * indent + lead
        begun = False
        if not isinstance(value, (dict, list)) or not value:
            yield f" {_text(value)}\n"
        elif lead == "-":
            yield " "
            begun = True
            left.append((_members(value), indent + 2))
        else:
            yield "\n"
            left.append((_members(value), indent if isinstance(value, list) else indent + 2))


def _members(container: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(container, dict):
        return ((f"{_key(key)}:", value) for key, value in container.items())
    return (("-", value) for value in container)


def _key(key: str) -> str:
    return key if _PLAIN_KEY.fullmatch(key) and key not in _RESERVED else _quoted(key)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, dict):
        return "{}"
    return "[]" if isinstance(value, list) else json.dumps(value)


def _quoted(text: str) -> str:
    return f'"{_ESCAPED.sub(_escape, text)}"'


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    if 0xD800 <= code < 0xE000:  # no text in YAML; Java's encoder makes it a question mark
        return "?"
    return _SHORT.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
