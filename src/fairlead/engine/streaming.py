"""Which way an action streams: by its own `streaming` object, or as one of the interfaces that the original knows.

It renders nothing: a streaming action is an ordinary one with another URL, more headers and more fields in its body.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fairlead.domain.connector import Action
from fairlead.domain.streaming import Format, Streaming
from fairlead.engine.stream_readers import ConverseReader, OpenAiReader, Paths, Reader
from fairlead.errors import IllegalArgument

INTERFACE = "_llm_interface"
"""The parameter that names an interface."""

_ACCEPT: Mapping[Format, str] = {
    Format.SSE: "text/event-stream",
    Format.NDJSON: "application/x-ndjson",
    Format.AWS: "application/vnd.amazon.eventstream",
}


@dataclass(frozen=True, slots=True)
class Dialect:
    """One way to stream. `ends`: a body that ends without the event that ends a stream was cut off."""

    format: Format
    reader: Callable[[], Reader]
    ends: bool
    url: Callable[[str], str] = field(default=lambda url: url)
    body_fields: Mapping[str, Any] = field(default_factory=dict)

    def action(self, action: Action) -> Action:
        """The action that asks for the stream."""
        present = {name.lower() for name in action.headers or {}}
        ours = {"Accept": _ACCEPT[self.format], "Cache-Control": "no-cache"}
        headers = {**(action.headers or {}), **{name: ours[name] for name in ours if name.lower() not in present}}
        return replace(action, url=self.url(action.url), headers=headers)


def _converse_stream(url: str) -> str:
    """Where ConverseStream is: beside Converse (the original asks the SDK and ignores the URL, D-34)."""
    path, mark, query = url.partition("?")
    if path.endswith("/converse"):
        path += "-stream"
    if not path.endswith("/converse-stream"):
        raise IllegalArgument(
            "Fail to execute streaming: the action's url must end with /converse or /converse-stream for the interface "
            "bedrock/converse/claude"
        )
    return path + mark + query


DIALECTS: Mapping[str, Mapping[str, Dialect]] = {
    "http": {"openai/v1/chat/completions": Dialect(Format.SSE, OpenAiReader, ends=True, body_fields={"stream": True})},
    "aws_sigv4": {"bedrock/converse/claude": Dialect(Format.AWS, ConverseReader, ends=True, url=_converse_stream)},
}
"""The interfaces by protocol (spec/02 9)."""


def described(streaming: Streaming) -> Dialect:
    """The dialect of an action's `streaming` object. Raises InvalidPath."""
    paths, url = Paths(streaming), streaming.url
    return Dialect(
        streaming.format,
        paths.reader,
        streaming.end is not None,
        (lambda own: own) if url is None else (lambda own: url),
        streaming.body_fields,
    )


def named(protocol: str, interface: str | None) -> Dialect:
    """The dialect that a caller names. Raises IllegalArgument."""
    known = DIALECTS.get(protocol, {})
    name = (interface or "").strip().lower()
    found = known.get(name)
    if found is None:
        what = f"unsupported llm interface: {name}" if name else f"parameter {INTERFACE} is missing"
        raise IllegalArgument(
            f"Fail to execute streaming: {what}. With protocol {protocol} it can be "
            f"[{', '.join(known)}]; any other provider needs a streaming object in its connector's action"
        )
    return found
