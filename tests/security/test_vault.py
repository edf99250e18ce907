"""The vault over a store: first start, sealing and opening, and what happens with a wrong key."""

from __future__ import annotations

import asyncio
import base64
import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fairlead.domain.ports import Conflict, Put, SealContext, StoreUnavailable
from fairlead.domain.secret import Secret
from fairlead.errors import IllegalState, ResourceNotFound
from fairlead.security.envelope import Envelope, Key, associated_data
from fairlead.security.key_file import FileKeyProvider
from fairlead.security.keyring import GivenKeyProvider, Keyring, KeyringError
from fairlead.security.vault import DOCUMENT, KIND, AesVault, open_vault
from security.memory_store import MemoryStore

CONTEXT = SealContext("default", "connector", "c1", "openAI_key", ("https://api.openai.com:443",))


def provider(number: int = 1) -> GivenKeyProvider:
    return GivenKeyProvider(base64.b64encode(bytes(range(number, number + 32))).decode(), "FAIRLEAD_MASTER_KEY")


def key_id(number: int = 1) -> str:
    return Key(bytes(range(number, number + 32))).id


async def put(store: MemoryStore, kind: str, id: str, body: dict[str, Any]) -> None:
    await store.write([Put(kind, id, body)])


async def with_connector(store: MemoryStore, vault: AesVault, id: str = "c1") -> str:
    """A stored connector whose credential is sealed; gives the envelope."""
    context = replace(CONTEXT, resource=id)
    text = (await vault.seal({context: Secret("sk-1")}))[context]
    await put(store, "connector", id, {"name": "n", "credential": {"openAI_key": text}})
    return text


# First start.


async def test_the_first_start_stores_one_wrapped_data_key_and_a_check_value() -> None:
    store = MemoryStore()
    vault = await open_vault(store, provider())
    document = await store.get(KIND, DOCUMENT)
    assert document is not None
    assert document.version == 1
    body = document.body
    assert body["format"] == 1
    assert list(body["keys"]) == [body["active"]]
    assert Envelope.parse(body["keys"][body["active"]]).key_id == key_id()
    assert list(body["wrapping"]) == [key_id()]
    assert vault.problem is None


async def test_later_starts_change_nothing_and_open_what_was_sealed() -> None:
    store = MemoryStore()
    first = await open_vault(store, provider())
    sealed = await first.seal({CONTEXT: Secret("sk-1")})
    before = copy.deepcopy(store.documents)
    second = await open_vault(store, provider())
    assert await second.open(sealed) == {CONTEXT: Secret("sk-1")}
    assert store.documents == before


async def test_a_keyring_file_is_made_at_the_first_start_and_never_again(tmp_path: Path) -> None:
    store = MemoryStore()
    vault = await open_vault(store, FileKeyProvider(tmp_path / "keys"))
    sealed = await vault.seal({CONTEXT: Secret("sk-1")})
    again = await open_vault(store, FileKeyProvider(tmp_path / "keys"))
    assert await again.open(sealed) == {CONTEXT: Secret("sk-1")}
    (tmp_path / "keys" / "keyring.json").unlink()
    lost = await open_vault(store, FileKeyProvider(tmp_path / "keys"))
    assert lost.problem is not None
    assert not (tmp_path / "keys" / "keyring.json").exists()


async def test_two_processes_that_start_at_once_seal_for_each_other(tmp_path: Path) -> None:
    store = MemoryStore()
    one, two = await asyncio.gather(*(open_vault(store, FileKeyProvider(tmp_path / "keys")) for _ in range(2)))
    for sealer, opener in ((one, two), (two, one)):
        assert await opener.open(await sealer.seal({CONTEXT: Secret("sk")})) == {CONTEXT: Secret("sk")}
    document = await store.get(KIND, DOCUMENT)
    assert document is not None
    assert document.version == 1


async def test_who_loses_the_race_with_the_same_key_takes_the_winners_data_key() -> None:
    store = MemoryStore()
    winner: list[AesVault] = []

    async def other_process() -> None:
        winner.append(await open_vault(store, provider()))

    store.meanwhile = other_process
    loser = await open_vault(store, provider())
    sealed = await loser.seal({CONTEXT: Secret("sk")})
    assert await winner[0].open(sealed) == {CONTEXT: Secret("sk")}


async def test_who_loses_the_race_with_another_key_makes_no_second_one_and_says_so() -> None:
    store = MemoryStore()
    store.meanwhile = lambda: open_vault(store, provider(1))
    with pytest.raises(KeyringError) as caught:
        await open_vault(store, provider(2))
    assert str(caught.value) == (
        f"FAIRLEAD_MASTER_KEY holds key {key_id(2)}, but another process set this store up with key {key_id(1)} "
        "first: give this one the same key; no second one is made"
    )
    document = await store.get(KIND, DOCUMENT)
    assert document is not None
    assert list(document.body["wrapping"]) == [key_id(1)]


async def test_a_write_that_failed_for_another_reason_is_not_taken_for_a_race() -> None:
    class Away(MemoryStore):
        async def write(self, changes: object) -> Any:
            raise StoreUnavailable("away")

    class Vanishing(MemoryStore):
        async def write(self, changes: object) -> Any:
            raise Conflict(KIND, DOCUMENT)

    with pytest.raises(StoreUnavailable, match="away"):
        await open_vault(Away(), provider())
    with pytest.raises(StoreUnavailable, match="vanished"):
        await open_vault(Vanishing(), provider())


async def test_keys_of_a_newer_format_are_refused() -> None:
    store = MemoryStore()
    await open_vault(store, provider())
    document = await store.get(KIND, DOCUMENT)
    assert document is not None
    await put(store, KIND, DOCUMENT, {**document.body, "format": 2})
    with pytest.raises(KeyringError, match="have format 2; this Fairlead reads 1"):
        await open_vault(store, provider())


# Sealing and opening.


async def test_many_values_are_sealed_and_opened_at_once() -> None:
    vault = await open_vault(MemoryStore(), provider())
    values = {
        replace(CONTEXT, field=f"k{n}"): Secret(text) for n, text in enumerate(["", "a", "\u00e4\U0001f511", "\ud800"])
    }
    sealed = await vault.seal(values)
    assert await vault.open(sealed) == values
    assert len(set(sealed.values())) == len(values)


async def test_the_same_value_is_never_sealed_to_the_same_text() -> None:
    vault = await open_vault(MemoryStore(), provider())
    assert len({(await vault.seal({CONTEXT: Secret("same")}))[CONTEXT] for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "change",
    [
        {"tenant": "other"},
        {"kind": "model"},
        {"resource": "c2"},
        {"field": "other"},
        {"origins": ("https://evil.example:443",)},
        {"origins": ()},
    ],
)
async def test_a_value_moved_elsewhere_does_not_open_and_the_error_names_where_it_lies(change: dict[str, Any]) -> None:
    vault = await open_vault(MemoryStore(), provider())
    text = (await vault.seal({CONTEXT: Secret("canary")}))[CONTEXT]
    moved = replace(CONTEXT, **change)
    with pytest.raises(IllegalState) as caught:
        await vault.open({moved: text})
    assert caught.value.reason == (
        f"Credential [{moved.field}] of {moved.kind} [{moved.resource}] does not open: "
        "sealed in another context, or changed since. Update it with the credential."
    )
    assert await vault.open({CONTEXT: text}) == {CONTEXT: Secret("canary")}


async def test_a_text_that_was_never_sealed_is_not_taken_for_a_credential() -> None:
    vault = await open_vault(MemoryStore(), provider())
    with pytest.raises(IllegalState, match="does not open: not a sealed value") as caught:
        await vault.open({CONTEXT: "sk-canary"})
    assert "canary" not in str(caught.value)


async def test_a_data_key_that_the_store_never_had_is_named() -> None:
    vault = await open_vault(MemoryStore(), provider())
    text = Key(bytes(range(9, 41))).seal(b"x", b"", bytes(12))
    with pytest.raises(ResourceNotFound, match=rf"Key \[{key_id(9)}\] is not at hand\."):
        await vault.open({CONTEXT: text})


async def test_several_data_keys_are_readable_and_one_is_active() -> None:
    store = MemoryStore()
    first = await open_vault(store, provider())
    old = await first.seal({CONTEXT: Secret("old")})
    document = await store.get(KIND, DOCUMENT)
    assert document is not None
    new = Key(bytes(range(50, 82)))
    keyring = Keyring(Key(bytes(range(1, 33))))
    keys = {**document.body["keys"], new.id: await keyring.wrap(new.material(), associated_data("data key", new.id))}
    await put(store, KIND, DOCUMENT, {**document.body, "keys": keys, "active": new.id})
    vault = await open_vault(store, provider())
    assert vault.problem is None
    assert await vault.open(old) == {CONTEXT: Secret("old")}
    assert Envelope.parse((await vault.seal({CONTEXT: Secret("new")}))[CONTEXT]).key_id == new.id


# A wrong, missing or damaged key.


async def test_a_wrong_key_is_found_at_start_with_its_id_and_the_number_of_resources() -> None:
    store = MemoryStore()
    vault = await open_vault(store, provider(1))
    await with_connector(store, vault, "c1")
    await with_connector(store, vault, "c2")
    text = await with_connector(store, vault, "c3")
    await put(store, "model", "m1", {"name": "m", "connector": {"credential": {"key": text}}})
    await put(store, "model", "m2", {"name": "m", "connector_id": "c1"})
    await put(store, "connector", "c4", {"name": text, "credential": {"key": "plain"}, "actions": [{"x": 1}]})
    degraded = await open_vault(store, provider(2))
    assert degraded.problem is not None
    assert (degraded.problem.key_id, degraded.problem.resources) == (key_id(1), 4)
    assert degraded.problem.line == (
        f"the store's credentials need key {key_id(1)}, which is not there (FAIRLEAD_MASTER_KEY holds key "
        f"{key_id(2)}); 4 resources cannot be used until it is"
    )


async def test_in_degraded_mode_opening_is_refused_by_the_text_of_the_original_and_the_key_id() -> None:
    store = MemoryStore()
    text = await with_connector(store, await open_vault(store, provider(1)))
    degraded = await open_vault(store, provider(2))
    with pytest.raises(ResourceNotFound) as caught:
        await degraded.open({CONTEXT: text})
    assert (caught.value.status, caught.value.reason) == (
        404,
        "The ML encryption master key has not been initialized yet. Please retry after waiting for 10 seconds. "
        f"Key [{key_id(1)}] is not at hand.",
    )


async def test_in_degraded_mode_a_new_credential_is_sealed_under_the_key_that_is_there_and_the_old_one_stays() -> None:
    store = MemoryStore()
    old = await with_connector(store, await open_vault(store, provider(1)))
    degraded = await open_vault(store, provider(2))
    new = replace(CONTEXT, resource="c2")
    sealed = await degraded.seal({new: Secret("sk-new")})
    assert await degraded.open(sealed) == {new: Secret("sk-new")}
    # A second value needs no third key.
    again = await degraded.seal({replace(new, field="other"): Secret("sk")})
    assert {Envelope.parse(text).key_id for text in (*sealed.values(), *again.values())} == {degraded.active}
    # Processes with the right key go on with theirs, and read what they sealed.
    right = await open_vault(store, provider(1))
    assert await right.open({CONTEXT: old}) == {CONTEXT: Secret("sk-1")}
    assert Envelope.parse((await right.seal({CONTEXT: Secret("x")}))[CONTEXT]).key_id == Envelope.parse(old).key_id
    # With both keys everything opens.
    both = GivenKeyProvider(
        ",".join(base64.b64encode(bytes(range(n, n + 32))).decode() for n in (1, 2)), "FAIRLEAD_MASTER_KEY"
    )
    healed = await open_vault(store, both)
    assert healed.problem is None
    assert await healed.open({CONTEXT: old, **sealed}) == {CONTEXT: Secret("sk-1"), new: Secret("sk-new")}


async def test_degraded_mode_changes_nothing_so_that_the_right_key_heals_it() -> None:
    store = MemoryStore()
    text = await with_connector(store, await open_vault(store, provider(1)))
    before = copy.deepcopy(store.documents)
    await open_vault(store, provider(2))
    assert store.documents == before
    healed = await open_vault(store, provider(1))
    assert healed.problem is None
    assert await healed.open({CONTEXT: text}) == {CONTEXT: Secret("sk-1")}


async def test_a_missing_keyring_file_is_told_by_its_path(tmp_path: Path) -> None:
    store = MemoryStore()
    await open_vault(store, provider(1))
    degraded = await open_vault(store, FileKeyProvider(tmp_path))
    assert degraded.problem is not None
    assert f"is not there (keyring file {tmp_path}/keyring.json does not exist)" in degraded.problem.line


async def damage(store: MemoryStore, change: Any) -> None:
    document = await store.get(KIND, DOCUMENT)
    assert document is not None
    change(document.body)
    await put(store, KIND, DOCUMENT, document.body)


def damaged_data_key(body: dict[str, Any]) -> None:
    body["keys"][body["active"]] = body["keys"][body["active"]][:-4] + "AAAA"


def foreign_check_value(body: dict[str, Any]) -> None:
    body["wrapping"] = {
        key_id(): Key(bytes(range(1, 33))).seal(b"other", associated_data("check value", key_id()), bytes(12))
    }


def no_check_value(body: dict[str, Any]) -> None:
    body["wrapping"] = {}


def swapped_data_key(body: dict[str, Any]) -> None:
    body["keys"] = {"00000000": body["keys"][body["active"]]}
    body["active"] = "00000000"


@pytest.mark.parametrize("change", [damaged_data_key, foreign_check_value, no_check_value, swapped_data_key])
async def test_damaged_keys_in_the_store_are_told_from_a_missing_key(change: Any) -> None:
    store = MemoryStore()
    await open_vault(store, provider())
    await damage(store, change)
    degraded = await open_vault(store, provider())
    assert degraded.problem is not None
    assert f"need key {key_id()}, which does not open them: the store was changed or damaged" in degraded.problem.line
    with pytest.raises(ResourceNotFound):
        await degraded.seal({CONTEXT: Secret("sk")})


async def test_only_what_needs_the_missing_key_is_refused() -> None:
    store = MemoryStore()
    old = await (await open_vault(store, provider(1))).seal({CONTEXT: Secret("old")})
    document = await store.get(KIND, DOCUMENT)
    assert document is not None
    new, wrapping = Key(bytes(range(50, 82))), Key(bytes(range(2, 34)))
    body = document.body
    body["keys"][new.id] = await Keyring(wrapping).wrap(new.material(), associated_data("data key", new.id))
    body["wrapping"][wrapping.id] = await Keyring(wrapping).wrap(
        b"fairlead", associated_data("check value", wrapping.id)
    )
    body["active"] = new.id
    await put(store, KIND, DOCUMENT, body)
    vault = await open_vault(store, provider(2))
    assert vault.problem is not None
    assert vault.problem.key_id == key_id(1)
    sealed = await vault.seal({CONTEXT: Secret("new")})
    assert await vault.open(sealed) == {CONTEXT: Secret("new")}
    with pytest.raises(ResourceNotFound):
        await vault.open(old)
