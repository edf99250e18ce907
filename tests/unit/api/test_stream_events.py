"""Stream events are valid JSON whatever a text holds."""

from __future__ import annotations

import json

import pytest

from fairlead.api import stream_events

TEXTS = ['say "hi"', "back\\slash", "line\nbreak\rtab\t", "\x00\x1f", "\u2028", "\U0001f30d", "half \ud800 of one"]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_one_event_of_one_line(text: str) -> None:
    for made in (stream_events.content([text]), stream_events.failed(text)):
        line, end = made[:-2].decode(), made[-2:]
        assert end == b"\n\n"
        assert len(line.split("\n")) == 1
        json.loads(line.removeprefix("data: "))


def test_an_error_without_a_reason_says_that_the_request_failed() -> None:
    assert stream_events.failed(None) == b'data: {"error": "Request failed"}\n\n'
