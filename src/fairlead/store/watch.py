"""The thread that follows a database and tells `RevisionSignal`; refuses to end before it is stopped.

While the database is away it tries again, ever more slowly; waiters learn of the trouble when their time is over.
"""

from __future__ import annotations

import threading

from fairlead.domain.ports import StoreUnavailable
from fairlead.store.database import Database, StopSwitch
from fairlead.store.faults import translated
from fairlead.store.signal import RevisionSignal

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 2.0


class Watcher:
    """Follows from `start` to `stop`; both may be called from any thread, `start` more than once."""

    __slots__ = ("_database", "_lock", "_signal", "_stop", "_thread")

    def __init__(self, database: Database, signal: RevisionSignal) -> None:
        self._database = database
        self._signal = signal
        self._stop = StopSwitch()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        with self._lock:
            if self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(target=self._run, name="fairlead-store-watch", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it."""
        with self._lock:
            if self._stop.is_set():
                return
            self._stop.set()
            if self._thread is not None:
                self._thread.join()
            self._stop.release()

    def _run(self) -> None:
        pause = FIRST_PAUSE_SECONDS

        def publish(revision: int) -> None:
            nonlocal pause
            pause = FIRST_PAUSE_SECONDS
            self._signal.trouble(None)
            self._signal.publish(revision)

        while not self._stop.is_set():
            try:
                with translated(self._database.driver_error()):
                    self._database.follow(publish, self._stop)
            except StoreUnavailable as fault:
                self._signal.trouble(fault)
                self._stop.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
