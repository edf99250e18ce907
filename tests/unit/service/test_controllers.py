"""Controllers: one write with the model's flag and the buckets, and their end with the model."""

from __future__ import annotations

import pytest

from fairlead.domain import bucket as buckets
from fairlead.domain.bucket import Bucket, BucketKey
from fairlead.domain.controller import KIND
from fairlead.domain.dataset import PredictInput, Remote
from fairlead.domain.model import KIND as MODEL
from fairlead.domain.model import ModelState
from fairlead.domain.ports import Put
from fairlead.domain.principal import Principal
from fairlead.errors import IndexNotFound, StatusFault
from fairlead.service.house import House
from fairlead.service.models.update import ModelChanges
from unit.service.world import World, registered

pytestmark = pytest.mark.on_both_databases

ONE = {"limit": "1", "unit": "DAYS"}
TWO = {"limit": "2", "unit": "DAYS"}
ASKED = PredictInput(Remote({}))


async def admitted(house: House, id: str, user: str | None, calls: int = 5) -> int:
    count = 0
    for _ in range(calls):
        try:
            await house.predict.predict(id, ASKED, None if user is None else Principal(user))
        except StatusFault as fault:
            if fault.status != 429:
                raise
            continue
        count += 1
    return count


async def test_a_users_limit_is_that_users_and_nobodys_with_security_off(house: House) -> None:
    id = await registered(house)
    assert await house.controllers.create(id, {"alice": TWO}) == {"model_id": id, "status": "CREATED"}
    assert [await admitted(house, id, user) for user in ("alice", "bob", None)] == [2, 5, 5]
    with pytest.raises(StatusFault, match="throttled at user level") as refused:
        await house.predict.predict(id, ASKED, Principal("alice"))
    assert refused.value.headers["Retry-After"] == "43200"


async def test_a_call_that_the_users_limit_refuses_has_cost_the_model_a_token(house: House) -> None:
    id = await registered(house, rate_limiter={"limit": "4", "unit": "DAYS"})
    await house.controllers.create(id, {"alice": ONE})
    assert await admitted(house, id, "alice", 3) == 1
    assert await admitted(house, id, "bob", 3) == 1
    with pytest.raises(StatusFault, match="throttled at model level"):
        await house.predict.predict(id, ASKED, Principal("alice"))


async def test_creating_again_replaces_and_updating_merges_fields_and_refills_who_changed(house: House) -> None:
    id = await registered(house)
    await house.controllers.create(id, {"alice": ONE, "bob": ONE, "carol": {"limit": "1"}})
    assert [await admitted(house, id, user) for user in ("alice", "bob", "carol")] == [1, 1, 5]
    updated = await house.controllers.update(id, {"alice": {"limit": "3"}, "carol": {"unit": "DAYS"}})
    assert (updated["_index"], updated["result"], updated["_version"]) == (".plugins-ml-controller", "updated", 2)
    assert [await admitted(house, id, user) for user in ("alice", "bob", "carol")] == [3, 0, 1]
    assert (await house.controllers.create(id, {"bob": ONE}))["status"] == "UPDATED"
    assert await house.controllers.get(id) == {"model_id": id, "user_rate_limiter": {"bob": ONE}}
    assert [await admitted(house, id, user) for user in ("alice", "bob")] == [5, 1]


async def test_an_update_that_changes_nothing_writes_nothing(house: House) -> None:
    id = await registered(house)
    await house.controllers.create(id, {"alice": ONE})
    before = await house.ports.store.revision()
    for limiters in ({}, {"alice": ONE}):
        reply = await house.controllers.update(id, limiters)
        assert reply["result"] == "noop"
        assert reply["_shards"] == {"total": 0, "successful": 0, "failed": 0}
        assert "forced_refresh" not in reply
    assert await house.ports.store.revision() == before


async def test_deleting_ends_the_limits_of_a_loaded_model_on_every_worker(world: World, house: House) -> None:
    id = await registered(house)
    await house.deployments.deploy(id)
    await house.controllers.create(id, {"alice": ONE})
    other = await world.worker()
    assert [await admitted(each, id, "alice") for each in (other, house)] == [1, 0]
    await house.controllers.delete(id)
    await other.snapshot.catch_up()
    assert [await admitted(each, id, "alice") for each in (other, house)] == [5, 5]
    assert (await house.models.get(id)).is_controller_enabled is False


async def test_controller_and_buckets_go_with_the_model(house: House) -> None:
    id = await registered(house, rate_limiter=TWO)
    await house.controllers.create(id, {"alice": ONE})
    await admitted(house, id, "alice")
    store = house.ports.store
    assert {document.id for document in await store.all(buckets.KIND)} == {id, BucketKey(id, "alice").id}
    await house.deployments.undeploy([id])
    await house.models.delete(id)
    assert [await store.count(kind) for kind in (KIND, buckets.KIND)] == [0, 0]
    with pytest.raises(StatusFault, match="Failed to find model controller with the provided model ID"):
        await house.controllers.get(id)


async def test_what_is_not_there_is_told_as_recorded(house: House) -> None:
    with pytest.raises(StatusFault, match=r"^Failed to find model controller$"):
        await house.controllers.get("abc")
    with pytest.raises(IndexNotFound, match=r"no such index \[\.plugins-ml-controller\]"):
        await house.controllers.delete("abc")
    for call in (house.controllers.create, house.controllers.update):
        with pytest.raises(StatusFault, match="Failed to find model to create the corresponding"):
            await call("abc", {})
    id = await registered(house)
    with pytest.raises(StatusFault, match=f"haven't been created for the model.* Model ID: {id}"):
        await house.controllers.update(id, {})


async def test_a_model_that_is_being_deployed_gets_no_controller(house: House) -> None:
    id = await registered(house)
    document = await house.models.document(id)
    await house.ports.store.write([Put(MODEL, id, {**document.body, "model_state": str(ModelState.DEPLOYING)})])
    with pytest.raises(StatusFault, match="in DEPLOYING state is not allowed") as refused:
        await house.controllers.create(id, {})
    assert refused.value.status == 409


async def test_switched_off_all_four_are_refused_and_limits_stay(house: House) -> None:
    id = await registered(house)
    await house.controllers.create(id, {"alice": ONE})
    await house.settings.update({"plugins.ml_commons.controller_enabled": "false"}, {})
    controllers = house.controllers
    for call in (lambda: controllers.get(id), lambda: controllers.delete(id), lambda: controllers.create(id, {}), lambda: controllers.update(id, {})):  # fmt: skip
        with pytest.raises(StatusFault, match="Controller is currently disabled") as refused:
            await call()
        assert refused.value.status == 400
    assert await admitted(house, id, "alice") == 1


async def test_a_redeployed_model_has_full_buckets_and_a_worker_that_starts_has_not(world: World, house: House) -> None:
    id = await registered(house, rate_limiter=TWO)
    await house.deployments.deploy(id)
    await house.controllers.create(id, {"alice": ONE})
    assert await admitted(house, id, "alice") == 1
    assert await admitted(await world.worker(), id, "bob") == 0
    await house.deployments.deploy(id)
    assert [await admitted(house, id, user, 1) for user in ("alice", "bob", "bob")] == [1, 1, 0]


async def test_a_limit_of_a_model_that_had_none_counts_the_calls_of_its_last_period(world: World, house: House) -> None:
    id = await registered(house)
    assert await admitted(house, id, None, 2) == 2
    await house.model_updates.update(id, ModelChanges(rate_limiter={"limit": "5", "unit": "DAYS"}))
    assert await admitted(house, id, None, 9) == 3
    await house.model_updates.update(id, ModelChanges(rate_limiter={"limit": "4"}))
    assert await admitted(house, id, None, 9) == 4
    document = await house.ports.store.get(buckets.KIND, id)
    assert document is not None
    assert Bucket.of(document.body).level == 0
