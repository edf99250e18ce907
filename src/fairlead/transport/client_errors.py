"""The one map from an UpstreamError to the error that our client reads (spec/03 section 8.7).

Total over (stage, kind). Adds no detail of its own: an adapter's reason names host and port and never a payload.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from fairlead.errors import FairleadError, StatusFault, UnknownHost
from fairlead.transport.port import Kind, Stage, UpstreamError

_PREFIX = "Error communicating with remote model: "
# Seconds after which a caller may try again when the pool is full; a slot is freed by any call that ends.
_RETRY_AFTER = MappingProxyType({"Retry-After": "1"})


@dataclass(frozen=True, slots=True)
class Row:
    """How one (stage, kind) is shown: HTTP status and the class that carries it."""

    status: int
    build: Callable[[UpstreamError, int], FairleadError]


def _communication(error: UpstreamError, status: int) -> FairleadError:
    # The reason names the provider; which machine is its proxy is the operator's to know.
    way = " (the proxy on the way to it)" if error.stage is Stage.PROXY else ""
    return StatusFault(f"{_PREFIX}{error.reason}{way}", status)


def _saturated(error: UpstreamError, status: int) -> FairleadError:
    return StatusFault(_PREFIX + error.reason, status, headers=_RETRY_AFTER)


def _unknown_host(error: UpstreamError, status: int) -> FairleadError:
    # spec/03 8.5: raised while sending, hence caused_by repeats type and reason.
    host = error.reason.removeprefix("Name or service not known: ").rpartition(":")[0].strip("[]")
    reason = f"{host}: Name or service not known"
    return UnknownHost(reason, status=status, cause=UnknownHost(reason, status=status))


_NETWORK = Row(500, _communication)
_GATEWAY = Row(502, _communication)
_SATURATED = Row(429, _saturated)

_SPECIAL: Mapping[tuple[Stage, Kind], Row] = MappingProxyType(
    {
        (Stage.DNS, Kind.UNRESOLVED): Row(400, _unknown_host),
        (Stage.POOL, Kind.FULL): _SATURATED,
        (Stage.POOL, Kind.TIMEOUT): _SATURATED,
        (Stage.HEAD, Kind.TOO_LARGE): _GATEWAY,
        (Stage.BODY, Kind.TOO_LARGE): _GATEWAY,
    }
)

ROWS: Mapping[tuple[Stage, Kind], Row] = MappingProxyType(
    {(stage, kind): _SPECIAL.get((stage, kind), _NETWORK) for stage in Stage for kind in Kind}
)
"""Every (stage, kind) before a reply's head; after it the reply is broken, whatever the kind: 502 (D-31)."""


def client_error(error: UpstreamError) -> FairleadError:
    """What our client reads of an upstream fault, chained to it by `from` at the place that raises it."""
    row = _GATEWAY if error.status is not None else ROWS[error.stage, error.kind]
    return row.build(error, row.status)
