"""Which keys of a value one token hits, and the walk that `..` takes. Nothing here raises or says why nothing was hit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeAlias

from fairlead.engine.jsonpath.filters import Lookup, compile_condition
from fairlead.engine.jsonpath.nodes import Filter, Index, PathNode, Property, Slice, Token, Wildcard

Key: TypeAlias = str | int
Location: TypeAlias = tuple[Key, ...]
Hit: TypeAlias = tuple[Location, Any]


class _Self:
    __slots__ = ()


SELF: Final = _Self()
"""The key of a hit that is the value itself: a filter on an object."""

Keys: TypeAlias = Callable[[Any, Any], Sequence[Any]]
"""Which keys of a value a token hits; takes the value and the root."""


def keys_of(token: Token, root_path: Callable[[PathNode, bool], Lookup], every: bool) -> Keys:
    if isinstance(token, Property):
        names = token.names
        if every:
            return lambda value, root: names if isinstance(value, dict) and all(n in value for n in names) else ()
        return lambda value, root: [n for n in names if n in value] if isinstance(value, dict) else ()
    if isinstance(token, Index):
        indexes = token.indexes
        return lambda value, root: (
            [i + len(value) if i < 0 else i for i in indexes if -len(value) <= i < len(value)]
            if isinstance(value, list)
            else ()
        )
    if isinstance(token, Slice):
        start, stop = token.start, token.stop
        return lambda value, root: _sliced(start, stop, len(value)) if isinstance(value, list) else ()
    if isinstance(token, Wildcard):
        return lambda value, root: (
            list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        )
    assert isinstance(token, Filter)
    test = compile_condition(token.condition, root_path)

    def filtered(value: Any, root: Any) -> Sequence[Any]:
        if isinstance(value, list):
            return [i for i, item in enumerate(value) if test(item, root)]
        return (SELF,) if isinstance(value, dict) and test(value, root) else ()

    return filtered


def _sliced(start: int | None, stop: int | None, size: int) -> Sequence[int]:
    """Jayway's slices: one negative bound counts from the end, but with both bounds they are taken as written and
    a negative position wraps around (`[-2:1]` is the last two and the first).
    """
    if stop is None:
        low = start or 0
        return range(max(0, low + size if low < 0 else low), size)
    if start is None:
        return range(min(size, stop + size if stop < 0 else stop))
    return [i + size if i < 0 else i for i in range(max(start, -size), min(size, stop))]


def containers(value: Any) -> Iterator[Any]:
    """Every object and array from the top down, each before what it holds."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            yield item
            stack.extend([v for v in reversed(item.values()) if isinstance(v, (dict, list))])
        elif isinstance(item, list):
            yield item
            stack.extend([v for v in reversed(item) if isinstance(v, (dict, list))])


def located_containers(start: Hit) -> Iterator[Hit]:
    stack = [start]
    while stack:
        location, item = stack.pop()
        if not isinstance(item, (dict, list)):
            continue
        yield location, item
        pairs = list(item.items() if isinstance(item, dict) else enumerate(item))
        stack.extend(((*location, key), v) for key, v in reversed(pairs) if isinstance(v, (dict, list)))
