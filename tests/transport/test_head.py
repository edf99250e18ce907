"""The planned head never lets a value become another line, whatever the bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.transport.head import OURS, authority, header_lines, where
from fairlead.transport.owned.wire import RequestHead, render
from fairlead.transport.port import Call, Kind, Route, Stage, Upload, UpstreamError

_PARTS = st.binary(max_size=12) | st.sampled_from([b"X-A", b"host", b"Content-Length", b"a\r\nb", b"\r\n\r\n", b"/a"])
_HEADERS = ((b"X-A", b"b"),)


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


@settings(max_examples=300, deadline=None)
@given(_PARTS, _PARTS, st.lists(st.tuples(_PARTS, _PARTS), max_size=4), st.binary(max_size=20))
def test_a_rendered_request_has_exactly_the_lines_of_its_call(
    method: bytes, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    call = Call(method, target, tuple(headers), body)
    try:
        lines = header_lines(b"h:1", call)
        wire = render(b"h:1", call)
    except UpstreamError as fault:
        shown = (fault.stage, fault.kind, fault.sent)
        assert shown == (Stage.SEND, Kind.PROTOCOL, False)
        return
    head, _, rest = wire.partition(b"\r\n\r\n")
    assert rest == body
    assert head.split(b"\r\n") == [method + b" " + target + b" HTTP/1.1", *(n + b": " + v for n, v in lines)]
    names = [name.lower() for name, _ in lines]
    assert names.count(b"content-length") == names.count(b"host") == 1
    assert dict(zip(names, (value for _, value in lines), strict=True))[b"content-length"] == b"%d" % len(body)


@pytest.mark.parametrize("name", sorted(OURS))
def test_headers_of_the_connection_are_not_the_callers_to_set(name: bytes) -> None:
    with pytest.raises(UpstreamError):
        header_lines(b"h", Call(b"POST", b"/", ((name.title(), b"x"),), b""))


@pytest.mark.parametrize(
    ("scheme", "host", "port", "expected", "shown"),
    [
        ("http", "a.example", 80, b"a.example", "a.example:80"),
        ("https", "a.example", 443, b"a.example", "a.example:443"),
        ("https", "a.example", 80, b"a.example:80", "a.example:80"),
        ("http", "::1", 8080, b"[::1]:8080", "[::1]:8080"),
    ],
)
def test_the_authority_has_brackets_and_a_port_where_needed(
    scheme: str, host: str, port: int, expected: bytes, shown: str
) -> None:
    target = Route(scheme, host, port, None, None, 1, 1)
    assert (authority(target), where(target)) == (expected, shown)


def test_a_head_that_is_used_again_gives_the_bytes_of_a_new_one() -> None:
    headers = ((b"X-A", b"b"), (b"content-length", b"9"), (b"X-C", b"d"))
    first = Call(b"POST", b"/a", headers, b"one")
    head = RequestHead(b"h:1", first)
    for body in (b"one", b"", b"x" * 100_000):
        other = Call(b"POST", b"/a", headers, body)
        assert head.fits(other)
        assert head.request(other) == render(b"h:1", other)


@pytest.mark.parametrize(
    "other",
    [
        Call(b"PUT", b"/a", _HEADERS, b""),
        Call(b"POST", b"/b", _HEADERS, b""),
        Call(b"POST", b"/a", ((b"X-A", b"c"),), b""),
        Call(b"POST", b"/a", _HEADERS, b"", upload=Upload(_nothing(), None)),
    ],
    ids=["method", "target", "headers", "upload"],
)
def test_a_head_is_not_used_for_a_call_with_another(other: Call) -> None:
    assert not RequestHead(b"h:1", Call(b"POST", b"/a", _HEADERS, b"")).fits(other)
