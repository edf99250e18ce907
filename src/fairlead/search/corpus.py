"""The documents of one search as fields, terms and statistics; refuses to know queries.

Mapped fields come from the tables; any other field is mapped from the values found, as dynamic mapping does: text with
a `.keyword` sub-field, long, float, boolean, objects. Objects of a nested field are entries of a corpus of their own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from fairlead.domain.ports import Document
from fairlead.errors import BodyParse, FairleadError, IllegalArgument
from fairlead.search.analysis import ARRAY_GAP, analyze
from fairlead.search.dates import DateReader
from fairlead.search.mapping import IGNORE_ABOVE, NUMBERS, STRINGS, Mapping, Type
from fairlead.search.node import decimal, java_number

Scalar = str | int | float | bool

_DATES = DateReader()
_WHOLE = re.compile(r"[+-]?\d{1,400}", re.ASCII)
_INT64 = 1 << 63
MAX_DEPTH = 50
"""Levels below which values are not searched."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field as queries name it (`path`), where its values stand (`source`), and its type."""

    path: str
    source: str
    type: Type
    nested: str | None = None
    ignore_above: int | None = None

    @property
    def exact(self) -> bool:
        """Whether a term of the field is a whole value."""
        return self.type is not Type.TEXT


@dataclass(slots=True, eq=False)
class Entry:
    """One document, or one object of a nested field (`prefix` is then the field and a dot)."""

    document: Document
    source: Any
    prefix: str = ""
    cache: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Statistics:
    """What BM25 needs of a field: documents that have it, all its terms together, and documents by term."""

    doc_count: int
    term_count: int
    doc_freq: Counter[Scalar]

    @property
    def average(self) -> float:
        return self.term_count / self.doc_count if self.doc_count else 1.0


class Corpus:
    """The entries that a search sees; everything is computed when first asked for."""

    def __init__(self, mapping: Mapping, index: str, entries: Sequence[Entry], nested: str | None = None) -> None:
        self.mapping = mapping
        self.index = index
        self.entries = entries
        self.nested = nested
        self._fields: dict[str, Field | None] = {}
        self._statistics: dict[str, Statistics] = {}
        self._dynamic: dict[str, Type] | None = None

    def field(self, path: str) -> Field | None:
        """The field of this name; None when no table and no document has it, or when it is hidden."""
        if path not in self._fields:
            self._fields[path] = None if self.mapping.is_hidden(path) else self._resolve(path)
        return self._fields[path]

    def _resolve(self, path: str) -> Field | None:
        if path in (Type.ID, Type.INDEX):
            return Field(path, path, Type(path))
        nested = self._nested_of(path)
        found = self.mapping.fields.get(path) or self._dynamic_types().get(path)
        if found is not None:
            return Field(path, path, found, nested)
        parent, _, leaf = path.rpartition(".")
        if leaf == "keyword" and parent:
            known = self.mapping.fields.get(parent)
            if parent in self.mapping.keyword_of or (known is None and self._dynamic_types().get(parent) is Type.TEXT):
                return Field(path, parent, Type.KEYWORD, nested, IGNORE_ABOVE)
        while parent:
            if self.mapping.fields.get(parent) is Type.FLAT:
                return Field(path, path, Type.FLAT_LEAF, nested)
            parent = parent.rpartition(".")[0]
        return None

    def _nested_of(self, path: str) -> str | None:
        while path := path.rpartition(".")[0]:
            if self.mapping.fields.get(path) is Type.NESTED:
                return path
        return None

    def _dynamic_types(self) -> dict[str, Type]:
        if self._dynamic is None:
            found: dict[str, Type] = {}
            for entry in self.entries:
                self._discover(entry.source, entry.prefix, found, 0)
            self._dynamic = found
        return self._dynamic

    def _discover(self, value: Any, prefix: str, found: dict[str, Type], depth: int) -> None:
        if not isinstance(value, dict) or depth > MAX_DEPTH:
            return
        for key, member in value.items():
            path = prefix + key
            known = self.mapping.fields.get(path)
            if self.mapping.is_hidden(path) or known in (Type.FLAT, Type.NESTED):
                continue
            for item in member if isinstance(member, list) else (member,):
                if isinstance(item, dict):
                    if known is None:
                        found.setdefault(path, Type.OBJECT)
                    self._discover(item, path + ".", found, depth + 1)
                elif known is None and item is not None and path not in found:
                    found[path] = _dynamic_type(item)

    def paths(self) -> list[str]:
        """Every queryable leaf field of this corpus' level, `.keyword` sub-fields included, sorted."""
        dynamic = self._dynamic_types()
        names = {
            path for path, kind in {**self.mapping.fields, **dynamic}.items() if kind not in (Type.OBJECT, Type.NESTED)
        }
        names |= {f"{path}.keyword" for path in self.mapping.keyword_of}
        names |= {f"{path}.keyword" for path, kind in dynamic.items() if kind is Type.TEXT}
        return sorted(path for path in names if (found := self.field(path)) and found.nested == self.nested)

    def raw(self, entry: Entry, field: Field) -> list[Any]:
        """The values as they stand in the document: scalars, or for a flat object the object itself."""
        if field.type is Type.ID:
            return [entry.document.id]
        if field.type is Type.INDEX:
            return [self.index]
        if field.nested != self.nested or not field.source.startswith(entry.prefix):
            return []
        path, source = field.source[len(entry.prefix) :], entry.source
        if "." not in path and isinstance(source, dict):
            value = source.get(path)
            if not isinstance(value, list):
                return [] if value is None else [value]
        return [value for value in _walk(source, path) if value is not None]

    def values(self, entry: Entry, field: Field) -> list[Scalar]:
        """The values of an exact field in the form in which terms are compared; of a text field the texts."""
        key = "=" + field.path
        if key not in entry.cache:
            entry.cache[key] = [
                value for item in self.raw(entry, field) for value in _canonical(field, item) if value is not None
            ]
        found: list[Scalar] = entry.cache[key]
        return found

    def terms(self, entry: Entry, field: Field) -> dict[Scalar, list[int]]:
        """Each term with its positions."""
        key = "#" + field.path
        if key not in entry.cache:
            terms: dict[Scalar, list[int]] = {}
            position = 0
            for value in self.values(entry, field):
                words = analyze(str(value)) if field.type is Type.TEXT else (value,)
                for word in words:
                    terms.setdefault(word, []).append(position)
                    position += 1
                position += ARRAY_GAP
            entry.cache[key] = terms
        found: dict[Scalar, list[int]] = entry.cache[key]
        return found

    def length(self, entry: Entry, field: Field) -> int:
        """How many terms the field has here; exact fields keep no lengths and count as one."""
        if field.exact:
            return 1
        return sum(len(positions) for positions in self.terms(entry, field).values())

    def statistics(self, field: Field) -> Statistics:
        if field.path not in self._statistics:
            doc_freq: Counter[Scalar] = Counter()
            doc_count = term_count = 0
            for entry in self.entries:
                terms = self.terms(entry, field)
                if terms:
                    doc_count += 1
                    doc_freq.update(terms.keys())
                    # Exact fields index no frequencies: each distinct term counts once.
                    term_count += len(terms) if field.exact else self.length(entry, field)
            self._statistics[field.path] = Statistics(doc_count, term_count, doc_freq)
        return self._statistics[field.path]

    def nested_corpus(self, path: str) -> Corpus:
        """The objects of a nested field as entries."""
        start = f"{self.nested}." if self.nested else ""
        inner = [
            Entry(entry.document, value, path + ".")
            for entry in self.entries
            for value in _objects(entry.source, path[len(start) :])
        ]
        return Corpus(self.mapping, self.index, inner, path)


def _dynamic_type(value: Any) -> Type:
    if isinstance(value, bool):
        return Type.BOOLEAN
    if isinstance(value, int):
        return Type.LONG
    return Type.FLOAT if isinstance(value, float) else Type.TEXT


def _walk(value: Any, path: str, depth: int = 0) -> Iterator[Any]:
    """Every value at a dotted path; arrays are transparent, and a key may itself hold dots."""
    if isinstance(value, list):
        if depth <= MAX_DEPTH:
            for item in value:
                yield from _walk(item, path, depth + 1)
        return
    if not path:
        yield value
        return
    if not isinstance(value, dict) or depth > MAX_DEPTH:
        return
    if path in value:
        yield from _walk(value[path], "", depth + 1)
    at = path.find(".")
    while at >= 0:
        if path[:at] in value:
            yield from _walk(value[path[:at]], path[at + 1 :], depth + 1)
        at = path.find(".", at + 1)


def _objects(source: Any, path: str) -> list[Any]:
    return [value for value in _walk(source, path) if isinstance(value, dict)]


def leaves(value: Any, depth: int = 0) -> Iterable[Any]:
    """The scalars below a flat object."""
    if isinstance(value, dict | list):
        if depth <= MAX_DEPTH:
            for inner in value.values() if isinstance(value, dict) else value:
                yield from leaves(inner, depth + 1)
    elif value is not None:
        yield value


def _canonical(field: Field, value: Any) -> Iterable[Scalar | None]:
    if field.type in (Type.FLAT, Type.FLAT_LEAF):
        return (text_of(leaf) for leaf in leaves(value))
    if isinstance(value, dict):
        return ()
    if field.type is Type.TEXT or field.type in STRINGS:
        text = text_of(value)
        return () if field.ignore_above is not None and len(text) > field.ignore_above else (text,)
    try:
        return (coerce(field, value, 0),)
    except FairleadError:
        return ()  # a value of another type than mapped is not indexed


def text_of(value: Any) -> str:
    """A scalar as the text a keyword field keeps."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return java_number(value)


def coerce(field: Field, value: Any, now_ms: int) -> Scalar:
    """A query's value in the form of the field's terms. Raises IllegalArgument, NumberFormat or BodyParse."""
    if field.type is Type.TEXT or field.type in STRINGS:
        return text_of(value)
    if field.type is Type.DATE:
        if isinstance(value, int) and not isinstance(value, bool):
            return _in_range(value)
        return _in_range(_DATES.read(text_of(value), now_ms))
    if field.type is Type.BOOLEAN:
        text = text_of(value)
        if text in ("true", "false", ""):
            return text == "true"
        raise IllegalArgument(f"Can't parse boolean value [{text}], expected [true] or [false]")
    if field.type in NUMBERS:
        return number_of(field, value)
    raise BodyParse(f"field [{field.path}] of type [{field.type}] does not support this query")


def number_of(field: Field, value: Any) -> int | float:
    """A number for a numeric field; whole ones for `long` and `integer` keep all digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        return _in_range(value)
    text = str(value) if isinstance(value, float) else text_of(value)
    return _in_range(int(text)) if _WHOLE.fullmatch(text) else decimal(text)


def _in_range(value: int) -> int:
    if not -_INT64 <= value < _INT64:
        raise IllegalArgument(f"Value [{value}] is out of range for a long")
    return value
