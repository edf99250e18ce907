"""`Connector`: a blueprint as an object with synchronous methods, for scripts, notebooks and process pools.

Imports nothing heavy: the engine comes with the first connector that is made.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import threading
import weakref
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from fairlead.errors import IllegalState
from fairlead.library.background import BackgroundLoop
from fairlead.library.recipe import Blueprint, Credential, PrivateNetworks, Recipe, Transport, recipe

if TYPE_CHECKING:
    from fairlead.library import session
    from fairlead.library.result import Prediction, Tensor
    from fairlead.service.calls.explaining import OutgoingRequest


T = TypeVar("T")


def engine() -> Any:
    """The module `fairlead.library.session`, imported when it is needed first."""
    return importlib.import_module("fairlead.library.session")


async def _next(batches: AsyncGenerator[list[str], None]) -> list[str] | None:
    return await anext(batches, None)


async def _close(batches: AsyncGenerator[list[str], None]) -> None:
    await batches.aclose()


class _Open:
    """What a connector holds in one process: a session and the loop it runs in."""

    def __init__(self, recipe: Recipe) -> None:
        self.session: session.Session = engine().Session(recipe)
        self.background = BackgroundLoop()
        self.streams: set[AsyncGenerator[list[str], None]] = set()
        self.process = os.getpid()

    def run(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """As BackgroundLoop.run; raises IllegalState in a forked child too: loop and sockets are the parent's."""
        if self.process != os.getpid():
            raise IllegalState("a stream can be read only by the process that began it")
        return self.background.run(make)

    def close(self) -> None:
        # Closing the sockets in a forked child would end the parent's TLS sessions.
        if self.process == os.getpid():
            self.background.close(self._end)
        else:
            self.background.abandon()

    async def _end(self) -> None:
        """Streams first, one by one: the loop would end the generators of one in any order."""
        for stream in list(self.streams):
            with contextlib.suppress(RuntimeError):  # another thread reads it, and finds its connection closed
                await stream.aclose()
        await self.session.close()


class Connector:
    """A model behind an HTTP API, as its blueprint describes it. Made by `from_blueprint`; safe to share among threads.

    Pickling takes the arguments of `from_blueprint` along, a credential given as values included; the copy opens itself
    at its first call. A forked process opens its own connections.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._open: _Open | None = None
        self._finalizer: weakref.finalize[..., Connector] | None = None
        self._closed = False
        self._lock = threading.Lock()

    @classmethod
    def from_blueprint(
        cls,
        blueprint: Blueprint,
        *,
        credential: Credential | None = None,
        parameters: Mapping[str, Any] | None = None,
        trusted: Sequence[str] | None = None,
        allow_private: PrivateNetworks = False,
        transport: Transport = "owned",
    ) -> Connector:
        """A connector ready to call; nothing is sent.

        `blueprint`: path of a JSON file, JSON text, or an object, as `POST connectors/_create` takes it. `credential`
        and `parameters` are added to the blueprint's own and win over them; `credential` may be a function that fetches
        it. `trusted`: Java regular expressions, one of which must match every URL; without them calls stay with the
        hosts of the blueprint. `allow_private`: True for all private networks, or those to allow. `transport`:
        "aiohttp" or "owned".

        Raises fairlead.errors with the texts of the REST API, OSError for a file that cannot be read.
        """
        made = cls(
            recipe(
                blueprint,
                credential=credential,
                parameters=parameters,
                trusted=trusted,
                allow_private=allow_private,
                transport=transport,
            )
        )
        made._opened()
        return made

    def predict(
        self,
        parameters: Mapping[str, Any] | None = None,
        *,
        text_docs: Sequence[str | None] | None = None,
        query_text: str | None = None,
        action: str = "predict",
    ) -> Prediction:
        """The answer to raw parameters, or to documents and a query; `action` by type or name. Raises fairlead.errors."""
        asked = engine().asked(parameters, text_docs=text_docs, query_text=query_text, action=action)
        opened = self._opened()
        return opened.run(lambda: opened.session.predict(asked))

    def stream(
        self, parameters: Mapping[str, Any] | None = None, *, action: str = "predict"
    ) -> Generator[str, None, None]:
        """Pieces of the answer to raw parameters while they come: `for text in connector.stream({...})`.

        The action needs a `streaming` object, or parameter `_llm_interface` names one of the interfaces that are known.
        Nothing is read ahead of the loop; leaving it ends the call. Raises fairlead.errors, also between two pieces.
        """
        asked = engine().asked(parameters, action=action)
        opened = self._opened()
        batches = opened.session.stream(asked)
        opened.streams.add(batches)
        try:
            while (texts := opened.run(lambda: _next(batches))) is not None:
                yield from texts
        finally:
            with contextlib.suppress(
                IllegalState
            ):  # closing the connector has ended the call, and a child's is its parent's
                opened.run(lambda: _close(batches))
            opened.streams.discard(batches)

    def embed(self, texts: Sequence[str | None], parameters: Mapping[str, Any] | None = None) -> list[Tensor]:
        """The embeddings of texts, in their order and in as many calls as the connector's function needs.

        `parameters` are those of the text embedding route (`content_type`: QUERY or PASSAGE). Raises fairlead.errors.
        """
        opened = self._opened()
        return opened.run(lambda: opened.session.embed(texts, parameters))

    def rerank(self, query: str, documents: Sequence[str]) -> list[float | None]:
        """The similarity of each document to the query, in the order of the documents; None where the provider gave none.

        Raises fairlead.errors.
        """
        opened = self._opened()
        return opened.run(lambda: opened.session.rerank(query, documents))

    def explain(
        self,
        parameters: Mapping[str, Any] | None = None,
        *,
        text_docs: Sequence[str | None] | None = None,
        query_text: str | None = None,
        action: str = "predict",
    ) -> OutgoingRequest:
        """The exact request that `predict` would send, secrets masked; nothing is sent and no name resolved.

        Raises fairlead.errors: what predict raises before it sends.
        """
        asked = engine().asked(parameters, text_docs=text_docs, query_text=query_text, action=action)
        return self._opened().session.explain(asked)

    def close(self) -> None:
        """Ends connections and loop; calls of other threads fail. Closing twice does nothing."""
        self._closed = True
        finalizer, self._finalizer, self._open = self._finalizer, None, None
        if finalizer is not None:
            finalizer()

    def __enter__(self) -> Connector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        name = None if self._open is None else self._open.session.name
        return f"<{type(self).__name__}{'' if name is None else f' {name!r}'}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self._recipe,))

    def _opened(self) -> _Open:
        if self._closed:
            raise IllegalState("the connector is closed")
        opened = self._open
        if opened is not None and opened.process == os.getpid():
            return opened
        with self._lock:
            if self._open is None or self._open.process != os.getpid():
                self._open = _Open(self._recipe)
                self._finalizer = weakref.finalize(self, self._open.close)
            return self._open
