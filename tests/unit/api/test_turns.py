"""Turns: so many in one turn of the loop, in their order, and nobody is forgotten."""

from __future__ import annotations

import asyncio

from fairlead.api.turns import Turns


async def test_no_more_than_so_many_go_in_one_turn_and_in_their_order() -> None:
    turns, went, loop = Turns(3), list[tuple[int, int]](), asyncio.get_running_loop()
    now, running = 0, True

    def tick() -> None:
        nonlocal now
        now += 1
        if running:
            loop.call_soon(tick)

    async def go(number: int) -> None:
        await turns.take()
        went.append((number, now))

    tick()
    await asyncio.gather(*(go(number) for number in range(10)))
    running = False
    assert [number for number, _ in went] == list(range(10))
    assert max([at for _, at in went].count(turn) for turn in range(now + 1)) <= 3


async def test_a_caller_alone_does_not_wait() -> None:
    turns = Turns(1)
    for _ in range(3):
        task = turns.take()
        try:
            task.send(None)
        except StopIteration:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        else:
            raise AssertionError("it waited")


async def test_one_who_leaves_while_waiting_takes_no_room() -> None:
    turns = Turns(1)
    waiting = [asyncio.ensure_future(turns.take()) for _ in range(4)]
    await asyncio.sleep(0)
    waiting[1].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert [each.cancelled() for each in waiting] == [False, True, False, False]
