"""Wrapping data keys anew and giving keys up: with a keyring file, and with keys given from outside."""

from __future__ import annotations

import base64
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fairlead.security.key_changes import retire, rewrap, wrapped_by
from fairlead.security.key_file import FileKeyProvider
from fairlead.security.keyring import GivenKeyProvider, Keyring, KeyringError
from fairlead.security.vault import open_vault
from fairlead.service.keys.rotation import rotate_data_key
from fairlead.store import SqlStore, open_store
from unit.service.sealed import milliseconds, opened, plant, vault_of


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    made = await open_store(f"sqlite:///{tmp_path}/fairlead.db")
    yield made
    await made.close()


def given(*numbers: int) -> GivenKeyProvider:
    texts = (base64.b64encode(bytes(range(n, n + 32))).decode() for n in numbers)
    return GivenKeyProvider(",".join(texts), "FAIRLEAD_MASTER_KEY")


async def loaded(provider: FileKeyProvider) -> Keyring:
    keyring = await provider.load()
    assert keyring is not None
    return keyring


async def test_a_new_wrapping_key_is_made_and_the_old_one_stays_readable(store: SqlStore, tmp_path: Path) -> None:
    provider = FileKeyProvider(tmp_path / "keys")
    vault = await open_vault(store, provider)
    planted = await plant(store, vault, 1)
    old = (await loaded(provider)).active
    done = await rewrap(vault, provider)
    keyring = await loaded(provider)
    assert (done.before, done.now, done.data_keys) == ((old,), keyring.active, 1)
    assert set(keyring.ids) == {old, done.now}
    assert wrapped_by(vault) == (done.now,)
    assert await opened(store, await vault_of(store, tmp_path)) == planted
    assert os.stat(tmp_path / "keys" / "keyring.json").st_mode & 0o777 == 0o600


async def test_a_rotation_that_stopped_behind_the_file_goes_on_with_the_key_it_made(
    store: SqlStore, tmp_path: Path
) -> None:
    provider = FileKeyProvider(tmp_path / "keys")
    vault = await open_vault(store, provider)
    begun = await provider.renew(wrapped_by(vault))
    again = await open_vault(store, provider)
    assert again.problem is None
    done = await rewrap(again, provider)
    assert done.now == begun.active
    assert len((await loaded(provider)).ids) == 2


async def test_given_keys_are_rotated_by_putting_a_new_one_first(store: SqlStore) -> None:
    vault = await open_vault(store, given(1))
    planted = await plant(store, vault, 1)
    with pytest.raises(KeyringError, match="FAIRLEAD_MASTER_KEY has no newer key: put a new one first"):
        await rewrap(vault, given(1))
    both = given(2, 1)
    done = await rewrap(await open_vault(store, both), both)
    assert done.now == (await both.load()).active
    alone = await open_vault(store, given(2))
    assert alone.problem is None
    assert await opened(store, alone) == planted


async def test_keys_move_from_the_file_to_the_environment_when_both_are_given(store: SqlStore, tmp_path: Path) -> None:
    provider = FileKeyProvider(tmp_path / "keys")
    planted = await plant(store, await open_vault(store, provider), 1)
    material = (await loaded(provider)).keys[0].material()
    both = GivenKeyProvider(f"{bytes(range(5, 37)).hex()},{material.hex()}", "FAIRLEAD_MASTER_KEY")
    await rewrap(await open_vault(store, both), both)
    assert await opened(store, await open_vault(store, given(5))) == planted


async def test_a_key_that_is_needed_is_not_retired(store: SqlStore, tmp_path: Path) -> None:
    provider = FileKeyProvider(tmp_path / "keys")
    vault = await open_vault(store, provider)
    await plant(store, vault, 2)
    data_key, wrapping = vault.state.active, (await loaded(provider)).active
    with pytest.raises(KeyringError, match=f"data key {data_key} is the active one"):
        await retire(vault, provider, data_key)
    with pytest.raises(KeyringError, match=f"key {wrapping} still wraps data keys {data_key}"):
        await retire(vault, provider, wrapping)
    await vault.add_data_key()
    with pytest.raises(KeyringError, match=f"data key {data_key} still seals 8 values of 4 resources"):
        await retire(vault, provider, data_key)
    with pytest.raises(KeyringError, match="no key is called 00000000"):
        await retire(vault, provider, "00000000")
    assert (await vault_of(store, tmp_path)).problem is None


async def test_after_a_rotation_the_old_keys_go_and_everything_opens(store: SqlStore, tmp_path: Path) -> None:
    provider = FileKeyProvider(tmp_path / "keys")
    vault = await open_vault(store, provider)
    planted = await plant(store, vault, 2)
    data_key, wrapping = vault.state.active, (await loaded(provider)).active
    await rewrap(vault, provider)
    await rotate_data_key(store, vault, milliseconds)
    assert await retire(vault, provider, data_key) == f"data key {data_key} is retired"
    assert await retire(vault, provider, wrapping) == f"key {wrapping} is retired"
    assert not (await loaded(provider)).holds(wrapping)
    after = await vault_of(store, tmp_path)
    assert data_key not in after.state.body["keys"]
    assert await opened(store, after) == planted


async def test_retiring_that_stopped_between_store_and_file_is_finished_by_the_same_command(
    store: SqlStore, tmp_path: Path
) -> None:
    provider = FileKeyProvider(tmp_path / "keys")
    vault = await open_vault(store, provider)
    wrapping = (await loaded(provider)).active
    await rewrap(vault, provider)
    kept = FileKeyProvider(tmp_path / "keys")

    async def crash(id: str) -> bool:
        raise KeyboardInterrupt

    kept.forget = crash  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        await retire(vault, kept, wrapping)
    assert (await loaded(provider)).holds(wrapping)
    assert await retire(vault, provider, wrapping) == f"key {wrapping} is retired"
    assert not (await loaded(provider)).holds(wrapping)


async def test_a_given_key_is_only_removed_where_it_was_given(store: SqlStore) -> None:
    both = given(2, 1)
    vault = await open_vault(store, given(1))
    old = wrapped_by(vault)[0]
    vault = await open_vault(store, both)
    await rewrap(vault, both)
    assert await retire(vault, both, old) == (
        f"key {old} is retired; what still holds it is not changed here: remove it there"
    )
    assert old not in vault.state.body["wrapping"]


async def test_nothing_is_wrapped_anew_while_a_key_is_missing(store: SqlStore) -> None:
    await open_vault(store, given(1))
    degraded = await open_vault(store, given(2))
    with pytest.raises(KeyringError, match="is not at hand: what it wraps cannot be wrapped anew"):
        await rewrap(degraded, given(3, 2))


async def test_a_straggler_cannot_store_what_a_retired_key_sealed(store: SqlStore, tmp_path: Path) -> None:
    """Between a worker's sealing and its write the key may go: the fence makes the write fail, and it seals anew."""
    provider = FileKeyProvider(tmp_path / "keys")
    vault, straggler = await vault_of(store, tmp_path), await vault_of(store, tmp_path)
    old = vault.state.active
    stale = straggler.fence()
    await rotate_data_key(store, vault, milliseconds)
    await retire(vault, provider, old)
    with pytest.raises(Exception, match="data_key default changed meanwhile"):
        await store.write(stale)
    await plant(store, straggler, 1)
    assert straggler.active == vault.active


async def test_changes_of_one_keyring_file_add_up(tmp_path: Path) -> None:
    provider = FileKeyProvider(tmp_path / "keys")
    first = await provider.create()
    await provider.merge(keyring_of(7).keys, keyring_of(7).active)
    await provider.renew((first.active,))
    keyring = await loaded(provider)
    assert {first.active, keyring_of(7).active} < set(keyring.ids)
    assert len(keyring.ids) == 3


def keyring_of(number: int) -> Keyring:
    return GivenKeyProvider(bytes(range(number, number + 32)).hex(), "x")._keyring


async def test_the_active_key_of_the_file_is_not_forgotten(tmp_path: Path) -> None:
    provider = FileKeyProvider(tmp_path / "keys")
    keyring = await provider.create()
    with pytest.raises(KeyringError, match="is the active one of keyring file"):
        await provider.forget(keyring.active)
    assert not await provider.forget("00000000")


async def test_a_directory_that_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = FileKeyProvider(tmp_path / "keys")
    await provider.create()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fairlead.security.key_file.os.replace", full)
    with pytest.raises(KeyringError, match=r"keyring\.json cannot be written: No space left on device"):
        await provider.renew(((await loaded(provider)).active,))
