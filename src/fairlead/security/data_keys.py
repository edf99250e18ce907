"""Data keys as the store has them: wrapped, in one document, with a check value for each key that wraps.

Reads and writes that document. It seals no value and decides no rotation (spec/06 section 15.1).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fairlead.domain.ports import Conflict, Document, Json, KeyProblem, Put, Require, Store, StoreUnavailable
from fairlead.domain.sealed import SEALED, key_of
from fairlead.security.envelope import KEY_BYTES, BrokenSeal, Key, associated_data
from fairlead.security.keyring import KeyringError, KeyServiceAway, Random, WrappingKeys, wrapping_id

KIND = "data_key"
DOCUMENT = "default"
FORMAT = 1
_KNOWN_TEXT = b"fairlead"


@dataclass(frozen=True, slots=True)
class DataKeys:
    """One state of the document, as far as it could be unwrapped.

    `absent` names for each data key that is not at hand the key that would unwrap it; `damaged` says that a key which is
    held does not open what it wrapped, `away` that a key service did not answer.
    """

    revision: int
    body: Json = field(repr=False)
    at_hand: Mapping[str, Key]
    absent: Mapping[str, str]
    damaged: bool = False
    away: str = ""

    @property
    def active(self) -> str:
        return str(self.body["active"])

    @property
    def sealing(self) -> str | None:
        """The key to seal with: the active one, else the newest at hand; None when there is none."""
        if self.active in self.at_hand:
            return self.active
        return max(self.at_hand, key=self.made, default=None)

    def made(self, id: str) -> int:
        """Epoch milliseconds of a data key's making; 0 where the store does not know it."""
        return int(self.body.get("made", {}).get(id, 0))

    def fence(self) -> Require:
        return Require(KIND, DOCUMENT, self.revision)


async def first_document(store: Store, keys: WrappingKeys, random: Random, now: int) -> Document:
    """The store's document of keys: ours, or that of the process that was first. Nothing is sealed before it is there."""
    data_key = Key(random(KEY_BYTES))
    empty = {"format": FORMAT, "active": data_key.id, "keys": {}, "wrapping": {}, "made": {}}
    body = await with_key(empty, data_key, keys, now)
    try:
        await store.write([Put(KIND, DOCUMENT, body, expect=0)])
    except Conflict:
        pass  # another process was first: its keys count
    document = await store.get(KIND, DOCUMENT)
    if document is None:
        raise StoreUnavailable("the data keys vanished while this process started")
    return document


async def with_key(body: Json, data_key: Key, keys: WrappingKeys, now: int) -> Json:
    """The document with one more data key, wrapped by the active key; which data key is active stays."""
    wrapped = await keys.wrap(data_key.material(), _data_key_context(data_key.id))
    return {
        **body,
        "keys": {**body["keys"], data_key.id: wrapped},
        "made": {**body.get("made", {}), data_key.id: now},
        "wrapping": await _with_check(body["wrapping"], keys),
    }


async def rewrapped(state: DataKeys, keys: WrappingKeys) -> Json:
    """The document with every data key that is at hand wrapped by the active key."""
    wrapped = {id: await keys.wrap(key.material(), _data_key_context(id)) for id, key in state.at_hand.items()}
    return {
        **state.body,
        "keys": {**state.body["keys"], **wrapped},
        "wrapping": await _with_check(state.body["wrapping"], keys),
    }


async def _with_check(checks: Mapping[str, str], keys: WrappingKeys) -> dict[str, str]:
    if keys.active in checks:
        return dict(checks)
    return {**checks, keys.active: await keys.wrap(_KNOWN_TEXT, _check_context(keys.active))}


async def unwrapped(document: Document, keys: WrappingKeys | None, known: Mapping[str, Key]) -> DataKeys:
    """What can be opened of the document. Keys in `known` are not asked for again: no key service is called for them.

    Raises KeyringError for a document of another format.
    """
    body = document.body
    if body["format"] != FORMAT:
        raise KeyringError(f"the store's data keys have format {body['format']}; this Fairlead reads {FORMAT}")
    at_hand: dict[str, Key] = {}
    absent: dict[str, str] = {}
    damaged, away = False, ""
    checked: set[str] = set()
    for id, wrapped in body["keys"].items():
        by = wrapping_id(wrapped)
        if id in known:
            at_hand[id] = known[id]
            continue
        if keys is None or not keys.holds(by):
            absent[id] = by
            continue
        try:
            if by not in checked:
                await _check(body, keys, by)
                checked.add(by)
            at_hand[id] = await _data_key(keys, id, wrapped)
        except BrokenSeal:
            absent[id], damaged = by, True
        except KeyServiceAway as fault:
            absent[id], away = by, str(fault)
    return DataKeys(document.revision, body, at_hand, absent, damaged, away)


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


async def find_problem(store: Store, state: DataKeys, keys: WrappingKeys | None, source: str) -> KeyProblem | None:
    """What a state lacks, with the number of resources that need it; None when every data key is at hand."""
    if not state.absent:
        return None
    resources = len(await referring(store, state.absent))
    wanted = ", ".join(sorted(set(state.absent.values())))
    if state.damaged:
        found = "does not open them: the store was changed or damaged"
    elif state.away:
        found = f"cannot be reached ({state.away})"
    elif keys is None:
        found = f"is not there ({source} does not exist)"
    else:
        found = f"is not there ({source} holds key {keys.active})"
    line = f"the store's credentials need key {wanted}, which {found}; {resources} resources cannot be used until it is"
    return KeyProblem(wanted, resources, line)


async def referring(store: Store, ids: Any) -> dict[tuple[str, str], int]:
    """Kind and id of each resource with values that one of the data keys `ids` sealed, and how many."""
    found: dict[tuple[str, str], int] = {}
    for place in SEALED:
        for document in await store.all(place.kind):
            count = sum(key_of(text) in ids for text in place.values(document.body).values())
            if count:
                found[place.kind, document.id] = count
            await asyncio.sleep(0)  # thousands of documents must not hold up the predicts of this worker
    return found


def _data_key_context(id: str) -> bytes:
    return associated_data("data key", id)


def _check_context(id: str) -> bytes:
    return associated_data("check value", id)
