"""Reads a YAML file of maps, lists and texts; refuses aliases, tags, duplicate keys and sizes that could do harm.

Every scalar stays the text that it is, whatever YAML 1.1 would make of it: a user may be called `no` or `1e3`
(spec/06 section 3). Only an empty value, `null` and `~` are None.
"""

from __future__ import annotations

import importlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MOST_BYTES = 4 * 1024 * 1024
MOST_DEPTH = 20
MOST_VALUES = 500_000
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})


class YamlFault(ValueError):
    """Why a text is not a file of ours; the text names line and column where it can."""


def read_yaml(data: bytes) -> Any:
    """The one document of a file, None when it is empty. Raises YamlFault."""
    if len(data) > MOST_BYTES:
        raise YamlFault(f"larger than {MOST_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise YamlFault(f"not UTF-8 at byte {fault.start}") from fault
    yaml = importlib.import_module("yaml")  # no worker needs it: it is loaded where a file is read
    try:
        return _Composer(yaml, yaml.parse(text, Loader=yaml.SafeLoader)).document()
    except yaml.MarkedYAMLError as fault:
        raise YamlFault(f"{fault.problem or fault.context or 'not YAML'}{_where(fault.problem_mark)}") from fault
    except yaml.YAMLError as fault:
        raise YamlFault(f"not YAML: {fault}".splitlines()[0]) from fault
    except (RecursionError, OverflowError, ValueError) as fault:
        if isinstance(fault, YamlFault):
            raise
        raise YamlFault("not YAML: nested too deep, or an escape that is no character") from fault


def read_yaml_file(path: Path) -> Any:
    """As `read_yaml`. Raises OSError, and YamlFault also for what is no regular file: a pipe would be waited for without
    end, a device read without end."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise YamlFault("not a regular file")
        with open(descriptor, "rb", closefd=False) as file:
            data = file.read(MOST_BYTES + 1)
    finally:
        os.close(descriptor)
    return read_yaml(data)


class _Composer:
    """Values from parser events."""

    def __init__(self, yaml: Any, events: Iterator[Any]) -> None:
        self._yaml = yaml
        self._events = events
        self._values = 0

    def document(self) -> Any:
        value = None
        documents = 0
        for event in self._events:
            if isinstance(event, self._yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise YamlFault(f"more than one document{_where(event.start_mark)}")
                value = self._value(next(self._events), 0)
        return value

    def _value(self, event: Any, depth: int) -> Any:
        self._check(event, depth)
        if isinstance(event, self._yaml.ScalarEvent):
            return None if event.style is None and event.value in _NULLS else event.value
        if isinstance(event, self._yaml.SequenceStartEvent):
            return [self._value(inner, depth + 1) for inner in self._until(self._yaml.SequenceEndEvent)]
        return self._map(depth)

    def _map(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key in self._until(self._yaml.MappingEndEvent):
            self._check(key, depth + 1)
            if not isinstance(key, self._yaml.ScalarEvent):
                raise YamlFault(f"a key is not a text{_where(key.start_mark)}")
            if key.value in found:
                raise YamlFault(f"the key '{key.value}' stands there twice{_where(key.start_mark)}")
            found[key.value] = self._value(next(self._events), depth + 1)
        return found

    def _until(self, end: type) -> Iterator[Any]:
        while not isinstance(event := next(self._events), end):
            yield event

    def _check(self, event: Any, depth: int) -> None:
        self._values += 1
        where = _where(event.start_mark)
        if isinstance(event, self._yaml.AliasEvent):
            raise YamlFault(f"aliases are not allowed{where}")
        if event.anchor is not None:
            raise YamlFault(f"anchors are not allowed{where}")
        if event.tag not in (None, "!"):
            raise YamlFault(f"tags are not allowed{where}")
        if self._values > MOST_VALUES:
            raise YamlFault(f"more than {MOST_VALUES} values")
        if depth > MOST_DEPTH:
            raise YamlFault(f"nested more than {MOST_DEPTH} levels deep{where}")


def _where(mark: Any) -> str:
    return f", line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
