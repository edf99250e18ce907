"""Several processes on one database: crashes, first start, rights and room."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import fairlead
from fairlead.domain.ports import Put
from fairlead.store import open_store

CLOSED = "the store failed: the database file cannot be opened"
READ_ONLY = "the store failed: the database file may not be written"
CHILD = str(Path(__file__).with_name("child.py"))


Spawn = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Starts `child.py` with the package under test; whoever is left at the end is killed."""
    children: list[subprocess.Popen[str]] = []
    where = os.pathsep.join((str(Path(fairlead.__file__).parents[1]), os.environ.get("PYTHONPATH", "")))

    def start(*arguments: str) -> subprocess.Popen[str]:
        children.append(
            subprocess.Popen(
                [sys.executable, CHILD, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": where},
            )
        )
        return children[-1]

    yield start
    for child in children:
        child.kill()
        child.communicate()


def line(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def finish(child: subprocess.Popen[str]) -> str:
    out, _ = child.communicate("go\n", timeout=60)
    assert child.returncode == 0
    return out


async def test_kill_9_while_writing_loses_no_acknowledged_batch_and_halves_none(url: str, spawn: Spawn) -> None:
    acknowledged: dict[str, int] = {}
    for round_number in range(2):
        child = spawn(url, "write", str(round_number))
        for _ in range(25 + 10 * round_number):
            number = line(child)
        os.kill(child.pid, signal.SIGKILL)
        rest, _ = child.communicate()
        acknowledged[str(round_number)] = int((rest.split() or [number])[-1])
    store = await open_store(url)
    models = {document.id for document in await store.all("model")}
    tasks = {document.id for document in await store.all("task")}
    revision = await store.revision()
    await store.close()
    for prefix, last in acknowledged.items():
        assert {f"{prefix}-{number}-a" for number in range(last + 1)} <= models
    assert {id.removesuffix("-a") for id in models} == {id.removesuffix("-b") for id in tasks}
    assert revision == len(models) + len(tasks)


async def test_processes_that_open_an_empty_database_at_once_all_succeed(url: str, spawn: Spawn) -> None:
    children = [spawn(url, "open", f"c{number}") for number in range(3)]
    assert [line(child) for child in children] == ["ready"] * 3
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    assert [finish(child).split() for child in children] == [["opened"]] * 3
    store = await open_store(url)
    assert {document.id for document in await store.all("connector")} == {"c0", "c1", "c2"}
    await store.close()


async def test_compare_and_set_between_processes_loses_no_step(url: str, spawn: Spawn) -> None:
    children = [spawn(url, "count", "10") for _ in range(3)]
    assert [finish(child).split() for child in children] == [["done"]] * 3
    store = await open_store(url)
    found = await store.get("group", "shared")
    await store.close()
    assert found is not None
    assert (found.body["n"], found.version) == (30, 30)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other accounts can reach."""
    folder = Path(tempfile.mkdtemp(prefix="fairlead-store-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account to lose the right to write")
async def test_a_database_of_another_account_is_unavailable(open_folder: Path, spawn: Spawn) -> None:
    url = f"sqlite:///{open_folder}/fairlead.db"
    store = await open_store(url)
    await store.write([Put("model", "m", {})])
    await store.close()
    assert finish(spawn(url, "try", "account")).strip() == f"unavailable at open: {CLOSED}"
    (open_folder / "fairlead.db").chmod(0o644)
    assert finish(spawn(url, "try", "account")).strip() == f"unavailable at open: {READ_ONLY}"


async def test_a_full_disk_is_unavailable_and_changes_nothing(sqlite_url: str, spawn: Spawn) -> None:
    assert finish(spawn(sqlite_url, "try", "disk")).strip() == "unavailable: the store failed: the disk fails"
    store = await open_store(sqlite_url)
    assert await store.get("model", "never") is None
    assert await store.revision() == 0
    await store.close()
