"""Model and model group bodies (spec/02 1.3, spec/01 2.1)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.api.decode.model import group_fields, id_lists, model_register
from fairlead.domain.access import Asked
from fairlead.errors import FairleadError
from fairlead.service.groups import GroupFields

TABLE = json.loads((Path(__file__).parents[1] / "cases" / "model.json").read_text("utf-8"))
LEAST = {"name": "n", "function_name": "remote"}


def register(**members: Any) -> Any:
    return model_register(json.dumps({**LEAST, **members}).encode())


def check(case: dict[str, Any], body: bytes) -> None:
    with pytest.raises(FairleadError) as caught:
        model_register(body)
    fault = caught.value
    assert (fault.type, fault.status) == (case.get("type", "illegal_argument_exception"), 400)
    assert fault.reason is not None
    assert fault.reason.split("\n")[0] == case["reason"]


@pytest.mark.parametrize("case", TABLE["register_faults"], ids=lambda case: case["body"])
def test_the_first_fault_of_a_registration_is(case: dict[str, Any]) -> None:
    check(case, case["body"].encode())


@pytest.mark.parametrize("case", TABLE["member_faults"], ids=lambda case: json.dumps(case["m"]))
def test_a_member_of_a_registration_is_refused(case: dict[str, Any]) -> None:
    for members in ({**LEAST, **case["m"]}, {**case["m"], **LEAST}):  # the order of keys does not matter
        check(case, json.dumps(members).encode())


def test_the_members_of_a_registration_are_read() -> None:
    found = register(
        function_name="Remote",
        description="d",
        model_group_id="g",
        connector_id="c",
        is_enabled="false",
        model_format="torch_script",
        rate_limiter={"limit": 1.50, "unit": "MINUTES", "other": 1},
        deploy_setting={"is_auto_deploy_enabled": False},
        guardrails={"type": "local_regex", "input_guardrail": {"regex": ["a"]}},
        version=5,
        is_hidden=True,
        model_id="x",
        provisioned_by="p",
    )
    assert (found.name, found.description, found.model_group_id, found.connector_id) == ("n", "d", "g", "c")
    assert (found.is_enabled, found.model_format, found.provisioned_by) == (False, "TORCH_SCRIPT", "p")
    assert found.rate_limiter == {"limit": "1.5", "unit": "MINUTES"}
    assert found.deploy_setting == {"is_auto_deploy_enabled": False, "model_ttl_minutes": -1}
    assert found.guardrails == {"type": "local_regex", "input_guardrail": {"regex": ["a"]}}
    assert (found.connector, found.interface, found.model_config, found.access, found.url) == (None,) * 5


def test_access_fields_make_an_access_object_only_when_one_is_given() -> None:
    assert register().access is None
    assert register(access_mode="PUBLIC").access == GroupFields(access_mode="public")
    given_access = register(access_mode="other", backend_roles=["a"], add_all_backend_roles=False).access
    assert given_access == GroupFields(access_mode=None, backend_roles=("a",), add_all_backend_roles=False)


def test_an_inline_connector_is_read_with_its_credential_apart() -> None:
    found = register(connector={"protocol": "http", "credential": {"k": "canary-7f3a"}})
    assert found.connector is not None
    assert found.connector.credential["k"].reveal() == "canary-7f3a"
    assert "canary" not in repr(found)


@pytest.mark.parametrize(("text", "read"), TABLE["interfaces"])
def test_an_interface_keeps_schemas_as_texts_in_the_callers_order(text: str, read: dict[str, str]) -> None:
    found = model_register(f'{{"name":"n","function_name":"remote","interface":{text}}}'.encode())
    assert found.interface == read


def test_a_model_config_is_read_with_enums_in_upper_case_and_normalize_result_only_when_true() -> None:
    config = {
        "model_type": "text_embedding",
        "embedding_dimension": "4.9",
        "framework_type": "sentence_transformers",
        "pooling_mode": "mean",
    }
    config |= {
        "all_config": "{}",
        "normalize_result": True,
        "model_max_length": 5,
        "additional_config": {"space_type": "l2"},
        "x": 1,
    }  # type: ignore[dict-item]
    assert register(model_config=config).model_config == {
        "model_type": "text_embedding", "embedding_dimension": 4, "framework_type": "SENTENCE_TRANSFORMERS", "pooling_mode": "MEAN",
        "all_config": "{}", "normalize_result": True, "model_max_length": 5, "additional_config": {"space_type": "l2"},
    }  # fmt: skip
    assert register(model_config={"normalize_result": False}).model_config == {}


def test_a_group_body_is_read_and_an_unknown_access_mode_counts_as_not_given() -> None:
    body = {
        "name": 5,
        "description": "d",
        "access_mode": "Restricted",
        "backend_roles": ["a", 1],
        "add_all_backend_roles": "true",
    }
    found = group_fields(json.dumps(body).encode())
    assert found == GroupFields("5", "d", "restricted", ("a", "1"), True)
    assert found.asked == Asked("restricted", ("a", "1"), True)
    assert group_fields(b'{"access_mode":"x","unknown":{}}') == GroupFields()
    for broken in (b"[]", b'{"name":null}', b'{"backend_roles":"a"}', b"{", b" "):
        with pytest.raises(FairleadError) as caught:
            group_fields(broken)
        assert caught.value.status == 400


def test_the_body_of_deploy_and_undeploy_is_optional() -> None:
    assert id_lists(b"") == ((), ())
    assert id_lists(b"{}") == ((), ())
    assert id_lists(b'{"model_ids":["a",5],"node_ids":["n"]}') == (("a", "5"), ("n",))
    for broken in (b" ", b"[]", b'{"model_ids":"a"}', b'{"node_ids":[null]}'):
        with pytest.raises(FairleadError) as caught:
            id_lists(broken)
        assert caught.value.status == 400


def tried(run: Callable[[], Any]) -> Any:
    """What a call gives, or the fault of ours that it raises; any other exception is a failure."""
    try:
        return run()
    except FairleadError as fault:
        return fault


NAMES = st.sampled_from(
    [
        "name",
        "function_name",
        "connector",
        "is_enabled",
        "rate_limiter",
        "limit",
        "unit",
        "deploy_setting",
        "interface",
        "input",
        "guardrails",
        "model_config",
        "model_type",
        "embedding_dimension",
        "additional_config",
        "space_type",
        "protocol",
        "x",
        "access_mode",
        "backend_roles",
        "model_ids",
        "model_ttl_minutes",
        "model_format",
        "pooling_mode",
        "framework_type",
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=3)
    | st.sampled_from(["remote", "http", "text_embedding", "mean"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=200, deadline=None)
@given(body=st.dictionaries(NAMES, VALUES, max_size=8))
def test_every_body_is_decoded_or_refused_with_a_400(body: dict[str, Any]) -> None:
    for members in (body, {**body, **LEAST}):
        for decode in (model_register, group_fields, id_lists):
            text = json.dumps(members).encode()
            found = tried(lambda decode=decode, text=text: decode(text))  # type: ignore[misc]
            assert not isinstance(found, FairleadError) or found.status == 400
