"""Decides from a reply's head where its body ends, and refuses heads on which two readers could disagree.

Refuses two lengths, a length beside a transfer coding, any coding but `chunked` and an unasked protocol switch
(RFC 9112 6.3, 11.2): a socket whose framing is in doubt must never carry a second reply. Reads no socket.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fairlead.transport.port import Kind, Stage, UpstreamError

# RFC 9110 15.2, 15.3.5, 15.4.5: these never have a body, whatever their headers say.
_BODILESS = frozenset({204, 304})
# Only names of these lengths are worth lowering on the hot path: content-length, content-encoding, transfer-encoding.
_LENGTHS = frozenset({14, 16, 17})


@dataclass(frozen=True, slots=True)
class Framing:
    """Where the body ends: after `length` bytes, with the last chunk (`chunked`), or at the close (neither).

    `coding` is the value of Content-Encoding, lower case, or b"".
    """

    length: int | None
    chunked: bool
    coding: bytes


def refused_reply(status: int, where: str, words: str) -> UpstreamError:
    """The fault of a reply of `where` whose head was read but cannot be trusted."""
    return UpstreamError(Stage.HEAD, Kind.PROTOCOL, f"The reply {words}: {where}", sent=True, status=status)


def frame(status: int, headers: Iterable[tuple[bytes, bytes]], where: str, *, head_request: bool) -> Framing:
    """The framing of a reply with this head; raises UpstreamError(HEAD, PROTOCOL) with the status when in doubt."""
    length: int | None = None
    chunked = False
    codings: list[bytes] = []
    for name, value in headers:
        if len(name) not in _LENGTHS:
            continue
        lowered = name.lower()
        if lowered == b"content-length":
            if length is not None:
                raise refused_reply(status, where, "has two Content-Length headers")
            if not value.isdigit() or len(value) > 18:
                raise refused_reply(status, where, "has a Content-Length that is no number")
            length = int(value)
        elif lowered == b"transfer-encoding":
            if chunked or value.strip(b" \t").lower() != b"chunked":
                raise refused_reply(status, where, "has a transfer coding other than chunked")
            chunked = True
        elif lowered == b"content-encoding":
            codings.append(value.strip(b" \t").lower())
    if chunked and length is not None:
        raise refused_reply(status, where, "has both Content-Length and Transfer-Encoding")
    if status < 200:
        raise refused_reply(status, where, f"switches protocols unasked (status {status})")
    if head_request or status in _BODILESS:
        return Framing(0, False, b"")
    return Framing(length, chunked, b",".join(codings))
