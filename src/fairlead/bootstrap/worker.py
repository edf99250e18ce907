"""Everything one worker process holds open: wired when it starts, given back in the opposite order when it stops."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Callable, Collection
from dataclasses import replace

from fairlead.bootstrap.egress import Policies, forward_proxy
from fairlead.bootstrap.identity import open_identity
from fairlead.bootstrap.keys import Outside
from fairlead.bootstrap.logs import open_audit
from fairlead.bootstrap.node import cluster_uuid, memory_percent, new_id, node_id, wall_clock
from fairlead.bootstrap.users import authenticates
from fairlead.domain.audit import Audit, AuditEvent, Category, NoAudit
from fairlead.domain.secret import Secret
from fairlead.security.egress import GuardedDialer
from fairlead.security.redaction import installed
from fairlead.security.server_tls import ServerTls
from fairlead.security.vault import open_vault
from fairlead.service.calls.audited import AuditedDialer
from fairlead.service.calls.renewal import RenewableUpstream
from fairlead.service.calls.simulated import LocalDialer, SimulatedUpstream
from fairlead.service.counts.board import Board
from fairlead.service.house import House, Identity
from fairlead.service.pacing import cancelled, end_job
from fairlead.service.ports import Limits, Ports
from fairlead.service.scripts import PainlessCompiler
from fairlead.service.snapshot import Snapshot
from fairlead.settings import SECRETS, Settings
from fairlead.simulator.server import Address, Simulator
from fairlead.store import open_store
from fairlead.transport.choose import open_upstream
from fairlead.transport.port import Upstream

log = logging.getLogger("fairlead.jobs")

CLOSE_SECONDS = 1.0
"""How long connections to others may take to be closed; none has anything to say any more."""


class Worker:
    """`tls` is what the port speaks; `board` and `providers`, the simulator of `simulate`, are shared with other workers."""

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
        self._closing.push_async_callback(end_job, "calls to key services", outside.close, CLOSE_SECONDS, log)
        vault = await open_vault(store, await outside.provider(), learn=learn)
        snapshot = Snapshot(store, {})
        policies = Policies(snapshot)
        audit = self._audit()
        upstream = await self._upstream(policies, audit)
        self._closing.push_async_callback(end_job, "calls to providers", upstream.close, CLOSE_SECONDS, log)
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
            security = open_identity(settings, store, snapshot, audit, self._closing)
            ports = replace(ports, may=security.allows)
        house = House(ports, snapshot, identity, memory_percent, security, audit, self.tls, self._board)
        await snapshot.start(house.deployments.load)
        follower = asyncio.create_task(snapshot.follow())
        self._closing.push_async_callback(cancelled, "following the store", follower, log)
        jobs = asyncio.create_task(house.run_jobs())
        self._closing.push_async_callback(house.stop_jobs)
        self._closing.push_async_callback(cancelled, "the jobs of this worker", jobs, log)
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

    async def _upstream(self, policies: Policies, audit: Audit) -> Upstream:
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
