"""The list of sealed places against the shapes of what is stored."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
from typing import get_type_hints

from fairlead import domain
from fairlead.domain.connector import Connector
from fairlead.domain.sealed import SEALED, SealedPlace, key_of


def stored_kinds() -> dict[str, type]:
    """Every dataclass of the domain that is stored as a document of the kind its module names."""
    found: dict[str, type] = {}
    for info in pkgutil.iter_modules(domain.__path__):
        module = importlib.import_module(f"fairlead.domain.{info.name}")
        for value in vars(module).values():
            own = dataclasses.is_dataclass(value) and getattr(value, "__module__", "") == module.__name__
            if own and hasattr(value, "document") and hasattr(module, "KIND"):
                found.setdefault(module.KIND, value)  # type: ignore[arg-type]
                if value.__name__.lower() == module.KIND.replace("_", ""):
                    found[module.KIND] = value  # type: ignore[assignment]
    return found


def places(kind: str, cls: type, path: tuple[str, ...] = ()) -> set[tuple[str, tuple[str, ...]]]:
    """Where an object with a `credential` lies in documents of this shape."""
    hints = get_type_hints(cls)
    found = {(kind, path)} if "credential" in hints else set()
    for name, hint in hints.items():
        if hint == Connector or Connector in getattr(hint, "__args__", ()):
            found |= places(kind, Connector, (*path, name))
    return found


def test_every_place_of_the_schema_with_a_credential_is_listed_and_no_other() -> None:
    kinds = stored_kinds()
    assert {"connector", "model", "model_group", "task"} <= set(kinds)
    expected = {place for kind, cls in kinds.items() for place in places(kind, cls)}
    assert {(place.kind, place.path) for place in SEALED} == expected


def test_a_document_without_the_object_has_no_values() -> None:
    inner = SealedPlace("model", ("connector",))
    for body in ({}, {"connector": None}, {"connector": {}}, {"connector": {"credential": "x"}}):
        assert inner.values(body) == {}
    assert inner.values({"connector": {"credential": {"a": "t", "b": 5}}}) == {"a": "t"}


def test_replacing_leaves_the_original_and_every_other_member() -> None:
    inner = SealedPlace("model", ("connector",))
    body = {"name": "m", "connector": {"name": "c", "credential": {"a": "1", "b": "2"}}}
    assert inner.replaced(body, {"a": "9"}) == {
        "name": "m",
        "connector": {"name": "c", "credential": {"a": "9", "b": "2"}},
    }
    assert body["connector"] == {"name": "c", "credential": {"a": "1", "b": "2"}}


def test_the_key_of_a_value_is_told_without_opening_it() -> None:
    assert key_of("fl1.0123abcd.x.y") == "0123abcd"
    assert key_of("ref.fl1.0123abcd.x.y") == "0123abcd"
    for other in ("", "sk-1", "fl1.0123ABCD.x", "xfl1.0123abcd.x", "ref.ref.fl1.0123abcd.x", "fl2.0123abcd.x"):
        assert key_of(other) is None
