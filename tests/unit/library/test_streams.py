"""Streams of the library's connectors over real sockets: text as it comes, faults as exceptions, an end when one leaves."""

from __future__ import annotations

import ast
import json
import os
import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager
from functools import partial
from inspect import isawaitable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fairlead import AsyncConnector, Connector
from fairlead.errors import IllegalArgument, IllegalState, StatusFault
from sockets import accepted, listening
from streams import LAST_CHUNK, SSE_HEAD, chunk, openai

OPENAI = {"_llm_interface": "openai/v1/chat/completions"}
WHOLE = SSE_HEAD + chunk(openai("one") + openai("two")) + chunk(openai("three") + b"data: [DONE]\n\n") + LAST_CHUNK
ENDLESS = SSE_HEAD + chunk(openai("one"))


@contextmanager
def answering(reply: bytes) -> Iterator[tuple[dict[str, Any], threading.Event]]:
    """A blueprint whose provider answers once with `reply`, and an event that says that its connection has ended."""
    ended = threading.Event()
    with listening() as (listener, url):

        def serve(listener: socket.socket = listener) -> None:
            with accepted(listener) as upstream:
                upstream.sendall(reply)
                upstream.recv(1)
                ended.set()

        thread = threading.Thread(target=serve)
        thread.start()
        action = {"action_type": "predict", "method": "POST", "url": url, "request_body": '{"q":"${parameters.q:-}"}'}
        body = {"name": "s", "version": 1, "protocol": "http", "credential": {"key": "v"}, "actions": [action]}
        yield body, ended
        thread.join()


def test_text_comes_piece_by_piece() -> None:
    with answering(WHOLE) as (body, _), Connector.from_blueprint(body, allow_private=True) as connector:
        assert list(connector.stream(OPENAI)) == ["one", "two", "three"]


def test_leaving_the_loop_ends_the_call() -> None:
    with answering(ENDLESS) as (body, ended), Connector.from_blueprint(body, allow_private=True) as connector:
        stream = connector.stream(OPENAI)
        assert next(stream) == "one"
        stream.close()
        assert ended.wait(10)


def test_closing_the_connector_ends_the_call() -> None:
    with answering(ENDLESS) as (body, ended):
        with Connector.from_blueprint(body, allow_private=True) as connector:
            stream = connector.stream(OPENAI)
            assert next(stream) == "one"
        stream.close()
        assert ended.wait(10)


def test_a_stream_that_is_cut_off_raises_after_its_text() -> None:
    with answering(ENDLESS + LAST_CHUNK) as (body, _), Connector.from_blueprint(body, allow_private=True) as connector:
        stream = connector.stream(OPENAI)
        assert next(stream) == "one"
        with pytest.raises(StatusFault, match="ended before its last event"):
            next(stream)


def test_an_action_that_cannot_stream_is_refused() -> None:
    action = {"action_type": "predict", "method": "POST", "url": "https://api.example.com/x", "request_body": "{}"}
    body = {"name": "s", "version": 1, "protocol": "http", "credential": {"key": "v"}, "actions": [action]}
    with Connector.from_blueprint(body) as connector, pytest.raises(IllegalArgument, match="_llm_interface is missing"):
        next(connector.stream())


async def test_the_asynchronous_connector_streams_too() -> None:
    with answering(WHOLE) as (body, _):
        async with AsyncConnector.from_blueprint(body, allow_private=True) as connector:
            assert [text async for text in connector.stream(OPENAI)] == ["one", "two", "three"]


async def test_closing_an_asynchronous_stream_ends_the_call() -> None:
    with answering(ENDLESS) as (body, ended):
        async with (
            AsyncConnector.from_blueprint(body, allow_private=True) as connector,
            aclosing(connector.stream(OPENAI)) as stream,
        ):
            assert await anext(stream) == "one"
        assert ended.wait(10)


PAGE = (Path(__file__).parents[3] / "docs" / "library.md").read_text("utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE[PAGE.index("## Text as it comes") :].split("\n## ")[0], re.DOTALL)


@pytest.mark.parametrize("code", EXAMPLES)
async def test_the_examples_of_the_page_say_what_the_provider_says(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with answering(WHOLE) as (body, _):
        (tmp_path / "chat.json").write_text(json.dumps({**body, "parameters": OPENAI}))
        names: dict[str, Any] = {
            kind.__name__: SimpleNamespace(from_blueprint=partial(kind.from_blueprint, allow_private=True))
            for kind in (Connector, AsyncConnector)
        }
        compiled = compile(code, "library.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if isawaitable(work := eval(compiled, {**names, "keys": {"key": "v"}})):  # noqa: S307 - our own page
            await work
    assert capsys.readouterr().out == "onetwothree"


def test_the_page_has_both_ways() -> None:
    assert len(EXAMPLES) == 2


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_process_neither_reads_nor_ends_a_stream_of_its_parent() -> None:
    with answering(WHOLE) as (body, _), Connector.from_blueprint(body, allow_private=True) as connector:
        stream = connector.stream(OPENAI)
        assert next(stream) == "one"
        process = os.fork()
        if process == 0:
            status = 70
            try:
                with pytest.raises(IllegalState, match="only by the process that began it"):
                    list(stream)
                status = 0
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
        assert list(stream) == ["two", "three"]


def test_closing_a_connector_ends_its_half_read_streams_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    with answering(ENDLESS) as (body, ended):
        connector = Connector.from_blueprint(body, allow_private=True)
        stream = connector.stream(OPENAI)
        assert next(stream) == "one"
        connector.close()
        assert ended.wait(10)
        with pytest.raises(IllegalState, match="closed"):
            next(stream)
    assert caplog.records == []


def test_closing_a_connector_ends_the_stream_that_another_thread_waits_for(caplog: pytest.LogCaptureFixture) -> None:
    with answering(ENDLESS) as (body, ended):
        connector = Connector.from_blueprint(body, allow_private=True)
        stream = connector.stream(OPENAI)
        assert next(stream) == "one"
        with ThreadPoolExecutor(1) as pool:
            rest = pool.submit(list, stream)
            connector.close()
            assert ended.wait(10)
            assert isinstance(rest.exception(10), IllegalState | StatusFault)
    assert caplog.records == []
