"""The listening socket: an address and port, or a Unix socket that only its owner may connect to. Accepts nothing itself."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

from fairlead.settings import Settings

BACKLOG = 2048


def listen(settings: Settings) -> socket.socket:
    """A bound, listening socket that workers inherit. Raises OSError and ValueError, with the address or path in the text."""
    listener = _unix(settings.socket) if settings.socket else _internet(settings)
    listener.listen(BACKLOG)
    listener.set_inheritable(True)
    return listener


def shown_address(settings: Settings, listener: socket.socket) -> str:
    """As the line says it that tells of a server that is ready."""
    scheme = "https" if settings.tls_certificate else "http"
    if settings.socket:
        return f"{scheme}+unix://{Path(settings.socket).absolute()}"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{scheme}://{host}:{listener.getsockname()[1]}"


def _internet(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as fault:
        listener.close()
        raise OSError(f"cannot listen on {settings.host}:{settings.port}: {fault.strerror}") from fault
    return listener


def _unix(path: str) -> socket.socket:
    try:
        _clear(path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    except OSError as fault:
        raise OSError(f"socket: cannot listen on {path}: {fault.strerror or fault}") from fault
    # The mode is there before the name: between bind and chmod anybody could connect.
    before = os.umask(0o177)
    try:
        listener.bind(path)
    except (OSError, ValueError) as fault:
        listener.close()
        said = fault.strerror if isinstance(fault, OSError) and fault.strerror else fault
        raise OSError(f"socket: cannot listen on {path}: {said}") from fault
    finally:
        os.umask(before)
    return listener


def _clear(path: str) -> None:
    """Takes away the socket that a killed server left behind; nothing else, and none that somebody answers on."""
    try:
        mode = os.stat(path, follow_symlinks=False).st_mode
    except (FileNotFoundError, ValueError):
        return
    if not stat.S_ISSOCK(mode):
        raise OSError("the path is taken by something that is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
    raise OSError("another server listens there")
