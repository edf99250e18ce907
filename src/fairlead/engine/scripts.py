"""The seam to the script language: what the engine needs of a compiled script, and the text edits before compiling.

The engine knows no Painless; `service` puts it in.
"""

from __future__ import annotations

from typing import Any, Protocol

from fairlead.engine.parameters import Parameters
from fairlead.engine.placeholders import PARAMETERS, Placeholder, scan
from fairlead.engine.template import escape


class Script(Protocol):
    """A compiled script; `run` raises fairlead.errors.ScriptFault. `certain_short`: it cannot take long."""

    @property
    def certain_short(self) -> bool: ...

    def run(self, params: dict[str, Any]) -> str | None: ...


class ScriptCompiler(Protocol):
    """Compiles a function text once; raises fairlead.errors.ScriptFault for one that does not compile."""

    def compile(self, source: str) -> Script: ...


def has_placeholders(text: str) -> bool:
    return PARAMETERS in text


def fill(text: str, parameters: Parameters) -> str:
    """Every `${parameters.x}` of a function text as a literal of the script language: a JSON string, or `null`
    (spec/03 2.1). Defaults go in as written; unknown names without one stay."""

    def literal(part: Placeholder) -> str:
        if not parameters.has(part.name):
            return part.source if part.default is None else part.default
        value = parameters.text(part.name)
        # `$` would be an error in a single-quoted literal only; JSON's double quotes need nothing beyond JSON escapes.
        return "null" if value is None else f'"{escape(value)}"'

    return "".join(part if isinstance(part, str) else literal(part) for part in scan(text))
