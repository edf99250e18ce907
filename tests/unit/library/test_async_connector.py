"""The asynchronous connector: the same answers, many calls at once, and one client for each event loop."""

from __future__ import annotations

import asyncio
import gc
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from fairlead import AsyncConnector
from fairlead.errors import IllegalArgument, IllegalState
from unit.library.provider import Provider, blueprint, embeddings

KEY = {"key": "sk-canary-0123456789"}


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider(embeddings) as started:
        yield started


def made(provider: Provider, **arguments: Any) -> AsyncConnector:
    given = {"credential": KEY, "allow_private": True, **arguments}
    return AsyncConnector.from_blueprint(given.pop("blueprint", blueprint(provider.url)), **given)


async def test_it_answers_as_the_synchronous_one(provider: Provider) -> None:
    async with made(provider) as connector:
        assert [tensor.tolist() for tensor in await connector.embed(["ab", "c"])] == [[0.0, 2], [1.0, 1]]
        assert (await connector.predict({"input": ["x"]})).status_code == 200
        assert (await connector.explain(text_docs=["a"])).headers["Authorization"] == "Bearer ***"
        with pytest.raises(IllegalArgument, match="TextDocsInputDataSet"):
            await connector.rerank("q", ["a"])
        with pytest.raises(TypeError):
            await connector.embed("text")
    assert [seen.json["input"] for seen in provider.seen] == [["ab", "c"], ["x"]]


async def test_calls_at_once_stay_within_the_connectors_pool() -> None:
    body = blueprint("{url}", client_config={"max_connection": 3})
    with Provider(embeddings) as provider:
        body["actions"][0]["url"] = f"{provider.url}/v1/embeddings"
        async with made(provider, blueprint=body) as connector:
            answers = await asyncio.gather(*(connector.embed(["x" * n]) for n in range(1, 13)))
    assert [tensor.tolist() for (tensor,) in answers] == [[0.0, n] for n in range(1, 13)]
    assert len({seen.port for seen in provider.seen}) <= 3


def test_a_later_loop_gets_a_client_of_its_own(provider: Provider) -> None:
    connector = made(provider)

    async def once(*, last: bool) -> list[Any]:
        tensors = await connector.embed(["a"])
        if last:
            await connector.close()
        else:
            await connector._opened().close()
        return tensors[0].tolist()

    assert [asyncio.run(once(last=last)) for last in (False, True)] == [[0.0, 1]] * 2
    gc.collect()
    with pytest.raises(IllegalState):
        asyncio.run(once(last=True))


async def test_a_cancelled_call_leaves_the_connector_usable(provider: Provider) -> None:
    async with made(provider) as connector:
        task = asyncio.ensure_future(connector.embed(["a"]))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await connector.embed(["ab"]))[0].tolist() == [0.0, 2]


async def test_it_pickles_and_closes_twice(provider: Provider) -> None:
    connector = pickle.loads(pickle.dumps(made(provider)))
    assert (await connector.embed(["a"]))[0].tolist() == [0.0, 1]
    await connector.close()
    await connector.close()
    assert KEY["key"] not in repr(connector)


def test_a_faulty_blueprint_is_told_when_the_connector_is_made(provider: Provider) -> None:
    with pytest.raises(IllegalArgument, match=r"^Connector credential is null or empty list$"):
        made(provider, credential=None)


async def test_loops_of_other_threads_may_come_and_go_while_a_loop_gets_its_client(provider: Provider) -> None:
    connector = made(provider)
    session = connector._opened()
    clients: dict[Any, Any] = session._clients

    class Ended:
        """A closed loop, which another thread's loop drops and follows at that moment."""

        def is_closed(self) -> bool:
            clients.pop(self)
            clients[object()] = None
            return True

    clients[Ended()] = clients[Ended()] = None
    async with connector:
        assert len(await connector.embed(["a"])) == 1
