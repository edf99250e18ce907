"""Changes of the keys themselves: wrapping every data key anew, and giving up keys that nothing needs.

Values are not sealed anew here (fairlead.service.keys.rotation). Each step may be the last before a crash: the same
command, given again, goes on from there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from fairlead.domain.ports import Conflict, Require, Step
from fairlead.domain.sealed import SEALED
from fairlead.security import data_keys
from fairlead.security.keyring import KeyProvider, KeyringError, wrapping_id
from fairlead.security.vault import AesVault

_ATTEMPTS = 200
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wrapped:
    """What a rotation of the wrapping key did: ids before, the id now, how many data keys were wrapped anew."""

    before: tuple[str, ...]
    now: str
    data_keys: int


def wrapped_by(vault: AesVault) -> tuple[str, ...]:
    """Ids of the keys that wrap the store's data keys."""
    return tuple(sorted({wrapping_id(text) for text in vault.state.body["keys"].values()}))


async def rewrap(vault: AesVault, provider: KeyProvider) -> Wrapped:
    """Wraps every data key by a new key of the provider. Raises KeyringError, KeyServiceAway, StoreUnavailable.

    The new key is durable with the provider before the store needs it, and the old one stays readable: a process that
    starts in between finds both.
    """
    await vault.refresh()
    before = wrapped_by(vault)
    for _ in range(_ATTEMPTS):
        missing = sorted(set(vault.state.absent.values()))
        if missing:
            raise KeyringError(f"key {', '.join(missing)} is not at hand: what it wraps cannot be wrapped anew")
        keys = await provider.renew(wrapped_by(vault))
        try:
            await vault.write(await data_keys.rewrapped(vault.state, keys))
            return Wrapped(before, keys.active, len(vault.state.at_hand))
        except Conflict:
            await vault.refresh()
    raise KeyringError("the data keys were changed by others again and again; try later")


async def retire(vault: AesVault, provider: KeyProvider, id: str) -> str:
    """Gives up a key that nothing refers to, and says in a sentence what was done. Raises KeyringError for a key that is
    needed, or that nobody knows."""
    for _ in range(_ATTEMPTS):
        await vault.refresh()
        body = vault.state.body
        try:
            if id in body["keys"]:
                return await _retire_data_key(vault, id)
            if id in body["wrapping"] or await _provided(provider, id):
                return await _retire_wrapping_key(vault, provider, id)
        except Conflict:
            continue  # something was sealed or the keys were changed meanwhile: look again
        raise KeyringError(f"no key is called {id}: see `fairlead keys list`")
    raise KeyringError("credentials were changed by others again and again; try later")


async def _provided(provider: KeyProvider, id: str) -> bool:
    keys = await provider.load()
    return keys is not None and keys.holds(id)


async def _retire_data_key(vault: AesVault, id: str) -> str:
    state, store = vault.state, vault.store
    if id == state.active:
        raise KeyringError(f"data key {id} is the active one: rotate with --dek first")
    seen = await store.revision()
    users = await data_keys.referring(store, {id})
    if users:
        raise KeyringError(
            f"data key {id} still seals {sum(users.values())} values of {len(users)} resources: rotate with --dek first, "
            "and give those their credential again that do not open"
        )
    body = {
        **state.body,
        **{name: _without(state.body.get(name, {}), id) for name in ("keys", "made")},
    }
    unchanged: list[Step] = [Require(place.kind, None, seen) for place in SEALED]
    await vault.write(body, unchanged)
    return f"data key {id} is retired"


async def _retire_wrapping_key(vault: AesVault, provider: KeyProvider, id: str) -> str:
    needed = [key for key, text in vault.state.body["keys"].items() if wrapping_id(text) == id]
    if needed:
        raise KeyringError(f"key {id} still wraps data keys {', '.join(sorted(needed))}: rotate with --kek first")
    if id in vault.state.body["wrapping"]:
        await vault.write({**vault.state.body, "wrapping": _without(vault.state.body["wrapping"], id)})
    await provider.forget(id)
    left = "; what still holds it is not changed here: remove it there" if await _provided(provider, id) else ""
    return f"key {id} is retired{left}"


def _without(values: dict[str, T], id: str) -> dict[str, T]:
    return {name: value for name, value in values.items() if name != id}
