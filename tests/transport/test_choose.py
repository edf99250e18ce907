"""The setting names an adapter; the one that is not used is not imported, and none opens anything before a call."""

from __future__ import annotations

import asyncio
import inspect
import os
import subprocess
import sys

import pytest

from fairlead import AsyncConnector, Connector
from fairlead.settings import Settings
from fairlead.transport.choose import ADAPTERS, DEFAULT, NAMES, open_upstream
from transport.calls import call, limits, route
from transport.scripted import PinnedDialer, echo, scripted


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}


def test_every_name_has_an_adapter_and_the_default_is_one() -> None:
    assert set(NAMES) == set(ADAPTERS)
    assert DEFAULT in NAMES


def test_server_and_library_start_with_the_same_default() -> None:
    assert Settings().transport == DEFAULT
    for made in (Connector.from_blueprint, AsyncConnector.from_blueprint):
        assert inspect.signature(made).parameters["transport"].default == DEFAULT


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="aiohttp, owned"):
        open_upstream("curl", PinnedDialer())  # type: ignore[arg-type]


def test_the_owned_adapter_works_without_importing_aiohttp() -> None:
    script = (
        "import sys; from fairlead.transport.choose import open_upstream; open_upstream('owned', None);"
        "sys.exit('aiohttp' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], env=_environment(), check=False).returncode == 0


def test_an_upstream_opened_outside_a_loop_serves_the_first_loop_and_no_other(adapter: str) -> None:
    upstream = open_upstream(adapter, PinnedDialer())  # type: ignore[arg-type]

    async def use(close: bool) -> bytes:
        async with scripted(echo) as server:
            try:
                return (await upstream.send(route(server.port), call(b"x"), limits())).body
            finally:
                if close:
                    await upstream.close()

    async def twice() -> None:
        assert await use(False) == b"x"
        other = asyncio.new_event_loop()
        try:
            with pytest.raises(RuntimeError, match="one event loop"):
                await asyncio.to_thread(other.run_until_complete, use(False))
        finally:
            other.close()
        assert await use(True) == b"x"

    asyncio.run(twice())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_an_upstream_opened_before_a_fork_works_in_the_child(adapter: str) -> None:
    script = f"""
import asyncio, os, sys
from fairlead.transport.choose import open_upstream
from transport.calls import call, limits, route
from transport.scripted import PinnedDialer, echo, scripted
upstream = open_upstream({adapter!r}, PinnedDialer())
async def use():
    async with scripted(echo) as server:
        reply = await upstream.send(route(server.port), call(b"x"), limits())
        await upstream.close()
        return reply.body == b"x"
if os.fork() == 0:
    os._exit(0 if asyncio.run(use()) else 1)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""
    assert subprocess.run([sys.executable, "-c", script], env=_environment(), check=False).returncode == 0
