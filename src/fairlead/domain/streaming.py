"""How a provider streams its reply, as values: the framing, where the text stands, how an end and a fault look.

It reads no bytes; fairlead.transport.events and fairlead.engine.stream_readers do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, NamedTuple

from fairlead.domain.ports import Json


class Format(StrEnum):
    """How events are framed."""

    SSE = "sse"
    NDJSON = "ndjson"
    AWS = "aws-eventstream"


class Event(NamedTuple):
    """One event of a provider: its name ("" where the framing has none) and its data. `fault`: the framing itself says
    that this is an error."""

    name: str
    data: bytes
    fault: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """What ends a stream: an event of that name, of exactly that data, or one in which `path` finds `equals` (without
    it: anything but null and false)."""

    event: str | None = None
    data: str | None = None
    path: str | None = None
    equals: Any = None

    def document(self) -> Json:
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name)) is not None}


@dataclass(frozen=True, slots=True)
class Streaming:
    """The `streaming` object of an action. `text` and `error` are JSON paths into an event's data; `url` is asked instead
    of the action's and has its scheme and authority; `body_fields` go into the top level of the action's body."""

    format: Format
    text: str
    end: End | None = None
    error: str | None = None
    url: str | None = None
    body_fields: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> Json:
        shown: Json = {
            "format": str(self.format),
            "text": self.text,
            "end": None if self.end is None else self.end.document(),
            "error": self.error,
            "url": self.url,
            "body_fields": dict(self.body_fields) or None,
        }
        return {key: value for key, value in shown.items() if value is not None}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Streaming:
        end = document.get("end")
        return cls(
            **{
                **document,
                "format": Format(document["format"]),
                "end": None if end is None else End(**end),
            }
        )


def authority(url: str) -> str:
    """Scheme and authority of a URL template, as written."""
    scheme, found, rest = url.partition("://")
    cut = min((at for mark in "/?#" if (at := rest.find(mark)) >= 0), default=len(rest))
    return f"{scheme}{found}{rest[:cut]}".lower()
