"""`fairlead simulate`: scripted providers on a port, for tests, demos and trying blueprints."""

from __future__ import annotations

import argparse

from fairlead.simulator import command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=9955, help="port to listen on (default: %(default)s)")


def _port(text: str) -> int:
    """The socket would take 99999 for 34463, and say so nowhere."""
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: a whole number from 0 to 65535")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    return command.run(arguments.host, arguments.port)
