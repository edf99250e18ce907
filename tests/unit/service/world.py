"""A world for services: a real store in a file, a clock that stands still, a vault without keys, a provider in memory."""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fairlead.domain.connector import Action, ActionType
from fairlead.domain.ports import SealContext, Step
from fairlead.domain.secret import Secret
from fairlead.errors import Unavailable
from fairlead.security.egress import EgressPolicy
from fairlead.service.connectors.fields import ConnectorFields
from fairlead.service.house import House, Identity
from fairlead.service.models.registration import ModelFields
from fairlead.service.ports import Limits, Ports
from fairlead.service.scripts import PainlessCompiler
from fairlead.service.snapshot import Snapshot
from fairlead.store import SqlStore, open_store
from fairlead.transport.port import Call, PoolStats, Reply, Route, StreamReply
from fairlead.transport.port import Limits as CallLimits

POLICY = EgressPolicy.of(trusted=["^https://api\\.example\\.com/.*$"])


class Clock:
    """Epoch milliseconds that pass only when told; seconds that pass, and jump when told."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000
        self._jumped = 0.0

    def __call__(self) -> int:
        return self.now

    def monotonic(self) -> float:
        return time.monotonic() + self._jumped

    def minutes(self, count: float) -> None:
        self.now += int(count * 60_000)
        self._jumped += count * 60

    def put_back(self, minutes: float) -> None:
        """As an administrator does, or the network's time: less is on the clock, and no time has passed."""
        self.now -= int(minutes * 60_000)


class OpenVault:
    """Marks values instead of sealing them. `locked`: the key is away."""

    def __init__(self) -> None:
        self.locked = False

    async def seal(self, values: Mapping[SealContext, Secret]) -> dict[SealContext, str]:
        return {context: f"sealed:{secret.reveal()}" for context, secret in values.items()}

    def fence(self) -> tuple[Step, ...]:
        return ()

    async def open(self, values: Mapping[SealContext, str]) -> dict[SealContext, Secret]:
        if self.locked:
            raise Unavailable("the keys are away")
        return {context: Secret(text.removeprefix("sealed:")) for context, text in values.items()}


class Streamed:
    """A reply in pieces."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.status = 200
        self.headers: list[tuple[bytes, bytes]] = []
        self._pieces = list(pieces)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self._pieces:
            yield self._pieces.pop(0)

    async def pump(self, take: Callable[[bytes], bool]) -> bool:
        while self._pieces:
            if not take(self._pieces.pop(0)):
                return True
        return False


class Provider:
    """Answers every call with `reply`, and every stream with `events`, after `before` was run."""

    def __init__(self) -> None:
        self.reply = Reply(200, [], b'{"ok":true}')
        self.events: list[bytes] = [b'data: {"choices":[{"delta":{"content":"hello"}}]}\n\n', b"data: [DONE]\n\n"]
        self.before: Callable[[], Awaitable[None]] | None = None

    def stats(self) -> list[PoolStats]:
        """It keeps no connections."""
        return []

    async def send(self, route: Route, call: Call, limits: CallLimits) -> Reply:
        if self.before is not None:
            await self.before()
        return self.reply

    @asynccontextmanager
    async def stream(self, route: Route, call: Call, limits: CallLimits) -> AsyncIterator[StreamReply]:
        if self.before is not None:
            await self.before()
        yield Streamed(self.events)

    async def close(self) -> None:
        pass


class World:
    """One store; any number of workers, each with services of its own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.clock = Clock()
        self.vault = OpenVault()
        self.provider = Provider()
        self.stores: list[SqlStore] = []
        self._ids = itertools.count(1)

    async def worker(self, node_id: str = "node-1", *, insecure_tls: bool = True) -> House:
        store = await open_store(self.url, clock=self.clock)
        self.stores.append(store)
        ports = Ports(
            store=store,
            vault=self.vault,
            upstream=self.provider,
            scripts=PainlessCompiler(),
            policy=lambda: POLICY,
            clock=self.clock,
            monotonic=self.clock.monotonic,
            new_id=lambda: f"id-{next(self._ids)}",
            random=lambda n: 0,
            node_id=node_id,
            limits=Limits(),
            insecure_tls=insecure_tls,
        )
        house = House(ports, Snapshot(store, {}), Identity("n", "c", "u", "normal", 1))
        await house.snapshot.start(house.deployments.load)
        return house


def action(**changes: Any) -> Action:
    members: dict[str, Any] = {
        "action_type": ActionType.PREDICT,
        "method": "POST",
        "url": "https://api.example.com/v1",
        "request_body": "{}",
        **changes,
    }
    return Action(**members)


async def connected(house: House, **changes: Any) -> str:
    """The id of a fresh connector."""
    fields = ConnectorFields(
        name="c", version="1", protocol="http", credential={"key": Secret("k")}, actions=(action(**changes),)
    )
    return (await house.connectors.create(fields)).id


async def registered(house: House, connector_id: str | None = None, **members: Any) -> str:
    """The id of a fresh model, with a connector of its own unless one is named."""
    connector_id = connector_id or await connected(house)
    fields = ModelFields(**{"name": "m", "connector_id": connector_id, **members})
    return (await house.registrations.register(fields)).model_id
