"""From a blueprint to a connector and its credential, with the checks and the words of `POST connectors/_create`.

Seals and stores nothing, and knows no endpoint list: where a call may go is fairlead.library.egress.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fairlead.api.decode.connector import connector_update, required
from fairlead.domain.connector import MCP_PROTOCOLS, Connector
from fairlead.domain.secret import Secret, SecretReference
from fairlead.errors import IllegalArgument
from fairlead.java.json import JsonFault, compact
from fairlead.library.recipe import Recipe
from fairlead.service.connectors.composing import check_form, new_connector
from fairlead.service.connectors.fields import ConnectorFields


@dataclass(frozen=True, slots=True)
class Opened:
    """A connector that was checked, and the secrets it is called with."""

    connector: Connector
    credential: Mapping[str, Secret] = field(repr=False)


def open_blueprint(recipe: Recipe) -> Opened:
    """The recipe's own parameters and credential win over those of the blueprint, name by name. Raises fairlead.errors."""
    fields = _fields(recipe)
    check_form(fields)
    for name, secret in (fields.credential or {}).items():
        if isinstance(secret, SecretReference):
            raise IllegalArgument(
                f"Credential [{name}] is a reference, which only a server reads: give a function as `credential` that fetches it"
            )
    return Opened(new_connector(fields), fields.credential or {})


def _fields(recipe: Recipe) -> ConnectorFields:
    body = recipe.blueprint
    fields = connector_update(body if isinstance(body, bytes) else json_body(body, "blueprint"))
    if fields.protocol in MCP_PROTOCOLS:
        raise IllegalArgument(f"A connector of protocol {fields.protocol} has no model to call")
    given = recipe.credential() if callable(recipe.credential) else recipe.credential
    own = {"parameters": recipe.parameters, "credential": given}
    extra = connector_update(json_body({name: value for name, value in own.items() if value}, "parameters"))
    return required(
        replace(
            fields,
            parameters=_merged(fields.parameters, extra.parameters),
            credential=_merged(fields.credential, extra.credential),
        )
    )


def _merged(below: Mapping[str, Any] | None, above: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    return below if above is None else {**(below or {}), **above}


def json_body(value: Mapping[str, Any], what: str) -> bytes:
    """The JSON text of a Python object, for the decoders of the REST API. Raises IllegalArgument."""
    try:
        return compact(dict(value)).encode()
    except JsonFault as fault:
        raise IllegalArgument(f"The {what} cannot be written as JSON: {fault.reason}") from fault
