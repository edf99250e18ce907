"""`fairlead users`: adds, lists and deletes users, sets passwords, imports OpenSearch's files; never prints a password."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from fairlead.bootstrap.users import OPERATOR, OpenSecurity, add_user, open_security
from fairlead.cli.settings_sources import SettingsError, load
from fairlead.cli.store_arguments import FLAGS, add_store_arguments
from fairlead.domain.ports import StoreUnavailable
from fairlead.domain.secret import Secret
from fairlead.domain.security_objects import USERS
from fairlead.errors import FairleadError
from fairlead.security.password_rules import BadPasswordRule
from fairlead.security.private_file import UnsafeFile, private_bytes
from fairlead.service.security.files import FileFault, read_directory
from fairlead.service.security.importing import import_files
from fairlead.settings import Settings

CONFIGURATION = 78


class NoPassword(Exception):
    """Nobody was there to give one, or it was given in two ways."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    add = actions.add_parser("add", help="Add a user.")
    add.add_argument("--admin", action="store_true", help="an administrator, who has role all_access")
    add.add_argument("--backend-role", action="append", default=[], metavar="NAME", help="may be given several times")
    add.add_argument("--role", action="append", default=[], metavar="NAME", help="a security role; several times")
    passwd = actions.add_parser("passwd", help="Set a user's password; remembered logins end at once.")
    delete = actions.add_parser("delete", help="Delete a user and its API keys.")
    for command in (add, passwd, delete):
        command.add_argument("name", metavar="NAME")
    for command in (add, passwd):
        command.add_argument("--password-file", metavar="FILE", help="its first line is the password (default: ask)")
    listing = actions.add_parser("list", help="Show every user, without hashes.")
    listing.add_argument("--json", action="store_true", help="print one JSON object")
    importing = actions.add_parser("import", help="Replace users, roles, mappings and groups by OpenSearch's files.")
    importing.add_argument("directory", metavar="DIR", help="each kind whose file is there is replaced whole")
    add_store_arguments(parser, actions.choices.values())


def run(arguments: argparse.Namespace) -> int:
    return run_on_store(arguments, _ACTIONS[arguments.action])


Action = Callable[[OpenSecurity, argparse.Namespace], Awaitable[int]]


def run_on_store(arguments: argparse.Namespace, action: Action) -> int:
    """Opens what the command needs; 1 with one line for what it cannot do, 78 for settings that are wrong."""
    flags = {name: value for name in FLAGS if (value := getattr(arguments, name)) is not None}
    try:
        settings = load(flags, os.environ, Path(arguments.config) if arguments.config else None)
        return asyncio.run(_opened(settings, arguments, action))
    except (SettingsError, BadPasswordRule) as fault:
        return _refuse(fault, CONFIGURATION)
    except (StoreUnavailable, FairleadError, FileFault, UnsafeFile, NoPassword) as fault:
        return _refuse(fault, 1)
    except OSError as fault:
        return _refuse(f"{fault.filename}: {fault.strerror}", 1)


async def _opened(settings: Settings, arguments: argparse.Namespace, action: Action) -> int:
    async with open_security(settings) as security:
        return await action(security, arguments)


def _refuse(fault: object, status: int) -> int:
    print(f"fairlead: {fault}", file=sys.stderr)
    return status


async def _add(security: OpenSecurity, arguments: argparse.Namespace) -> int:
    if await security.store.get(USERS.kind, arguments.name) is not None:
        return _refuse(f"there is a user '{arguments.name}' already; `fairlead users passwd` sets a password", 1)
    password = _password(arguments)
    await add_user(
        security, arguments.name, password.reveal(), arguments.backend_role, arguments.role, admin=arguments.admin
    )
    print(f"'{arguments.name}' created.")
    return 0


async def _passwd(security: OpenSecurity, arguments: argparse.Namespace) -> int:
    patch = [{"op": "add", "path": "/password", "value": _password(arguments).reveal()}]
    await security.objects.patch(USERS, OPERATOR, arguments.name, json.dumps(patch).encode())
    print(f"'{arguments.name}' updated.")
    return 0


async def _delete(security: OpenSecurity, arguments: argparse.Namespace) -> int:
    await security.objects.delete(USERS, OPERATOR, arguments.name)
    print(f"'{arguments.name}' deleted.")
    return 0


async def _list(security: OpenSecurity, arguments: argparse.Namespace) -> int:
    users = (await security.objects.read(USERS, OPERATOR, None)).objects
    if arguments.json:
        print(json.dumps({name: {k: v for k, v in user.items() if k != "hash"} for name, user in users.items()}))
        return 0
    for name, user in users.items():
        roles = ", ".join(user["opendistro_security_roles"]) or "-"
        print(f"{name}  backend roles: {', '.join(user['backend_roles']) or '-'}  roles: {roles}")
    return 0


async def _import(security: OpenSecurity, arguments: argparse.Namespace) -> int:
    security.objects.require_writable()
    imported = await import_files(security.store, read_directory(Path(arguments.directory)))
    await security.objects.announce()
    print(", ".join(f"{count} {segment}" for segment, count in imported.counts.items()))
    return 0


def _password(arguments: argparse.Namespace) -> Secret:
    """From a private file or the terminal: never from the command line, which every process can read."""
    if arguments.password_file:
        path = Path(arguments.password_file)
        text = private_bytes(path, f"password file {path}", follow=True).decode("utf-8", "replace")
        return Secret(text.split("\n", 1)[0].rstrip("\r"))
    if not sys.stdin.isatty():
        raise NoPassword("there is no terminal to ask for the password: give --password-file")
    given = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != given:
        raise NoPassword("the two passwords differ")
    return Secret(given)


_ACTIONS: Mapping[str, Action] = {
    "add": _add,
    "passwd": _passwd,
    "delete": _delete,
    "list": _list,
    "import": _import,
}
