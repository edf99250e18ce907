"""Readers: which events are text, which end a stream, which tell of an error."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fairlead.domain.streaming import End, Event, Format, Streaming
from fairlead.engine.stream_readers import MAX_CALL, ConverseReader, OpenAiReader, PathReader, Paths
from fairlead.errors import StatusFault


def openai(**choice: Any) -> Event:
    return Event("", json.dumps({"choices": [choice]}).encode())


def paths(end: End | None = None, error: str | None = None, text: str = "$.t") -> PathReader:
    return PathReader(Paths(Streaming(Format.SSE, text, end, error)))


def event(value: Any, name: str = "") -> Event:
    return Event(name, json.dumps(value).encode())


@pytest.mark.parametrize(
    "data",
    [b"", b"nothing", b"[]", b"1", b'{"choices":[]}', b'{"choices":[1]}', b'{"choices":[{"delta":{"content":1}}]}'],
)
def test_an_openai_chunk_without_text_says_nothing(data: bytes) -> None:
    reader = OpenAiReader()
    assert list(reader.read(Event("", data))) == []
    assert not reader.ended


def test_openai_ends_with_stop_or_with_done_whatever_else_finished_it() -> None:
    for last in (openai(delta={}, finish_reason="stop"), Event("", b"[DONE]")):
        reader = OpenAiReader()
        reader.read(openai(delta={}, finish_reason="length"))
        assert not reader.ended
        reader.read(last)
        assert reader.ended


def test_parallel_tool_calls_are_put_together_by_their_index() -> None:
    reader = OpenAiReader()
    for index, piece in ((0, "{"), (1, "["), (0, "}"), (1, "]")):
        call = {
            "index": index,
            "id": f"c{index}",
            "function": {"name": "n" if piece in "{[" else "", "arguments": piece},
        }
        reader.read(openai(delta={"tool_calls": [call]}))
    whole, empty = reader.read(openai(delta={}, finish_reason="tool_calls"))
    calls = json.loads(whole)["choices"][0]["message"]["tool_calls"]
    assert [(call["id"], call["function"]) for call in calls] == [
        ("c0", {"name": "n", "arguments": "{}"}),
        ("c1", {"name": "n", "arguments": "[]"}),
    ]
    assert (empty, reader.ended) == ("", True)


def test_tool_calls_without_end_are_refused() -> None:
    reader = OpenAiReader()
    call = openai(delta={"tool_calls": [{"function": {"arguments": "x" * (MAX_CALL // 2)}}]})
    reader.read(call)
    reader.read(call)
    with pytest.raises(StatusFault, match="tool calls of more than"):
        reader.read(call)


def test_an_exception_of_bedrock_is_a_fault_that_names_it() -> None:
    with pytest.raises(StatusFault, match=r"Error from remote service: modelStreamErrorException: .*broke"):
        ConverseReader().read(Event("modelStreamErrorException", b'{"message":"broke"}', fault=True))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"t": "a"}, "a"),
        ({"t": ["a", "b"]}, "ab"),
        ({"t": 7}, "7"),
        ({"t": {"x": 1}}, '{"x":1}'),
        ({"t": None}, ""),
        ({}, ""),
    ],
)
def test_what_a_path_finds_becomes_text(value: Any, text: str) -> None:
    assert "".join(paths().read(event(value))) == text


ENDS = [
    (End(event="stop"), event({"t": "x"}, "stop"), event({"t": "x"}, "go")),
    (End(data="[DONE]"), Event("", b" [DONE] "), Event("", b"[DONE")),
    (End(path="$.done"), event({"done": "yes"}), event({"done": None})),
    (End(path="$.done"), event({"done": True}), event({"done": False})),
    (End(path="$.done", equals="stop"), event({"done": "stop"}), event({"done": "go"})),
    (End(path="$.done", equals=True), event({"done": True}), event({"t": "x"})),
]


@pytest.mark.parametrize(("end", "last", "other"), ENDS)
def test_an_end_is_the_event_that_meets_it_and_no_other(end: End, last: Event, other: Event) -> None:
    reader = paths(end)
    reader.read(other)
    assert not reader.ended
    reader.read(last)
    assert reader.ended


def test_the_text_of_the_last_event_counts() -> None:
    reader = paths(End(path="$.done"))
    assert list(reader.read(event({"t": "bye", "done": True}))) == ["bye"]


def test_an_error_path_that_finds_something_is_a_fault() -> None:
    reader = paths(error="$.error.message")
    assert list(reader.read(event({"t": "a", "error": None}))) == ["a"]
    with pytest.raises(StatusFault, match="Error from remote service: no more"):
        reader.read(event({"error": {"message": "no more"}}))


def test_a_streaming_object_survives_being_stored() -> None:
    whole = Streaming(Format.NDJSON, "$.t", End(path="$.d", equals=False), "$.e", "https://h/s", {"stream": True})
    for streaming in (whole, Streaming(Format.AWS, "$.t")):
        assert Streaming.of(json.loads(json.dumps(streaming.document()))) == streaming
