"""What a worker does for the keys by itself: rotating an old or much used data key, going on, healing, counting."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fairlead.domain.ports import Put
from fairlead.domain.secret import Secret
from fairlead.errors import ResourceNotFound
from fairlead.security.key_file import FileKeyProvider
from fairlead.security.vault import AesVault, open_vault
from fairlead.service.connectors.fields import ConnectorFields
from fairlead.service.connectors.service import ConnectorService
from fairlead.service.house import House
from fairlead.service.keys import rotation, usage
from fairlead.service.keys.upkeep import MOST_SEALINGS, KeyUpkeep
from fairlead.service.models.deployment import DeploymentService
from unit.service.sealed import key_ids, opened, plant, vault_of
from unit.service.world import World, action, registered

YEAR = 365 * 24 * 60


async def upkeep_of(world: World, house: House, data: Path, name: str = "w1") -> tuple[AesVault, KeyUpkeep]:
    vault = await vault_of(house.ports.store, data)
    world.clock.now = max(world.clock.now, vault.made)
    ports = replace(house.ports, vault=vault, keys=vault)
    return vault, KeyUpkeep(ports, vault, house.snapshot, name)


async def test_a_data_key_is_rotated_after_its_days_and_not_before(world: World, house: House, tmp_path: Path) -> None:
    vault, job = await upkeep_of(world, house, tmp_path)
    planted = await plant(house.ports.store, vault, 2)
    first = vault.active
    world.clock.minutes(YEAR - 1)
    await job.round()
    assert vault.active == first
    world.clock.minutes(1)
    await job.round()
    assert vault.active != first
    assert await key_ids(house.ports.store) == {vault.active}
    assert await opened(house.ports.store, vault) == planted
    assert await rotation.pending(house.ports.store) is None


async def test_zero_days_are_never(world: World, house: House, tmp_path: Path) -> None:
    await house.settings.update({"fairlead.keys.data_key_days": "0"}, {})
    vault, job = await upkeep_of(world, house, tmp_path)
    first = vault.active
    world.clock.minutes(20 * YEAR)
    await job.round()
    assert vault.active == first


async def test_sealings_of_all_processes_are_added_up_and_too_many_end_a_key(
    world: World, house: House, tmp_path: Path
) -> None:
    one, job = await upkeep_of(world, house, tmp_path)
    two, other = await upkeep_of(world, house, tmp_path, "w2")
    first = one.active
    assert first is not None
    await plant(house.ports.store, one, 1)
    two.used[first] += MOST_SEALINGS - 5
    await other.round()
    await job.round()
    assert await usage.stored(house.ports.store) == {first: MOST_SEALINGS - 1}
    assert one.active == first
    one.used[first] += 1
    await job.stop()
    await job.round()
    assert one.active != first
    assert await key_ids(house.ports.store) == {one.active}


async def test_an_unfinished_rotation_is_taken_up_after_a_minute(world: World, house: House, tmp_path: Path) -> None:
    vault, job = await upkeep_of(world, house, tmp_path)
    await plant(house.ports.store, vault, 1)
    mark = Put(rotation.KIND, rotation.DATA_KEY, {"started": world.clock()}, 0)
    made = await vault.add_data_key([mark])
    await job.round()
    assert await rotation.pending(house.ports.store) is not None
    world.clock.minutes(1)
    await job.round()
    assert await rotation.pending(house.ports.store) is None
    assert await key_ids(house.ports.store) == {made}


async def test_of_two_workers_one_rotates(world: World, house: House, tmp_path: Path) -> None:
    vault, job = await upkeep_of(world, house, tmp_path)
    _, other = await upkeep_of(world, house, tmp_path, "w2")
    await plant(house.ports.store, vault, 1)
    world.clock.minutes(YEAR)
    await job.round()
    await other.round()
    assert len(vault.state.body["keys"]) == 2


async def test_no_key_is_made_while_one_is_missing(world: World, house: House, tmp_path: Path) -> None:
    await vault_of(house.ports.store, tmp_path)
    wrong = await open_vault(house.ports.store, FileKeyProvider(tmp_path / "other"))
    ports = replace(house.ports, vault=wrong, keys=wrong)
    world.clock.minutes(30 * YEAR)
    await KeyUpkeep(ports, wrong, house.snapshot, "w1").round()
    assert len(wrong.state.body["keys"]) == 1
    assert wrong.problem is not None
    assert not (tmp_path / "other").exists()


async def test_models_that_a_missing_key_kept_from_loading_are_loaded_once_it_is_there(
    world: World, house: House, tmp_path: Path
) -> None:
    """The key file comes back: no restart is needed."""
    good = await vault_of(house.ports.store, tmp_path)
    real = await world.worker()
    real.ports = replace(real.ports, vault=good)
    connectors = ConnectorService(real.ports, real.snapshot)
    fields = ConnectorFields(
        name="c", version="1", protocol="http", credential={"key": Secret("k")}, actions=(action(),)
    )
    model = await registered(house, (await connectors.create(fields)).id)
    file = tmp_path / "keys" / "keyring.json"
    away = file.rename(tmp_path / "away")
    locked = await vault_of(house.ports.store, tmp_path)
    ports = replace(house.ports, vault=locked, keys=locked)
    house.snapshot._load = DeploymentService(ports, house.snapshot, house.models, house.recorder).load
    await house.deployments.deploy(model)
    house.snapshot.ready.clear()
    assert isinstance(await house.snapshot.retry(model), ResourceNotFound)
    job = KeyUpkeep(ports, locked, house.snapshot, "w1")
    await job.round()
    assert house.snapshot.ready == {}
    away.rename(file)
    await job.round()
    assert list(house.snapshot.ready) == [model]
    assert house.snapshot.lost == {}


@pytest.mark.parametrize("count", [0, 3])
async def test_counts_are_taken_away_once_they_are_stored(
    world: World, house: House, tmp_path: Path, count: int
) -> None:
    vault, job = await upkeep_of(world, house, tmp_path)
    await plant(house.ports.store, vault, count)
    for _ in range(2):
        await job.stop()
    expected = {vault.active: 4 * count} if count else {}
    assert await usage.stored(house.ports.store) == expected
