"""Jackson's strict JSON parser as a tree whose tokens know where they stand, for errors that name line and column.

Faults are worded as Jackson words them; text after the first value is not read, as in the original. Not for hot
paths: those decode with faster parsers and come here only to say what is wrong.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Container
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
    position after its first token. `text` is the number as written, `value` the plain value of everything inside."""

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
    return _Parser(text).document()


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


_CLOSE = {"object": "}", "array": "]"}
_NAME = {"object": "Object", "array": "Array"}


@dataclass(slots=True)
class _Open:
    """A container whose end was not read yet, and the member that is being read: its name and where that stands."""

    node: Node
    key: tuple[str, int] | None


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.breaks = [match.start() for match in re.finditer("\n", text)]

    def position(self, at: int) -> tuple[int, int]:
        line = bisect_left(self.breaks, at)
        return line + 1, at - (self.breaks[line - 1] if line else -1)

    def fail(self, message: str, at: int, cls: type[FairleadError] = JsonSyntax, *, read: int = 0) -> NoReturn:
        """`read` characters from `at` on were read already; a line feed among them does not begin a line."""
        line, col = self.position(at)
        raise cls(f"{message}\n at {_SOURCE.format(line, col + read)}")

    def end(self, what: str) -> NoReturn:
        blank = "" if what.startswith(":") else " "
        self.fail(f"Unexpected end-of-input{blank}{what}", len(self.text), JsonTruncated)

    def skip(self) -> str:
        match = _BLANK.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.text[self.at] if self.at < len(self.text) else ""

    def unexpected(self, character: str, wanted: str) -> NoReturn:
        self.fail(f"Unexpected character ('{character}' (code {ord(character)})): {wanted}", self.at)

    def node(self, kind: str, value: Any, start: int, end: int, text: str = "") -> Node:
        return Node(kind, value, *self.position(start), *self.position(end), text)

    def document(self) -> Node:
        """Containers wait on a list of their own: nesting costs no Python frames, so MAX_DEPTH is the only bound."""
        opened: list[_Open] = []
        while True:
            node = self.token(opened)
            if node.kind in _CLOSE and self.inside(node) != _CLOSE[node.kind]:
                opened.append(_Open(node, self.key() if node.kind == "object" else None))
                continue
            if node.kind in _CLOSE:
                self.at += 1
            while opened:
                holder = opened[-1]
                self.put(holder, node)
                if self.follows(holder.node):
                    if holder.node.kind == "object":
                        holder.key = self.key(holder.node.value)
                    break
                node = opened.pop().node
            else:
                return node

    def token(self, opened: list[_Open]) -> Node:
        """A scalar, or the start of a container."""
        character = self.skip()
        start = self.at
        if not character:
            self.end(f"within/between {_NAME[opened[-1].node.kind]} entries" if opened else "")
        if character in "{[":
            if len(opened) >= MAX_DEPTH:
                raise StreamConstraints(
                    f"Document nesting depth ({len(opened) + 1}) exceeds the maximum allowed ({MAX_DEPTH}, from "
                    "`StreamReadConstraints.getMaxNestingDepth()`)"
                )
            self.at += 1
            return self.node(*(("object", {}) if character == "{" else ("array", [])), start, self.at)
        if character == '"':
            text = self.string()
            return self.node("string", text, start, self.at)
        if character == "-" or character.isdecimal():
            return self.number(start)
        return self.word(start, character)

    def put(self, holder: _Open, node: Node) -> None:
        if holder.key is None:
            holder.node.items.append(node)
            holder.node.value.append(node.value)
        else:
            name, at = holder.key
            holder.node.members.append((name, node, *self.position(at)))
            holder.node.value[name] = node.value

    def follows(self, holder: Node) -> bool:
        """Reads what stands after a member: True for a comma, False for the end of its container."""
        character = self.inside(holder)
        if character not in (_CLOSE[holder.kind], ","):
            self.unexpected(character, f"was expecting comma to separate {_NAME[holder.kind]} entries")
        self.at += 1
        return character == ","

    def inside(self, holder: Node) -> str:
        """The next character, which a container that was not closed cannot lack."""
        character = self.skip()
        if not character:
            start = _SOURCE.format(holder.line, holder.col)
            self.end(f": expected close marker for {_NAME[holder.kind]} (start marker at {start})")
        return character

    def key(self, seen: Container[str] = ()) -> tuple[str, int]:
        """A member's name with its colon, and where it starts."""
        character = self.skip()
        if not character:
            self.end("within/between Object entries")
        if character != '"':
            self.unexpected(character, "was expecting double-quote to start field name")
        start = self.at
        name = self.string()
        if name in seen:
            self.fail(f"Duplicate field '{name}'", self.at)
        if (character := self.skip()) != ":":
            if not character:
                self.end("within/between Object entries")
            self.unexpected(character, "was expecting a colon to separate field name and value")
        self.at += 1
        return name, start

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
                start,
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
                self.fail("Invalid numeric value: Leading zeroes not allowed", self.at, read=1)
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
                    at,
                    read=1,
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
                self.fail(f"Unrecognized character escape '{escape}' (code {ord(escape)})", at, read=2)

    def unicode(self, at: int) -> tuple[int, str]:
        digits = self.text[at + 2 : at + 6]
        if not re.fullmatch(r"[0-9a-fA-F]{4}", digits):
            self.fail("Unexpected character: expected a hex-digit for character escape sequence", at, read=3)
        unit = int(digits, 16)
        if 0xD800 <= unit < 0xDC00:
            low = re.match(r"\\u([dD][c-fC-F][0-9a-fA-F]{2})", self.text[at + 6 : at + 12])
            if low:
                return at + 12, chr(0x10000 + ((unit - 0xD800) << 10) + int(low[1], 16) - 0xDC00)
        # A lone surrogate cannot be written as UTF-8 again; Java's encoder makes it a question mark.
        return at + 6, "?" if 0xD800 <= unit < 0xE000 else chr(unit)


def _integer(digits: str) -> int:
    """Any length: Python refuses more than 4,300 digits in one go, and a quadratic parse is not wanted either."""
    if len(digits) > 1000:
        raise StreamConstraints(f"Number value length ({len(digits)}) exceeds the maximum allowed (1000)")
    return int(digits)
