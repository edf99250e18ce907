"""A compiled path: read, list, set and delete its hits in a parsed document. Faults are PathNotFound and InvalidPath."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from fairlead.engine.jsonpath.compiler import Program, compile_node
from fairlead.engine.jsonpath.misses import Miss
from fairlead.engine.jsonpath.parser import parse_path
from fairlead.engine.jsonpath.selectors import Key, Location
from fairlead.errors import PathNotFound


@dataclass(frozen=True, slots=True)
class Path:
    """A path that was parsed once. `definite` paths lead to one value, others to a list of hits.

    `normal` is the path in brackets (`$['a'][*]`), as messages show it. Equal texts are equal paths; pickles by text.
    """

    text: str
    definite: bool = field(compare=False)
    normal: str = field(compare=False, repr=False)
    _program: Program = field(compare=False, repr=False)

    def read(self, document: Any) -> Any:
        """The value, or the list of hits. Raises PathNotFound with Jayway's text when a definite part is missing."""
        value = self._program.evaluate(document, document)
        if value.__class__ is Miss:
            raise PathNotFound(value.reason)
        return value

    def locations(self, document: Any) -> list[Location]:
        """Where each hit is, as keys and indexes from the root, in the order of `read`. Raises PathNotFound."""
        hits = self._program.locate(document)
        if isinstance(hits, Miss):
            raise PathNotFound(hits.reason)
        return [location for location, _ in hits]

    def paths(self, document: Any) -> list[str]:
        """The hits as concrete paths (`$['a'][0]`). Raises PathNotFound."""
        return [concrete(location) for location in self.locations(document)]

    def set(self, document: Any, value: Any) -> None:
        """Put `value` in place of every hit, in `document` itself. Raises PathNotFound when there is none, or for `$`."""
        # What lies inside another hit goes first: written after it, it would be written into `value` itself.
        for location in reversed(self._targets(document, "set")):
            put(document, location, value)

    def delete(self, document: Any) -> None:
        """Remove every hit from `document` itself. Raises PathNotFound when there is none, or for `$`."""
        # From the last to the first: positions in an array stay true, and what a hit holds goes before the hit.
        for location in reversed(self._targets(document, "delete")):
            parent = at(document, location[:-1])
            del parent[location[-1]]

    def _targets(self, document: Any, operation: str) -> list[Location]:
        locations = list(dict.fromkeys(self.locations(document)))
        if not locations:
            raise PathNotFound(f"No results for path: {self.normal}")
        if () in locations:
            raise PathNotFound(f"Invalid {operation} operation")
        return sorted(locations, key=_order)

    def __reduce__(self) -> tuple[object, ...]:
        return (compile_path, (self.text,))


def _order(location: Location) -> tuple[tuple[int, str | int], ...]:
    return tuple((0, key) if isinstance(key, int) else (1, key) for key in location)


def at(document: Any, location: Location) -> Any:
    """The value at a location."""
    for key in location:
        document = document[key]
    return document


def put(document: Any, location: Location, value: Any) -> None:
    """Write at a location that is not the root; what holds it may have been replaced by an earlier write."""
    parent = document
    for key in location[:-1]:
        if not _holds(parent, key):
            return
        parent = parent[key]
    if _holds(parent, location[-1]):
        parent[location[-1]] = value


def _holds(container: Any, key: Key) -> bool:
    if isinstance(key, str):
        return isinstance(container, dict) and key in container
    return isinstance(container, list) and -len(container) <= key < len(container)


def concrete(location: Location) -> str:
    """A location as a path."""
    return "$" + "".join(f"['{key}']" if isinstance(key, str) else f"[{key}]" for key in location)


@lru_cache(maxsize=512)
def compile_path(text: str) -> Path:
    """Compile a JSONPath; the leading `$.` is optional. Raises InvalidPath, IllegalArgument for an empty text."""
    node = parse_path(text)
    program = compile_node(node)
    return Path(text, program.definite, str(node), program)
