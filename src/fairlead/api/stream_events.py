"""The events of a streamed prediction as bytes (spec/02 9): text, the end, an error, a sign of life."""

from __future__ import annotations

from collections.abc import Iterable

import orjson

_BEFORE = b'data: {"inference_results":[{"output":[{"name":"response","dataAsMap":{"content":'
_AFTER = b',"is_last":false}}]}]}\n\n'
LAST = b'data: {"inference_results":[{"output":[{"name":"response","dataAsMap":{"content":"","is_last":true}}]}]}\n\n'
HEARTBEAT = b":\n\n"
"""A comment, which readers pass over (HTML 9.2.6)."""


def content(texts: Iterable[str]) -> bytes:
    """One event for each piece of text, as one block of bytes."""
    return b"".join([_BEFORE + _text(text) + _AFTER for text in texts])


def failed(reason: str | None) -> bytes:
    """The last event of a stream that failed."""
    return b'data: {"error": ' + _text(reason or "Request failed") + b"}\n\n"


def _text(text: str) -> bytes:
    try:
        return orjson.dumps(text)
    except TypeError:  # half of a surrogate pair, which JSON escapes can say and UTF-8 cannot
        return orjson.dumps(text.encode("utf-8", "replace").decode())
