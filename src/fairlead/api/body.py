"""Reading request bodies from ASGI with a size limit and a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from fairlead.errors import StatusFault

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """Largest body in bytes, and seconds until it must be there."""

    max_bytes: int = 32 * 1024 * 1024
    seconds: float = 30.0


class Disconnected(Exception):
    """The caller went away before the body was complete."""


async def read_body(receive: Receive, limits: BodyLimits) -> bytes:
    """Raises StatusFault 413 or 408, or Disconnected."""
    message = await _first(receive, limits)
    if not message.get("more_body", False):
        return _checked(message.get("body", b""), limits)
    parts = [message.get("body", b"")]
    size = len(parts[0])
    try:
        async with asyncio.timeout(limits.seconds):
            while message.get("more_body", False):
                message = await _next(receive)
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > limits.max_bytes:
                    break
    except TimeoutError:
        raise _late(limits) from None
    return _checked(b"".join(parts), limits)


async def _first(receive: Receive, limits: BodyLimits) -> Message:
    try:
        async with asyncio.timeout(limits.seconds):
            return await _next(receive)
    except TimeoutError:
        raise _late(limits) from None


async def _next(receive: Receive) -> Message:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Disconnected
    return message


def _late(limits: BodyLimits) -> StatusFault:
    return StatusFault(f"The request body did not arrive within {limits.seconds:g} seconds", 408)


def _checked(body: bytes, limits: BodyLimits) -> bytes:
    if len(body) > limits.max_bytes:
        raise StatusFault(f"The request body is larger than {limits.max_bytes} bytes", 413)
    return body
