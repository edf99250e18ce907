"""Which documents hold sealed values, and where in them: the one list that sealing, counting and key rotation read.

It opens nothing: a sealed value is a text here, of which only the id of its key can be told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from fairlead.domain import connector, model
from fairlead.domain.ports import Json

FORMAT = "fl1"
"""What every sealed value begins with."""
REFERENCE = "ref."
"""Before a sealed value that is no secret but says where one lies (spec/06 14.5)."""
REFERENCE_KIND = " reference"
"""Behind the kind in the context of such a value: it never opens as a secret, nor a secret as one."""
_KEY_ID = re.compile(rf"(?:{re.escape(REFERENCE)})?{FORMAT}\.([0-9a-f]{{8}})\.", re.ASCII)


@dataclass(frozen=True, slots=True)
class SealedPlace:
    """Documents of `kind` may hold, in the object that `path` leads to, a `credential` object of sealed values."""

    kind: str
    path: tuple[str, ...] = ()

    def owner(self, body: Json) -> Json | None:
        """The object whose `credential` is sealed; None where a document has none."""
        found: object = body
        for name in self.path:
            found = found.get(name) if isinstance(found, dict) else None
        return found if isinstance(found, dict) and isinstance(found.get("credential"), dict) else None

    def values(self, body: Json) -> dict[str, str]:
        """The sealed texts by field name."""
        owner = self.owner(body)
        return {} if owner is None else {name: text for name, text in owner["credential"].items() if _is_text(text)}

    def replaced(self, body: Json, values: Mapping[str, str]) -> Json:
        """A copy of the document with these sealed texts in place of those it had."""
        return _replaced(body, self.path, values)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _replaced(body: Json, path: tuple[str, ...], values: Mapping[str, str]) -> Json:
    if path:
        return {**body, path[0]: _replaced(body[path[0]], path[1:], values)}
    return {**body, "credential": {**body["credential"], **values}}


SEALED: tuple[SealedPlace, ...] = (SealedPlace(connector.KIND), SealedPlace(model.KIND, ("connector",)))


def key_of(text: str) -> str | None:
    """The id of the key that sealed it, or None for what was never sealed."""
    found = _KEY_ID.match(text)
    return found[1] if found else None
