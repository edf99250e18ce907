"""Decoding gives the plain bytes whatever the pieces, never more than the limit, and one fault for all else."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.transport.coding import body_decoder, decoded_headers
from fairlead.transport.port import Kind, Stage, UpstreamError


def _packed(coding: bytes, plain: bytes) -> bytes:
    if coding == b"gzip":
        return gzip.compress(plain, mtime=0)
    if coding == b"deflate":
        return zlib.compress(plain)
    raw = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return raw.compress(plain) + raw.flush()


def _decode(coding: bytes, data: bytes, size: int, max_body: int = 1 << 20) -> bytes:
    decoder = body_decoder(coding, 200, max_body, "h:1")
    assert decoder is not None
    plain = b"".join(decoder.feed(data[at : at + size]) for at in range(0, len(data), size))
    decoder.finish()
    return plain


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=2000), st.integers(1, 500), st.sampled_from([b"gzip", b"deflate", b"raw"]))
def test_whatever_the_pieces_the_plain_bytes_come_back(plain: bytes, size: int, coding: bytes) -> None:
    wire = b"gzip" if coding == b"gzip" else b"deflate"
    assert _decode(wire, _packed(coding, plain), size) == plain


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.integers(1, 50), st.sampled_from([b"gzip", b"x-gzip", b"deflate"]))
def test_any_bytes_decode_or_are_refused_as_ours(data: bytes, size: int, coding: bytes) -> None:
    try:
        plain = _decode(coding, data, size, max_body=1000)
    except UpstreamError as fault:
        shown = (fault.stage, fault.status)
    else:
        shown = (Stage.BODY, 200)
        assert len(plain) <= 1000
    assert shown == (Stage.BODY, 200)


@pytest.mark.parametrize("coding", [b"gzip", b"deflate"])
def test_a_bomb_stops_at_the_limit_without_being_unpacked(coding: bytes) -> None:
    bomb = _packed(coding, b"\0" * 50_000_000)
    with pytest.raises(UpstreamError) as caught:
        _decode(coding, bomb, len(bomb), max_body=1000)
    assert caught.value.kind is Kind.TOO_LARGE
    assert _decode(coding, _packed(coding, b"x" * 1000), 100, max_body=1000) == b"x" * 1000


def test_junk_behind_a_deflated_body_is_refused() -> None:
    with pytest.raises(UpstreamError):
        _decode(b"deflate", zlib.compress(b"x") + b"junk", 100)


def test_no_coding_needs_no_decoder() -> None:
    assert body_decoder(b"", 200, 1, "h:1") is None
    assert body_decoder(b"identity", 200, 1, "h:1") is None


def test_headers_that_speak_of_the_coded_bytes_go() -> None:
    headers = [(b"content-ENCODING", b"gzip"), (b"X-A", b"1"), (b"Content-Length", b"9")]
    assert decoded_headers(headers) == [(b"X-A", b"1")]
