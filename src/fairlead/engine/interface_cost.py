"""What a JSON schema may cost, worked out when it is stored: how often one value can be looked at, and how deep it may lie.

A validator answers a few lines of schema with years of work: references that double at each step, or a schema that asks itself
twice about each level. It validates nothing, and refuses a schema whose cost has no bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

MAX_SUBSCHEMAS = 5_000
MAX_LOOKS = 20_000
"""How many subschemas may look at one value, or at what lies on one way down to it."""
MAX_LEVELS = 128
"""Levels of an instance up to which the cost is worked out; a schema that still grows there takes no deeper ones."""
MIN_LEVELS = 4
"""A recursive schema that has no bound below this depth is refused when it is stored."""
MAX_STEPS = 10_000_000
"""Looks at one whole instance, a tenth to half a second of work."""
MAX_PATTERN_STEPS = 200_000_000
"""Characters times states of the largest pattern, about a second of work."""
_PLAIN_LOOKS, _PLAIN_STATES, PLAIN_CHARACTERS = 50, 100, 1_000_000
_PUBLISHED = re.compile(r"https?://json-schema\.org/")
_PUBLISHED_LOOKS = 100
_EFFORT = 4
"""`unevaluated...` asks the schemas beside it once more for what they took."""

_SAME = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "dependencies")
_NAMED = ("properties",)
_MEMBERS = ("additionalProperties", "patternProperties", "propertyNames", "unevaluatedProperties")
_ITEMS = ("items", "prefixItems", "additionalItems", "unevaluatedItems", "contains")
_BY_NAME = frozenset({"dependentSchemas", "dependencies", "properties", "patternProperties"})
"""Keywords whose members are subschemas by name."""
_VALUES = ("required", "patternProperties", "dependentRequired")


class Unbounded(ValueError):
    """The schema is refused; the text says why."""


@dataclass(frozen=True, slots=True)
class Cost:
    """`looks` at one value in the worst case, `levels` that an instance may have (None: any), `states` of a pattern."""

    looks: int
    levels: int | None
    states: int

    @property
    def plain(self) -> bool:
        """Whether an instance of ordinary size needs no measuring."""
        return self.looks <= _PLAIN_LOOKS and self.levels is None and self.states <= _PLAIN_STATES

    def excess(self, size: Size) -> str | None:
        """Why an instance cannot be checked, or None."""
        if self.levels is not None and size.levels > self.levels:
            return f"it is nested deeper than {self.levels} levels, which its recursive schema does not allow"
        if size.values * self.looks > MAX_STEPS:
            return f"its {size.values} values are too many for a schema of this cost"
        if self.states > _PLAIN_STATES and size.characters * self.states > MAX_PATTERN_STEPS:
            return f"its {size.characters} characters are too many for the patterns of its schema"
        return None


@dataclass(frozen=True, slots=True)
class Size:
    """Of an instance: values in it, levels of nesting, characters of its texts."""

    values: int
    levels: int
    characters: int

    @classmethod
    def of(cls, instance: Any) -> Size:
        values = levels = characters = 0
        layer = [instance]
        while layer and values <= MAX_STEPS:
            levels += 1
            values += len(layer)
            following: list[Any] = []
            for value in layer:
                if isinstance(value, str):
                    characters += len(value)
                elif isinstance(value, Mapping):
                    characters += sum(map(len, value))
                    following.extend(value.values())
                elif isinstance(value, (list, tuple)):
                    following.extend(value)
            layer = following
        return cls(values, levels - 1, characters)


class _Node:
    """A subschema: those that look at the same value, at a member of one name, at any member, at any item."""

    __slots__ = ("effort", "items", "members", "named", "own", "same")

    def __init__(self) -> None:
        self.own = self.effort = 1
        self.same: list[int] = []
        self.named: list[int] = []
        self.members: list[int] = []
        self.items: list[int] = []


def cost_of(schema: Any) -> Cost:
    """Raises Unbounded. The schema is one that the validator has accepted."""
    graph = _Graph(schema)
    order = _order(graph.nodes)
    before = dict.fromkeys(graph.nodes, 0)
    for level in range(MAX_LEVELS):
        # A value is an object or a list, so that what asks about members and what asks about items do not add up.
        of_objects: dict[int, int] = {}
        of_lists: dict[int, int] = {}
        for key in order:
            node = graph.nodes[key]
            inside = max((before[each] for each in node.named), default=0) + sum(before[each] for each in node.members)
            of_objects[key] = _looks(node, of_objects, inside)
            of_lists[key] = _looks(node, of_lists, sum(before[each] for each in node.items))
        now = {key: max(of_objects[key], of_lists[key]) for key in order}
        if now == before:
            return Cost(now[graph.root], None, graph.states)
        if now[graph.root] > MAX_LOOKS:
            if level < MIN_LEVELS:
                raise Unbounded(f"its references and combinations ask more than {MAX_LOOKS} times about one value")
            return Cost(before[graph.root], level - 1, graph.states)
        before = now
    return Cost(before[graph.root], MAX_LEVELS, graph.states)


def _looks(node: _Node, beside: Mapping[int, int], inside: int) -> int:
    return min(node.own + node.effort * sum(beside[each] for each in node.same) + inside, MAX_LOOKS + 1)


def _order(nodes: Mapping[int, _Node]) -> list[int]:
    """Each after those that it asks about the same value. Raises Unbounded for a circle among them."""
    done: list[int] = []
    state: dict[int, bool] = {}
    for start in nodes:
        stack = [start]
        while stack:
            key = stack[-1]
            if key not in state:
                state[key] = False
                for each in nodes[key].same:
                    if state.get(each) is False:
                        raise Unbounded("a reference leads back to itself without going into the instance")
                    if each not in state:
                        stack.append(each)
                continue
            stack.pop()
            if not state[key]:
                state[key] = True
                done.append(key)
    return done


class _Graph:
    """All subschemas that are reached from the root, by identity."""

    def __init__(self, schema: Any) -> None:
        # The draft that still called it so; elsewhere `id` is a word like any other.
        old = isinstance(schema, dict) and "draft-04" in str(schema.get("$schema"))
        self._id = "id" if old else "$id"
        self._places = dict(_places(schema, self._id))
        self._dynamic = [found for (_, name), found in self._places.items() if name.startswith("dynamic:")]
        self._document = schema
        self.nodes: dict[int, _Node] = {}
        self.states = 0
        self._waiting: list[tuple[Any, str]] = []
        self.root = self._key(schema, "")
        while self._waiting:
            self._read(*self._waiting.pop())

    def _key(self, schema: Any, base: str) -> int:
        key = id(schema) if isinstance(schema, dict) else 0
        if key not in self.nodes:
            self.nodes[key] = _Node()
            if key:
                self._waiting.append((schema, base))
                if len(self.nodes) > MAX_SUBSCHEMAS:
                    raise Unbounded(f"it has more than {MAX_SUBSCHEMAS} subschemas")
        return key

    def _read(self, schema: dict[str, Any], base: str) -> None:
        node = self.nodes[id(schema)]
        base = _based(schema, base, self._id)
        node.own += sum(len(schema[word]) for word in _VALUES if isinstance(schema.get(word), (list, dict)))
        if isinstance(values := schema.get("enum"), list):  # plain ones are found by their hash
            node.own += sum(isinstance(each, (dict, list)) for each in values)
        if "unevaluatedProperties" in schema or "unevaluatedItems" in schema:
            node.effort = _EFFORT
        for words, keys in ((_SAME, node.same), (_NAMED, node.named), (_MEMBERS, node.members), (_ITEMS, node.items)):
            for word in words:
                keys.extend(self._key(each, base) for each in _schemas(word, schema.get(word)))
        for word in ("$ref", "$dynamicRef", "$recursiveRef"):
            if isinstance(reference := schema.get(word), str):
                node.same.extend(self._targets(word, reference, base, node))
        patterns = [schema["pattern"]] if isinstance(schema.get("pattern"), str) else []
        if isinstance(schema.get("patternProperties"), dict):
            patterns.extend(schema["patternProperties"])
        self.states = max(self.states, *map(states, patterns)) if patterns else self.states

    def _targets(self, word: str, reference: str, base: str, node: _Node) -> Iterator[int]:
        address, fragment = urldefrag(_joined(base, reference))
        if _PUBLISHED.match(address) and (address, "") not in self._places:
            node.own += _PUBLISHED_LOOKS
            return
        if not fragment or fragment.startswith("/"):
            place = self._places.get((address, ""))
            found = None if place is None else _pointed(place, fragment, self._id)
        else:
            found = self._places.get((address, fragment), self._places.get((address, "dynamic:" + fragment)))
        if found is None:
            raise Unbounded(f"its reference [{reference}] cannot be followed")
        yield self._key(*found)
        if word != "$ref":
            for each in self._dynamic:
                yield self._key(*each)


def _schemas(word: str, value: Any) -> list[Any]:
    """The subschemas that a keyword holds: one, a list, or by name."""
    if word in _BY_NAME and isinstance(value, dict):
        value = list(value.values())
    values = value if isinstance(value, list) else [value]
    return [each for each in values if isinstance(each, (dict, bool))]


def _joined(base: str, reference: str) -> str:
    """As urljoin, which knows no fragments of `urn:`."""
    return base + reference if reference.startswith("#") else urljoin(base, reference)


def _based(schema: Mapping[str, Any], base: str, word: str) -> str:
    named = schema.get(word)
    return _joined(base, urldefrag(named)[0]) if isinstance(named, str) and not named.startswith("#") else base


def _places(document: Any, word: str) -> Iterator[tuple[tuple[str, str], tuple[Any, str]]]:
    """Everything that a reference may name, by address and anchor, with the address that it lies under."""
    yield ("", ""), (document, "")
    stack = [(document, "")]
    while stack:
        value, base = stack.pop()
        if isinstance(value, list):
            stack.extend((each, base) for each in value)
        elif isinstance(value, dict):
            inner = _based(value, base, word)
            if inner != base:
                yield (inner, ""), (value, base)
            for anchor, prefix in (("$anchor", ""), ("$dynamicAnchor", "dynamic:")):
                if isinstance(name := value.get(anchor), str):
                    yield (inner, prefix + name), (value, base)
            if value.get("$recursiveAnchor") is True:
                yield (inner, f"dynamic:{id(value)}"), (value, base)
            if isinstance(name := value.get(word), str) and name.startswith("#"):
                yield (base, name[1:]), (value, base)
            stack.extend((each, inner) for each in value.values())


def _pointed(place: tuple[Any, str], pointer: str, word: str) -> tuple[Any, str] | None:
    value, base = place
    for part in pointer.split("/")[1:]:
        base = _based(value, base, word) if isinstance(value, dict) else base
        name = unquote(part).replace("~1", "/").replace("~0", "~")
        try:
            value = value[int(name)] if isinstance(value, list) else value[name]
        except (KeyError, IndexError, ValueError, TypeError):
            return None
    return value, base


_ATOM = re.compile(r"\\.|\[(?:\\.|\[:|:\]|[^\]\\])*\]?|\(\??[:<P=!]*|\)|\||\{(\d*)(?:,(\d*))?\}|.", re.DOTALL)


def states(pattern: str) -> int:
    """About how many states a pattern has: its atoms, times the numbers of the repetitions around them."""
    groups = [0]
    last = 0
    for found in _ATOM.finditer(pattern):
        text = found[0]
        if text.startswith("("):
            groups.append(0)
            last = 0
        elif text == ")" and len(groups) > 1:
            last = groups.pop()
            groups[-1] += last
        elif text.startswith("{") and len(text) > 2:
            times = max(int(number[:6]) if number else 1 for number in (found[1], found[2] or found[1]))
            groups[-1] += last * (times - 1)
            last *= times
        else:
            last = 1
            groups[-1] += 1
    return sum(groups)
