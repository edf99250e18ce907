"""The steps from a rendered template to the bytes of a request (spec/03 2.6, 8.1)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.api.decode.fields import flatten
from fairlead.domain.connector import Action, ActionType
from fairlead.engine.parameters import Parameters
from fairlead.engine.payload import Body
from fairlead.errors import FairleadError, IllegalArgument

CASES = json.loads((Path(__file__).parent / "cases" / "payload.json").read_text("utf-8"))["cases"]


def rendered(case: dict[str, Any]) -> bytes:
    owned: dict[str, str] = case.get("connector", {})
    request = {name: flatten(value) for name, value in case.get("request", {}).items()}
    structured = case.get("structured", False)
    action = Action(ActionType.PREDICT, "POST", "u", request_body=case["body"], supports_structured_output=structured)
    return Body(action, owned).render(Parameters(owned, request))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_what_is_sent(case: dict[str, Any]) -> None:
    if "error" in case:
        with pytest.raises(IllegalArgument) as caught:
            rendered(case)
        wanted = (case.get("type", "illegal_argument_exception"), case["error"], 400)
        assert (caught.value.type, caught.value.reason, caught.value.status) == wanted
    elif "bytes" in case:
        assert rendered(case) == case["bytes"].encode()
    elif "hex" in case:
        assert rendered(case).hex() == case["hex"]
    else:
        assert json.loads(rendered(case)) == case["json"]


def tried(run: Callable[[], Any]) -> Any:
    """What a call gives, or the fault of ours that it raises; any other exception is a failure."""
    try:
        return run()
    except FairleadError as fault:
        return fault


ODD = st.text(st.characters(), max_size=12) | st.sampled_from(
    ["utf-8", "hex", "idna", "rot13", "punycode", "utf-7", "undefined", "../x", "aliases"]
)


@settings(max_examples=150, deadline=None)
@given(
    charset=ODD,
    format=st.none() | ODD | st.just('{"a":1}'),
    processors=st.none() | ODD | st.sampled_from(["[]", "[1]", '[{"type":5}]', '[{"type":"to_string"}]']),
)
def test_reserved_parameters_work_or_are_refused_whatever_they_hold(
    charset: str, format: str | None, processors: str | None
) -> None:
    request = {
        "charset": charset,
        "_response_format_json": format,
        "input_processors": processors,
        "http_body": charset,
    }
    for body in (None, '{"a":"${parameters.charset}"}'):
        case = {"body": body, "structured": True, "request": request}
        found = tried(lambda case=case: rendered(case))  # type: ignore[misc]
        assert isinstance(found, bytes) or found.status == 400
