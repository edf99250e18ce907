"""Every route that known clients touch: those in scope exist with their methods, others are told apart from them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from client import ML, Client
from fairlead.api.routes import ROUTES

CLIENT_ROUTES = json.loads((Path(__file__).parent / "cases" / "routes.json").read_text("utf-8"))
OURS: dict[str, set[str]] = {}
for row in ROUTES:
    OURS.setdefault(re.sub(r"\{\w+\}", "{}", row.path), set()).add(row.method)
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD")
STREAM = f"{ML}/models/{{id}}/_predict/stream"


def known(path: str) -> set[str]:
    methods = OURS.get(re.sub(r"\{\w+\}", "{}", path), set())
    return methods | {"HEAD"} if path == "/" else methods


@pytest.mark.parametrize("row", [r for r in CLIENT_ROUTES if r["scope"] == "yes"], ids=lambda r: r["path"])
def test_a_route_in_scope_has_the_methods_that_clients_use(row: dict[str, object]) -> None:
    path, methods = str(row["path"]), row["methods"]
    assert isinstance(methods, list)
    assert set(methods) <= known(path)


@pytest.mark.parametrize("path", sorted({re.sub(r"\{\w+\}", "x1", route.path) for route in ROUTES}))
def test_other_methods_are_a_405_that_lists_what_there_is(client: Client, path: str) -> None:
    options = client.raw("OPTIONS", path)
    assert (options.status, options.text) == (200, "")
    allowed = set(options.headers["allow"].split(","))
    for method in set(METHODS) - allowed - ({"HEAD"} if path == "/" else set()):
        answer = client.raw(method, path)
        assert (answer.status, set(answer.headers["allow"].split(","))) == (405, allowed)
        assert (answer.text == "") is (method == "HEAD")


@pytest.mark.parametrize(
    "path", sorted({re.sub(r"\{\w+\}", "x1", r["path"]) for r in CLIENT_ROUTES if r["scope"] == "no"})
)
def test_a_route_out_of_scope_is_an_unknown_path_or_method(client: Client, path: str) -> None:
    answer = client("POST", path, {})
    assert answer.status in (400, 405)
    assert isinstance(answer.body["error"], str)


@pytest.mark.parametrize("path", [f"{ML}/tasks/_search", f"{ML}/stats", f"{ML}/profile/models", "/_cluster/settings"])
def test_one_slash_at_the_end_makes_no_difference(client: Client, path: str) -> None:
    for asked in (path, path + "/"):
        assert client.raw("OPTIONS", asked).headers.get("allow")
    assert "allow" not in client.raw("OPTIONS", path + "//").headers


@pytest.mark.parametrize("id", ["a%2Fb", "a%20b", "%C3%A9", "a%3Fb", "a+b", "%2e%2e", "_create%2F"])
def test_an_id_is_decoded_after_the_path_was_taken_apart(client: Client, id: str) -> None:
    for plural in ("connectors", "model_groups", "models", "tasks"):
        assert client.raw("GET", f"{ML}/{plural}/{id}").status == 404
    assert client("POST", f"{ML}/models/{id}/_predict", {"parameters": {}}).status == 404


def test_the_root_answers_head_without_a_body(client: Client) -> None:
    answer = client.raw("HEAD", "/")
    assert (answer.status, answer.text) == (200, "")
    assert int(answer.headers["content-length"]) > 100
