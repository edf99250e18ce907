"""Reading request bodies from ASGI with a size limit. Deadlines are the protocol's: fairlead.api.server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fairlead.errors import StatusFault

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Disconnected(Exception):
    """The caller went away before the body was complete."""


async def read_body(receive: Receive, max_bytes: int) -> bytes:
    """Raises StatusFault 413, or Disconnected."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        return body if len(body) <= max_bytes else _refuse(max_bytes)
    parts, size = [body], len(body)
    while message.get("more_body", False):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > max_bytes:
            _refuse(max_bytes)
    return b"".join(parts)


def _refuse(max_bytes: int) -> bytes:
    raise StatusFault(f"The request body is larger than {max_bytes} bytes", 413)
