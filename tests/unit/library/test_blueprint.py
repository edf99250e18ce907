"""Blueprints of the library: the checks and the words of `POST connectors/_create`, and what wins over what."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.api.decode.connector import connector_create
from fairlead.domain.cluster_settings import ClusterSettings
from fairlead.errors import FairleadError, IllegalArgument
from fairlead.library.blueprint import open_blueprint
from fairlead.library.recipe import Recipe, recipe
from fairlead.security.egress import EgressPolicy
from fairlead.service.connectors.service import ConnectorService
from fairlead.service.ports import Ports
from fairlead.service.snapshot import Snapshot

CASES = json.loads((Path(__file__).parent / "cases" / "blueprints.json").read_text("utf-8"))
SOUND: dict[str, Any] = {
    "name": "chat",
    "version": 1,
    "description": "a model",
    "protocol": "http",
    "parameters": {"model": "m", "n": 1},
    "credential": {"key": "k", "other": "o"},
    "actions": [{"action_type": "predict", "method": "POST", "url": "https://api.openai.com/v1/chat/completions"}],
}


def made(blueprint: Any, credential: Any = None, parameters: Any = None) -> Recipe:
    return recipe(
        blueprint, credential=credential, parameters=parameters, trusted=None, allow_private=False, transport="aiohttp"
    )


def changed(change: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (SOUND | change).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Refusing:
    """Ports and snapshot of a server that trusts every URL; whatever is written to it is one step too far."""

    settings: ClusterSettings = ClusterSettings()  # noqa: RUF009

    def clock(self) -> int:
        return 0

    def policy(self) -> EgressPolicy:
        return EgressPolicy.of(trusted=[".*"])


async def refusal_of_the_server(body: bytes) -> FairleadError:
    outside = Refusing()
    service = ConnectorService(cast(Ports, outside), cast(Snapshot, outside))
    with pytest.raises(FairleadError) as caught:
        await service.create(connector_create(body))
    return caught.value


@pytest.mark.parametrize("case", CASES["refused"], ids=lambda case: case["name"])
async def test_a_blueprint_is_refused_with_the_error_of_the_rest_api(case: dict[str, Any]) -> None:
    blueprint = changed(case["change"])
    wanted = await refusal_of_the_server(json.dumps(blueprint).encode())
    for given_as in (blueprint, json.dumps(blueprint).encode()):
        with pytest.raises(FairleadError) as caught:
            open_blueprint(made(given_as))
        found = caught.value
        assert (type(found), found.reason, found.status) == (type(wanted), wanted.reason, wanted.status)


@pytest.mark.parametrize("text", CASES["texts"])
async def test_a_text_that_is_no_blueprint_is_refused_with_the_error_of_the_rest_api(text: str) -> None:
    wanted = await refusal_of_the_server(text.encode())
    with pytest.raises(type(wanted)) as caught:
        open_blueprint(made(text.encode()))
    assert caught.value.reason == wanted.reason


def test_arguments_win_over_the_blueprint_name_by_name_and_are_read_as_it_is() -> None:
    opened = open_blueprint(made(SOUND, {"key": "mine"}, {"n": [1, 2.5], "new": True}))
    assert opened.connector.parameters == {"model": "m", "n": "[1,2.5]", "new": "true"}
    assert {name: secret.reveal() for name, secret in opened.credential.items()} == {"key": "mine", "other": "o"}
    assert opened.connector.credential == {}
    assert "mine" not in repr(opened)


def test_a_credential_may_be_fetched_by_a_function_and_stands_in_for_the_blueprints() -> None:
    opened = open_blueprint(made(changed({"credential": None}), lambda: {"key": "fetched"}))
    assert [secret.reveal() for secret in opened.credential.values()] == ["fetched"]


def test_connectors_without_a_model_and_values_without_json_are_refused() -> None:
    with pytest.raises(IllegalArgument, match="mcp_sse has no model to call"):
        open_blueprint(made(changed({"protocol": "mcp_sse"})))
    with pytest.raises(IllegalArgument, match=r"^The blueprint cannot be written as JSON: JSON has no form for a set"):
        open_blueprint(made({**SOUND, "parameters": {"a": {1}}}))
    with pytest.raises(IllegalArgument, match=r"^The parameters cannot be written as JSON"):
        open_blueprint(made(SOUND, None, {"a": object()}))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from([*SOUND, "client_config", "headers"]), value=VALUES)
def test_any_value_anywhere_is_taken_or_refused_with_an_error_of_ours(name: str, value: Any) -> None:
    try:
        opened = open_blueprint(made({**SOUND, name: value}))
    except FairleadError:
        return
    assert opened.connector.actions is not None
