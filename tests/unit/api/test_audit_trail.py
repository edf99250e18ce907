"""What the audit log hears of requests: every change, in names and never in values (S-01)."""

from __future__ import annotations

from typing import Any

import pytest

from audits import KeptAudit
from fairlead.api.audit_trail import AuditTrail, change_category, request_id
from fairlead.api.routes import ROUTES
from fairlead.api.security_routes import SECURITY_ROUTES
from fairlead.domain.audit import Category
from fairlead.domain.principal import Principal
from fairlead.errors import Unavailable

CANARY = "sk-canary-0123456789"
SCOPE: dict[str, Any] = {"client": ("1.2.3.4", 5), "method": "POST", "raw_path": b"/x", "headers": []}
READING_POSTS = {"_search", "_predict", "_batch_predict", "stream", "authinfo", "health", "whoami", "whoamiprotected"}


@pytest.mark.parametrize(
    "route", [r for r in (*ROUTES, *SECURITY_ROUTES) if r.run], ids=lambda route: f"{route.method} {route.path}"
)
def test_every_route_that_changes_something_has_a_category(route: Any) -> None:
    reads = route.method in ("GET", "HEAD") or route.path.rpartition("/")[2] in READING_POSTS
    assert (change_category(route.method, route.path, route.action) is None) is reads


@pytest.mark.parametrize(
    ("method", "path", "action", "category"),
    [
        ("POST", "/c", "cluster:admin/opensearch/ml/create_connector", Category.CONNECTOR_WRITE),
        ("PUT", "/c", "cluster:admin/opensearch/ml/connectors/update", Category.CONNECTOR_WRITE),
        ("PUT", "/_cluster/settings", "cluster:admin/settings/update", Category.CLUSTER_SETTINGS_CHANGED),
        ("POST", "/m", "cluster:admin/opensearch/ml/register_model", Category.RESOURCE_WRITE),
        ("PUT", "/_plugins/_security/api/roles/{name}", "x", Category.COMPLIANCE_INTERNAL_CONFIG_WRITE),
        ("POST", "/_plugins/_security/api/apitokens", "x", Category.API_TOKEN_WRITE),
        ("POST", "/p", "cluster:admin/opensearch/ml/predict", None),
        ("POST", "/p", "cluster:admin/opensearch/ml/predict/stream", None),
    ],
)
def test_a_change_has_the_category_of_what_it_changes(
    method: str, path: str, action: str, category: Category | None
) -> None:
    assert change_category(method, path, action) is category


def test_a_change_is_told_in_names_and_without_a_value() -> None:
    audit = KeptAudit()
    body = b'{"name":"n","credential":{"key":"%s"},"actions":[{"headers":{"x-api-key":"%s"}}]}' % (
        (CANARY.encode(),) * 2
    )
    AuditTrail(audit, fail_closed=True).changed(
        Category.CONNECTOR_WRITE, SCOPE, Principal("ann", key_id="k"), "act", {}, body, 200, {"connector_id": "c1"}
    )
    [event] = audit.events
    assert CANARY not in repr(event)
    assert (event.user, event.key_id, event.address, event.action) == ("ann", "k", "1.2.3.4", "act")
    assert event.details == {
        "outcome": "done",
        "rest_response_status": "200",
        "resource": "connector_id=c1",
        "request_fields": "name,credential,credential.key,actions",
    }


@pytest.mark.parametrize(("status", "outcome"), [(201, "done"), (400, "refused"), (403, "refused"), (503, "failed")])
def test_a_change_is_told_with_its_outcome(status: int, outcome: str) -> None:
    audit = KeptAudit()
    trail = AuditTrail(audit, fail_closed=True)
    trail.changed(Category.RESOURCE_WRITE, SCOPE, None, "a", {"model_id": "m"}, b"no JSON", status, None)
    assert audit.events[0].details["outcome"] == outcome
    assert audit.events[0].details["resource"] == "model_id=m"


def test_changes_are_refused_while_the_log_cannot_take_them_if_that_is_asked_for() -> None:
    with pytest.raises(Unavailable, match="audit_on_failure"):
        AuditTrail(KeptAudit(failing=True), fail_closed=True).require(Category.RESOURCE_WRITE)
    AuditTrail(KeptAudit(failing=True), fail_closed=False).require(Category.RESOURCE_WRITE)
    AuditTrail(KeptAudit(), fail_closed=True).require(Category.RESOURCE_WRITE)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([(b"x-request-id", b"r1"), (b"x-opaque-id", b"o1")], "r1"),
        ([(b"x-opaque-id", b"o1")], "o1"),
        ([(b"x-request-id", b"a\x00\x1b[31mb")], "a[31mb"),
        ([(b"x-request-id", b"y" * 500)], "y" * 128),
    ],
)
def test_a_request_keeps_the_id_that_it_came_with(headers: list[tuple[bytes, bytes]], expected: str) -> None:
    assert request_id({**SCOPE, "headers": headers}) == expected


def test_a_request_without_an_id_gets_one() -> None:
    assert len({request_id(SCOPE) for _ in range(50)}) == 50
