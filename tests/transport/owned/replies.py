"""Makes odd replies from a seed: well-formed ones and their neighbours, for the differential fuzz."""

from __future__ import annotations

import random

_STATUS = [
    "200 OK",
    "201 Created",
    "204 No Content",
    "206 ",
    "304 Not Modified",
    "404 Nope",
    "429 Slow",
    "500 Oops",
    "529 Busy",
]
_INTERIM = ["100 Continue", "102 Processing", "103 Early Hints"]


def make_reply(seed: int) -> tuple[bytes, bool]:
    """One reply's bytes, and whether the request was HEAD."""
    rnd = random.Random(seed)
    head_request = rnd.random() < 0.05
    data = b"".join(_message(rnd, rnd.choice(_INTERIM), interim=True) for _ in range(rnd.choice([0, 0, 0, 0, 1, 3])))
    data += _message(rnd, rnd.choice(_STATUS), interim=False)
    for _ in range(rnd.choice([0, 0, 0, 1, 1, 2])):
        data = _mutate(rnd, data)
    if rnd.random() < 0.1:
        data += rnd.choice([b"junk", b"\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", b"\0"])
    return data, head_request


def cut(data: bytes, seed: int) -> list[bytes]:
    """The bytes in random or single-byte pieces."""
    rnd = random.Random(seed)
    if rnd.random() < 0.3:
        return [data[at : at + 1] for at in range(len(data))]
    pieces = []
    while data:
        size = rnd.randint(1, max(1, min(len(data), rnd.choice([3, 10, 100]))))
        pieces.append(data[:size])
        data = data[size:]
    return pieces


def _message(rnd: random.Random, status: str, *, interim: bool) -> bytes:
    version = rnd.choices(["HTTP/1.1", "HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "http/1.1"], [90, 8, 1, 1, 1])[0]
    end = "\n" if rnd.random() < 0.02 else "\r\n"
    lines = [f"{version} {status}"]
    body = bytes(rnd.randrange(256) for _ in range(rnd.choice([0, 1, 5, 40])))
    wire = b""
    if not interim:
        framing, wire = _framing(rnd, body)
        lines += framing
    extras = [
        "X-A: 1",
        "X-E:",
        "x-b:  two ",
        "Set-Cookie: a=b",
        "Connection: close",
        "Connection: keep-alive",
        "X-F: a\r\n b",
    ]
    for extra in extras:
        if rnd.random() < (0.02 if "\r\n" in extra else 0.15):
            lines.insert(rnd.randint(1, len(lines)), extra)
    return (end.join(lines) + end + end).encode("latin-1") + wire


def _framing(rnd: random.Random, body: bytes) -> tuple[list[str], bytes]:
    kind = rnd.choices(
        ["length", "chunked", "close", "both", "twice", "list", "signed", "short", "long", "gzip", "spelling"],
        [35, 35, 10, 2, 2, 2, 2, 4, 4, 2, 2],
    )[0]
    size = len(body)
    if kind == "chunked":
        return ["Transfer-Encoding: " + rnd.choice(["chunked", "Chunked"])], _chunks(rnd, body)
    if kind == "both":
        return [f"Content-Length: {size}", "Transfer-Encoding: chunked"], _chunks(rnd, body)
    headers = {
        "length": [f"Content-Length: {size}"],
        "close": [],
        "twice": [f"Content-Length: {size}", f"Content-Length: {rnd.choice([size, size + 1])}"],
        "list": [f"Content-Length: {size}, {size}"],
        "signed": [f"Content-Length: {rnd.choice(['+', '-', ' 0x', '1e'])}{size}"],
        "short": [f"Content-Length: {max(0, size - 2)}"],
        "long": [f"Content-Length: {size + 2}"],
        "gzip": [
            "Transfer-Encoding: " + rnd.choice(["gzip", "gzip, chunked", "chunked, gzip", "identity", "xchunked"])
        ],
        "spelling": [f"Content-Length : {size}"],
    }[kind]
    return headers, body


def _chunks(rnd: random.Random, body: bytes) -> bytes:
    out = b""
    while body:
        size = rnd.randint(1, len(body))
        number = (
            f"{size:x}"
            if rnd.random() < 0.8
            else rnd.choice([f"{size:X}", f"{size:08x}", f"{size:x} ", f" {size:x}", f"0x{size:x}"])
        )
        extension = rnd.choices(["", ";a=b", ";a", ';a="q"', " ;a"], [90, 3, 3, 2, 2])[0]
        out += f"{number}{extension}\r\n".encode() + body[:size] + b"\r\n"
        body = body[size:]
    trailers = rnd.choices([b"", b"X-T: 1\r\n", b"Content-Length: 3\r\n"], [90, 7, 3])[0]
    return out + rnd.choices([b"0\r\n", b"00\r\n", b"0;x\r\n", b""], [94, 2, 2, 2])[0] + trailers + b"\r\n"


def _mutate(rnd: random.Random, data: bytes) -> bytes:
    if not data:
        return data
    at = rnd.randrange(len(data))
    match rnd.randrange(5):
        case 0:
            return data[:at]
        case 1:
            return data[:at] + bytes([rnd.randrange(256)]) + data[at + 1 :]
        case 2:
            return data[:at] + data[at + 1 :]
        case 3:
            return data[:at] + rnd.choice([b"\r", b"\n", b"\0", b" ", b":", b"\r\n", b"\t"]) + data[at:]
        case _:
            return data[:at] + data[at : at + 8] + data[at:]
