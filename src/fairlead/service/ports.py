"""Everything the services share that is not theirs: the store, the vault, time, ids, scripts, the way out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from fairlead.domain.audit import Audit, NoAudit
from fairlead.domain.ports import RotatingVault, SecretReader, Store, Vault
from fairlead.domain.principal import Principal
from fairlead.engine.scripts import ScriptCompiler
from fairlead.security.egress import EgressPolicy
from fairlead.service.forward_proxy import ForwardProxy
from fairlead.transport.port import Upstream


class Random(Protocol):
    """Randomness as a parameter: draws from 0..n."""

    def __call__(self, n: int) -> int: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Our own bounds on a call to a provider, in seconds; connect and read time-outs are the connector's. `conceal`: a
    reply is searched for the connector's credential before anybody sees it."""

    pool: float = 10.0
    total: float = 300.0
    queue: int = 1000
    conceal: bool = False


@dataclass(frozen=True, slots=True)
class Ports:
    """`clock` gives epoch milliseconds, `monotonic` seconds; `new_id` a fresh document id."""

    store: Store
    vault: Vault
    upstream: Upstream
    scripts: ScriptCompiler
    policy: Callable[[], EgressPolicy]
    clock: Callable[[], int]
    monotonic: Callable[[], float]
    new_id: Callable[[], str]
    random: Random
    node_id: str
    limits: Limits
    references: SecretReader | None = None
    """None: credentials hold no references."""
    may: Callable[[Principal, str], bool] = lambda principal, action: principal.admin
    """Whether a caller has a privilege that no route asks for."""
    keys: RotatingVault | None = None
    """The vault again, where its keys are kept by this process; None where nothing is to be kept (tests)."""
    proxy: ForwardProxy | None = None
    """The way to providers; None: directly."""
    insecure_tls: bool = True
    """Whether a connector may do without its provider's certificate."""
    audit: Audit = field(default_factory=NoAudit)
