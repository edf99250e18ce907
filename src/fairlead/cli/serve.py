"""`fairlead serve`: settings from flags, environment and file; one process or several on one port."""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import sys
from pathlib import Path
from typing import Any

from fairlead.bootstrap import application, prepare
from fairlead.cli.supervisor import run_workers, serve_here
from fairlead.domain.ports import StoreUnavailable
from fairlead.security.keyring import KeyringError
from fairlead.service.security.files import FileFault
from fairlead.settings import DOCS, FLAGS, Settings, SettingsError, hide, load

CONFIGURATION = 78


def add_arguments(parser: argparse.ArgumentParser) -> None:
    defaults = Settings()
    for name in FLAGS:
        flag = f"--{name.replace('_', '-')}"
        if name == "simulate":
            parser.add_argument(flag, action="store_const", const=True, help=DOCS[name])
        else:
            parser.add_argument(flag, metavar=name.upper(), help=f"{DOCS[name]} (default: {getattr(defaults, name)})")
    parser.add_argument("--config", metavar="FILE", help="settings file (default: fairlead.toml, if there is one)")


def run(arguments: argparse.Namespace) -> int:
    flags = {name: value for name in FLAGS if (value := getattr(arguments, name)) is not None}
    try:
        settings = load(flags, os.environ, Path(arguments.config) if arguments.config else None)
    except SettingsError as fault:
        return _refuse(fault)
    hide(os.environ)
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as fault:
        return _refuse(f"the data directory {settings.data_dir} cannot be used: {fault.strerror}")
    try:
        listener = _listen(settings)
        settings = asyncio.run(prepare(settings))
    except StoreUnavailable as fault:
        return _refuse(f"{fault} (setting store, {settings.shown_store})")
    except (OSError, ValueError, KeyringError, FileFault) as fault:
        return _refuse(fault)
    port = listener.getsockname()[1]
    if settings.simulate:
        print(
            "SIMULATION: no request leaves this machine; every provider's answer is made up.",
            file=sys.stderr,
            flush=True,
        )

    def ready() -> None:
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        print(f"Fairlead is ready on http://{host}:{port}", flush=True)

    if settings.workers == 1:
        return serve_here(application(settings), listener, settings, ready)
    return run_workers(settings, listener, ready)


def _refuse(fault: Any) -> int:
    print(f"fairlead: {fault}", file=sys.stderr)
    return CONFIGURATION


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as fault:
        listener.close()
        raise OSError(f"cannot listen on {settings.host}:{settings.port}: {fault.strerror}") from fault
    listener.listen(2048)
    listener.set_inheritable(True)
    return listener
