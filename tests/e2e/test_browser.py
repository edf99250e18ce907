"""What a page of another origin, or of a console that shows our replies, could do with them: nothing (T-21, T-22)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from client import ML, Client
from identities import login, settle
from process import gateway

SCRIPT = "<script>alert(1)</script>"
FOREIGN = {"Origin": "https://evil.example"}
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with gateway(settle(tmp_path_factory.mktemp("browser") / "data")) as server:
        yield server.url
        assert "Traceback" not in server.errors, server.errors


@pytest.mark.parametrize("secured", [True, False])
def test_no_reply_is_html_whatever_stands_in_it(url: str, client: Client, simulator: str, secured: bool) -> None:
    asking = Client(url, login("admin")) if secured else client
    if secured:
        asking.trust_local()
    group = asking("POST", f"{ML}/model_groups/_register", {"name": SCRIPT, "description": SCRIPT})
    connector = asking.connector(f"{simulator}/echo", version=SCRIPT, parameters={"text": SCRIPT})
    model = asking.model(connector)
    seen = [group, asking.predict(model, v=SCRIPT)]
    for method, path in (
        ("GET", f"{ML}/connectors/{connector}"),
        ("GET", f"{ML}/models/{model}"),
        ("GET", f"{ML}/models/{SCRIPT}"),
        ("GET", f"/{SCRIPT}?{SCRIPT}"),
        ("DELETE", f"/{SCRIPT}"),
        ("GET", f"{ML}/models/_search?q={SCRIPT}"),
        ("GET", f"{ML}/models/{model}?error_trace={SCRIPT}"),
    ):
        seen.append(asking.raw(method, path.replace("<", "%3C").replace(">", "%3E"), headers=BROWSER))
    assert any(SCRIPT in answer.text for answer in seen)
    for answer in seen:
        assert answer.headers["content-type"].split(";")[0] in ("application/json", "text/plain"), answer
        assert not answer.text.lstrip().startswith("<"), answer


@pytest.mark.parametrize("secured", [True, False])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_no_reply_lets_a_page_of_another_origin_read_it(url: str, client: Client, secured: bool, method: str) -> None:
    asking = Client(url, login("admin")) if secured else client
    preflight = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}
    for path in ("/", f"{ML}/models/_search", f"{ML}/models/x/_predict", "/nowhere"):
        answer = asking.raw(method, path, headers={**FOREIGN, **preflight})
        assert not [name for name in answer.headers if name.startswith("access-control-")], answer


def test_no_cookie_is_ever_set_or_taken_for_a_login(url: str) -> None:
    assert "set-cookie" not in Client(url, login("admin"))("GET", "/").headers
    cookie = {"Cookie": "security_authentication=x; Authorization=Basic YWRtaW46eA=="}
    assert Client(url).raw("GET", "/", headers=cookie).status == 401


def test_a_tenant_header_moves_nobody_into_another_tenant(url: str, simulator: str) -> None:
    """There is one tenant: what a header names is shown as asked for, and decides nothing (S-04)."""
    admin, nobody = Client(url, login("admin")), Client(url, login("nobody"))
    admin.trust_local()
    connector = admin.connector(f"{simulator}/echo", tenant_id="theirs")
    for header in ("x-tenant-id", "securitytenant", "security_tenant", "tenant_id"):
        given = {header: "theirs"}
        shown = admin.raw("GET", f"{ML}/connectors/{connector}", headers=given)
        assert shown.status == 200
        assert "tenant_id" not in shown.body
        refused = nobody.raw("GET", f"{ML}/connectors/{connector}", headers=given)
        assert refused.status == 403
        assert Client(url).raw("GET", f"{ML}/connectors/{connector}", headers=given).status == 401


SERVER_SIDE = {
    "owner": {"name": "mallory", "backend_roles": ["admin"], "roles": ["all_access"]},
    "tenant_id": "theirs",
    "created_time": 1,
    "last_updated_time": 1,
    "create_time": 1,
    "last_update_time": 1,
    "model_state": "DEPLOYED",
    "latest_version": 99,
    "model_version": "99",
    "planning_worker_node_count": 7,
    "current_worker_node_count": 7,
    "auto_redeploy_retry_times": 9,
    "reserved": True,
    "hidden": True,
    "static": True,
}


def test_fields_that_the_server_sets_are_not_taken_from_any_body(url: str, simulator: str) -> None:
    admin = Client(url, login("admin"))
    admin.trust_local()
    connector = admin.connector(f"{simulator}/echo", **SERVER_SIDE)
    group = admin.ok("POST", f"{ML}/model_groups/_register", {"name": "fields", **SERVER_SIDE})["model_group_id"]
    model = admin.model(connector, "fields", model_group_id=group, **SERVER_SIDE)
    paths = [f"{ML}/connectors/{connector}", f"{ML}/model_groups/{group}", f"{ML}/models/{model}"]
    before = [admin.ok("GET", path) for path in paths]
    for path in paths:
        assert admin("PUT", path, {"description": "changed", **SERVER_SIDE}).status == 200
    after = [admin.ok("GET", path) for path in paths]
    for shown in (*before, *after):
        taken = {name: value for name, value in SERVER_SIDE.items() if name in shown and shown[name] == value}
        assert taken == {}, shown
    assert [shown["description"] for shown in after] == ["changed"] * 3
