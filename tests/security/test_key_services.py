"""Key services over real sockets: what is sent, what comes back, and what becomes of a service that is away."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fairlead.bootstrap.keys import Outside
from fairlead.domain.secret import Secret, SecretReference
from fairlead.errors import IllegalArgument, ResourceNotFound, Unavailable
from fairlead.security.envelope import BrokenSeal
from fairlead.security.key_changes import retire, rewrap, wrapped_by
from fairlead.security.keyring import KeyringError, KeyServiceAway, wrapping_id
from fairlead.security.vault import open_vault
from fairlead.service.keys.rotation import rotate_data_key
from fairlead.settings import Settings
from fairlead.store import SqlStore, open_store
from security.key_servers import ACCESS_KEY, ARN, SECRET_KEY, TOKEN, KeyServer, Kms, Vault, serving
from unit.service.sealed import milliseconds, opened, plant


@pytest.fixture(params=["vault", "aws_kms"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[KeyServer, Settings]]:
    with serving(Vault if request.param == "vault" else Kms) as server:
        base = Settings(data_dir=tmp_path, key_service=request.param)
        if request.param == "vault":
            yield (
                server,
                replace(base, vault_address=server.url, vault_token=TOKEN, vault_transit_key="transit/fairlead"),
            )
        else:
            yield (
                server,
                replace(
                    base, kms_key=ARN, kms_endpoint=server.url, kms_access_key=ACCESS_KEY, kms_secret_key=SECRET_KEY
                ),
            )
        assert server.faults == []


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    made = await open_store(f"sqlite:///{tmp_path}/fairlead.db")
    yield made
    await made.close()


async def test_what_a_service_wraps_it_unwraps_in_the_same_context_only(service: tuple[KeyServer, Settings]) -> None:
    server, settings = service
    outside = Outside(settings)
    keys = await (await outside.provider()).load()
    assert keys is not None
    wrapped = await keys.wrap(b"data key", b"context")
    assert wrapping_id(wrapped) == keys.active
    assert await keys.unwrap(wrapped, b"context") == b"data key"
    for broken, context in ((wrapped, b"other"), (wrapped[:-4] + "AAAA", b"context")):
        with pytest.raises(BrokenSeal):
            await keys.unwrap(broken, context)
    assert len(server.calls) == 4
    await outside.close()


async def test_a_server_asks_the_service_at_start_and_at_rotation_only(
    service: tuple[KeyServer, Settings], store: SqlStore, tmp_path: Path
) -> None:
    server, settings = service
    outside = Outside(settings)
    provider = await outside.provider()
    vault = await open_vault(store, provider)
    started = len(server.calls)
    assert started == 4  # a data key and its check value, wrapped and unwrapped
    planted = await plant(store, vault, 3)
    assert await opened(store, vault) == planted
    assert len(server.calls) == started
    await rewrap(vault, provider)
    await rotate_data_key(store, vault, milliseconds)
    assert len(server.calls) <= started + 6
    another = await open_vault(store, provider)
    assert await opened(store, another) == planted
    assert not (tmp_path / "keys").exists()
    await outside.close()


async def test_a_service_that_is_away_at_start_is_degraded_mode_and_heals_by_itself(
    service: tuple[KeyServer, Settings], store: SqlStore
) -> None:
    server, settings = service
    outside = Outside(settings)
    planted = await plant(store, await open_vault(store, await outside.provider()), 1)
    server.refuse = 503
    vault = await open_vault(store, await outside.provider())
    assert vault.problem is not None
    assert vault.problem.resources == 2
    assert "cannot be reached" in vault.problem.line
    assert "503" in vault.problem.line
    with pytest.raises(ResourceNotFound, match="is not at hand"):
        await opened(store, vault)
    with pytest.raises(ResourceNotFound, match="is not at hand"):
        await plant(store, vault, 2)
    server.refuse = 0
    await vault.refresh()
    assert vault.problem is None
    assert await opened(store, vault) == planted
    await outside.close()


async def test_a_service_that_goes_away_later_disturbs_nothing_but_new_keys(
    service: tuple[KeyServer, Settings], store: SqlStore
) -> None:
    server, settings = service
    outside = Outside(settings)
    provider = await outside.provider()
    vault = await open_vault(store, provider)
    planted = await plant(store, vault, 1)
    server.refuse = 500
    assert await opened(store, vault) == planted
    with pytest.raises(Unavailable, match="No data key can be made"):
        await rotate_data_key(store, vault, milliseconds)
    with pytest.raises(KeyServiceAway):
        await rewrap(vault, provider)
    assert await opened(store, vault) == planted
    await outside.close()


async def test_a_first_start_without_the_service_is_refused(
    service: tuple[KeyServer, Settings], store: SqlStore
) -> None:
    server, settings = service
    server.refuse = 500
    outside = Outside(settings)
    with pytest.raises(KeyringError, match="the first data key cannot be made"):
        await open_vault(store, await outside.provider())
    await outside.close()


async def test_data_keys_move_from_the_keyring_file_to_the_service_and_back(
    service: tuple[KeyServer, Settings], store: SqlStore
) -> None:
    _, settings = service
    local, remote = Outside(replace(settings, key_service="")), Outside(settings)
    planted = await plant(store, await open_vault(store, await local.provider()), 1)
    provider = await remote.provider()
    vault = await open_vault(store, provider)
    assert vault.problem is None
    [before] = wrapped_by(vault)
    await rewrap(vault, provider)
    assert wrapped_by(vault) != (before,)
    # The file may go only with the key of the file retired; and back again.
    await rewrap(await open_vault(store, await local.provider()), await local.provider())
    again = await open_vault(store, await Outside(Settings(data_dir=settings.data_dir)).provider())
    assert again.problem is None
    assert wrapped_by(again) == (before,)
    assert await opened(store, again) == planted
    for outside in (local, remote):
        await outside.close()


async def test_the_key_of_the_file_retires_once_the_service_wraps(
    service: tuple[KeyServer, Settings], store: SqlStore
) -> None:
    _, settings = service
    planted = await plant(
        store, await open_vault(store, await Outside(replace(settings, key_service="")).provider()), 1
    )
    outside = Outside(settings)
    provider = await outside.provider()
    vault = await open_vault(store, provider)
    [before] = wrapped_by(vault)
    await rewrap(vault, provider)
    said = await retire(vault, provider, before)
    assert said.startswith(f"key {before} is retired")
    (settings.data_dir / "keys" / "keyring.json").unlink()
    fresh = await open_vault(store, await outside.provider())
    assert fresh.problem is None
    assert await opened(store, fresh) == planted
    await outside.close()


async def test_no_fault_tells_a_secret_or_what_the_service_said(
    service: tuple[KeyServer, Settings], store: SqlStore
) -> None:
    server, settings = service
    wrong = replace(settings, vault_token="canary-wrong-token", kms_secret_key="canary-wrong-key")
    outside = Outside(wrong)
    with pytest.raises(KeyringError) as caught:
        await open_vault(store, await outside.provider())
    assert "canary" not in str(caught.value)
    assert "answered 40" in str(caught.value)
    server.faults.clear()
    await outside.close()


def vault_settings(tmp_path: Path, **changes: Any) -> Settings:
    base = Settings(
        data_dir=tmp_path, key_service="vault", vault_address="https://vault.example", vault_token="t",
        vault_transit_key="transit/fairlead",
    )  # fmt: skip
    return replace(base, **changes)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"vault_address": "http://vault.example"}, "vault_address: http is taken only for this machine; use https"),
        ({"vault_address": "vault.example"}, "vault_address is no address"),
        ({"vault_transit_key": "fairlead"}, "'fairlead' is no mount and name, as transit/fairlead"),
        ({"vault_ca_file": "none.pem"}, "vault_ca_file none.pem cannot be read"),
        ({"kms_key": "alias/x", "key_service": "aws_kms"}, "kms_key is no ARN of a key"),
    ],
)
async def test_settings_that_cannot_be_used_are_one_line(tmp_path: Path, changes: dict[str, Any], text: str) -> None:
    with pytest.raises(KeyringError) as caught:
        await Outside(vault_settings(tmp_path, **changes)).provider()
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_the_token_is_read_anew_from_the_file_it_refers_to(tmp_path: Path, store: SqlStore) -> None:
    file = tmp_path / "token"
    file.write_text("old\n")
    file.chmod(0o600)
    with serving(Vault) as server:
        server.token = "renewed"
        settings = vault_settings(tmp_path, vault_address=server.url, vault_token=json.dumps({"$file": str(file)}))
        outside = Outside(settings)
        with pytest.raises(KeyringError):
            await open_vault(store, await outside.provider())
        file.write_text("renewed\n")
        assert (await open_vault(store, await outside.provider())).problem is None
        await outside.close()


@pytest.mark.parametrize("path", ["kv/team/openai", "old/team/openai"])
async def test_secrets_of_a_key_value_engine_are_read(tmp_path: Path, path: str) -> None:
    told: list[Secret] = []
    with serving(Vault) as server:
        server.secrets[path] = {"key": "sk-1"}
        version = 1 if path.startswith("old") else 2
        settings = Settings(
            data_dir=tmp_path, vault_address=server.url, vault_token=TOKEN, vault_kv_version=version,
            secret_vault_prefixes="kv/team,old/team",
        )  # fmt: skip
        outside = Outside(settings, told.extend)
        read = outside.references.read
        assert await read(reference(f"{path}#key"), "f") == Secret("sk-1")
        assert Secret("sk-1") in told
        with pytest.raises(IllegalArgument, match="the secret has no such field"):
            await read(reference(f"{path}#other"), "f")
        with pytest.raises(IllegalArgument, match="The vault has no such secret"):
            await read(reference(f"{path}2#key"), "f")
        server.refuse = 503
        with pytest.raises(Unavailable, match="answered 503"):
            await read(reference(f"{path}#key"), "f")
        await outside.close()
    gone = Outside(settings)
    with pytest.raises(Unavailable, match="did not answer: refused"):
        await gone.references.read(reference(f"{path}#key"), "f")
    await gone.close()


def reference(place: str) -> SecretReference:
    return SecretReference("vault", place)
