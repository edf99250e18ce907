"""Painless behind the engine's seam: compiled once per text, values in its model, faults in its envelope, time bounded."""

from __future__ import annotations

import time
from typing import Any

from fairlead.engine.scripts import Script
from fairlead.errors import FairleadError, ScriptFault
from fairlead.painless import Script as Compiled
from fairlead.painless import ScriptCache, ScriptFailure, with_default_escape
from fairlead.painless.runtime.values import BigInteger, Long

CACHED = 500
SECONDS = 5.0
"""Processor time that one run may take, whatever runs beside it; step and size limits end most scripts long before."""

_INT, _LONG = 2**31, 2**63


class PainlessScript:
    """One compiled script."""

    def __init__(self, compiled: Compiled) -> None:
        self._compiled = compiled

    @property
    def certain_short(self) -> bool:
        return self._compiled.certain_short

    def run(self, params: dict[str, Any]) -> str | None:
        try:
            given = {name: _modelled(value) for name, value in params.items()}
            return self._compiled.run(given, deadline=time.thread_time() + SECONDS, clock=time.thread_time)
        except ScriptFailure as failure:
            raise script_fault(failure) from failure


def _modelled(value: Any) -> Any:
    """A copy in the values that scripts know: integers by Java's sizes, plain strings. Scripts may change what they get."""
    kind = type(value)
    if kind is dict:
        return {name: _modelled(item) for name, item in value.items()}
    if kind is list:
        return [item if type(item) is float else _modelled(item) for item in value]
    if kind is int and not -_INT <= value < _INT:
        return Long(value) if -_LONG <= value < _LONG else BigInteger(value)
    return str(value) if isinstance(value, str) else value


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
