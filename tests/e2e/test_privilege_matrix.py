"""Every route with every kind of caller, against one table: cases/privileges.json says who may (spec/06 9.1, 9.2).

The walk sends a body that is no JSON and ids that are not there, so that nothing is changed; a privilege without a row fails.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from client import Answer, Client
from fairlead.api.route import Access, Route
from fairlead.api.routes import ROUTES
from fairlead.api.security_routes import PREFIXES, SECURITY_ROUTES
from identities import login, settle
from process import Server, gateway

MATRIX: dict[str, list[str]] = json.loads((Path(__file__).parent / "cases" / "privileges.json").read_text("utf-8"))
"""Who may, by privilege: `reader` has ml_read_access, `caller` ml_predict_access, `full` ml_full_access, `admin` all_access."""
CALLERS = ("nobody", "reader", "caller", "full", "admin")
SECURITY = [route for route in SECURITY_ROUTES if route.path.startswith(PREFIXES[0])]
ALL = [*ROUTES, *SECURITY]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with gateway(settle(tmp_path_factory.mktemp("matrix") / "data")) as running:
        yield running


def asked(server: Server, route: Route, who: str) -> Answer:
    path = re.sub(r"\{(\w+)\}", "none", route.path)
    headers = {"Content-Type": "application/json"}
    return Client(server.url, who).raw(route.method, path, b"{", headers)


def name(route: Route) -> str:
    return f"{route.method} {route.path}"


def test_the_table_has_a_row_for_every_privilege_and_no_other() -> None:
    assert set(MATRIX) == {route.action for route in ROUTES if route.access is Access.PRIVILEGE}


@pytest.mark.parametrize("route", ALL, ids=name)
def test_without_and_with_wrong_credentials_nothing_but_what_is_open_answers(server: Server, route: Route) -> None:
    for who in ("", "admin:wrong", "nosuch:wrong"):
        answer = asked(server, route, who)
        assert (answer.status == 401) is (route.access is not Access.OPEN), answer


@pytest.mark.parametrize("route", [r for r in ROUTES if r.access is Access.PRIVILEGE], ids=name)
def test_a_caller_is_refused_before_the_body_is_looked_at_unless_the_table_lets_him(
    server: Server, route: Route
) -> None:
    for who in CALLERS:
        path = re.sub(r"\{(\w+)\}", "none", route.path)
        client = Client(server.url, login(who))
        answer = client.raw(route.method, path, b"{", {"Content-Type": "application/json"})
        refused = answer.status == 403 and answer.body["error"]["type"] == "security_exception"
        assert refused is (who not in MATRIX[route.action]), (who, answer)
        if refused:
            assert answer.body["error"]["reason"].startswith(
                f"no permissions for [{route.action}] and User [name={who}, "
            )


@pytest.mark.parametrize("route", [r for r in SECURITY if r.access is Access.REST_API], ids=name)
def test_the_security_api_is_closed_to_all_but_administrators(server: Server, route: Route) -> None:
    for who in ("nobody", "reader", "caller", "full"):
        answer = asked(server, route, login(who))
        assert answer.status == 403, (who, answer)
        assert answer.body["message"].startswith("No permission to access REST API: User ")
