"""Where requests may go and by which way: the policy of the settings in force, the forward proxy, identity providers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fairlead.domain.cluster_settings import ClusterSettings
from fairlead.security.egress import EgressPolicy
from fairlead.service.forward_proxy import ForwardProxy, ProxyFault
from fairlead.service.snapshot import Snapshot
from fairlead.settings import Settings


class Policies:
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


def identity_providers(networks: tuple[str, ...]) -> EgressPolicy:
    """Where key sets may be fetched: their URLs are the operator's own, so that only addresses are judged."""
    return EgressPolicy.of(trusted=[".*"], allowed=networks)


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
