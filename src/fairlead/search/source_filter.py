"""What a hit shows of its document: `_source` filtering and the `fields` lists; refuses to show hidden fields.

Patterns name dotted paths, `*` stands for any text (dots too); a pattern that matches an object takes all of it;
excludes win over includes (spec/01 1.16).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fairlead.domain.ports import Json
from fairlead.errors import IllegalArgument
from fairlead.search.corpus import Corpus, Entry, Field
from fairlead.search.dates import show
from fairlead.search.glob import Glob, compile_star
from fairlead.search.mapping import Mapping, Type
from fairlead.search.node import JsonNode, members, refuse, texts, to_text, token
from fairlead.search.sort import refuse_text


@dataclass(frozen=True, slots=True)
class SourceFilter:
    """`includes` empty: everything. `asked` says that the caller gave a `_source`."""

    includes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    asked: bool = False

    def apply(self, source: Json, mapping: Mapping) -> Json:
        """The part of `source` to show, a new object; hidden fields are never in it."""
        excludes = self.excludes + mapping.hidden
        if not self.asked:
            excludes += mapping.unless_asked
        if not self.includes and not any("." in path or "*" in path for path in excludes):
            return {key: value for key, value in source.items() if key not in excludes}
        includes = [compile_star(pattern) for pattern in self.includes]
        return _object(source, "", includes, [compile_star(pattern) for pattern in excludes], not includes)


WHOLE_SOURCE = SourceFilter()


def _matches(patterns: Sequence[Glob], path: str) -> bool:
    return any(pattern.matches(path) for pattern in patterns)


def _object(source: Json, prefix: str, includes: Sequence[Glob], excludes: Sequence[Glob], within: bool) -> Json:
    """`within`: an include has matched this object or one above it."""
    kept: Json = {}
    for key, value in source.items():
        path = prefix + key
        if _matches(excludes, path):
            continue
        taken = within or _matches(includes, path)
        if isinstance(value, dict):
            inner = _object(value, path + ".", includes, excludes, taken)
            if inner or taken:
                kept[key] = inner
        elif isinstance(value, list):
            items = _list(value, path, includes, excludes, taken)
            if items or taken:
                kept[key] = items
        elif taken:
            kept[key] = value
    return kept


def _list(values: list[Any], path: str, includes: Sequence[Glob], excludes: Sequence[Glob], within: bool) -> list[Any]:
    kept: list[Any] = []
    for value in values:
        if isinstance(value, dict):
            inner = _object(value, path + ".", includes, excludes, within)
            if inner or (within and not value):
                kept.append(inner)
        elif isinstance(value, list):
            items = _list(value, path, includes, excludes, within)
            if items or within:
                kept.append(items)
        elif within:
            kept.append(value)
    return kept


def parse_source(node: JsonNode) -> SourceFilter:
    """A flag, a pattern, a list of patterns, or an object of includes and excludes. `false` is read as `true`."""
    if node.kind in ("true", "false"):
        return SourceFilter(asked=True)
    if node.kind == "string":
        return SourceFilter((to_text(node),), asked=True)
    if node.kind == "array":
        return SourceFilter(tuple(_patterns(node)), asked=True)
    if node.kind != "object":
        refuse(
            f"Expected one of [VALUE_BOOLEAN, VALUE_STRING, START_ARRAY, START_OBJECT] but found [{token(node)}]", node
        )
    includes: list[str] = []
    excludes: list[str] = []
    for key, value, _, _ in node.members:
        if key in ("includes", "include"):
            includes = _patterns(value)
        elif key in ("excludes", "exclude"):
            excludes = _patterns(value)
        else:
            refuse(f"Unknown key for a {token(value)} in [{key}].", value)
    return SourceFilter(tuple(includes), tuple(excludes), asked=True)


def _patterns(node: JsonNode) -> list[str]:
    for item in node.items if node.kind == "array" else [node]:
        if item.kind != "string":
            refuse(f"Unknown key for a {token(item)} in [_source].", item)
    return texts(node)


_FORMATS = (None, "epoch_millis", "strict_date_time", "use_field_mapping")


@dataclass(frozen=True, slots=True)
class ShownField:
    """An entry of `fields` or `docvalue_fields`: a field or pattern, and a date format."""

    pattern: str
    format: str | None = None


def parse_fields(clause: str, node: JsonNode) -> tuple[ShownField, ...]:
    shown: list[ShownField] = []
    for item in node.items if node.kind == "array" else [node]:
        if item.kind == "string":
            shown.append(ShownField(to_text(item)))
        elif item.kind == "object" and "field" in members(item):
            given = members(item)
            shown.append(ShownField(to_text(given["field"]), to_text(given["format"]) if "format" in given else None))
        else:
            refuse(f"[{clause}] expected a field name or an object with [field] but found [{token(item)}]", item)
    for wanted in shown:
        if wanted.format not in _FORMATS:
            raise IllegalArgument(
                f"Invalid format: [{wanted.format}]: fields are shown as strict_date_time or epoch_millis"
            )
    return tuple(shown)


def field_values(corpus: Corpus, entry: Entry, wanted: Sequence[ShownField], *, doc_values: bool) -> Json:
    """Lists of values by field name, fields without value left out.

    `doc_values` are those of exact fields, sorted, each once. Raises IllegalArgument for a text field among them.
    """
    found: Json = {}
    for item in wanted:
        pattern = compile_star(item.pattern)
        paths = [path for path in corpus.paths() if pattern.matches(path)] if "*" in item.pattern else [item.pattern]
        for path in paths:
            field = corpus.field(path)
            if field is None or field.type in (Type.OBJECT, Type.NESTED):
                continue
            if doc_values and "*" not in item.pattern:
                refuse_text(field)
            if doc_values and field.type is Type.TEXT:
                continue
            values = _shown_values(corpus, entry, field, item.format, doc_values)
            if values:
                found[path] = values
    return found


def _shown_values(corpus: Corpus, entry: Entry, field: Field, format: str | None, doc_values: bool) -> list[Any]:
    if field.type is Type.FLAT and not doc_values:
        return list(corpus.raw(entry, field))
    values: list[Any] = list(corpus.values(entry, field))
    if doc_values:
        values = sorted(set(values))
    if field.type is Type.DATE:
        return [str(value) if format == "epoch_millis" else show(value) for value in values]
    return values
