"""Jackson's strict JSON parser as a tree whose tokens know where they stand, for errors that name line and column.

Faults are worded as Jackson words them; text after the first value is not read, as in the original. Not for hot
paths: those decode with faster parsers and come here only to say what is wrong.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any, NoReturn

from fairlead.errors import FairleadError, JsonSyntax, JsonTruncated, StreamConstraints, TokenMismatch

MAX_DEPTH = 1000
"""Jackson's own bound on nesting (spec/01 5.3)."""

_SOURCE = "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {}, column: {}]"
_BLANK = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_PLAIN = re.compile(r'[^"\\\x00-\x1f]*')
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_WORDS = {"true": True, "false": False, "null": None}

XCONTENT_TOKEN = {
    "object": "START_OBJECT",
    "array": "START_ARRAY",
    "string": "VALUE_STRING",
    "number": "VALUE_NUMBER",
    "true": "VALUE_BOOLEAN",
    "false": "VALUE_BOOLEAN",
    "null": "VALUE_NULL",
}


@dataclass(slots=True)
class Node:
    """One JSON value. `line` and `col` (from 1) are where its first character stands, `end_line` and `end_col` the
    position after its first token. `text` is the number as written."""

    kind: str
    value: Any
    line: int
    col: int
    end_line: int
    end_col: int
    text: str = ""
    members: list[tuple[str, Node, int, int]] = field(default_factory=list)
    items: list[Node] = field(default_factory=list)

    @property
    def token(self) -> str:
        return XCONTENT_TOKEN[self.kind]

    @property
    def jackson_token(self) -> str:
        if self.kind == "number":
            return "VALUE_NUMBER_INT" if isinstance(self.value, int) else "VALUE_NUMBER_FLOAT"
        return {"true": "VALUE_TRUE", "false": "VALUE_FALSE"}.get(self.kind, self.token)

    def plain(self) -> Any:
        if self.kind == "object":
            return {key: node.plain() for key, node, _, _ in self.members}
        if self.kind == "array":
            return [item.plain() for item in self.items]
        return self.value

    def get(self, key: str) -> Node | None:
        return next((node for name, node, _, _ in self.members if name == key), None)

    def location(self) -> str:
        """The line Jackson appends to its messages: where reading stood after the token."""
        return "\n at " + _SOURCE.format(self.end_line, self.end_col)


def parse(body: bytes) -> Node:
    """The first JSON value of `body`, which holds at least one character that is not blank.

    Raises JsonSyntax, JsonTruncated or StreamConstraints.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise JsonSyntax(f"Invalid UTF-8 in the body at byte {fault.start + 1}") from None
    return _Parser(text).value(0)


def parse_object(body: bytes) -> Node:
    """`parse` for routes that take an object; another value is a TokenMismatch at its place, blanks are one at 1:0."""
    if not body.strip(b" \t\r\n"):
        raise TokenMismatch("Failed to parse object: expecting token of type [START_OBJECT] but found [null]", 1, 0)
    return expect(parse(body), "object")


def expect(node: Node, kind: str) -> Node:
    """`node` itself if it is of `kind` ("object" or "array"), else the TokenMismatch of OpenSearch."""
    if node.kind != kind:
        wanted = XCONTENT_TOKEN[kind]
        raise TokenMismatch(
            f"Failed to parse object: expecting token of type [{wanted}] but found [{node.token}]", node.line, node.col
        )
    return node


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.breaks = [match.start() for match in re.finditer("\n", text)]

    def position(self, at: int) -> tuple[int, int]:
        line = bisect_left(self.breaks, at)
        return line + 1, at - (self.breaks[line - 1] if line else -1)

    def fail(self, message: str, at: int, cls: type[FairleadError] = JsonSyntax) -> NoReturn:
        raise cls(f"{message}\n at {_SOURCE.format(*self.position(at))}")

    def end(self, what: str, opened: int | None = None) -> NoReturn:
        if opened is None:
            self.fail(f"Unexpected end-of-input {what}", len(self.text), JsonTruncated)
        name = "Object" if self.text[opened] == "{" else "Array"
        start = _SOURCE.format(*self.position(opened))
        self.fail(
            f"Unexpected end-of-input: expected close marker for {name} (start marker at {start})",
            len(self.text),
            JsonTruncated,
        )

    def skip(self) -> str:
        match = _BLANK.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.text[self.at] if self.at < len(self.text) else ""

    def unexpected(self, character: str, wanted: str) -> NoReturn:
        self.fail(f"Unexpected character ('{character}' (code {ord(character)})): {wanted}", self.at)

    def node(self, kind: str, value: Any, start: int, end: int, text: str = "") -> Node:
        return Node(kind, value, *self.position(start), *self.position(end), text)

    def value(self, depth: int, opened: int | None = None) -> Node:
        character = self.skip()
        start = self.at
        if not character:
            self.end("within/between Object entries" if opened is not None else "", None)
        if character in "{[":
            if depth >= MAX_DEPTH:
                raise StreamConstraints(
                    f"Document nesting depth ({depth + 1}) exceeds the maximum allowed ({MAX_DEPTH}, from "
                    "`StreamReadConstraints.getMaxNestingDepth()`)"
                )
            self.at += 1
            return self.object(start, depth) if character == "{" else self.array(start, depth)
        if character == '"':
            text = self.string()
            return self.node("string", text, start, self.at)
        if character == "-" or character.isdecimal():
            return self.number(start)
        return self.word(start, character)

    def word(self, start: int, character: str) -> Node:
        for word, value in _WORDS.items():
            if self.text.startswith(word, start):
                after = self.text[start + len(word) : start + len(word) + 1]
                if after.isalnum() or (after in ("_", "$") and after):
                    break
                self.at = start + len(word)
                return self.node("null" if value is None else word, value, start, self.at)
        match = re.match(r"[A-Za-z_$][A-Za-z0-9_$]*", self.text[start : start + 256])
        if match:
            self.fail(
                f"Unrecognized token '{match[0]}': was expecting (JSON String, Number, Array, Object or token 'null', "
                "'true' or 'false')",
                start + len(match[0]) + 1,
            )
        return self.unexpected(
            character, "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
        )

    def number(self, start: int) -> Node:
        match = _NUMBER.match(self.text, start)
        if not match:
            self.at += 1
            self.unexpected(self.text[self.at : self.at + 1] or "-", "Expected digit (0-9) to follow minus sign")
        assert match is not None
        self.at = match.end()
        after = self.text[self.at : self.at + 1]
        if after and after not in ",]} \t\r\n":
            if match[0] in ("0", "-0") and after.isdecimal():
                self.fail("Invalid numeric value: Leading zeroes not allowed", self.at + 1)
            self.unexpected(after, "Expected space separating root-level values or a separator after a number")
        whole = not (match[1] or match[2])
        return self.node("number", _integer(match[0]) if whole else float(match[0]), start, self.at, match[0])

    def string(self) -> str:
        at = self.at + 1
        parts: list[str] = []
        while True:
            match = _PLAIN.match(self.text, at)
            assert match is not None
            parts.append(match[0])
            at = match.end()
            character = self.text[at : at + 1]
            if character == '"':
                self.at = at + 1
                return "".join(parts)
            if not character:
                self.end("in VALUE_STRING")
            if character != "\\":
                self.fail(
                    f"Illegal unquoted character ((CTRL-CHAR, code {ord(character)})): has to be escaped using "
                    "backslash to be included in string value",
                    at + 1,
                )
            escape = self.text[at + 1 : at + 2]
            if escape == "u":
                at, unit = self.unicode(at)
                parts.append(unit)
            elif escape in _ESCAPES and escape:
                parts.append(_ESCAPES[escape])
                at += 2
            elif not escape:
                self.end("in character escape sequence")
            else:
                self.fail(f"Unrecognized character escape '{escape}' (code {ord(escape)})", at + 2)

    def unicode(self, at: int) -> tuple[int, str]:
        digits = self.text[at + 2 : at + 6]
        if not re.fullmatch(r"[0-9a-fA-F]{4}", digits):
            self.fail("Unexpected character: expected a hex-digit for character escape sequence", at + 3)
        unit = int(digits, 16)
        if 0xD800 <= unit < 0xDC00:
            low = re.match(r"\\u([dD][c-fC-F][0-9a-fA-F]{2})", self.text[at + 6 : at + 12])
            if low:
                return at + 12, chr(0x10000 + ((unit - 0xD800) << 10) + int(low[1], 16) - 0xDC00)
        # A lone surrogate cannot be written as UTF-8 again; Java's encoder makes it a question mark.
        return at + 6, "?" if 0xD800 <= unit < 0xE000 else chr(unit)

    def object(self, start: int, depth: int) -> Node:
        node = self.node("object", None, start, start + 1)
        seen: set[str] = set()
        if self.skip() == "}":
            self.at += 1
            return node
        while True:
            character = self.skip()
            if not character:
                self.end("", start)
            if character != '"':
                self.unexpected(character, "was expecting double-quote to start field name")
            key_at = self.at
            key = self.string()
            if key in seen:
                self.fail(f"Duplicate field '{key}'", self.at)
            seen.add(key)
            if (character := self.skip()) != ":":
                if not character:
                    self.end("within/between Object entries")
                self.unexpected(character, "was expecting a colon to separate field name and value")
            self.at += 1
            node.members.append((key, self.value(depth + 1, start), *self.position(key_at)))
            character = self.skip()
            if character == "}":
                self.at += 1
                return node
            if character != ",":
                if not character:
                    self.end("", start)
                self.unexpected(character, "was expecting comma to separate Object entries")
            self.at += 1

    def array(self, start: int, depth: int) -> Node:
        node = self.node("array", None, start, start + 1)
        if self.skip() == "]":
            self.at += 1
            return node
        while True:
            node.items.append(self.value(depth + 1, start))
            character = self.skip()
            if character == "]":
                self.at += 1
                return node
            if character != ",":
                if not character:
                    self.end("", start)
                self.unexpected(character, "was expecting comma to separate Array entries")
            self.at += 1


def _integer(digits: str) -> int:
    """Any length: Python refuses more than 4,300 digits in one go, and a quadratic parse is not wanted either."""
    if len(digits) > 1000:
        raise StreamConstraints(f"Number value length ({len(digits)}) exceeds the maximum allowed (1000)")
    return int(digits)
