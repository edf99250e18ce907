"""Once per server start, before any worker: what must hold in the store, and who may log in. It opens no port."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from fairlead.bootstrap.identity import identity_rules
from fairlead.bootstrap.keys import Outside
from fairlead.bootstrap.node import node_id, wall_clock
from fairlead.bootstrap.users import authenticates, first_administrator, generated_administrator, security_settings
from fairlead.domain.ports import Store
from fairlead.security.vault import open_vault
from fairlead.service.counts.reports import forget_reports
from fairlead.service.models.deployment import settle_deployed
from fairlead.service.security.files import FileFault, read_directory
from fairlead.service.security.importing import import_files, import_once
from fairlead.service.security.known_passwords import known_password
from fairlead.service.security.service import has_users
from fairlead.service.security.watched_files import complete
from fairlead.service.settings import forget_transient, stored_settings
from fairlead.service.tasks import fail_orphans
from fairlead.settings import Settings
from fairlead.store import open_store

log = logging.getLogger("fairlead")

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
    rules = identity_rules(settings)
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
