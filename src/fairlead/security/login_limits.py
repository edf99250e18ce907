"""Limits on failed logins: by source, and by name together with the source's network (spec/06 6.3 as S-06 and S-07 put it
right). Exact over all workers that share a table, also for tries at once; locks nobody's account and sees no password.

A name is never blocked for everybody, or a stranger could lock out an administrator. When many networks fail for one name,
it is slowed down instead: of the networks without a recent success, one try in a while is let through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from fairlead.domain.identity import LoginListener, Verdict
from fairlead.security.callers import IgnoredHosts, source_network
from fairlead.security.login_table import MOMENTS, Entry, LoginTable

_SLOW_FACTOR = 10
"""A name is slowed down after this many times the tries that block a pair."""
_SLOW_SECONDS = 1.0
_KNOWN_SECONDS = 86_400.0
_PENDING_SECONDS = 30.0
"""A try whose worker died counts so long as one under way."""
_SPANS = MOMENTS // 2


class _Window:
    """The failures of one entry within the last `seconds`. Few are kept as their moments. More than there is room for are
    counted in spans of time, so that they leave the window up to one span late and never early."""

    def __init__(self, tries: int, seconds: float) -> None:
        self._each = tries <= MOMENTS
        self._seconds = seconds
        self._span = seconds / (_SPANS - 1)

    def count(self, entry: Entry, now: float) -> int:
        return len(self._kept(entry, now)) if self._each else int(sum(self._spans(entry, now).values()))

    def add(self, entry: Entry, now: float) -> int:
        """The failures with this one."""
        if self._each:
            entry.failures = [*self._kept(entry, now), now][-MOMENTS:]
            return len(entry.failures)
        spans = self._spans(entry, now)
        current = self._number(now)
        spans[current] = spans.get(current, 0.0) + 1
        entry.failures = [number for pair in spans.items() for number in pair]
        return int(sum(spans.values()))

    def _kept(self, entry: Entry, now: float) -> list[float]:
        # A moment to come is from before this machine started.
        return [moment for moment in entry.failures if now - self._seconds < moment <= now]

    def _spans(self, entry: Entry, now: float) -> dict[float, float]:
        newest = self._number(now)
        pairs = zip(entry.failures[::2], entry.failures[1::2], strict=False)
        return {number: count for number, count in pairs if newest - _SPANS < number <= newest}

    def _number(self, now: float) -> float:
        return float(now // self._span + 1)  # 0 is no number here: it marks an empty place


class FailedLogins:
    """`fairlead.domain.identity.LoginLimits` for a list of listeners, which may be exchanged (`configure`).

    `monotonic` gives seconds, the same in all processes that share the table. `address` is the client's, after trusted
    proxies were looked through (S-06).
    """

    def __init__(
        self, listeners: Iterable[LoginListener], monotonic: Callable[[], float], table: LoginTable | None = None
    ) -> None:
        self._monotonic = monotonic
        self._table = table or LoginTable(None)
        self.configure(listeners)

    def configure(self, listeners: Iterable[LoginListener]) -> None:
        """A row that is new or changed starts with clean counts."""
        self.listeners: Sequence[LoginListener] = tuple(listeners)
        self._rows = [_Row(listener, self._table) for listener in self.listeners]

    def begin(self, name: str, address: str) -> Verdict:
        """Whether a password may be tried. ADMITTED takes a try of every row, until `failed`, `succeeded` or `withdrawn`."""
        rows = [row for row in self._rows if row.concerns(address)]
        if not rows:
            return Verdict.ADMITTED
        with self._table.alone():
            now = self._now()
            verdict = max(row.verdict(name, address, now) for row in rows)
            if verdict is Verdict.ADMITTED:
                for row in rows:
                    row.begin(name, address, now)
        return verdict

    def failed(self, name: str, address: str) -> None:
        self._each(name, address, _Row.failed)

    def succeeded(self, name: str, address: str) -> None:
        """Clears no count, but this network is not slowed down for the name within the next day."""
        self._each(name, address, _Row.succeeded)

    def withdrawn(self, name: str, address: str) -> None:
        """Nothing was tried after all."""
        self._each(name, address, _Row.withdrawn)

    def _each(self, name: str, address: str, tell: Callable[[_Row, str, str, float], None]) -> None:
        rows = [row for row in self._rows if row.concerns(address)]
        if rows:
            with self._table.alone():
                now = self._now()
                for row in rows:
                    tell(row, name, address, now)

    def _now(self) -> float:
        """Read while nobody else writes: a moment before another worker's would take its news for those of an earlier life
        of the machine."""
        return self._monotonic()


class _Row:
    """One listener's rule over the table."""

    def __init__(self, listener: LoginListener, table: LoginTable) -> None:
        self._listener = listener
        self._table = table
        self._identity = repr(listener)
        self._ignored = IgnoredHosts(listener.ignore_hosts)
        self._by_source = listener.type == "ip"
        self._tries = _Window(listener.allowed_tries, listener.time_window_seconds)
        self._name_tries = listener.allowed_tries * _SLOW_FACTOR
        self._name_window = _Window(self._name_tries, listener.time_window_seconds)

    def concerns(self, address: str) -> bool:
        return not self._ignored.match(address)

    def verdict(self, name: str, address: str, now: float) -> Verdict:
        entry = self._table.read(self._key(name, address))
        if self._blocked(entry, now):
            return Verdict.SOURCE_BLOCKED if self._by_source else Verdict.REFUSED
        if not self._by_source and self._slowed(name, entry, now):
            return Verdict.REFUSED
        under_way = _pending(entry, now)
        if under_way and self._tries.count(entry, now) + under_way >= self._listener.allowed_tries:
            return Verdict.BUSY
        return Verdict.ADMITTED

    def begin(self, name: str, address: str, now: float) -> None:
        key = self._key(name, address)
        entry = self._table.read(key)
        entry.pending = _pending(entry, now) + 1
        entry.pending_until = now + _PENDING_SECONDS
        if not self._by_source and entry.known_until <= now:
            of_name = self._table.read(self._name_key(name))
            if self._blocked(of_name, now):
                of_name.next_try = now + _SLOW_SECONDS
                self._table.write(self._name_key(name), of_name, now)
        self._table.write(key, entry, now)

    def failed(self, name: str, address: str, now: float) -> None:
        key = self._key(name, address)
        entry = self._table.read(key)
        entry.pending = max(0, _pending(entry, now) - 1)
        self._count(key, entry, self._tries, self._listener.allowed_tries, now)
        if not self._by_source:
            key = self._name_key(name)
            self._count(key, self._table.read(key), self._name_window, self._name_tries, now)

    def succeeded(self, name: str, address: str, now: float) -> None:
        self._ended(name, address, now, known=not self._by_source)

    def withdrawn(self, name: str, address: str, now: float) -> None:
        self._ended(name, address, now, known=False)

    def _ended(self, name: str, address: str, now: float, *, known: bool) -> None:
        key = self._key(name, address)
        entry = self._table.read(key)
        entry.pending = max(0, _pending(entry, now) - 1)
        if known:
            entry.known_until = now + _KNOWN_SECONDS
        if not self._tries.count(entry, now):
            entry.failures = []
        self._table.write(key, entry, now)

    def _count(self, key: bytes, entry: Entry, window: _Window, tries: int, now: float) -> None:
        if window.add(entry, now) >= tries:
            entry.failures = []
            entry.blocked_until = now + self._listener.block_expiry_seconds
        elif not self._blocked(entry, now):
            entry.blocked_until = 0.0
        self._table.write(key, entry, now)

    def _blocked(self, entry: Entry, now: float) -> bool:
        # A block that ends later than one can is from before this machine started.
        return now < entry.blocked_until <= now + self._listener.block_expiry_seconds

    def _slowed(self, name: str, entry: Entry, now: float) -> bool:
        if now < entry.known_until <= now + _KNOWN_SECONDS:
            return False
        of_name = self._table.read(self._name_key(name))
        return self._blocked(of_name, now) and now < of_name.next_try <= now + _SLOW_SECONDS

    def _key(self, name: str, address: str) -> bytes:
        if self._by_source:
            return self._table.key(self._identity, source_network(address, one=True))
        return self._table.key(self._identity, name, source_network(address))

    def _name_key(self, name: str) -> bytes:
        return self._table.key(self._identity, name, "", "")


def _pending(entry: Entry, now: float) -> float:
    return entry.pending if now < entry.pending_until <= now + _PENDING_SECONDS else 0.0
