"""Handlers of the Security REST API: users, roles, mappings, action groups, the caller, keys, limits (spec/06 section 2).

Who may call them was decided by the gate. Their answers are small bodies of their own, not the envelope.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fairlead.api.reply import Reply
from fairlead.api.request import Request
from fairlead.api.route import Run
from fairlead.domain.audit import Category
from fairlead.domain.identity import CERTIFICATE, Head
from fairlead.domain.ports import Json
from fairlead.domain.principal import Principal
from fairlead.domain.security_objects import ObjectKind
from fairlead.errors import SecurityApiFault
from fairlead.security.certificate import ClientCertificate
from fairlead.service.house import House
from fairlead.service.security import account, validation
from fairlead.service.security.api_keys import NewKey, read_grace
from fairlead.service.security.basic import CACHE_MINUTES
from fairlead.service.security.objects import Editor
from fairlead.service.security.service import SecurityService, described

_PLAIN = "text/plain; charset=UTF-8"


def raw_body(request: Request) -> bytes:
    """Bodies are read by the service, in the original's order."""
    return request.body


def _security(house: House) -> SecurityService:
    assert house.security is not None  # these routes exist only with security on
    return house.security


def _principal(request: Request) -> Principal:
    assert request.principal is not None  # the gate lets nobody pass unasked but to open paths
    return request.principal


def _editor(house: House, request: Request) -> Editor:
    return _security(house).editor(_principal(request), request.headers.get("if-match"))


def _message(status: int, word: str, text: str) -> Reply:
    return Reply({"status": word, "message": text}, status)


def read_objects(kind: ObjectKind) -> Run:
    async def run(house: House, request: Request, _: object) -> Reply:
        view = await _security(house).objects.read(kind, _editor(house, request), request.ids.get("name"))
        return Reply(view.objects, headers={"ETag": view.tag})

    return run


def put_object(kind: ObjectKind) -> Run:
    async def run(house: House, request: Request, body: bytes) -> Reply:
        security, name = _security(house), request.ids["name"]
        if await security.objects.put(kind, _editor(house, request), name, body):
            return _message(201, "CREATED", f"'{name}' created.")
        return _message(200, "OK", f"'{name}' updated.")

    return run


def patch_objects(kind: ObjectKind) -> Run:
    async def run(house: House, request: Request, body: bytes) -> Reply:
        security, name = _security(house), request.ids.get("name")
        changed = await security.objects.patch(kind, _editor(house, request), name, body)
        if not changed:
            return _message(200, "OK", "No updates required")
        return _message(200, "OK", "Resource updated." if name is None else f"'{name}' updated.")

    return run


def delete_object(kind: ObjectKind) -> Run:
    async def run(house: House, request: Request, _: object) -> Reply:
        security, name = _security(house), request.ids["name"]
        await security.objects.delete(kind, _editor(house, request), name)
        return _message(200, "OK", f"'{name}' deleted.")

    return run


async def get_account(house: House, request: Request, _: object) -> Reply:
    return Reply(_security(house).account.account(_principal(request)))


async def put_account(house: House, request: Request, body: bytes) -> Reply:
    security, principal = _security(house), _principal(request)
    await security.account.change_password(principal, request.client[0], body)
    return _message(200, "OK", f"'{principal.name}' updated.")


async def authinfo(house: House, request: Request, _: object) -> Reply:
    principal = _principal(request)
    host, port = request.client
    remote = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return Reply(account.authinfo(_security(house).configuration(), principal, described(principal), remote))


def permissionsinfo(endpoints: Mapping[str, Sequence[str]]) -> Run:
    """`endpoints`: methods by name of what the API has."""

    async def run(house: House, request: Request, _: object) -> Reply:
        principal = _principal(request)
        security = _security(house)
        allowed = security.has_api_access(principal)
        disabled: Mapping[str, Sequence[str]] = endpoints
        if allowed:
            of_caller = security.settings.rest.disabled(principal)
            disabled = {name: [m for m in endpoints[name] if m in methods] for name, methods in of_caller.items()}
        return Reply(account.permissionsinfo(principal, described(principal), allowed, disabled))

    return run


async def health(house: House, request: Request, _: object) -> Reply:
    settings = {"plugins.security.cache.ttl_minutes": CACHE_MINUTES}
    mode = request.query.get("mode", "strict")
    return Reply({"message": None, "mode": mode, "status": "UP", "settings": settings})


async def whoami(house: House, request: Request, _: object) -> Reply:
    """The certificate's view (spec/06 2.7): nothing without TLS; there are no nodes with certificates of their own."""
    connection = request.connection
    if connection.get("scheme") != "https":
        return Reply("No security data", 403, content_type=_PLAIN)
    der = connection.get(CERTIFICATE)
    head = Head(request.method, connection["raw_path"], connection["headers"], None, request.client[0], connection)
    shown = {
        "dn": None if der is None else ClientCertificate(der).dn,
        "is_admin": await _security(house).is_super_admin(head),
        "is_node_certificate_request": False,
    }
    return Reply(shown)


async def flush_cache(house: House, request: Request, _: object) -> Reply:
    await _security(house).flush()
    name = request.ids.get("name")
    text = "Cache flushed successfully." if name is None else f"Cache invalidated for user: {name}"
    return _message(200, "OK", text)


async def read_config(house: House, request: Request, _: object) -> Reply:
    """The identity sources as they are set; changing them is the business of the process settings."""
    security = _security(house)
    sources = {
        f"{source.name}_auth_domain": {
            "http_enabled": True,
            "order": order,
            "http_authenticator": {"type": source.name, "challenge": source.challenge is not None, "config": {}},
        }
        for order, source in enumerate(security.sources)
    }
    listeners = await security.listeners.all()
    keys = security.settings.keys
    dynamic: Json = {
        "http": {"anonymous_auth_enabled": False},
        "authc": sources,
        "auth_failure_listeners": listeners,
        "api_tokens": {"enabled": keys.most > 0, "max_tokens": keys.most, "max_duration_seconds": keys.seconds},
    }
    return Reply({"config": {"dynamic": dynamic}})


async def read_audit(house: House, request: Request, _: object) -> Reply:
    """Settings of the process, shown as OpenSearch has them (spec/06 section 10); what this log never does is false."""
    audit = _security(house).audit
    disabled = [str(category) for category in Category if not audit.wants(category)]
    rest: Json = {
        "ignore_users": [],
        "ignore_requests": [],
        "disabled_rest_categories": disabled,
        "disabled_transport_categories": [],
        "log_request_body": False,
        "resolve_indices": False,
        "resolve_bulk_requests": False,
        "exclude_sensitive_headers": True,
        "enable_transport": False,
        "enable_rest": True,
    }
    compliance: Json = {
        "enabled": True,
        "write_log_diffs": False,
        "read_watched_fields": {},
        "read_ignore_users": [],
        "write_watched_indices": [],
        "write_ignore_users": [],
        "read_metadata_only": True,
        "write_metadata_only": True,
        "external_config": False,
        "internal_config": audit.wants(Category.COMPLIANCE_INTERNAL_CONFIG_WRITE),
    }
    config = {"enabled": len(disabled) < len(Category), "audit": rest, "compliance": compliance}
    readonly = [
        "/enabled",
        *(f"/{part}/{key}" for part, keys in (("audit", rest), ("compliance", compliance)) for key in keys),
    ]
    return Reply({"_readonly": readonly, "config": config})


async def change_config(house: House, request: Request, _: object) -> Reply:
    raise SecurityApiFault(403, "Access denied")


async def get_listeners(house: House, request: Request, _: object) -> Reply:
    return Reply(await _security(house).listeners.all())


async def put_listener(house: House, request: Request, body: bytes) -> Reply:
    return Reply(await _security(house).listeners.put(request.ids["name"], body))


async def delete_listener(house: House, request: Request, _: object) -> Reply:
    return Reply(await _security(house).listeners.delete(request.ids["name"]))


async def list_keys(house: House, request: Request, _: object) -> Reply:
    await _security(house).save_uses()
    return Reply(await _security(house).keys.listed())


async def create_key(house: House, request: Request, body: bytes) -> Reply:
    security, principal = _security(house), _principal(request)
    users = security.configuration().users
    editor = security.editor(principal)

    def may_own(owner: str) -> bool:
        user = users.get(owner) or {}
        protected = user.get("reserved") or user.get("hidden")
        return owner == principal.name or not protected or "security_user" in editor.supers

    return _shown(await security.keys.create(validation.read_object(body), principal.name, may_own))


async def revoke_key(house: House, request: Request, _: object) -> Reply:
    id = request.ids["name"]
    await _security(house).keys.revoke(id)
    return Reply({"message": f"Token {id} revoked successfully."})


async def rotate_key(house: House, request: Request, body: bytes) -> Reply:
    grace = read_grace(validation.read_object(body)) if body else 0
    return _shown(await _security(house).keys.rotate(request.ids["name"], grace))


def _shown(key: NewKey) -> Reply:
    return Reply({"id": key.id, "token": key.token}, headers={"Cache-Control": "no-store"})
