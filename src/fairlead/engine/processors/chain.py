"""Chains: a configuration compiled to steps that run one after the other. It logs nothing and guesses no configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import inf
from typing import Any

from fairlead.engine.jsonpath import DocumentFault, parse_whole
from fairlead.engine.processors import fields, nested, texts
from fairlead.engine.processors.config import Config, Processor, to_text
from fairlead.errors import IllegalArgument
from fairlead.java.json import JsonFault, strict_loads

MAX_NESTING = 16
"""How deep chains may stand inside processors."""


@dataclass(frozen=True, slots=True)
class ProcessorType:
    """One kind of processor; `options` are the members it reads, the required ones first and marked with `!`."""

    name: str
    build: Callable[[Config], Processor]
    options: tuple[str, ...]
    doc: str


PROCESSORS: Mapping[str, ProcessorType] = {
    row.name: row
    for row in (
        ProcessorType(
            "to_string",
            texts.to_string,
            ("escape_json",),
            "Turns the value into text.",
        ),
        ProcessorType(
            "regex_replace",
            texts.regex_replace,
            ("pattern!", "replacement", "replace_all"),
            "Replaces what a Java regular expression matches.",
        ),
        ProcessorType(
            "regex_capture",
            texts.regex_capture,
            ("pattern!", "groups"),
            "Takes groups of the first match.",
        ),
        ProcessorType(
            "jsonpath_filter",
            fields.jsonpath_filter,
            ("path!", "default"),
            "Takes what a JSONPath finds.",
        ),
        ProcessorType(
            "extract_json",
            texts.extract_json,
            ("extract_type", "default"),
            "Takes the first JSON object or array out of a text.",
        ),
        ProcessorType(
            "remove_jsonpath",
            fields.remove_jsonpath,
            ("paths!",),
            "Removes what the paths find.",
        ),
        ProcessorType(
            "set_field",
            fields.set_field,
            ("path!", "value", "source_path", "default"),
            "Writes a constant or a copy at a path.",
        ),
        ProcessorType(
            "process_and_set",
            nested.process_and_set,
            ("path!", "processors!"),
            "Runs a chain over the value and writes its result at a path.",
        ),
        ProcessorType(
            "for_each",
            nested.for_each,
            ("path!", "processors!"),
            "Runs a chain over every element at a path.",
        ),
        ProcessorType(
            "conditional",
            nested.conditional,
            ("routes!", "path", "default"),
            "Runs the chain of the first condition that holds.",
        ),
    )
}


FREE_WEIGHT = 20_000
GROWTH = 8
"""A chain may make a value of this many characters and members, or this many times what it was given."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Compiled steps. `source` is the configuration it came from; a chain is pickled as that."""

    source: Any
    steps: tuple[Processor, ...] = field(compare=False, repr=False)

    def run(self, value: Any) -> Any:
        """Each step over the result of the one before; `value` itself is never changed.

        Raises RegexTimeout, and IllegalArgument for a value that steps have made too large: two that double it, forty
        times over, would otherwise fill any memory.
        """
        limit = max(FREE_WEIGHT, GROWTH * weight(value))
        for step in self.steps:
            value = step(value)
            if weight(value, limit) > limit:
                raise IllegalArgument(f"The processors made a value of more than {limit} characters and members")
        return value

    def run_text(self, text: str) -> str:
        """The same for a payload: a result that is not text is written as JSON. Raises RegexTimeout, JsonFault."""
        return to_text(self.run(text))

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuilt, (self.source,))


def weight(value: Any, limit: float = inf) -> int:
    """Characters and members of a JSON value, counted until they are more than `limit`."""
    total, stack = 0, [value]
    while stack and total <= limit:
        item = stack.pop()
        if isinstance(item, str):
            total += len(item)
        elif isinstance(item, dict):
            total += len(item)
            stack.extend(item.values())
            stack.extend(item)
        elif isinstance(item, list):
            total += len(item)
            stack.extend(item)
    return total


def compile_chain(config: str | Sequence[Any] | None) -> Chain | None:
    """Compile a chain from JSON text or from the parsed list.

    None when there is none: absent, JSON null, an empty list, or nothing that is a list of objects.
    Raises IllegalArgument with the constructor's message for a processor that is configured wrongly (D-23).
    """
    if config is None:
        return None
    if isinstance(config, str):
        return _from_text(config) if len(config) <= _CACHED_LENGTH else _from_text.__wrapped__(config)
    return _from_list(config, config)


_CACHED_LENGTH = 16_384
"""Longer configurations are compiled at each use: callers may send them, and a cache of large texts would be a leak."""


@lru_cache(maxsize=256)
def _from_text(text: str) -> Chain | None:
    try:
        parsed = strict_loads(text)
    except JsonFault:
        try:
            parsed = parse_whole(text)  # gson takes single quotes and bare names
        except DocumentFault:
            return None
    return _from_list(parsed, text) if isinstance(parsed, list) else None


def _from_list(configs: Sequence[Any], source: Any) -> Chain | None:
    if not configs or not all(isinstance(config, Mapping) for config in configs):
        return None
    return _compiled(configs, source, 0)


def _compiled(configs: Sequence[Any], source: Any, depth: int) -> Chain:
    if depth > MAX_NESTING:
        raise IllegalArgument(f"Processors are nested deeper than {MAX_NESTING} levels")

    def inner(value: Any) -> Chain:
        items = [value] if isinstance(value, Mapping) else value
        if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
            raise IllegalArgument("Processors must be an object or a list of objects")
        return _compiled(items, items, depth + 1)

    return Chain(source, tuple(_step(config, inner) for config in configs))


def _step(members: Mapping[str, Any], inner: Callable[[Any], Chain]) -> Processor:
    kind = members.get("type")
    if kind is None:
        raise IllegalArgument("Can't find class for type null")
    name = to_text(kind)
    row = PROCESSORS.get(name.lower())
    if row is None:
        raise IllegalArgument(f"Invalid ML processor type: {name}")
    return row.build(Config(row.name, members, inner))


def _rebuilt(source: Any) -> Chain:
    chain = compile_chain(source)
    if chain is None:
        raise IllegalArgument("not a chain")
    return chain
