"""The access log: one JSON line per request, or per so many, written by a thread. It holds no body, no query and no header
but the ids by which traces are found again.

Faults of ours and of providers (500 and more) are always written. Who records never waits: what the thread cannot keep up with
is dropped and counted.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import re
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from fairlead.api.body import Scope
from fairlead.domain.principal import Principal

log = logging.getLogger("fairlead.access")

_QUEUE = 10_000
_BATCH = 500
_END_SECONDS = 3.0
_LONGEST = 1024
"""Characters of a path; of an id a quarter."""
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}.*")
"""W3C Trace Context 3.2."""
_IDS = {b"x-request-id": "request_id", b"x-opaque-id": "opaque_id"}


class Sink(Protocol):
    """Where lines go, whole and without their ends. Raises OSError when it cannot take them."""

    def write(self, lines: Sequence[str]) -> None: ...

    def close(self) -> None: ...


class AccessLog:
    """Writes the `share` (0 to 1) of all requests to `sink`, evenly spread."""

    def __init__(self, sink: Sink, share: float = 1.0) -> None:
        self.now = time.perf_counter
        self.dropped = 0
        self._sink = sink
        self._share = share
        self._due = 0.0
        self._queue: queue.Queue[dict[str, Any] | None] = queue.Queue(_QUEUE)
        self._thread = threading.Thread(target=self._run, name="fairlead-access-log", daemon=True)
        self._thread.start()

    def record(
        self, scope: Scope, route: str, status: int, sent: int, started: float, principal: Principal | None
    ) -> None:
        """A request that was answered, or left; `started` is by `now`."""
        self._due += self._share
        if self._due >= 1.0:
            self._due -= 1.0
        elif status < 500:
            return
        client = scope.get("client")
        row: dict[str, Any] = {
            "time": time.time(),
            "method": scope["method"],
            "path": scope["raw_path"].decode("latin-1")[:_LONGEST],
            "route": route,
            "status": status,
            "ms": round((self.now() - started) * 1000, 3),
            "sent": sent,
            "client": client[0] if client else "",
        }
        if principal is not None:
            row["user"] = principal.name
        for name, value in scope["headers"]:
            if name == b"traceparent":
                if (found := _TRACEPARENT.fullmatch(value.decode("latin-1"))) is not None:
                    row["trace_id"] = found[1]
            elif name in _IDS:
                row[_IDS[name]] = value.decode("latin-1")[: _LONGEST // 4]
        try:
            self._queue.put_nowait(row)
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Writes what is queued."""
        ends = time.monotonic() + _END_SECONDS
        try:
            self._queue.put(None, timeout=_END_SECONDS)
        except queue.Full:  # the sink hangs; a stop must not
            return
        self._thread.join(max(0.0, ends - time.monotonic()))
        self._sink.close()

    def _run(self) -> None:
        pid, failing, open_ = os.getpid(), False, True
        while open_:
            rows = [self._queue.get()]
            while len(rows) < _BATCH and not self._queue.empty():
                rows.append(self._queue.get_nowait())
            open_ = None not in rows
            lines = [_line(row, pid) for row in rows if row is not None]
            try:
                if lines:
                    self._sink.write(lines)
                failing = False
            except OSError as fault:
                self.dropped += len(lines)
                if not failing:
                    log.error("the access log cannot be written: %s", fault.strerror)
                failing = True


def _line(row: dict[str, Any], pid: int) -> str:
    moment = datetime.fromtimestamp(row["time"], UTC).isoformat(timespec="milliseconds")
    return json.dumps({**row, "time": moment.replace("+00:00", "Z"), "pid": pid})
