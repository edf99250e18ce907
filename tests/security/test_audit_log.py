"""The audit log: whole lines, nothing lost in silence, rotation that processes share, a chain that shows what is missing."""

from __future__ import annotations

import json
import logging
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from fairlead.domain.audit import AuditEvent, Category
from fairlead.security.audit_log import SAMPLED, AuditLog
from fairlead.security.audit_sinks import FileSink, broken_links, open_sinks


class Memory:
    """A sink that can be away."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.away = threading.Event()
        self.closed = False

    def write(self, lines: Sequence[str]) -> None:
        if self.away.is_set():
            raise OSError("away")
        self.lines += lines

    def close(self) -> None:
        self.closed = True


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def opened(*sinks: Memory, **options: object) -> AuditLog:
    return AuditLog(sinks, lambda: 1_700_000_000_123, {"audit_node_name": "n"}, **options)  # type: ignore[arg-type]


def test_an_event_is_one_flat_object_with_the_originals_names() -> None:
    memory = Memory()
    log = opened(memory)
    log.record(
        AuditEvent(
            Category.CONNECTOR_WRITE,
            "ann",
            "1.2.3.4",
            "POST",
            "/x",
            "act",
            source="basic",
            request_id="r",
            details={"resource": "id=7"},
        )
    )
    log.close()
    [line] = memory.lines
    assert json.loads(line) == {
        "@timestamp": "2023-11-14T22:13:20.123+00:00",
        "audit_format_version": 4,
        "audit_category": "CONNECTOR_WRITE",
        "audit_request_layer": "REST",
        "audit_request_origin": "REST",
        "audit_request_effective_user": "ann",
        "audit_request_effective_user_is_admin": False,
        "audit_request_auth_method": "basic",
        "audit_request_remote_address": "1.2.3.4",
        "audit_request_id": "r",
        "audit_rest_request_method": "POST",
        "audit_rest_request_path": "/x",
        "audit_request_privilege": "act",
        "audit_resource": "id=7",
        "audit_node_name": "n",
    }
    assert memory.closed


def test_a_value_cannot_forge_a_line() -> None:
    memory = Memory()
    log = opened(memory)
    log.record(AuditEvent(Category.FAILED_LOGIN, 'a"}\n{"audit_category": "x'))
    log.close()
    [line] = memory.lines
    assert "\n" not in line
    assert json.loads(line)["audit_category"] == "FAILED_LOGIN"


def test_what_cannot_be_written_waits_and_is_written_once() -> None:
    memory, other = Memory(), Memory()
    memory.away.set()
    log = opened(memory, other)
    log.record(AuditEvent(Category.FAILED_LOGIN, "first"))
    until(lambda: log.failing)
    log.record(AuditEvent(Category.FAILED_LOGIN, "second"))
    memory.away.clear()
    until(lambda: len(memory.lines) == len(other.lines) == 2)
    until(lambda: not log.failing)
    log.close()
    assert memory.lines == other.lines
    assert log.lost == 0


def test_a_full_queue_is_told_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    memory = Memory()
    memory.away.set()
    log = opened(memory, capacity=3)
    with caplog.at_level(logging.ERROR, "fairlead.audit.writer"):
        for _ in range(20):
            log.record(AuditEvent(Category.FAILED_LOGIN))
    assert log.lost >= 20 - 3 - 3
    assert log.failing
    assert sum("events are lost" in record.getMessage() for record in caplog.records) == 1
    memory.away.clear()
    log.close()


def test_disabled_categories_are_not_wanted_and_sampled_ones_every_so_often() -> None:
    log = opened(Memory())
    assert not log.wants(Category.AUTHENTICATED)
    assert log.wants(Category.FAILED_LOGIN)
    every = SAMPLED[Category.CREDENTIAL_USE]
    assert sum(log.wants(Category.CREDENTIAL_USE) for _ in range(3 * every)) == 3
    log.close()


def test_the_file_is_its_owners_and_no_link_is_followed(tmp_path: Path) -> None:
    [sink] = open_sinks(["file"], tmp_path / "audit" / "a.log", 10_000, 2)
    sink.write(['{"a": 1}'])
    path = tmp_path / "audit" / "a.log"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError):
        sink.write(['{"a": 2}'])
    sink.close()
    assert not (tmp_path / "elsewhere").exists()


def test_a_full_file_is_put_aside_and_only_so_many_are_kept(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "a.log", 100, 2)
    for number in range(10):
        sink.write([json.dumps({"n": number, "pad": "x" * 60})])
    sink.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.log", "a.log.1", "a.log.2", "a.log.lock"]
    newest = [json.loads((tmp_path / name).read_text())["n"] for name in ("a.log", "a.log.1", "a.log.2")]
    assert newest == [9, 8, 7]


WRITER = """
import json, sys
from pathlib import Path
from fairlead.security.audit_sinks import FileSink
sink = FileSink(Path(sys.argv[1]), 4000, 50, chained=True)
for n in range(200):
    sink.write([json.dumps({"who": sys.argv[2], "n": n})])
"""


def test_processes_share_one_chain_over_rotated_files(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(number)], env=environment) for number in range(3)
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    files = sorted(tmp_path.glob("a.log.[0-9]*"), key=lambda file: -int(file.suffix[1:]))
    lines = [line for file in (*files, path) for line in file.read_text().splitlines()]
    assert len(files) > 3
    for number in range(3):
        assert [row["n"] for row in map(json.loads, lines) if row["who"] == str(number)] == list(range(200))
    assert broken_links(lines, "0" * 64) == []
    assert broken_links(lines[:10] + lines[11:]) == [11]
    assert broken_links([*lines[:10], lines[10].replace('"n"', '"m"'), *lines[11:20]]) == [12]
    assert broken_links(["{}", "nonsense"]) == [1, 2]
