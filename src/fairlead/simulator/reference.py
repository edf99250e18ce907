"""The tables of docs/simulator.md, from the rows that the simulator runs on; it writes no file."""

from __future__ import annotations

from collections.abc import Iterator

from fairlead.simulator.providers import PROVIDERS
from fairlead.simulator.providers.echo import ECHO
from fairlead.simulator.providers.plain import PLAIN
from fairlead.simulator.routes import Provider


def tables() -> str:
    """A section a provider, in Markdown: hosts, what it wants to see, and a line a route."""
    return "\n".join(line for provider in (PLAIN, *PROVIDERS, ECHO) for line in _section(provider))


def _section(provider: Provider) -> Iterator[str]:
    yield f"### {provider.name}"
    if provider.hosts and provider is not ECHO:
        yield f"Hosts: {', '.join(f'`{host}`' for host in provider.hosts)}. {provider.doc}"
    else:
        yield provider.doc
    wants = [f"`{credential.header}: {credential.prefix}KEY`" for credential in provider.credentials]
    if wants:
        yield f"\nKey: {' or '.join(wants)}."
    if provider.signed:
        yield "\nSignature: AWS Signature Version 4."
    if provider.routes:
        yield "\n| Route | Reply |\n|---|---|"
    for route in provider.routes:
        method = "any" if route.method == "*" else route.method
        yield f"| {method} `{route.pattern.replace(':path', '')}` | {route.doc} |"
    yield ""
