"""Standalone connectors: warnings, the compatibility setting, and deleting while models come and go."""

from __future__ import annotations

from typing import Any

import pytest

from fairlead.domain import connector as connectors
from fairlead.domain.connector import ClientConfig, Connector
from fairlead.domain.ports import Step
from fairlead.domain.secret import Secret
from fairlead.errors import IllegalArgument, StatusFault
from fairlead.service.connectors.fields import ConnectorFields
from fairlead.service.house import House
from fairlead.service.models.registration import InlineConnector, ModelFields
from fairlead.service.models.update import ModelChanges
from unit.service.world import World, action, connected, registered

REFUSE = "fairlead.compat.refuse_update_of_deployed_connectors"


def meanwhile(house: House, act: Any) -> None:
    """Runs `act` once, just before the next batch is written: what another caller does at the worst moment."""
    store = house.ports.store
    write = store.write

    async def later(changes: list[Step]) -> Any:
        store.write = write  # type: ignore[method-assign]
        await act()
        return await write(changes)

    store.write = later  # type: ignore[method-assign,assignment]


async def test_a_connector_is_not_deleted_when_a_model_was_registered_meanwhile(house: House) -> None:
    id = await connected(house)

    async def register() -> None:
        await registered(house, id)

    meanwhile(house, register)
    with pytest.raises(StatusFault, match="1 models are still using this connector"):
        await house.connectors.delete(id)
    assert (await house.connectors.get(id)).name == "c"


async def test_a_model_is_not_registered_when_its_connector_was_deleted_meanwhile(house: House) -> None:
    id = await connected(house)

    async def delete() -> None:
        await house.connectors.delete(id)

    meanwhile(house, delete)
    with pytest.raises(StatusFault, match=f"Failed to find connector:{id}") as caught:
        await registered(house, id)
    assert caught.value.status == 404
    assert await house.ports.store.count("model") == 0
    assert await house.ports.store.count("model_group") == 0


async def test_a_model_does_not_move_to_a_connector_that_was_deleted_meanwhile(house: House) -> None:
    model, id = await registered(house), await connected(house)

    async def delete() -> None:
        await house.connectors.delete(id)

    meanwhile(house, delete)
    with pytest.raises(StatusFault, match=f"Failed to find connector:{id}"):
        await house.model_updates.update(model, ModelChanges(connector_id=id))
    assert (await house.models.get(model)).connector_id != id


async def test_with_the_compatibility_setting_an_update_loses_against_a_deployment_meanwhile(house: House) -> None:
    id = await connected(house)
    model = await registered(house, id)
    await house.settings.update({REFUSE: "true"}, {})

    async def deploy() -> None:
        await house.deployments.deploy(model)

    meanwhile(house, deploy)
    with pytest.raises(StatusFault, match=rf"please undeploy the models first: \[{model}\]") as caught:
        await house.connectors.update(id, ConnectorFields(description="new"))
    assert caught.value.status == 400
    assert (await house.connectors.get(id)).description is None


async def test_at_most_ten_users_are_counted_and_named(house: House) -> None:
    id = await connected(house)
    for number in range(11):
        await registered(house, id, name=f"m{number}")
    with pytest.raises(StatusFault, match=r"^10 models are still using this connector"):
        await house.connectors.delete(id)


@pytest.mark.parametrize(
    ("function", "warned"),
    [
        ("def x = ;", True),
        ("connector.post_process.no.such", True),
        ("return params.a;", False),
        ("connector.post_process.openai.embedding", False),
        ("${parameters.f}", False),
        ("  ", False),
        (None, False),
    ],
)
async def test_a_script_that_cannot_compile_is_told_at_create_and_update(
    house: House, function: str | None, warned: bool
) -> None:
    given = action(post_process_function=function)
    fields = ConnectorFields(name="c", version="1", protocol="http", actions=(given,))
    created = await house.connectors.create(fields)
    updated = await house.connectors.update(created.id, ConnectorFields(actions=(given,)))
    assert created.warnings == updated.warnings
    assert [text.startswith("post_process_function of action [PREDICT] does not") for text in created.warnings] == (
        [True] if warned else []
    )


async def test_a_dry_run_warns_of_nothing_and_writes_nothing(house: House) -> None:
    created = await house.connectors.create(ConnectorFields(protocol="http", dry_run=True))
    assert (created.id, created.warnings) == ("dryRunConnector", ())
    assert await house.ports.store.count(connectors.KIND) == 0


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ({"Authorization": "Bearer sk-canary"}, ["Authorization"]),
        ({"X-API-KEY": "sk-canary", "api-key": "sk-canary"}, ["X-API-KEY", "api-key"]),
        ({"Authorization": "Bearer ${credential.key}", "Content-Type": "application/json"}, []),
        (None, []),
    ],
)
async def test_a_header_with_a_secret_in_plain_sight_is_told_by_name_and_never_by_value(
    house: House, headers: dict[str, str] | None, named: list[str]
) -> None:
    fields = ConnectorFields(
        name="c", version="1", protocol="http", credential={"key": Secret("k")}, actions=(action(headers=headers),)
    )
    warnings = (await house.connectors.create(fields)).warnings
    assert len(warnings) == len(named)
    for text, name in zip(warnings, named, strict=True):
        assert text == (
            f"header [{name}] of action [PREDICT] holds its value in plain sight: "
            "put it into credential and write ${credential.name}"
        )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"headers": {"Authorization": "Bearer ${credential.key}"}}, []),
        (
            {"headers": {"Authorization": "Bearer ${credential.kee}${credential.yek}", "X-A": "${credential.key}"}},
            [
                "header [Authorization] of action [PREDICT] asks for ${credential.kee}, which credential does not hold: "
                "it is sent as it stands"
            ],
        ),
        (
            {"request_body": '{"key":"${credential.key}"}'},
            [
                "request_body of action [PREDICT] asks for ${credential.key}: it is sent as it stands, since credential fills "
                "headers only"
            ],
        ),
    ],
)
async def test_placeholders_that_no_credential_fills_are_told_at_create_update_and_registration(
    house: House, changes: dict[str, Any], told: list[str]
) -> None:
    given, credential = action(**changes), {"key": Secret("k")}
    fields = ConnectorFields(name="c", version="1", protocol="http", credential=credential, actions=(given,))
    created = await house.connectors.create(fields)
    assert list(created.warnings) == told
    assert list((await house.connectors.update(created.id, ConnectorFields(actions=(given,)))).warnings) == told
    inline = InlineConnector(Connector("http", actions=(given,)), credential)
    made = await house.registrations.register(ModelFields(name="m", connector=inline))
    assert list(made.warnings) == told


TRUSTING = ClientConfig(skip_ssl_verification=True)


async def test_a_connector_checks_certificates_where_that_is_not_left_to_it(world: World) -> None:
    house = await world.worker(insecure_tls=False)
    fields = ConnectorFields(name="c", version="1", protocol="http", actions=(action(),), client_config=TRUSTING)
    inline = InlineConnector(Connector("http", actions=(action(),), client_config=TRUSTING), {})
    id = await connected(house)
    for refused in (
        house.connectors.create(fields),
        house.connectors.update(id, ConnectorFields(client_config=TRUSTING)),
        house.registrations.register(ModelFields(name="m", connector=inline)),
    ):
        with pytest.raises(IllegalArgument, match=r"client_config \[skip_ssl_verification\] is not allowed"):
            await refused
    assert (await house.connectors.get(id)).client_config is None
    assert await house.ports.store.count("model") == 0


async def test_a_connector_that_was_stored_before_is_not_loaded_without_certificates(world: World) -> None:
    loose, strict = await world.worker(), await world.worker("node-2", insecure_tls=False)
    connector = await connected(loose)
    await loose.connectors.update(connector, ConnectorFields(client_config=TRUSTING))
    id = await registered(loose, connector)
    assert (await loose.deployments.ready(id)).model.name == "m"
    await strict.snapshot.catch_up()
    with pytest.raises(IllegalArgument, match="allow_insecure_tls"):
        await strict.deployments.ready(id)
