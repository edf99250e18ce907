"""Microseconds per access decision on the predict path, by who asks, without what awaiting takes.

Budget: 2 µs for each decision. Run: `scripts/bench access [--json FILE]`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Awaitable
from pathlib import Path
from typing import cast

from bench.timing import awaited
from fairlead.domain.access import Access
from fairlead.domain.cluster_settings import ClusterSettings
from fairlead.domain.model import Model
from fairlead.domain.ports import Store
from fairlead.domain.principal import Principal
from fairlead.service.access import AccessControl
from fairlead.service.snapshot import Snapshot

BUDGET_US = 2.0
TEAMS = tuple(f"team-{n}" for n in range(20))
OWNER = Principal("ann", TEAMS[:3], ("ml_full_access", "own_index"))
GROUPS = {
    "public": Access("public", "bob"),
    "private": Access("private", "ann"),
    "restricted": Access("restricted", "bob", frozenset(TEAMS[2:])),
}
CASES: dict[str, tuple[str | None, Principal | None, bool]] = {
    "security off": ("private", None, True),
    "access control off": ("private", OWNER, False),
    "public": ("public", OWNER, True),
    "private, owner": ("private", OWNER, True),
    "restricted, last of 3 roles in 18": ("restricted", OWNER, True),
    "restricted, 20 roles": ("restricted", Principal("eve", TEAMS[::-1], ("ml_predict_access",)), True),
    "administrator": ("private", Principal("root", ("admin",), ("own_index", "all_access")), True),
}
"""The model's group, the caller, whether access control is on."""


def snapshot(controlled: bool) -> Snapshot:
    """A snapshot that never asks its store, of a thousand groups."""
    made = Snapshot(cast(Store, None), {})
    on = "true" if controlled else "false"
    made.settings = ClusterSettings({"plugins.ml_commons.model_access_control_enabled": on})
    made.groups.update({f"other-{n}": Access("private", "bob") for n in range(1000)})
    made.groups.update(GROUPS)
    return made


async def measure(calls: int) -> dict[str, float]:
    rows = {}
    for label, (group, caller, controlled) in CASES.items():
        access, model = AccessControl(snapshot(controlled)), Model("m", group)

        def call(
            access: AccessControl = access, model: Model = model, caller: Principal | None = caller
        ) -> Awaitable[None]:
            return access.require_predict(model, caller)

        rows[label] = await awaited(call, calls=calls)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--calls", type=int, default=50_000)
    given = parser.parse_args()
    rows = asyncio.run(measure(given.calls))
    for label, value in rows.items():
        print(f"{label:36} {value:6.2f} µs{'' if value <= BUDGET_US else '  over budget'}")
    if given.json:
        given.json.write_text(json.dumps({"unit": "us CPU per decision", "budget": BUDGET_US, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
