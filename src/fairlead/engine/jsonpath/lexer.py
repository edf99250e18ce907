"""A cursor over path text: characters, quoted names, numbers, JSON and regular expression literals. Knows no grammar."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

from fairlead.errors import InvalidPath
from fairlead.java.json import JsonFault, first_value

_NUMBER = re.compile(r"-?[0-9]*(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "b": "\b"}


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a filter; `text` is what it is compared with when the other side is a string."""

    value: int | float
    text: str


class Cursor:
    """Where the parser stands in a path. Every fault is an InvalidPath; nothing else is raised."""

    __slots__ = ("at", "depth", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    def fail(self, reason: str) -> NoReturn:
        raise InvalidPath(reason)

    def peek(self, ahead: int = 0) -> str:
        """The character `ahead` of the cursor, empty past the end."""
        at = self.at + ahead
        return self.text[at : at + 1]

    def skip_spaces(self) -> str:
        """Step over blanks; gives the character after them."""
        while self.text[self.at : self.at + 1] == " ":
            self.at += 1
        return self.text[self.at : self.at + 1]

    def take(self, wanted: str) -> bool:
        """Step over `wanted` if it stands here."""
        if self.text.startswith(wanted, self.at):
            self.at += len(wanted)
            return True
        return False

    def expect(self, wanted: str) -> None:
        self.skip_spaces()
        if not self.take(wanted):
            self.fail(f"Expected character: {wanted}")

    def quoted(self) -> str:
        """The text between the quote at the cursor and the next one of its kind, escapes resolved."""
        quote = self.peek()
        start = self.at + 1
        at = self._closing(start, quote)
        if at >= len(self.text):
            self.fail(f"Property has not been closed - missing closing {quote}")
        self.at = at + 1
        return unescaped(self.text[start:at])

    def number(self) -> Number:
        found = _NUMBER.match(self.text, self.at)
        shown = found.group() if found else ""
        try:
            value = int(shown) if shown.lstrip("-").isdigit() else float(shown)
        except ValueError:
            self.fail(f"Could not parse number at position {self.at}")
        if value - value != 0:
            self.fail(f"Number out of range at position {self.at}")
        self.at += len(shown)
        return Number(value, str(value) if isinstance(value, int) else str(Decimal(shown)))

    def json(self) -> Any:
        """The array or object literal at the cursor; strings may stand in single quotes."""
        end = self._json_end()
        text = self.text[self.at : end]
        try:
            value, _ = first_value(_double_quoted(text))
        except JsonFault as fault:
            raise InvalidPath(f"Could not parse JSON literal at position {self.at}") from fault
        self.at = end
        return value

    def _json_end(self) -> int:
        depth, at = 0, self.at
        while True:
            char = self.text[at : at + 1]
            if not char:
                self.fail(f"JSON literal not closed at position {self.at}")
            at += 1
            if char in "'\"":
                at = self._closing(at, char) + 1
            elif char in "[{":
                depth += 1
            elif char in "]}":
                depth -= 1
                if depth == 0:
                    return at

    def _closing(self, at: int, quote: str) -> int:
        """Where the next `quote` stands that no backslash hides; past the end if nowhere."""
        while at < len(self.text) and self.text[at] != quote:
            at += 2 if self.text[at] == "\\" else 1
        return at

    def regex(self) -> tuple[str, str]:
        """Body and flags of the `/body/flags` at the cursor."""
        start = self.at + 1
        at = self._closing(start, "/")
        if at >= len(self.text):
            self.fail(f"Pattern not closed at position {self.at}")
        end = at + 1
        while end < len(self.text) and self.text[end] in "idmsuxU":
            end += 1
        self.at = end
        return self.text[start:at], self.text[at + 1 : end]


def unescaped(text: str) -> str:
    """The name a quoted text means: `\\uXXXX`, the usual letters, and any other character after a backslash as it is."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else _CONTROLS.get(m[2], m[2]), text)


_SINGLE = re.compile(r"\"(?:[^\"\\]|\\.)*+\"|'((?:[^'\\]|\\.)*+)'", re.DOTALL)


def _double_quoted(text: str) -> str:
    return _SINGLE.sub(lambda m: m[0] if m[1] is None else json.dumps(unescaped(m[1])), text)
