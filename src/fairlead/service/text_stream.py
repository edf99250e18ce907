"""The text of a streamed prediction, and where it goes, as the layers hand it on. It reads nothing and keeps nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol


class Sink(Protocol):
    """Where text goes. What cannot go at once is put, which waits."""

    def take(self, texts: list[str]) -> bool:
        """Whether all of it went out at once; if not, none of it did."""
        ...

    async def put(self, texts: list[str]) -> None: ...


class TextStream(Protocol):
    """Text in batches, each what one read of the provider's socket brought. Either way of reading it ends with the stream,
    and raises fairlead.errors and UpstreamError."""

    def batches(self) -> AsyncGenerator[list[str], None]: ...

    async def into(self, sink: Sink) -> None:
        """The quicker way: no task is woken for a batch that the sink takes at once."""
        ...
