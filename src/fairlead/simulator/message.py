"""Requests as the simulator read them and replies as it will send them, faults included; knows no socket and no provider."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs
from zlib import crc32

import orjson

JSON = "application/json"
EVENT_STREAM = "text/event-stream"
AWS_STREAM = "application/vnd.amazon.eventstream"
NO_BODY = frozenset({204, 304})
"""Statuses whose replies end with their head (RFC 9110 6.4.1)."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `target` is as received, `path` the part of it before `?`; `headers` keep order, case and duplicates,
    `fields` maps lower-case names to the last value. Header text is Latin-1, which maps bytes one to one."""

    method: str
    target: str
    path: str
    headers: tuple[tuple[str, str], ...]
    fields: Mapping[str, str]
    body: bytes

    def query(self) -> dict[str, str]:
        """The first value of every query parameter, decoded; blank values are kept."""
        if "?" not in self.target:
            return {}
        text = self.target.partition("?")[2].partition("#")[0]
        return {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}

    def text(self) -> str:
        return self.body.decode("utf-8", "backslashreplace")

    def json(self) -> Any:
        """The body as JSON, None when it is empty or no JSON. Integers keep all their digits."""
        if not self.body:
            return None
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    def echo(self) -> dict[str, object]:
        return {"method": self.method, "path": self.target, "headers": dict(self.fields), "body": self.text()}


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply. `chunks`, when given, stand for the body and go out one chunk a write, `pause` seconds apart.

    Faults: `delay` seconds before the first byte; `drop` closes without one; `truncate` announces the whole body, sends
    that many bytes of it and closes.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    chunks: tuple[bytes, ...] | None = None
    pause: float = 0.0
    delay: float = 0.0
    drop: bool = False
    truncate: int | None = None


class Refused(Exception):
    """What a handler will not answer; the provider in front puts it into its own error body.

    `parameter` is the member of the body at fault, `code` and `kind` the provider's words for the fault where it has any.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        parameter: str | None = None,
        code: str | None = None,
        kind: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.parameter = parameter
        self.code = code
        self.kind = kind


def answer(value: object, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    """JSON in ASCII, any number that Python can hold."""
    return Reply(status, json.dumps(value).encode("ascii"), headers=headers)


def numbers(value: object) -> Reply:
    """JSON with many numbers in it, by the fast encoder where it can (it refuses half characters)."""
    try:
        return Reply(body=orjson.dumps(value))
    except orjson.JSONEncodeError:
        return answer(value)


def events(*payloads: object, names: bool = False, end: bytes = b"") -> Reply:
    """Server-sent events, one a chunk. With `names` the event is called as its payload's `type` says."""
    lines = []
    for payload in payloads:
        name = f"event: {payload['type']}\n" if names and isinstance(payload, Mapping) else ""
        lines.append(f"{name}data: {json.dumps(payload)}\n\n".encode("ascii"))
    if end:
        lines.append(end)
    return Reply(content_type=EVENT_STREAM, chunks=tuple(lines))


def aws_event(name: str, payload: object) -> bytes:
    """One message of AWS's binary event stream, its headers all texts (type 7)."""
    headers = {":event-type": name, ":content-type": JSON, ":message-type": "event"}
    block = b"".join(
        bytes([len(key)]) + key.encode() + b"\x07" + len(value).to_bytes(2, "big") + value.encode()
        for key, value in headers.items()
    )
    body = json.dumps(payload).encode("ascii")
    prelude = (16 + len(block) + len(body)).to_bytes(4, "big") + len(block).to_bytes(4, "big")
    message = prelude + crc32(prelude).to_bytes(4, "big") + block + body
    return message + crc32(message).to_bytes(4, "big")
