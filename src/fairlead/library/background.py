"""An event loop for callers that have none: it runs in a thread of its own, and only while somebody waits for it.

Between calls no thread and no running loop is left, yet connections stay open in it, so that the next call finds them.
Safe to use from many threads, and from inside another loop; a forked child leaves the loop to its parent.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from fairlead.errors import IllegalState

T = TypeVar("T")


class BackgroundLoop:
    """Runs coroutines to their end for synchronous callers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._selector: selectors.BaseSelector | None = None
        self._thread: threading.Thread | None = None
        self._waiting = 0
        self._closed = False

    def run(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What the coroutine gives or raises; an interrupt of the waiting thread cancels it. Raises IllegalState after
        `close`."""
        loop = self._enter()
        try:
            future = asyncio.run_coroutine_threadsafe(make(), loop)
            try:
                return future.result()
            except BaseException:
                future.cancel()
                raise
        finally:
            self._leave()

    def close(self, last: Callable[[], Awaitable[None]]) -> None:
        """Runs `last` in the loop and closes it, at once or when the calls of other threads have ended."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            loop, busy = self._loop, self._waiting > 0
            if busy:  # whoever leaves last ends the loop, and this one needs it still
                self._waiting += 1
        if loop is None:
            return
        if busy:
            try:
                asyncio.run_coroutine_threadsafe(_await(last), loop).result()
            finally:
                self._leave()
        else:
            _outside_of_loops(lambda: _finish(loop, last))

    def abandon(self) -> None:
        """For a forked child, in place of `close`. The child's epoll descriptor is the parent's epoll (epoll(7)): a loop
        that ended here would take its sockets out of it, and the parent would wait for ever. So it ends on another file."""
        selector = self._selector
        if sys.platform == "linux" and isinstance(selector, selectors.EpollSelector):
            other = os.open(os.devnull, os.O_RDWR)
            os.dup2(other, selector.fileno(), inheritable=False)
            os.close(other)

    def _enter(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._closed:
                raise IllegalState("the connector is closed")
            if self._loop is None:
                self._selector = selectors.DefaultSelector()
                self._loop = asyncio.SelectorEventLoop(self._selector)
            self._waiting += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._loop.run_forever, name="fairlead", daemon=True)
                self._thread.start()
            return self._loop

    def _leave(self) -> None:
        with self._lock:
            self._waiting -= 1
            if self._waiting == 0 and self._loop is not None and self._thread is not None:
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._thread.join()
                self._thread = None
                if self._closed:
                    loop = self._loop
                    _outside_of_loops(lambda: _finish(loop, _nothing))


async def _await(last: Callable[[], Awaitable[None]]) -> None:
    await last()


async def _nothing() -> None:
    """All was closed before."""


def _outside_of_loops(work: Callable[[], None]) -> None:
    """Runs `work`, which drives a loop, in this thread, or in a fresh one when this thread is inside a loop already.

    Not always in a fresh one, because none can be started while the interpreter ends.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        work()
        return
    thread = threading.Thread(target=work, name="fairlead", daemon=True)
    thread.start()
    thread.join()


def _finish(loop: asyncio.AbstractEventLoop, last: Callable[[], Awaitable[None]]) -> None:
    async def end() -> None:
        await last()
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    try:
        loop.run_until_complete(end())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()
