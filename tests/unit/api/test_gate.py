"""The gate behind a proxy: whose address counts, and whose credentials may come in clear text (S-06, S-20)."""

from __future__ import annotations

from typing import Any, cast

import pytest

from fairlead.api.gate import Gate, Refusal
from fairlead.domain.audit import AuditEvent, Category
from fairlead.domain.identity import PEER, Head, NoLoginLimits, Refused
from fairlead.domain.principal import Principal
from fairlead.security.forwarded import Proxies
from fairlead.service.security.basic import BasicSource
from fairlead.service.security.configuration import Configuration
from fairlead.service.security.hashing import HashPool
from fairlead.service.security.service import SecurityService
from identities import authorization, quick_hash

PROXY, CLIENT, STRANGER = "10.0.0.1", "192.0.2.7", "203.0.113.9"


class Source:
    """Believes everybody, and keeps what it was asked about."""

    name = "basic"
    challenge: str | None = None

    def __init__(self) -> None:
        self.heads: list[Head] = []

    async def identify(self, head: Head) -> Principal | Refused | None:
        self.heads.append(head)
        return Principal("ann")


class Security:
    """A security service with one source and an audit log in memory."""

    behind = False

    def __init__(self) -> None:
        self.source = Source()
        self.sources = [self.source]
        self.audit = self
        self.events: list[AuditEvent] = []

    def wants(self, category: Category) -> bool:
        return category not in (Category.AUTHENTICATED, Category.GRANTED_PRIVILEGES)

    def record(self, event: AuditEvent) -> None:
        self.events.append(event)


def gate(security: Security, trusted: str = PROXY) -> Gate:
    return Gate(cast(SecurityService, security), frozenset(), Proxies([trusted]), clear_text=True)


def scope(peer: str, *headers: tuple[str, str]) -> dict[str, Any]:
    pairs = [(name.encode(), value.encode()) for name, value in headers]
    return {
        "method": "GET",
        "raw_path": b"/",
        "headers": pairs,
        "client": (peer, 1),
        "scheme": "http",
        "query_string": b"",
    }


LOGIN = ("authorization", "Basic x")


async def admitted(judge: Gate, request: dict[str, Any]) -> Principal | None:
    return await judge.admit(request, dict(request["headers"]))


async def test_the_client_behind_a_trusted_proxy_is_the_one_that_counts() -> None:
    security = Security()
    request = scope(PROXY, LOGIN, ("x-forwarded-for", CLIENT))
    await admitted(gate(security), request)
    [head] = security.source.heads
    assert (head.address, head.connection[PEER]) == (CLIENT, PROXY)
    assert request["client"][0] == CLIENT


@pytest.mark.parametrize("scheme", ["Basic x", "ApiKey x", "Bearer x"])
async def test_credentials_in_clear_text_from_elsewhere_are_refused_and_told(scheme: str) -> None:
    security = Security()
    with pytest.raises(Refusal) as raised:
        await admitted(gate(security), scope(STRANGER, ("authorization", scheme), ("x-forwarded-for", CLIENT)))
    assert raised.value.reply.status == 403
    [event] = security.events
    assert (event.category, event.address) == (Category.FAILED_LOGIN, STRANGER)
    assert "exposed" in event.reason
    assert security.source.heads == []


async def test_a_request_from_this_machine_passes_without_tls() -> None:
    security = Security()
    await admitted(gate(security), scope("127.0.0.1", LOGIN))
    assert security.source.heads[0].address == "127.0.0.1"


async def test_the_order_of_the_sources_holds_for_a_login_that_is_remembered_too() -> None:
    security, pool = Security(), HashPool(1)
    users = Configuration({"bob": {"hash": quick_hash()}})
    basic = BasicSource(lambda: users, pool, NoLoginLimits(), lambda: 0.0, lambda: 0)
    proved = ("authorization", authorization("bob").decode())
    for order, name in (([basic, security.source], "bob"), ([security.source, basic], "ann")):
        security.sources = cast(list[Source], order)
        judge = gate(security)
        for _ in range(2):  # the second time the first case is remembered
            found = await admitted(judge, scope(PROXY, proved))
            assert found is not None
            assert found.name == name
        assert basic.remembered(authorization("bob"), PROXY) == Principal("bob")
    pool.close()
