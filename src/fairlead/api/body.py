"""Reading request bodies from ASGI: bounded in size before and while they come, without their coding.

Deadlines are the protocol's: fairlead.api.server.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any

from fairlead.api.coding import decoded
from fairlead.api.request import content_type_fault
from fairlead.errors import StatusFault

Scope = MutableMapping[str, Any]
"""What ASGI tells of a request before its body."""
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Fields = Mapping[bytes, bytes]
"""Headers by name, of those given twice the last: made once for a request, where one look at each name is enough."""


class Disconnected(Exception):
    """The caller went away before the body was complete."""


async def read_body(
    headers: Iterable[tuple[bytes, bytes]], receive: Receive, max_bytes: int, fields: Fields | None = None
) -> bytes:
    """The body without its coding, of a type that is read here. `fields`: the headers by name, where they are at hand.

    Raises StatusFault 413 (by its announced length before any of it is read) or 400, PlainFault 406 or 415,
    ContentTypeHeader, and Disconnected.
    """
    if fields is None:
        fields = dict(headers)
    kind, length = fields.get(b"content-type"), int(fields.get(b"content-length", b"0"))
    waits, coding = b"expect" in fields, ""
    if b"content-encoding" in fields:
        coding = ", ".join(value.decode("latin-1") for name, value in headers if name == b"content-encoding")
    if length > max_bytes:
        # Who waits for "100 Continue" may or may not send the body now: only a closed connection is unambiguous
        # (RFC 9110 10.1.1). Others go on sending; the protocol drops what comes, within bounds.
        raise _too_large(max_bytes, {"Connection": "close"} if waits else {})
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    body: bytes = message.get("body", b"")
    if message.get("more_body", False):
        body = await _whole(body, receive, max_bytes)
    elif len(body) > max_bytes:
        raise _too_large(max_bytes, {})
    if coding:
        body = await decoded(body, coding, max_bytes)
    if not body or kind == b"application/json":
        return body
    if (fault := content_type_fault(None if kind is None else kind.decode("latin-1"))) is not None:
        raise fault
    return body


async def _whole(first: bytes, receive: Receive, max_bytes: int) -> bytes:
    """A body that comes in pieces, of which one is here."""
    parts, size, more = [first], len(first), True
    while more:
        if size > max_bytes:
            raise _too_large(max_bytes, {})
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
    if size > max_bytes:
        raise _too_large(max_bytes, {})
    return b"".join(parts)


def _too_large(max_bytes: int, headers: dict[str, str]) -> StatusFault:
    return StatusFault(f"The request body is larger than {max_bytes} bytes", 413, headers=headers)
