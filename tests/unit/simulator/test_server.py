"""The simulator on real sockets: framing, order, faults and bounds."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator

import pytest

from fairlead.simulator import Address, Simulator, SimulatorSettings
from fairlead.simulator.command import run
from fairlead.simulator.failures import Failure, Rule, parse_rules
from fairlead.simulator.message import Reply, Request
from fairlead.simulator.server import MAX_HEAD
from process import providers

SOON = 5.0


@pytest.fixture
async def simulator() -> AsyncIterator[tuple[Simulator, Address]]:
    one = Simulator()
    address = await one.start()
    yield one, address
    await one.close()


class Client:
    """A socket that reads replies by their framing and knows whether one was whole."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, address: Address) -> Client:
        return cls(*await asyncio.open_connection(address.host, address.port))

    def send(self, text: str, body: bytes = b"") -> None:
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        self.writer.write(f"{text} HTTP/1.1\r\nHost: 127.0.0.1\r\n{length}\r\n".encode() + body)

    async def head(self) -> tuple[int, dict[str, str]]:
        lines = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), SOON)).decode("latin-1").split("\r\n")
        fields = dict(line.split(": ", 1) for line in lines[1:] if line)
        return int(lines[0].split()[1]), {name.lower(): value for name, value in fields.items()}

    async def reply(self, head_only: bool = False) -> tuple[int, bytes]:
        status, fields = await self.head()
        if head_only or status == 204:
            return status, b""
        if fields.get("transfer-encoding") == "chunked":
            return status, b"".join([chunk async for chunk in self.chunks()])
        return status, await asyncio.wait_for(self.reader.readexactly(int(fields["content-length"])), SOON)

    async def chunks(self) -> AsyncIterator[bytes]:
        while size := int(await asyncio.wait_for(self.reader.readline(), SOON), 16):
            yield (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readexactly(2)

    async def rest(self) -> bytes:
        return await asyncio.wait_for(self.reader.read(), SOON)

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


@pytest.fixture
async def client(simulator: tuple[Simulator, Address]) -> AsyncIterator[Client]:
    one = await Client.connect(simulator[1])
    yield one
    await one.close()


async def test_requests_on_one_connection_are_answered_in_order_even_when_one_waits(client: Client) -> None:
    for target in ("/echo/1", "/slow?ms=30", "/echo/3", "/chunked?b64=YWJj&size=1", "/echo/5"):
        client.send(f"GET {target}")
    bodies = [(await client.reply())[1] for _ in range(5)]
    assert [json.loads(bodies[number])["path"] for number in (0, 2, 4)] == ["/echo/1", "/echo/3", "/echo/5"]
    assert (bodies[1], bodies[3]) == (b'{"ok": true}', b"abc")


async def test_more_requests_than_are_read_ahead_are_all_answered(client: Client) -> None:
    client.send("GET /slow?ms=10")
    for number in range(300):
        client.send(f"GET /echo/{number}")
    await client.reply()
    paths = [json.loads((await client.reply())[1])["path"] for _ in range(300)]
    assert paths == [f"/echo/{number}" for number in range(300)]


async def test_a_request_in_single_bytes_is_the_same_request(client: Client) -> None:
    for byte in b"POST /echo?a=1 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\nhi":
        client.writer.write(bytes([byte]))
        await client.writer.drain()
        await asyncio.sleep(0)
    document = json.loads((await client.reply())[1])
    assert (document["path"], document["body"]) == ("/echo?a=1", "hi")


async def test_a_chunked_request_body_is_put_together(client: Client) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    client.writer.write(head + b"2\r\nab\r\n1;x=y\r\nc\r\n0\r\nT: v\r\n\r\n")
    assert json.loads((await client.reply())[1])["body"] == "abc"


async def test_headers_keep_their_bytes_and_the_last_of_two_counts(
    simulator: tuple[Simulator, Address], client: Client
) -> None:
    client.writer.write(b"GET /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: 1\r\nx-a:  caf\xe9\r\n\r\n")
    assert json.loads((await client.reply())[1])["headers"]["x-a"] == "caf\u00e9"
    assert simulator[0].requests[0].headers[1:] == (("X-A", "1"), ("x-a", "caf\u00e9"))


async def test_chunks_arrive_exactly_as_cut(client: Client) -> None:
    client.send("GET /chunked?b64=aGVsbG8=&size=2")
    status, fields = await client.head()
    assert (status, "content-length" in fields) == (200, False)
    assert [chunk async for chunk in client.chunks()] == [b"he", b"ll", b"o"]


async def test_a_reply_to_head_has_no_body_but_its_length(client: Client) -> None:
    client.send("HEAD /raw?b64=aGVsbG8=")
    client.send("GET /empty")
    status, fields = await client.head()
    assert (status, fields["content-length"]) == (200, "5")
    assert await client.reply() == (200, b"")


async def test_no_content_has_no_length(client: Client) -> None:
    client.send("GET /status/204")
    client.send("GET /empty")
    status, fields = await client.head()
    assert (status, "content-length" in fields) == (204, False)
    assert await client.reply() == (200, b"")


async def test_drop_closes_without_a_byte(client: Client) -> None:
    client.send("GET /drop")
    client.send("GET /echo")
    assert await client.rest() == b""


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/truncate", b'{"partial": "' + b"x" * 27),
        ("/raw?b64=aGVsbG8=&x-simulate-truncate=2", b"he"),
        ("/raw?b64=aGVsbG8=&x-simulate-truncate=0", b""),
        ("/chunked?b64=aGVsbG8=&size=2&x-simulate-truncate=3", b"2\r\nhe\r\n1\r\nl\r\n"),
    ],
)
async def test_a_truncated_reply_promises_more_than_it_sends(client: Client, target: str, body: bytes) -> None:
    client.send(f"GET {target}")
    _, fields = await client.head()
    assert int(fields.get("content-length", 1 << 30)) > len(body)
    assert await client.rest() == body


async def test_a_delay_holds_back_the_first_byte_of_its_own_connection_only(
    simulator: tuple[Simulator, Address], client: Client
) -> None:
    client.send("GET /echo?x-simulate-delay-ms=60000")
    await client.writer.drain()
    other = await Client.connect(simulator[1])
    for _ in range(20):
        other.send("GET /echo")
        assert (await other.reply())[0] == 200
    assert simulator[0].requests[0].target == "/echo?x-simulate-delay-ms=60000"
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.reader.read(1), 0)
    await other.close()


async def test_a_client_that_goes_away_during_a_delay_costs_nothing(simulator: tuple[Simulator, Address]) -> None:
    one = await Client.connect(simulator[1])
    one.send("GET /slow?ms=60000")
    await one.writer.drain()
    await one.close()
    other = await Client.connect(simulator[1])
    other.send("GET /echo")
    assert (await other.reply())[0] == 200
    await other.close()


async def test_a_client_that_only_closed_its_side_still_gets_its_answer(client: Client) -> None:
    client.send("GET /slow?ms=20")
    client.writer.write_eof()
    assert (await client.reply())[1] == b'{"ok": true}'
    assert await client.rest() == b""


async def test_connection_close_is_kept_to(client: Client) -> None:
    client.writer.write(b"GET /empty HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    assert (await client.head())[1]["connection"] == "close"
    assert await client.rest() == b""


async def test_expect_continue_is_answered_before_the_body_comes(client: Client) -> None:
    client.writer.write(b"POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    assert (await client.head())[0] == 100
    client.writer.write(b"hi")
    assert json.loads((await client.reply())[1])["body"] == "hi"


@pytest.mark.parametrize("split", [True, False])
async def test_an_upgrade_is_declined_and_the_request_answered_as_it_stands(client: Client, split: bool) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n"
    client.writer.write(head)
    if split:
        await client.writer.drain()
        await asyncio.sleep(0)
    client.writer.write(b"hiGET /empty HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    document = json.loads((await client.reply())[1])
    assert (document["body"], document["headers"]["upgrade"]) == ("hi", "h2c")
    assert await client.reply() == (200, b"")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nbad header\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * (MAX_HEAD + 1) + b"\r\n\r\n", 413),
    ],
)
async def test_what_cannot_be_read_is_refused_once_and_ends_the_connection(
    client: Client, data: bytes, status: int
) -> None:
    client.writer.write(data)
    assert (await client.reply())[0] == status
    assert await client.rest() == b""


async def test_a_body_beyond_the_bound_is_refused(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairlead.simulator.server.MAX_BODY", 10)
    client.send("POST /echo", b"x" * 11)
    assert (await client.reply())[0] == 413


async def test_a_fault_of_the_simulator_is_a_500(
    simulator: tuple[Simulator, Address], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(request: Request) -> Reply:
        raise KeyError("gone")

    monkeypatch.setattr(simulator[0]._desk, "reply", broken)
    client.send("GET /echo")
    assert (await client.reply())[0] == 500


async def test_large_bodies_go_both_ways(client: Client) -> None:
    client.send("POST /echo", b"x" * 3_000_000)
    document = json.loads((await client.reply())[1])
    assert len(document["body"]) == 3_000_000


async def test_close_cuts_connections_and_frees_the_port() -> None:
    one = Simulator()
    address = await one.start()
    client = await Client.connect(address)
    client.send("GET /slow?ms=60000")
    await client.writer.drain()
    await one.close()
    with pytest.raises(ConnectionResetError):
        await client.rest()
    again = Simulator()
    assert (await again.start(port=address.port)) == address
    await again.close()
    await again.close()


async def test_a_script_can_be_installed_from_python(simulator: tuple[Simulator, Address], client: Client) -> None:
    simulator[0].install(parse_rules({"rules": [{"path": "/echo", "status": 503}]}))
    client.send("GET /echo")
    assert (await client.reply())[0] == 503
    with pytest.raises(AttributeError):
        simulator[0].requests[0].path = "x"  # type: ignore[misc]
    assert (
        Rule(parse_rules({"rules": [{"path": "x"}]})[0].path, None, Failure()).matches(simulator[0].requests[0], "")
        is False
    )


async def test_an_address_is_written_as_a_url() -> None:
    assert (Address("::1", 9).url, Address("127.0.0.1", 9).url) == ("http://[::1]:9", "http://127.0.0.1:9")
    one = Simulator(SimulatorSettings(dimensions=2))
    assert (await one.start("::1")).host == "::1"
    await one.close()


# The command.


async def test_the_command_names_its_address_serves_and_stops_on_sigterm() -> None:
    running = await asyncio.to_thread(providers().start)
    host, port = running.url.removeprefix("http://").split(":")
    client = await Client.connect(Address(host, int(port)))
    for target in ("/echo", "/slow?ms=10", "/chunked?b64=YWJj", "/echo"):
        client.send(f"GET {target}")
    assert [(await client.reply())[0] for _ in range(4)] == [200] * 4
    assert await asyncio.to_thread(running.stop) == 0
    await client.close()
    assert running.output.count("\n") == 1
    assert running.errors == ""


async def test_a_port_that_is_taken_is_said_in_one_line(
    simulator: tuple[Simulator, Address], capsys: pytest.CaptureFixture[str]
) -> None:
    def in_thread() -> int:
        return run("127.0.0.1", simulator[1].port)

    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    with pytest.MonkeyPatch.context() as patch:
        # Signals belong to the main thread, where this loop already runs.
        patch.setattr("uvloop.Loop.add_signal_handler", lambda *given: None, raising=False)
        code = await asyncio.to_thread(in_thread)
    assert code == 1
    assert "cannot listen" in capsys.readouterr().err
    assert handlers == {number: signal.getsignal(number) for number in handlers}
