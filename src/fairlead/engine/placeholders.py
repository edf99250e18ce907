"""Where placeholders stand in a text: `${parameters.NAME}`, `${parameters.NAME:-default}`, `${credential.NAME}`.

Scans only; what a placeholder becomes is decided by template, url and headers. The substitutor's escape character is
not honoured: a `$` before a placeholder is a currency sign (D-11).
"""

from __future__ import annotations

from dataclasses import dataclass

PARAMETERS = "${parameters."
CREDENTIAL = "${credential."

_TO_STRING = ".toString()"


@dataclass(frozen=True, slots=True)
class Placeholder:
    """`source` is the whole text with its braces; `stringify` marks `.toString()` names (spec/03 2.4)."""

    name: str
    default: str | None
    source: str
    stringify: bool = False


def scan(text: str, prefix: str = PARAMETERS) -> list[str | Placeholder]:
    """Literal parts and placeholders of `text` in order. A name runs to the first closing brace (spec/03 2.2)."""
    parts: list[str | Placeholder] = []
    at = 0
    while (start := text.find(prefix, at)) >= 0:
        end = text.find("}", start)
        if end < 0:
            break
        if start > at:
            parts.append(text[at:start])
        parts.append(_placeholder(text[start + len(prefix) : end], text[start : end + 1]))
        at = end + 1
    if at < len(text):
        parts.append(text[at:])
    return parts


def _placeholder(expression: str, source: str) -> Placeholder:
    delimiter = expression.find(":-")
    nested = expression.find("${")
    if delimiter >= 0 and not 0 <= nested < delimiter:
        name, default = expression[:delimiter], expression[delimiter + 2 :]
    else:
        name, default = expression, None
    if name.endswith(_TO_STRING):
        return Placeholder(name[: -len(_TO_STRING)], default, source, True)
    return Placeholder(name, default, source)
