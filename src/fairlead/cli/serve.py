"""`fairlead serve`: settings from flags, environment and file; one process or several on one port."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from fairlead.bootstrap.application import application, server_tls
from fairlead.bootstrap.egress import forward_proxy
from fairlead.bootstrap.preparation import prepare
from fairlead.cli.cores import usable_cores
from fairlead.cli.listener import listen, shown_address
from fairlead.cli.server import serve_here
from fairlead.cli.settings_sources import SettingsError, hide, load, unknown_variables
from fairlead.cli.start_rules import refusal
from fairlead.cli.supervisor import run_workers
from fairlead.domain.ports import StoreUnavailable
from fairlead.security.keyring import KeyringError
from fairlead.security.private_file import UnsafeFile
from fairlead.security.server_tls import TlsFault
from fairlead.service.security.files import FileFault
from fairlead.settings import DOCS, FLAGS, Settings

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
    for line in unknown_variables(os.environ):
        print(f"WARNING: {line}", file=sys.stderr, flush=True)
    settings = replace(settings, workers=settings.workers or usable_cores())
    if (reason := refusal(settings)) is not None:
        return _refuse(reason)
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as fault:
        return _refuse(f"the data directory {settings.data_dir} cannot be used: {fault.strerror}")
    try:
        server_tls(settings)
        forward_proxy(settings)
        listener = listen(settings)
        settings = asyncio.run(prepare(settings, _on_terminal if _has_terminal() else None))
    except StoreUnavailable as fault:
        return _refuse(f"{fault} (setting store, {settings.shown_store})")
    except (OSError, ValueError, KeyringError, FileFault, TlsFault, UnsafeFile) as fault:
        return _refuse(fault)
    if (reason := refusal(settings)) is not None:
        return _refuse(reason)
    if settings.simulate:
        print(
            "SIMULATION: no request leaves this machine; every provider's answer is made up.",
            file=sys.stderr,
            flush=True,
        )

    elif settings.auth == "off" and not settings.socket:
        print(
            "WARNING: nobody has to log in; whoever uses this machine may spend the stored credentials (auth, socket).",
            file=sys.stderr,
            flush=True,
        )

    def ready() -> None:
        print(f"Fairlead is ready on {shown_address(settings, listener)}", flush=True)

    try:
        if settings.workers == 1:
            return serve_here(application(settings), listener, settings, ready)
        return run_workers(settings, listener, ready)
    finally:
        if settings.socket:
            Path(settings.socket).unlink(missing_ok=True)


def _has_terminal() -> bool:
    """Whether somebody reads what is printed: neither a log nor another program."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _on_terminal(text: str) -> None:
    print(text, flush=True)


def _refuse(fault: Any) -> int:
    print(f"fairlead: {fault}", file=sys.stderr)
    return CONFIGURATION
