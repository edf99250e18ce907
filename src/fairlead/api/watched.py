"""What became of a request whose answer goes out by ASGI: its status and size, and the route it took, in few words."""

from __future__ import annotations

from fairlead.api.answer import LEFT
from fairlead.api.body import Message, Send

ROUTE = "fairlead.route"
"""Where the scope holds the path of the route table that was taken."""
UNROUTED = "none"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})


def method_label(method: str) -> str:
    """A method as metrics name it: callers must not be able to invent labels."""
    return method if method in _METHODS else "other"


class WatchedSend:
    """Passes everything on, and remembers status and size of the answer; `status` is LEFT while there is none."""

    __slots__ = ("_send", "sent", "status")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = LEFT
        self.sent = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.sent += len(message.get("body", b""))
        await self._send(message)
