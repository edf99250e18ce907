"""What a local guard reads of a body: the whole text, in every way its receiver may read it, or the named fields of it.

It decides nothing; it only makes texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from fairlead.engine.jsonpath import Path
from fairlead.errors import PathNotFound

_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def inspected(body: bytes, charset: str | None, fields: Sequence[Path]) -> list[str]:
    """Each text that must pass. Fields that are not there leave the whole body to be read: a guard never opens."""
    if fields:
        try:
            found = [text for path in fields for text in _at(path, orjson.loads(body))]
        except orjson.JSONDecodeError:
            found = []
        if found:
            return found
    readings = [body.decode("utf-8", "replace")]
    # The charset is the caller's to choose (spec/02 3.9), and a provider reads UTF-8 whatever it was told.
    if charset is not None:
        readings.append(body.decode(charset, "replace"))
    readings += [unescaped(text) for text in readings if "\\" in text]
    return list(dict.fromkeys(readings))


def unescaped(text: str) -> str:
    """The text with JSON's escapes read: `k\\u0069ll` is a way to write kill that a pattern would not see."""
    plain = _ESCAPE.sub(_character, text)
    if any("\ud800" <= character <= "\udfff" for character in plain):
        plain = plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return plain


def _character(found: re.Match[str]) -> str:
    code = found[1]
    return chr(int(code[1:], 16)) if len(code) > 1 else _CONTROLS.get(code, code)


def _at(path: Path, document: Any) -> Iterator[str]:
    try:
        yield from _texts(path.read(document))
    except PathNotFound:
        return


def _texts(value: Any) -> Iterator[str]:
    """Texts as they are, lists item by item; anything else as JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif value is not None:
        yield orjson.dumps(value).decode()
