"""What answers where no provider is simulated: the request itself, with status 200."""

from __future__ import annotations

from fairlead.simulator.message import Refused, Reply, answer
from fairlead.simulator.providers.plain import echo
from fairlead.simulator.routes import Provider, Route


def error(refusal: Refused) -> Reply:
    return answer({"error": {"message": refusal.message}}, refusal.status)


ECHO = Provider(
    name="echo",
    hosts=("*",),
    error=error,
    doc="Any host that no provider has, and any path of a provider that is not listed here.",
    routes=(Route("*", "{path:path}", echo, "method, path, headers (names in lower case) and body of the request"),),
)
