"""The composition root: settings in, a wired application out. Every concrete adapter is chosen here and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fairlead.api.access_log import AccessLog
from fairlead.api.app import App
from fairlead.api.origin import OriginRule
from fairlead.domain.audit import Audit, AuditEvent, Category, NoAudit
from fairlead.domain.cluster_settings import ClusterSettings
from fairlead.domain.ports import Conflict, Put, Store, StoreUnavailable
from fairlead.domain.secret import Secret
from fairlead.key_wiring import Outside
from fairlead.security.audit_log import AuditLog
from fairlead.security.audit_sinks import open_sinks
from fairlead.security.egress import EgressPolicy, GuardedDialer
from fairlead.security.forwarded import Proxies
from fairlead.security.keyring import KeyProvider
from fairlead.security.login_limits import FailedLogins
from fairlead.security.login_table import LoginTable
from fairlead.security.redaction import installed
from fairlead.security.server_tls import ServerTls, TlsFiles
from fairlead.security.vault import AesVault, open_vault
from fairlead.security_wiring import first_administrator, generated_administrator, security_settings
from fairlead.service.calls.audited import AuditedDialer
from fairlead.service.calls.renewal import RenewableUpstream
from fairlead.service.calls.simulated import LocalDialer, SimulatedUpstream
from fairlead.service.counts.board import Board
from fairlead.service.counts.reports import forget_reports
from fairlead.service.forward_proxy import ForwardProxy, ProxyFault
from fairlead.service.house import House, Identity
from fairlead.service.models.deployment import settle_deployed
from fairlead.service.ports import Limits, Ports
from fairlead.service.scripts import PainlessCompiler
from fairlead.service.security.beacon import Beacon
from fairlead.service.security.composition import identity_sources
from fairlead.service.security.domains import IdentityRules, read_identity_rules
from fairlead.service.security.fetching import Fetcher
from fairlead.service.security.files import FileFault, read_directory
from fairlead.service.security.importing import import_files, import_once
from fairlead.service.security.known_passwords import known_password
from fairlead.service.security.service import SecurityService, has_users
from fairlead.service.security.watched_files import complete
from fairlead.service.settings import forget_transient, stored_settings
from fairlead.service.snapshot import Snapshot
from fairlead.service.tasks import fail_orphans
from fairlead.settings import DATABASE, SECRETS, Settings
from fairlead.simulator.server import Address, Simulator
from fairlead.store import open_store
from fairlead.transport.choose import open_upstream
from fairlead.transport.port import Upstream

log = logging.getLogger("fairlead")

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
CLUSTER_KIND = "cluster"


def new_id(length: int = 20) -> str:
    """A document id as OpenSearch makes them: 20 URL-safe characters."""
    return secrets.choice(_ALPHABET) + secrets.token_urlsafe(16)[: length - 1]


def wall_clock() -> int:
    return time.time_ns() // 1_000_000


def memory_percent() -> int:
    """The share of the machine's memory that this process holds, in percent, rounded up; 0 where it cannot be told."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        return -(-pages * 100 // os.sysconf("SC_PHYS_PAGES"))
    except (OSError, ValueError):
        return 0


async def cluster_uuid(store: Store) -> str:
    """The store's own id, made by whoever opens it first."""
    document = await store.get(CLUSTER_KIND, "identity")
    while document is None:
        with contextlib.suppress(Conflict):
            await store.write([Put(CLUSTER_KIND, "identity", {"uuid": new_id(22)}, 0)])
        document = await store.get(CLUSTER_KIND, "identity")
    return str(document.body["uuid"])


def node_id(data_dir: Path) -> str:
    """This node's id, kept beside its data; several processes that start at once agree on one."""
    path = data_dir / "node_id"
    fresh = data_dir / f"node_id.{os.getpid()}"
    if not path.exists():
        fresh.write_text(new_id(22))
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
        fresh.unlink()
    return path.read_text().strip()


class Worker:
    """Everything one worker process holds open."""

    def __init__(
        self,
        settings: Settings,
        tls: ServerTls | None = None,
        board: Board | None = None,
        providers: Address | None = None,
    ) -> None:
        self._settings = settings
        self._board = board
        self._providers = providers
        self.tls = tls
        self._closing = contextlib.AsyncExitStack()

    async def start(self) -> House:
        settings = self._settings
        store = await open_store(settings.store_url)
        self._closing.push_async_callback(store.close)
        learn = self._learn()
        learn([Secret(text) for name in SECRETS if (text := getattr(settings, name))])
        outside = Outside(settings, learn)
        self._closing.push_async_callback(outside.close)
        vault = await open_vault(store, await outside.provider(), learn=learn)
        snapshot = Snapshot(store, {})
        policies = _Policies(snapshot)
        audit = self._audit()
        upstream = await self._upstream(policies, audit)
        self._closing.push_async_callback(upstream.close)
        ports = Ports(
            store=store,
            vault=vault,
            upstream=upstream,
            scripts=PainlessCompiler(),
            policy=policies.current,
            clock=wall_clock,
            monotonic=time.monotonic,
            new_id=new_id,
            random=lambda n: secrets.randbelow(n + 1),
            node_id=node_id(settings.data_dir),
            limits=Limits(settings.pool_timeout, settings.total_timeout, settings.pool_queue, settings.redact_replies),
            proxy=forward_proxy(settings),
            references=outside.references,
            keys=vault,
            audit=audit,
            insecure_tls=settings.allow_insecure_tls or not settings.public,
        )
        identity = Identity(
            settings.node_name,
            settings.cluster_name,
            await cluster_uuid(store),
            "simulate" if settings.simulate else "normal",
            settings.workers,
        )
        security = None
        if await authenticates(settings, store):
            security = await self._security(store, snapshot, audit)
            self._closing.callback(security.close)
            ports = replace(ports, may=security.allows)
        house = House(ports, snapshot, identity, memory_percent, security, audit, self.tls, self._board)
        await snapshot.start(house.deployments.load)
        follower = asyncio.create_task(snapshot.follow())
        self._closing.push_async_callback(_cancelled, follower)
        jobs = asyncio.create_task(house.run_jobs())
        self._closing.push_async_callback(house.stop_jobs)
        self._closing.push_async_callback(_cancelled, jobs)
        return house

    async def stop(self) -> None:
        await self._closing.aclose()

    def _learn(self) -> Callable[[Collection[Secret]], None]:
        """What tells the log's second net of a secret, where there is one."""
        redactor = installed(logging.getLogger())
        return lambda secrets: redactor.register(*secrets) if redactor is not None else None

    def _audit(self) -> Audit:
        """With nobody to tell from others, there is nothing to write down."""
        if self._settings.auth == "off" or not self._settings.audit_sinks:
            return NoAudit()
        audit = open_audit(self._settings)
        self._closing.callback(audit.close)
        if self.tls is not None:
            self.tls.on_failure = lambda reason: audit.record(AuditEvent(Category.SSL_EXCEPTION, reason=reason))
        return audit

    async def _security(self, store: Store, snapshot: Snapshot, audit: Audit) -> SecurityService:
        settings = self._settings
        rules = read_identity_rules(Path(settings.security)) if settings.security else IdentityRules()
        table = LoginTable(settings.data_dir)
        self._closing.callback(table.close)
        limits = FailedLogins(rules.listeners, time.monotonic, table)
        beacon = Beacon(settings.data_dir)
        self._closing.callback(beacon.close)
        security = SecurityService(
            store,
            snapshot,
            wall_clock,
            time.monotonic,
            security_settings(settings),
            audit=audit,
            limits=limits,
            shared=beacon,
            basic=rules.basic,
        )
        security.follower.on_listeners = lambda rows: limits.configure((*rules.listeners, *rows))
        policy = _identity_providers(settings.idp_networks)
        dialer = GuardedDialer(lambda: policy)
        upstream = open_upstream(settings.transport, dialer)
        self._closing.push_async_callback(upstream.close)
        sources = identity_sources(
            rules,
            settings.admin_dn,
            Proxies(settings.trusted_proxies),
            security.configuration,
            wall_clock,
            time.monotonic,
            lambda domain: Fetcher(upstream, domain.seconds, domain.most_bytes, domain.ca_pem),
        )
        for source in sources:
            security.add_source(source)
        return security

    async def _upstream(self, policies: _Policies, audit: Audit) -> Upstream:
        if not self._settings.simulate:
            dialer = AuditedDialer(GuardedDialer(policies.current), audit)
            renewable = RenewableUpstream(lambda: open_upstream(self._settings.transport, dialer))
            policies.on_change = renewable.renew
            return renewable
        address = self._providers
        if address is None:
            simulator = Simulator()
            address = await simulator.start("127.0.0.1", 0)
            self._closing.push_async_callback(simulator.close)
        inner = open_upstream(self._settings.transport, LocalDialer(address.host))
        return SimulatedUpstream(inner, address.host, address.port)


class _Policies:
    """The egress policy of the settings in force; rebuilt when they change, so that predicts compare identities."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._source = self._relevant(snapshot.settings)
        self._policy = EgressPolicy.of(**self._source)
        self.on_change: Callable[[], None] = lambda: None
        snapshot.on_settings.append(self._changed)

    def current(self) -> EgressPolicy:
        return self._policy

    def _changed(self, settings: ClusterSettings) -> None:
        source = self._relevant(settings)
        if source != self._source:
            self._source, self._policy = source, EgressPolicy.of(**source)
            self.on_change()

    def _relevant(self, settings: ClusterSettings) -> dict[str, Any]:
        return {
            "trusted": settings["trusted_connector_endpoints_regex"],
            "private": settings["trusted_connector_private_endpoints_regex"],
            "restricted": settings["connector.restricted_ip_patterns"],
            "private_ip_enabled": settings["connector.private_ip_enabled"],
            "runtime_host": settings["fairlead.egress.runtime_host"],
            "targets": settings["fairlead.egress.private_targets"],
        }


def open_audit(settings: Settings) -> AuditLog:
    """The audit log with its thread. Raises OSError."""
    path = Path(settings.audit_file) if settings.audit_file else settings.data_dir / "audit" / "audit.log"
    sinks = open_sinks(
        settings.audit_sinks, path, settings.audit_max_bytes, settings.audit_keep, chained=settings.audit_chain
    )
    node = {"audit_cluster_name": settings.cluster_name, "audit_node_name": settings.node_name}
    disabled = frozenset(map(Category, settings.audit_disabled_categories))
    return AuditLog(sinks, wall_clock, {**node, "audit_node_id": node_id(settings.data_dir)}, disabled)


async def audit_command(settings: Settings, store: Store, event: AuditEvent) -> None:
    """Tells the audit log of what a command did beside the servers, where they have one. Raises OSError."""
    if not settings.audit_sinks or not await authenticates(settings, store):
        return
    audit = open_audit(settings)
    if audit.wants(event.category):
        audit.record(event)
    audit.close()


def _identity_providers(networks: tuple[str, ...]) -> EgressPolicy:
    """Where key sets may be fetched: their URLs are the operator's own, so that only addresses are judged."""
    return EgressPolicy.of(trusted=[".*"], allowed=networks)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def authenticates(settings: Settings, store: Store) -> bool:
    """Whether callers must prove who they are."""
    return settings.auth == "on" or (settings.auth == "auto" and (bool(settings.security) or await has_users(store)))


_FIRST_USER = (
    "run `fairlead users add --admin NAME`, set FAIRLEAD_INITIAL_ADMIN_PASSWORD, give --security DIR with an "
    "internal_users.yml, or configure another identity source"
)


async def _import_security(settings: Settings, store: Store) -> None:
    files = read_directory(Path(settings.security))
    fresh = settings.users == "file" or not await has_users(store)
    if settings.public and fresh and (name := known_password(files)) is not None:
        raise FileFault(
            f"security: the password of user '{name}' in internal_users.yml is publicly known or the user's own name"
        )
    if settings.users == "file":
        await import_files(store, complete(files))
        return
    imported = await import_once(store, files)
    if imported is None:
        log.warning("the store has users already: the files in %s were not read", settings.security)
    else:
        listed = ", ".join(f"{count} {segment}" for segment, count in imported.counts.items())
        log.info("imported from %s: %s", settings.security, listed)


async def prepare(settings: Settings, show: Callable[[str], None] | None = None) -> Settings:
    """Once per server start, before any worker: database and keys are made, transient settings end, orphaned tasks fail.

    `show` writes on the terminal of whoever starts it, None where there is none: who may log in is told there and nowhere
    else. Gives the settings with `auth` decided, so that all workers of this start agree whatever happens to the users.

    Raises StoreUnavailable, KeyringError and FileFault.
    """
    rules = read_identity_rules(Path(settings.security)) if settings.security else IdentityRules()
    if rules.proxy is not None and not settings.trusted_proxies:
        raise FileFault("trusted_proxies: config.yml has a domain of type proxy, so that the proxies must be listed")
    if rules.certificate is not None and settings.tls_client_auth == "none" and not settings.trusted_proxies:
        raise FileFault("tls_client_auth: config.yml has a domain of type clientcert, and no client is asked for one")
    outside = Outside(settings)
    store = await open_store(settings.store_url)
    try:
        vault = await open_vault(store, await outside.provider())
        if vault.problem is not None:
            log.error(vault.problem.line)
        security_settings(settings)
        if settings.security:
            await _import_security(settings, store)
        await forget_transient(store)
        node = node_id(settings.data_dir)
        await fail_orphans(store, node, wall_clock())
        await forget_reports(store, node)
        await settle_deployed(store, node, await stored_settings(store), wall_clock())
        await first_administrator(settings, store)
        authenticated = await authenticates(settings, store)
        if authenticated and not (rules.others or settings.admin_dn or await has_users(store)):
            if show is None or settings.users == "file":
                raise FileFault("auth: nobody could log in: " + _FIRST_USER)
            await generated_administrator(settings, store, show)
        return replace(
            settings,
            auth="on" if authenticated else "off",
            initial_admin_password="",
        )
    finally:
        await outside.close()
        await store.close()


@dataclass(frozen=True, slots=True)
class OpenKeys:
    """Store, vault and provider of keys, for commands that work beside a running server."""

    store: Store
    vault: AesVault
    provider: KeyProvider


@contextlib.asynccontextmanager
async def open_keys(settings: Settings) -> AsyncIterator[OpenKeys]:
    """Raises StoreUnavailable and KeyringError, also where no server was ever started."""
    if not settings.store and not (settings.data_dir / DATABASE).is_file():
        raise StoreUnavailable(
            f"there is no database in {settings.data_dir}: name the server's data directory or store"
        )
    outside = Outside(settings)
    store = await open_store(settings.store_url)
    try:
        provider = await outside.provider()
        yield OpenKeys(store, await open_vault(store, provider), provider)
    finally:
        await outside.close()
        await store.close()


def forward_proxy(settings: Settings) -> ForwardProxy | None:
    """The way to providers that the settings name. Raises ProxyFault."""
    ca_pem = None
    if settings.upstream_proxy_ca_file:
        try:
            ca_pem = Path(settings.upstream_proxy_ca_file).read_text("ascii")
        except (OSError, ValueError) as fault:
            raise ProxyFault(f"upstream_proxy_ca_file {settings.upstream_proxy_ca_file} cannot be read") from fault
    return ForwardProxy.of(
        settings.upstream_proxy, settings.upstream_proxy_credentials, ca_pem, settings.upstream_no_proxy
    )


def server_tls(settings: Settings) -> ServerTls | None:
    """What the listening port speaks; None is plain HTTP. Raises TlsFault."""
    if not settings.tls_certificate:
        return None
    return ServerTls(
        TlsFiles(
            settings.tls_certificate,
            settings.tls_key,
            settings.tls_key_password_file,
            settings.tls_client_ca,
            settings.tls_client_auth,
        )
    )


def open_access_log(settings: Settings) -> AccessLog | None:
    """The access log with its thread, or None. Raises OSError for a file that cannot be used."""
    if not settings.access_log:
        return None
    kind = "stdout" if settings.access_log == "stdout" else "file"
    path = Path(settings.access_log)
    [sink] = open_sinks([kind], path, settings.access_log_max_bytes, settings.access_log_keep)
    return AccessLog(sink, settings.access_log_share)


def application(settings: Settings, board: Board | None = None, providers: Address | None = None) -> App:
    """One worker's application. `board` and `providers`, the simulator of `simulate`, are what it shares with the other
    workers of this node, if there are any."""
    tls = server_tls(settings)
    worker = Worker(settings, tls, board, providers)
    return App(
        worker.start,
        worker.stop,
        settings.max_body_bytes,
        tls,
        OriginRule(settings.allowed_hosts) if settings.auth == "off" else None,
        Proxies(settings.trusted_proxies),
        clear_text=settings.tls_terminated_by_proxy and tls is None,
        fail_closed=settings.audit_on_failure == "block",
        access=open_access_log(settings),
    )
