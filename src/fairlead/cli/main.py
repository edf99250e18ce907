"""The command line: one module a command, loaded only when it is used."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import Any

from fairlead import __version__

COMMANDS = {
    "serve": "Run the gateway.",
    "keys": "List, rotate, retire and export the keys that protect stored credentials.",
    "users": "Add, list and delete users, set passwords, import OpenSearch's files.",
    "apikeys": "Make, list, rotate and revoke API keys.",
    "simulate": "Run the provider simulator.",
    "painless": "Run scripts from JSON lines.",
}
"""Name and help of each command; fairlead.cli.<name> has `add_arguments(parser)` and `run(arguments) -> int`."""

_INTERRUPTED = 130
"""As a shell says it of a command that an interrupt ended."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 done, 1 failed, 2 wrong usage, 78 wrong configuration, 130 interrupted."""
    try:
        return _run(list(sys.argv[1:] if arguments is None else arguments))
    except KeyboardInterrupt:
        return _INTERRUPTED


def _run(given: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="fairlead", description="A model gateway that speaks the ML Commons API.")
    parser.add_argument("--version", action="version", version=f"fairlead {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    chosen = next((word for word in given if word in COMMANDS), None)
    modules: dict[str, Any] = {}
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        if name == chosen:
            modules[name] = importlib.import_module(f"fairlead.cli.{name}")
            modules[name].add_arguments(command)
    parsed = parser.parse_args(given)
    return int(modules[parsed.command].run(parsed))


if __name__ == "__main__":
    sys.exit(main())
