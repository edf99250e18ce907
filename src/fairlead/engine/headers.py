"""Header plans: credentials filled in once, parameters per call, values checked before they leave (spec/03 8.2)."""

from __future__ import annotations

from collections.abc import Mapping

from fairlead.domain.secret import Secret
from fairlead.engine.parameters import Parameters
from fairlead.engine.placeholders import CREDENTIAL, PARAMETERS, Placeholder, scan
from fairlead.errors import IllegalArgument

Headers = tuple[tuple[bytes, bytes], ...]

MAX_HEADER = 8192
MAX_HEADERS = 65536
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


class HeaderPlan:
    """The headers of one action. Its texts hold revealed secrets: it is never shown and never leaves the engine."""

    __slots__ = ("_fixed", "_open", "names")

    def __init__(
        self, templates: Mapping[str, str], credential: Mapping[str, Secret], owned: Mapping[str, str]
    ) -> None:
        deduplicated = {name.lower(): (name, value) for name, value in templates.items()}
        if not any(name.lower() == "content-type" for name in templates):
            deduplicated["content-type"] = ("Content-Type", "application/json")
        filled = [(name, _credentials(value, credential)) for name, value in deduplicated.values()]
        self.names = frozenset(
            part.name for _, value in filled for part in scan(value) if isinstance(part, Placeholder)
        )
        self._open = tuple(filled)
        self._fixed: Headers | None = None
        if not any(PARAMETERS in value for _, value in filled):
            self._fixed = _checked(filled)

    def __repr__(self) -> str:
        return f"HeaderPlan({len(self._open)} headers)"

    def render(self, parameters: Parameters) -> Headers:
        """Names as the connector wrote them, values in the encoding HTTP clients agree on (UTF-8 for non-Latin)."""
        if self._fixed is not None:
            return self._fixed
        return _checked([(name, _parameters(name, value, parameters, ())) for name, value in self._open])


def _credentials(value: str, credential: Mapping[str, Secret]) -> str:
    """Unknown credential names stay as written, as in the original."""
    return "".join(
        part if isinstance(part, str) else credential[part.name].reveal() if part.name in credential else part.source
        for part in scan(value, CREDENTIAL)
    )


def _parameters(header: str, value: str, parameters: Parameters, stack: tuple[str, ...]) -> str:
    out: list[str] = []
    for part in scan(value):
        if isinstance(part, str):
            out.append(part)
        elif part.name in stack:
            raise IllegalArgument(f"Infinite loop in property interpolation of {value}: {'->'.join(stack)}")
        elif (given := parameters.given.get(part.name)) is not None:
            out.append(given)
        elif part.name in parameters.owned and part.name not in parameters.given:
            out.append(_parameters(header, parameters.owned[part.name], parameters, (*stack, part.name)))
        elif part.default is not None:
            out.append(part.default)
        else:
            raise IllegalArgument(f"Header '{header}' contains unresolved placeholder. Required parameter is missing.")
    return "".join(out)


def _checked(headers: list[tuple[str, str]]) -> Headers:
    total = 0
    for name, value in headers:
        if not name or not _TOKEN.issuperset(name):
            raise IllegalArgument("Header name contains invalid character")
        if any((c < " " and c != "\t") or c == "\x7f" for c in value):
            raise IllegalArgument("Header value contains invalid control character")
        size = len(name) + (len(value) if value.isascii() else len(value.encode("utf-16-le", "surrogatepass")) // 2)
        total += size
        if size > MAX_HEADER:
            raise IllegalArgument("Header size (key + value) exceeds 8KB limit")
    if total > MAX_HEADERS:
        raise IllegalArgument("Total headers size (key + value) exceeds 64KB limit")
    return tuple((name.encode("ascii"), value.strip(" \t").encode("utf-8", "replace")) for name, value in headers)
