"""The identity source of API keys: expiry to the millisecond, grace, scope, what is remembered and what never is."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead.domain.identity import Head, Refused
from fairlead.domain.principal import Principal
from fairlead.service.security.configuration import Configuration
from fairlead.service.security.key_entries import digest_of, split_token, token_of
from fairlead.service.security.key_source import ApiKeySource

ID, SECRET, OTHER = "0123456789abcdef", "s" * 43, "t" * 43
TOKEN = token_of(ID, SECRET)
PREDICT = "cluster:admin/opensearch/ml/predict"


class World:
    def __init__(self) -> None:
        self.now = 1_000
        self.used: list[str] = []
        self.set()
        self.source = ApiKeySource(lambda: self.configuration, lambda: self.now, lambda id, when: self.used.append(id))

    def set(self, owner: dict[str, Any] | None = None, mappings: Any = None, **key: Any) -> None:
        entry = {"name": "k", "owner": "app", "hash": digest_of(SECRET), "expires_at": 0, **key}
        user = {"backend_roles": ["a", "b"], "opendistro_security_roles": ["ml_full_access"], **(owner or {})}
        self.configuration = Configuration({"app": user}, mappings=mappings, keys={ID: entry})

    async def ask(self, token: str = TOKEN, address: str = "127.0.0.1") -> Principal | Refused | None:
        return await self.source.identify(Head("GET", b"/", [], f"ApiKey {token}".encode(), address, {}))


@pytest.fixture
def world() -> World:
    return World()


async def test_a_key_stands_for_its_owner_each_time_and_every_use_is_heard_of(world: World) -> None:
    for _ in range(3):
        found = await world.ask()
        assert isinstance(found, Principal)
        assert (found.name, found.source, found.key_id, found.roles) == ("app", "api_key", ID, ("ml_full_access",))
    assert world.used == [ID] * 3


async def test_a_key_expires_at_its_millisecond_also_when_it_is_remembered(world: World) -> None:
    world.set(expires_at=2_000)
    world.now = 1_999
    assert isinstance(await world.ask(), Principal)
    world.now = 2_000
    assert isinstance(await world.ask(), Refused)


async def test_a_revoked_key_is_not_remembered(world: World) -> None:
    assert isinstance(await world.ask(), Principal)
    world.set(revoked_at=900)
    assert isinstance(await world.ask(), Refused)


async def test_the_secret_before_is_good_until_its_grace_time_ends(world: World) -> None:
    world.set(previous={"hash": digest_of(OTHER), "until": 3_000})
    old = token_of(ID, OTHER)
    world.now = 2_999
    assert isinstance(await world.ask(old), Principal)
    assert isinstance(await world.ask(), Principal)
    world.now = 3_000
    assert isinstance(await world.ask(old), Refused)
    assert isinstance(await world.ask(), Principal)


async def test_a_key_has_no_more_backend_roles_than_it_names(world: World) -> None:
    world.set(backend_roles=["b", "admin"], mappings={"all_access": {"backend_roles": ["admin", "a"]}})
    found = await world.ask()
    assert isinstance(found, Principal)
    assert (found.backend_roles, "all_access" in found.roles) == (("b",), False)


async def test_roles_by_address_are_not_remembered_for_another_address(world: World) -> None:
    world.set(mappings={"ml_read_access": {"hosts": ["10.*"]}})
    near, far = await world.ask(address="10.0.0.1"), await world.ask()
    assert isinstance(near, Principal)
    assert isinstance(far, Principal)
    assert (len(near.roles), len(far.roles)) == (2, 1)


async def test_a_remembered_key_is_still_refused_from_elsewhere(world: World) -> None:
    world.set(allowed_cidrs=["10.0.0.0/8"])
    assert isinstance(await world.ask(address="10.0.0.1"), Principal)
    assert isinstance(await world.ask(address="::ffff:10.0.0.1"), Principal)
    assert isinstance(await world.ask(address="11.0.0.1"), Refused)
    assert isinstance(await world.ask(address=""), Refused)


@pytest.mark.parametrize("owner", [{"enabled": False}, {"service": True}])
async def test_a_key_of_somebody_disabled_opens_nothing(world: World, owner: dict[str, Any]) -> None:
    world.set(owner=owner)
    assert isinstance(await world.ask(), Refused)


async def test_bearer_tokens_of_others_are_left_to_others(world: World) -> None:
    for value in (b"Bearer a.b.c", b"ApiKey os_x", b"Basic x", b""):
        assert await world.source.identify(Head("GET", b"/", [], value, "", {})) is None
    assert isinstance(await world.ask("fl_" + "x" * 4000), Refused)
    assert isinstance(await world.ask("fl_short"), Refused)


def test_a_token_is_told_from_noise_by_its_check_sum() -> None:
    assert split_token(TOKEN) == (ID, SECRET)
    for at in range(len(TOKEN)):
        changed = TOKEN[:at] + ("0" if TOKEN[at] != "0" else "1") + TOKEN[at + 1 :]
        assert split_token(changed) is None


def test_a_scope_narrows_and_never_widens(world: World) -> None:
    caller = Principal("app", roles=("ml_predict_access",), key_id=ID)
    world.set(cluster_permissions=["*", "restapi:*"])
    allowed = [
        a
        for a in (PREDICT, "cluster:admin/opensearch/ml/models/get", "restapi:admin/roles")
        if world.configuration.allows(caller, a)
    ]
    assert allowed == [PREDICT]
    world.set(cluster_permissions=["cluster_monitor"])
    assert not world.configuration.allows(caller, PREDICT)


def test_models_and_groups_both_narrow_and_a_group_is_that_of_the_moment(world: World) -> None:
    caller = Principal("app", roles=("ml_predict_access",), key_id=ID)
    groups: dict[str, str | None] = {"m1": "g1", "m2": "g2", "m3": None}

    def opened() -> list[str]:
        return [m for m in ("m1", "m2", "m3", "m4") if world.configuration.allows(caller, PREDICT, m, groups)]

    world.set(model_group_ids=["g1"])
    assert opened() == ["m1"]
    assert not world.configuration.allows(caller, PREDICT, None, groups)
    groups["m2"], groups["m1"] = "g1", "g2"
    assert opened() == ["m2"]
    world.set(model_group_ids=["g1", "g2"], model_ids=["m2", "m3"])
    assert opened() == ["m2"]
    world.set(model_group_ids=[])
    assert opened() == []


def test_a_key_whose_digest_is_printed_shows_nothing() -> None:
    key = Configuration(keys={ID: {"name": "k", "owner": "o", "hash": digest_of(SECRET)}}).key(ID)
    assert "digest" not in repr(key)
