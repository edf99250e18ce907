"""The vault: seals and opens credential values with data keys that lie wrapped in the store.

Opening it settles the first start (one data key, one key-encryption key, whoever comes first) and finds a wrong or
missing key before anything is asked of it. It then works on: only what needs the missing key is refused, and no second
key is ever made beside one that is there (spec/06 section 15.1).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from fairlead.domain import connector, model
from fairlead.domain.ports import Conflict, Document, Json, Put, SealContext, Store, StoreUnavailable
from fairlead.domain.secret import Secret
from fairlead.errors import IllegalState, ResourceNotFound
from fairlead.security.envelope import (
    KEY_BYTES,
    NONCE_BYTES,
    BrokenSeal,
    Envelope,
    Key,
    associated_data,
    context_data,
)
from fairlead.security.keyring import KeyProvider, KeyringError, Random, WrappingKeys

KIND = "data_key"
DOCUMENT = "default"
SEALED_KINDS = (connector.KIND, model.KIND)
"""Kinds of documents with a `credential` somewhere in them."""

_FORMAT = 1
_KNOWN_TEXT = b"fairlead"
_NOT_INITIALIZED = (
    "The ML encryption master key has not been initialized yet. Please retry after waiting for 10 seconds."
)


@dataclass(frozen=True, slots=True)
class KeyProblem:
    """A key that does not open what the store holds: its id, how many resources need it, and a line for the operator."""

    key_id: str
    resources: int
    line: str


class AesVault:
    """`fairlead.domain.ports.Vault` over keys in memory; sealing and opening take microseconds and never wait.

    `problem` is None when every data key of the store is at hand.
    """

    __slots__ = ("_absent", "_active", "_keys", "_random", "problem")

    def __init__(
        self,
        keys: Mapping[str, Key],
        active: str,
        absent: Mapping[str, str],
        problem: KeyProblem | None,
        random: Random,
    ) -> None:
        """`absent` names for each data key that is not at hand the key that would unwrap it."""
        self._keys = dict(keys)
        self._active = active
        self._absent = dict(absent)
        self._random = random
        self.problem = problem

    async def seal(self, values: Mapping[SealContext, Secret]) -> dict[SealContext, str]:
        """An envelope for each value. Raises ResourceNotFound when the active key is not at hand."""
        key = self._key(self._active)
        return {
            context: key.seal(
                secret.reveal().encode("utf-8", "surrogatepass"),
                context_data(context, key.id),
                self._random(NONCE_BYTES),
            )
            for context, secret in values.items()
        }

    async def open(self, values: Mapping[SealContext, str]) -> dict[SealContext, Secret]:
        """The plain value of each envelope.

        Raises ResourceNotFound when its key is not at hand, IllegalState when it was sealed for something else.
        """
        return {context: self._opened(context, text) for context, text in values.items()}

    def _opened(self, context: SealContext, text: str) -> Secret:
        try:
            envelope = Envelope.parse(text)
            key = self._key(envelope.key_id)
            plain = key.open(envelope, context_data(context, key.id))
        except BrokenSeal as fault:
            raise IllegalState(
                f"Credential [{context.field}] of {context.kind} [{context.resource}] does not open: {fault}. "
                "Update it with the credential."
            ) from fault
        return Secret(plain.decode("utf-8", "surrogatepass"))

    def _key(self, id: str) -> Key:
        if id in self._keys:
            return self._keys[id]
        raise ResourceNotFound(f"{_NOT_INITIALIZED} Key [{self._absent.get(id, id)}] is not at hand.")

    def __repr__(self) -> str:
        return f"AesVault(active={self._active}, keys={sorted(self._keys)}, absent={sorted(self._absent)})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an AesVault cannot be pickled")


async def open_vault(store: Store, provider: KeyProvider, *, random: Random = os.urandom) -> AesVault:
    """The vault of a store, its keys made at the first start.

    Raises KeyringError when this is a first start and another process was first with another key, or when the
    store's keys are of a newer format; StoreUnavailable. A later start with a wrong key gives a vault with a `problem`.
    """
    document = await store.get(KIND, DOCUMENT)
    keys = await provider.load()
    if document is None:
        if keys is None:
            keys = await provider.create()
        document = await _first_document(store, keys, random)
        _require_same_key(document.body, keys, provider)
    if document.body["format"] != _FORMAT:
        raise KeyringError(f"the store's data keys have format {document.body['format']}; this Fairlead reads 1")
    return await _unwrapped(store, document.body, keys, provider, random)


async def _first_document(store: Store, keys: WrappingKeys, random: Random) -> Document:
    """The store's document of keys: ours, or that of the process that was first. Nothing is sealed before it is there."""
    data_key = Key(random(KEY_BYTES))
    body = {
        "format": _FORMAT,
        "active": data_key.id,
        "keys": {data_key.id: await keys.wrap(data_key.material(), _data_key_context(data_key.id))},
        "wrapping": {keys.active: await keys.wrap(_KNOWN_TEXT, _check_context(keys.active))},
    }
    try:
        await store.write([Put(KIND, DOCUMENT, body, expect=0)])
    except Conflict:
        pass  # another process was first: its keys count
    document = await store.get(KIND, DOCUMENT)
    if document is None:
        raise StoreUnavailable("the data keys vanished while this process started")
    return document


def _require_same_key(body: Json, keys: WrappingKeys, provider: KeyProvider) -> None:
    known = sorted(body["wrapping"])
    if not any(keys.holds(id) for id in known):
        raise KeyringError(
            f"{provider.source} holds key {keys.active}, but another process set this store up with key "
            f"{', '.join(known)} first: give this one the same key; no second one is made"
        )


async def _unwrapped(
    store: Store, body: Json, keys: WrappingKeys | None, provider: KeyProvider, random: Random
) -> AesVault:
    at_hand: dict[str, Key] = {}
    absent: dict[str, str] = {}
    damaged = False
    for id, wrapped in body["keys"].items():
        wrapping_id = _wrapping_id(wrapped)
        if keys is None or not keys.holds(wrapping_id):
            absent[id] = wrapping_id
            continue
        try:
            await _check(body, keys, wrapping_id)
            at_hand[id] = await _data_key(keys, id, wrapped)
        except BrokenSeal:
            absent[id] = wrapping_id
            damaged = True
    problem = await _problem(store, absent, damaged, keys, provider) if absent else None
    return AesVault(at_hand, body["active"], absent, problem, random)


def _wrapping_id(wrapped: str) -> str:
    try:
        return Envelope.parse(wrapped).key_id
    except BrokenSeal:
        return "unknown"


async def _check(body: Json, keys: WrappingKeys, id: str) -> None:
    """Two keys may share a fingerprint; only the right one opens the known text."""
    if await keys.unwrap(body["wrapping"].get(id, ""), _check_context(id)) != _KNOWN_TEXT:
        raise BrokenSeal("the check value holds another text")


async def _data_key(keys: WrappingKeys, id: str, wrapped: str) -> Key:
    try:
        key = Key(await keys.unwrap(wrapped, _data_key_context(id)))
    except ValueError as fault:
        raise BrokenSeal("the wrapped value is no key") from fault
    if key.id != id:
        raise BrokenSeal(f"data key {key.id} is stored as {id}")
    return key


async def _problem(
    store: Store, absent: Mapping[str, str], damaged: bool, keys: WrappingKeys | None, provider: KeyProvider
) -> KeyProblem:
    resources = 0
    for kind in SEALED_KINDS:
        for document in await store.all(kind):
            resources += any(_sealed_by(text, absent) for text in _credentials(document.body))
    wanted = ", ".join(sorted(set(absent.values())))
    if damaged:
        found = "does not open them: the store was changed or damaged"
    elif keys is None:
        found = f"is not there ({provider.source} does not exist)"
    else:
        found = f"is not there ({provider.source} holds key {keys.active})"
    line = f"the store's credentials need key {wanted}, which {found}; {resources} resources cannot be used until it is"
    return KeyProblem(wanted, resources, line)


def _credentials(value: Any) -> Iterator[str]:
    """The sealed texts of a document: the values of every `credential` object, however deep."""
    if isinstance(value, list):
        for item in value:
            yield from _credentials(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name == "credential" and isinstance(item, dict):
                yield from (text for text in item.values() if isinstance(text, str))
            else:
                yield from _credentials(item)


def _sealed_by(text: str, ids: Mapping[str, str]) -> bool:
    try:
        return Envelope.parse(text).key_id in ids
    except BrokenSeal:
        return False


def _data_key_context(id: str) -> bytes:
    return associated_data("data key", id)


def _check_context(id: str) -> bytes:
    return associated_data("check value", id)
