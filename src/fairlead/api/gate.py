"""The one gate before every route: who asks, and may they; judged from the request's head before its body is read.

With security off there is no gate (spec/06 section 1). It reads no body and knows of no route but whether it is open.
"""

from __future__ import annotations

from dataclasses import replace

from fairlead.api.audit_trail import event
from fairlead.api.body import Fields, Scope
from fairlead.api.reply import Reply, error_reply
from fairlead.api.request import boolean, parse_query
from fairlead.domain.audit import Category
from fairlead.domain.identity import PEER, Head, Refused, Remembering
from fairlead.domain.principal import Principal
from fairlead.errors import SecurityFault, StatusFault
from fairlead.security.forwarded import Proxies
from fairlead.service.security.rest_access import endpoint_of
from fairlead.service.security.service import SecurityService, denial, rest_denial
from fairlead.settings import is_loopback

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
    """`open_paths` are open to everybody, as they stand in a request line. `clear_text`: the port speaks no TLS to
    addresses that are not this machine's, so that only `proxies` may bring credentials."""

    def __init__(
        self,
        security: SecurityService,
        open_paths: frozenset[bytes],
        proxies: Proxies | None = None,
        *,
        clear_text: bool = False,
    ) -> None:
        self._security = security
        self._open = open_paths
        self._proxies = proxies if proxies is not None and proxies.any else None
        self._clear_text = clear_text
        # What stands before them has to be asked first: a super admin's certificate wins over a password.
        self._leading: list[Remembering] = []
        for source in security.sources:
            if not isinstance(source, Remembering):
                break
            self._leading.append(source)
        self._tells_all = security.audit.wants(Category.AUTHENTICATED) or security.audit.wants(
            Category.GRANTED_PRIVILEGES
        )

    async def admit(self, scope: Scope, fields: Fields) -> Principal | None:
        """The caller; None where everybody may pass unasked: OPTIONS and open paths. `fields` are the headers by name.
        Raises Refusal."""
        if self._security.behind:
            await self._security.catch_up()
        headers = scope["headers"]
        if _RESERVED_PREFIX in b" ".join(fields):
            self._refuse_reserved(scope, fields)
        method, path = scope["method"], scope["raw_path"]
        if method == "OPTIONS" or path in self._open:
            return None
        authorization = fields.get(b"authorization")
        if self._proxies is not None:
            self._look_through(scope, self._proxies, authorization)
        client = scope["client"]
        address = client[0] if client else ""
        single = len(fields) == len(headers)
        if single and authorization is not None:
            for remembering in self._leading:
                known = remembering.remembered(authorization, address)
                if known is not None:
                    return self._admitted(scope, fields, known)
        head = Head(method, path, headers, authorization, address, scope)
        if not single and sum(name == b"authorization" for name, _ in headers) > 1:
            raise self._refused(head, Refused("more than one Authorization header"), "")
        for source in self._security.sources:
            found = await source.identify(head)
            if found is None:
                continue
            if isinstance(found, Refused):
                raise self._refused(head, found, source.name)
            return self._admitted(scope, fields, found)
        reason = "no credentials" if authorization is None else "credentials of no known kind"
        raise self._refused(head, Refused(reason), "")

    def _admitted(self, scope: Scope, fields: Fields, principal: Principal) -> Principal:
        if self._tells_all:
            self.record(Category.AUTHENTICATED, scope, principal, "")
        tenant = fields.get(b"securitytenant", fields.get(b"security_tenant"))
        return principal if tenant is None else principal.asking(tenant.decode("utf-8", "replace"))

    async def authorize(self, scope: Scope, principal: Principal, action: str, model_id: str | None) -> bool:
        """Raises SecurityFault when the caller lacks the privilege. True: the caller only asks whether it is there, so that
        nothing may be done; `verdict` is the answer."""
        if scope["query_string"] and _ASKING in scope["query_string"]:
            query = parse_query(scope["query_string"].decode("latin-1"))
            if PERMISSION_CHECK in query and boolean(query[PERMISSION_CHECK]):
                await self._security.learns(principal, model_id)
                return True
        if not self._security.allows(principal, action, model_id) and not (
            await self._security.learns(principal, model_id) and self._security.allows(principal, action, model_id)
        ):
            self.record(Category.MISSING_PRIVILEGES, scope, principal, action)
            raise denial(principal, action)
        if self._tells_all:
            self.record(Category.GRANTED_PRIVILEGES, scope, principal, action)
        return False

    def _look_through(self, scope: Scope, proxies: Proxies, authorization: bytes | None) -> None:
        """From here on the client is the one that a trusted proxy names (S-06). Raises Refusal for credentials in clear
        text from anybody else (14.3)."""
        client = scope["client"]
        peer = client[0] if client else ""
        if proxies.trusts(peer):
            address = proxies.client(peer, scope["headers"])
            if address != peer:
                scope[PEER] = peer
                scope["client"] = (address, 0)
        elif self._clear_text and authorization is not None and not is_loopback(peer):
            self.record(Category.FAILED_LOGIN, scope, None, "", "credentials in clear text: they must count as exposed")
            raise Refusal(error_reply(SecurityFault("Credentials are accepted only over TLS")))

    def require_rest_api(self, scope: Scope, principal: Principal, action: str, path: str) -> None:
        """Raises SecurityApiFault for who may not call that route of the Security REST API, whatever the object (spec/06
        2.2)."""
        lacks = "role privileged for admin access"
        if self._security.has_api_access(principal):
            endpoint, method = endpoint_of(path), scope["method"]
            if self._security.settings.rest.allows(principal, endpoint, method):
                return
            lacks = f"access to endpoint {endpoint} and method {method}"
        self.record(Category.MISSING_PRIVILEGES, scope, principal, action)
        raise rest_denial(principal, tls=scope["scheme"] == "https", lacks=lacks)

    def used(self, scope: Scope, principal: Principal | None, action: str, model_id: str) -> None:
        """A model's credential was used; the audit log takes a sample."""
        audit = self._security.audit
        if audit.wants(Category.CREDENTIAL_USE):
            details = {"resource": f"model_id={model_id}"}
            audit.record(event(Category.CREDENTIAL_USE, scope, principal, action, details=details))

    def verdict(self, principal: Principal, action: str, model_id: str | None) -> Reply:
        """The answer to `perform_permission_check` (spec/06 section 1)."""
        allowed = self._security.allows(principal, action, model_id)
        return Reply({"accessAllowed": allowed, "missingPrivileges": [] if allowed else [action]})

    def record(
        self, category: Category, scope: Scope, principal: Principal | None, action: str, reason: str = ""
    ) -> None:
        """Tells the audit log, if it wants to hear of this."""
        audit = self._security.audit
        if audit.wants(category):
            audit.record(event(category, scope, principal, action, reason))

    def _refuse_reserved(self, scope: Scope, fields: Fields) -> None:
        if any(name.startswith(_RESERVED_PREFIX) for name in fields):
            self.record(Category.BAD_HEADERS, scope, None, "")
            raise Refusal(Reply({"error": {"status": "error", "reason": _BAD_HEADER}}, 403))

    def _refused(self, head: Head, refused: Refused, source: str) -> Refusal:
        """The same answer whatever was wrong (T-11); only the audit log learns more."""
        if self._security.audit.wants(Category.FAILED_LOGIN):
            told = event(Category.FAILED_LOGIN, head.connection, None, "", refused.reason)
            self._security.audit.record(replace(told, user=refused.name, source=source))
        if refused.retry_after is not None:
            wait = {"Retry-After": str(refused.retry_after)}
            return Refusal(error_reply(StatusFault("Too many logins at once; try again", 429, headers=wait)))
        if refused.final:
            return Refusal(Reply("Authentication finally failed", 401, content_type=_PLAIN))
        challenge = next((s.challenge for s in self._security.sources if s.challenge is not None), None)
        if challenge is None:
            return Refusal(Reply("Authentication finally failed", 401, content_type=_PLAIN))
        body = "Unauthorized" if challenge.startswith("Basic") else ""
        return Refusal(Reply(body, 401, {"WWW-Authenticate": challenge}, _PLAIN))
