"""The access log: which requests it tells of, what stands in a line and what never does."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from typing import Any

from fairlead.api.access_log import AccessLog
from fairlead.domain.principal import Principal


class Kept:
    """A sink in memory; `fault` is raised instead, `gate` holds a write back."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.fault: OSError | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def write(self, lines: Sequence[str]) -> None:
        self.entered.set()
        self.gate.wait(30)
        if self.fault is not None:
            raise self.fault
        self.lines += lines

    def close(self) -> None:
        pass

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


def scope(*headers: tuple[bytes, bytes], path: bytes = b"/x") -> dict[str, Any]:
    return {
        "method": "POST",
        "raw_path": path,
        "query_string": b"key=secret",
        "headers": list(headers),
        "client": ("127.0.0.1", 1),
    }


def recorded(share: float, statuses: Sequence[int]) -> list[int]:
    sink = Kept()
    log = AccessLog(sink, share)
    for status in statuses:
        log.record(scope(), "/x", status, 1, log.now(), None)
    log.close()
    return [row["status"] for row in sink.rows]


def test_a_line_names_the_request_and_its_trace_and_nothing_else() -> None:
    sink = Kept()
    log = AccessLog(sink)
    headers = (
        (b"authorization", b"Basic secret"),
        (b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        (b"x-request-id", b"r-1"),
        (b"x-opaque-id", b"o-1"),
    )
    log.record(scope(*headers), "/{id}", 200, 12, log.now(), Principal("ann"))
    log.close()
    [row] = sink.rows
    assert row.pop("time").endswith("Z")
    assert row.pop("ms") >= 0
    assert row.pop("pid") > 0
    assert row == {
        "method": "POST",
        "path": "/x",
        "route": "/{id}",
        "status": 200,
        "sent": 12,
        "client": "127.0.0.1",
        "user": "ann",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "request_id": "r-1",
        "opaque_id": "o-1",
    }
    assert "secret" not in sink.lines[0]


def test_a_caller_can_begin_no_line_of_his_own() -> None:
    sink = Kept()
    log = AccessLog(sink)
    log.record(scope((b"x-request-id", b'a\r\n{"status":1}'), path=b"/\n"), "none", 404, 0, log.now(), None)
    log.close()
    assert [line for line in sink.lines if "\n" in line or "\r" in line] == []
    assert len(sink.lines) == 1


def test_a_traceparent_that_is_none_is_left_out() -> None:
    sink = Kept()
    log = AccessLog(sink)
    log.record(scope((b"traceparent", b"no trace")), "none", 404, 0, log.now(), None)
    log.close()
    assert "trace_id" not in sink.rows[0]


def test_the_share_is_spread_evenly_and_faults_are_always_written() -> None:
    assert recorded(0.25, [200] * 12) == [200] * 3
    assert recorded(0.0, [200, 404, 500, 429, 503]) == [500, 503]
    assert recorded(1.0, [200, 404]) == [200, 404]


def test_a_sink_that_hangs_holds_nobody_up_and_what_is_dropped_is_counted() -> None:
    sink = Kept()
    sink.gate.clear()
    log = AccessLog(sink)
    log.record(scope(), "/x", 200, 1, log.now(), None)
    assert sink.entered.wait(30)
    for _ in range(10_050):
        log.record(scope(), "/x", 200, 1, log.now(), None)
    assert log.dropped == 50
    sink.gate.set()
    log.close()
    assert len(sink.lines) == 10_001


def test_lines_that_cannot_be_written_are_counted_as_dropped() -> None:
    sink = Kept()
    sink.fault = OSError(28, "No space left on device")
    log = AccessLog(sink)
    log.record(scope(), "/x", 200, 1, log.now(), None)
    log.close()
    assert (sink.lines, log.dropped) == ([], 1)
