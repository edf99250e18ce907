"""The one place where an error becomes the OpenSearch envelope (spec/01 5.1)."""

from __future__ import annotations

from typing import Any

from fairlead.errors import FairleadError, SearchPhaseFailed


def envelope(error: FairleadError) -> dict[str, Any]:
    """The whole reply body: `error` and `status`."""
    root = _plain(_root(error))
    if error.suppressed:
        root["suppressed"] = [_plain(fault) for fault in error.suppressed]
    body = {"root_cause": [root], **_with_causes(error)}
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


def _plain(error: FairleadError) -> dict[str, Any]:
    return {"type": error.type, "reason": error.reason, **error.fields}


def _with_causes(error: FairleadError) -> dict[str, Any]:
    body = _plain(error)
    if error.cause is not None:
        body["caused_by"] = _with_causes(error.cause)
    return body
