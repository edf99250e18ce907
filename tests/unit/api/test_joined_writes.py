"""A response's head and body are one write; a head whose body comes later waits for no one, and nothing is reordered."""

from __future__ import annotations

import asyncio

from fairlead.api.joined_writes import JoinedWrites


class Recorded:
    """A transport that keeps what is done to it."""

    def __init__(self) -> None:
        self.did: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.did.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


def made() -> tuple[JoinedWrites, Recorded]:
    transport = Recorded()
    return JoinedWrites(transport, asyncio.get_running_loop()), transport  # type: ignore[arg-type]


async def test_a_head_and_its_body_are_one_write() -> None:
    writes, transport = made()
    for number in (b"1", b"2"):
        writes.write(b"head" + number)
        writes.write(b"body" + number)
    await asyncio.sleep(0)
    assert transport.did == [b"head1body1", b"head2body2"]


async def test_a_head_without_a_body_goes_at_the_next_turn_of_the_loop() -> None:
    writes, transport = made()
    writes.write(b"head")
    assert transport.did == []
    await asyncio.sleep(0)
    assert transport.did == [b"head"]
    writes.write(b"late")
    await asyncio.sleep(0)
    assert transport.did == [b"head", b"late"]


async def test_closing_sends_what_was_written_before() -> None:
    writes, transport = made()
    writes.write(b"head")
    writes.close()
    assert transport.did == [b"head"]
    assert writes.is_closing()
    await asyncio.sleep(0)
    assert transport.did == [b"head"]


async def test_a_large_body_is_not_copied() -> None:
    writes, transport = made()
    body = b"x" * 1_000_000
    writes.write(b"head")
    writes.write(body)
    assert transport.did[0] == b"head"
    assert transport.did[1] is body
