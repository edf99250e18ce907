"""A real PostgreSQL server for tests, in a folder of its own, on a free port of 127.0.0.1; skipped where none is installed."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import psycopg
import pytest

PLACES = ("/usr/local/bin", "/usr/bin", "/opt/homebrew/bin", *map(str, Path("/usr/lib/postgresql").glob("*/bin")))
START_SECONDS = 60.0
_numbers = itertools.count()


def _binary(name: str) -> str:
    found = shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", ""), *PLACES)))
    if found is None:
        pytest.skip(f"no PostgreSQL server on this machine: {name} was found neither on PATH nor in the usual places")
    return os.path.realpath(found)


def _owner() -> str | None:
    """PostgreSQL refuses to run as root: the account to run it as."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    pytest.skip("PostgreSQL refuses to run as root and there is no account postgres or nobody")


class PostgresServer:
    """A server that may be stopped and started again on the same port and data; a context manager around its life."""

    def __init__(self) -> None:
        self._postgres, initdb, self._owner = _binary("postgres"), _binary("initdb"), _owner()
        self._root = Path(tempfile.mkdtemp(prefix="fairlead-pg-"))
        if self._owner is not None:
            account = pwd.getpwnam(self._owner)
            os.chown(self._root, account.pw_uid, account.pw_gid)
        # Held, and never listened on, while the server is not started yet and while it is stopped: nobody else is given the port,
        # and the server may take it, for it reuses addresses.
        self._held = socket.socket()
        self._held.bind(("127.0.0.1", 0))
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.port = self._held.getsockname()[1]
        self._server: subprocess.Popen[bytes] | None = None
        subprocess.run(
            [initdb, "-D", self._root / "data", "-U", "fairlead", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C"],
            check=True,
            stdout=subprocess.DEVNULL,
            user=self._owner,
            cwd=self._root,
        )  # fmt: skip

    @property
    def address(self) -> str:
        """`postgresql://...` up to and including the last slash."""
        return f"postgresql://fairlead@127.0.0.1:{self.port}/"

    def start(self) -> PostgresServer:
        options = {
            "fsync": "off",
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
        }
        arguments = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (self._root / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [self._postgres, "-D", self._root / "data", *arguments],
                stdout=log,
                stderr=log,
                user=self._owner,
                cwd=self._root,
            )
        deadline = time.monotonic() + START_SECONDS
        while self._server.poll() is None and time.monotonic() < deadline:
            try:
                psycopg.connect(self.address + "postgres").close()
                return self
            except psycopg.OperationalError:
                time.sleep(0.05)
        raise AssertionError("the PostgreSQL server did not start")

    def stop(self) -> None:
        """At once, as a crash: connections break in the middle of what they do."""
        if self._server is not None:
            self._server.send_signal(signal.SIGQUIT)
            self._server.wait()
            self._server = None

    @contextmanager
    def database(self) -> Iterator[str]:
        """The address of a new, empty database."""
        name = f"fairlead_{os.getpid()}_{next(_numbers)}"
        with psycopg.connect(self.address + "postgres", autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {name}")
        yield self.address + name
        with psycopg.connect(self.address + "postgres", autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def __enter__(self) -> PostgresServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        self._held.close()
        shutil.rmtree(self._root)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One for the whole run; whoever stops it makes one of its own."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    with postgres_server.database() as url:
        yield url
