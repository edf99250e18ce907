"""Process settings: what there are, their defaults and what they mean; frozen. fairlead.cli.settings_sources reads them.

Cluster settings, which change while running, are another thing: fairlead.domain.cluster_settings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal

DATABASE = "fairlead.db"
"""The file of the default store in the data directory."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One value per flag of `fairlead serve`. Times in seconds, sizes in bytes."""

    host: str = "127.0.0.1"
    port: int = 9200
    data_dir: Path = Path("fairlead-data")
    store: str = ""
    workers: int = 0
    security: str = ""
    users: Literal["store", "file"] = "store"
    auth: Literal["auto", "on", "off"] = "auto"
    security_rest_roles: tuple[str, ...] = ("all_access", "security_rest_api_access")
    security_endpoints_disabled: tuple[str, ...] = ()
    initial_admin_password: str = ""
    initial_admin_password_file: str = ""
    password_min_length: int = -1
    password_strength: Literal["fair", "good", "strong", "very_strong"] = "strong"
    password_pattern: str = ""
    password_pattern_text: str = "Password does not match minimum criteria"
    password_rehash: bool = True
    api_key_limit: int = 100
    api_key_max_seconds: int = 7_776_000
    simulate: bool = False
    transport: Literal["aiohttp", "owned"] = "owned"
    fast_lane: bool = True
    node_name: str = "fairlead"
    cluster_name: str = "fairlead"
    master_key: str = ""
    master_key_file: str = ""
    key_service: Literal["", "vault", "aws_kms"] = ""
    vault_address: str = ""
    vault_token: str = ""
    vault_ca_file: str = ""
    vault_kv_version: int = 2
    vault_transit_key: str = ""
    kms_key: str = ""
    kms_endpoint: str = ""
    kms_access_key: str = ""
    kms_secret_key: str = ""
    kms_session_token: str = ""
    secret_env_prefixes: str = ""
    secret_file_prefixes: str = ""
    secret_vault_prefixes: str = ""
    max_body_bytes: int = 32 * 1024 * 1024
    body_timeout: float = 30.0
    connections_per_source: int = 4096
    pool_timeout: float = 10.0
    total_timeout: float = 300.0
    pool_queue: int = 1000
    upstream_proxy: str = ""
    upstream_proxy_credentials: str = ""
    upstream_proxy_ca_file: str = ""
    upstream_no_proxy: tuple[str, ...] = ()
    drain_seconds: int = 30
    log_level: str = "warning"
    access_log: str = ""
    access_log_share: float = 1.0
    access_log_max_bytes: int = 64 * 1024 * 1024
    access_log_keep: int = 10
    socket: str = ""
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    tls_certificate: str = ""
    tls_key: str = ""
    tls_key_password_file: str = ""
    tls_client_ca: str = ""
    tls_client_auth: Literal["none", "optional", "require"] = "none"
    tls_reload_seconds: float = 2.0
    tls_terminated_by_proxy: bool = False
    allow_insecure_tls: bool = False
    redact_replies: bool = False
    admin_dn: tuple[str, ...] = ()
    idp_networks: tuple[str, ...] = ()
    audit_sinks: tuple[str, ...] = ("file",)
    audit_file: str = ""
    audit_max_bytes: int = 64 * 1024 * 1024
    audit_keep: int = 10
    audit_chain: bool = False
    audit_on_failure: Literal["block", "drop"] = "block"
    audit_disabled_categories: tuple[str, ...] = ("AUTHENTICATED", "GRANTED_PRIVILEGES")

    @property
    def store_url(self) -> str:
        return self.store or f"sqlite:///{self.data_dir.absolute() / DATABASE}"

    @property
    def public(self) -> bool:
        """Whether others than this machine can connect."""
        return not self.socket and not is_loopback(self.host)

    @property
    def shown_store(self) -> str:
        """The database's address without its password."""
        return shown("store", self.store_url)

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{f.name}={shown(f.name, getattr(self, f.name))}' for f in fields(self))})"


DOCS: Mapping[str, str] = {
    "host": "Address to listen on.",
    "port": "Port to listen on; 0 takes a free one.",
    "data_dir": "Where the database and the keyring live.",
    "store": "Database URL; default: SQLite in the data directory. `postgresql://...` shares one among nodes.",
    "workers": "Processes that answer on the one port; 0: one for each processor that may be used.",
    "security": "Directory with internal_users.yml, roles.yml, roles_mapping.yml and action_groups.yml as OpenSearch has them; "
    "imported while the store has no users, and turns authentication on.",
    "users": "Where users, roles, mappings and action groups live: `store`, which the REST API and commands change, or `file`: "
    "in the directory of `security`, which is watched; nothing else changes them.",
    "auth": "Whether callers must prove who they are: `on`, `off`, or `auto`: on once there are users.",
    "security_rest_roles": "Who has one of these security roles may call the Security REST API.",
    "security_endpoints_disabled": "What callers of the Security REST API may not do: `ROLE/ENDPOINT/METHOD` such as "
    "`security_rest_api_access/INTERNALUSERS/DELETE`; `*` is every method, role `global` everybody.",
    "initial_admin_password": "Makes a user `admin` with this password in a store that has no users; "
    "also read from OPENSEARCH_INITIAL_ADMIN_PASSWORD.",
    "initial_admin_password_file": "A file whose first line is that password.",
    "password_min_length": "Shortest password that may be set; -1 leaves it to `password_strength`.",
    "password_strength": "How hard to guess a new password must be: `fair`, `good`, `strong` or `very_strong`.",
    "password_pattern": "A regular expression that a new password must match as a whole.",
    "password_pattern_text": "What a caller reads whose password does not match the pattern.",
    "password_rehash": "A stored hash that costs less than those made today is made anew after a good login of its user.",
    "api_key_limit": "API keys that may be in use at once; 0 turns them off.",
    "api_key_max_seconds": "How long an API key lives at most; 0 allows keys that never expire.",
    "simulate": "Sends every provider's requests to the built-in simulator; only with a loopback host.",
    "transport": "The HTTP client towards providers: `owned`, or `aiohttp` as the way back.",
    "fast_lane": "Predicts are answered by the HTTP protocol itself instead of through ASGI; same answers, less CPU.",
    "node_name": "The `name` in `GET /`.",
    "cluster_name": "The `cluster_name` in `GET /`.",
    "master_key": "32 bytes in Base64 or hex that protect the stored credentials; default: a keyring file.",
    "master_key_file": "A file that holds the master key.",
    "key_service": "Who wraps the data keys instead of a master key: `vault` (HashiCorp Vault transit) or `aws_kms`.",
    "vault_address": "HashiCorp Vault, `https://host:8200`; `http` only to this machine.",
    "vault_token": 'Its token; may be a reference such as `{"$file": "/run/vault-token"}`.',
    "vault_ca_file": "PEM file of the authorities that its certificate is checked by; default: the system's.",
    "vault_kv_version": "Version of its key-value engines that `$vault` references read: 1 or 2.",
    "vault_transit_key": "Mount and name of the transit key, `transit/fairlead`.",
    "kms_key": "ARN of the AWS KMS key.",
    "kms_endpoint": "Address of AWS KMS; default: that of the key's region.",
    "kms_access_key": "Access key id for AWS KMS; may be a reference.",
    "kms_secret_key": "Secret access key for AWS KMS; may be a reference.",
    "kms_session_token": "Session token for AWS KMS, if there is one; may be a reference.",
    "secret_env_prefixes": "Beginnings of the environment variables that credentials may refer to by `$env`, separated by commas; none: no variable.",
    "secret_file_prefixes": "Folders with the files that credentials may refer to by `$file`, separated by commas; none: no file.",
    "secret_vault_prefixes": "Beginnings of the paths that credentials may refer to by `$vault`, separated by commas; none: no path.",
    "max_body_bytes": "Largest request body; larger ones get 413. Requests other than predicts take 2 MiB at most.",
    "body_timeout": "Seconds in which a request body must arrive; else 408.",
    "connections_per_source": "Connections that one address (of IPv6: one /64) may hold at each worker; more get 429 and are closed. "
    "Not counted: `trusted_proxies`. 0: any number.",
    "pool_timeout": "Seconds a call waits for a connection to its provider; then 429.",
    "total_timeout": "Seconds one call to a provider may take altogether.",
    "pool_queue": "Calls that may wait for connections of one connector; more get 429.",
    "upstream_proxy": "Calls to providers go through this proxy, `http://host:port` or `https://host:port`; proxy variables of the "
    "environment are never read.",
    "upstream_proxy_credentials": "`user:password` for that proxy.",
    "upstream_proxy_ca_file": "Certificates (PEM) that a proxy's own TLS is checked by instead of the system's.",
    "upstream_no_proxy": "Providers that are called directly: endings of host names, and networks for hosts given as addresses.",
    "drain_seconds": "Seconds that requests in flight have to finish after a stop signal; the process ends a dozen seconds later at most.",
    "log_level": "debug, info, warning, error or critical.",
    "access_log": "Where a JSON line per request goes: `stdout`, or a file; empty for nowhere.",
    "access_log_share": "Share of the requests that are written, 0 to 1; those that end with 500 or more always are.",
    "access_log_max_bytes": "Size at which the access log's file is put aside and a new one begun.",
    "access_log_keep": "Files of the access log that are kept beside the current one.",
    "socket": "Path of a Unix socket to listen on instead of an address; only its owner may connect (mode 0600).",
    "allowed_hosts": "Names that the `Host` header may have beside loopback ones while authentication is off.",
    "trusted_proxies": "Networks of proxies whose forwarding headers are believed, as `10.0.0.0/8, ::1`.",
    "tls_certificate": "PEM file of the server's certificate chain, leaf first; turns TLS on.",
    "tls_key": "PEM file of the certificate's private key.",
    "tls_key_password_file": "File whose first line opens the private key.",
    "tls_client_ca": "PEM file of the authorities that sign client certificates.",
    "tls_client_auth": "Whether clients are asked for a certificate: `none`, `optional` or `require`.",
    "tls_reload_seconds": "How often the TLS files are looked at; changed ones serve new connections. 0 looks only when asked.",
    "tls_terminated_by_proxy": "A proxy among `trusted_proxies` speaks TLS to the clients, so this port may do without.",
    "allow_insecure_tls": "Lets connectors set `skip_ssl_verification` also where other machines can connect to this server.",
    "redact_replies": "Searches good replies too for the connector's credential and masks it; errors and logs are always masked.",
    "admin_dn": "Subjects of client certificates that may do everything; several between semicolons.",
    "idp_networks": "Private networks in which key sets of identity providers may be fetched.",
    "audit_sinks": "Where the audit log goes while callers must log in: `file`, `stdout`, `log`, `syslog`; empty for nowhere.",
    "audit_file": "The audit log's file; default: `audit/audit.log` in the data directory.",
    "audit_max_bytes": "Size at which the audit file is put aside and a new one begun.",
    "audit_keep": "Audit files that are kept beside the current one.",
    "audit_chain": "Ends each line of the audit file with the SHA-256 of the line before.",
    "audit_on_failure": "While the audit log cannot be written: `block` refuses changes, `drop` lets them pass.",
    "audit_disabled_categories": "Categories that are not written.",
}

NAMES = tuple(f.name for f in fields(Settings))
FLAGS = (
    "host",
    "port",
    "socket",
    "data_dir",
    "store",
    "workers",
    "security",
    "auth",
    "simulate",
    "transport",
    "log_level",
)
"""Settings that `fairlead serve` also takes as flags; secrets never stand on a command line."""


ALIASES: Mapping[str, str] = {"OPENSEARCH_INITIAL_ADMIN_PASSWORD": "initial_admin_password"}
"""Other names of environment variables, which those who come from OpenSearch have set already."""
SECRETS = (
    "master_key",
    "initial_admin_password",
    "vault_token",
    "kms_access_key",
    "kms_secret_key",
    "kms_session_token",
    "upstream_proxy_credentials",
)
"""Settings that are secrets themselves: masked in messages and logs, never flags, not handed on to other processes."""


def shown(name: str, value: Any) -> str:
    """A value as messages may hold it: no key, and no password of a database URL."""
    if name in SECRETS and value:
        return "'***'"
    return re.sub(r"(?<=://)[^/@]*@", "***@", repr(value)) if name == "store" else repr(value)


def listed(text: str) -> tuple[str, ...]:
    """The parts of a setting that is a list."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is reached from this machine only; of names only `localhost` is known to be."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
