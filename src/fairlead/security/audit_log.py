"""The audit log: events as JSON lines, written by a thread from a bounded queue (spec/06 10, 14.4).

Never blocks who records, never holds a payload or a secret. What cannot be written stays queued; what cannot be queued is
counted as lost, and while either is so `failing` says it, so that changes can be refused (S-18).
"""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Protocol

from fairlead.domain.audit import AuditEvent, Category

log = logging.getLogger("fairlead.audit.writer")

FORMAT = 4
QUIET = frozenset({Category.AUTHENTICATED, Category.GRANTED_PRIVILEGES})
"""Categories that are off by default, as in the original (10.1)."""
SAMPLED: Mapping[Category, int] = MappingProxyType({Category.CREDENTIAL_USE: 1000})
"""Of these, every n-th event is written."""
_QUEUE = 10_000
_BATCH = 500
_RETRY_SECONDS = 1.0


class Sink(Protocol):
    """Where lines go; `write` takes whole lines without their ends. Raises OSError when it cannot."""

    def write(self, lines: Sequence[str]) -> None: ...

    def close(self) -> None: ...


class AuditLog:
    """`fairlead.domain.audit.Audit` over sinks. `clock` gives epoch milliseconds, `node` what stands in every event.

    The thread ends with `close`, which writes what is queued as far as the sinks take it.
    """

    def __init__(
        self,
        sinks: Sequence[Sink],
        clock: Callable[[], int],
        node: Mapping[str, str],
        disabled: frozenset[Category] = QUIET,
        capacity: int = _QUEUE,
    ) -> None:
        self._sinks = sinks
        self._clock = clock
        self._node = dict(node)
        self._disabled = disabled
        self._queue: queue.Queue[tuple[int, AuditEvent]] = queue.Queue(capacity)
        self._seen: dict[Category, int] = {}
        self._stop = threading.Event()
        self._stuck = False
        self.lost = 0
        self._thread = threading.Thread(target=self._run, name="fairlead-audit", daemon=True)
        self._thread.start()

    def wants(self, category: Category) -> bool:
        if category in self._disabled:
            return False
        every = SAMPLED.get(category)
        if every is None:
            return True
        seen = self._seen.get(category, 0)
        self._seen[category] = seen + 1
        return seen % every == 0

    def record(self, event: AuditEvent) -> None:
        try:
            self._queue.put_nowait((self._clock(), event))
        except queue.Full:
            if self.lost == 0:
                log.error("the audit log cannot keep up: events are lost from now on")
            self.lost += 1

    @property
    def failing(self) -> bool:
        """Whether an event that is recorded now may not reach a sink."""
        return self._stuck or self._queue.full()

    def close(self, seconds: float = 3.0) -> None:
        self._stop.set()
        self._thread.join(seconds)
        for sink in self._sinks:
            sink.close()
        if self.lost or not self._queue.empty():
            log.error("the audit log ends with %d events lost", self.lost + self._queue.qsize())

    def _run(self) -> None:
        batch: list[str] = []
        # Each sink goes on where it stopped, so that one that is away costs the others nothing and gets no line twice.
        waiting: list[Sequence[str]] = [() for _ in self._sinks]
        while True:
            if not any(waiting):
                batch = self._take()
                waiting = [batch for _ in self._sinks]
                if not batch and self._stop.is_set():
                    return
            waiting = [self._write(sink, lines) for sink, lines in zip(self._sinks, waiting, strict=True)]
            stuck = any(waiting)
            if stuck and not self._stuck:
                log.error("the audit log cannot be written; its events wait")
            self._stuck = stuck
            if stuck and self._stop.wait(_RETRY_SECONDS):
                self.lost += max(map(len, waiting))
                return

    def _take(self) -> list[str]:
        try:
            first = self._queue.get(timeout=0.1)
        except queue.Empty:
            return []
        taken = [first]
        while len(taken) < _BATCH:
            try:
                taken.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return [json.dumps(self.fields(at, event), ensure_ascii=False) for at, event in taken]

    def _write(self, sink: Sink, lines: Sequence[str]) -> Sequence[str]:
        if not lines:
            return ()
        try:
            sink.write(lines)
        except OSError:
            return lines
        return ()

    def fields(self, at: int, event: AuditEvent) -> dict[str, Any]:
        """One flat object; what an event does not have is absent."""
        moment = datetime.fromtimestamp(at / 1000, UTC)
        every = {
            "@timestamp": moment.isoformat(timespec="milliseconds"),
            "audit_format_version": FORMAT,
            "audit_category": str(event.category),
            "audit_request_layer": "REST" if event.method else None,
            "audit_request_origin": "REST" if event.method else None,
            "audit_request_effective_user": event.user,
            "audit_request_effective_user_is_admin": event.super_admin if event.user else None,
            "audit_request_auth_method": event.source,
            "audit_request_key_id": event.key_id,
            "audit_request_remote_address": event.address,
            "audit_request_id": event.request_id,
            "audit_rest_request_method": event.method,
            "audit_rest_request_path": event.path,
            "audit_request_privilege": event.action,
            "audit_reason": event.reason,
            **{f"audit_{name}": value for name, value in event.details.items()},
            **self._node,
        }
        return {name: value for name, value in every.items() if value not in (None, "")}
