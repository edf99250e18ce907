"""Credentials of connectors: sealed for the origins they may go to, opened when a connector is compiled."""

from __future__ import annotations

from collections.abc import Mapping

from fairlead.domain.connector import Connector
from fairlead.domain.ports import SealContext, Vault
from fairlead.domain.secret import Secret
from fairlead.engine.parameters import Parameters
from fairlead.engine.url import UrlTemplate
from fairlead.errors import FairleadError
from fairlead.security.url import parse_url

TENANT = "default"


def origins(connector: Connector) -> tuple[str, ...]:
    """Scheme, host and port of every action as the connector alone resolves them, sorted.

    A URL whose host only a request can name has its template in place of an origin.
    """
    owned = dict(connector.parameters or {})
    found: set[str] = set()
    urls = [action.url for action in connector.actions or ()] + ([connector.url] if connector.url else [])
    for url in urls:
        text = UrlTemplate(url, owned).render(Parameters(owned, {}))
        try:
            found.add(parse_url(text).origin)
        except FairleadError:
            scheme, _, rest = text.partition("://")
            found.add(f"{scheme}://{rest.split('/', 1)[0]}")
    return tuple(sorted(found))


def _contexts(names: Mapping[str, object], kind: str, resource: str, bound: tuple[str, ...]) -> dict[str, SealContext]:
    return {name: SealContext(TENANT, kind, resource, name, bound) for name in names}


async def seal(
    vault: Vault, plain: Mapping[str, Secret], connector: Connector, kind: str, resource: str
) -> dict[str, str]:
    """The stored form of `plain` for this connector, which is part of document `resource` of `kind`."""
    contexts = _contexts(plain, kind, resource, origins(connector))
    sealed = await vault.seal({contexts[name]: secret for name, secret in plain.items()})
    return {name: sealed[context] for name, context in contexts.items()}


async def open_sealed(vault: Vault, connector: Connector, kind: str, resource: str) -> dict[str, Secret]:
    """The plain values; raises fairlead.errors when the key is missing or the connector was tampered with."""
    contexts = _contexts(connector.credential, kind, resource, origins(connector))
    opened = await vault.open({contexts[name]: text for name, text in connector.credential.items()})
    return {name: opened[context] for name, context in contexts.items()}
