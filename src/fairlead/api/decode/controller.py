"""Controller bodies (spec/02 6.2)."""

from __future__ import annotations

from fairlead.api.decode import fields as read
from fairlead.api.decode.model import rate_limiter
from fairlead.domain.controller import Limiters
from fairlead.errors import TokenMismatch
from fairlead.java.jackson import Node, expect, parse_object


def user_limiters(body: bytes) -> Limiters:
    """The limiters by user; other members are ignored, also `model_id`. Raises errors of 400."""
    found: dict[str, Limiters] = read.each(parse_object(body), {"user_rate_limiter": _users})
    return found.get("user_rate_limiter", {})


def _users(node: Node) -> Limiters:
    """A user without limit and unit is dropped."""
    found = {user: _limiter(value) for user, value, _, _ in expect(node, "object").members}
    return {user: limiter for user, limiter in found.items() if limiter}


def _limiter(node: Node) -> dict[str, str]:
    if node.kind != "object":  # read on its own by the original, hence the place
        raise TokenMismatch(
            f"Failed to parse object: expecting token of type [START_OBJECT] but found [{node.token}]", 1, 1
        )
    return rate_limiter(node)
