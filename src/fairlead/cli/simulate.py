"""`fairlead simulate`: scripted providers on a port, for tests, demos and trying blueprints."""

from __future__ import annotations

import argparse

from fairlead.simulator import command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=9955, help="port to listen on (default: %(default)s)")


def run(arguments: argparse.Namespace) -> int:
    return command.run(arguments.host, arguments.port)
