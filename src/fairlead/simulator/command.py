"""`fairlead simulate`: one simulator in a process of its own until a signal stops it; it takes no part in a gateway."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys

from fairlead.simulator.desk import SimulatorSettings
from fairlead.simulator.server import Simulator

if sys.platform != "win32":
    import uvloop

    _new_loop = uvloop.new_event_loop
else:
    _new_loop = asyncio.new_event_loop


def run(host: str = "127.0.0.1", port: int = 9955, settings: SimulatorSettings | None = None) -> int:
    """Serves until SIGTERM or SIGINT and gives the exit code: 0, or 1 when the address cannot be taken.

    One line on standard output names the address as soon as it accepts connections.
    """
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        return runner.run(_serve(host, port, settings))


def serve_listener(listener: socket.socket) -> None:
    """Serves, without a word, on a socket that whoever started this process has made, until SIGTERM. An interrupt from the
    terminal goes to that one, too, and is left to it."""
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        runner.run(_serve_listener(listener))


async def _serve_listener(listener: socket.socket) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)
    simulator = Simulator()
    await simulator.start(listener=listener)
    await stopped.wait()
    await simulator.close()


async def _serve(host: str, port: int, settings: SimulatorSettings | None) -> int:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    simulator = Simulator(settings)
    try:
        address = await simulator.start(host, port)
    except OSError as error:
        sys.stderr.write(f"Fairlead simulator cannot listen on {host}:{port}: {error.strerror or error}\n")
        return 1
    sys.stdout.write(f"Fairlead simulator: scripted model providers on {address.url}\n")
    sys.stdout.flush()
    await stopped.wait()
    await simulator.close()
    return 0
