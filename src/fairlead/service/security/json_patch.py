"""JSON Patch as the Security REST API takes it: `add`, `replace` and `remove` of RFC 6902, all or nothing (spec/06 2.5)."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from fairlead.errors import SecurityApiFault
from fairlead.java.json import JsonFault, strict_loads
from fairlead.service.security.validation import too_deep

OPERATIONS = ("replace", "remove", "add")
MOST = 1000


@dataclass(frozen=True, slots=True)
class Operation:
    """`path` is taken apart; `value` is not looked at for `remove`."""

    name: str
    path: tuple[str, ...]
    value: Any = None


def read_patch(raw: bytes) -> list[Operation]:
    """Raises SecurityApiFault 400."""
    if not raw.strip():
        raise SecurityApiFault(400, "Wrong request body")
    try:
        body = strict_loads(raw)
    except JsonFault as fault:
        raise SecurityApiFault(400, f"Error in JSON patch: {fault.reason}") from fault
    if not isinstance(body, list) or not any(isinstance(item, dict) and "op" in item for item in body):
        raise SecurityApiFault(400, "Wrong request body")
    if too_deep(body):
        raise SecurityApiFault(400, "Error in JSON patch: nested too deep")
    if len(body) > MOST:
        raise SecurityApiFault(400, f"More than {MOST} operations")
    return [_operation(item) for item in body]


def _operation(item: Any) -> Operation:
    if not isinstance(item, dict):
        raise SecurityApiFault(400, "Invalid JSON Patch payload (not an object)")
    for field in ("op", "path"):
        if not isinstance(item.get(field), str):
            raise SecurityApiFault(400, f"Invalid JSON Patch payload (missing '{field}' field)")
    if item["op"] not in OPERATIONS:
        supported = ",".join(OPERATIONS)
        raise SecurityApiFault(400, f"Unsupported patch operation: {item['op']}. Supported are: {supported}")
    if item["op"] != "remove" and "value" not in item:
        raise SecurityApiFault(400, "Invalid JSON Patch payload (missing 'value' field)")
    path = item["path"]
    if path and not path.startswith("/"):
        raise SecurityApiFault(400, "Missing leading slash")
    segments = tuple(part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:])
    return Operation(item["op"], segments, item.get("value"))


def apply(document: Any, operations: list[Operation]) -> Any:
    """A patched copy. Removing what is not there is no fault. Raises SecurityApiFault 400."""
    root = {"": copy.deepcopy(document)}
    for operation in operations:
        _apply(root, Operation(operation.name, ("", *operation.path), copy.deepcopy(operation.value)))
    return root.get("", {})


def _apply(root: Any, operation: Operation) -> None:
    place = root
    for segment in operation.path[:-1]:
        found = _member(place, segment)
        if found is _NOTHING:
            if operation.name == "remove":
                return
            raise SecurityApiFault(400, f'Missing field "{segment}"')
        place = found
    last = operation.path[-1]
    if isinstance(place, dict):
        _change_object(place, last, operation)
    elif isinstance(place, list):
        _change_list(place, last, operation)
    elif operation.name != "remove":
        raise SecurityApiFault(400, f'Missing field "{last}"')


_NOTHING = object()


def _member(place: Any, segment: str) -> Any:
    if isinstance(place, dict):
        return place.get(segment, _NOTHING)
    if isinstance(place, list) and segment.isdecimal() and segment.isascii() and len(segment) < 10:
        return place[int(segment)] if int(segment) < len(place) else _NOTHING
    return _NOTHING


def _change_object(place: dict[str, Any], name: str, operation: Operation) -> None:
    if operation.name == "remove":
        place.pop(name, None)
    elif operation.name == "replace" and name not in place:
        raise SecurityApiFault(400, f'Missing field "{name}"')
    else:
        place[name] = operation.value


def _change_list(place: list[Any], name: str, operation: Operation) -> None:
    if name == "-" and operation.name == "add":
        place.append(operation.value)
        return
    if not (name.isdecimal() and name.isascii() and len(name) < 10):
        raise SecurityApiFault(400, f"Array index {name} out of bounds")
    at = int(name)
    if at > len(place) - (operation.name != "add"):
        if operation.name == "remove":
            return
        raise SecurityApiFault(400, f"Array index {at} out of bounds")
    if operation.name == "add":
        place.insert(at, operation.value)
    elif operation.name == "replace":
        place[at] = operation.value
    else:
        del place[at]
