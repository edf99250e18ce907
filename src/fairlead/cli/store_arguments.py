"""The arguments of commands that work on a server's files: which data directory, store, settings file. Reads none of them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from fairlead.settings import DOCS

FLAGS = ("data_dir", "store")


def add_store_arguments(parser: argparse.ArgumentParser, actions: Iterable[argparse.ArgumentParser]) -> None:
    """Before the action and behind it, since that is where people write them; the later one counts."""
    _add(parser, None)
    for action in actions:
        _add(action, argparse.SUPPRESS)


def _add(parser: argparse.ArgumentParser, default: str | None) -> None:
    for name in FLAGS:
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, default=default, metavar=name.upper(), help=DOCS[name])
    parser.add_argument(
        "--config", default=default, metavar="FILE", help="settings file (default: fairlead.toml, if there is one)"
    )
