"""Access control in the services: the table of routes and callers, hidden models, and what follows a change."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fairlead.api.request import Request
from fairlead.api.routes import ML, ROUTES
from fairlead.domain.connector import Connector
from fairlead.domain.dataset import PredictInput, Remote
from fairlead.domain.group import KIND as GROUP
from fairlead.domain.model import KIND as MODEL
from fairlead.domain.ports import Json, Put
from fairlead.domain.principal import Principal
from fairlead.domain.secret import Secret
from fairlead.errors import FairleadError, IllegalArgument
from fairlead.service.access import NO_PRIVILEGE
from fairlead.service.connectors.fields import ConnectorFields
from fairlead.service.counts.profile import ProfileQuery
from fairlead.service.counts.stats import StatsQuery
from fairlead.service.groups import GroupFields
from fairlead.service.house import House
from fairlead.service.models.registration import InlineConnector, ModelFields
from fairlead.service.models.update import ModelChanges
from unit.service.world import World, action, registered

TABLE = json.loads((Path(__file__).parent / "cases" / "access_matrix.json").read_text(encoding="utf-8"))
CALLERS = {
    label: Principal(row["name"], tuple(row["backend_roles"]), tuple(row["roles"]))
    for label, row in TABLE["callers"].items()
}
OWNER, SHARER, STRANGER, ADMIN = (CALLERS[label] for label in ("owner", "sharer", "stranger", "admin"))
SUPER = Principal("CN=root", super_admin=True)
ROLES = {"private": None, "restricted": ("a",), "public": None}
PREDICT = PredictInput(Remote({}), "PREDICT")
SWITCHES = ("connector_access_control_enabled", "model_access_control_enabled")


async def switch(house: House, **settings: str) -> None:
    named = {
        ("fairlead.access." if "_is_" in key else "plugins.ml_commons.") + key: text for key, text in settings.items()
    }
    await house.settings.update(dict(named), {})
    await house.refresh()


@pytest.fixture
async def guarded(house: House) -> House:
    """A worker with both kinds of access control on."""
    await switch(house, **dict.fromkeys(SWITCHES, "true"))
    return house


async def connector(house: House, caller: Principal | None, mode: str | None = None, roles: Sequence[str] = ()) -> str:
    fields = ConnectorFields(
        name="c", version="1", protocol="http", credential={"key": Secret("k")}, actions=(action(),),
        access_mode=mode, backend_roles=tuple(roles) or None,
    )  # fmt: skip
    return (await house.connectors.create(fields, caller)).id


async def group(
    house: House, caller: Principal | None, name: str, mode: str | None = None, roles: Sequence[str] = ()
) -> str:
    return await house.groups.register(GroupFields(name, None, mode, tuple(roles) or None), caller)


async def model(house: House, caller: Principal | None, **members: Any) -> str:
    return (await house.registrations.register(ModelFields(**{"name": "m", **members}), caller)).model_id


async def refusal(awaitable: Any) -> tuple[int, str | None]:
    with pytest.raises(FairleadError) as caught:
        await awaitable
    return caught.value.status, caught.value.reason


# The table.


async def furnished(house: House, row: Json, mode: str, label: str) -> dict[str, str]:
    """What the row names: things of that mode that the owner made, and open ones."""
    named, roles = set(re.findall(r"<(\w+)>", json.dumps(row))), ROLES[mode] or ()
    made = {"group_name": f"group {mode} {label}", "fresh": f"fresh {mode} {label}"}
    closed, open_to_all = named & {"model", "deployed_model", "limited_model"}, named & {"open_model"}
    if closed or named & {"connector", "unused_connector"}:
        made["connector"] = made["unused_connector"] = await connector(house, OWNER, mode, roles)
    if open_to_all or "open_connector" in named:
        made["open_connector"] = await connector(house, OWNER, "public")
    if closed or named & {"group", "group_name", "empty_group"}:
        made["group"] = made["empty_group"] = await group(house, OWNER, made["group_name"], mode, roles)
    if open_to_all or "open_group" in named:
        made["open_group"] = await group(house, OWNER, f"open {mode} {label}", "public")
    for name in closed:
        made[name] = await model(house, OWNER, model_group_id=made["group"], connector_id=made["connector"])
    for name in open_to_all:
        made[name] = await model(house, OWNER, model_group_id=made["open_group"], connector_id=made["open_connector"])
    if "deployed_model" in named:
        await house.deployments.deploy(made["deployed_model"], (), OWNER)
    if "limited_model" in named:
        await house.controllers.create(made["limited_model"], {}, OWNER)
    return made


def filled(value: Any, made: dict[str, str]) -> Any:
    text = re.sub(r"<(\w+)>", lambda found: made[found[1]], json.dumps(value))
    return json.loads(text)


async def ask(house: House, row: Json, caller: Principal) -> Any:
    """What the route answers `caller`; raises what it raises."""
    method, path = row["route"].split()
    [route] = [route for route in ROUTES if (route.method, route.path) == (method, ML + path)]
    ids = row.get("ids", {})
    if path.endswith("/stream"):
        await house.settings.update({"plugins.ml_commons.stream_enabled": "true"}, {})
        await house.refresh()
        asked = PredictInput(Remote({"_llm_interface": "openai/v1/chat/completions"}), "PREDICT")
        async with house.predict.stream(ids["model_id"], asked, caller) as stream:
            return [batch async for batch in stream.batches()]
    if route.run is None:
        return await house.predict.predict(ids["model_id"], PREDICT, caller)
    body = json.dumps(row["body"]).encode() if "body" in row else b""
    request = Request(method, path, "", ids, {}, {}, body, caller)
    return (await route.run(house, request, route.decode(request))).body


@pytest.mark.parametrize("mode", list(ROLES))
@pytest.mark.parametrize("row", TABLE["rows"], ids=lambda row: f"{row['route']} {row.get('case', '')}".strip())
async def test_a_route_answers_each_caller_as_the_table_says(guarded: House, row: Json, mode: str) -> None:
    for label, caller in CALLERS.items():
        made = await furnished(guarded, row, mode, label)
        wanted = filled(row, made)
        allowed = label in TABLE["allowed"][mode]
        if "found" in wanted:
            hits = (await ask(guarded, wanted, caller))["hits"]
            found = [hit["_id"] for hit in hits["hits"]]
            assert (wanted["found"] in found) is allowed, label
            assert hits["total"]["value"] == len(found)
        elif allowed:
            assert await ask(guarded, wanted, caller), label
        else:
            with pytest.raises(FairleadError) as caught:
                await ask(guarded, wanted, caller)
            fault = caught.value
            assert [fault.status, fault.type, fault.reason] == wanted["refused"], label


def test_the_table_has_every_route_of_connectors_groups_and_models() -> None:
    named = {row["route"] for row in TABLE["rows"]} | set(TABLE["without_rule"])
    ours = {f"{route.method} {route.path.removeprefix(ML)}" for route in ROUTES if route.path.startswith(ML)}
    resources_of_ours = {
        route
        for route in ours
        if route.split()[1].startswith(("/connectors", "/model_groups", "/models", "/controllers"))
    }
    assert resources_of_ours <= named
    assert named <= ours


async def test_with_control_off_everybody_may_do_everything(house: House) -> None:
    ids = await connector(house, OWNER), await group(house, OWNER, "g")
    made = await model(house, OWNER, model_group_id=ids[1], connector_id=ids[0])
    for caller in (STRANGER, None):
        assert (await house.connectors.get(ids[0], caller)).owner is None
        assert (await house.groups.get(ids[1], caller)).access == "public"
        await house.groups.update(ids[1], GroupFields(description="x"), caller)
        assert await house.predict.predict(made, PREDICT, caller)
    await house.deployments.undeploy([made], (), STRANGER)
    await house.models.delete(made, STRANGER)
    await house.connectors.delete(ids[0], STRANGER)
    await house.groups.delete(ids[1], STRANGER)


async def test_with_security_off_the_switches_do_nothing_and_access_lists_are_refused(guarded: House) -> None:
    for label, caller in (("off", None), ("super", SUPER)):
        for asked in ({"access_mode": "public"}, {"backend_roles": ("a",)}, {"add_all_backend_roles": False}):
            with pytest.raises(IllegalArgument, match="You cannot specify model access control parameters"):
                await guarded.groups.register(GroupFields("refused", **asked), caller)
            with pytest.raises(IllegalArgument, match="You cannot specify model access control parameters"):
                await model(guarded, caller, connector_id="c", access=GroupFields(**asked))
        with pytest.raises(IllegalArgument, match="You cannot specify connector access control parameters"):
            await connector(guarded, caller, "private")
        id = await connector(guarded, caller)
        with pytest.raises(IllegalArgument, match="You cannot specify connector access control parameters"):
            await guarded.connectors.update(id, ConnectorFields(access_mode="private"), caller)
        home = await guarded.groups.get(await group(guarded, caller, f"open {label}"), STRANGER)
        assert (home.access, home.owner) == ("public", None)


async def test_an_empty_list_of_roles_does_not_restrict_a_group(house: House) -> None:
    """Spec/01 3.3: in the original such a group is restricted to nobody, and each use of it is a 500."""
    await switch(house, model_access_control_enabled="true")
    id = await group(house, OWNER, "g", "restricted", ("a",))
    await switch(house, model_access_control_enabled="false")
    await house.groups.update(id, GroupFields(backend_roles=()), SHARER)
    await switch(house, model_access_control_enabled="true")
    assert (await house.groups.get(id, SHARER)).backend_roles == ("a",)
    await house.groups.update(id, GroupFields(backend_roles=()), OWNER)
    assert (await house.groups.get(id, SHARER)).access == "restricted"


async def test_a_restricted_group_without_roles_is_a_403_and_not_a_500(guarded: House) -> None:
    id = await group(guarded, OWNER, "g", "restricted", ("a",))
    document = await guarded.ports.store.get(GROUP, id)
    assert document is not None
    body = {key: value for key, value in document.body.items() if key != "backend_roles"}
    await guarded.ports.store.write([Put(GROUP, id, body)])
    await guarded.refresh()
    assert (await refusal(guarded.groups.get(id, OWNER)))[0] == 403
    assert (await refusal(guarded.groups.update(id, GroupFields(description="x"), SHARER)))[0] == 400
    assert await guarded.groups.get(id, ADMIN)


# Who owns, who changes.


async def test_owner_and_mode_of_a_connector_are_stored_and_kept_by_updates(guarded: House) -> None:
    id = await connector(guarded, OWNER, "restricted", ("a",))
    await guarded.connectors.update(id, ConnectorFields(access_mode="public", backend_roles=("x", "y")), SHARER)
    found = await guarded.connectors.get(id, STRANGER)
    assert (found.access, found.backend_roles) == ("public", ("x", "y"))
    await guarded.connectors.update(id, ConnectorFields(access_mode="private"), STRANGER)
    assert (await refusal(guarded.connectors.get(id, STRANGER)))[0] == 403
    found = await guarded.connectors.get(id, OWNER)
    assert (found.owner or {})["name"] == "ann"
    assert isinstance(found, Connector)


async def test_the_lists_of_a_group_change_for_owner_and_administrators_only_and_with_effect_at_once(
    guarded: House,
) -> None:
    id = await group(guarded, OWNER, "g", "public")
    for asked in (
        GroupFields(access_mode="public"),
        GroupFields(backend_roles=()),
        GroupFields(add_all_backend_roles=False),
    ):
        assert await refusal(guarded.groups.update(id, asked, STRANGER)) == (
            400, "Only owner or admin can update access control data.",
        )  # fmt: skip
    await guarded.groups.update(id, GroupFields(name="renamed"), STRANGER)
    await guarded.groups.update(id, GroupFields(add_all_backend_roles=True), OWNER)
    stored = await guarded.groups.get(id, SHARER)
    assert (stored.name, stored.access, stored.backend_roles) == ("renamed", "restricted", ("a", "b"))
    await guarded.groups.update(id, GroupFields(access_mode="private"), ADMIN)
    stored = await guarded.groups.get(id, OWNER)
    assert (stored.access, stored.backend_roles, (stored.owner or {})["name"]) == ("private", None, "ann")
    assert (await refusal(guarded.groups.get(id, SHARER)))[0] == 403


async def test_what_was_made_while_control_was_off_stays_open_until_an_administrator_closes_it(house: House) -> None:
    old, home = await connector(house, OWNER), await group(house, OWNER, "g")
    await switch(house, **dict.fromkeys(SWITCHES, "true"))
    assert await house.connectors.get(old, STRANGER)
    everything = {"query": {"match_all": {}}}
    row = {"route": "POST /connectors/_search", "body": everything}
    assert (await ask(house, row, STRANGER))["hits"]["total"]["value"] == 0
    assert (await ask(house, row, ADMIN))["hits"]["total"]["value"] == 1
    for attempt in (
        house.connectors.update(old, ConnectorFields(access_mode="private"), STRANGER),
        house.groups.update(home, GroupFields(access_mode="private"), STRANGER),
    ):
        assert await refusal(attempt) == (400, "Only owner or admin can update access control data.")
    await house.connectors.update(old, ConnectorFields(access_mode="private"), ADMIN)
    await house.groups.update(home, GroupFields(access_mode="private"), ADMIN)
    assert (await refusal(house.connectors.get(old, STRANGER)))[0] == 403
    assert (await refusal(house.groups.get(home, STRANGER)))[0] == 403
    assert ((await house.connectors.get(old, ADMIN)).owner or {})["name"] == "root"


async def test_a_public_resource_can_be_read_only(guarded: House) -> None:
    """S-10."""
    await switch(guarded, public_is_read_only="true")
    open_one, home = await connector(guarded, OWNER, "public"), await group(guarded, OWNER, "g", "public")
    assert await guarded.connectors.get(open_one, STRANGER)
    assert await refusal(guarded.connectors.update(open_one, ConnectorFields(description="x"), STRANGER)) == (
        400, f"You don't have permission to update the connector, connector id: {open_one}",
    )  # fmt: skip
    assert await refusal(guarded.connectors.delete(open_one, STRANGER)) == (
        403,
        "You are not allowed to delete this connector",
    )
    assert (await refusal(guarded.groups.update(home, GroupFields(description="x"), STRANGER)))[0] == 400
    assert (await refusal(guarded.groups.delete(home, STRANGER)))[0] == 403
    for caller in (OWNER, ADMIN):
        await guarded.connectors.update(open_one, ConnectorFields(description="x"), caller)
        await guarded.groups.update(home, GroupFields(description="x"), caller)
    await guarded.connectors.delete(open_one, OWNER)
    await guarded.groups.delete(home, OWNER)


NAMES = {"connector_id": "<connector>", "model_group_id": "<group>", "model_id": "<model>"}


@pytest.mark.parametrize(
    "row",
    [row for row in TABLE["rows"] if "ids" in row and "case" not in row],
    ids=lambda row: row["route"],
)
async def test_what_is_refused_can_answer_as_if_it_did_not_exist(guarded: House, row: Json) -> None:
    """S-11: the same status, type and text for what is there and what is not."""
    await switch(guarded, refused_is_not_found="true")
    made = await furnished(guarded, row, "private", "x")
    faults = []
    for ids in (filled(row["ids"], made), {**row["ids"], **dict.fromkeys(NAMES.keys() & row["ids"].keys(), "nothing")}):
        with pytest.raises(FairleadError) as caught:
            await ask(guarded, {**row, "ids": ids}, STRANGER)
        own = next(value for key, value in ids.items() if key in NAMES)
        faults.append((caught.value.status, caught.value.type, (caught.value.reason or "").replace(own, "<id>")))
    assert faults[0] == faults[1]
    assert faults[0][0] == 404


# Models of groups.


async def test_a_model_without_group_named_gets_a_group_of_its_callers(guarded: House) -> None:
    """S-24: in the original the group is public and nobody's, and access fields are refused as if control were off."""
    made = await model(guarded, OWNER, name="first", connector_id=await connector(guarded, OWNER))
    home = (await guarded.models.get(made, OWNER)).model_group_id
    assert home is not None
    stored = await guarded.groups.get(home, OWNER)
    assert (stored.access, (stored.owner or {})["name"], stored.latest_version) == ("private", "ann", 1)
    assert (await refusal(guarded.models.get(made, SHARER)))[0] == 403
    shared = await model(
        guarded,
        OWNER,
        name="second",
        connector_id=await connector(guarded, OWNER),
        access=GroupFields(backend_roles=("a",)),
    )
    assert await guarded.models.get(shared, SHARER)
    assert await refusal(
        model(guarded, OWNER, name="third", connector_id=await connector(guarded, OWNER),
              access=GroupFields(backend_roles=("foreign",)))
    ) == (400, "You don't have the backend roles specified.")  # fmt: skip
    assert await guarded.groups.by_name("third") is None


async def test_a_missing_connector_or_group_is_told_to_those_whose_rights_count(guarded: House) -> None:
    home = await group(guarded, OWNER, "g")
    await connector(guarded, OWNER)
    assert await refusal(model(guarded, OWNER, model_group_id=home, connector_id="none")) == (
        404, "Failed to find connector with the provided connector id: none",
    )  # fmt: skip
    assert await refusal(model(guarded, OWNER, model_group_id="none", connector_id="none")) == (
        404,
        "Fail to find model group",
    )
    assert await refusal(guarded.connectors.delete("none", OWNER)) == (
        404, "Failed to find connector with the provided connector id: none",
    )  # fmt: skip
    assert (await guarded.connectors.delete("none", ADMIN))["result"] == "not_found"
    assert (await guarded.groups.delete("none", STRANGER))["result"] == "not_found"


async def test_refused_registrations_take_no_version_and_leave_no_group(guarded: House) -> None:
    mine = await connector(guarded, OWNER)
    home = await group(guarded, OWNER, "g", "public")
    assert (await refusal(model(guarded, STRANGER, name="new", connector_id=mine)))[0] == 400
    assert (await refusal(model(guarded, STRANGER, model_group_id=home, connector_id=mine)))[0] == 400
    assert (await guarded.groups.get(home, STRANGER)).latest_version == 0
    assert await guarded.groups.by_name("new") is None


async def test_a_refused_predict_deploys_nothing_and_is_not_counted(guarded: House) -> None:
    made = await model(guarded, OWNER, connector_id=await connector(guarded, OWNER))
    assert await refusal(guarded.predict.predict(made, PREDICT, STRANGER)) == (403, NO_PRIVILEGE)
    assert made not in guarded.snapshot.ready
    assert (await guarded.models.get(made, OWNER)).model_state == "REGISTERED"
    assert await guarded.predict.predict(made, PREDICT, OWNER)
    assert await refusal(guarded.predict.predict(made, PREDICT, STRANGER)) == (403, NO_PRIVILEGE)
    shown = (await guarded.stats.stats(StatsQuery()))["nodes"]["node-1"]["models"][made]
    assert shown["predict"] == {"ml_action_request_count": 1}


async def test_a_change_of_a_group_acts_on_loaded_models_of_every_worker(world: World, guarded: House) -> None:
    other = await world.worker()
    home = await group(guarded, OWNER, "g", "public")
    made = await model(guarded, OWNER, model_group_id=home, connector_id=await connector(guarded, OWNER))
    await guarded.deployments.deploy(made, (), OWNER)
    await other.refresh()
    loaded = other.snapshot.ready[made]
    assert await other.predict.predict(made, PREDICT, STRANGER)
    await guarded.groups.update(home, GroupFields(access_mode="private"), OWNER)
    assert await refusal(guarded.predict.predict(made, PREDICT, STRANGER)) == (403, NO_PRIVILEGE)
    await other.refresh()  # what its follower does when the revision moves
    assert await refusal(other.predict.predict(made, PREDICT, STRANGER)) == (403, NO_PRIVILEGE)
    assert other.snapshot.ready[made] is loaded  # nothing was compiled again
    await switch(guarded, model_access_control_enabled="false")
    assert await guarded.predict.predict(made, PREDICT, STRANGER)


async def test_a_group_that_another_worker_made_is_known_when_it_is_asked_for(world: World, guarded: House) -> None:
    other = await world.worker()
    made = await model(guarded, OWNER, connector_id=await connector(guarded, OWNER))
    assert (await other.models.get(made, OWNER)).name == "m"
    assert await refusal(other.models.get(made, STRANGER)) == (403, NO_PRIVILEGE)


async def test_several_models_are_undeployed_one_by_one_while_control_is_on(guarded: House) -> None:
    for caller in (OWNER, ADMIN, None):
        assert await refusal(guarded.deployments.undeploy(["x", "y"], (), caller)) == (
            400,
            "only support undeploy one model",
        )


async def test_a_model_whose_group_is_gone_is_a_404_for_those_whose_rights_count(guarded: House) -> None:
    made = await model(guarded, OWNER, connector_id=await connector(guarded, OWNER))
    home = (await guarded.models.get(made, OWNER)).model_group_id
    guarded.snapshot.groups.pop(home or "")
    assert await refusal(guarded.models.get(made, OWNER)) == (404, "Fail to find model group")
    assert await guarded.models.get(made, ADMIN)


# Hidden models.


async def test_what_a_super_admin_registers_is_hidden_and_called_like_its_name(guarded: House) -> None:
    """Spec/06 7.5."""
    id = await model(guarded, SUPER, name="internal judge", connector_id=await connector(guarded, SUPER))
    assert id == "internal judge"
    assert (await guarded.models.get(id, SUPER)).is_hidden is True
    assert await refusal(model(guarded, SUPER, name=id, connector_id=await connector(guarded, SUPER))) == (
        409, "model id 'internal judge' already exists",
    )  # fmt: skip
    for caller in (ADMIN, STRANGER, None):
        told = (403, NO_PRIVILEGE)
        assert await refusal(guarded.models.get(id, caller)) == told
        assert await refusal(guarded.models.delete(id, caller)) == told
        assert await refusal(guarded.model_updates.update(id, ModelChanges(description="x"), caller)) == told
        assert await refusal(guarded.deployments.deploy(id, (), caller)) == told
        assert await refusal(guarded.deployments.undeploy([id], (), caller)) == told
    await guarded.deployments.deploy(id, (), SUPER)
    await guarded.model_updates.update(id, ModelChanges(description="x"), SUPER)
    assert await guarded.predict.predict(id, PREDICT, STRANGER)
    for caller in (SUPER, ADMIN, STRANGER):
        row = {"route": "POST /models/_search", "body": {"query": {"match_all": {}}}}
        assert (await ask(guarded, row, caller))["hits"]["total"]["value"] == 0
    await guarded.deployments.undeploy([id], (), SUPER)
    await guarded.models.delete(id, SUPER)
    assert guarded.snapshot.hidden == set()


async def test_hidden_models_are_in_profile_and_stats_of_a_super_admin_only(world: World, guarded: House) -> None:
    id = await model(guarded, SUPER, connector_id=await connector(guarded, SUPER))
    await guarded.deployments.deploy(id, (), SUPER)
    everything = ProfileQuery(all_models=True, all_tasks=True)
    seen: list[Json] = []

    async def look() -> None:
        seen.extend([await guarded.profile.profile(everything, who) for who in (ADMIN, SUPER)])

    world.provider.before = look
    await guarded.predict.predict(id, PREDICT, STRANGER)
    assert seen[0] == {}
    assert [task["model_id"] for task in seen[1]["nodes"]["node-1"]["tasks"].values()] == [id]
    assert seen[1]["nodes"]["node-1"]["models"][id]["is_hidden"] is True
    for who, shown in ((ADMIN, False), (None, False), (SUPER, True)):
        models = (await guarded.stats.stats(StatsQuery(), who))["nodes"]["node-1"]["models"]
        assert (id in models) is shown


async def test_hidden_models_fall_away_when_several_are_undeployed(house: House) -> None:
    plain = await registered(house)
    hidden = await model(house, SUPER, name="hidden", connector_id=await connector(house, SUPER))
    for id in (plain, hidden):
        await house.deployments.deploy(id, (), SUPER)
    reply = await house.deployments.undeploy([plain, hidden], (), ADMIN)
    assert reply == {"node-1": {"stats": {plain: "undeployed"}}}
    assert hidden in house.snapshot.ready
    assert await house.deployments.undeploy([hidden, plain], (), SUPER)
    assert hidden not in house.snapshot.ready


async def test_the_text_about_a_hidden_model_does_not_name_it(house: House) -> None:
    hidden = await model(
        house, SUPER, name="hidden", connector_id=await connector(house, SUPER),
        deploy_setting={"is_auto_deploy_enabled": False},
    )  # fmt: skip
    plain = await registered(house, deploy_setting={"is_auto_deploy_enabled": False})
    text = "Auto deployment disabled for this model, please deploy model first"
    assert await refusal(house.predict.predict(hidden, PREDICT, STRANGER)) == (400, text)
    assert await refusal(house.predict.predict(plain, PREDICT, STRANGER)) == (400, f"{text} Model ID: {plain}")


async def test_the_own_connector_of_a_hidden_model_must_be_trusted_like_any_other(house: House) -> None:
    inline = InlineConnector(Connector("http", actions=(action(url="https://elsewhere.example/v1"),)), {})
    with pytest.raises(IllegalArgument, match="not matching the trusted connector endpoint"):
        await model(house, SUPER, connector=inline)


@pytest.mark.parametrize("closed", ["group", "connector"])
@pytest.mark.parametrize("way", ["register", "update"])
async def test_what_is_closed_between_check_and_write_is_closed(
    world: World, guarded: House, monkeypatch: pytest.MonkeyPatch, closed: str, way: str
) -> None:
    other = await world.worker()
    home, used = await group(guarded, OWNER, "g", "public"), await connector(guarded, OWNER, "public")
    mine = await model(guarded, STRANGER, connector_id=await connector(guarded, STRANGER))
    write, closings = guarded.ports.store.write, []

    async def late(steps: Any) -> Any:
        if not closings:
            closings.append(closed)
            if closed == "group":
                await other.groups.update(home, GroupFields(access_mode="private"), OWNER)
            else:
                await other.connectors.update(used, ConnectorFields(access_mode="private"), OWNER)
        return await write(steps)

    monkeypatch.setattr(guarded.ports.store, "write", late)
    if way == "register":
        attempt: Any = model(guarded, STRANGER, model_group_id=home, connector_id=used)
    else:
        attempt = guarded.model_updates.update(mine, ModelChanges(model_group_id=home, connector_id=used), STRANGER)
    assert (await refusal(attempt))[0] == (400 if way == "register" else 403)
    assert closings == [closed]
    assert (await guarded.groups.get(home, OWNER)).latest_version == 0


async def test_where_existence_is_hidden_a_foreign_model_is_missing_before_its_body_is_read(guarded: House) -> None:
    made = await model(guarded, OWNER, connector_id=await connector(guarded, OWNER))
    await guarded.predict.require(made, STRANGER)
    await switch(guarded, refused_is_not_found="true")
    for id in (made, "nothing"):
        assert await refusal(guarded.predict.require(id, STRANGER)) == (404, "Failed to find model")
    await guarded.predict.require(made, OWNER)


async def test_predict_on_a_hidden_model_skips_its_group(guarded: House) -> None:
    """Spec/02 13."""
    home = await group(guarded, OWNER, "g", "private")
    id = await model(guarded, SUPER, model_group_id=home, connector_id=await connector(guarded, SUPER))
    assert await guarded.predict.predict(id, PREDICT, STRANGER)
    assert (await refusal(guarded.models.get(id, OWNER)))[0] == 403


async def test_a_model_without_group_is_open_to_everybody(guarded: House) -> None:
    made = await model(guarded, OWNER, connector_id=await connector(guarded, OWNER))
    document = await guarded.ports.store.get(MODEL, made)
    assert document is not None
    body = {key: value for key, value in document.body.items() if key != "model_group_id"}
    await guarded.ports.store.write([Put(MODEL, made, body)])
    await guarded.refresh()
    assert await guarded.models.get(made, STRANGER)
    assert await guarded.predict.predict(made, PREDICT, STRANGER)
    row = {"route": "POST /models/_search", "body": {"query": {"match_all": {}}}}
    assert (await ask(guarded, row, STRANGER))["hits"]["total"]["value"] == 1
