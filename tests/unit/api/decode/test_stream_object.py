"""A streaming object that could only fail at a stream is refused when it is stored."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairlead.api.decode.connector import connector_create
from fairlead.domain.streaming import End, Format, Streaming
from fairlead.errors import FairleadError

URL = "https://api.example.com/v1/chat"
GOOD: dict[str, Any] = {"format": "sse", "text": "$.t"}


def stored(streaming: Any) -> Streaming | None:
    action = {"action_type": "predict", "method": "POST", "url": URL, "streaming": streaming}
    body = {"name": "n", "version": 1, "protocol": "http", "credential": {"k": "v"}, "actions": [action]}
    actions = connector_create(json.dumps(body).encode()).actions
    assert actions is not None
    return actions[0].streaming


def test_every_member_is_read() -> None:
    end = {"event": "e", "data": "d", "path": "$.p", "equals": True}
    given = {**GOOD, "end": end, "error": "$.e", "url": URL + "/stream", "body_fields": {"stream": True}}
    assert stored(given) == Streaming(Format.SSE, "$.t", End(**end), "$.e", URL + "/stream", {"stream": True})


REFUSED = {
    "a text": ("sse", "streaming|START_OBJECT|object"),
    "no format": ({"text": "$.t"}, r"\[format\]"),
    "no text": ({"format": "sse"}, r"\[text\]"),
    "another format": ({**GOOD, "format": "xml"}, r"\[format\] must be one of"),
    "a path that is none": ({**GOOD, "text": "$..["}, r"streaming \[text\]"),
    "an end path that is none": ({**GOOD, "end": {"path": "$..["}}, r"streaming \[end.path\]"),
    "a misspelt member": ({**GOOD, "txt": "$.t"}, r"no member \[txt\]"),
    "a misspelt member of its end": ({**GOOD, "end": {"evnt": "x"}}, r"no member \[evnt\]"),
    "an end that never comes": ({**GOOD, "end": {}}, "needs one of"),
    "something to find nowhere": ({**GOOD, "end": {"event": "x", "equals": 1}}, r"needs a \[path\]"),
    "another host": ({**GOOD, "url": "https://evil.example.com/v1/chat"}, r"\[url\] must begin"),
    "another scheme": ({**GOOD, "url": "http://api.example.com/v1/chat"}, r"\[url\] must begin"),
    "another user": ({**GOOD, "url": "https://api.example.com@evil.org/v1"}, r"\[url\] must begin"),
    "a number that JSON cannot write": ({**GOOD, "body_fields": {"a": float("inf")}}, ""),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_only_fail_is_a_400(name: str) -> None:
    streaming, reason = REFUSED[name]
    with pytest.raises(FairleadError, match=reason or None) as caught:
        stored(streaming)
    assert caught.value.status == 400
