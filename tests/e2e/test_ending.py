"""The end of a server is bounded, whatever hangs, and its callers lose nothing by it that they could have."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from client import ML, Client
from fairlead.cli.server import DEAF_SECONDS
from process import Server, StartFailed, gateway, workers_of
from transport.certificates import Authority

PATIENCE = 30.0
ASK = b"GET /_fairlead/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Held(ThreadingHTTPServer):
    """A provider that answers when it is told to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Holds)
        self.asked, self.go_on = threading.Event(), threading.Event()
        self.answer = b'{"a":1}'
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Holds(BaseHTTPRequestHandler):
    server: Held

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.set()
        self.server.go_on.wait(PATIENCE)
        answer = self.server.answer
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Quiet."""


@pytest.fixture
def held() -> Iterator[Held]:
    with Held() as server:
        yield server
        server.go_on.set()
        server.shutdown()


class InFlight:
    """A predict that waits for its provider."""

    def __init__(self, server: Server, held: Held) -> None:
        self._client = Client(server.url)
        self._client.trust_local()
        model = self._client.model(self._client.connector(f"http://127.0.0.1:{held.server_port}/"))
        self._client.ok("POST", f"{ML}/models/{model}/_deploy")
        self._held = held
        self._answers: list[Any] = []
        self._thread = threading.Thread(target=lambda: self._answers.append(self._client.predict(model, v="x")))
        self._thread.start()
        assert held.asked.wait(PATIENCE)

    def answer(self) -> Any:
        self._held.go_on.set()
        self._thread.join(PATIENCE)
        [answer] = self._answers
        return answer


def connected(server: Server) -> socket.socket:
    address = urlsplit(server.url)
    return socket.create_connection((address.hostname or "", address.port or 0), PATIENCE)


def until_refused(server: Server) -> None:
    """Nobody listens any more."""
    ends = time.monotonic() + PATIENCE
    while True:
        assert time.monotonic() < ends
        try:
            connected(server).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.02)


def whole(connection: socket.socket) -> bytes:
    received = b""
    while part := connection.recv(65536):
        received += part
    return received


@pytest.mark.parametrize("workers", ["1", "2"])
def test_while_requests_in_flight_finish_newcomers_are_refused_and_do_not_wait(
    tmp_path: Path, held: Held, workers: str
) -> None:
    with gateway(tmp_path / "data", "--workers", workers) as server:
        caller = InFlight(server, held)
        os.kill(server.pid, signal.SIGTERM)
        until_refused(server)
        assert caller.answer().status == 200
        assert server.stop() == 0


def test_a_request_whose_head_has_begun_when_the_server_stops_is_answered_and_ends_its_connection(
    tmp_path: Path, held: Held
) -> None:
    with gateway(tmp_path / "data") as server, closing(connected(server)) as new, closing(connected(server)) as kept:
        caller = InFlight(server, held)
        kept.sendall(ASK)
        assert kept.recv(65536).startswith(b"HTTP/1.1 200 ")
        for connection in (new, kept):
            connection.sendall(ASK[:20])
        Client(server.url).ok("GET", "/_fairlead/health/live")  # later than what was sent before
        os.kill(server.pid, signal.SIGTERM)
        until_refused(server)
        for connection in (new, kept):
            connection.sendall(ASK[20:])
            answer = whole(connection).lower()
            assert answer.startswith(b"http/1.1 200 ")
            assert b"connection: close" in answer
        assert caller.answer().status == 200
        assert server.stop() == 0


@contextmanager
def tls_gateway(folder: Path) -> Iterator[tuple[Server, ssl.SSLContext]]:
    """One that would wait an hour for requests in flight, and how to trust it."""
    authority = Authority("ours")
    pair, certificate, key = authority.issue("127.0.0.1"), folder / "cert.pem", folder / "key.pem"
    certificate.write_text(pair.cert)
    key.write_text(pair.key)
    environment = {
        "FAIRLEAD_TLS_CERTIFICATE": str(certificate),
        "FAIRLEAD_TLS_KEY": str(key),
        "FAIRLEAD_DRAIN_SECONDS": "3600",
    }
    context = ssl.create_default_context(cadata=authority.pem)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    with gateway(folder / "data", environment=environment) as server:
        yield server, context


def test_tls_connections_that_clients_keep_for_later_do_not_hold_up_a_stop(tmp_path: Path) -> None:
    with (
        tls_gateway(tmp_path) as (server, context),
        closing(context.wrap_socket(connected(server), server_hostname="127.0.0.1")) as kept,
    ):
        kept.sendall(ASK)
        assert kept.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert server.stop() == 0


def test_a_tls_client_that_reads_late_has_all_of_its_answer_though_the_server_stops(tmp_path: Path, held: Held) -> None:
    held.answer = b'{"a":"%s"}' % (b"x" * (8 << 20))
    held.go_on.set()
    with tls_gateway(tmp_path) as (server, context):
        client = Client(server.url, tls=context)
        client.trust_local()
        model = client.model(client.connector(f"http://127.0.0.1:{held.server_port}/"))
        client.ok("POST", f"{ML}/models/{model}/_deploy")
        with closing(context.wrap_socket(connected(server), server_hostname="127.0.0.1")) as late:
            body = b'{"parameters":{"v":"x"}}'
            head = (
                f"POST {ML}/models/{model}/_predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            )
            late.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            first = late.recv(1)  # it is on its way
            os.kill(server.pid, signal.SIGTERM)
            until_refused(server)
            time.sleep(2 * DEAF_SECONDS)  # in which a client that has everything would have been left
            received = first + whole(late)
        head_of, _, body_of = received.partition(b"\r\n\r\n")
        assert head_of.startswith(b"HTTP/1.1 200 ")
        assert len(json.loads(body_of)["inference_results"][0]["output"][0]["dataAsMap"]["a"]) == 8 << 20
        assert server.stop() == 0


def test_an_interrupt_that_reaches_workers_also_hurries_no_request(tmp_path: Path, held: Held) -> None:
    """A terminal sends it to all processes of a group; to a worker that is stopped already it would be the second."""
    with gateway(tmp_path / "data", "--workers", "2") as server:
        caller = InFlight(server, held)
        os.kill(server.pid, signal.SIGINT)
        until_refused(server)
        for _ in range(2):
            for pid in workers_of(server.pid):
                os.kill(pid, signal.SIGINT)
        assert caller.answer().status == 200
        assert server.stop() == 0
        assert "Traceback" not in server.errors


def test_a_request_that_outlasts_the_drain_is_told_so_and_no_traceback_is_left(tmp_path: Path, held: Held) -> None:
    for lane in ("true", "false"):
        held.asked.clear()
        environment = {"FAIRLEAD_DRAIN_SECONDS": "0", "FAIRLEAD_FAST_LANE": lane}
        with gateway(tmp_path / lane, environment=environment) as server:
            caller = InFlight(server, held)
            assert server.stop() == 0
            answer = caller.answer()
            assert (answer.status, answer.body["error"]["reason"]) == (503, "The server stops")
            assert "Traceback" not in server.errors
        held.go_on.clear()


def test_a_second_interrupt_gives_up_what_is_in_flight_and_closes_everything_even_so(
    tmp_path: Path, held: Held
) -> None:
    with gateway(tmp_path / "data", environment={"FAIRLEAD_DRAIN_SECONDS": "3600"}) as server:
        caller = InFlight(server, held)
        os.kill(server.pid, signal.SIGINT)
        until_refused(server)
        os.kill(server.pid, signal.SIGINT)
        assert server.stop() == 0
        assert caller.answer().status == 503
    with closing(sqlite3.connect(tmp_path / "data" / "fairlead.db")) as store:
        reports = store.execute("SELECT body FROM documents WHERE kind = 'worker_report'").fetchall()
    assert [json.loads(body)["stopped"] for (body,) in reports] == [True]


def test_a_store_that_somebody_else_holds_locked_keeps_no_server_from_ending(tmp_path: Path) -> None:
    with gateway(tmp_path / "data") as server:
        with closing(sqlite3.connect(tmp_path / "data" / "fairlead.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert server.stop() == 0
        assert "the end of the last report" in server.errors


def test_a_stop_that_hangs_ends_and_says_where(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from fairlead.bootstrap.worker import Worker\n"
        "from fairlead.cli import server\n"
        "async def hang(worker): await asyncio.Event().wait()\n"
        "Worker.stop, server.CLOSING_SECONDS = hang, 0.3\n"
        "from fairlead.cli.main import main\n"
        f"sys.exit(main(['serve', '--port', '0', '--workers', '1', '--data-dir', {str(tmp_path / 'data')!r}]))\n"
    )
    with Server([sys.executable, "-c", program]) as server:
        assert server.stop() == 1
    assert "most recent call first" in server.errors


def test_a_start_that_hangs_is_ended_by_a_stop_signal_and_says_where(tmp_path: Path) -> None:
    program = (
        "import asyncio, os, signal, sys\n"
        "from fairlead.bootstrap.worker import Worker\n"
        "from fairlead.cli import server\n"
        "async def hang(worker):\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    await asyncio.Event().wait()\n"
        "Worker.start, server.CLOSING_SECONDS = hang, 0.3\n"
        "from fairlead.cli.main import main\n"
        f"sys.exit(main(['serve', '--port', '0', '--workers', '1', '--data-dir', {str(tmp_path / 'data')!r}]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 1
    assert "most recent call first" in done.stderr
    assert done.stdout == ""


def test_a_server_whose_output_nobody_reads_ends_even_when_it_hangs(tmp_path: Path) -> None:
    program = (
        "import os, time\n"
        "from fairlead.cli import deadline\n"
        "deadline._TELLING_SECONDS = 0.3\n"
        "deadline.end_within(0.1)\n"
        "while True: os.write(2, bytes(65536))\n"
    )
    read, write = os.pipe()
    with subprocess.Popen([sys.executable, "-c", program], stderr=write) as process:
        assert process.wait(PATIENCE) == -signal.SIGALRM
    os.close(read)
    os.close(write)


def test_a_thread_that_hangs_holds_up_no_server_that_has_closed_everything(tmp_path: Path) -> None:
    program = (
        "import sys, threading\n"
        "from fairlead.cli import server\n"
        "server.LEAVING_SECONDS = 0.3\n"
        "threading.Thread(target=threading.Event().wait, name='hangs').start()\n"
        "from fairlead.cli.main import main\n"
        f"sys.exit(main(['serve', '--port', '0', '--workers', '1', '--data-dir', {str(tmp_path / 'data')!r}]))\n"
    )
    with Server([sys.executable, "-c", program]) as server:
        assert server.stop() == 0
    assert "hangs" in server.errors


def test_a_worker_that_fails_at_every_start_is_tried_again_and_holds_up_no_stop(tmp_path: Path) -> None:
    with gateway(tmp_path / "data", "--workers", "2") as server:
        keyring = next((tmp_path / "data").rglob("keyring.json"))
        keyring.write_text("no keyring")
        os.kill(workers_of(server.pid)[0], signal.SIGKILL)
        ends = time.monotonic() + PATIENCE
        while server.errors.count("starting another") < 2:
            assert time.monotonic() < ends, server.errors
            time.sleep(0.02)
        Client(server.url).ok("GET", "/_fairlead/health/live")
        assert server.stop() == 0


def started_with_faults(tmp_path: Path, *faulty: int, more: str = "") -> Server:
    """A server of two workers in which these starts of a process, counted from 1, fail. `more`: an argument of its own."""
    program = (
        "import errno, itertools, os, sys\n"
        "from multiprocessing.process import BaseProcess\n"
        "start, numbers = BaseProcess.start, itertools.count(1)\n"
        "def faulty(process):\n"
        f"    if next(numbers) in {faulty!r}:\n"
        "        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))\n"
        "    start(process)\n"
        "BaseProcess.start = faulty\n"
        "from fairlead.cli.main import main\n"
        f"given = ['serve', '--port', '0', '--workers', '2', '--data-dir', {str(tmp_path / 'data')!r}]\n"
        f"sys.exit(main([*given, *{more.split()!r}]))\n"
    )
    return Server([sys.executable, "-c", program])


def test_providers_that_cannot_be_started_again_at_once_are_tried_again(tmp_path: Path) -> None:
    with started_with_faults(tmp_path, 4, more="--simulate") as server:
        os.kill(workers_of(server.pid)[0], signal.SIGKILL)  # the one that plays the providers is the oldest
        ends = time.monotonic() + PATIENCE
        while "is tried again" not in server.errors or len(workers_of(server.pid)) < 3:
            assert time.monotonic() < ends, server.errors
            time.sleep(0.02)
        assert server.stop() == 0


def test_a_server_whose_worker_cannot_be_started_says_so_and_ends(tmp_path: Path) -> None:
    with pytest.raises(StartFailed) as failed:
        started_with_faults(tmp_path, 2).start()
    assert "ended with code 1" in str(failed.value)
    assert "the server cannot be started: Resource temporarily unavailable" in str(failed.value)
    assert "Traceback" not in str(failed.value)


def test_a_worker_that_cannot_be_replaced_now_is_replaced_later(tmp_path: Path) -> None:
    with started_with_faults(tmp_path, 3) as server:
        victim = workers_of(server.pid)[0]
        os.kill(victim, signal.SIGKILL)
        ends = time.monotonic() + PATIENCE
        while "tried again" not in server.errors or len(workers_of(server.pid)) < 2:
            assert time.monotonic() < ends, server.errors
            time.sleep(0.02)
        assert victim not in workers_of(server.pid)
        assert server.stop() == 0


def test_an_interrupt_before_the_server_serves_ends_it_without_a_traceback() -> None:
    program = (
        "import importlib, os, signal, sys\n"
        "from fairlead.cli.main import main\n"
        "importlib.import_module = lambda name: os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.exit(main(['serve']))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_workers_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    server = gateway(tmp_path / "data", "--workers", "2").start()
    workers = workers_of(server.pid)
    assert len(workers) == 2
    server.kill()
    ends = time.monotonic() + PATIENCE
    while any(Path(f"/proc/{pid}/exe").exists() for pid in workers):
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_a_connection_without_a_request_is_closed_soon_when_the_server_stops(tmp_path: Path) -> None:
    environment = {"FAIRLEAD_DRAIN_SECONDS": "3600"}
    with gateway(tmp_path / "data", environment=environment) as server, closing(connected(server)) as unused:
        Client(server.url).ok("GET", "/_fairlead/health/live")
        assert server.stop() == 0
        assert unused.recv(1) == b""


def test_who_has_connected_when_the_server_stops_is_served_though_it_had_not_accepted_yet(tmp_path: Path) -> None:
    with gateway(tmp_path / "data") as server:
        os.kill(server.pid, signal.SIGSTOP)
        callers = [connected(server) for _ in range(20)]
        for caller in callers:
            caller.sendall(ASK)
        os.kill(server.pid, signal.SIGTERM)
        os.kill(server.pid, signal.SIGCONT)
        for caller in callers:
            with closing(caller):
                assert whole(caller).startswith(b"HTTP/1.1 200 ")
        assert server.stop() == 0


def test_a_new_connection_may_ask_when_the_server_has_begun_to_stop(tmp_path: Path, held: Held) -> None:
    with gateway(tmp_path / "data") as server:
        caller = InFlight(server, held)
        address = urlsplit(server.url)
        made = http.client.HTTPConnection(address.hostname or "", address.port, timeout=PATIENCE)
        made.connect()
        os.kill(server.pid, signal.SIGTERM)
        made.request("GET", "/_fairlead/health/live")
        assert made.getresponse().status == 200
        made.close()
        assert caller.answer().status == 200
