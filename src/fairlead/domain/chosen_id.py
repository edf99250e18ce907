"""Ids that a caller chooses for a connector or a model group (spec/01 1.13); it does not know which are taken."""

from __future__ import annotations

import re

from fairlead.errors import IllegalArgument, StatusFault

MAX_BYTES = 512
_FORM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*", re.ASCII)


def check_chosen(label: str, id: str) -> None:
    """Raises IllegalArgument; `label` as in "connector id"."""
    faults = (
        (not id.strip(), "is invalid"),
        (id.startswith("_"), "must not start with '_'"),
        (id.startswith("-"), "must not start with '-'"),
        (len(id.encode("utf-8", "surrogatepass")) > MAX_BYTES, f"is too long, max length is {MAX_BYTES}"),
        (
            _FORM.fullmatch(id) is None,
            "must contain only letters, digits, underscores, and hyphens, and must start with a letter or digit",
        ),
    )
    for wrong, text in faults:
        if wrong:
            raise IllegalArgument(f"{label} {text}")


def taken(label: str, id: str) -> StatusFault:
    return StatusFault(f"{label} '{id}' already exists", 409)
