"""Replies in YAML, written as Jackson writes it: texts in double quotes, lists at their parent's indent (spec/01 5.5).

It reads no YAML.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_PLAIN_KEY = re.compile(r"[A-Za-z_$.][A-Za-z0-9_$./-]*", re.ASCII)
_RESERVED = frozenset({"true", "false", "null", "y", "n", "yes", "no", "on", "off"})
"""Words, in any case, that some reader of YAML takes for a boolean or null."""
_ESCAPED = re.compile('[\x00-\x1f"\\\\\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0", "\b": "\\b"}


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
    return key if _PLAIN_KEY.fullmatch(key) and key.lower() not in _RESERVED else _quoted(key)


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
