"""Answers to HTTP/1.0 whose length is not known beforehand: they go out as they are and end with the connection.

Its callers know no chunks (RFC 9112 6.1), which uvicorn would send them. It changes no answer that has a length.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


def unframed(cycle: RequestResponseCycle) -> Callable[[Any], Coroutine[Any, Any, None]]:
    """What an application sends to, in the place of the cycle's own `send`."""
    send, sized = cycle.send, True

    async def sent(message: Any) -> None:
        nonlocal sized
        if message["type"] == "http.response.start":
            sized = any(name.lower() == b"content-length" for name, _ in message.get("headers", ()))
            if not sized:
                cycle.chunked_encoding = False
        elif message["type"] == "http.response.body" and not sized:
            # uvicorn counts what is no chunk off the length that was announced.
            cycle.expected_content_length = len(message.get("body", b""))
        await send(message)

    return sent
