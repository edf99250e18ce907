"""Plans the head of an outgoing request: which header lines go out, in which order and spelling.

It refuses (before a byte is sent) whatever would break the framing: a control character in any part, a name that is
no token, a header that only the adapter may set. It never repairs or strips. Both adapters send what is planned here,
so they are equal byte for byte.
"""

from __future__ import annotations

import re
from enum import IntEnum
from functools import lru_cache

from fairlead.transport.port import Call, Kind, Route, Stage, UpstreamError

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_METHOD = re.compile(rb"[A-Z][A-Z\-]*")
# RFC 9112 3.2 and 5.5: no whitespace or control in the target, no control but TAB in a value. `#` would end the target.
_TARGET = re.compile(rb"(?:/|\*$)[^\x00-\x20\x7f#]*")
_BAD_IN_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")

LENGTH = b"Content-Length"
DEFAULT_PORTS = {"http": 80, "https": 443}

# Framing and connection handling are ours (RFC 9112 6.1, 9.6); `Expect` would make the body wait for the provider.
OURS = frozenset({b"transfer-encoding", b"expect", b"upgrade", b"te", b"trailer", b"proxy-connection", b"keep-alive"})


class _Role(IntEnum):
    PLAIN = 0
    HOST = 1
    LENGTH = 2
    REFUSED = 3


def refused(reason: str) -> UpstreamError:
    """The fault of a call that cannot be put on the wire as it stands; nothing was sent."""
    return UpstreamError(Stage.SEND, Kind.PROTOCOL, reason, sent=False)


def refused_upload(length: int, where: str) -> UpstreamError:
    """The fault of an upload to `where` whose pieces are not `length` bytes together; some of them were sent."""
    return UpstreamError(
        Stage.SEND, Kind.PROTOCOL, f"The upload is not {length} bytes long as announced: {where}", sent=True
    )


@lru_cache(maxsize=1024)
def _role(name: bytes) -> _Role:
    if not _TOKEN.fullmatch(name):
        raise refused("a header name is not a token")
    lowered = name.lower()
    if lowered in OURS:
        return _Role.REFUSED
    return {b"host": _Role.HOST, b"content-length": _Role.LENGTH}.get(lowered, _Role.PLAIN)


def bracketed(host: str) -> str:
    """An IPv6 literal in the brackets that URLs, `Host` and CONNECT want (RFC 3986 3.2.2); anything else as it is."""
    return f"[{host}]" if ":" in host else host


def authority(route: Route) -> bytes:
    """`host` or `host:port` as the generated `Host` header and absolute-form targets carry it."""
    host = bracketed(route.host)
    return (host if DEFAULT_PORTS.get(route.scheme) == route.port else f"{host}:{route.port}").encode("ascii")


def where(route: Route) -> str:
    """`host:port` for messages, always with the port."""
    return f"{bracketed(route.host)}:{route.port}"


def header_lines(host: bytes, call: Call) -> list[tuple[bytes, bytes]]:
    """The header lines of `call` in wire order: Host, the call's own as given, Content-Length.

    `host` is the generated value; a `Host` among the call's headers replaces it, name and value as given. A
    `Content-Length` among them keeps its place and spelling, the value is ours: the length of the body in bytes,
    `0` included (spec/03 section 8.1). An upload of unknown length has `Transfer-Encoding: chunked` instead, last. Raises
    UpstreamError(SEND, PROTOCOL, sent=False).
    """
    if not _METHOD.fullmatch(call.method):
        raise refused("the method is not an upper-case token")
    if not _TARGET.fullmatch(call.target):
        raise refused("the request target is not a path, or holds a blank, a control character or #")
    framing = _framing(call)
    lines = [(b"Host", host)]
    host_given = length_placed = False
    for line in call.headers:
        name, value = line
        if _BAD_IN_VALUE.search(value):
            raise refused(f"header {name[:64]!r} holds a control character")
        role = _role(name)
        if role is _Role.PLAIN:
            lines.append(line)
        elif role is _Role.LENGTH and not length_placed and framing[0] == LENGTH:
            lines.append((name, framing[1]))
            length_placed = True
        elif role is _Role.HOST and not host_given:
            lines[0] = line
            host_given = True
        else:
            raise refused(f"header {name[:64]!r} is given twice or is not the caller's to set")
    if not length_placed:
        lines.append(framing)
    return lines


def _framing(call: Call) -> tuple[bytes, bytes]:
    """The line that says where the request's body ends."""
    upload = call.upload
    if upload is None:
        return LENGTH, b"%d" % len(call.body)
    if call.body:
        raise refused("a request has a body and an upload")
    if upload.length is None:
        return b"Transfer-Encoding", b"chunked"
    return LENGTH, b"%d" % upload.length
