"""The `escape` function that scripts may call without defining it; decides by text alone, as the original does.

Spec 04 sections 1.3 and 16.4.
"""

from __future__ import annotations

import re

_CALL = re.compile(r"\bescape\s*\(")
_DEFINED_BEFORE = re.compile(r"\bString\s+\Z")
_DEFINITION = re.compile(r"String\s+escape\s*\(\s*(?:def|String)\s+.*?\)\s*\{?")

ORIGINAL_ESCAPE = (
    r'''String escape(def input) {
    if (input.contains("\\")) {
        input = input.replace("\\", "\\\\");
    }
    if (input.contains("\"")) {
        input = input.replace("\"", "\\\"");
    }
    if (input.contains("'''
    + "\r"
    + r'''")) {
        input = input.replace("'''
    + "\r"
    + r'''", "\\r");
    }
    if (input.contains("\\t")) {
        input = input.replace("\\t", "\\\\\\t");
    }
    if (input.contains("'''
    + "\n"
    + r'''")) {
        input = input.replace("'''
    + "\n"
    + r'''", "\\n");
    }
    if (input.contains("'''
    + "\b"
    + r'''")) {
        input = input.replace("'''
    + "\b"
    + r'''", "\\b");
    }
    if (input.contains("'''
    + "\f"
    + r'''")) {
        input = input.replace("'''
    + "\f"
    + r"""", "\\f");
    }
    return input;
}
"""
)
"""Behaves as the original's: a real TAB is left alone, and a backslash before a `t` is multiplied (D-18)."""

PROPER_ESCAPE = (
    r"""String escape(def input) {
    if (input.contains("\\")) {
        input = input.replace("\\", "\\\\");
    }
    if (input.contains("\"")) {
        input = input.replace("\"", "\\\"");
    }
"""
    + "".join(
        f'''    if (input.contains("{raw}")) {{
        input = input.replace("{raw}", "\\\\{shown}");
    }}
'''
        for raw, shown in (("\r", "r"), ("\t", "t"), ("\n", "n"), ("\b", "b"), ("\f", "f"))
    )
    + r"""    return input;
}
"""
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
