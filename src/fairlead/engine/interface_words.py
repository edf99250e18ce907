"""What a schema violation is called: the recorded words, rebuilt from the kind of the error (spec/02 4.2).

A row for each keyword; the values of an instance are never quoted here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from jsonschema_rs import ValidationError

Words = Callable[[Any, Any], str]
"""From the keyword's value in the schema and the instance to the words."""


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    names = {float: "number", str: "string", list: "array"}
    return next((name for kind, name in names.items() if isinstance(value, kind)), "object")


def _type(wanted: Any, found: Any) -> str:
    shown = f"[{', '.join(map(str, wanted))}]" if isinstance(wanted, list) else wanted
    return f"{_kind(found)} found, {shown} expected"


def _listed(values: Any) -> str:
    return ", ".join(map(str, values)) if isinstance(values, list) else str(values)


WORDS: Mapping[str, Words] = {
    "required": lambda name, _: f"required property '{name}' not found",
    "type": _type,
    "maxLength": lambda limit, _: f"must be at most {limit} characters long",
    "minLength": lambda limit, _: f"must be at least {limit} characters long",
    "maxItems": lambda limit, found: f"must have at most {limit} items but found {len(found)}",
    "minItems": lambda limit, found: f"must have at least {limit} items but found {len(found)}",
    "maxProperties": lambda limit, found: f"must have at most {limit} properties but found {len(found)}",
    "minProperties": lambda limit, found: f"must have at least {limit} properties but found {len(found)}",
    "maximum": lambda limit, _: f"must be at most {limit}",
    "minimum": lambda limit, _: f"must be at least {limit}",
    "exclusiveMaximum": lambda limit, _: f"must be less than {limit}",
    "exclusiveMinimum": lambda limit, _: f"must be more than {limit}",
    "multipleOf": lambda factor, _: f"must be a multiple of {factor}",
    "pattern": lambda pattern, _: f"must match the pattern {pattern}",
    "format": lambda name, _: f"must have the format {name}",
    "enum": lambda values, _: f"must be one of [{_listed(values)}]",
    "const": lambda value, _: f"must be {value}",
    "uniqueItems": lambda *_: "must not have the same item twice",
    "contains": lambda *_: "has no item, or not as many, as the schema wants",
    "additionalProperties": lambda names, _: f"must not have the properties [{_listed(names)}]",
    "unevaluatedProperties": lambda names, _: f"must not have the properties [{_listed(names)}]",
    "additionalItems": lambda limit, _: f"must not have more than {limit} items",
    "unevaluatedItems": lambda *_: "must not have more items than the schema describes",
    "anyOf": lambda *_: "fits none of the schemas of anyOf",
    "oneOf": lambda *_: "must fit exactly one of the schemas of oneOf",
    "not": lambda *_: "must not fit the schema of not",
    "propertyNames": lambda *_: "has a property whose name does not fit",
}


def described(error: ValidationError, schema: Any) -> str:
    """One violation as path and words."""
    keyword = str(error.schema_path[-1]) if error.schema_path else ""
    name = keyword if keyword in WORDS else error.kind.name
    value = error.kind.value
    if name == "type":  # in the schema's order, which the validator forgets
        value = _at(schema, error.schema_path, value)
    words = WORDS.get(name)
    return f"{_path(error.instance_path)}: {words(value, error.instance) if words else f'does not meet {name}'}"


def _at(schema: Any, path: Sequence[str | int], otherwise: Any) -> Any:
    """What the schema has there; a path that leads through a reference leads out of it."""
    for part in path:
        try:
            schema = schema[part]
        except (KeyError, IndexError, TypeError):
            return otherwise[0] if isinstance(otherwise, list) and len(otherwise) == 1 else otherwise
    return schema


def _path(parts: Iterable[str | int]) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
