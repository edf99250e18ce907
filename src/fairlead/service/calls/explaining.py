"""The requests that a predict would send, exactly, with every secret masked; sends nothing and resolves no name.

A connector is compiled a second time with masks in place of its credential, so a secret is not searched for and removed:
it is never there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from fairlead.domain.connector import Connector
from fairlead.domain.dataset import PredictInput
from fairlead.domain.secret import Secret
from fairlead.engine.compiled import CompiledConnector, Outgoing
from fairlead.engine.scripts import ScriptCompiler
from fairlead.service.calls.calling import Caller, Destinations
from fairlead.transport.client_errors import client_error
from fairlead.transport.head import authority, header_lines
from fairlead.transport.port import UpstreamError

MASK = "***"

_SCOPE = frozenset({"region", "service_name"})
"""Parts of a SigV4 scope that a credential may hold; they are no secrets and decide where the request goes."""
_SIGNATURE = re.compile(rb"(Signature=)[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class OutgoingRequest:
    """One request as it goes out. `headers` in wire order and spelling, Host and Content-Length included; `body` is the
    text of its bytes; `more` are the requests that follow when the documents go in several."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str
    more: tuple[OutgoingRequest, ...] = ()

    def __str__(self) -> str:
        lines = "".join(f"{name}: {value}\n" for name, value in self.headers.items())
        return f"{self.method} {self.url}\n{lines}\n{self.body}"


def masked(connector: Connector, credential: Mapping[str, Secret], scripts: ScriptCompiler) -> CompiledConnector:
    """The connector with a mask for each secret. Raises as compiling it does, but for client certificates."""
    aws = connector.protocol == "aws_sigv4"
    hidden = {
        name: secret if aws and name in _SCOPE and name not in (connector.parameters or {}) else Secret(MASK)
        for name, secret in credential.items()
    }
    plain = connector
    if connector.client_config is not None:
        # The certificate is no part of a request, and a mask in its place is none that could be checked.
        plain = replace(connector, client_config=replace(connector.client_config, mutual_tls_enabled=False))
    return CompiledConnector(plain, hidden, scripts)


def explain(caller: Caller, connector: CompiledConnector, known: Destinations, asked: PredictInput) -> OutgoingRequest:
    """The first request for this input, with those that follow. `connector` is a masked one.

    Raises what a predict raises before it sends: what cannot be rendered, and a destination that is not trusted.
    """
    action = connector.action(asked.action)
    prepared = [action.prepare(dataset) for dataset in action.chunks(asked.dataset)]
    first, *more = [_shown(caller, connector, known, outgoing) for outgoing in prepared]
    return replace(first, more=tuple(more))


def _shown(caller: Caller, connector: CompiledConnector, known: Destinations, outgoing: Outgoing) -> OutgoingRequest:
    destination = caller.destination(connector, known, outgoing)
    url = destination.url
    call = caller.request(connector, outgoing, url)
    try:
        lines = header_lines(authority(destination.route), call)
    except UpstreamError as fault:
        raise client_error(fault) from fault
    return OutgoingRequest(
        outgoing.method,
        f"{url.scheme}://{url.host_header}{url.target.decode('ascii')}",
        {name.decode(): _SIGNATURE.sub(rb"\1***", value).decode() for name, value in lines},
        call.body.decode("utf-8", "backslashreplace"),
    )
