"""Which requests the lane answers itself: a POST of HTTP/1.1 to a plain predict path; all others are uvicorn's."""

from __future__ import annotations

import asyncio

import pytest

from fairlead.api.fast_lane import PredictCycle
from lane.stage import CLASSES, PREDICT, Stage

REST = b" HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
CASES = {
    b"POST " + PREDICT + REST: True,
    b"POST " + PREDICT + b"/" + REST: True,
    b"POST " + PREDICT + b"?pretty&format=yaml" + REST: True,
    b"POST /_plugins/_ml/_predict/remote/abc" + REST: True,
    b"POST " + PREDICT + REST.replace(b"Content-Length: 2", b"Expect: 100-continue\r\nContent-Length: 2"): True,
    b"POST " + PREDICT + b" HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n": True,
    b"\r\nPOST " + PREDICT + REST: True,
    b"GET " + PREDICT + REST: False,
    b"HEAD " + PREDICT + REST: False,
    b"PUT " + PREDICT + REST: False,
    b"POST " + PREDICT + REST.replace(b"1.1", b"1.0"): False,
    b"POST " + PREDICT + b"/stream" + REST: False,
    b"POST " + PREDICT + b"#a" + REST: False,
    b"POST " + PREDICT + b"?a={b}" + REST: False,
    b"POST " + PREDICT + b"?pretty=" + b"a" * 500 + REST: False,
    b"POST http://a" + PREDICT + REST: False,
    b"POST /_plugins/_ml/models/_search" + REST: False,
    b"POST /_plugins/_ml/models//_predict" + REST: False,
    b"GET /" + REST: False,
}


@pytest.mark.parametrize(("data", "taken"), CASES.items(), ids=range(len(CASES)))
async def test_the_lane_takes_only_what_no_two_parsers_read_in_two_ways(data: bytes, taken: bool) -> None:
    stage = Stage(CLASSES[1])
    await stage.data(data)
    assert isinstance(stage.protocol.cycle, PredictCycle) is taken
    await stage.end()


async def test_requests_of_both_kinds_take_turns_on_one_connection() -> None:
    stage = Stage(CLASSES[1])
    kinds = []
    for data in [b"POST " + PREDICT + REST, b"GET /" + REST, b"POST " + PREDICT + REST]:
        await stage.data(data)
        kinds.append(isinstance(stage.protocol.cycle, PredictCycle))
    assert kinds == [True, False, True]
    assert stage.fate().written.count(b"HTTP/1.1 200 ") == 3
    await stage.end()


async def test_an_answer_is_one_write() -> None:
    stage = Stage(CLASSES[1])
    await stage.data((b"POST " + PREDICT + REST) * 3)
    await asyncio.sleep(0)
    assert len(stage.wire.writes) == 3
    await stage.end()
