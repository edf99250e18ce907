"""Whether a peer still has to be sent something, by the transport and by the system; where that cannot be told, it has."""

from __future__ import annotations

import struct
import sys
from asyncio import WriteTransport

if sys.platform == "linux":
    import fcntl
    from termios import TIOCOUTQ


def undelivered(transport: WriteTransport) -> bool:
    """The transport's own word is not enough: below TLS there is another, which only fills while the system takes no more."""
    if transport.get_write_buffer_size():
        return True
    connection = transport.get_extra_info("socket")
    if sys.platform != "linux" or connection is None:
        return True
    try:
        # What the peer has not acknowledged (tcp(7), SIOCOUTQ).
        (unsent,) = struct.unpack("i", fcntl.ioctl(connection.fileno(), TIOCOUTQ, bytes(4)))
    except (OSError, ValueError):  # closed meanwhile
        return True
    return bool(unsent)
