"""The one place where an error becomes the OpenSearch envelope (spec/01 5.1)."""

from __future__ import annotations

import traceback
from typing import Any

from fairlead.errors import FairleadError, PlainFault, SearchPhaseFailed

_PACKAGE = "fairlead."


def envelope(error: FairleadError, *, trace: bool = False) -> dict[str, Any]:
    """The whole reply body: `error` and `status`. `trace` adds what `error_trace` asks for."""
    if isinstance(error, PlainFault):
        return {"error": error.reason, "status": error.status}
    root = _plain(_root(error), trace)
    if error.suppressed:
        root["suppressed"] = [_plain(fault, trace) for fault in error.suppressed]
    body = {"root_cause": [root], **_with_causes(error, trace)}
    if error.suppressed:
        body["suppressed"] = root["suppressed"]
    return {"error": body, "status": error.status}


def _root(error: FairleadError) -> FairleadError:
    """OpenSearch shows the innermost of its own exceptions; a search's faults stand for the search."""
    if isinstance(error, SearchPhaseFailed) and error.cause is not None:
        return error.cause
    while error.family and error.cause is not None and error.cause.family:
        error = error.cause
    return error


def _plain(error: FairleadError, trace: bool) -> dict[str, Any]:
    shown = {"type": error.type, "reason": error.reason, **error.fields}
    return {**shown, "stack_trace": _stack(error)} if trace else shown


def _stack(error: FairleadError) -> str:
    """Where it was raised, by module and function: paths and the frames of libraries tell nothing but about this machine."""
    lines = [f"{type(error).__name__}[{error.reason}]"]
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith(_PACKAGE):
            lines.append(f"\tat {module}.{getattr(frame.f_code, 'co_qualname', frame.f_code.co_name)}({line})")
    return "\n".join(lines)


def _with_causes(error: FairleadError, trace: bool) -> dict[str, Any]:
    body = _plain(error, trace)
    if error.cause is not None:
        body["caused_by"] = _with_causes(error.cause, trace)
    return body
