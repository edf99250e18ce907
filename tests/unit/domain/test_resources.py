"""Connectors, models, groups and tasks: what is stored, what is shown, and the rules that need nothing but the value."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import pytest

from fairlead.domain.connector import (
    BLOCKED_PARAMETER_HEADERS,
    Action,
    ActionType,
    BackoffPolicy,
    ClientConfig,
    Connector,
    aws_fault,
    header_fault,
    protocol_fault,
)
from fairlead.domain.group import ModelGroup
from fairlead.domain.model import HELD_STATES, Model, ModelState
from fairlead.domain.task import Task, TaskState, TaskType
from fairlead.errors import FairleadError

ACTION = Action(
    ActionType.PREDICT, "POST", "https://h/${parameters.m}", {"A": "${credential.k}"}, "{}", "pre", "post", "run", True
)
FULL = Connector(
    protocol="http",
    name="n",
    version="1",
    description="d",
    parameters={"m": "1"},
    credential={"k": "sealed-7f3a"},
    actions=(ACTION,),
    backend_roles=("a",),
    owner={"name": "o"},
    access="private",
    created_time=1,
    last_updated_time=2,
    client_config=ClientConfig(mutual_tls_enabled=True, keystore_type="PEM"),
    provisioned_by="p",
    url="https://mcp",
    headers={"H": "v"},
)


def stored(document: dict[str, Any]) -> dict[str, Any]:
    loaded = json.loads(json.dumps(document))
    assert isinstance(loaded, dict)
    return loaded


def reason(fault: FairleadError | None) -> str | None:
    assert fault is None or fault.status == 400
    return None if fault is None else fault.reason


@pytest.mark.parametrize(
    "made", [FULL, Connector("http"), Connector("mcp_sse", actions=(), parameters={}, backend_roles=())]
)
def test_a_stored_connector_comes_back_as_it_was(made: Connector) -> None:
    assert Connector.of(stored(made.document())) == made


def test_a_shown_connector_has_no_credential_and_no_absent_member() -> None:
    assert list(FULL.shown()) == [
        "name", "version", "description", "protocol", "parameters", "actions", "backend_roles", "owner", "access",
        "created_time", "last_updated_time", "client_config", "url", "headers", "provisioned_by",
    ]  # fmt: skip
    assert "sealed" not in json.dumps(FULL.shown()) + repr(FULL)
    assert Connector("http").shown() == {"protocol": "http"}
    assert Connector("http", parameters={}).shown()["parameters"] == {}


def test_an_action_is_shown_in_wire_order_and_structured_output_only_when_true() -> None:
    order = [
        "action_type",
        "method",
        "url",
        "headers",
        "request_body",
        "pre_process_function",
        "post_process_function",
        "name",
    ]
    assert list(ACTION.document()) == [*order, "supports_structured_output"]
    assert ACTION.document()["action_type"] == "PREDICT"
    plain = Action(ActionType.EXECUTE, "GET", "u", {}, "")
    assert plain.document() == {
        "action_type": "EXECUTE",
        "method": "GET",
        "url": "u",
        "headers": {},
        "request_body": "",
    }
    assert Action.of(stored(plain.document())) == plain


def test_a_client_config_shows_every_field_with_its_default_and_newer_ones_when_used() -> None:
    assert ClientConfig().document() == {
        "max_connection": 30, "connection_timeout": 30, "read_timeout": 30, "retry_backoff_millis": 200,
        "retry_timeout_seconds": 30, "max_retry_times": 0, "retry_backoff_policy": "constant", "skip_ssl_verification": False,
    }  # fmt: skip
    used = ClientConfig(
        retry_backoff_policy=BackoffPolicy.EXPONENTIAL_FULL_JITTER, mutual_tls_enabled=True, keystore_type="PEM"
    )
    assert list(used.document())[-2:] == ["mutual_tls_enabled", "keystore_type"]
    assert ClientConfig.of(stored(used.document())) == used
    assert Connector("http").config == ClientConfig()


def test_an_action_is_found_by_type_in_any_case_then_by_exact_name() -> None:
    actions = (
        Action(ActionType.EXECUTE, "POST", "1", name="run"),
        Action(ActionType.PREDICT, "POST", "2", name="run"),
        Action(ActionType.PREDICT, "POST", "3", name="Other"),
    )
    made = Connector("http", actions=actions)
    found = {name: made.action(name) for name in ("predict", "EXECUTE", "run", "Other", "other", "BATCH_PREDICT")}
    assert {name: found_one and found_one.url for name, found_one in found.items()} == {
        "predict": "2", "EXECUTE": "1", "run": "1", "Other": "3", "other": None, "BATCH_PREDICT": None,
    }  # fmt: skip
    assert Connector("http").action("PREDICT") is None


@pytest.mark.parametrize("protocol", ["http", "aws_sigv4", "mcp_sse", "mcp_streamable_http"])
def test_four_protocols_are_known(protocol: str) -> None:
    assert protocol_fault(protocol) is None


@pytest.mark.parametrize("protocol", ["", "HTTP", "grpc", "http "])
def test_other_protocols_are_refused_with_the_list(protocol: str) -> None:
    wanted = "Unsupported connector protocol. Please use one of [aws_sigv4, http, mcp_sse, mcp_streamable_http]"
    assert reason(protocol_fault(protocol)) == wanted


@pytest.mark.parametrize(
    ("credential", "parameters", "lacks"),
    [
        ({}, {"service_name": "s", "region": "r"}, "Missing credential"),
        ({"access_key": "a"}, {}, "Missing credential"),
        ({"roleArn": "a"}, {"service_name": "s", "region": "r"}, "Missing credential"),
        ({"access_key": "a", "secret_key": "s"}, {}, "Missing service name"),
        ({"access_key": "a", "secret_key": "s"}, {"region": "r"}, "Missing service name"),
        ({"access_key": "a", "secret_key": "s"}, {"service_name": "s"}, "Missing region"),
        ({"access_key": "a", "secret_key": "s", "region": "r"}, {"service_name": "s"}, None),
        ({"access_key": "a", "secret_key": "s", "region": "r", "service_name": "s"}, None, None),
    ],
)
def test_vector_29_an_aws_connector_lacks(
    credential: dict[str, str], parameters: dict[str, str] | None, lacks: str | None
) -> None:
    made = Connector("aws_sigv4", credential=credential, parameters=parameters)
    assert reason(aws_fault(made)) == lacks
    assert reason(aws_fault(Connector("aws_sigv4", parameters=parameters), frozenset(credential))) == lacks
    assert aws_fault(Connector("http", parameters=parameters)) is None


TABLE = json.loads((Path(__file__).parents[1] / "engine" / "cases" / "headers.json").read_text("utf-8"))


def with_header(name: str, value: str) -> tuple[Action, ...]:
    return (Action(ActionType.EXECUTE, "GET", "u"), Action(ActionType.PREDICT, "POST", "u", {"X": "1", name: value}))


def test_the_headers_that_parameters_must_not_fill_are_those_of_the_spec() -> None:
    assert set(TABLE["blocked"]) == BLOCKED_PARAMETER_HEADERS


@pytest.mark.parametrize("name", [*TABLE["blocked"], "Authorization", "X-API-KEY"])
def test_vector_10_a_parameter_in_a_protected_header_is_refused(name: str) -> None:
    wanted = f"Header '{name}' cannot use ${{parameters.*}} placeholders for security reasons. Use ${{credential.*}} instead."
    assert reason(header_fault("http", with_header(name, "Bearer ${parameters.t}"))) == wanted
    assert header_fault("http", with_header(name, "Bearer ${credential.t}")) is None


@pytest.mark.parametrize("name", TABLE["not_blocked"])
def test_other_headers_may_take_parameters_but_not_in_mcp_connectors(name: str) -> None:
    assert header_fault("aws_sigv4", with_header(name, "${parameters.t}")) is None
    wanted = f"Header '{name}' cannot use ${{parameters.*}} placeholders in MCP connectors."
    assert reason(header_fault("mcp_sse", with_header(name, "${parameters.t}"))) == wanted
    assert header_fault("http", None) is None


MODEL = Model(
    name="m",
    model_group_id="g",
    model_version="3",
    model_state=ModelState.DEPLOYED,
    deploy_setting={"is_auto_deploy_enabled": False, "model_ttl_minutes": -1},
    is_enabled=False,
    planning_worker_nodes=("n",),
    deploy_to_all_nodes=True,
    is_hidden=False,
    connector=FULL,
    interface={"input": "{}"},
)


@pytest.mark.parametrize("made", [MODEL, Model("m"), Model("m", connector_id="c", planning_worker_node_count=1)])
def test_a_stored_model_comes_back_as_it_was(made: Model) -> None:
    assert Model.of(stored(made.document())) == made


def test_a_model_shows_its_connector_without_the_credential_and_stores_it_with() -> None:
    assert "credential" not in MODEL.shown()["connector"]
    assert MODEL.document()["connector"]["credential"] == {"k": "sealed-7f3a"}
    assert "sealed" not in repr(MODEL)
    assert Model("m").shown() == {"name": "m", "algorithm": "REMOTE", "model_state": "REGISTERED"}
    order = [f.name for f in fields(Model)]
    assert [name for name in order if name in MODEL.shown()] == list(MODEL.shown())


def test_a_model_is_enabled_and_deploys_itself_unless_it_says_otherwise() -> None:
    assert [Model("m", is_enabled=value).enabled for value in (None, True, False)] == [True, True, False]
    deploy: list[dict[str, Any] | None] = [
        None,
        {},
        {"is_auto_deploy_enabled": True},
        {"is_auto_deploy_enabled": False},
    ]
    assert [Model("m", deploy_setting=value).auto_deploy for value in deploy] == [True, True, True, False]


def test_a_model_that_is_being_or_was_deployed_is_held() -> None:
    assert set(HELD_STATES) == {ModelState.DEPLOYING, ModelState.DEPLOYED, ModelState.PARTIALLY_DEPLOYED}


@pytest.mark.parametrize("made", [ModelGroup("g"), ModelGroup("g", 3, "d", ("a", "b"), {"name": "o"}, "public", 1, 2)])
def test_a_stored_group_comes_back_as_it_was(made: ModelGroup) -> None:
    assert ModelGroup.of(stored(made.document())) == made


def test_a_group_shows_its_version_from_the_start_and_no_empty_roles() -> None:
    assert ModelGroup("g", backend_roles=()).document() == {"name": "g", "latest_version": 0}


@pytest.mark.parametrize(
    "made",
    [
        Task(TaskType.DEPLOY_MODEL, TaskState.CREATED),
        Task(
            TaskType.BATCH_PREDICTION, TaskState.FAILED, "m", "REMOTE", "REMOTE", ("n",), 1, 2, "why", True, {"id": "j"}
        ),
    ],
)
def test_a_stored_task_comes_back_as_it_was(made: Task) -> None:
    assert Task.of(stored(made.document())) == made
    assert Task.of({**stored(made.document()), "of_a_later_release": 1}) == made


def test_a_task_is_shown_in_wire_order() -> None:
    made = Task(
        TaskType.BATCH_PREDICTION, TaskState.FAILED, "m", "REMOTE", "REMOTE", ("n",), 1, 2, "why", True, {"id": "j"}
    )
    assert list(made.document()) == [
        "model_id", "task_type", "function_name", "state", "input_type", "worker_node", "create_time", "last_update_time",
        "error", "is_async", "remote_job",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "value", [FULL, ACTION, MODEL, ModelGroup("g"), Task(TaskType.DEPLOY_MODEL, TaskState.CREATED)]
)
def test_values_cannot_be_changed(value: Any) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(value, fields(value)[0].name, "x")
    assert not hasattr(value, "__dict__")
