"""`getByPath`: a dotted path through maps and lists, with or without a default. Spec 04 section 16.3."""

from __future__ import annotations

from typing import Any

from fairlead.painless.errors import illegal_argument
from fairlead.painless.limits import Meter
from fairlead.painless.runtime.values import SubList

_MISSING = object()


def get_by_path(meter: Meter, value: Any, path: Any, default: Any = _MISSING) -> Any:
    """The value at `a.b.0.c`; without a default a missing step is an illegal argument."""
    if not path:
        raise illegal_argument("Missing path")
    steps = [step for step in path.split(".") if step]
    if not steps:
        raise illegal_argument("Missing path")
    meter.spend(len(steps))
    found = value
    for place, step in enumerate(steps):
        found = _step(found, step, place, path, default is not _MISSING)
        if found is _MISSING:
            if default is not _MISSING:
                return default
            where = "non-terminal index" if place < len(steps) - 1 else "terminal index"
            raise illegal_argument(f"Container does not have [{step}], for {where} [{place}] in path [{path}]")
    return found


def _step(found: Any, step: str, place: int, path: str, has_default: bool) -> Any:
    if isinstance(found, dict):
        return found.get(step, _MISSING)
    if isinstance(found, list | SubList):
        items = found.load() if isinstance(found, SubList) else found
        if not (step.isascii() and step.isdigit() and len(step) < 10):
            if has_default:
                return _MISSING
            raise illegal_argument(
                f"Could not parse [{step}] as a int index into list at index [{place}] in path [{path}]"
            )
        index = int(step)
        return items[index] if index < len(items) else _MISSING
    if has_default:
        return _MISSING
    raise illegal_argument(f"Non-container [{_shown(found)}] at [{step}], index [{place}] in path [{path}]")


def _shown(found: Any) -> str:
    return "null" if found is None else (type(found).__name__ == "str" and "java.lang.String") or "java.lang.Object"
