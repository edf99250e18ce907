"""`AsyncConnector`: the same as `Connector` for programs with an event loop of their own.

Imports nothing heavy: the engine comes with the first connector that is made.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import TYPE_CHECKING, Any

from fairlead.errors import IllegalState
from fairlead.library.connector import engine
from fairlead.library.recipe import Blueprint, Credential, PrivateNetworks, Recipe, Transport, recipe

if TYPE_CHECKING:
    from fairlead.library import session
    from fairlead.library.result import Prediction, Tensor
    from fairlead.service.calls.explaining import OutgoingRequest


class AsyncConnector:
    """A model behind an HTTP API, as its blueprint describes it. Made by `from_blueprint`.

    Close it in the loop that used it, best by `async with`; a loop that comes later gets connections of its own. Pickles
    as `Connector` does.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._session: session.Session | None = None
        self._process = os.getpid()
        self._closed = False

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
    ) -> AsyncConnector:
        """Arguments and errors of `Connector.from_blueprint`."""
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

    async def predict(
        self,
        parameters: Mapping[str, Any] | None = None,
        *,
        text_docs: Sequence[str | None] | None = None,
        query_text: str | None = None,
        action: str = "predict",
    ) -> Prediction:
        """As `Connector.predict`."""
        asked = engine().asked(parameters, text_docs=text_docs, query_text=query_text, action=action)
        return await self._opened().predict(asked)

    async def stream(
        self, parameters: Mapping[str, Any] | None = None, *, action: str = "predict"
    ) -> AsyncGenerator[str, None]:
        """As `Connector.stream`: `async for text in connector.stream({...})`. Whoever leaves the loop early should `aclose`
        it (`contextlib.aclosing`), else the call ends only when the generator is collected."""
        asked = engine().asked(parameters, action=action)
        async with aclosing(self._opened().stream(asked)) as batches:
            async for texts in batches:
                for text in texts:
                    yield text

    async def embed(self, texts: Sequence[str | None], parameters: Mapping[str, Any] | None = None) -> list[Tensor]:
        """As `Connector.embed`."""
        return await self._opened().embed(texts, parameters)

    async def rerank(self, query: str, documents: Sequence[str]) -> list[float | None]:
        """As `Connector.rerank`."""
        return await self._opened().rerank(query, documents)

    async def explain(
        self,
        parameters: Mapping[str, Any] | None = None,
        *,
        text_docs: Sequence[str | None] | None = None,
        query_text: str | None = None,
        action: str = "predict",
    ) -> OutgoingRequest:
        """As `Connector.explain`."""
        asked = engine().asked(parameters, text_docs=text_docs, query_text=query_text, action=action)
        return self._opened().explain(asked)

    async def close(self) -> None:
        """Ends the connections of the running loop. Closing twice does nothing."""
        self._closed = True
        session, self._session = self._session, None
        if session is not None and self._process == os.getpid():
            await session.close()

    async def __aenter__(self) -> AsyncConnector:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        name = None if self._session is None else self._session.name
        return f"<{type(self).__name__}{'' if name is None else f' {name!r}'}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self._recipe,))

    def _opened(self) -> session.Session:
        if self._closed:
            raise IllegalState("the connector is closed")
        if self._session is None or self._process != os.getpid():
            self._session, self._process = engine().Session(self._recipe), os.getpid()
        return self._session
