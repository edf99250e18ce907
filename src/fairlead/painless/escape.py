"""The `escape` function that scripts may call without defining it; decides by text alone, as the original does.

Spec 04 sections 1.3 and 16.4.
"""

from __future__ import annotations

import re

_CALL = re.compile(r"\bescape\s*\(")
_DEFINED_BEFORE = re.compile(r"\bString\s+\Z")
_DEFINITION = re.compile(r"String\s+escape\s*\(\s*(?:def|String)\s+.*?\)\s*\{?")


def _escape(head: str, rows: tuple[tuple[str, str], ...]) -> str:
    """The text of the function: each row is what is sought and what replaces it, as written in a script."""
    steps = "".join(
        f'    if (input.contains("{sought}")) {{\n        input = input.replace("{sought}", "{given}");\n    }}\n'
        for sought, given in rows
    )
    return f"{head}\n{steps}    return input;\n}}\n"


_BACKSLASH = ("\\\\", "\\\\\\\\")
_QUOTE = ('\\"', '\\\\\\"')


def _control(raw: str, letter: str) -> tuple[str, str]:
    return (raw, "\\\\" + letter)


ORIGINAL_ESCAPE = _escape(
    "String escape(def input) {" + " " * 8,
    (
        _BACKSLASH,
        _QUOTE,
        _control("\r", "r"),
        ("\\\\t", "\\\\\\\\\\\\t"),
        _control("\n", "n"),
        _control("\b", "b"),
        _control("\f", "f"),
    ),
).ljust(669)
"""Behaves as the original's: a real TAB is left alone, a backslash before a `t` is multiplied (D-18).

The blanks make it as long as the original's and put its first statement where that is, so that positions of errors
agree.
"""

PROPER_ESCAPE = _escape(
    "String escape(def input) {",
    (
        _BACKSLASH,
        _QUOTE,
        _control("\r", "r"),
        _control("\t", "t"),
        _control("\n", "n"),
        _control("\b", "b"),
        _control("\f", "f"),
    ),
)
"""Escapes what JSON needs escaped that occurs in texts, each character once (D-18)."""


def calls_escape(source: str) -> bool:
    """Whether the text calls `escape` and does not define it."""
    if "escape" not in source or _DEFINITION.search(source):
        return False
    return any(not _DEFINED_BEFORE.search(source, 0, found.start()) for found in _CALL.finditer(source))


def with_default_escape(source: str, proper: bool) -> str:
    """The script with `escape` in front of it when it needs it; positions of errors count from the start of the result."""
    if not calls_escape(source):
        return source
    return (PROPER_ESCAPE if proper else ORIGINAL_ESCAPE) + source
