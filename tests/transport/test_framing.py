"""Where a body ends follows from the head alone, and a head with two readings is refused."""

from __future__ import annotations

import pytest

from fairlead.transport.framing import Framing, frame
from fairlead.transport.port import Kind, Stage, UpstreamError


@pytest.mark.parametrize(
    ("status", "headers", "head_request", "expected"),
    [
        (200, [], False, Framing(None, False, b"")),
        (200, [(b"content-LENGTH", b"7")], False, Framing(7, False, b"")),
        (200, [(b"Transfer-Encoding", b" Chunked\t")], False, Framing(None, True, b"")),
        (200, [(b"Content-Encoding", b" GZIP "), (b"Content-Length", b"7")], False, Framing(7, False, b"gzip")),
        (200, [(b"Content-Encoding", b"gzip"), (b"Content-Encoding", b"br")], False, Framing(None, False, b"gzip,br")),
        (200, [(b"Content-Length", b"7")], True, Framing(0, False, b"")),
        (204, [(b"Content-Length", b"7")], False, Framing(0, False, b"")),
        (304, [(b"Transfer-Encoding", b"chunked")], False, Framing(0, False, b"")),
    ],
)
def test_a_clear_head_has_one_framing(
    status: int, headers: list[tuple[bytes, bytes]], head_request: bool, expected: Framing
) -> None:
    assert frame(status, headers, "h:1", head_request=head_request) == expected


@pytest.mark.parametrize("head_request", [False, True])
@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (200, [(b"Content-Length", b"7"), (b"content-length", b"7")]),
        (200, [(b"Content-Length", b"7, 7")]),
        (200, [(b"Content-Length", b"+7")]),
        (200, [(b"Content-Length", b"-7")]),
        (200, [(b"Content-Length", b"")]),
        (200, [(b"Content-Length", b"\xb2")]),
        (200, [(b"Content-Length", b"1" * 19)]),
        (200, [(b"Content-Length", b"7"), (b"Transfer-Encoding", b"chunked")]),
        (200, [(b"Transfer-Encoding", b"chunked"), (b"Transfer-Encoding", b"chunked")]),
        (200, [(b"Transfer-Encoding", b"gzip, chunked")]),
        (200, [(b"Transfer-Encoding", b"identity")]),
        (200, [(b"Transfer-Encoding", b"xchunked")]),
        (101, []),
        (199, []),
    ],
)
def test_a_head_with_two_readings_is_refused_with_its_status(
    status: int, headers: list[tuple[bytes, bytes]], head_request: bool
) -> None:
    with pytest.raises(UpstreamError) as caught:
        frame(status, headers, "h:1", head_request=head_request)
    fault = caught.value
    assert (fault.stage, fault.kind, fault.sent, fault.status) == (Stage.HEAD, Kind.PROTOCOL, True, status)
    assert fault.reason.endswith(": h:1")
