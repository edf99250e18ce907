"""Patterns, hosts and members: which row answers, and what a body must have."""

from __future__ import annotations

import pytest

from fairlead.simulator.message import Refused, Reply, answer
from fairlead.simulator.providers import PROVIDERS, router
from fairlead.simulator.providers.echo import ECHO
from fairlead.simulator.providers.plain import PLAIN
from fairlead.simulator.routes import Exchange, Field, Provider, Route, Router, bare_host, is_local


def fine(exchange: Exchange) -> Reply:
    return answer({})


def wrong(refusal: Refused) -> Reply:
    return answer({}, refusal.status)


@pytest.mark.parametrize(
    ("pattern", "path", "arguments"),
    [
        ("/a/{x}/b", "/a/1%2F2/b", {"x": "1/2"}),
        ("/a/{x}/b", "/a/1/2/b", None),
        ("/a/{x}/b", "/a//b", None),
        ("/a{x:path}", "/a", {"x": ""}),
        ("/a{x:path}", "/a/b/c", {"x": "/b/c"}),
        ("/v1/{m}:do", "/v1/g-1:do", {"m": "g-1"}),
        ("/a.b", "/axb", None),
        ("{x:path}", "/line\nend", {"x": "/line\nend"}),
    ],
)
def test_a_pattern_takes_segments_or_the_rest(pattern: str, path: str, arguments: dict[str, str] | None) -> None:
    route = Route("GET", pattern, fine, "")
    found = Router(Provider("p", (), (route,), wrong, ""), (), ECHO).match("", "GET", path)
    assert (found.arguments if found.route is route else None) == arguments


def test_the_first_row_that_fits_answers() -> None:
    rows = (Route("POST", "/a", fine, ""), Route("*", "/{x}", fine, ""), Route("GET", "/a", fine, ""))
    one = Router(Provider("p", (), rows, wrong, ""), (), ECHO)
    assert one.match("", "POST", "/a").route is rows[0]
    assert one.match("", "GET", "/a").route is rows[1]


@pytest.mark.parametrize(
    ("header", "host"),
    [("A.B:80", "a.b"), ("[::1]:80", "::1"), ("[::1]", "::1"), ("a.b.", "a.b"), ("", ""), (" a ", "a")],
)
def test_a_host_is_compared_in_lower_case_without_its_port(header: str, host: str) -> None:
    assert bare_host(header) == host


@pytest.mark.parametrize(
    ("host", "local"),
    [("", True), ("localhost", True), ("10.1.2.3", True), ("::1", True), ("a.b", False), ("1.2.3.4.example", False)],
)
def test_addresses_and_single_names_are_local(host: str, local: bool) -> None:
    assert is_local(host) is local


def test_many_different_paths_do_not_grow_the_memory() -> None:
    one = router()
    for number in range(10_000):
        one.match("api.openai.com", "GET", f"/{number}")
    assert len(one._cache) <= Router._CACHED


@pytest.mark.parametrize(
    ("field", "body", "code"),
    [
        (Field("a", ("string",), required=True), {}, "missing_required_parameter"),
        (Field("a", ("string",), required=True), {"a": None}, "missing_required_parameter"),
        (Field("a", ("string",), required=True), {"a": ""}, "invalid_value"),
        (Field("a", ("array",), required=True), {"a": []}, "invalid_value"),
        (Field("a", ("string", "array")), {"a": 1}, "invalid_type"),
        (Field("a", ("integer",)), {"a": True}, "invalid_type"),
        (Field("a", ("integer",)), {"a": 1.5}, "invalid_type"),
        (Field("a", ("number",)), {"a": 1}, None),
        (Field("a", ("boolean",)), {"a": False}, None),
        (Field("a", ("string",)), {"a": ""}, None),
        (Field("a", ("string",)), {"a": None}, None),
        (Field("a", ("string",)), {}, None),
    ],
)
def test_a_member_is_checked_for_presence_and_kind(field: Field, body: dict[str, object], code: str | None) -> None:
    if code is None:
        field.check(body)
        return
    with pytest.raises(Refused) as refused:
        field.check(body)
    assert (refused.value.status, refused.value.parameter, refused.value.code) == (400, "a", code)


def test_every_row_has_a_line_of_documentation() -> None:
    rows = [route for provider in (PLAIN, *PROVIDERS, ECHO) for route in provider.routes]
    assert len(rows) > 30
    assert all(route.doc for route in rows)
    assert all(provider.doc for provider in (PLAIN, *PROVIDERS, ECHO))
