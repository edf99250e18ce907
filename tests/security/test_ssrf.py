"""Where calls really go: names whose answers are forbidden, mixed or change, over real sockets and with both clients (T-01
to T-04). A listener on loopback counts what reaches it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from fairlead.domain.private_target import PrivateTarget
from fairlead.errors import FairleadError, IllegalArgument
from fairlead.security.egress import EgressPolicy, GuardedDialer
from fairlead.transport.choose import open_upstream
from fairlead.transport.port import Call, Limits, Reply, Route, Upstream

CASES = json.loads((Path(__file__).parent / "cases" / "ssrf.json").read_text())
LIMITS = Limits(pool=1.0, connect=2.0, first_byte=2.0, idle=2.0, total=4.0, max_body=10_000)
CALL = Call(b"GET", b"/v1", (), b"")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Listener:
    """A server on both loopback addresses of one port; `requests` holds the address each came to."""

    answer: bytes = OK
    port: int = 0
    requests: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.requests.append(writer.get_extra_info("sockname")[0])
                writer.write(self.answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def listening(answer: bytes = OK) -> AsyncIterator[Listener]:
    listener = Listener(answer)
    four = await asyncio.start_server(listener.serve, "127.0.0.1", 0)
    listener.port = four.sockets[0].getsockname()[1]
    six = await asyncio.start_server(listener.serve, "::1", listener.port)
    async with four, six:
        yield listener


class Resolver:
    """Answers with the next list at each question; the last one stays."""

    def __init__(self, answers: list[list[str]]) -> None:
        self._answers = answers
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self._answers[min(self.asked, len(self._answers)) - 1]


@asynccontextmanager
async def upstream(
    transport: Any, policy: Callable[[], EgressPolicy], resolve: Callable[[str, int], Awaitable[Sequence[str]]]
) -> AsyncIterator[Upstream]:
    made = open_upstream(transport, GuardedDialer(policy, resolve))
    try:
        yield made
    finally:
        await made.close()


def rules(**given: Any) -> EgressPolicy:
    return EgressPolicy.of(**{"trusted": [".*"], **given})


def route(policy: EgressPolicy, port: int, host: str = "name.example", path: str = "/v1", owner: str = "") -> Route:
    return Route("http", host, port, None, None, 2, 2, policy.reach(f"http://{host}:{port}{path}", owner))


async def called(transport: Any, policy: EgressPolicy, resolver: Resolver, to: Route) -> Reply:
    async with upstream(transport, lambda: policy, resolver) as client:
        return await client.send(to, CALL, LIMITS)


both = pytest.mark.parametrize("transport", ["owned", "aiohttp"])


@both
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
async def test_only_addresses_that_were_checked_are_dialled(case: dict[str, Any], transport: str) -> None:
    policy = rules(allowed=case.get("allowed", ()), private_ip_enabled=case.get("private_ip_enabled", False))
    resolver = Resolver(case["answers"])
    async with listening() as listener:
        if "dialled" in case:
            assert (await called(transport, policy, resolver, route(policy, listener.port))).status == 200
            assert listener.requests == [case["dialled"]]
        else:
            with pytest.raises(IllegalArgument) as caught:
                await called(transport, policy, resolver, route(policy, listener.port))
            assert caught.value.reason == f"Remote inference host name has {case['refused']} ip address: name.example"
            assert listener.requests == []
    assert resolver.asked == 1


@both
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_an_address_in_the_url_is_judged_without_asking_anybody(host: str, transport: str) -> None:
    policy, resolver = rules(), Resolver([["8.8.8.8"]])
    async with listening() as listener:
        with pytest.raises(IllegalArgument, match="private ip address"):
            await called(transport, policy, resolver, route(policy, listener.port, host))
        assert (listener.requests, resolver.asked) == ([], 0)


@both
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_not_followed(status: int, transport: str) -> None:
    policy = rules(private_ip_enabled=True)
    async with listening() as inner:
        redirect = (
            f"HTTP/1.1 {status} Elsewhere\r\nLocation: http://127.0.0.1:{inner.port}/\r\nContent-Length: 0\r\n\r\n"
        )
        async with listening(redirect.encode()) as outer:
            reply = await called(transport, policy, Resolver([["127.0.0.1"]]), route(policy, outer.port))
            assert (reply.status, len(outer.requests), inner.requests) == (status, 1, [])


@both
async def test_a_connection_that_one_url_may_use_is_not_lent_to_another(transport: str) -> None:
    policy = rules(private=[r"^http://name\.example:\d+/v1$"], private_ip_enabled=True)
    async with (
        listening() as listener,
        upstream(transport, lambda: policy, Resolver([["127.0.0.1"]])) as client,
    ):
        assert (await client.send(route(policy, listener.port), CALL, LIMITS)).status == 200
        with pytest.raises(IllegalArgument, match="private endpoint regex"):
            await client.send(route(policy, listener.port, path="/admin"), CALL, LIMITS)
        assert len(listener.requests) == 1


@both
async def test_a_private_target_opens_the_way_for_its_connector_only(transport: str) -> None:
    async with listening() as listener:
        policy = rules(targets=[PrivateTarget.parse(f"mine=127.0.0.0/8:{listener.port}")])
        async with upstream(transport, lambda: policy, Resolver([["127.0.0.1"]])) as client:
            assert (await client.send(route(policy, listener.port, owner="mine"), CALL, LIMITS)).status == 200
            with pytest.raises(IllegalArgument, match="private ip address"):
                await client.send(route(policy, listener.port, owner="other"), CALL, LIMITS)
        assert len(listener.requests) == 1


@both
async def test_a_stream_is_guarded_as_a_plain_call_is(transport: str) -> None:
    policy = rules()
    async with (
        listening() as listener,
        upstream(transport, lambda: policy, Resolver([["8.8.8.8", "127.0.0.1"]])) as client,
    ):
        with pytest.raises(FairleadError, match="private ip address"):
            async with client.stream(route(policy, listener.port), CALL, LIMITS):
                pass
        assert listener.requests == []


@both
async def test_a_rule_that_was_tightened_holds_for_the_next_dial(transport: str) -> None:
    now = [rules(private_ip_enabled=True)]
    async with listening() as listener:
        for status in (200, None):
            async with upstream(transport, lambda: now[0], Resolver([["127.0.0.1"]])) as client:
                if status is None:
                    with pytest.raises(IllegalArgument):
                        await client.send(route(now[0], listener.port), CALL, LIMITS)
                else:
                    assert (await client.send(route(now[0], listener.port), CALL, LIMITS)).status == status
            now[0] = rules()
        assert len(listener.requests) == 1
