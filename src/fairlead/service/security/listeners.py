"""Limits on failed logins as rows in the store (`authfailurelisteners`, spec/06 2.7, 6.3); another class counts by them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict, fields
from typing import Any

from fairlead.domain.identity import LoginListener
from fairlead.domain.ports import Document, Json, Put, Remove, Store
from fairlead.errors import SecurityApiFault
from fairlead.security.callers import Hosts
from fairlead.service.changes import Batch, commit
from fairlead.service.security import validation

LISTENER_KIND = "security_listener"
TYPES = ("ip", "username")
_NUMBERS = (
    "allowed_tries",
    "time_window_seconds",
    "block_expiry_seconds",
    "max_blocked_clients",
    "max_tracked_clients",
)
_MOST = 1_000_000_000
_ORDER = ("name", "type", "ignore_hosts", "authentication_backend", *_NUMBERS)
_BACKENDS = ("internal", "intern")


def listener_of(name: str, body: Json, revision: int) -> LoginListener:
    known = {field.name for field in fields(LoginListener)} - {"name", "ignore_hosts", "revision"}
    values = {key: value for key, value in body.items() if key in known}
    return LoginListener(name, **values, ignore_hosts=tuple(body.get("ignore_hosts", ())), revision=revision)


class Listeners:
    """Reads and changes the rows; `changed` as in fairlead.service.security.objects."""

    def __init__(self, store: Store, changed: Callable[[], Awaitable[None]]) -> None:
        self._store = store
        self._changed = changed

    async def all(self) -> Json:
        return {document.id: _shown(document) for document in sorted(await self._documents(), key=lambda d: d.id)}

    async def put(self, name: str, raw: bytes) -> Json:
        validation.check_name("authfailurelistener", name)
        body = _checked(validation.read_object(raw))
        await self._store.write([Put(LISTENER_KIND, name, body)])
        await self._changed()
        return await self.all()

    async def delete(self, name: str) -> Json:
        async def prepare() -> tuple[Batch, None]:
            found = await self._store.get(LISTENER_KIND, name)
            if found is None:
                raise SecurityApiFault(404, f"authfailurelistener '{name}' not found.")
            return [Remove(LISTENER_KIND, name, found.revision)], None

        await commit(self._store, prepare)
        await self._changed()
        return await self.all()

    async def _documents(self) -> list[Document]:
        return await self._store.all(LISTENER_KIND)


def _shown(document: Document) -> Json:
    row = asdict(listener_of(document.id, document.body, document.revision))
    return {key: list(row[key]) if key == "ignore_hosts" else row[key] for key in _ORDER}


def _checked(body: Json) -> Json:
    unknown = [key for key in body if key not in _ORDER or key == "name"]
    if unknown:
        raise SecurityApiFault(400, f"Unknown keys: {', '.join(unknown)}")
    if body.get("type") not in TYPES:
        raise SecurityApiFault(400, f"[type] must be one of {', '.join(TYPES)}")
    for key in _NUMBERS:
        value: Any = body.get(key, 1)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST:
            raise SecurityApiFault(400, f"[{key}] must be a whole number from 1 to {_MOST}")
    if body["type"] == "username" and body.get("authentication_backend", "internal") not in _BACKENDS:
        raise SecurityApiFault(400, f"[authentication_backend] must be one of {', '.join(_BACKENDS)}")
    backend = body.get("authentication_backend", "")
    if not isinstance(backend, str) or len(backend) > validation.LONGEST:
        raise SecurityApiFault(400, "[authentication_backend] must be a text")
    hosts = body.get("ignore_hosts", [])
    if not isinstance(hosts, list) or not all(
        isinstance(host, str) and 0 < len(host) <= validation.LONGEST for host in hosts
    ):
        raise SecurityApiFault(400, "[ignore_hosts] must be a list of addresses and networks")
    try:
        Hosts(hosts)
    except ValueError as fault:
        raise SecurityApiFault(400, "[ignore_hosts] must be a list of addresses and networks") from fault
    return body
