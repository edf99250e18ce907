"""Callers that dawdle, one rule for the lane and for uvicorn: time passes only as told, and both must end alike."""

from __future__ import annotations

import pytest

from lane.stage import BODY_SECONDS, IDLE_SECONDS, PREDICT, Action, same_fate

HEAD = b"POST " + PREDICT + b" HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
SIZED = HEAD + b"Content-Length: 20\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
WHOLE = HEAD + b"Content-Length: 2\r\n\r\n{}"
WAITING = HEAD + b"X-Do: wait\r\nContent-Length: 2\r\n\r\n{}"
LONG = b"86400"


def later(seconds: float) -> Action:
    return "later", str(seconds).encode()


def dripping(data: bytes, seconds: float) -> list[Action]:
    """One byte at a time."""
    return [action for byte in data for action in (("data", bytes([byte])), later(seconds))]


def test_a_caller_that_says_nothing_is_hung_up_on_without_an_answer() -> None:
    assert not same_fate([later(14.9)]).closed
    fate = same_fate([later(15.1)])
    assert (fate.closed, fate.written) == (True, b"")


@pytest.mark.parametrize("seconds", [0.3, 3.0])
def test_a_head_that_drips_is_a_408_however_fast_it_drips(seconds: float) -> None:
    fate = same_fate(dripping(HEAD, seconds))
    assert fate.closed
    assert fate.written.startswith(b"HTTP/1.1 408 ")
    assert b"head did not arrive within 15 seconds" in fate.written


def test_a_head_that_comes_in_time_is_answered() -> None:
    fate = same_fate([*dripping(HEAD[:70], 0.1), ("data", HEAD[70:] + b"Content-Length: 2\r\n\r\n{}")])
    assert fate.written.startswith(b"HTTP/1.1 200 ")
    assert not fate.closed


@pytest.mark.parametrize("drip", [b'{"parameters":{"a":1', b"1\r\n{\r\n" * 20], ids=["sized", "chunked"])
def test_a_body_that_drips_is_a_408_and_asks_nobody(drip: bytes) -> None:
    head = SIZED if drip.startswith(b"{") else CHUNKED
    fate = same_fate([("data", head), *dripping(drip[:-1], 2.0)])
    assert fate.closed
    assert fate.written.startswith(b"HTTP/1.1 408 ")
    assert f"body did not arrive within {BODY_SECONDS:g} seconds".encode() in fate.written
    assert fate.asked == ()


def test_a_second_request_that_drips_on_a_kept_connection_is_a_408_too() -> None:
    fate = same_fate([("data", WHOLE), later(60), *dripping(HEAD, 0.3)])
    assert fate.closed
    assert [part[:3] for part in fate.written.split(b"HTTP/1.1 ")[1:]] == [b"200", b"408"]


def test_a_body_that_is_late_behind_an_answer_that_is_pending_is_a_408_after_it() -> None:
    fate = same_fate([("data", WAITING + SIZED), later(31), ("proceed", b"")])
    assert fate.closed
    assert [part[:3] for part in fate.written.split(b"HTTP/1.1 ")[1:]] == [b"200", b"408"]


def test_a_kept_connection_is_closed_when_it_was_idle_and_not_before() -> None:
    assert not same_fate([("data", WHOLE), later(IDLE_SECONDS - 1)]).closed
    assert same_fate([("data", WHOLE), later(IDLE_SECONDS + 1)]).closed
    busy = [action for _ in range(5) for action in (("data", WHOLE), later(IDLE_SECONDS - 1))]
    fate = same_fate(busy)
    assert not fate.closed
    assert fate.written.count(b"HTTP/1.1 200 ") == 5


def test_empty_lines_do_not_keep_an_idle_connection_open() -> None:
    assert same_fate([("data", WHOLE), *dripping(b"\r\n" * 10, 8.0)]).closed


def test_an_answer_may_take_as_long_as_it_takes() -> None:
    fate = same_fate([("data", WAITING), ("later", LONG)])
    assert (fate.closed, fate.written) == (False, b"")
    fate = same_fate([("data", WAITING), ("later", LONG), ("proceed", b"")])
    assert fate.written.startswith(b"HTTP/1.1 200 ")


def test_a_caller_that_does_not_read_holds_one_answer_and_its_next_requests_are_not_read() -> None:
    fate = same_fate([("pause", b""), ("burst", WHOLE * 3), ("data", WHOLE)])
    assert (fate.written, fate.reading, len(fate.asked)) == (b"", False, 1)
    fate = same_fate([("pause", b""), ("burst", WHOLE * 3), ("data", WHOLE), ("resume", b"")])
    assert fate.written.count(b"HTTP/1.1 200 ") == 4
    assert fate.reading


def test_a_caller_that_leaves_cancels_what_was_asked_for_it_alone() -> None:
    assert same_fate([("data", WAITING)]).tasks == 1
    assert same_fate([("data", WAITING), ("lost", b"")]).tasks == 0


def test_a_caller_that_leaves_in_the_middle_of_a_body_leaves_no_task() -> None:
    assert same_fate([("data", SIZED + b"{"), ("lost", b"")]).tasks == 0


def test_draining_ends_a_busy_connection_after_its_answer() -> None:
    fate = same_fate([("data", WAITING), ("shutdown", b"")])
    assert (fate.closed, fate.written) == (False, b"")
    fate = same_fate([("data", WAITING), ("shutdown", b""), ("proceed", b"")])
    assert fate.closed
    assert fate.written.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in fate.written


def test_what_is_still_busy_when_the_time_for_draining_is_over_is_a_503() -> None:
    fate = same_fate([("data", WAITING), ("shutdown", b""), ("cancel", b"")])
    assert fate.closed
    assert fate.written.startswith(b"HTTP/1.1 503 ")
    assert b"The server stops" in fate.written


@pytest.mark.parametrize("begun", [b"", HEAD[:30]])
def test_what_a_new_connection_asks_is_answered_when_the_server_stops_and_is_its_last(begun: bytes) -> None:
    fate = same_fate([("data", begun), ("shutdown", b""), later(0.9), ("data", WHOLE[len(begun) :])])
    assert fate.written.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in fate.written
    assert fate.closed


def test_a_new_connection_that_asks_nothing_is_closed_a_second_after_the_server_has_begun_to_stop() -> None:
    assert not same_fate([("shutdown", b""), later(0.9)]).closed
    fate = same_fate([("shutdown", b""), later(1.1)])
    assert (fate.closed, fate.written) == (True, b"")


def test_the_next_head_on_a_kept_connection_that_has_begun_is_answered_when_the_server_stops() -> None:
    fate = same_fate([("data", WHOLE + HEAD[:30]), ("shutdown", b""), ("data", WHOLE[30:] + WHOLE)])
    assert fate.written.count(b"HTTP/1.1 200 ") == 2
    assert fate.closed


def test_a_connection_that_was_just_used_may_be_used_once_more_when_the_server_stops() -> None:
    used = [("data", WHOLE), later(0.9), ("shutdown", b"")]
    fate = same_fate([*used, later(0.9), ("data", WHOLE)])
    assert fate.written.count(b"HTTP/1.1 200 ") == 2
    assert fate.written.count(b"connection: close") == 1
    assert fate.closed
    assert not same_fate([*used, later(0.9)]).closed
    assert same_fate([*used, later(1.1)]).closed


def test_a_connection_that_was_not_used_for_a_while_is_closed_at_once_when_the_server_stops() -> None:
    assert same_fate([("data", WHOLE), later(1.1), ("shutdown", b"")]).closed
