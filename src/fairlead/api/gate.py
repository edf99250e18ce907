"""The one gate before every route: who asks, and may they; judged from the request's head before its body is read.

With security off there is no gate (spec/06 section 1). It reads no body and knows of no route but whether it is open.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from fairlead.api.reply import Reply, error_reply
from fairlead.api.request import boolean, parse_query
from fairlead.domain.audit import AuditEvent, Category
from fairlead.domain.identity import Head, Refused
from fairlead.domain.principal import Principal
from fairlead.errors import StatusFault
from fairlead.service.security.service import SecurityService, denial

Scope = MutableMapping[str, Any]

PERMISSION_CHECK = "perform_permission_check"
_ASKING = PERMISSION_CHECK.encode()
_PLAIN = "text/plain; charset=UTF-8"
_RESERVED_PREFIX = b"_opendistro_security_"
_BAD_HEADER = (
    "Illegal parameter in http or transport request found. Headers that start with _opendistro_security_ are refused."
)


class Refusal(Exception):
    """The request ends here, with this answer."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


class Gate:
    """`open_paths` are open to everybody, as they stand in a request line."""

    def __init__(self, security: SecurityService, open_paths: frozenset[bytes]) -> None:
        self._security = security
        self._open = open_paths

    async def admit(self, scope: Scope) -> Principal | None:
        """The caller; None where everybody may pass unasked: OPTIONS and open paths. Raises Refusal."""
        headers = scope["headers"]
        # One pass in C: the gate stands before every predict.
        fields = dict(headers)
        if _RESERVED_PREFIX in b" ".join(fields):
            self._refuse_reserved(scope, fields)
        method, path = scope["method"], scope["raw_path"]
        if method == "OPTIONS" or path in self._open:
            return None
        client = scope["client"]
        authorization = fields.get(b"authorization")
        head = Head(method, path, headers, authorization, client[0] if client else "", scope)
        if len(fields) != len(headers) and sum(name == b"authorization" for name, _ in headers) > 1:
            raise self._refused(head, Refused("more than one Authorization header"), "")
        for source in self._security.sources:
            found = await source.identify(head)
            if found is None:
                continue
            if isinstance(found, Refused):
                raise self._refused(head, found, source.name)
            tenant = fields.get(b"securitytenant", fields.get(b"security_tenant"))
            return found if tenant is None else found.asking(tenant.decode("utf-8", "replace"))
        reason = "no credentials" if authorization is None else "credentials of no known kind"
        raise self._refused(head, Refused(reason), "")

    def authorize(self, scope: Scope, principal: Principal, action: str, model_id: str | None) -> bool:
        """Raises SecurityFault when the caller lacks the privilege. True: the caller only asks whether it is there, so that
        nothing may be done; `verdict` is the answer."""
        if scope["query_string"] and _ASKING in scope["query_string"]:
            query = parse_query(scope["query_string"].decode("latin-1"))
            if PERMISSION_CHECK in query and boolean(query[PERMISSION_CHECK]):
                return True
        if not self._security.allows(principal, action, model_id):
            self.record(Category.MISSING_PRIVILEGES, scope, principal, action)
            raise denial(principal, action)
        return False

    def verdict(self, principal: Principal, action: str, model_id: str | None) -> Reply:
        """The answer to `perform_permission_check` (spec/06 section 1)."""
        allowed = self._security.allows(principal, action, model_id)
        return Reply({"accessAllowed": allowed, "missingPrivileges": [] if allowed else [action]})

    def record(
        self, category: Category, scope: Scope, principal: Principal | None, action: str, reason: str = ""
    ) -> None:
        """Tells the audit log, if it wants to hear of this."""
        audit = self._security.audit
        if not audit.wants(category):
            return
        client = scope["client"]
        audit.record(
            AuditEvent(
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
            )
        )

    def _refuse_reserved(self, scope: Scope, fields: dict[bytes, bytes]) -> None:
        if any(name.startswith(_RESERVED_PREFIX) for name in fields):
            self.record(Category.BAD_HEADERS, scope, None, "")
            raise Refusal(Reply({"error": {"status": "error", "reason": _BAD_HEADER}}, 403))

    def _refused(self, head: Head, refused: Refused, source: str) -> Refusal:
        """The same answer whatever was wrong (T-11); only the audit log learns more."""
        if self._security.audit.wants(Category.FAILED_LOGIN):
            path = head.path.decode("latin-1")
            event = AuditEvent(
                Category.FAILED_LOGIN, refused.name, head.address, head.method, path, "", refused.reason, source
            )
            self._security.audit.record(event)
        if refused.retry_after is not None:
            wait = {"Retry-After": str(refused.retry_after)}
            return Refusal(error_reply(StatusFault("Too many logins at once; try again", 429, headers=wait)))
        challenge = next((s.challenge for s in self._security.sources if s.challenge is not None), None)
        if challenge is None:
            return Refusal(Reply("Authentication finally failed", 401, content_type=_PLAIN))
        body = "Unauthorized" if challenge.startswith("Basic") else ""
        return Refusal(Reply(body, 401, {"WWW-Authenticate": challenge}, _PLAIN))
