"""The OpenSearch error envelope (spec/01 5.1): root cause, causes, extra members, suppressed attempts."""

from __future__ import annotations

import pickle

import pytest

from fairlead.api.error_body import envelope
from fairlead.api.request import boolean
from fairlead.errors import (
    ActionValidation,
    FairleadError,
    IllegalArgument,
    IllegalState,
    IndexNotFound,
    MLFault,
    NumberFormat,
    PathNotFound,
    PlainFault,
    QueryShardFault,
    SearchPhaseFailed,
    SecurityApiFault,
    SettingsFault,
    StatusFault,
    TokenMismatch,
)


def shown(type: str, reason: str | None, **more: object) -> dict[str, object]:
    return {"type": type, "reason": reason, **more}


def test_a_fault_is_its_own_root_cause() -> None:
    one = shown("status_exception", "Failed to find connector")
    fault = StatusFault("Failed to find connector", 404)
    assert envelope(fault) == {"error": {"root_cause": [one], **one}, "status": 404}


def test_a_fault_without_a_reason_has_null() -> None:
    assert envelope(MLFault(None))["error"]["reason"] is None


def test_extra_members_stand_in_root_cause_and_outside() -> None:
    one = shown("parsing_exception", "r", line=1, col=2)
    assert envelope(TokenMismatch("r", 1, 2)) == {"error": {"root_cause": [one], **one}, "status": 400}
    assert envelope(IndexNotFound("i"))["error"]["index_uuid"] == "_na_"


def test_a_cause_of_another_family_is_shown_but_is_not_the_root() -> None:
    inner = NumberFormat('For input string: "x"')
    body = envelope(IllegalArgument("outer", cause=inner))
    outer = shown("illegal_argument_exception", "outer")
    cause = shown("number_format_exception", 'For input string: "x"')
    assert body["error"] == {"root_cause": [outer], **outer, "caused_by": cause}
    lost = envelope(MLFault("outer", cause=PathNotFound("p")))["error"]
    assert lost["root_cause"] == [shown("m_l_exception", "outer")]
    assert lost["caused_by"] == shown("path_not_found_exception", "p")


def test_the_innermost_fault_of_the_own_family_is_the_root_cause_and_carries_no_cause() -> None:
    deepest = TokenMismatch("deepest", 1, 1)
    middle = SettingsFault("middle", cause=deepest)
    body = envelope(MLFault("outer", cause=middle))["error"]
    assert body["root_cause"] == [shown("parsing_exception", "deepest", line=1, col=1)]
    assert body["caused_by"]["caused_by"] == shown("parsing_exception", "deepest", line=1, col=1)
    stopped = envelope(SettingsFault("outer", cause=IllegalState("s", cause=deepest)))["error"]
    assert stopped["root_cause"] == [shown("settings_exception", "outer")]


def test_the_faults_of_a_search_stand_for_it() -> None:
    fault = QueryShardFault("q", fields={"index": "i"})
    body = envelope(SearchPhaseFailed("all shards failed", cause=fault))["error"]
    assert body["root_cause"] == [shown("query_shard_exception", "q", index="i")]
    assert body["type"] == "search_phase_execution_exception"


def test_earlier_attempts_are_shown_in_the_error_and_in_its_root_cause() -> None:
    earlier = [StatusFault("first", 503), StatusFault("second", 502)]
    body = envelope(StatusFault("last", 503, suppressed=earlier))
    listed = [shown("status_exception", "first"), shown("status_exception", "second")]
    assert body["status"] == 503
    assert body["error"] == {
        "root_cause": [shown("status_exception", "last", suppressed=listed)],
        **shown("status_exception", "last"),
        "suppressed": listed,
    }


def test_validation_reasons_are_numbered() -> None:
    assert envelope(ActionValidation("a", "b"))["error"]["reason"] == "Validation Failed: 1: a;2: b;"


def every(cls: type[FairleadError]) -> list[type[FairleadError]]:
    """The classes of the tree in errors.py; other modules may derive their own."""
    found = [inner for sub in cls.__subclasses__() for inner in (sub, *every(sub))]
    return [inner for inner in found if inner.__module__ == "fairlead.errors"]


@pytest.mark.parametrize("cls", every(FairleadError), ids=lambda cls: cls.__name__)
def test_every_fault_has_a_type_a_status_and_survives_a_process_boundary(cls: type[FairleadError]) -> None:
    made = {TokenMismatch: lambda: cls("r", 1, 2), SecurityApiFault: lambda: cls(404, "r")}.get(
        cls, lambda: cls("r", 503) if issubclass(cls, StatusFault) and cls.__name__ != "Unavailable" else cls("r")
    )()  # type: ignore[call-arg, dict-item]
    assert made.type.endswith("_exception")
    assert 400 <= made.status < 600
    again = pickle.loads(pickle.dumps(made))
    assert type(again) is cls
    assert envelope(again) == envelope(made)


def test_a_plain_fault_is_a_text() -> None:
    assert envelope(PlainFault("no", 406), trace=True) == {"error": "no", "status": 406}


def test_stack_traces_name_modules_and_functions_and_no_path() -> None:
    try:
        boolean("maybe")
    except IllegalArgument as caught:
        fault = StatusFault("outer", 400, cause=caught)
    body = envelope(fault, trace=True)["error"]
    assert body["stack_trace"] == "StatusFault[outer]"
    assert body["root_cause"][0]["stack_trace"] == "StatusFault[outer]"
    first, second = body["caused_by"]["stack_trace"].splitlines()
    assert first == f"IllegalArgument[{fault.cause}]"
    assert second.startswith("\tat fairlead.api.request.boolean(")
    assert "/" not in second
    assert "stack_trace" not in str(envelope(fault))
