"""Generated requests in pieces, with callers that are slow, stop reading, leave or are drained: the lane and uvicorn share one
fate.

FAIRLEAD_FUZZ=full plays 20,000 connections, a number plays as many.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lane.stage import PREDICT, Action, same_fate

_MODE = os.environ.get("FAIRLEAD_FUZZ", "250")
_COUNT = 20_000 if _MODE == "full" else int(_MODE)

TARGETS = [
    PREDICT,
    PREDICT,
    PREDICT,
    PREDICT + b"/",
    PREDICT + b"?pretty",
    PREDICT + b"?a=%20b&c",
    PREDICT + b"?a={b}",
    PREDICT + b"#f",
    PREDICT.replace(b"Model", b"%4dodel", 1),
    PREDICT + b"/stream",
    b"http://127.0.0.1" + PREDICT,
    b"/_plugins/_ml/_predict/text_embedding/ModelModelModelModel",
    b"/elsewhere",
    b"/" + b"a" * 600,
    b"*",
]
METHODS = [b"POST", b"POST", b"POST", b"POST", b"GET", b"HEAD", b"PUT", b"OPTIONS"]
VERSIONS = [b"HTTP/1.1"] * 6 + [b"HTTP/1.0", b"HTTP/2.0"]
FIELDS = [
    b"Host: b",
    b"Host: a b",
    b"Connection: close",
    b"Connection: keep-alive",
    b"Connection: upgrade\r\nUpgrade: h2c",
    b"Expect: 100-continue",
    b"Expect: more",
    b"Accept-Encoding: gzip",
    b"Content-Type: application/json",
    b"Content-Type: text/plain",
    b"Content-Encoding: gzip",
    b"Content-Length: 3",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip",
    b"X-Do: wait",
    b"X-Do: wait",
    b"X-Do: refuse",
    b"X-Do: fail",
    b"X-Do: large",
    b"X-A: one\r\nX-A: two",
    b"X-A: a\x00b",
    b"X-A : b",
    b"X-A: folded\r\n line",
]
BODIES = [b"", b"{}", b'{"parameters":{"v":"7"}}', b"x" * 1999, b"x" * 2001, b"x" * 70_000]
QUIET: list[Action] = [
    ("pause", b""),
    ("resume", b""),
    ("proceed", b""),
    ("proceed", b""),
    ("later", b"10"),
    ("later", b"16"),
    ("later", b"80"),
]
ENDS: list[Action] = [("shutdown", b""), ("cancel", b""), ("lost", b"")]


def _framed(body: bytes, chunked: bool, size: int) -> tuple[bytes, bytes]:
    """A framing header and the body so framed."""
    if not chunked:
        return b"Content-Length: %d" % len(body), body
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"Transfer-Encoding: chunked", b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    fields = [b"Host: 127.0.0.1"] if draw(st.integers(0, 15)) else []
    fields += draw(st.lists(st.sampled_from(FIELDS), max_size=2))
    body = draw(st.sampled_from(BODIES))
    framing, data = _framed(body, draw(st.booleans()), draw(st.integers(1, 3000)))
    if draw(st.integers(0, 9)):
        fields.append(framing)
    if b"Content-Type: text/plain" not in fields:
        fields.append(b"Content-Type: application/json")
    line = b" ".join(draw(st.sampled_from(part)) for part in (METHODS, TARGETS, VERSIONS))
    return b"\r\n".join([line, *fields, b"", b""]) + data


@st.composite
def connections(draw: st.DrawFn) -> list[Action]:
    """A few requests one after the other, perhaps damaged, in pieces, with events in between."""
    data = b"".join(draw(st.lists(requests(), min_size=1, max_size=4)))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        at = draw(st.integers(0, min(len(data), 600)))
        odd = draw(st.sampled_from([b"\r", b"\n", b"\x00", b" ", b"\r\n", b":", b"0", b"\xff", b""]))
        data = data[:at] + odd + data[at + draw(st.integers(0, 1)) :]
    if not draw(st.integers(0, 5)):
        data = data[: draw(st.integers(0, len(data)))]
    cuts = sorted(draw(st.lists(st.integers(0, min(len(data), 800)), max_size=6)))
    actions: list[Action] = []
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        actions.append((draw(st.sampled_from(["data", "burst"])), data[start:end]))
        if draw(st.integers(0, 2)) == 0:
            actions.append(draw(st.sampled_from(QUIET)))
    if draw(st.booleans()):
        actions.append(draw(st.sampled_from(ENDS)))
    return [*actions, ("proceed", b""), ("resume", b"")]


ASK = b"POST " + PREDICT + b" HTTP/1.1\r\nHost: a\r\n%sContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@settings(max_examples=_COUNT, derandomize=_MODE == "250", deadline=None, suppress_health_check=list(HealthCheck))
@given(actions=connections())
@example([("data", ASK % b"X-Do: split\r\n")])
@example([("data", ASK % b"X-Do: odd\r\n")])
@example([("data", ASK % b"X-Do: wait\r\n"), ("cancel", b"")])
@example([("data", ASK % b"X-Do: wait\r\n"), ("shutdown", b""), ("proceed", b"")])
@example([("data", ASK % b"X-Do: wait\r\n"), ("lost", b"")])
@example([("data", ASK % b"X-Do: large\r\nAccept-Encoding: gzip\r\n")])
@example([("pause", b""), ("data", (ASK % b"") * 3), ("resume", b"")])
@example([("pause", b""), ("data", (ASK % b"") * 3), ("lost", b"")])
@example([("pause", b""), ("data", ASK % b""), ("cancel", b""), ("resume", b"")])
@example([("data", ASK % b"X-Do: fail\r\n"), ("data", ASK % b"")])
def test_a_connection_has_the_same_fate_with_the_lane_and_without(actions: list[Action]) -> None:
    same_fate(actions)
