"""A corpus of requests that two parsers could read in two ways: answered as listed, and with the lane as without it.

`corpus/NAME.raw` are the bytes, with ModelModelModelModel for a model's id; `cases/corpus.json` says which statuses they
bring and whether the connection goes on.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from client import Client
from lane.stage import same_fate
from process import gateway, providers
from sockets import said

HERE = Path(__file__).parent
CORPUS = {path.stem: path.read_bytes() for path in sorted((HERE / "corpus").glob("*.raw"))}
EXPECTED = json.loads((HERE / "cases" / "corpus.json").read_text("utf-8"))
PLACE = b"ModelModelModelModel"
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
LAST = b"GET /last HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
LAST_ANSWER = re.compile(
    rb"HTTP/1\.1 400 .{0,300}no handler found for uri \[/last\] and method \[GET\]\"\}\Z", re.DOTALL
)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[Client, bytes]]]:
    """Without and with the lane, each with a model's id."""
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(providers())
        found = []
        for lane in ("0", "1"):
            data = tmp_path_factory.mktemp("lane") / "data"
            server = stack.enter_context(gateway(data, environment={"FAIRLEAD_FAST_LANE": lane}))
            client = Client(server.url)
            client.trust_local()
            model = client.model(client.connector(f"{upstream.url}/echo"))
            assert client.predict(model).status == 200
            assert len(model) == len(PLACE)
            found.append((client, model.encode()))
        yield found


def test_every_file_of_the_corpus_is_listed() -> None:
    assert CORPUS.keys() == EXPECTED.keys()


@pytest.mark.parametrize("name", CORPUS)
def test_a_request_is_answered_as_listed_and_the_lane_changes_no_byte(
    servers: list[tuple[Client, bytes]], name: str
) -> None:
    answers = []
    for client, model in servers:
        answer = said(client.base, [CORPUS[name].replace(PLACE, model) + LAST])
        answers.append(answer.replace(model, PLACE))
        went_on = LAST_ANSWER.search(answer) is not None
        statuses = [int(status) for status in STATUS.findall(answer)]
        assert (statuses[: len(statuses) - went_on], went_on) == (
            EXPECTED[name]["statuses"],
            EXPECTED[name]["goes_on"],
        ), answer
    assert answers[0] == answers[1]


def test_the_lane_differs_nowhere_however_a_request_is_cut_in_two() -> None:
    """At every place where a parser changes its state, and some others; the application gets a turn in between or not."""
    for data in CORPUS.values():
        for at in range(1, len(data)):
            if at % 64 == 0 or data[at - 1] in b"\r\n :;" or data[at] in b"\r\n":
                same_fate([("data" if at % 2 else "burst", data[:at]), ("data", data[at:] + LAST)])


@pytest.mark.parametrize("kind", ["data", "burst"])
def test_the_lane_differs_nowhere_byte_by_byte(kind: str) -> None:
    for data in CORPUS.values():
        same_fate([(kind, data[at : at + 1]) for at in range(len(data))])
