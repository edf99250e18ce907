"""The `filter_path` parameter: which members of a success reply are shown (spec/01 5.6)."""

from __future__ import annotations

from typing import Any

from fairlead.errors import IllegalArgument

_MISSING = object()


def apply_filter(body: Any, text: str) -> Any:
    """`text` is a comma list of dotted paths with `*` and `**`; a leading `-` excludes. Nothing left is `{}`.

    Raises IllegalArgument for a reply that is nested too deeply to be searched.
    """
    paths = [part.strip() for part in text.split(",") if part.strip()]
    excludes = [path[1:].split(".") for path in paths if path.startswith("-")]
    includes = [path.split(".") for path in paths if not path.startswith("-")]
    try:
        if includes:
            body = _include(body, includes)
        if excludes and body is not _MISSING:
            body = _exclude(body, excludes)
    except RecursionError:
        raise IllegalArgument("filter_path cannot be applied: the reply is nested too deeply") from None
    return {} if body is _MISSING else body


def _matches(pattern: str, key: str) -> bool:
    """`*` stands for any text. Piece by piece from the left, in linear time: callers choose patterns and keys."""
    first, *middle = pattern.split("*")
    if not middle:
        return pattern == key
    last = middle.pop()
    if len(key) < len(first) + len(last) or not key.startswith(first) or not key.endswith(last):
        return False
    at, end = len(first), len(key) - len(last)
    for piece in middle:
        at = key.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True


def _step(paths: list[list[str]], key: str) -> tuple[bool, list[list[str]]]:
    """Whether a path ends at `key`, and the paths that go on below it."""
    ends, below = False, []
    for path in paths:
        head, rest = path[0], path[1:]
        if head == "**":
            below.append(path)
            if rest and _matches(rest[0], key):
                ends = ends or len(rest) == 1
                below.append(rest[1:])
            elif not rest:
                ends = True
        elif _matches(head, key):
            ends = ends or not rest
            below.append(rest)
    return ends, [path for path in below if path]


def _include(value: Any, paths: list[list[str]]) -> Any:
    if isinstance(value, list):
        kept: Any = [item for item in (_include(item, paths) for item in value) if item is not _MISSING]
        return kept or _MISSING
    if not isinstance(value, dict):
        return _MISSING
    found = {}
    for key, item in value.items():
        ends, below = _step(paths, key)
        kept = item if ends else _include(item, below) if below else _MISSING
        if kept is not _MISSING:
            found[key] = kept
    return found or _MISSING


def _exclude(value: Any, paths: list[list[str]]) -> Any:
    if isinstance(value, list):
        kept: Any = [item for item in (_exclude(item, paths) for item in value) if item is not _MISSING]
        return kept if kept or not value else _MISSING
    if not isinstance(value, dict):
        return value
    found = {}
    for key, item in value.items():
        ends, below = _step(paths, key)
        kept = _MISSING if ends else _exclude(item, below) if below else item
        if kept is not _MISSING:
            found[key] = kept
    return found if found or not value else _MISSING
