"""What is refused in a pipeline is refused in its turn: whoever asked something good before it gets the answer first."""

from __future__ import annotations

import re

import pytest

from lane.stage import PREDICT, Action, Fate, same_fate

HEAD = b"POST " + PREDICT + b" HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
GOOD = HEAD + b"Content-Length: 2\r\n\r\n{}"
WAITING = HEAD + b"X-Do: wait\r\nContent-Length: 2\r\n\r\n{}"
PLAIN = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
REFUSED = {
    "junk": (b"junk\r\n\r\n", 400),
    "a version": (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two framings": (HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "a long target": (b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    "a broken chunk": (CHUNKED + b"zz\r\n", 400),
}
each_refusal = pytest.mark.parametrize(("bad", "status"), REFUSED.values(), ids=REFUSED)


def statuses(fate: Fate) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", fate.written)]


@each_refusal
@pytest.mark.parametrize("good", [GOOD, PLAIN, GOOD + PLAIN + GOOD], ids=["a predict", "another", "three"])
def test_in_one_segment_the_good_are_answered_first_and_what_follows_is_not_read(
    good: bytes, bad: bytes, status: int
) -> None:
    fate = same_fate([("data", good + bad + GOOD)])
    assert statuses(fate) == [200] * good.count(b"HTTP/1.1") + [status]
    assert fate.closed
    assert len(fate.asked) == good.count(PREDICT)
    assert fate.tasks == 0


@each_refusal
def test_an_answer_that_takes_its_time_is_waited_for(bad: bytes, status: int) -> None:
    wait: list[Action] = [("data", WAITING + bad), ("data", GOOD)]
    pending = same_fate(wait)
    assert (pending.written, pending.closed) == (b"", False)
    fate = same_fate([*wait, ("proceed", b"")])
    assert (statuses(fate), fate.closed) == ([200, status], True)
    assert fate.asked == (b"{}",)


def test_a_caller_that_asked_to_close_after_the_good_one_gets_nothing_for_the_rest() -> None:
    last = GOOD.replace(b"Content-Length", b"Connection: close\r\nContent-Length")
    fate = same_fate([("data", last + b"junk\r\n\r\n")])
    assert (statuses(fate), fate.closed) == ([200], True)


def test_a_caller_that_leaves_meanwhile_leaves_nothing_behind() -> None:
    fate = same_fate([("data", WAITING + b"junk\r\n\r\n"), ("lost", b"")])
    assert (fate.written, fate.tasks, fate.watched) == (b"", 0, False)
