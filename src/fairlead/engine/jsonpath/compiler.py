"""Parsed paths to closures: one set that gives values and one that gives locations. No parsing, no raising of misses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from fairlead.engine.jsonpath.filters import UNDEFINED, Lookup
from fairlead.engine.jsonpath.functions import FUNCTIONS, Argument, NoResult
from fairlead.engine.jsonpath.misses import Miss, blocked, no_array, no_object, shown
from fairlead.engine.jsonpath.nodes import (
    Call,
    Filter,
    Index,
    Literal,
    PathNode,
    Property,
    Scan,
    Slice,
    Token,
)
from fairlead.engine.jsonpath.selectors import (
    SELF,
    Hit,
    Key,
    Keys,
    Location,
    containers,
    keys_of,
    located_containers,
)

Evaluate: TypeAlias = Callable[[Any, Any], Any]
"""Item and root to the value, or to a Miss."""

Step: TypeAlias = Callable[[list[Any], Any], list[Any]]


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled path. `locate` gives every hit with its location, and no hits together with the miss."""

    definite: bool
    evaluate: Evaluate
    locate: Callable[[Any], list[Hit] | Miss]


def compile_node(node: PathNode, every: bool = False) -> Program:
    """Compile a parsed path. With `every`, a union of names needs all of them (existence tests)."""
    tokens = node.tokens
    call = tokens[-1] if tokens and isinstance(tokens[-1], Call) else None
    if call is not None:
        tokens = tokens[:-1]
    prefix: list[Key] = []
    while len(prefix) < len(tokens) and (key := _single(tokens[len(prefix)])) is not None:
        prefix.append(key)
    rest = tokens[len(prefix) :]
    walk = _walker(tuple(prefix), node, leaf=not rest and call is None, scalar=not rest)
    definite = not rest or (call is None and len(rest) == 1 and isinstance(rest[0], Property))
    if not rest:
        evaluate = walk
    elif definite:
        evaluate = _picked(walk, rest[0], node, every)
    else:
        evaluate = _collected(walk, rest, node, leaf_call=call is not None)
    if call is not None:
        evaluate = _called(evaluate, call, definite)
    return Program(definite, evaluate, _locator(walk, tuple(prefix), rest, node))


def _single(token: Token) -> Key | None:
    if isinstance(token, Property) and len(token.names) == 1:
        return token.names[0]
    return token.indexes[0] if isinstance(token, Index) and len(token.indexes) == 1 else None


# the definite part at the front


class _Nothing:
    __slots__ = ()


_NOTHING: Final = _Nothing()
"""An index out of range before an indefinite part: no hits, and no miss either."""


def _walker(keys: tuple[Key, ...], node: PathNode, leaf: bool, scalar: bool) -> Evaluate:
    """Down a chain of single names and indexes: plain subscripts, and only when one fails the reason is looked for."""

    def explain(start: Any) -> Any:
        value, path = start, node.root
        for position, key in enumerate(keys):
            reason = blocked(value, key, path)
            if reason is not None:
                return Miss(reason)
            if isinstance(key, str):
                if key not in value:
                    last = leaf and position == len(keys) - 1
                    return Miss(f"No results for path: {node}" if last else f"Missing property in path {path}['{key}']")
                path = f"{path}['{key}']"
            else:
                if not -len(value) <= key < len(value):
                    return Miss(f"No results for path: {node}") if scalar else _NOTHING
                path = f"{path}[{key}]"
            value = value[key]
        return value

    if not keys or isinstance(keys[-1], str):
        # A name cannot be looked up in a string, so a string met by an earlier index fails here in the end.
        def walk(value: Any, root: Any) -> Any:
            start = value
            try:
                for key in keys:
                    value = value[key]
            except (KeyError, IndexError, TypeError):
                return explain(start)
            return value

        return walk

    def walk_to_index(value: Any, root: Any) -> Any:
        start = value
        try:
            for key in keys:
                if value.__class__ is str:
                    return explain(start)
                value = value[key]
        except (KeyError, IndexError, TypeError):
            return explain(start)
        return value

    return walk_to_index


def _of_objects(keys: Keys) -> Keys:
    """A filter behind `..` tests every object once, where the walk meets it, and no items of arrays a second time."""
    return lambda value, root: keys(value, root) if isinstance(value, dict) else ()


# the indefinite part


@dataclass(frozen=True, slots=True)
class _Part:
    """One token of the indefinite part, with the `..` before it; `merged` joins the names of a union to one object."""

    token: Token
    keys: Keys
    scan: bool
    merged: bool


def _parts(rest: Sequence[Token], leaf_call: bool) -> list[_Part]:
    parts: list[_Part] = []
    position = 0
    while position < len(rest):
        scan = isinstance(rest[position], Scan)
        position += scan
        token = rest[position]
        position += 1
        following = rest[position] if position < len(rest) else None
        merged = isinstance(token, Property) and len(token.names) > 1 and following is None and not leaf_call
        keys = keys_of(token, lookup, every=scan and merged)
        if scan and isinstance(token, Filter):
            keys = _of_objects(keys)
        parts.append(_Part(token, keys, scan, merged))
    return parts


def _step(part: _Part) -> Step:
    token, keys = part.token, part.keys
    if part.merged:

        def merge(values: list[Any], root: Any) -> list[Any]:
            found = _every_container(values) if part.scan else values
            return [
                {name: value[name] for name in names}
                for value in found
                if isinstance(value, dict) and ((names := keys(value, root)) or not part.scan)
            ]

        return merge
    if isinstance(token, Property) and len(token.names) == 1:
        name = token.names[0]
        if part.scan:
            return lambda values, root: [
                value[name] for value in _every_container(values) if isinstance(value, dict) and name in value
            ]
        return lambda values, root: [value[name] for value in values if isinstance(value, dict) and name in value]

    def step(values: list[Any], root: Any) -> list[Any]:
        found = _every_container(values) if part.scan else values
        return [value if key is SELF else value[key] for value in found for key in keys(value, root)]

    return step


def _every_container(values: list[Any]) -> Iterator[Any]:
    for value in values:
        yield from containers(value)


def _guard(token: Token, node: PathNode, depth: int) -> Callable[[Any], str | None]:
    """What the first indefinite token demands of the one value before it; later ones pass over what does not fit."""
    path = node.root + "".join(map(str, node.tokens[:depth]))
    if isinstance(token, (Slice, Index)):
        return lambda value: None if isinstance(value, list) else no_array(str(token), value, path)
    if isinstance(token, Property):
        return lambda value: None if isinstance(value, dict) else no_object(str(token), value, path)
    if isinstance(token, Filter):
        return lambda value: (
            None
            if isinstance(value, (dict, list))
            else f"Filter: {token} can not be applied to primitives. Current context is: {shown(value)}"
        )
    return lambda value: None


def _collected(walk: Evaluate, rest: Sequence[Token], node: PathNode, leaf_call: bool) -> Evaluate:
    steps = tuple(_step(part) for part in _parts(rest, leaf_call))
    guard = _guard(rest[0], node, len(node.tokens) - len(rest) - leaf_call)

    def collect(value: Any, root: Any) -> Any:
        value = walk(value, root)
        if value is _NOTHING:
            return []
        if value.__class__ is Miss:
            return value
        reason = guard(value)
        if reason is not None:
            return Miss(reason)
        values = [value]
        for step in steps:
            values = step(values, root)
        return values

    return collect


def _picked(walk: Evaluate, token: Token, node: PathNode, every: bool) -> Evaluate:
    """A union of names at the end of a definite path: one object of those that are there."""
    assert isinstance(token, Property)
    names = token.names
    guard = _guard(token, node, len(node.tokens) - 1)

    def pick(value: Any, root: Any) -> Any:
        value = walk(value, root)
        if value is _NOTHING:
            return Miss(f"No results for path: {node}")
        if value.__class__ is Miss:
            return value
        reason = guard(value)
        if reason is not None:
            return Miss(reason)
        if every and not all(name in value for name in names):
            return Miss(f"No results for path: {node}")
        return {name: value[name] for name in names if name in value}

    return pick


# functions


def _called(evaluate: Evaluate, call: Call, definite: bool) -> Evaluate:
    apply = FUNCTIONS[call.name].apply
    arguments = tuple(_argument(argument) for argument in call.arguments)

    def invoke(value: Any, root: Any) -> Any:
        value = evaluate(value, root)
        if value.__class__ is Miss:
            return value
        given: list[Argument] = []
        for argument in arguments:
            found = argument(root)
            if isinstance(found, Miss):
                return found
            given.append(found)
        try:
            return apply(value, given) if definite else [apply(hit, given) for hit in value]
        except NoResult as fault:
            return Miss(fault.reason)

    return invoke


def _argument(argument: Literal | PathNode) -> Callable[[Any], Argument | Miss]:
    if isinstance(argument, Literal):
        constant = Argument(argument.value)
        return lambda root: constant
    program = compile_node(argument)

    def find(root: Any) -> Argument | Miss:
        value = program.evaluate(root, root)
        if isinstance(value, Miss):
            return value
        return Argument(value, None if program.definite else value)

    return find


def lookup(node: PathNode, every: bool) -> Lookup:
    """A path inside a filter: `@` starts at the item, `$` at the root; a miss is UNDEFINED."""
    evaluate = compile_node(node, every).evaluate
    absolute = node.root == "$"

    def find(item: Any, root: Any) -> Any:
        value = evaluate(root if absolute else item, root)
        return UNDEFINED if value.__class__ is Miss else value

    return find


# locations


def _locator(
    walk: Evaluate, prefix: tuple[Key, ...], rest: Sequence[Token], node: PathNode
) -> Callable[[Any], list[Hit] | Miss]:
    parts = _parts(rest, leaf_call=False)
    guard = _guard(rest[0], node, len(prefix)) if rest else None

    def locate(document: Any) -> list[Hit] | Miss:
        value = walk(document, document)
        if isinstance(value, Miss):
            return value
        if value is _NOTHING:
            return []
        reason = guard(value) if guard is not None else None
        if reason is not None:
            return Miss(reason)
        hits: list[Hit] = [(_settled(document, prefix), value)]
        for part in parts:
            found = [hit for start in hits for hit in located_containers(start)] if part.scan else hits
            hits = [
                (location, item) if key is SELF else ((*location, key), item[key])
                for location, item in found
                for key in part.keys(item, document)
            ]
        return hits

    return locate


def _settled(document: Any, keys: tuple[Key, ...]) -> Location:
    """The keys with negative indexes made positive."""
    out: list[Key] = []
    for key in keys:
        out.append(key + len(document) if isinstance(key, int) and key < 0 else key)
        document = document[key]
    return tuple(out)
