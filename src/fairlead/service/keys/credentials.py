"""Credentials of connectors: sealed for the origins they may go to, opened when a connector is compiled."""

from __future__ import annotations

from collections.abc import Mapping

from fairlead.domain.connector import Connector
from fairlead.domain.ports import SealContext, Vault
from fairlead.domain.sealed import REFERENCE, REFERENCE_KIND
from fairlead.domain.secret import Secret, SecretReference
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


def _context(name: str, text: Secret | str, kind: str, resource: str, bound: tuple[str, ...]) -> SealContext:
    """A reference is sealed as what it is, so that it never opens as a secret (nor a secret as a path to be read)."""
    if isinstance(text, SecretReference) or (isinstance(text, str) and text.startswith(REFERENCE)):
        kind += REFERENCE_KIND
    return SealContext(TENANT, kind, resource, name, bound)


async def seal(
    vault: Vault, plain: Mapping[str, Secret], connector: Connector, kind: str, resource: str
) -> dict[str, str]:
    """The stored form of `plain` for this connector, which is part of document `resource` of `kind`.

    `vault.fence()` belongs into the batch that stores it.
    """
    bound = origins(connector)
    contexts = {name: _context(name, secret, kind, resource, bound) for name, secret in plain.items()}
    sealed = await vault.seal({contexts[name]: secret for name, secret in plain.items()})
    return {
        name: (REFERENCE if isinstance(plain[name], SecretReference) else "") + sealed[context]
        for name, context in contexts.items()
    }


async def open_sealed(vault: Vault, connector: Connector, kind: str, resource: str) -> dict[str, Secret]:
    """The plain values, references as SecretReference; raises fairlead.errors when the key is missing or the connector
    was tampered with."""
    bound = origins(connector)
    contexts = {name: _context(name, text, kind, resource, bound) for name, text in connector.credential.items()}
    opened = await vault.open(
        {contexts[name]: text.removeprefix(REFERENCE) for name, text in connector.credential.items()}
    )
    return {
        name: SecretReference.parse(opened[context].reveal())
        if connector.credential[name].startswith(REFERENCE)
        else opened[context]
        for name, context in contexts.items()
    }
