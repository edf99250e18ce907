"""Streamed predicts through a real process: what providers send, and how their streams break, on both transports."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from client import ML, Client
from process import gateway
from sockets import PATIENCE, accepted, listening
from streams import AWS_HEAD, LAST_CHUNK, SSE_HEAD, Caller, chunk, converse, openai

OPENAI: dict[str, Any] = {"_llm_interface": " OpenAI/v1/chat/completions "}
CHAT = {"request_body": '{"messages":[{"role":"user","content":"${parameters.q:-hi}"}],"temperature":0.5}'}
DONE = b"data: [DONE]\n\n"


@pytest.fixture(scope="module", params=["owned", "aiohttp"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with gateway(tmp_path_factory.mktemp("data"), environment={"FAIRLEAD_TRANSPORT": request.param}) as process:
        client = Client(process.url)
        client.trust_local()
        enable(client)
        yield client
        assert "Traceback" not in process.errors


def enable(client: Client, **settings: Any) -> None:
    named = {f"fairlead.stream.{key}": value for key, value in settings.items()}
    client.ok("PUT", "/_cluster/settings", {"persistent": {"plugins.ml_commons.stream_enabled": True, **named}})


def model_of(client: Client, url: str, **changes: Any) -> str:
    changes.setdefault("action", CHAT)
    return client.model(client.connector(url, **changes), f"stream {url} {len(str(changes))}")


@pytest.fixture
def provider() -> Iterator[tuple[socket.socket, str]]:
    with listening() as found:
        yield found


def asked(connection: socket.socket, head: bytes) -> tuple[bytes, Any]:
    """The head of a provider's request, and its JSON body."""
    while not (found := re.search(rb"(?i)content-length: (\d+)", head)) or b"\r\n\r\n" not in head:
        head += connection.recv(65536)
    top, _, body = head.partition(b"\r\n\r\n")
    while len(body) < int(found[1]):
        body += connection.recv(65536)
    return top, json.loads(body)


def accept(listener: socket.socket) -> tuple[socket.socket, bytes, Any]:
    connection, _ = listener.accept()
    connection.settimeout(PATIENCE)
    return connection, *asked(connection, b"")


def test_an_openai_stream_has_the_shape_of_the_original(server: Client, provider: tuple[socket.socket, str]) -> None:
    listener, url = provider
    with Caller(server.base, model_of(server, url), **OPENAI, q='say "hi"') as caller:
        upstream, head, body = accept(listener)
        with upstream:
            assert body == {"messages": [{"role": "user", "content": 'say "hi"'}], "temperature": 0.5, "stream": True}
            assert b"\r\nAccept: text/event-stream\r\n" in head
            assert b"\r\nCache-Control: no-cache" in head
            upstream.sendall(SSE_HEAD + chunk(openai("") + openai("Hel")) + chunk(b": hello\n\ndata: broken\n\n"))
            upstream.sendall(chunk(openai('lo "ü"\n')) + chunk(openai(None, finish_reason="stop") + DONE) + LAST_CHUNK)
            assert caller.begin() == 200
            assert caller.headers["content-type"] == "text/event-stream"
            assert caller.headers["cache-control"] == "no-cache"
            assert caller.headers["connection"] == "keep-alive"
            whole = b"".join(caller.blocks())
    assert whole.decode() == "".join(
        'data: {"inference_results":[{"output":[{"name":"response","dataAsMap":{"content":'
        f'{json.dumps(text, ensure_ascii=False)},"is_last":{last}}}}}]}}]}}\n\n'
        for text, last in (("Hel", "false"), ('lo "ü"\n', "false"), ("", "true"))
    )


def test_a_stream_goes_out_while_it_comes_in(server: Client, provider: tuple[socket.socket, str]) -> None:
    listener, url = provider
    with Caller(server.base, model_of(server, url), **OPENAI) as caller, accepted(listener) as upstream:
        upstream.sendall(SSE_HEAD + chunk(openai("one")))
        assert caller.begin() == 200
        events = caller.events()
        assert "one" in str(next(events))
        upstream.sendall(chunk(openai("two")))
        assert "two" in str(next(events))
        upstream.sendall(chunk(DONE) + LAST_CHUNK)
        assert "True" in str(next(events))
        assert list(events) == []


@pytest.mark.parametrize(
    ("version", "more"), [("1.0", ""), ("1.0", "Connection: keep-alive\r\n"), ("1.1", "Connection: Close\r\n")]
)
def test_a_stream_whose_connection_ends_with_it_says_so_and_old_callers_get_no_chunks(
    server: Client, provider: tuple[socket.socket, str], version: str, more: str
) -> None:
    listener, url = provider
    model = model_of(server, url)
    with Caller(server.base, model, version=version, more=more, **OPENAI) as caller, accepted(listener) as upstream:
        upstream.sendall(SSE_HEAD + chunk(openai("one")) + chunk(openai("two") + DONE) + LAST_CHUNK)
        assert caller.begin() == 200
        assert caller.headers["connection"] == "close"
        assert ("transfer-encoding" in caller.headers) is (version == "1.1")
        body = caller.rest() if version == "1.0" else b"".join(caller.blocks())
        assert [json.loads(event[6:]) for event in body.split(b"\n\n")[:-1]] == [
            {
                "inference_results": [
                    {"output": [{"name": "response", "dataAsMap": {"content": text, "is_last": not text}}]}
                ]
            }
            for text in ("one", "two", "")
        ]


def test_tool_calls_come_in_pieces_and_then_whole(server: Client, provider: tuple[socket.socket, str]) -> None:
    listener, url = provider

    def call(**members: Any) -> bytes:
        delta = {"tool_calls": [{"index": 0, **members}]}
        return b"data: " + json.dumps({"choices": [{"delta": delta}]}).encode() + b"\n\n"

    with Caller(server.base, model_of(server, url), **OPENAI) as caller, accepted(listener) as upstream:
        first = call(id="c1", type="function", function={"name": "rain", "arguments": ""})
        rest = call(function={"arguments": '{"in":'}) + call(function={"arguments": '"Rome"}'})
        upstream.sendall(SSE_HEAD + chunk(first + rest + openai(None, finish_reason="tool_calls") + DONE) + LAST_CHUNK)
        assert caller.begin() == 200
        texts = caller.texts()
    assert json.loads(texts[1]) == [{"index": 0, "function": {"arguments": '{"in":'}}]
    function = {"name": "rain", "arguments": '{"in":"Rome"}'}
    message = {"tool_calls": [{"id": "c1", "type": "function", "function": function}]}
    assert json.loads(texts[3]) == {"choices": [{"message": message, "finish_reason": "tool_calls"}]}
    assert texts[4:] == ["", ""]


def test_bedrock_is_asked_beside_its_converse_url_signed_with_its_whole_payload(
    server: Client, provider: tuple[socket.socket, str]
) -> None:
    listener, url = provider
    body = '{"messages":[{"role":"user","content":[{"text":"hi"}]}],"inferenceConfig":{"maxTokens":5}}'
    model = model_of(
        server,
        url + "/model/claude/converse",
        protocol="aws_sigv4",
        parameters={"region": "us-east-1", "service_name": "bedrock"},
        credential={"access_key": "AKIDEXAMPLE", "secret_key": "wJalrXUtnFEMI"},
        action={"request_body": body, "headers": {}},
    )
    with Caller(server.base, model, _llm_interface="bedrock/converse/claude") as caller:
        upstream, head, sent = accept(listener)
        with upstream:
            assert head.startswith(b"POST /x/model/claude/converse-stream HTTP/1.1\r\n")
            assert b"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/" in head
            assert sent["inferenceConfig"] == {"maxTokens": 5}
            delta = [converse("contentBlockDelta", {"delta": each}) for each in ({"text": "Hel"}, {"text": "lo"})]
            tool = converse("contentBlockDelta", {"delta": {"toolUse": {"input": "{}"}}})
            end = converse("messageStop", {"stopReason": "end_turn"}) + converse("metadata", {"usage": {}})
            stream = converse("messageStart", {"role": "assistant"}) + b"".join(delta) + tool + end
            upstream.sendall(AWS_HEAD + chunk(stream[:50]) + chunk(stream[50:]) + LAST_CHUNK)
            assert caller.begin() == 200
            assert caller.texts() == ["Hel", "lo", "{}", ""]


BROKEN = {
    "an error in the stream": (chunk(b'data: {"error":{"message":"no more"}}\n\n'), "Error from remote service"),
    "a body that ends without the last event": (LAST_CHUNK, "ended before its last event"),
    "a reset": (b"", "Error communicating with remote model"),
    "a broken chunk": (b"zz\r\n", "Error communicating with remote model"),
    "an event without end": (chunk(b"data: " + b"x" * (1 << 20)), "more than 1048576 bytes"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_after_the_first_byte_a_fault_is_the_last_event(
    server: Client, provider: tuple[socket.socket, str], name: str
) -> None:
    (listener, url), (sent, reason) = provider, BROKEN[name]
    with Caller(server.base, model_of(server, url), **OPENAI) as caller, accepted(listener) as upstream:
        upstream.sendall(SSE_HEAD + chunk(openai("fine")))
        assert caller.begin() == 200
        events = caller.events()
        assert "fine" in str(next(events))
        upstream.sendall(sent)
        if not sent:
            upstream.close()
        [last] = list(events)
        assert list(last) == ["error"]
        assert reason in last["error"]


PLAIN = {
    "an error status": (b"HTTP/1.1 429 No\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nslow", 429, "service: slow"),
    "no stream": (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", 502, "not with"),
    "nothing": (SSE_HEAD + LAST_CHUNK, 502, "empty response body"),
    "an error as the first event": (SSE_HEAD + chunk(b'data: {"error":"no"}\n\n') + LAST_CHUNK, 502, "from remote"),
    "no HTTP": (b"hello\r\n\r\n", 500, "Error communicating with remote model"),
}


@pytest.mark.parametrize("name", PLAIN)
def test_before_the_first_byte_a_fault_is_a_plain_answer(
    server: Client, provider: tuple[socket.socket, str], name: str
) -> None:
    (listener, url), (sent, status, reason) = provider, PLAIN[name]
    with Caller(server.base, model_of(server, url), **OPENAI) as caller, accepted(listener) as upstream:
        upstream.sendall(sent)
        assert caller.begin() == status
        body = caller.whole()
        assert body["status"] == status
        assert reason in body["error"]["reason"]
        if status == 429:
            assert caller.headers["retry-after"] == "7"


def test_a_caller_that_leaves_closes_the_stream_at_its_provider(
    server: Client, provider: tuple[socket.socket, str]
) -> None:
    listener, url = provider
    with Caller(server.base, model_of(server, url), **OPENAI) as caller, accepted(listener) as upstream:
        upstream.sendall(SSE_HEAD + chunk(openai("one")))
        assert caller.begin() == 200
        caller.close()
        with contextlib.suppress(ConnectionResetError):  # an end may come as a reset
            assert upstream.recv(1) == b""


def test_silence_is_filled_with_comments_and_the_head_does_not_wait_for_text(
    server: Client, provider: tuple[socket.socket, str]
) -> None:
    listener, url = provider
    enable(server, heartbeat_seconds=1)
    with Caller(server.base, model_of(server, url), **OPENAI) as caller, accepted(listener) as upstream:
        upstream.sendall(SSE_HEAD)
        assert caller.begin() == 200
        events = caller.events()
        assert next(events) is None
        assert next(events) is None
        upstream.sendall(chunk(openai("one") + DONE) + LAST_CHUNK)
        assert len([event for event in events if event is not None]) == 2
    enable(server, heartbeat_seconds=15)


def test_a_provider_that_falls_silent_ends_the_stream_by_its_connectors_read_timeout(
    server: Client, provider: tuple[socket.socket, str]
) -> None:
    listener, url = provider
    model = model_of(server, url, client_config={"read_timeout": 3})
    with Caller(server.base, model, **OPENAI) as caller, accepted(listener) as upstream:
        upstream.sendall(SSE_HEAD + chunk(openai("one")))
        assert caller.begin() == 200
        *_, last = [event for event in caller.events() if event is not None]
        assert "Error communicating with remote model" in last["error"]
        assert upstream.recv(1) == b""


def test_a_stream_without_end_ends_with_its_time(server: Client, provider: tuple[socket.socket, str]) -> None:
    listener, url = provider
    enable(server, total_seconds=3)
    try:
        with Caller(server.base, model_of(server, url), **OPENAI) as caller, accepted(listener) as upstream:
            upstream.sendall(SSE_HEAD + chunk(openai("one")))
            assert caller.begin() == 200
            stop = threading.Event()
            talking = threading.Thread(target=talk, args=(upstream, stop))
            talking.start()
            *_, last = [event for event in caller.events() if event is not None]
            stop.set()
            talking.join()
            assert "Error communicating with remote model" in last["error"]
    finally:
        enable(server, total_seconds=600)


def talk(upstream: socket.socket, stop: threading.Event) -> None:
    """A provider that says something again and again, until nobody listens."""
    with contextlib.suppress(OSError):
        while not stop.wait(0.02):
            upstream.sendall(chunk(openai("more")))


def test_a_caller_that_does_not_read_stops_the_provider(server: Client, provider: tuple[socket.socket, str]) -> None:
    listener, url = provider
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    event, sent, bound = chunk(openai("x" * 4000)), 0, 64 << 20
    with Caller(server.base, model_of(server, url), buffer=65536, **OPENAI) as caller, accepted(listener) as upstream:
        upstream.sendall(SSE_HEAD)
        upstream.settimeout(2)
        with contextlib.suppress(TimeoutError):
            while sent < bound:
                upstream.sendall(event)
                sent += len(event)
        assert sent < bound, "nobody reads, and yet all of it was taken"
        assert caller.begin() == 200
        events = caller.events()
        found = sum(1 for _, each in zip(range(sent // len(event) - 1), events, strict=False) if each is not None)
        assert found > sent // len(event) // 2


def test_what_a_provider_quotes_of_the_credential_is_masked(
    server: Client, provider: tuple[socket.socket, str]
) -> None:
    listener, url = provider
    canary = "sk-canary-0123456789"
    model = model_of(server, url, credential={"key": canary})
    for first in (b"", chunk(openai("one"))):
        with Caller(server.base, model, **OPENAI) as caller, accepted(listener) as upstream:
            error = json.dumps({"error": f"bad key {canary}"}).encode()
            upstream.sendall(SSE_HEAD + first + chunk(b"data: " + error + b"\n\n") + LAST_CHUNK)
            caller.begin()
            said = json.dumps(list(caller.events()) if first else caller.whole())
        assert "bad key" in said
        assert canary not in said


def test_an_output_guard_holds_text_back_and_stops_the_stream(
    server: Client, provider: tuple[socket.socket, str]
) -> None:
    listener, url = provider
    connector = server.connector(url, action=CHAT)
    rules = {"type": "local_regex", "output_guardrail": {"regex": ["secret word"], "match": "search"}}
    model = server.model(connector, f"guarded {url}", guardrails=rules)
    with Caller(server.base, model, **OPENAI) as caller, accepted(listener) as upstream:
        upstream.sendall(SSE_HEAD + chunk(openai("x" * 300) + openai("y" * 300)))
        assert caller.begin() == 200
        events = caller.events()
        assert "xxx" in str(next(events))
        upstream.sendall(chunk(openai("a secr")) + chunk(openai("et word") + DONE) + LAST_CHUNK)
        rest = list(events)
        assert "secr" not in str(rest)
        assert rest[-1] == {"error": "guardrails triggered for LLM output"}


def test_what_an_interface_lacks_is_said_before_anything_is_sent(
    server: Client, provider: tuple[socket.socket, str]
) -> None:
    _, url = provider
    model = model_of(server, url)
    for parameters, reason in (
        ({}, "_llm_interface is missing"),
        ({"_llm_interface": "x"}, "unsupported llm interface: x"),
    ):
        answer = server("POST", f"{ML}/models/{model}/_predict/stream", {"parameters": parameters})
        assert answer.status == 400
        assert answer.body["error"]["reason"].startswith("Fail to execute streaming: ")
        assert reason in answer.body["error"]["reason"]


def pour(upstream: socket.socket, data: bytes) -> None:
    """Sends as much as is taken."""
    with contextlib.suppress(OSError):
        upstream.sendall(data)


@pytest.mark.parametrize("lane", ["false", "true"])
def test_streams_that_outlast_the_time_for_draining_are_told_and_leave_no_traceback(
    tmp_path: Path, provider: tuple[socket.socket, str], lane: str
) -> None:
    listener, url = provider
    environment = {"FAIRLEAD_DRAIN_SECONDS": "1", "FAIRLEAD_FAST_LANE": lane}
    with gateway(tmp_path, environment=environment) as process, contextlib.ExitStack() as open_ones:
        client = Client(process.url)
        client.trust_local()
        enable(client, heartbeat_seconds=0)
        model = model_of(client, url)

        def opened(first: bytes, **changes: Any) -> Caller:
            caller = open_ones.enter_context(Caller(process.url, model, **OPENAI, **changes))
            upstream = open_ones.enter_context(accepted(listener))
            threading.Thread(target=pour, args=(upstream, first), daemon=True).start()
            return caller

        reading, silent = opened(SSE_HEAD + chunk(openai("one"))), opened(b"")
        unread = opened(SSE_HEAD + chunk(openai("x" * 500_000)) * 20, buffer=4096)
        assert reading.begin() == unread.begin() == 200
        assert process.stop() == 0
        assert [next(iter(event)) for event in reading.events() if event is not None] == ["inference_results", "error"]
        assert silent.begin() == 503
        assert silent.whole()["error"]["reason"] == "The server stops"
        assert "Traceback" not in process.errors
