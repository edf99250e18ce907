"""Bodies of the Security REST API: keys, types, elements and lengths, in the original's order (spec/06 2.3, 2.4).

It reads no store; whatever depends on other objects is decided by fairlead.service.security.objects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fairlead.domain.ports import Json
from fairlead.domain.security_objects import (
    ACTION_GROUPS,
    ENTRIES,
    FLAGS,
    MAPPINGS,
    USERS,
    FieldType,
    ObjectKind,
    complete_entries,
)
from fairlead.errors import InvalidSecurityObject, SecurityApiFault
from fairlead.java.json import JsonFault, strict_loads
from fairlead.security.name_patterns import BadPattern, compile_pattern

LONGEST = 256
LONGEST_BYTES = 512
"""Of a name, which is a key of the store."""
DEEPEST = 16
EMPTY_BODY = "Request body required for this action."
NOT_JSON = "Could not parse content of request."
BLANK_ELEMENT = "`null` or blank values are not allowed as json array elements"
TOO_LONG = f"String value exceeds the maximum allowed length of {LONGEST} characters"
PATTERN_FIELDS = frozenset(
    {"users", "hosts", "backend_roles", "and_backend_roles", "cluster_permissions", "allowed_actions"}
)

_PYTHON: Mapping[FieldType, type] = {FieldType.TEXT: str, FieldType.LIST: list, FieldType.OBJECT: dict}


@dataclass(frozen=True, slots=True)
class Shape:
    """What a body may and must hold. `any_of`: at least one of these."""

    fields: Mapping[str, FieldType]
    mandatory: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()


def shape_of(kind: ObjectKind, *, flags: bool) -> Shape:
    """The keys of a PUT; `flags`: the caller may set `reserved` and `hidden`."""
    fields = {field.name: field.type for field in kind.fields if field.writable}
    if flags:
        fields |= {"reserved": FieldType.BOOLEAN, "hidden": FieldType.BOOLEAN}
    if kind is USERS:
        fields["password"] = FieldType.TEXT
    mandatory = ("allowed_actions",) if kind is ACTION_GROUPS else ()
    any_of = ("backend_roles", "and_backend_roles", "hosts", "users") if kind is MAPPINGS else ()
    return Shape(fields, mandatory, any_of)


ACCOUNT = Shape(
    {"current_password": FieldType.TEXT, "password": FieldType.TEXT, "hash": FieldType.TEXT}, ("current_password",)
)


def read_object(raw: bytes) -> Json:
    """The JSON object of a request's body. Raises InvalidSecurityObject."""
    if not raw.strip():
        raise InvalidSecurityObject(EMPTY_BODY)
    try:
        body = strict_loads(raw)
    except JsonFault as fault:
        raise InvalidSecurityObject(NOT_JSON) from fault
    if not isinstance(body, dict) or not body:
        raise InvalidSecurityObject(EMPTY_BODY)
    if too_deep(body):
        raise InvalidSecurityObject(NOT_JSON)
    return body


def too_deep(value: Any) -> bool:
    """Whether a value is nested deeper than any object of ours can be."""
    level, depth = [value], 0
    while level and depth <= DEEPEST:
        inner = [item.values() if isinstance(item, dict) else item for item in level if isinstance(item, (dict, list))]
        level, depth = [item for items in inner for item in items], depth + 1
    return bool(level)


def check(shape: Shape, body: Json) -> Json:
    """The body with flags as booleans and attributes as texts. Raises InvalidSecurityObject and SecurityApiFault."""
    _check_keys(shape, body)
    checked = {}
    wrong: dict[str, object] = {}
    for name, value in body.items():
        type_ = shape.fields[name]
        if type_ is FieldType.BOOLEAN and value in ("true", "false"):
            value = value == "true"
        right = isinstance(value, bool) if type_ is FieldType.BOOLEAN else isinstance(value, _PYTHON[type_])
        if not right:
            wrong[name] = f"{type_} expected"
        checked[name] = value
    if wrong:
        raise InvalidSecurityObject("Wrong datatype", wrong)
    if any(item is None or (isinstance(item, str) and not item.strip()) for item in _elements(checked)):
        raise InvalidSecurityObject(BLANK_ELEMENT)
    for name, value in checked.items():
        checked[name] = _inside(name, value)
    if any(len(text) > LONGEST for text in _texts(checked)):
        raise InvalidSecurityObject(TOO_LONG)
    return checked


def check_name(noun: str, name: str) -> None:
    if len(name) > LONGEST:
        raise SecurityApiFault(400, f"{noun} name exceeds maximum length of {LONGEST} characters.")
    if not name.strip():
        raise SecurityApiFault(400, f"No {noun} specified.")
    if not name.isprintable():
        raise SecurityApiFault(400, f"{noun} name holds a character that cannot be shown.")
    if len(name.encode()) > LONGEST_BYTES:
        raise SecurityApiFault(400, f"{noun} name exceeds maximum length of {LONGEST_BYTES} bytes.")
    if noun == "user" and ":" in name:
        text = "A restricted character(s) was detected in the account name. Please remove: ':'"
        raise SecurityApiFault(400, text)


def _check_keys(shape: Shape, body: Json) -> None:
    details: dict[str, object] = {}
    unknown = [name for name in body if name not in shape.fields]
    missing = [name for name in shape.mandatory if name not in body]
    if unknown:
        details["invalid_keys"] = {"keys": ",".join(unknown)}
    if missing:
        details["missing_mandatory_keys"] = {"keys": ",".join(missing)}
    if shape.any_of and not any(name in body for name in shape.any_of):
        details["specify_one_of"] = {"keys": ",".join(shape.any_of)}
    if details:
        raise InvalidSecurityObject("Invalid configuration", details)


def _inside(name: str, value: Any) -> Any:
    """Elements of lists and members of objects: the original checks none of these (spec/06 2.3, quirk)."""
    if name == "attributes":
        return {key: _attribute(key, item) for key, item in value.items()}
    if name in ENTRIES:
        return _entries(name, value)
    if isinstance(value, list):
        if not all(isinstance(item, str) for item in value):
            raise InvalidSecurityObject("Wrong datatype", {name: "Array of String expected"})
        if name in PATTERN_FIELDS:
            for item in value:
                try:
                    compile_pattern(item)
                except BadPattern as fault:
                    raise SecurityApiFault(400, f"[{name}] {fault}") from fault
    return value


def _attribute(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, (str, int, float)):
        raise InvalidSecurityObject("Wrong datatype", {f"attributes.{key}": "String expected"})
    return str(value)


def _entries(name: str, entries: list[Any]) -> list[Json]:
    types = ENTRIES[name]
    for entry in entries:
        if not isinstance(entry, dict):
            raise InvalidSecurityObject("Wrong datatype", {name: "Array of Object expected"})
        unknown = [key for key in entry if key not in types]
        if unknown:
            details = {"invalid_keys": {"keys": ",".join(f"{name}.{key}" for key in unknown)}}
            raise InvalidSecurityObject("Invalid configuration", details)
        for key, value in entry.items():
            wanted = _PYTHON[types[key]]
            if value is not None and not isinstance(value, wanted):
                raise InvalidSecurityObject("Wrong datatype", {f"{name}.{key}": f"{types[key]} expected"})
            if isinstance(value, list) and not all(isinstance(item, str) for item in value):
                raise InvalidSecurityObject("Wrong datatype", {f"{name}.{key}": "Array of String expected"})
    return complete_entries(name, entries)


def _walk(value: Any, wanted: Callable[[Any], Iterator[Any]]) -> Iterator[Any]:
    yield from wanted(value)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        yield from _walk(item, wanted)


def _elements(body: Json) -> Iterator[Any]:
    return _walk(body, lambda value: iter(value if isinstance(value, list) else ()))


def _texts(body: Json) -> Iterator[str]:
    return _walk(body, lambda value: iter((value,) if isinstance(value, str) else ()))


def without_flags(body: Json) -> Json:
    return {name: value for name, value in body.items() if name not in FLAGS}
