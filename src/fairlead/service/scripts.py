"""Painless behind the engine's seam: compiled once per text, faults in the script envelope, C-level time bounded."""

from __future__ import annotations

from typing import Any

from fairlead.engine.scripts import Script
from fairlead.errors import FairleadError, ScriptFault
from fairlead.painless import Script as Compiled
from fairlead.painless import ScriptCache, ScriptFailure, with_default_escape

CACHED = 500


class PainlessScript:
    """One compiled script."""

    def __init__(self, compiled: Compiled) -> None:
        self._compiled = compiled

    def run(self, params: dict[str, Any]) -> str | None:
        try:
            return self._compiled.run(params)
        except ScriptFailure as failure:
            raise script_fault(failure) from failure


class PainlessCompiler:
    """Compiles function texts; the helper `escape` is put in where a text calls it without defining it."""

    def __init__(self) -> None:
        self._cache = ScriptCache(CACHED)

    def compile(self, source: str) -> Script:
        try:
            return PainlessScript(self._cache.get(with_default_escape(source, proper=True)))
        except ScriptFailure as failure:
            raise script_fault(failure) from failure


class _Cause(FairleadError):
    """What a script threw; its type is the Java class the script saw."""

    family = False


def _cause(body: dict[str, Any] | None) -> FairleadError | None:
    if body is None:
        return None
    rest = {key: value for key, value in body.items() if key not in ("type", "reason", "caused_by")}
    cause = _Cause(body["reason"], status=400, fields=rest, cause=_cause(body.get("caused_by")))
    cause.type = body["type"]  # type: ignore[misc]  # one class for all of Java's
    return cause


def script_fault(failure: ScriptFailure) -> ScriptFault:
    """The failure's envelope (spec/04 13.3) as an error of ours."""
    body = failure.envelope()
    rest = {key: value for key, value in body.items() if key not in ("type", "reason", "caused_by")}
    return ScriptFault(body["reason"], fields=rest, cause=_cause(body.get("caused_by")))
