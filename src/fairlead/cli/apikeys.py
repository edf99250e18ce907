"""`fairlead apikeys`: makes, lists, rotates and revokes API keys beside running servers; shows a secret once, when made."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from fairlead.bootstrap.users import OpenSecurity
from fairlead.cli.store_arguments import add_store_arguments
from fairlead.cli.users import Action, run_on_store
from fairlead.service.security.api_keys import NewKey, read_grace

_DAY = 86_400


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    create = actions.add_parser("create", help="Make a key; its text is shown this once.")
    create.add_argument("name", metavar="NAME")
    create.add_argument("--owner", required=True, metavar="USER", help="the user it belongs to")
    create.add_argument("--days", type=int, default=90, help="how long it lives; 0: for ever, if the settings allow")
    create.add_argument("--permission", action="append", metavar="PATTERN", help="default: predict only; several times")
    create.add_argument("--model", action="append", metavar="ID", help="only this model; several times")
    create.add_argument("--model-group", action="append", metavar="ID", help="only models of this group; several times")
    create.add_argument("--cidr", action="append", metavar="NETWORK", help="only from this network; several times")
    create.add_argument("--limit", metavar="N/UNIT", help="calls to providers, as 100/MINUTES (default: no limit)")
    rotate = actions.add_parser("rotate", help="Give a key a new secret.")
    rotate.add_argument("--grace", type=int, default=0, metavar="SECONDS", help="how long the old one stays good")
    revoke = actions.add_parser("revoke", help="Take a key away; running servers of this machine refuse it at once.")
    for command in (rotate, revoke):
        command.add_argument("id", metavar="ID", help="as `list` shows it")
    listing = actions.add_parser("list", help="Show every key, without secrets.")
    listing.add_argument("--json", action="store_true", help="print one JSON list")
    add_store_arguments(parser, actions.choices.values())


def run(arguments: argparse.Namespace) -> int:
    return run_on_store(arguments, _ACTIONS[arguments.action])


async def _create(security: OpenSecurity, arguments: argparse.Namespace) -> int:
    wanted = {
        "name": arguments.name,
        "owner": arguments.owner,
        "duration_seconds": arguments.days * _DAY,
        "cluster_permissions": arguments.permission,
        "model_ids": arguments.model,
        "model_group_ids": arguments.model_group,
        "allowed_cidrs": arguments.cidr,
        "limits": _limits(arguments.limit),
    }
    return _made(await security.keys.create(wanted, arguments.owner, lambda owner: True))


def _limits(text: str | None) -> dict[str, object] | None:
    """What was written; the service says what is wrong with it."""
    if text is None:
        return None
    number, _, unit = text.partition("/")
    try:
        return {"limit": float(number), "unit": unit.upper()}
    except ValueError:
        return {"limit": number, "unit": unit.upper()}


async def _rotate(security: OpenSecurity, arguments: argparse.Namespace) -> int:
    return _made(await security.keys.rotate(arguments.id, read_grace({"grace_seconds": arguments.grace})))


async def _revoke(security: OpenSecurity, arguments: argparse.Namespace) -> int:
    await security.keys.revoke(arguments.id)
    print(f"Token {arguments.id} revoked successfully.")
    return 0


async def _list(security: OpenSecurity, arguments: argparse.Namespace) -> int:
    rows = await security.keys.listed()
    if arguments.json:
        print(json.dumps(rows))
        return 0
    for row in rows:
        end = f"revoked {_day(row['revoked_at'])}" if row.get("revoked_at") else f"until {_day(row['expires_at'])}"
        print(f"{row['id']}  {row['name']}  of {row['owner']}, {end}, last used {_day(row.get('last_used'))}")
    return 0


def _made(key: NewKey) -> int:
    print(key.token)
    return 0


def _day(milliseconds: int | None) -> str:
    if not milliseconds:
        return "never"
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d")


_ACTIONS: Mapping[str, Action] = {"create": _create, "rotate": _rotate, "revoke": _revoke, "list": _list}
