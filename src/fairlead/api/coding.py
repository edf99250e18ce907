"""Content codings of requests and replies (RFC 9110 8.4): inflates within bounds, compresses when asked.

Refuses to expand a body past its limit or past a ratio that no JSON has, and to touch replies that stream.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from functools import lru_cache
from typing import Any

from fairlead.api.answer import Answer
from fairlead.errors import PlainFault, StatusFault

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

MAX_RATIO = 200
"""How many times its size a body may grow, once it is past FREE_BYTES; deflate's own limit is about 1,030."""
FREE_BYTES = 1 << 20
MAX_MEMBERS = 64
"""Gzip members in one body (RFC 1952 2.2); each costs a copy of what follows it."""
MIN_REPLY = 1400
"""Replies below it fit into one packet either way."""
LEVEL = 1
"""Replies are numbers and text that come once: the fastest level takes most of the gain."""

_GZIP, _ZLIB, _RAW = 31, 15, -15
_CODINGS = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": _ZLIB}
ACCEPTED = {"Accept-Encoding": "gzip, deflate"}
_SLICE = 64 * 1024
_INLINE_REQUEST = 4 * 1024
_INLINE_REPLY = 64 * 1024
"""What is coded on the event loop, in bytes; more goes to a thread, where zlib lets go of the interpreter."""
_GZIPPED = ((b"content-encoding", b"gzip"), (b"vary", b"Accept-Encoding"))


async def decoded(body: bytes, coding: str, max_bytes: int) -> bytes:
    """The body without its `Content-Encoding`. Raises PlainFault 415, StatusFault 413 (too large) or 400 (no such data)."""
    name = coding.strip().lower()
    if name in ("", "identity") or not body:
        return body
    if name not in _CODINGS:
        raise PlainFault(f"Content-Encoding [{coding}] is not supported", 415, headers=ACCEPTED)
    if len(body) <= _INLINE_REQUEST:
        return inflate(body, name, max_bytes)
    return await asyncio.to_thread(inflate, body, name, max_bytes)


def inflate(body: bytes, coding: str, max_bytes: int) -> bytes:
    """At most `max_bytes`, made piece by piece; errors as of `decoded`."""
    wbits = _CODINGS[coding]
    if wbits == _ZLIB and not _is_zlib(body):
        wbits = _RAW  # RFC 9110 8.4.1.2: some send deflate without its zlib frame
    most = min(max_bytes, max(FREE_BYTES, MAX_RATIO * len(body)))
    parts: list[bytes] = []
    size, members, reader = 0, 1, zlib.decompressobj(wbits)
    try:
        for start in range(0, len(body), _SLICE):
            data = body[start : start + _SLICE]
            while data:
                if reader.eof:
                    members += 1
                    if wbits != _GZIP or members > MAX_MEMBERS:
                        raise StatusFault(f"The request body goes on after its {coding} data", 400)
                    reader = zlib.decompressobj(wbits)
                parts.append(reader.decompress(data, most - size + 1))
                size += len(parts[-1])
                if size > most:
                    _refuse(coding, most, max_bytes)
                data = reader.unused_data
    except zlib.error:
        raise StatusFault(f"The request body is not valid {coding} data", 400) from None
    if not reader.eof:
        raise StatusFault(f"The request body ends inside its {coding} data", 400)
    return b"".join(parts)


def _is_zlib(body: bytes) -> bool:
    """RFC 1950 2.2: method 8, and a check of the first two bytes."""
    return len(body) >= 2 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0


def _refuse(coding: str, most: int, max_bytes: int) -> None:
    if most == max_bytes:
        raise StatusFault(f"The request body is larger than {max_bytes} bytes without its {coding} coding", 413)
    raise StatusFault(f"The request body expands to more than {MAX_RATIO} times its size", 400)


def wants_gzip(fields: Mapping[bytes, bytes]) -> bool:
    """Whether the caller takes gzip (RFC 9110 12.5.3). `fields` are the headers by name."""
    value = fields.get(b"accept-encoding")
    return value is not None and _takes_gzip(value)


@lru_cache(256)
def _takes_gzip(header: bytes) -> bool:
    wishes: dict[str, bool] = {}
    for part in header.decode("latin-1").lower().split(","):
        name, _, parameter = part.partition(";")
        key, _, weight = parameter.partition("=")
        wishes[name.strip()] = key.strip() != "q" or weight.strip().rstrip("0") not in ("", ".", "0.", "0")
    return wishes.get("gzip", wishes.get("x-gzip", wishes.get("*", False)))


async def shrunk(answer: Answer) -> Answer:
    """The same answer in gzip if that is worth it."""
    if len(answer.body) < MIN_REPLY or not _may_shrink(answer.headers):
        return answer
    return Answer(answer.status, *await _compressed(answer.headers, answer.body))


class GzipSend:
    """An ASGI `send` that compresses a reply that is whole and worth it; others pass."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if _may_shrink(message["headers"]):
                self._start = message
                return
        elif self._start is not None:
            start, self._start = self._start, None
            body = message.get("body", b"")
            if not message.get("more_body", False) and len(body) >= MIN_REPLY:
                headers, packed = await _compressed(start["headers"], body)
                start, message = {**start, "headers": headers}, {"type": "http.response.body", "body": packed}
            await self._send(start)
        await self._send(message)


def _may_shrink(headers: Headers) -> bool:
    """A reply without a length streams: its head must not wait for the body."""
    sized = False
    for name, value in headers:
        key = name.lower()
        if key == b"content-encoding":
            return False
        if key == b"content-length":
            sized = int(value) >= MIN_REPLY
    return sized


async def _compressed(headers: Headers, body: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
    if len(body) <= _INLINE_REPLY:
        packed = zlib.compress(body, LEVEL, _GZIP)
    else:
        packed = await asyncio.to_thread(zlib.compress, body, LEVEL, _GZIP)
    kept = [(name, value) for name, value in headers if name.lower() != b"content-length"]
    return [*kept, *_GZIPPED, (b"content-length", str(len(packed)).encode())], packed
