"""The routes of the Security REST API, which exist while security is on; each also under the older prefix."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fairlead.api.handlers import certificates as t
from fairlead.api.handlers import resources as r
from fairlead.api.handlers import security as s
from fairlead.api.route import Access, Decode, Route, Run
from fairlead.domain.security_objects import ACTION_GROUPS, KINDS, USERS, ObjectKind
from fairlead.service.security.rest_access import endpoint_of

PREFIXES = ("/_plugins/_security", "/_opendistro/_security")
API = "/api"
_ALIASES = {USERS.segment: "user", ACTION_GROUPS.segment: "actiongroup"}
_WORDS = {
    "internalusers": ("user", "users"),
    "roles": ("role", "roles"),
    "rolesmapping": ("role mapping", "role mappings"),
    "actiongroups": ("action group", "action groups"),
}
_CALLER, _EVERYBODY = Access.AUTHENTICATED, Access.OPEN
_BOTH = ("GET", "POST")


def _admin(method: str, path: str, action: str, decode: Decode, run: Run, doc: str) -> Route:
    return Route(method, API + path, action, decode, run, doc, access=Access.REST_API)


def _own(
    method: str, path: str, action: str, decode: Decode, run: Run, doc: str, access: Access, *parameters: str
) -> Route:
    return Route(method, path, f"cluster:admin/fairlead/security/{action}", decode, run, doc, parameters, access=access)


def _objects(kind: ObjectKind, segment: str, *, patches: bool) -> tuple[Route, ...]:
    one, many = _WORDS[kind.segment]
    all, named, action = f"/{segment}", f"/{segment}/{{name}}", f"restapi:admin/{kind.segment}"
    rows = (
        _admin("GET", all, action, r.nothing, s.read_objects(kind), f"All {many} that the caller may see."),
        _admin("GET", named, action, r.nothing, s.read_objects(kind), f"A {one}."),
        _admin("PUT", named, action, s.raw_body, s.put_object(kind), f"Create a {one}, or replace it whole."),
        _admin("DELETE", named, action, r.nothing, s.delete_object(kind), f"Delete a {one}."),
        _admin("PATCH", all, action, s.raw_body, s.patch_objects(kind), f"Change several {many} with a JSON Patch, all or none."),
        _admin("PATCH", named, action, s.raw_body, s.patch_objects(kind), f"Change a {one} with a JSON Patch."),
    )  # fmt: skip
    return tuple(row for row in rows if patches or row.method != "PATCH")


def _all_objects() -> Iterator[Route]:
    for kind in KINDS:
        yield from _objects(kind, kind.segment, patches=True)
        if kind.segment in _ALIASES:
            yield from _objects(kind, _ALIASES[kind.segment], patches=kind is not USERS)


_KEYS = "cluster:admin/fairlead/api_keys/"
_LISTENERS, _CERTIFICATES = "restapi:admin/ratelimiters", "restapi:admin/ssl/certs/"
_CACHE, _CONFIG = "restapi:admin/cache", "restapi:admin/config/update"
_ADMIN_ROUTES: tuple[Route, ...] = (
    *_all_objects(),
    _admin("GET", "/apitokens", f"{_KEYS}list", r.nothing, s.list_keys, "All API keys, without their secrets."),
    _admin("POST", "/apitokens", f"{_KEYS}create", s.raw_body, s.create_key, "Create an API key; its secret is shown once."),
    _admin("DELETE", "/apitokens/{name}", f"{_KEYS}revoke", r.nothing, s.revoke_key, "Revoke an API key, on all workers at once."),
    _admin("POST", "/apitokens/{name}/_rotate", f"{_KEYS}rotate", s.raw_body, s.rotate_key, "A new secret for an API key; the old one stays good for `grace_seconds`."),
    _admin("GET", "/authfailurelisteners", _LISTENERS, r.nothing, s.get_listeners, "The limits on failed logins."),
    _admin("PUT", "/authfailurelisteners/{name}", _LISTENERS, s.raw_body, s.put_listener, "Set a limit on failed logins."),
    _admin("DELETE", "/authfailurelisteners/{name}", _LISTENERS, r.nothing, s.delete_listener, "Drop a limit on failed logins."),
    _admin("DELETE", "/cache", _CACHE, r.nothing, s.flush_cache, "Forget every remembered login."),
    _admin("DELETE", "/cache/user/{name}", _CACHE, r.nothing, s.flush_cache, "Forget the remembered logins of a user; here, of all."),
    _admin("GET", "/securityconfig", _CONFIG, r.nothing, s.read_config, "The identity sources, limits and key rules in force."),
    _admin("GET", "/audit", "restapi:admin/audit", r.nothing, s.read_audit, "What the audit log takes, in OpenSearch's form."),
    _admin("PATCH", "/audit", _CONFIG, r.nothing, s.change_config, "Always refused: these are process settings."),
    _admin("PUT", "/audit/config", _CONFIG, r.nothing, s.change_config, "Always refused: these are process settings."),
    _admin("PATCH", "/securityconfig", _CONFIG, r.nothing, s.change_config, "Always refused: these are process settings."),
    _admin("PUT", "/securityconfig/config", _CONFIG, r.nothing, s.change_config, "Always refused: these are process settings."),
    _admin("GET", "/certificates", f"{_CERTIFICATES}info", r.nothing, t.certificates, "The certificates that the port serves."),
    _admin("GET", "/certificates/{node_id}", f"{_CERTIFICATES}info", r.nothing, t.certificates, "The certificates of one node."),
    _admin("GET", "/ssl/certs", f"{_CERTIFICATES}info", r.nothing, t.served_certificates, "The same in an older form."),
    _admin("PUT", "/ssl/http/reloadcerts", f"{_CERTIFICATES}reload", r.nothing, t.reload_certificates, "Read the TLS files again."),
)  # fmt: skip


def endpoints() -> dict[str, list[str]]:
    """The methods of each endpoint, by its name in capitals."""
    found: dict[str, list[str]] = {}
    for route in _ADMIN_ROUTES:
        methods = found.setdefault(endpoint_of(route.path), [])
        if route.method not in methods:
            methods.append(route.method)
    return found


_EVERYONES_ROUTES: tuple[Route, ...] = (
    _own("GET", f"{API}/account", "account", r.nothing, s.get_account, "The caller's user entry and roles.", _CALLER),
    _own("PUT", f"{API}/account", "account", s.raw_body, s.put_account, "Change one's own password.", _CALLER),
    _own("GET", f"{API}/permissionsinfo", "permissionsinfo", r.nothing, s.permissionsinfo(endpoints()), "What the caller may do in this API.", _CALLER),
    *(_own(method, "/authinfo", "authinfo", r.nothing, s.authinfo, "Who the caller is, in full.", _CALLER, "auth_type", "verbose") for method in _BOTH),
    *(_own(method, "/health", "health", r.nothing, s.health, "Whether security is up.", _EVERYBODY, "mode") for method in _BOTH),
    *(_own(method, "/whoamiprotected", "whoami", r.nothing, s.whoami, "The same, for who is logged in.", _CALLER) for method in _BOTH),
    *(_own(method, "/whoami", "whoami", r.nothing, s.whoami, "The certificate's view of the caller.", _EVERYBODY) for method in _BOTH),
)  # fmt: skip
SECURITY_ROUTES: tuple[Route, ...] = tuple(
    replace(row, path=prefix + row.path) for prefix in PREFIXES for row in (*_EVERYONES_ROUTES, *_ADMIN_ROUTES)
)
