"""Text to a document the way a path reader takes it: strict JSON if it is, else the lenient dialect, else a plain string."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from fairlead.engine.jsonpath.lexer import unescaped
from fairlead.java.json import JsonFault, first_value

MAX_DEPTH = 400

_WORDS = {"true": True, "false": False, "null": None}
_INTEGER = re.compile(r"-?[0-9]{1,4000}")
_DECIMAL = re.compile(r"-?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]{1,9})?")
_SPACE = " \t\n\r"
_decode = msgspec.json.Decoder().decode


class DocumentFault(ValueError):
    """Text that begins as an object, an array or a quoted string and does not hold together."""


def parse_document(text: str) -> Any:
    """Parse leniently: single quotes, bare names and values, extra commas, text after the value; the last of a repeated
    key counts, and text that does not begin like JSON is itself the value. Raises DocumentFault.
    """
    try:
        return _decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        pass
    body = text.strip(_SPACE)
    if body[:1] and body[0] in "{[":
        try:
            return first_value(body)[0]
        except JsonFault:
            return _Lenient(body).value(0)
    if body[:1] and body[0] in "'\"":
        return _Lenient(body).value(0)
    return _bare(body)


def parse_whole(text: str) -> Any:
    """The same dialect for a text that must be one object or array from end to end. Raises DocumentFault."""
    reader = _Lenient(text.strip(_SPACE))
    if reader.text[:1] not in ("{", "["):
        raise DocumentFault("an object or an array expected")
    value = reader.value(0)
    if reader.at != len(reader.text):
        raise DocumentFault(f"text after the value, position {reader.at}")
    return value


def _bare(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        number = float(text)
        if number - number == 0.0:
            return number
    return text


class _Lenient:
    """A reader of the lenient dialect."""

    __slots__ = ("at", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def value(self, depth: int, ends: str = "") -> Any:
        if depth > MAX_DEPTH:
            raise DocumentFault(f"nested deeper than {MAX_DEPTH} levels")
        char = self._next()
        if char == "{":
            return self._object(depth)
        if char == "[":
            return self._array(depth)
        if char and char in "'\"":
            return self._string(char)
        return _bare(self._until(ends))

    def _next(self) -> str:
        while self.at < len(self.text) and self.text[self.at] in _SPACE:
            self.at += 1
        return self.text[self.at : self.at + 1]

    def _object(self, depth: int) -> dict[str, Any]:
        self.at += 1
        members: dict[str, Any] = {}
        while (char := self._next()) != "}":
            if char == ",":
                self.at += 1
                continue
            name = self._string(char) if char and char in "'\"" else self._until(":")
            if self._next() != ":":
                raise DocumentFault(f"':' expected at position {self.at}")
            self.at += 1
            if self._next() in ("}", "", ","):
                raise DocumentFault(f"value expected at position {self.at}")
            members[name] = self.value(depth + 1, ",}")
            self._end_of_item("}")
        self.at += 1
        return members

    def _array(self, depth: int) -> list[Any]:
        self.at += 1
        items: list[Any] = []
        while (char := self._next()) != "]":
            if char == ",":
                self.at += 1
                continue
            if char == "}" or not char:
                raise DocumentFault(f"value expected at position {self.at}")
            items.append(self.value(depth + 1, ",]"))
            self._end_of_item("]")
        self.at += 1
        return items

    def _end_of_item(self, close: str) -> None:
        if self._next() not in (",", close):
            raise DocumentFault(f"',' or '{close}' expected at position {self.at}")

    def _string(self, quote: str) -> str:
        start = self.at + 1
        end = start
        while end < len(self.text) and self.text[end] != quote:
            end += 2 if self.text[end] == "\\" else 1
        if end >= len(self.text):
            raise DocumentFault(f"string not closed, position {start - 1}")
        self.at = end + 1
        return unescaped(self.text[start:end])

    def _until(self, ends: str) -> str:
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in ends:
            self.at += 1
        if self.at >= len(self.text) and ends:
            raise DocumentFault("unexpected end")
        return self.text[start : self.at].strip(_SPACE)
