"""Streamed predicts for tests: a caller on a bare socket, the events it reads, and providers' bytes to send."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from zlib import crc32

from client import ML

PATIENCE = 30.0
SSE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
AWS_HEAD = SSE_HEAD.replace(b"text/event-stream", b"application/vnd.amazon.eventstream")
LAST_CHUNK = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """One chunk of a body (RFC 9112 7.1)."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def openai(text: str | None = None, **choice: Any) -> bytes:
    """One chunk of OpenAI's chat as a server-sent event."""
    delta = {} if text is None else {"content": text}
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta, **choice}]}).encode() + b"\n\n"


def aws_message(headers: dict[str, str], payload: bytes) -> bytes:
    """One message of AWS's event stream, all headers texts."""
    block = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    head = prelude + struct.pack(">I", crc32(prelude))
    return head + block + payload + struct.pack(">I", crc32(head + block + payload))


def converse(name: str, body: Any, kind: str = "event") -> bytes:
    label = ":event-type" if kind == "event" else ":exception-type"
    headers = {label: name, ":content-type": "application/json", ":message-type": kind}
    return aws_message(headers, json.dumps(body).encode())


class Caller:
    """One streamed predict on a socket of its own: its request is sent, its answer is read event by event."""

    def __init__(
        self, base: str, model: str, buffer: int | None = None, version: str = "1.1", more: str = "", **parameters: Any
    ) -> None:
        address = urlsplit(base)
        self.socket = socket.socket()
        if buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(PATIENCE)
        self.socket.connect((address.hostname, address.port))
        body = json.dumps({"parameters": parameters}).encode()
        head = (
            f"POST {ML}/models/{model}/_predict/stream HTTP/{version}\r\nHost: {address.netloc}\r\n"
            f"{more}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.socket.sendall(head.encode() + body)
        self._file = self.socket.makefile("rb")
        self.status = 0
        self.headers: dict[str, str] = {}

    def begin(self) -> int:
        """Reads the head; gives the status."""
        self.status = int(self._file.readline().split()[1])
        while line := self._file.readline().strip():
            name, _, value = line.decode().partition(":")
            assert name.lower() not in self.headers
            self.headers[name.lower()] = value.strip()
        return self.status

    def rest(self) -> bytes:
        """What comes until the connection ends."""
        return self._file.read()

    def blocks(self) -> Iterator[bytes]:
        """The chunks of the body, to its end."""
        while size := int(self._file.readline(), 16):
            yield self._file.read(size)
            self._file.readline()
        self._file.readline()

    def whole(self) -> Any:
        """The body of an answer that is no stream."""
        return json.loads(self._file.read(int(self.headers["content-length"])))

    def events(self) -> Iterator[Any]:
        """The data of each event; comments are given as None."""
        rest = b""
        for block in self.blocks():
            rest += block
            while b"\n\n" in rest:
                event, _, rest = rest.partition(b"\n\n")
                yield None if event.startswith(b":") else json.loads(event.removeprefix(b"data: "))

    def texts(self) -> list[str]:
        """What the stream said, piece by piece, to its regular end."""
        found = [part["inference_results"][0]["output"][0] for part in self.events() if part is not None]
        assert all(part["name"] == "response" for part in found)
        assert [part["dataAsMap"]["is_last"] for part in found] == [False] * (len(found) - 1) + [True]
        return [part["dataAsMap"]["content"] for part in found]

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def __enter__(self) -> Caller:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
