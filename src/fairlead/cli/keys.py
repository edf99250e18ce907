"""`fairlead keys`: lists, rotates, retires, exports and imports keys beside running servers; never prints a key."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from fairlead.bootstrap.keys import OpenKeys, open_keys
from fairlead.bootstrap.logs import audit_command
from fairlead.cli.settings_sources import SettingsError, load
from fairlead.cli.store_arguments import FLAGS, add_store_arguments
from fairlead.domain.audit import AuditEvent, Category
from fairlead.domain.ports import StoreUnavailable
from fairlead.domain.secret import Secret
from fairlead.errors import FairleadError
from fairlead.security import data_keys, key_changes
from fairlead.security.key_export import export_text, import_text
from fairlead.security.key_file import DIRECTORY, FileKeyProvider
from fairlead.security.keyring import Keyring, KeyringError, KeyServiceAway, wrapping_id
from fairlead.security.private_file import UnsafeFile, private_bytes, write_new
from fairlead.service.keys import rotation, usage
from fairlead.settings import Settings

CONFIGURATION = 78


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="Show every key: id, what it protects, whether it is at hand.")
    listing.add_argument("--json", action="store_true", help="print one JSON object")
    rotate = actions.add_parser("rotate", help="Make new keys and protect everything with them; servers go on.")
    rotate.add_argument("--kek", action="store_true", help="only the key that wraps the data keys")
    rotate.add_argument("--dek", action="store_true", help="only the data key that seals the values")
    rotate.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")
    retire = actions.add_parser("retire", help="Give up a key that nothing needs any more.")
    retire.add_argument("id", metavar="ID", help="as `list` shows it")
    export = actions.add_parser("export", help="Write the wrapping keys to a file, sealed by a pass-phrase.")
    export.add_argument("file", metavar="FILE", help="a new file")
    importing = actions.add_parser("import", help="Add the keys of an export to the keyring file.")
    importing.add_argument("file", metavar="FILE", help="what `export` wrote")
    for command in (export, importing):
        command.add_argument(
            "--passphrase-file", metavar="FILE", help="its first line is the pass-phrase (default: ask)"
        )
    add_store_arguments(parser, actions.choices.values())


def run(arguments: argparse.Namespace) -> int:
    flags = {name: value for name in FLAGS if (value := getattr(arguments, name)) is not None}
    try:
        settings = load(flags, os.environ, Path(arguments.config) if arguments.config else None)
    except SettingsError as fault:
        return _refuse(fault, CONFIGURATION)
    try:
        if arguments.action == "import":
            text = Path(arguments.file).read_text("utf-8", "replace")
            return asyncio.run(_import(settings, import_text(text, _passphrase(arguments, twice=False))))
        return asyncio.run(_with_keys(settings, arguments))
    except (StoreUnavailable, KeyringError, KeyServiceAway, UnsafeFile, FairleadError) as fault:
        return _refuse(fault, 1)
    except OSError as fault:
        return _refuse(f"{fault.filename}: {fault.strerror}", 1)


def _refuse(fault: object, status: int) -> int:
    print(f"fairlead: {fault}", file=sys.stderr)
    return status


async def _with_keys(settings: Settings, arguments: argparse.Namespace) -> int:
    async with open_keys(settings) as keys:
        status = await _ACTIONS[arguments.action](keys, arguments)
        if arguments.action in ("rotate", "retire") and not getattr(arguments, "dry_run", False):
            details = {"command": arguments.action, "outcome": "failed" if status else "done"}
            event = AuditEvent(Category.KEY_ROTATION, getpass.getuser(), source="cli", details=details)
            await audit_command(settings, keys.store, event)
        return status


async def _list(keys: OpenKeys, arguments: argparse.Namespace) -> int:
    state = keys.vault.state
    provided = await keys.provider.load()
    unfinished = await rotation.pending(keys.store) is not None
    uses = await usage.stored(keys.store)
    wrapping = []
    for id in sorted({*state.body["wrapping"], *(provided.ids if provided else ())}):
        wraps = sorted(key for key, text in state.body["keys"].items() if wrapping_id(text) == id)
        held = provided is not None and provided.holds(id)
        active = provided is not None and id == provided.active
        wrapping.append({"id": id, "active": active, "at_hand": held, "wraps": wraps})
    data = []
    for id, text in state.body["keys"].items():
        users = await data_keys.referring(keys.store, {id})
        data.append(
            {
                "id": id,
                "active": id == state.active,
                "at_hand": id in state.at_hand,
                "wrapped_by": wrapping_id(text),
                "made": state.made(id),
                "sealed": uses.get(id, 0),
                "resources": len(users),
                "values": sum(users.values()),
            }
        )
    if arguments.json:
        print(json.dumps({"wrapping_keys": wrapping, "data_keys": data, "rotation_unfinished": unfinished}))
        return 0
    print(f"Wrapping keys ({keys.provider.source})")
    for row in wrapping:
        shown = ", ".join(map(str, row["wraps"])) or "nothing"
        print(f"  {row['id']}  {_state(row)}  wraps {shown}")
    print("Data keys (in the store)")
    for row in data:
        made = datetime.fromtimestamp(int(str(row["made"])) / 1000, UTC).strftime("%Y-%m-%d")
        print(
            f"  {row['id']}  {_state(row)}  made {made}, wrapped by {row['wrapped_by']}, {row['values']} values of "
            f"{row['resources']} resources, {row['sealed']} sealings"
        )
    if unfinished:
        print("A rotation of the data key is unfinished: `fairlead keys rotate --dek` goes on with it.")
    return 0


def _state(row: Mapping[str, object]) -> str:
    return "active  " if row["active"] and row["at_hand"] else "readable" if row["at_hand"] else "ABSENT  "


async def _rotate(keys: OpenKeys, arguments: argparse.Namespace) -> int:
    both = arguments.kek == arguments.dek
    if arguments.dry_run:
        return await _dry_run(keys, kek=both or arguments.kek, dek=both or arguments.dek)
    if both or arguments.kek:
        wrapped = await key_changes.rewrap(keys.vault, keys.provider)
        print(f"{wrapped.data_keys} data keys are wrapped by key {wrapped.now} (before: {', '.join(wrapped.before)})")
    if both or arguments.dek:
        done = await rotation.rotate_data_key(keys.store, keys.vault, lambda: time.time_ns() // 1_000_000)
        went_on = " (an unfinished rotation went on)" if done.resumed else ""
        print(f"{done.values} values of {done.resources} resources are sealed anew by data key {done.key}{went_on}")
        for name in done.unreadable:
            print(f"not readable, left as it is: {name}", file=sys.stderr)
        return 1 if done.unreadable else 0
    return 0


async def _dry_run(keys: OpenKeys, *, kek: bool, dek: bool) -> int:
    state = keys.vault.state
    if kek:
        print(f"{len(state.body['keys'])} data keys would be wrapped anew ({keys.provider.source})")
    if dek:
        unfinished = await rotation.pending(keys.store) is not None
        resources, values = await rotation.count_stale(keys.store, state.active if unfinished else None)
        how = f"go on under data key {state.active}" if unfinished else "a new data key would be made"
        print(f"{values} values of {resources} resources would be sealed anew ({how})")
    print("Nothing was changed.")
    return 0


async def _retire(keys: OpenKeys, arguments: argparse.Namespace) -> int:
    print(await key_changes.retire(keys.vault, keys.provider, arguments.id))
    return 0


async def _export(keys: OpenKeys, arguments: argparse.Namespace) -> int:
    keyring = await keys.provider.load() if keys.provider.exportable() else None
    if not isinstance(keyring, Keyring):
        raise KeyringError(f"{keys.provider.source} gives no keys out: nothing can be exported")
    text = export_text(keyring, _passphrase(arguments, twice=True))
    write_new(Path(arguments.file), text.encode())
    print(f"{len(keyring.keys)} keys are in {arguments.file}: {', '.join(sorted(keyring.ids))}")
    return 0


async def _import(settings: Settings, keyring: Keyring) -> int:
    """Needs no store: it is what comes before a restored database can be used."""
    merged = await FileKeyProvider(settings.data_dir / DIRECTORY).merge(keyring.keys, keyring.active)
    print(f"the keyring file holds keys {', '.join(sorted(merged.ids))}; {merged.active} is active")
    return 0


def _passphrase(arguments: argparse.Namespace, *, twice: bool) -> Secret:
    """From a private file or the terminal: never from the command line, which every process can read."""
    if arguments.passphrase_file:
        path = Path(arguments.passphrase_file)
        text = private_bytes(path, f"pass-phrase file {path}", follow=True).decode("utf-8", "replace")
        return Secret(text.split("\n", 1)[0].rstrip("\r"))
    if not sys.stdin.isatty():
        raise KeyringError("there is no terminal to ask for the pass-phrase: give --passphrase-file")
    given = getpass.getpass("Pass-phrase: ")
    if twice and getpass.getpass("Again: ") != given:
        raise KeyringError("the two pass-phrases differ")
    return Secret(given)


_ACTIONS: Mapping[str, Callable[[OpenKeys, argparse.Namespace], Awaitable[int]]] = {
    "list": _list,
    "rotate": _rotate,
    "retire": _retire,
    "export": _export,
}
