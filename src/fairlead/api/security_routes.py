"""The routes of the Security REST API, which exist while security is on; each also under the older prefix."""

from __future__ import annotations

from collections.abc import Iterator

from fairlead.api.handlers import certificates as t
from fairlead.api.handlers import resources as r
from fairlead.api.handlers import security as s
from fairlead.api.route import Access, Route
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
_EVERYBODY, _CALLER, _ADMIN = Access.OPEN, Access.AUTHENTICATED, Access.REST_API


def _objects(kind: ObjectKind, segment: str, *, patches: bool) -> Iterator[Route]:
    one, many = _WORDS[kind.segment]
    path, action = f"{API}/{segment}", f"restapi:admin/{kind.segment}"
    rows = [
        ("GET", path, r.nothing, s.read_objects(kind), f"All {many} that the caller may see."),
        ("GET", f"{path}/{{name}}", r.nothing, s.read_objects(kind), f"A {one}."),
        ("PUT", f"{path}/{{name}}", s.raw_body, s.put_object(kind), f"Create a {one}, or replace it whole."),
        ("DELETE", f"{path}/{{name}}", r.nothing, s.delete_object(kind), f"Delete a {one}."),
    ]
    if patches:
        rows += [
            (
                "PATCH",
                path,
                s.raw_body,
                s.patch_objects(kind),
                f"Change several {many} with a JSON Patch, all or none.",
            ),
            ("PATCH", f"{path}/{{name}}", s.raw_body, s.patch_objects(kind), f"Change a {one} with a JSON Patch."),
        ]
    for method, where, decode, run, doc in rows:
        yield Route(method, where, action, decode, run, doc, access=_ADMIN)


def _keys() -> Iterator[Route]:
    path, action = f"{API}/apitokens", "cluster:admin/fairlead/api_keys/"
    yield Route(
        "GET", path, f"{action}list", r.nothing, s.list_keys, "All API keys, without their secrets.", access=_ADMIN
    )
    yield Route(
        "POST",
        path,
        f"{action}create",
        s.raw_body,
        s.create_key,
        "Create an API key; its secret is shown once.",
        access=_ADMIN,
    )
    yield Route(
        "DELETE",
        f"{path}/{{name}}",
        f"{action}revoke",
        r.nothing,
        s.revoke_key,
        "Revoke an API key, on all workers at once.",
        access=_ADMIN,
    )
    yield Route("POST", f"{path}/{{name}}/_rotate", f"{action}rotate", s.raw_body, s.rotate_key, "A new secret for an API key; the old one stays good for `grace_seconds`.", access=_ADMIN)  # fmt: skip


def _listeners() -> Iterator[Route]:
    path, action = f"{API}/authfailurelisteners", "restapi:admin/ratelimiters"
    yield Route("GET", path, action, r.nothing, s.get_listeners, "The limits on failed logins.", access=_ADMIN)
    yield Route(
        "PUT", f"{path}/{{name}}", action, s.raw_body, s.put_listener, "Set a limit on failed logins.", access=_ADMIN
    )
    yield Route(
        "DELETE",
        f"{path}/{{name}}",
        action,
        r.nothing,
        s.delete_listener,
        "Drop a limit on failed logins.",
        access=_ADMIN,
    )


def _admin() -> tuple[Route, ...]:
    rows: list[Route] = []
    for kind in KINDS:
        rows += _objects(kind, kind.segment, patches=True)
        if kind.segment in _ALIASES:
            rows += _objects(kind, _ALIASES[kind.segment], patches=kind is not USERS)
    cache, config = "restapi:admin/cache", "restapi:admin/config/update"
    return (
        *rows,
        *_keys(),
        *_listeners(),
        Route("DELETE", f"{API}/cache", cache, r.nothing, s.flush_cache, "Forget every remembered login.", access=_ADMIN),
        Route("DELETE", f"{API}/cache/user/{{name}}", cache, r.nothing, s.flush_cache, "Forget the remembered logins of a user; here, of all.", access=_ADMIN),
        Route("GET", f"{API}/securityconfig", config, r.nothing, s.read_config, "The identity sources, limits and key rules in force.", access=_ADMIN),
        Route("GET", f"{API}/audit", "restapi:admin/audit", r.nothing, s.read_audit, "What the audit log takes, in OpenSearch's form.", access=_ADMIN),
        Route("PATCH", f"{API}/audit", config, r.nothing, s.change_config, "Always refused: these are process settings.", access=_ADMIN),
        Route("PUT", f"{API}/audit/config", config, r.nothing, s.change_config, "Always refused: these are process settings.", access=_ADMIN),
        Route("PATCH", f"{API}/securityconfig", config, r.nothing, s.change_config, "Always refused: these are process settings.", access=_ADMIN),
        Route("PUT", f"{API}/securityconfig/config", config, r.nothing, s.change_config, "Always refused: these are process settings.", access=_ADMIN),
    )  # fmt: skip


def _certificates() -> Iterator[Route]:
    info, again = "restapi:admin/ssl/certs/info", "restapi:admin/ssl/certs/reload"
    one, all = f"{API}/certificates/{{node_id}}", f"{API}/certificates"
    yield Route("GET", all, info, r.nothing, t.certificates, "The certificates that the port serves.", access=_ADMIN)
    yield Route("GET", one, info, r.nothing, t.certificates, "The certificates of one node.", access=_ADMIN)
    yield Route(
        "GET", f"{API}/ssl/certs", info, r.nothing, t.served_certificates, "The same in an older form.", access=_ADMIN
    )
    yield Route(
        "PUT",
        f"{API}/ssl/http/reloadcerts",
        again,
        r.nothing,
        t.reload_certificates,
        "Read the TLS files again.",
        access=_ADMIN,
    )


_ADMIN_ROUTES = (*_admin(), *_certificates())


def endpoints() -> dict[str, list[str]]:
    """The methods of each endpoint, by its name in capitals."""
    found: dict[str, list[str]] = {}
    for route in _ADMIN_ROUTES:
        methods = found.setdefault(endpoint_of(route.path), [])
        if route.method not in methods:
            methods.append(route.method)
    return found


def _everyone() -> tuple[Route, ...]:
    own = "cluster:admin/fairlead/security/"
    both = ("GET", "POST")
    return (
        Route("GET", f"{API}/account", f"{own}account", r.nothing, s.get_account, "The caller's user entry and roles.", access=_CALLER),
        Route("PUT", f"{API}/account", f"{own}account", s.raw_body, s.put_account, "Change one's own password.", access=_CALLER),
        Route("GET", f"{API}/permissionsinfo", f"{own}permissionsinfo", r.nothing, s.permissionsinfo(endpoints()), "What the caller may do in this API.", access=_CALLER),
        *(Route(method, "/authinfo", f"{own}authinfo", r.nothing, s.authinfo, "Who the caller is, in full.", ("auth_type", "verbose"), access=_CALLER) for method in both),
        *(Route(method, "/health", f"{own}health", r.nothing, s.health, "Whether security is up.", ("mode",), access=_EVERYBODY) for method in both),
        *(Route(method, "/whoamiprotected", f"{own}whoami", r.nothing, s.whoami, "The same, for who is logged in.", access=_CALLER) for method in both),
        *(Route(method, "/whoami", f"{own}whoami", r.nothing, s.whoami, "The certificate's view of the caller.", access=_EVERYBODY) for method in both),
    )  # fmt: skip


def _prefixed() -> Iterator[Route]:
    for prefix in PREFIXES:
        for row in (*_everyone(), *_ADMIN_ROUTES):
            yield Route(
                row.method,
                prefix + row.path,
                row.action,
                row.decode,
                row.run,
                row.doc,
                row.parameters,
                access=row.access,
            )


SECURITY_ROUTES: tuple[Route, ...] = tuple(_prefixed())
