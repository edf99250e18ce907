"""One control-plane request: path ids, query parameters and body, with the checks every route shares (spec/01 5.6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus, unquote_to_bytes

from fairlead.api.media import BODY_TYPES, PLAIN, Shape, media_type
from fairlead.domain.principal import Principal
from fairlead.errors import BadParameter, BodyParse, ContentTypeHeader, FairleadError, IllegalArgument, PlainFault

GLOBAL_PARAMETERS = frozenset({"pretty", "human", "format", "filter_path", "error_trace"})


@dataclass(frozen=True, slots=True)
class Request:
    """`path` and `query_text` are as sent; `ids` are percent-decoded once; `principal` is None with security off; `client`
    is the address and port of the connection's other end, `connection` the server's view of it (the ASGI scope)."""

    method: str
    path: str
    query_text: str
    ids: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    principal: Principal | None = None
    shape: Shape = PLAIN
    client: tuple[str, int] = ("", 0)
    connection: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean query parameter; an empty value means true."""
        value = self.query.get(name)
        return default if value is None else boolean(value)

    def require_body(self, reason: str) -> bytes:
        if not self.body:
            raise BodyParse(reason)
        return self.body


def boolean(text: str) -> bool:
    if text not in ("", "true", "false"):
        raise IllegalArgument(f"Failed to parse value [{text}] as only [true] or [false] are allowed.")
    return text != "false"


def parse_query(text: str) -> dict[str, str]:
    """Query parameters; of a name given twice the last counts. A bad escape is a 400 `bad_parameter_exception`."""
    found: dict[str, str] = {}
    for pair in text.split("&") if text else ():
        name, _, value = pair.partition("=")
        for part in (name, value):
            _check_escapes(part)
        if name:
            found[unquote_plus(name)] = unquote_plus(value)
    return found


def _check_escapes(text: str) -> None:
    at = text.find("%")
    while at >= 0:
        digits = text[at + 1 : at + 3]
        if len(digits) < 2 or not all(c in "0123456789abcdefABCDEF" for c in digits):
            problem = f"unterminated escape sequence at index {at} of: {text}"
            if len(digits) == 2:
                problem = f"invalid hex byte '{digits}' at index {at} of '{text}'"
            raise BadParameter(f"java.lang.IllegalArgumentException: {problem}", cause=IllegalArgument(problem))
        at = text.find("%", at + 1)


def decode_segment(text: str) -> str:
    """A path segment, percent-decoded once; `+` stays."""
    return unquote_to_bytes(text).decode("utf-8", "replace") if "%" in text else text


def refuse_unknown(path: str, query: Mapping[str, str], known: frozenset[str]) -> None:
    """Query parameters that the route does not read (spec/01 5.6)."""
    every = known | GLOBAL_PARAMETERS
    unknown = sorted(name for name in query if name not in every)
    if not unknown:
        return
    listed = ", ".join(f"[{name}]{_suggestion(name, every)}" for name in unknown)
    plural = "s" if len(unknown) > 1 else ""
    raise IllegalArgument(f"request [{path}] contains unrecognized parameter{plural}: {listed}")


def _suggestion(name: str, known: frozenset[str]) -> str:
    near = [candidate for candidate in sorted(known) if _similarity(name, candidate) > 0.5]
    near.sort(key=lambda candidate: -_similarity(name, candidate))
    if not near:
        return ""
    if len(near) == 1:
        return f" -> did you mean [{near[0]}]?"
    return f" -> did you mean any of [{', '.join(near)}]?"


def _similarity(one: str, other: str) -> float:
    """Levenshtein similarity as Lucene has it: 1 - distance / length of the longer text."""
    previous = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        current = [i]
        for j, b in enumerate(other, 1):
            current.append(min(previous[j] + 1, current[-1] + 1, previous[j - 1] + (a != b)))
        previous = current
    return 1 - previous[-1] / max(len(one), len(other), 1)


def content_type_fault(header: str | None) -> FairleadError | None:
    """What is wrong with the type of a body that is not empty (spec/01 5.5)."""
    if header is None:
        return PlainFault("Content-Type header [] is not supported", 406)
    kind = media_type(header)
    if kind.count("/") != 1 or not all(kind.split("/")) or " " in kind:
        text = f"invalid Content-Type header [{header}]"
        return ContentTypeHeader(f"java.lang.IllegalArgumentException: {text}", cause=IllegalArgument(text))
    return None if kind in BODY_TYPES else PlainFault(f"Content-Type header [{header}] is not supported", 406)
