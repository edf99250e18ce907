"""Who callers are, of one worker: identity sources, limits on failed logins, and where key sets are fetched."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from pathlib import Path

from fairlead.bootstrap.egress import identity_providers
from fairlead.bootstrap.node import wall_clock
from fairlead.bootstrap.users import security_settings
from fairlead.domain.audit import Audit
from fairlead.domain.ports import Store
from fairlead.security.egress import GuardedDialer
from fairlead.security.forwarded import Proxies
from fairlead.security.login_limits import FailedLogins
from fairlead.security.login_table import LoginTable
from fairlead.service.security.beacon import Beacon
from fairlead.service.security.composition import identity_sources
from fairlead.service.security.domains import IdentityRules, read_identity_rules
from fairlead.service.security.fetching import Fetcher
from fairlead.service.security.service import SecurityService
from fairlead.service.snapshot import Snapshot
from fairlead.settings import Settings
from fairlead.transport.choose import open_upstream


def identity_rules(settings: Settings) -> IdentityRules:
    """What `config.yml` says, if there is one. Raises FileFault."""
    return read_identity_rules(Path(settings.security)) if settings.security else IdentityRules()


def open_identity(
    settings: Settings, store: Store, snapshot: Snapshot, audit: Audit, closing: AsyncExitStack
) -> SecurityService:
    """`closing` gives back what it opens. Raises FileFault and OSError."""
    rules = identity_rules(settings)
    table = LoginTable(settings.data_dir)
    closing.callback(table.close)
    limits = FailedLogins(rules.listeners, time.monotonic, table)
    beacon = Beacon(settings.data_dir)
    closing.callback(beacon.close)
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
    policy = identity_providers(settings.idp_networks)
    upstream = open_upstream(settings.transport, GuardedDialer(lambda: policy))
    closing.push_async_callback(upstream.close)
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
    closing.callback(security.close)
    return security
