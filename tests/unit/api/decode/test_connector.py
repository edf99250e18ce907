"""Connector bodies: what is taken, coerced, skipped and refused, and in which order (spec/01 1.2-1.10)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.api.decode.connector import connector_create, connector_update, inline_connector
from fairlead.domain.connector import LOWEST, Action, ActionType, BackoffPolicy, ClientConfig
from fairlead.domain.secret import Secret
from fairlead.errors import FairleadError, IllegalArgument
from fairlead.java.jackson import parse

TABLE = json.loads((Path(__file__).parents[1] / "cases" / "connector.json").read_text("utf-8"))
LEAST: dict[str, Any] = {"name": "n", "version": 1, "protocol": "http", "credential": {"k": "v"}}


def create(**members: Any) -> Any:
    return connector_create(json.dumps({**LEAST, **members}).encode())


@pytest.mark.parametrize("case", TABLE["create_faults"], ids=lambda case: case["body"])
def test_the_first_fault_of_a_create_body_is(case: dict[str, Any]) -> None:
    with pytest.raises(FairleadError) as caught:
        connector_create(case["body"].encode())
    assert (caught.value.type, caught.value.reason, caught.value.status) == (case["type"], case["reason"], 400)


def test_every_field_is_read_and_coerced() -> None:
    found = create(
        name=5,
        version=1.10,
        description=True,
        parameters={"a": 1, "b": [True], "c": None},
        credential={"k": 7, "t": True},
        actions=[
            {"action_type": "predict", "method": "post", "url": "u", "headers": {"A": 1}, "request_body": "", "pre_process_function": "p"},
            {"action_type": "Batch_Predict", "method": "brew", "url": "v", "name": "x", "headers": "text", "supports_structured_output": "true", "unknown": {"a": [1]}},
        ],
        client_config={"max_connection": "7.9", "retry_backoff_policy": "Exponential_Full_Jitter", "unknown": 1},
        access_mode="private",
        backend_roles=["a", 1],
        add_all_backend_roles="false",
        provisioned_by=None,
        owner={"name": "me"},
        access="public",
        created_time="whatever",
    )  # fmt: skip
    assert (found.name, found.version, found.description, found.protocol) == ("5", "1.1", "true", "http")
    assert found.parameters == {"a": "1", "b": "[true]", "c": "null"}
    assert found.credential == {"k": Secret("7"), "t": Secret("true")}
    assert found.actions == (
        Action(ActionType.PREDICT, "post", "u", {"A": "1"}, "", "p"),
        Action(ActionType.BATCH_PREDICT, "brew", "v", {}, name="x", supports_structured_output=True),
    )
    assert found.client_config == ClientConfig(
        max_connection=7, retry_backoff_policy=BackoffPolicy.EXPONENTIAL_FULL_JITTER
    )
    assert (found.access_mode, found.backend_roles, found.add_all_backend_roles) == ("private", ("a", "1"), False)
    assert (found.provisioned_by, found.dry_run) == (None, False)


def test_what_a_body_does_not_name_is_none() -> None:
    found = create()
    optional = ("description", "parameters", "actions", "client_config", "access_mode", "backend_roles")
    assert [getattr(found, name) for name in (*optional, "add_all_backend_roles", "url", "headers")] == [None] * 9


def test_a_version_is_the_text_of_its_token() -> None:
    texts = {"1": "1", "1.10": "1.10", '"v2"': "v2", '""': "", "true": "true"}
    for token, text in texts.items():
        body = f'{{"name":"n","version":{token},"protocol":"http","credential":{{"k":"v"}}}}'
        assert connector_create(body.encode()).version == text


def test_a_map_may_be_a_text_or_null_which_reads_as_empty() -> None:
    assert create(parameters="text").parameters == {}
    assert create(parameters=None).parameters == {}


@pytest.mark.parametrize(
    ("mode", "read"),
    [("public", "public"), ("restricted", "restricted"), ("PUBLIC", None), ("other", None), ("", None)],
)
def test_an_access_mode_is_lower_case_or_counts_as_not_given(mode: str, read: str | None) -> None:
    assert create(access_mode=mode).access_mode == read


@pytest.mark.parametrize(("name", "reason"), TABLE["action_names"])
def test_an_action_name_is_short_plain_and_no_action_type(name: Any, reason: str | None) -> None:
    action = {"action_type": "predict", "method": "POST", "url": "u", "name": name}
    if reason is None:
        assert create(actions=[action]).actions[0].name == str(name)
        return
    with pytest.raises(IllegalArgument) as caught:
        create(actions=[action])
    assert caught.value.reason == reason


def test_a_dry_run_needs_no_field_but_the_form_still_holds() -> None:
    assert connector_create(b'{"dry_run":true}').dry_run
    assert connector_create(b'{"dry_run":"true","protocol":"grpc","access_mode":"public"}').protocol == "grpc"
    with pytest.raises(IllegalArgument):
        connector_create(b'{"dry_run":true,"actions":[{}]}')
    with pytest.raises(IllegalArgument) as caught:
        connector_create(b'{"dry_run":""}')
    assert caught.value.reason == "Connector name is null"


def test_an_mcp_connector_needs_a_url_and_no_credential() -> None:
    found = connector_create(
        b'{"name":"n","version":1,"protocol":"mcp_streamable_http","url":"https://h","headers":{"A":1}}'
    )
    assert (found.credential, found.url, found.headers) == (None, "https://h", {"A": "1"})


def test_an_update_requires_nothing_and_drops_what_it_does_not_take() -> None:
    assert connector_update(b"{}") == connector_update(
        b'{"dry_run":true,"provisioned_by":"p","url":"u","headers":{"a":"b"}}'
    )
    found = connector_update(b'{"name":"m","credential":{"k":"v"},"actions":[]}')
    assert (found.name, found.credential, found.actions) == ("m", {"k": Secret("v")}, ())
    with pytest.raises(FairleadError):
        connector_update(b'{"name":null}')


def test_a_credential_never_shows_in_what_was_decoded_or_in_a_fault() -> None:
    found = create(credential={"k": "canary-7f3a"})
    assert "canary" not in repr(found)
    for broken in (
        b'{"credential":{"k":"canary-7f3a","l":null}}',
        b'{"credential":{"k":"canary-7f3a"',
        b'{"credential":{"k":"canary-7f3a"}}',
    ):
        with pytest.raises(FairleadError) as caught:
            connector_create(broken)
        assert "canary" not in str(caught.value)


def inline(text: str) -> Any:
    return inline_connector(parse(text.encode()))


def test_an_inline_connector_has_the_stored_names_and_needs_only_a_protocol() -> None:
    found = inline(
        '{"protocol":"http","access":"private","owner":{"name":"o"},"created_time":1700000000000,"last_updated_time":"5",'
        '"credential":{"k":"v"},"access_mode":"public","dry_run":"maybe","add_all_backend_roles":5,"name":"a&b"}'
    )
    assert found.connector.shown() == {
        "name": "a&b", "protocol": "http", "owner": {"name": "o"}, "access": "private", "created_time": 1700000000000,
        "last_updated_time": 5,
    }  # fmt: skip
    assert found.credential == {"k": Secret("v")}
    assert found.connector.credential == {}
    assert inline('{"protocol":"mcp_sse"}').credential == {}


@pytest.mark.parametrize("case", TABLE["inline_faults"], ids=lambda case: case["body"])
def test_an_inline_connector_is_refused(case: dict[str, str]) -> None:
    with pytest.raises(IllegalArgument) as caught:
        inline(case["body"])
    assert (caught.value.reason, caught.value.status) == (case["reason"], 400)


def tried(run: Callable[[], Any]) -> Any:
    """What a call gives, or the fault of ours that it raises; any other exception is a failure."""
    try:
        return run()
    except FairleadError as fault:
        return fault


NAMES = st.sampled_from(
    [
        "name",
        "version",
        "protocol",
        "parameters",
        "credential",
        "actions",
        "client_config",
        "access_mode",
        "backend_roles",
        "dry_run",
        "url",
        "headers",
        "action_type",
        "method",
        "request_body",
        "max_retry_times",
        "retry_backoff_policy",
        "owner",
        "created_time",
        "provisioned_by",
        "supports_structured_output",
        "keystore_type",
        "x",
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.sampled_from(["http", "predict", "aws_sigv4", "nan", "1e9"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=12,
)


@settings(max_examples=250, deadline=None)
@given(body=st.dictionaries(NAMES, VALUES, max_size=8))
def test_every_body_is_decoded_or_refused_with_a_400(body: dict[str, Any]) -> None:
    text = json.dumps(body).encode()
    for decode in (connector_create, connector_update, lambda sent: inline_connector(parse(sent))):
        found = tried(lambda decode=decode: decode(text))  # type: ignore[misc]
        assert not isinstance(found, FairleadError) or found.status == 400


def test_the_largest_numbers_of_a_client_config_are_taken() -> None:
    most = 2**31 - 1
    given = dict.fromkeys(LOWEST, most)
    assert create(client_config=given).client_config == ClientConfig(**given)


def test_the_lowest_numbers_of_a_client_config_are_taken() -> None:
    given = {**LOWEST, "max_retry_times": 0}
    assert create(client_config=given).client_config == ClientConfig(**given)
