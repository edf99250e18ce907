"""A real PostgreSQL for the session, and a fresh address for each test on each backend."""

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
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from fairlead.store import SqlStore, open_store

PLACES = ("/usr/local/bin", "/usr/bin", "/opt/homebrew/bin", *map(str, Path("/usr/lib/postgresql").glob("*/bin")))


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


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a server without databases of ours, `postgresql://...` up to and including the last slash."""
    postgres, initdb, owner = _binary("postgres"), _binary("initdb"), _owner()
    root = Path(tempfile.mkdtemp(prefix="fairlead-pg-"))
    if owner is not None:
        os.chown(root, pwd.getpwnam(owner).pw_uid, pwd.getpwnam(owner).pw_gid)
    data = root / "data"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    subprocess.run(
        [initdb, "-D", data, "-U", "fairlead", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C"],
        check=True,
        stdout=subprocess.DEVNULL,
        user=owner,
        cwd=root,
    )
    options = {"fsync": "off", "port": str(port), "listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
    arguments = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    with (root / "log").open("wb") as log:
        server = subprocess.Popen([postgres, "-D", data, *arguments], stdout=log, stderr=log, user=owner, cwd=root)
    try:
        address = f"postgresql://fairlead@127.0.0.1:{port}/"
        _await_server(address + "postgres", server)
        yield address
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait()
        shutil.rmtree(root)


def _await_server(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < deadline:
        try:
            psycopg.connect(address).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise AssertionError("the PostgreSQL server did not start")


_numbers = itertools.count()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/data/fairlead.db"


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    name = f"fairlead_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(postgres_server + "postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        yield postgres_server + name
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    """The same test on both backends."""
    address: str = request.getfixturevalue(f"{request.param}_url")
    return address


@pytest.fixture
async def opened(url: str) -> AsyncIterator[Callable[[], object]]:
    """Opens any number of stores on one database, as so many processes would, and closes them."""
    stores: list[SqlStore] = []

    async def one_more() -> SqlStore:
        stores.append(await open_store(url))
        return stores[-1]

    yield one_more
    for store in stores:
        await store.close()


@pytest.fixture
async def store(opened: Callable[[], object]) -> SqlStore:
    made: SqlStore = await opened()  # type: ignore[misc]
    return made
