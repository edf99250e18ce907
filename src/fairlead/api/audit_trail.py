"""Which requests the audit log hears of, and in which words: names, ids and field names, never a value (spec/06 14.4, S-01).

One place for all routes: a change is told after it was tried, with its outcome. While the log cannot be written and the
operator asked for it, changes are refused before they are tried (S-18).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

import orjson

from fairlead.domain.audit import Audit, AuditEvent, Category
from fairlead.domain.principal import Principal
from fairlead.errors import Unavailable

Scope = Mapping[str, Any]

_SECURITY_API = ("/_plugins/_security/api/", "/_opendistro/_security/api/")
_SECURITY_PAGES = tuple(
    prefix.replace("/api/", page) for prefix in _SECURITY_API for page in ("/authinfo", "/health", "/whoami")
)
"""They may be asked with POST too."""
_READS = re.compile(r"/(search|get|nodes)$|/predict(/stream)?$")
_CATEGORIES: tuple[tuple[re.Pattern[str], Category], ...] = (
    (re.compile(r"cluster:admin/settings/"), Category.CLUSTER_SETTINGS_CHANGED),
    (re.compile(r"/(create_connector|connectors/)"), Category.CONNECTOR_WRITE),
    (re.compile(r"/apitokens?"), Category.API_TOKEN_WRITE),
)
_MADE = ("connector_id", "model_id", "model_group_id", "task_id", "_id", "id")
_MOST_FIELDS = 40
_LONGEST = 64


def change_category(method: str, path: str, action: str) -> Category | None:
    """What a route changes, as a category; None for routes that only read or predict. `path` may be the route's template."""
    if method in ("GET", "HEAD", "OPTIONS"):
        return None
    if path.startswith(_SECURITY_PAGES):
        return None
    if path.startswith(_SECURITY_API):
        if "apitoken" in path:
            return Category.API_TOKEN_WRITE
        return Category.COMPLIANCE_INTERNAL_CONFIG_WRITE
    if _READS.search(action):
        return None
    for pattern, category in _CATEGORIES:
        if pattern.search(action):
            return category
    return Category.RESOURCE_WRITE


class AuditTrail:
    """`fail_closed`: changes are refused while the log cannot take them."""

    def __init__(self, audit: Audit, *, fail_closed: bool) -> None:
        self._audit = audit
        self._fail_closed = fail_closed

    def require(self, category: Category) -> None:
        """Before a change. Raises Unavailable."""
        if self._fail_closed and self._audit.failing and self._audit.wants(category):
            raise Unavailable(
                "The audit log cannot be written, and changes are refused until it can (audit_on_failure)"
            )

    def changed(
        self,
        category: Category,
        scope: Scope,
        principal: Principal | None,
        action: str,
        ids: Mapping[str, str],
        body: bytes,
        status: int,
        reply: Any,
    ) -> None:
        """After a change was tried."""
        if not self._audit.wants(category):
            return
        self._audit.record(
            event(
                category,
                scope,
                principal,
                action,
                details={
                    "outcome": "done" if status < 400 else "refused" if status < 500 else "failed",
                    "rest_response_status": str(status),
                    "resource": _resource(ids, reply),
                    "request_fields": _field_names(body),
                },
            )
        )


def event(
    category: Category,
    scope: Scope,
    principal: Principal | None,
    action: str,
    reason: str = "",
    details: Mapping[str, str] | None = None,
) -> AuditEvent:
    """An event of a request. The client's address is the one behind trusted proxies."""
    client = scope["client"]
    return AuditEvent(
        category,
        principal.name if principal else "",
        client[0] if client else "",
        scope["method"],
        scope["raw_path"].decode("latin-1"),
        action,
        reason,
        principal.source if principal else "",
        principal.key_id if principal else None,
        principal is not None and principal.super_admin,
        request_id(scope),
        details or {},
    )


def request_id(scope: Scope) -> str:
    """The caller's `X-Request-Id`, else its `X-Opaque-Id`, without what could forge a line; else one of ours."""
    fields = dict(scope["headers"])
    given = fields.get(b"x-request-id") or fields.get(b"x-opaque-id") or b""
    text = "".join(c for c in given.decode("utf-8", "replace") if c.isprintable())[:128]
    return text or secrets.token_hex(8)


def _resource(ids: Mapping[str, str], reply: Any) -> str:
    """What the path names, and what was made."""
    named = dict(ids)
    if isinstance(reply, Mapping):
        named |= {name: value for name in _MADE if isinstance(value := reply.get(name), str)}
    return " ".join(f"{name}={value[:_LONGEST]}" for name, value in named.items())


def _field_names(body: bytes) -> str:
    """Names of two levels of a JSON body; a credential's names tell what was given, and nothing of it."""
    try:
        value = orjson.loads(body) if body else None
    except orjson.JSONDecodeError:
        return ""
    if not isinstance(value, dict):
        return ""
    names = []
    for name, inner in value.items():
        names.append(name[:_LONGEST])
        if isinstance(inner, dict):
            names += [f"{name[:_LONGEST]}.{key[:_LONGEST]}" for key in inner]
    return ",".join(names[:_MOST_FIELDS])
