"""Events of a provider to pieces of text: OpenAI's chunks, Bedrock's converse events, and whatever an action describes.

A reader belongs to one stream. It never waits and keeps no more of the text than a tool call needs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Protocol

import orjson

from fairlead.domain.streaming import End, Event, Streaming
from fairlead.engine.jsonpath import Path, compile_path
from fairlead.errors import FairleadError, PathNotFound, StatusFault

_PLAIN = re.compile(r"\$(?:\.[A-Za-z_]\w*|\[\d+\])+", re.ASCII)
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
MAX_CALL = 1 << 20
"""The longest tool call in characters that is put together."""


class Reader(Protocol):
    """`ended` becomes true with the event that ends the stream. `read` raises StatusFault for an event that tells of an
    error, and RecursionError for one that is nested too deeply; an event that is no JSON is passed over, as in the original
    (spec/02 9)."""

    ended: bool

    def read(self, event: Event) -> Sequence[str]: ...

    def says_only(self, event: Event, text: str) -> bool:
        """Whether the event says `text` and nothing else, and whether one with any other text of one character or more in
        its place would say that in the same way. For a reader that has read nothing."""
        ...


class OpenAiReader:
    """Chunks of `openai/v1/chat/completions` (spec/02 9): text, and tool calls as JSON texts, whole once more at their
    end."""

    __slots__ = ("_calls", "_size", "ended")

    def __init__(self) -> None:
        self.ended = False
        self._calls: dict[int, dict[str, str]] = {}
        self._size = 0

    def read(self, event: Event) -> Sequence[str]:
        if event.data == b"[DONE]":
            self.ended = True
            return ()
        chunk = _object(event.data)
        if chunk is None:
            return ()
        if chunk.get("error"):
            raise remote_fault(event.data)
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            return ()
        delta = choice.get("delta")
        texts: list[str] = []
        if isinstance(delta, dict):
            content, calls = delta.get("content"), delta.get("tool_calls")
            if isinstance(content, str) and content:
                texts.append(content)
            if isinstance(calls, list) and calls:
                texts.append(_json(calls))
                self._add(calls)
        finish = choice.get("finish_reason")
        if finish == "stop" or (finish == "tool_calls" and not self._calls):
            self.ended = True
        elif finish == "tool_calls":
            texts += (self._whole(), "")
            self.ended = True
        return texts

    def says_only(self, event: Event, text: str) -> bool:
        # What is looked at beside the content is no text, or one that had to be another than this for it to be said.
        return list(self.read(event)) == [text] and not self.ended

    def _add(self, calls: list[Any]) -> None:
        for call in calls:
            if not isinstance(call, dict):
                continue
            index, function = call.get("index"), call.get("function")
            kept = self._calls.setdefault(
                index if isinstance(index, int) else 0, {"id": "", "name": "", "arguments": ""}
            )
            if isinstance(call.get("id"), str):
                kept["id"] = call["id"]
            for key in ("name", "arguments"):
                piece = function.get(key) if isinstance(function, dict) else None
                if isinstance(piece, str):
                    kept[key] += piece
                    self._size += len(piece)
            if self._size > MAX_CALL or len(self._calls) > 1024:
                raise StatusFault(f"The provider sent tool calls of more than {MAX_CALL} characters", 502)

    def _whole(self) -> str:
        calls = [
            {"id": call["id"], "type": "function", "function": {"name": call["name"], "arguments": call["arguments"]}}
            for _, call in sorted(self._calls.items())
        ]
        choice = {"message": {"tool_calls": calls}, "finish_reason": "tool_calls"}
        return _json({"choices": [choice]})


class ConverseReader:
    """Events of Bedrock's ConverseStream: text and the input of tools, piece by piece."""

    __slots__ = ("ended",)

    def __init__(self) -> None:
        self.ended = False

    def read(self, event: Event) -> Sequence[str]:
        if event.fault:
            raise remote_fault(event.data, event.name)
        if event.name == "messageStop":
            self.ended = True
        if event.name != "contentBlockDelta" or (body := _object(event.data)) is None:
            return ()
        delta = body.get("delta")
        if not isinstance(delta, dict):
            return ()
        use = delta.get("toolUse")
        piece = delta.get("text") if use is None else use.get("input") if isinstance(use, dict) else None
        return (piece,) if isinstance(piece, str) and piece else ()

    def says_only(self, event: Event, text: str) -> bool:
        return list(self.read(event)) == [text] and not self.ended


class PathReader:
    """Events as an action's `streaming` object describes them."""

    __slots__ = ("_plan", "ended")

    def __init__(self, plan: Paths) -> None:
        self._plan = plan
        self.ended = False

    def read(self, event: Event) -> Sequence[str]:
        plan, end = self._plan, self._plan.end
        if event.fault:
            raise remote_fault(event.data, event.name)
        if end is not None and (
            (end.event is not None and event.name == end.event)
            or (end.data is not None and event.data.strip() == plan.end_data)
        ):
            self.ended = True
        try:
            value = _value(event.data)
        except ValueError:
            return ()
        if plan.error is not None and (found := _found(plan.error, value)) not in (None, "", False):
            raise StatusFault(f"Error from remote service: {_text(found)}", 502)
        if plan.end_path is not None and end is not None:
            found = _found(plan.end_path, value)
            if (found == end.equals) if end.equals is not None else found not in (None, False):
                self.ended = True
        text = _text(_found(plan.text, value))
        return (text,) if text else ()

    def says_only(self, event: Event, text: str) -> bool:
        plan = self._plan
        if not plan.plain or (plan.end_data and plan.end_data[:1] == event.data.strip()[:1]):
            return False
        if list(self.read(event)) != [text] or self.ended:
            return False
        found = None if plan.end_path is None else _found(plan.end_path, _value(event.data))
        return found is None or isinstance(found, bool | int | float) or (isinstance(found, str) and found != text)


class Paths:
    """The paths of a `streaming` object, compiled. `plain`: each is names and indexes, so that what it finds depends on no
    other value. Raises InvalidPath."""

    __slots__ = ("end", "end_data", "end_path", "error", "plain", "text")

    def __init__(self, streaming: Streaming) -> None:
        end = streaming.end
        self.text = compile_path(streaming.text)
        self.error = None if streaming.error is None else compile_path(streaming.error)
        self.end: End | None = end
        self.end_data = None if end is None or end.data is None else end.data.strip().encode()
        self.end_path = None if end is None or end.path is None else compile_path(end.path)
        paths = (self.text, self.error, self.end_path)
        self.plain = all(path is None or _PLAIN.fullmatch(path.text) is not None for path in paths)

    def reader(self) -> Reader:
        return PathReader(self)


def remote_fault(data: bytes, kind: str = "") -> FairleadError:
    """What a provider says in its stream about a failure of its own."""
    text = data.decode("utf-8", "replace")
    return StatusFault(f"Error from remote service: {f'{kind}: {text}' if kind else text}", 502)


def _value(data: bytes) -> Any:
    """Raises ValueError."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        if _HALF.search(data) is None:
            raise
    # Half a surrogate pair, which orjson refuses: a provider that cuts its text by UTF-16 units sends it.
    return json.loads(data, parse_constant=_no_number)


def _no_number(name: str) -> float:
    raise ValueError(name)


def _json(value: Any) -> str:
    """Raises RecursionError for what is nested too deeply."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # half a surrogate pair, or nested deeper than orjson writes
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _object(data: bytes) -> dict[str, Any] | None:
    try:
        value = _value(data)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _found(path: Path, value: Any) -> Any:
    try:
        return path.read(value)
    except PathNotFound:
        return None


def _text(value: Any) -> str:
    """A text as it is, the texts of a list in one, anything else as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(map(_text, value))
    return _json(value)
