"""The steps that read or change places in a document: jsonpath_filter, remove_jsonpath, set_field."""

from __future__ import annotations

from typing import Any

from fairlead.engine.jsonpath import Path, at
from fairlead.engine.processors.config import (
    FAULTS,
    Config,
    Processor,
    copied,
    copy_of,
    document_of,
    path_or_none,
)
from fairlead.errors import PathNotFound
from fairlead.java.regex import RegexTimeout


def jsonpath_filter(config: Config) -> Processor:
    """What the path finds; on a miss the default, or the value itself."""
    path = path_or_none(config.text("path"))
    default = config.get("default")

    def run(value: Any) -> Any:
        try:
            if path is not None:
                return path.read(document_of(value))
        except RegexTimeout:
            raise
        except FAULTS:
            pass
        return value if default is None else copied(default)

    return run


def remove_jsonpath(config: Config) -> Processor:
    """The document without the hits of each path; a path without hits is passed over."""
    paths = _paths(config)

    def run(value: Any) -> Any:
        try:
            document = copy_of(value)
        except FAULTS:
            return value
        for path in paths:
            try:
                path.delete(document)
            except RegexTimeout:
                raise
            except FAULTS:
                continue
        return document

    return run


def _paths(config: Config) -> list[Path]:
    if not config.has("paths"):
        config.fail("'paths' is required for remove_jsonpath processor")
    given = config.get("paths")
    if given is None:
        config.fail("'paths' cannot be null for remove_jsonpath processor")
    if not isinstance(given, list):
        config.fail("'paths' must be a list for remove_jsonpath processor")
    if not given:
        config.fail("'paths' cannot be empty for remove_jsonpath processor")
    paths: list[Path] = []
    for text in given:
        if not isinstance(text, str) or not text.strip():
            config.fail("Each path in 'paths' must be a non-empty string")
        path = path_or_none(text)
        if path is not None:
            paths.append(path)
    return paths


class Target:
    """A place to write to: its hits if there are any, else a new key on an object that exists."""

    __slots__ = ("_key", "_parent", "_path")

    def __init__(self, text: str) -> None:
        whole = text if text.startswith(("$", "@")) else f"$.{text}"
        dot = whole.rfind(".")
        self._path = path_or_none(text)
        self._key = whole[dot + 1 :].strip()
        self._parent = path_or_none(whole[:dot]) if dot > whole.rfind("[") else None

    def write(self, document: Any, value: Any) -> None:
        """Change `document` itself. Raises PathNotFound when there is no place, an array where a key is to go included."""
        if self._path is None:
            raise PathNotFound("not a path")
        try:
            self._path.set(document, value)
        except PathNotFound:
            if self._parent is None or not self._key or "(" in self._key or self._key == "*":
                raise
            self._add(self._parent, document, value)

    def _add(self, parent: Path, document: Any, value: Any) -> None:
        holders = [at(document, location) for location in parent.locations(document)]
        if not holders or not all(isinstance(holder, dict) for holder in holders):
            raise PathNotFound("Can only add properties to a map")
        for holder in holders:
            holder[self._key] = value


def set_field(config: Config) -> Processor:
    """A constant, or what another path finds, written at a path; gives the whole document."""
    target = Target(config.text("path"))
    if not config.has("value") and not config.has("source_path"):
        config.fail("Either 'value' or 'source_path' is required for set_field processor")
    if config.has("value") and config.has("source_path"):
        config.fail("Cannot specify both 'value' and 'source_path' for set_field processor")
    source: Path | None = None
    if config.has("source_path"):
        given = config.get("source_path")
        if not isinstance(given, str) or not given.strip():
            config.fail("'source_path' cannot be empty for set_field processor")
        source = path_or_none(given)
    elif config.has("default"):
        config.fail("'default' can only be used with 'source_path' for set_field processor")
    constant, copies, default = config.get("value"), config.has("source_path"), config.get("default")

    def run(value: Any) -> Any:
        try:
            document = copy_of(value)
            wanted = _source(source, document) if copies else constant
            if copies and wanted is None:
                wanted = default
            if copies and wanted is None:
                return value
            target.write(document, copied(wanted))
        except RegexTimeout:
            raise
        except FAULTS:
            return value
        return document

    return run


def _source(path: Path | None, document: Any) -> Any:
    try:
        return None if path is None else path.read(document)
    except PathNotFound:
        return None
