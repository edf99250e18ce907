"""Addresses that an administrator opens to one connector: who, which network, which port. Parses; decides nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

_FORM = re.compile(r"([^=\s]+)=(?:\[([0-9a-fA-F:./]+)\]|([0-9./]+)):([0-9]{1,5})", re.ASCII)


@dataclass(frozen=True, slots=True)
class PrivateTarget:
    """`owner` is the id of a connector, or of a model whose connector is inside it; `port` is 1 to 65535."""

    owner: str
    network: IPv4Network | IPv6Network
    port: int

    @classmethod
    def parse(cls, text: str) -> PrivateTarget:
        """`id=10.2.0.0/16:8080` or `id=[fd00::/8]:443`. Raises ValueError, which says what is wrong."""
        found = _FORM.fullmatch(text)
        if found is None:
            raise ValueError("expected <connector id>=<network>:<port>, with an IPv6 network in brackets")
        network = ip_network(found[2] or found[3])  # its own error names bits outside the mask
        port = int(found[4])
        if not 0 < port < 65536:
            raise ValueError(f"port out of range: {port}")
        if network.version != (6 if found[2] else 4):
            raise ValueError("only an IPv6 network stands in brackets")
        return cls(found[1], network, port)
