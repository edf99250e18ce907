"""In which form a caller wants the reply: JSON or YAML, pretty, filtered, with stack traces; one rule for every route.

Reading the wishes never fails: a value that is refused (`pretty=maybe`) still has to be told somehow. CBOR and Smile
are refused by `unacceptable`; it does not render anything (fairlead.api.reply does).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from fairlead.errors import PlainFault

JSON, YAML = "json", "yaml"
CONTENT_TYPES = {JSON: "application/json; charset=UTF-8", YAML: "application/yaml"}
_BINARY = ("cbor", "smile")
_TYPES = {
    "application/json": JSON,
    "application/x-ndjson": JSON,
    "application/yaml": YAML,
    "application/cbor": "cbor",
    "application/smile": "smile",
}
BODY_TYPES = frozenset(name for name, form in _TYPES.items() if form == JSON)
"""Types of a request body that are read; others are a 406 (spec/01 5.5)."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How a reply is written. `form` may be one that we refuse."""

    form: str = JSON
    pretty: bool = False
    filter_path: str = ""
    trace: bool = False


PLAIN = Shape()


def shape(query: Mapping[str, str], accept: str | None, content_type: str | None) -> Shape:
    """`format` before `Accept` before the type of the request's own body, as the original has it."""
    asked = query.get("format")
    if asked is not None:
        form = asked.lower() if asked.lower() in (*CONTENT_TYPES, *_BINARY) else None
    else:
        form = _accepted(accept) if accept else None
    if form is None:
        form = YAML if content_type is not None and is_yaml(content_type) else JSON
    return Shape(form, _on(query, "pretty"), query.get("filter_path", ""), _on(query, "error_trace"))


def _on(query: Mapping[str, str], name: str) -> bool:
    return query.get(name) in ("", "true")


def is_yaml(content_type: str) -> bool:
    return media_type(content_type) == "application/yaml"


def media_type(header: str) -> str:
    return header.partition(";")[0].strip().lower()


@lru_cache(256)
def _accepted(header: str) -> str | None:
    """The form of the highest weight, the first of equals (RFC 9110 12.5.1); binary ones only where nothing else is taken."""
    weights: dict[str, float] = {}
    for part in header.split(","):
        name = media_type(part)
        weights.setdefault("*" if name.endswith("/*") else _TYPES.get(name, ""), _weight(part))
    weights.pop("", None)
    taken = [form for form in sorted(weights, key=lambda form: -weights[form]) if weights[form] > 0]
    readable = [form for form in taken if form in CONTENT_TYPES]
    if readable:
        return readable[0]
    return taken[0] if taken and "*" not in taken else None


def _weight(part: str) -> float:
    for parameter in part.split(";")[1:]:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 1.0
    return 1.0


def unacceptable(wanted: Shape) -> PlainFault | None:
    """A 406 for forms that are not written here."""
    if wanted.form in CONTENT_TYPES:
        return None
    return PlainFault(f"Replies in [{wanted.form}] are not supported; take json or yaml", 406)
