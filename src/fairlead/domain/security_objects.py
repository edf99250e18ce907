"""Users, roles, role mappings and action groups: their kinds as rows, their fields, and how a stored one is shown.

Field names and their order are those of OpenSearch's files and REST API (spec/06 2.3, 2.4, 3). It evaluates nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from fairlead.domain.ports import Json


class FieldType(StrEnum):
    """The word is the one of `"Wrong datatype"` answers."""

    TEXT = "String"
    LIST = "Array"
    OBJECT = "Object"
    BOOLEAN = "Boolean"


@dataclass(frozen=True, slots=True)
class Field:
    """`shown` fields stand in every answer, with an empty value if need be; others only when they have one.
    `writable` ones may be sent to the REST API; the rest comes from files or is set by us."""

    name: str
    type: FieldType
    shown: bool = True
    writable: bool = True


_TEXT, _LIST, _OBJECT, _BOOLEAN = FieldType.TEXT, FieldType.LIST, FieldType.OBJECT, FieldType.BOOLEAN
_RESERVED = Field("reserved", _BOOLEAN, writable=False)
_HIDDEN = Field("hidden", _BOOLEAN, writable=False)
_STATIC = Field("static", _BOOLEAN, writable=False)
_DESCRIPTION = Field("description", _TEXT, shown=False)

FLAGS = ("reserved", "hidden", "static")


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """One kind: its name in the store, its segment in the REST API (which is the `_meta.type` of its file), the file, the
    noun of its messages, its fields in the order in which they are shown."""

    kind: str
    segment: str
    file: str
    noun: str
    fields: tuple[Field, ...]

    def field(self, name: str) -> Field | None:
        return next((field for field in self.fields if field.name == name), None)

    def shown(self, body: Mapping[str, Any]) -> Json:
        """A stored body as the REST API shows it (spec/06 2.3): every list there, a hash never."""
        answer: Json = {}
        for field in self.fields:
            if field.name in ("enabled", "service"):
                continue
            value = body.get(field.name)
            if field.name == "hash":
                value = ""
            if value is not None or field.shown:
                answer[field.name] = _EMPTY[field.type]() if value is None else value
        return answer


_EMPTY: Mapping[FieldType, Any] = {_TEXT: str, _LIST: list, _OBJECT: dict, _BOOLEAN: bool}

USERS = ObjectKind(
    "security_user",
    "internalusers",
    "internal_users.yml",
    "user",
    (
        Field("hash", _TEXT),
        _RESERVED,
        _HIDDEN,
        Field("backend_roles", _LIST),
        Field("attributes", _OBJECT),
        _DESCRIPTION,
        Field("opendistro_security_roles", _LIST),
        _STATIC,
        Field("enabled", _BOOLEAN, shown=False, writable=False),
        Field("service", _BOOLEAN, shown=False, writable=False),
    ),
)
PASSWORD_UNTIL = "password_until"
"""Member of a stored user whose password was generated: epoch milliseconds until which it counts. Never shown or taken from
a caller, and gone with the password."""

ROLES = ObjectKind(
    "security_role",
    "roles",
    "roles.yml",
    "role",
    (
        _RESERVED,
        _HIDDEN,
        _DESCRIPTION,
        Field("cluster_permissions", _LIST),
        Field("index_permissions", _LIST),
        Field("tenant_permissions", _LIST),
        _STATIC,
    ),
)
MAPPINGS = ObjectKind(
    "security_mapping",
    "rolesmapping",
    "roles_mapping.yml",
    "rolesmapping",
    (
        Field("hosts", _LIST),
        Field("users", _LIST),
        _RESERVED,
        _HIDDEN,
        Field("backend_roles", _LIST),
        Field("and_backend_roles", _LIST),
        _DESCRIPTION,
    ),
)
ACTION_GROUPS = ObjectKind(
    "security_action_group",
    "actiongroups",
    "action_groups.yml",
    "actiongroup",
    (
        _RESERVED,
        _HIDDEN,
        Field("allowed_actions", _LIST),
        Field("type", _TEXT, shown=False),
        _DESCRIPTION,
        _STATIC,
    ),
)

KINDS: tuple[ObjectKind, ...] = (USERS, ROLES, MAPPINGS, ACTION_GROUPS)

INDEX_PERMISSION: Mapping[str, FieldType] = {
    "index_patterns": _LIST,
    "dls": _TEXT,
    "fls": _LIST,
    "masked_fields": _LIST,
    "allowed_actions": _LIST,
}
TENANT_PERMISSION: Mapping[str, FieldType] = {"tenant_patterns": _LIST, "allowed_actions": _LIST}
ENTRIES: Mapping[str, Mapping[str, FieldType]] = {
    "index_permissions": INDEX_PERMISSION,
    "tenant_permissions": TENANT_PERMISSION,
}
"""Members of the objects inside a role's lists."""


def complete_entries(name: str, entries: list[Json]) -> list[Json]:
    """Objects of a role's list with every list there, in the order in which they are shown."""
    return [
        {
            key: _EMPTY[type_]() if entry.get(key) is None else entry[key]
            for key, type_ in ENTRIES[name].items()
            if type_ is _LIST or entry.get(key) is not None
        }
        for entry in entries
    ]
