"""The body of `fairlead painless`: JSON lines of script and parameters in, one line of result or error out for each.

The default `escape` is put in front of scripts that call it. It never fails on a line, however broken.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from fairlead.java.json import JsonFault, check_depth
from fairlead.painless.errors import ScriptFailure
from fairlead.painless.escape import with_default_escape
from fairlead.painless.runtime.values import BigInteger, Long
from fairlead.painless.script import ScriptCache

_INT = range(-0x80000000, 0x80000000)
_LONG = range(-0x8000000000000000, 0x8000000000000000)
_MAX_DIGITS = 1000
"""Digits of a number that Jackson reads at most."""


class BadInput(ValueError):
    """A line that is no request; the text is safe to show."""


def whole_number(digits: str) -> int:
    """An integer of JSON as a post-process script sees it: Integer, Long or BigInteger by size (spec 04 section 1.6)."""
    if len(digits) > _MAX_DIGITS:
        raise BadInput(f"a number of {len(digits)} digits is longer than {_MAX_DIGITS}")
    value = int(digits)
    if value in _INT:
        return value
    return Long(value) if value in _LONG else BigInteger(value)


def _decimal(digits: str) -> float:
    if len(digits) > _MAX_DIGITS:
        raise BadInput(f"a number of {len(digits)} digits is longer than {_MAX_DIGITS}")
    return float(digits)


def _no_constant(name: str) -> NoReturn:
    raise BadInput(f"{name} is no JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen = set()
        for key, _ in pairs:
            if key in seen:
                raise BadInput(f"Duplicate field '{key}'")
            seen.add(key)
    return made


def _read(text: str) -> Any:
    try:
        check_depth(text.encode("utf-8", "surrogatepass"))
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=whole_number,
            parse_float=_decimal,
            parse_constant=_no_constant,
        )
    except (JsonFault, RecursionError):
        raise BadInput("the JSON is nested too deeply") from None
    except json.JSONDecodeError as fault:
        raise BadInput(f"{fault.msg} at character {fault.pos}") from None


def read_params(text: str) -> dict[str, Any]:
    """Parameters from JSON text in the value model of scripts; raises BadInput."""
    found = _read(text)
    if not isinstance(found, dict):
        raise BadInput("params is not an object")
    return found


def _request(line: str) -> tuple[str, dict[str, Any]]:
    found = _read(line)
    if not isinstance(found, dict):
        raise BadInput("the line is not an object")
    unknown = set(found) - {"script", "params"}
    if unknown:
        raise BadInput(f"unknown member [{min(unknown)}]")
    script, params = found.get("script"), found.get("params", {})
    if not isinstance(script, str):
        raise BadInput("script is not a string")
    if not isinstance(params, dict):
        raise BadInput("params is not an object")
    return script, params


def answer(line: str, cache: ScriptCache) -> dict[str, Any]:
    """`{"result"}` or `{"error"}` for one line."""
    try:
        script, params = _request(line)
        result = cache.get(with_default_escape(script, proper=True)).run(params)
    except BadInput as fault:
        return {"error": {"type": "illegal_argument_exception", "reason": str(fault)}}
    except ScriptFailure as fault:
        return {"error": fault.envelope()}
    return {"result": result}


def run_lines(lines: Iterable[str], write: Callable[[str], None]) -> None:
    """Answers every line that is not blank with one line of JSON, in order."""
    cache = ScriptCache(100)
    for line in lines:
        if line.strip():
            write(json.dumps(answer(line, cache), separators=(",", ":")) + "\n")
