"""Where a connector of the library may go: the server's egress rules, set by arguments instead of cluster settings.

Without a list of trusted patterns a call stays with the hosts that the blueprint itself names. Opens nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fairlead.domain.connector import Connector
from fairlead.engine.parameters import Parameters
from fairlead.engine.url import UrlTemplate
from fairlead.errors import IllegalArgument
from fairlead.library.recipe import Recipe
from fairlead.security.egress import EgressPolicy
from fairlead.security.patterns import EndpointPattern
from fairlead.security.url import own_origin, parse_url

_ANYWHERE: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class OwnHosts(EgressPolicy):
    """Admits the origins of the connector's own URLs; every origin when only a call can name one (`origins` None)."""

    origins: frozenset[str] | None = _ANYWHERE

    def check_trusted(self, url: str, *, calling: bool = False) -> None:
        """Raises IllegalArgument for another origin: a parameter must not carry the credential elsewhere."""
        if self.origins is not None and parse_url(url).origin not in self.origins:
            raise IllegalArgument(
                "The request would go to another host than the blueprint names; "
                "list the endpoints it may go to in `trusted`"
            )

    def check_moved(self, url: str, origin: str, own: Sequence[str]) -> None:
        """The origins above say it all: there is no pattern that could join two hosts."""


def egress_policy(connector: Connector, recipe: Recipe) -> EgressPolicy:
    """The policy of one connector; with trusted patterns, its own URLs are checked against them at once.

    Raises fairlead.errors: PatternSyntax for a pattern, IllegalArgument for a network or a URL.
    """
    urls = _own_urls(connector)
    for pattern in recipe.trusted or ():
        EndpointPattern(pattern)
    networks = () if isinstance(recipe.networks, bool) else recipe.networks
    try:
        rules = EgressPolicy.of(
            trusted=recipe.trusted or (), private_ip_enabled=recipe.networks is True, allowed=networks
        )
    except ValueError as fault:
        raise IllegalArgument(f"allow_private: {fault}") from fault
    if recipe.trusted is None:
        return OwnHosts((), (), (), rules.private_ip_enabled, rules.allowed, origins=_origins(urls))
    for url in urls:
        rules.check_trusted(url)
    return rules


def _own_urls(connector: Connector) -> list[str]:
    owned = dict(connector.parameters or {})
    return [UrlTemplate(action.url, owned).render(Parameters(owned, {})) for action in connector.actions or ()]


def _origins(urls: list[str]) -> frozenset[str] | None:
    """None when the host of some action is left open; a path that is left open says nothing about hosts."""
    if any("${" in re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0] or "://" not in url for url in urls):
        return _ANYWHERE
    return frozenset(origin for origin in map(own_origin, urls) if origin is not None)
