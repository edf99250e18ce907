"""Connector bodies: create, update, and the object inside a model registration (spec/01 1.2, 1.6, 1.7, 1.10)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from fairlead.api.decode import fields as read
from fairlead.api.decode.streaming import check_url, streaming
from fairlead.domain.access import MODES
from fairlead.domain.connector import (
    PROTOCOLS,
    Action,
    ActionType,
    BackoffPolicy,
    ClientConfig,
    Connector,
    aws_fault,
    number_fault,
    protocol_fault,
)
from fairlead.domain.secret import Secret, SecretReference
from fairlead.errors import BodyParse, IllegalArgument
from fairlead.java.jackson import Node, expect, parse_object
from fairlead.java.json import JsonFault, compact
from fairlead.service.connectors.fields import ConnectorFields
from fairlead.service.models.registration import InlineConnector

_REFERENCES = ("$env", "$file", "$vault")
_ACTION_NAME = re.compile(r"[a-zA-Z0-9_-]+", re.ASCII)


def connector_create(body: bytes) -> ConnectorFields:
    """Steps 3 to 10 of spec/01 1.5."""
    found = _fields(parse_object(body))
    return found if found.dry_run else required(found)


def required(found: ConnectorFields) -> ConnectorFields:
    mcp = (found.protocol or "").startswith("mcp_")
    missing = (
        (found.name is None, "Connector name is null"),
        (found.version is None, "Connector version is null"),
        (found.protocol is None, "Connector protocol is null"),
        (not found.credential and not mcp, "Connector credential is null or empty list"),
        (mcp and found.protocol in PROTOCOLS and not (found.url or "").strip(), "MCP Connector url is null or blank"),
    )
    for absent, reason in missing:
        if absent:
            raise IllegalArgument(reason)
    if found.protocol is not None and (fault := protocol_fault(found.protocol)) is not None:
        raise fault
    return found


def connector_update(body: bytes) -> ConnectorFields:
    """The same parser with nothing required; what an update does not take is dropped."""
    return connector_changes(parse_object(body))


def connector_changes(node: Node) -> ConnectorFields:
    """The update form, of a standalone connector or of one inside a model."""
    found = _fields(node)
    return replace(
        found, dry_run=False, provisioned_by=None, url=None, headers=None, add_all_backend_roles=None, connector_id=None
    )


def _fields(node: Node) -> ConnectorFields:
    found = read.each(
        node,
        {
            **dict.fromkeys(("name", "description", "version", "protocol", "url"), read.text),
            "parameters": read.parameter_texts,
            "credential": _credential,
            "actions": _actions,
            "client_config": _client_config,
            "access_mode": _access_mode,
            "backend_roles": read.texts,
            "add_all_backend_roles": read.boolean,
            "dry_run": read.boolean,
            "provisioned_by": read.text_or_null,
            "connector_id": read.text_or_null,
            "headers": read.flat_texts,
        },
    )
    return ConnectorFields(**found)


def _access_mode(node: Node) -> str | None:
    """Lower case only; any other text counts as not given (spec/01 1.2)."""
    mode = read.text(node)
    return mode if mode in MODES else None


def _credential(node: Node) -> dict[str, Secret]:
    return {key: _secret(key, value) for key, value in read.lenient_object(node)}


def _secret(key: str, node: Node) -> Secret:
    """A scalar as text, or `{"$env": name}`, `{"$file": path}`, `{"$vault": "path#field"}` (spec/06 14.5)."""
    if node.kind != "object":
        return Secret(read.text(node))
    members = [(name, value) for name, value, _, _ in node.members]
    if len(members) != 1 or members[0][0] not in _REFERENCES or members[0][1].kind != "string":
        forms = ", ".join(f'{{"{name}": text}}' for name in _REFERENCES)
        raise BodyParse(f"Credential [{key}] must be a text or one of {forms}")
    return SecretReference(members[0][0].removeprefix("$"), str(members[0][1].value))


def _actions(node: Node) -> tuple[Action, ...]:
    return tuple(_action(item) for item in expect(node, "array").items)


def _action(node: Node) -> Action:
    expect(node, "object")
    plain = ("method", "url", "request_body", "pre_process_function", "post_process_function", "name")
    found = read.each(
        node,
        {
            **dict.fromkeys(plain, read.text),
            "action_type": _action_type,
            "headers": read.flat_texts,
            "supports_structured_output": read.boolean,
            "streaming": streaming,
        },
    )
    for key, label in (("action_type", "action type"), ("url", "url"), ("method", "method")):
        if key not in found:
            raise IllegalArgument(f"{label} can't be null")
    if "name" in found:
        _check_action_name(found["name"])
    check_url(found.get("streaming"), found["url"])
    return Action(**found)


def _action_type(node: Node) -> ActionType:
    value = read.text(node).upper()
    if value not in ActionType.__members__:
        raise IllegalArgument(f"No enum constant org.opensearch.ml.common.connector.ConnectorAction.ActionType.{value}")
    return ActionType(value)


def _check_action_name(name: str) -> None:
    if any(character < " " for character in name):
        raise IllegalArgument("Action name must not contain control characters")
    if len(name) > 64:
        raise IllegalArgument("Action name exceeds maximum length of 64 characters")
    if not _ACTION_NAME.fullmatch(name):
        raise IllegalArgument(
            "Action name contains invalid characters. Only alphanumeric characters, hyphens, and underscores are allowed"
        )
    if name.upper() in ActionType.__members__:
        raise IllegalArgument(f"name can't be one of action type [{', '.join(ActionType)}]")


def _policy(node: Node) -> BackoffPolicy:
    value = read.text(node).lower()
    if value not in tuple(BackoffPolicy):
        raise IllegalArgument("Unsupported retry backoff policy")
    return BackoffPolicy(value)


def _client_config(node: Node) -> ClientConfig:
    expect(node, "object")
    integers = ("max_connection", "connection_timeout", "read_timeout", "retry_backoff_millis",
                "retry_timeout_seconds", "max_retry_times")  # fmt: skip
    readers: dict[str, Any] = {
        **dict.fromkeys(integers, read.integer),
        "retry_backoff_policy": _policy,
        "skip_ssl_verification": read.boolean,
        "mutual_tls_enabled": read.boolean,
        "keystore_type": read.text,
    }
    config = ClientConfig(**read.each(node, readers))
    if (fault := number_fault(config)) is not None:
        raise fault
    return config


def read_plain(node: Node) -> Any:
    """A value that is only kept and shown; a number that JSON cannot write again is refused (`1e999`)."""
    value = node.plain()
    try:
        compact(value)
    except JsonFault as fault:
        raise IllegalArgument(f"A value cannot be written as JSON: {fault.reason}") from fault
    return value


def inline_connector(node: Node) -> InlineConnector:
    """The lenient parser of spec/01 1.10: names as stored, nothing filled in, only the protocol required."""
    found = read.each(
        node,
        {
            **dict.fromkeys(("name", "description", "version", "url", "access"), read.text),
            "protocol": read.text,
            "parameters": read.parameter_texts,
            "credential": _credential,
            "actions": _actions,
            "client_config": _client_config,
            "backend_roles": read.texts,
            "headers": read.flat_texts,
            "owner": read_plain,
            "created_time": read.long,
            "last_updated_time": read.long,
        },
    )
    if "protocol" not in found:
        raise IllegalArgument("connector protocol is null")
    if found["protocol"] not in PROTOCOLS:
        raise IllegalArgument(f"Can't find class for type {found['protocol']}")
    credential: dict[str, Secret] = found.pop("credential", {})
    connector = Connector(**found)
    if (fault := aws_fault(connector, frozenset(credential))) is not None:
        raise fault
    return InlineConnector(connector, credential)
