"""Reading a stream: what is recognised by its bytes says what decoding and parsing it would, for any event and any cut."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.domain.streaming import End, Format, Streaming
from fairlead.engine.streaming import DIALECTS, Dialect, described
from fairlead.errors import StatusFault
from fairlead.service.calls.stream_reading import StreamReading
from fairlead.service.calls.usual_event import UsualEvent, learned
from fairlead.transport.events import DECODERS, MAX_EVENT

CHAT = DIALECTS["http"]["openai/v1/chat/completions"]


def delta(**streaming: Any) -> Dialect:
    return described(Streaming(Format.SSE, "$.delta.text", **streaming))


def chat(text: str, **more: Any) -> bytes:
    chunk = {"id": "c-1", "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}], **more}
    return b"data: " + json.dumps(chunk, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def named(text: str, name: str = "delta", **more: Any) -> bytes:
    body = json.dumps({"delta": {"text": text}, **more}, ensure_ascii=False)
    return f"event: {name}\ndata: {body}\n\n".encode()


def plainly(dialect: Dialect, pieces: Iterable[bytes]) -> tuple[list[str], str | None, bool]:
    """The rule: every event is decoded and read."""
    decoder, reader, texts = DECODERS[dialect.format](), dialect.reader(), list[str]()
    try:
        for piece in (*pieces, None):
            for event in decoder.end() if piece is None else decoder.feed(piece):
                texts += reader.read(event)
                if reader.ended:
                    return texts, None, True
            if decoder.fault is not None:
                raise decoder.fault
    except StatusFault as fault:
        return texts, fault.reason, reader.ended
    return texts, None, False


def read(dialect: Dialect, pieces: Iterable[bytes]) -> tuple[list[str], str | None, bool]:
    reading, texts = StreamReading(dialect), list[str]()
    for piece in (*pieces, None):
        texts += reading.feed(piece)
        if reading.over:
            break
    return texts, None if reading.fault is None else reading.fault.reason, reading.ended


STREAMS: dict[str, tuple[Dialect, list[Any]]] = {
    "chat": (CHAT, [chat, lambda text: chat(text, id="c-2"), lambda text: chat(text, padding=text)]),
    "chat that may fail": (CHAT, [chat, lambda text: chat(text, error=text)]),
    "named events": (delta(end=End(event="stop")), [named, lambda text: named(text, "ping")]),
    "an end that is a text": (delta(end=End(path="$.delta.text", equals="ab")), [named]),
    "an end beside the text": (delta(end=End(path="$.done")), [named, lambda text: named(text, done=text == "ab")]),
    "an end that is the whole data": (
        delta(end=End(data='{"delta": {"text": "ab"}}')),
        [named, lambda text: named(text, "x")],
    ),
    "an error that is the text": (delta(error="$.delta.text"), [named]),
    "lines of JSON": (
        described(Streaming(Format.NDJSON, "$.message.content", End(path="$.done", equals=True))),
        [lambda text: json.dumps({"message": {"content": text}, "done": False}, ensure_ascii=False).encode() + b"\n"],
    ),
    "a path that looks at the text": (
        described(Streaming(Format.SSE, "$.a[?(@.t != 'ab')].t")),
        [lambda text: b"data: " + json.dumps({"a": [{"t": text}]}, ensure_ascii=False).encode() + b"\n\n"],
    ),
}
TEXTS = st.one_of(st.text("ab ü€\U0001f30d", max_size=3), st.text(max_size=6).filter(lambda t: t.isprintable()))


@st.composite
def bodies(draw: st.DrawFn, makers: list[Any]) -> list[bytes]:
    """Events, now and then with a byte changed, cut anywhere or nowhere."""
    events = [draw(st.sampled_from(makers))(draw(TEXTS)) for _ in range(draw(st.integers(1, 9)))]
    if draw(st.booleans()):
        number = draw(st.integers(0, len(events) - 1))
        at, byte = draw(st.integers(0, len(events[number]) - 1)), draw(st.sampled_from(b'\n\r"\\\x00\x7f\xff:a{'))
        events[number] = events[number][:at] + bytes([byte]) + events[number][at + 1 :]
    if draw(st.booleans()):
        return events
    body = b"".join(events)
    cuts = sorted(draw(st.sets(st.integers(0, len(body)), max_size=4)))
    return [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]


@pytest.mark.parametrize("name", STREAMS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_body_in_any_pieces_says_what_decoding_and_parsing_it_says(name: str, data: st.DataObject) -> None:
    dialect, makers = STREAMS[name]
    pieces = data.draw(bodies(makers))
    assert read(dialect, pieces) == plainly(dialect, pieces)


def known(dialect: Dialect, piece: bytes, text: str) -> UsualEvent | None:
    return learned(piece, text, DECODERS[dialect.format](), dialect.reader)


@pytest.mark.parametrize("name", ["chat", "named events", "an end beside the text", "lines of JSON"])
def test_an_event_of_which_only_the_text_changes_is_learned(name: str) -> None:
    dialect, [make, *_] = STREAMS[name]
    usual = known(dialect, make("one"), "one")
    assert usual is not None
    texts: list[str] = []
    piece = make("two") + make("drei €")
    assert usual.read(piece + piece[:9], texts) == len(piece)
    assert texts == ["two", "drei €"]


@pytest.mark.parametrize(
    "name",
    [
        "an end that is a text",
        "an end that is the whole data",
        "a path that looks at the text",
    ],
)
def test_an_event_whose_meaning_depends_on_its_text_is_not_learned(name: str) -> None:
    dialect, [make, *_] = STREAMS[name]
    assert known(dialect, make("one"), "one") is None


def test_an_event_that_holds_its_text_twice_is_not_learned() -> None:
    assert known(CHAT, chat("one", id="one"), "one") is None


@pytest.mark.parametrize("text", ["", "\\n", "\x7f", "\x00", '"', "\xff", "\u200b"])
def test_texts_that_are_not_plain_are_left_to_the_parser(text: str) -> None:
    usual = known(CHAT, chat("one"), "one")
    assert usual is not None
    texts: list[str] = []
    assert usual.read(usual.head + text.encode("latin-1" if text == "\xff" else "utf-8") + usual.tail, texts) == 0
    assert texts == []


def test_an_event_beyond_the_bound_is_refused_even_if_it_is_known() -> None:
    reading = StreamReading(CHAT)
    for text in ("one", "two", "three"):
        reading.feed(chat(text))
    assert reading.feed(chat("x" * MAX_EVENT)) == []
    assert reading.fault is not None
    assert "more than" in str(reading.fault.reason)


def test_what_came_before_a_fault_is_given_and_nothing_after_it() -> None:
    reading = StreamReading(CHAT)
    assert reading.feed(chat("one") + b'data: {"error":"no"}\n\n' + chat("two")) == ["one"]
    assert reading.over
    assert not reading.ended


def escaped(text: str) -> bytes:
    """A chunk whose text is written as it stands here, between quotes."""
    return b'data: {"choices":[{"delta":{"content":"' + text.encode() + b'"}}]}\n\n'


@pytest.mark.parametrize(
    ("pieces", "texts"),
    [
        (["a\\ud83d", "\\ude00b", "c"], ["a", "\U0001f600b", "c"]),
        (["a", "b", "\\ud83d", "\\uDE00", "c"], ["a", "b", "\U0001f600", "c"]),
        (["a", "b", "\\ud83d", "plain", "c"], ["a", "b", "\ud83dplain", "c"]),
        (["\\ude00b", "\\ud83d"], ["\ude00b", "\ud83d"]),
        (["\\ud83d\\ude00\\ud83d", "", "\\ude01"], ["\U0001f600", "\U0001f601"]),
    ],
)
def test_a_character_cut_in_two_is_one_again_and_a_half_loses_nothing_else(pieces: list[str], texts: list[str]) -> None:
    assert read(CHAT, list(map(escaped, pieces))) == (texts, None, False)
    assert read(CHAT, [b"".join(map(escaped, pieces))]) == (texts, None, False)
    ended = [*map(escaped, pieces), b"data: [DONE]\n\n"]
    assert read(CHAT, ended) == (texts, None, True)


TOO_DEEP = ([], "The provider sent an event that is nested too deeply")
PASSED_OVER = ([], None)


@pytest.mark.parametrize(("depth", "others"), [(300, []), (900, [TOO_DEEP]), (1020, [TOO_DEEP, PASSED_OVER])])
@pytest.mark.parametrize("opened", ["[]", "{}"])
def test_what_is_nested_deeply_is_told_whole_or_refused_as_a_fault_of_the_provider(
    depth: int, others: list[tuple[list[str], str | None]], opened: str
) -> None:
    """How deep Python goes depends on its version and on who calls; beyond 1024 levels an event is no JSON for orjson."""
    before, after = ("[", "]") if opened == "[]" else ('{"a":', "}")
    deep = before * depth + '"x"' + after * depth
    said = "x" if opened == "[]" else deep
    tools = f'{{"choices":[{{"delta":{{"tool_calls":[{deep}]}}}}]}}'
    for dialect, data, whole in (
        (CHAT, tools, ([f"[{deep}]"], None)),
        (delta(), f'{{"delta":{{"text":{deep}}}}}', ([said], None)),
        (delta(error="$.e"), f'{{"e":{deep}}}', ([], f"Error from remote service: {said}")),
    ):
        texts, fault, _ = read(dialect, [f"data: {data}\n\n".encode()])
        assert (texts, fault) in [whole, *others]


def test_an_event_just_below_the_bound_is_read_and_ends_nothing() -> None:
    pieces = [chat("one"), chat("two", padding="x" * (MAX_EVENT - len(chat("two", padding="")) - 3)), chat("three")]
    assert read(CHAT, pieces) == (["one", "two", "three"], None, False)
