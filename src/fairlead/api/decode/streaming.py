"""The `streaming` object of an action: every member is checked when it is stored, since a stream could only fail by it."""

from __future__ import annotations

from typing import Any

from fairlead.api.decode import fields as read
from fairlead.domain.streaming import End, Format, Streaming, authority
from fairlead.engine.jsonpath import compile_path
from fairlead.errors import FairleadError, IllegalArgument
from fairlead.java.jackson import Node, expect
from fairlead.java.json import JsonFault, compact

_MEMBERS = ("format", "text", "end", "error", "url", "body_fields")
_ENDS = ("event", "data", "path", "equals")


def streaming(node: Node) -> Streaming:
    """Raises IllegalArgument or BodyParse naming the member."""
    _only(node, "streaming", _MEMBERS)
    found = read.each(
        node,
        {
            "format": _format,
            "text": _path("text"),
            "error": _path("error"),
            "end": _end,
            "url": read.text,
            "body_fields": _fields,
        },
    )
    for name in ("format", "text"):
        if name not in found:
            raise IllegalArgument(f"streaming [{name}] can't be null")
    return Streaming(**found)


def check_url(given: Streaming | None, url: str) -> None:
    """A credential is sealed for the action's origin: a stream cannot take it anywhere else."""
    if given is not None and given.url is not None and authority(given.url) != authority(url):
        raise IllegalArgument("streaming [url] must begin with the scheme and the host of the action's url")


def _only(node: Node, where: str, known: tuple[str, ...]) -> None:
    """What is misspelt would be a stream that never ends, or says nothing."""
    for key, _, _, _ in expect(node, "object").members:
        if key not in known:
            raise IllegalArgument(f"{where} has no member [{key}]; it can have [{', '.join(known)}]")


def _format(node: Node) -> Format:
    value = read.text(node)
    if value not in tuple(Format):
        raise IllegalArgument(f"streaming [format] must be one of [{', '.join(Format)}]")
    return Format(value)


def _path(name: str) -> Any:
    def reader(node: Node) -> str:
        text = read.text(node)
        try:
            compile_path(text)
        except FairleadError as fault:
            raise IllegalArgument(f"Invalid path in streaming [{name}]: {fault.reason}", cause=fault) from fault
        return text

    return reader


def _end(node: Node) -> End:
    _only(node, "streaming [end]", _ENDS)
    found = read.each(
        node,
        {
            "event": read.text,
            "data": read.text,
            "path": _path("end.path"),
            "equals": lambda value: _plain(value, "end.equals"),
        },
    )
    if not found.keys() & {"event", "data", "path"}:
        raise IllegalArgument("streaming [end] needs one of [event, data, path]")
    if "equals" in found and "path" not in found:
        raise IllegalArgument("streaming [end.equals] needs a [path]")
    return End(**found)


def _fields(node: Node) -> dict[str, Any]:
    expect(node, "object")
    found: dict[str, Any] = _plain(node, "body_fields")
    return found


def _plain(node: Node, name: str) -> Any:
    value = node.plain()
    try:
        compact(value)
    except JsonFault as fault:
        raise IllegalArgument(f"streaming [{name}] cannot be written as JSON: {fault.reason}") from fault
    return value
