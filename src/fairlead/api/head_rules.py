"""What a request's head may be: its sizes, its version, its framing. A head that two parsers could read in two ways is refused.

What httptools refuses by itself never comes here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import httptools

MAX_HEAD = 64 * 1024
MAX_TARGET = 16 * 1024
MAX_HEADERS = 200
HEAD_TOO_LARGE = (431, "The request head is larger than 64 kB")
FRAMING = frozenset({b"host", b"transfer-encoding", b"expect"})
"""Headers that are judged by their values."""
_HOST = re.compile(rb"[A-Za-z0-9._~!$&'()*+,;=%:\[\]-]*", re.ASCII)

Field = tuple[bytes, bytes]


def head_fault(
    parser: httptools.HttpRequestParser,
    target: bytes,
    headers: Sequence[Field],
    framing: Sequence[Field],
    *,
    large: bool,
) -> tuple[int, str] | None:
    """Status and text for a head that must not be served. `framing` are those of the headers that FRAMING names; `large`:
    the bytes that brought the head were more than MAX_HEAD."""
    if len(target) > MAX_TARGET:
        return 414, f"The request target is longer than {MAX_TARGET} bytes"
    if len(headers) > MAX_HEADERS:
        return 431, f"The request has more than {MAX_HEADERS} headers"
    if large and sum(len(name) + len(value) for name, value in headers) > MAX_HEAD:
        return HEAD_TOO_LARGE
    if parser.get_method() == b"CONNECT":
        return 405, "CONNECT is not supported"
    version = parser.get_http_version()
    if version not in ("1.1", "1.0"):
        return 505, f"HTTP version {version} is not supported"
    hosts = 0
    for name, value in framing:
        if name == b"host":
            hosts += 1
            if hosts > 1 or not _HOST.fullmatch(value):  # RFC 9112 3.2
                return 400, "The Host header must be given once and name a host"
        elif name == b"transfer-encoding":
            if value.lower() != b"chunked" or version == "1.0":  # RFC 9112 6.1
                return 400, "Transfer-Encoding must be chunked, in HTTP/1.1"
        elif value.lower() != b"100-continue":
            return 417, "Only the expectation 100-continue is understood"
    if not hosts and version == "1.1":
        return 400, "The Host header is missing"
    return None
