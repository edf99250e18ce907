"""A caller's presence: work that nobody waits for is given up, whenever the caller left."""

from __future__ import annotations

import asyncio

import pytest

from fairlead.api.body import Disconnected
from fairlead.api.presence import Presence


async def test_the_outcome_of_the_work_is_given_while_the_caller_is_there() -> None:
    async def work() -> int:
        return 7

    assert await Presence().needed(work()) == 7


async def test_work_of_a_caller_who_leaves_meanwhile_is_cancelled() -> None:
    presence = Presence()
    asyncio.get_running_loop().call_soon(presence.leave)
    with pytest.raises(Disconnected):
        await presence.needed(asyncio.sleep(60))


async def test_work_of_a_caller_who_has_left_is_not_begun_and_leaves_no_warning() -> None:
    """A coroutine that is dropped unawaited warns, and warnings are errors here."""
    begun = False

    async def work() -> None:
        nonlocal begun
        begun = True

    presence = Presence()
    presence.leave()
    with pytest.raises(Disconnected):
        await presence.needed(work())
    assert not begun
