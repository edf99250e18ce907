"""config.yml of a security directory: which identities are believed, as checked rows (spec/06 3, 7.2-7.6, 14.1).

Nothing is skipped: an unknown key, a type that is not built, or a method without its mandatory rules is a FileFault that names
the entry (S-17). It opens no connection and verifies nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairlead.domain.identity import LoginListener
from fairlead.security.callers import Hosts
from fairlead.security.certificate import CertificateFault, Name, parse_dn, parse_selector
from fairlead.security.jwt import ALGORITHMS, Key, TokenFault, TokenRules, import_signing_key
from fairlead.security.yaml_reader import YamlFault, read_yaml_file
from fairlead.service.security.fetching import parse_key_url
from fairlead.service.security.files import IDENTITY_FILE, FileFault
from fairlead.service.security.key_sets import FetchFault


@dataclass(frozen=True, slots=True)
class JwtDomain:
    """One issuer. `subject` and `roles` are paths into the claims; of `keys`, `jwks_uri` and `discovery` one is given."""

    name: str
    rules: TokenRules
    subject: tuple[str, ...] = ("sub",)
    roles: tuple[str, ...] = ()
    keys: tuple[Key, ...] = ()
    jwks_uri: str = ""
    discovery: str = ""
    challenge: bool = False
    seconds: float = 5.0
    window: float = 30.0
    count: int = 1
    most_keys: int = 100
    most_bytes: int = 1024 * 1024
    ca_pem: str | None = None


@dataclass(frozen=True, slots=True)
class ProxyDomain:
    """Headers of a trusted proxy that name the caller, lower case; `attributes` is a prefix or empty."""

    user: bytes = b"x-proxy-user"
    roles: bytes = b"x-proxy-roles"
    separator: str = ","
    attributes: bytes = b""


@dataclass(frozen=True, slots=True)
class CertificateDomain:
    """Which attributes of a client certificate name the caller; `skip` are subjects for which others decide."""

    username: str = ""
    roles: str = ""
    skip: frozenset[Name] = frozenset()


@dataclass(frozen=True, slots=True)
class IdentityRules:
    """The whole file."""

    jwt: tuple[JwtDomain, ...] = ()
    proxy: ProxyDomain | None = None
    certificate: CertificateDomain | None = None
    basic: bool = True
    anonymous: bool = False
    listeners: tuple[LoginListener, ...] = ()

    @property
    def others(self) -> bool:
        """Whether anybody could log in without an internal user."""
        return bool(self.jwt or self.proxy or self.certificate or self.anonymous)


def read_identity_rules(directory: Path) -> IdentityRules:
    """What `directory` says; without the file: internal users by Basic only. Raises FileFault."""
    path = directory / IDENTITY_FILE
    try:
        document = read_yaml_file(path)
    except FileNotFoundError:
        return IdentityRules()
    except OSError as fault:
        raise FileFault(f"{path} cannot be read: {fault.strerror}") from fault
    except YamlFault as fault:
        raise FileFault(f"{path}: {fault}") from fault
    return identity_rules(document, str(path), directory)


def identity_rules(document: Any, where: str, directory: Path) -> IdentityRules:
    """Paths of files in it are relative to `directory`. Raises FileFault."""
    root = _Node(document, where)
    meta = root.node("_meta")
    if meta.text("type") != "config" or meta.text("config_version") != "2":
        raise FileFault(f"{where}: the first key must be _meta, with type 'config' and config_version 2")
    meta.done()
    dynamic = root.node("config").node("dynamic")
    root.done()
    rules = IdentityRules(
        anonymous=_http(dynamic.node("http")),
        listeners=_listeners(dynamic.node("auth_failure_listeners")),
        **_domains(dynamic.node("authc"), directory),
    )
    for name in ("authz", "on_behalf_of", "api_tokens", "kibana", "dashboards"):
        dynamic.refuse(name, "is not configured here")
    for name in ("do_not_fail_on_forbidden", "do_not_fail_on_forbidden_empty", "multi_rolespan_enabled"):
        dynamic.take(name)  # about indices, which are not here
    dynamic.done()
    return rules


def _http(http: _Node) -> bool:
    xff = http.node("xff")
    if xff.flag("enabled"):
        raise FileFault(
            f"{xff.where}: a pattern over addresses is not believed here; list the proxies' networks in the setting "
            "trusted_proxies and turn xff off"
        )
    for name in ("internalProxies", "remoteIpHeader"):
        xff.take(name)
    xff.done()
    anonymous = http.flag("anonymous_auth_enabled")
    http.done()
    return anonymous


def _listeners(node: _Node) -> tuple[LoginListener, ...]:
    return tuple(_listener(entry, name) for name, entry in node.entries())


def _listener(node: _Node, name: str) -> LoginListener:
    kind = node.text("type")
    if kind not in ("ip", "username"):
        raise FileFault(f"{node.where}.type: must be ip or username")
    backend = node.text("authentication_backend")
    if kind == "username" and backend not in ("", "internal", "intern"):
        raise FileFault(f"{node.where}.authentication_backend: must be internal")
    hosts = node.texts("ignore_hosts")
    try:
        Hosts(hosts)
    except ValueError:
        raise FileFault(f"{node.where}.ignore_hosts: only addresses and networks such as 10.0.0.0/8") from None
    row = LoginListener(
        name,
        kind,
        backend,
        tuple(hosts),
        node.number("allowed_tries", 10, 2),
        node.number("time_window_seconds", 3600, 1),
        node.number("block_expiry_seconds", 600, 1),
        node.number("max_blocked_clients", 100_000, 1),
        node.number("max_tracked_clients", 100_000, 1),
    )
    node.done()
    return row


def _domains(node: _Node, directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = {"jwt": [], "basic": False}
    entries = node.entries()
    for name, entry in entries:
        enabled = entry.flag("http_enabled", True)
        authenticator, backend = entry.node("http_authenticator"), entry.node("authentication_backend")
        kind, challenge = authenticator.text("type"), authenticator.flag("challenge", False)
        if kind not in _READERS:
            raise FileFault(f"{authenticator.where}.type: '{kind}' is not one of {', '.join(sorted(_READERS))}")
        read = _READERS[kind](authenticator.node("config"), name, challenge, directory)
        wanted = ("internal", "intern") if kind == "basic" else ("", "noop")
        if backend.text("type") not in wanted:
            raise FileFault(f"{backend.where}.type: must be {wanted[-1]} for {kind}")
        backend.take("config")
        for inner in (authenticator, backend):
            inner.done()
        for key in ("description", "order", "transport_enabled"):  # the order is fixed (14.1)
            entry.take(key)
        entry.done()
        if not enabled:
            continue
        if isinstance(read, JwtDomain):
            found["jwt"].append(read)
            continue
        slot = "certificate" if kind == "clientcert" else "proxy" if kind.endswith("proxy") else "basic"
        if found.get(slot):
            raise FileFault(f"{entry.where}: there is a second domain of type {kind}")
        found[slot] = read
    issuers = [domain.rules.issuer for domain in found["jwt"]]
    if len(set(issuers)) != len(issuers):
        raise FileFault(f"{node.where}: two domains have the same required_issuer")
    found["jwt"] = tuple(found["jwt"])
    if not entries:
        found["basic"] = True
    return found


def _fetchable(where: str, url: str) -> None:
    try:
        parse_key_url(url)
    except FetchFault as fault:
        raise FileFault(f"{where}: {fault}") from None


def _jwt(node: _Node, name: str, challenge: bool, directory: Path) -> JwtDomain:
    if node.text("jwt_url_parameter"):
        raise FileFault(f"{node.where}.jwt_url_parameter: a token in a URL ends up in logs (S-21)")
    if node.text("jwt_header").lower() not in ("", "authorization"):
        raise FileFault(f"{node.where}.jwt_header: tokens come in Authorization only")
    algorithms = node.texts("algorithms")
    for required, value in (
        ("required_issuer", node.peek("required_issuer")),
        ("required_audience", node.peek("required_audience")),
        ("algorithms", algorithms),
    ):
        if not value:
            raise FileFault(f"{node.where}.{required}: is mandatory")
    unknown = [algorithm for algorithm in algorithms if algorithm not in ALGORITHMS]
    if unknown:
        raise FileFault(f"{node.where}.algorithms: '{unknown[0]}' is not one of {', '.join(ALGORITHMS)}")
    keys = tuple(_signing_key(node.where, text) for text in node.texts("signing_key", split=False))
    jwks_uri, discovery = node.text("jwks_uri"), node.text("openid_connect_url")
    if sum(map(bool, (keys, jwks_uri, discovery))) != 1:
        raise FileFault(f"{node.where}: one of signing_key, jwks_uri and openid_connect_url must be given")
    for key, url in (("jwks_uri", jwks_uri), ("openid_connect_url", discovery)):
        if url:
            _fetchable(f"{node.where}.{key}", url)
    secret = {algorithm for algorithm in algorithms if ALGORITHMS[algorithm] == "oct"}
    if secret and (len(secret) != len(algorithms) or any(key.kind != "oct" for key in keys) or not keys):
        raise FileFault(
            f"{node.where}.algorithms: {', '.join(sorted(secret))} need a secret as signing_key, and it alone"
        )
    milliseconds = node.number("idp_request_timeout_ms", node.number("jwks_request_timeout_ms", 5000, 1), 1)
    domain = JwtDomain(
        name,
        TokenRules(
            node.text("required_issuer"),
            frozenset(node.texts("required_audience")),
            frozenset(algorithms),
            node.number("jwt_clock_skew_tolerance_seconds", 30, 0),
            node.text("required_type"),
        ),
        node.texts("subject_key", split=False) or ("sub",),
        node.texts("roles_key", split=False),
        keys,
        jwks_uri,
        discovery,
        challenge,
        milliseconds / 1000,
        node.number("refresh_rate_limit_time_window_ms", 30_000, 1) / 1000,
        node.number("refresh_rate_limit_count", 1, 1),
        node.number("max_jwks_keys", 100, 1),
        node.number("max_jwks_response_size_bytes", 1024 * 1024, 1),
        _authorities(node, directory),
    )
    for ignored in ("jwks_queued_thread_timeout_ms", "cache_jwks_endpoint"):  # ours waits 2.5 s and keeps sets always
        node.take(ignored)
    node.done()
    return domain


def _signing_key(where: str, text: str) -> Key:
    try:
        return import_signing_key(text)
    except TokenFault as fault:
        raise FileFault(f"{where}.signing_key: {fault}") from None


def _authorities(node: _Node, directory: Path) -> str | None:
    name = node.text("pemtrustedcas_filepath")
    if not name:
        return None
    try:
        return (directory / name).read_text("ascii")
    except (OSError, ValueError):
        raise FileFault(f"{node.where}.pemtrustedcas_filepath: {name} cannot be read") from None


def _proxy(node: _Node, name: str, challenge: bool, directory: Path) -> ProxyDomain:
    domain = ProxyDomain(
        (node.text("user_header") or "x-proxy-user").lower().encode("latin-1", "replace"),
        (node.text("roles_header") or "x-proxy-roles").lower().encode("latin-1", "replace"),
        node.text("roles_separator") or ",",
        node.text("attr_header_prefix").lower().encode("latin-1", "replace"),
    )
    node.done()
    return domain


def _certificate(node: _Node, name: str, challenge: bool, directory: Path) -> CertificateDomain:
    username, roles = node.text("username_attribute"), node.text("roles_attribute")
    try:
        for selector in (username, roles):
            if selector:
                parse_selector(selector)
        skip = frozenset(parse_dn(text) for text in node.texts("skip_users", split=False))
    except CertificateFault as fault:
        raise FileFault(f"{node.where}: {fault}") from None
    node.done()
    return CertificateDomain(username, roles, skip)


def _basic(node: _Node, name: str, challenge: bool, directory: Path) -> bool:
    node.done()
    return True


_READERS: Mapping[str, Callable[[_Node, str, bool, Path], Any]] = {
    "jwt": _jwt,
    "openid": _jwt,
    "proxy": _proxy,
    "extended-proxy": _proxy,
    "clientcert": _certificate,
    "basic": _basic,
}
"""Types of `http_authenticator` that are built."""


class _Node:
    """A map of the file, read key by key; what nobody read is unknown."""

    def __init__(self, value: Any, where: str) -> None:
        if value is None:
            value = {}
        if not isinstance(value, dict):
            raise FileFault(f"{where}: must be a map")
        self._left = dict(value)
        self._all = value
        self.where = where

    def node(self, key: str) -> _Node:
        return _Node(self._left.pop(key, None), f"{self.where}: {key}" if self._root else f"{self.where}.{key}")

    @property
    def _root(self) -> bool:
        return ": " not in self.where

    def entries(self) -> list[tuple[str, _Node]]:
        found = [(name, _Node(value, f"{self.where}.{name}")) for name, value in self._left.items()]
        self._left.clear()
        return found

    def take(self, key: str) -> Any:
        return self._left.pop(key, None)

    def peek(self, key: str) -> Any:
        return self._all.get(key)

    def refuse(self, key: str, why: str) -> None:
        if self._left.pop(key, None):
            raise FileFault(f"{self.where}.{key}: {why}")

    def text(self, key: str) -> str:
        value = self._left.pop(key, None)
        if value is not None and not isinstance(value, str):
            raise FileFault(f"{self.where}.{key}: must be a text")
        return value or ""

    def texts(self, key: str, *, split: bool = True) -> tuple[str, ...]:
        """A list, or one text; with `split` a text of several between commas."""
        value = self._left.pop(key, None)
        if value is None:
            return ()
        if isinstance(value, str):
            value = value.split(",") if split else [value]
        if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
            raise FileFault(f"{self.where}.{key}: must be a list of texts")
        return tuple(item.strip() for item in value)

    def flag(self, key: str, default: bool = False) -> bool:
        value = self._left.pop(key, None)
        if value is None:
            return default
        if value not in ("true", "false"):
            raise FileFault(f"{self.where}.{key}: must be true or false")
        return bool(value == "true")

    def number(self, key: str, default: int, low: int) -> int:
        value = self._left.pop(key, None)
        if value is None:
            return default
        try:
            number = int(value)
        except (TypeError, ValueError):
            number = low - 1
        if not low <= number <= 2**31:
            raise FileFault(f"{self.where}.{key}: must be a whole number of at least {low}")
        return number

    def done(self) -> None:
        if self._left:
            raise FileFault(f"{self.where}: unknown key '{next(iter(self._left))}'")
