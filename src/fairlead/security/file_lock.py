"""One at a time among the processes that have a file open. The lock goes with its process, so that one that is killed holds
nobody up; it says nothing about threads."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

if sys.platform != "win32":
    import fcntl


@contextlib.contextmanager
def alone(descriptor: int) -> Iterator[None]:
    """No other process is between these two lines for the same file meanwhile."""
    if sys.platform == "win32":  # where there is one worker only
        yield
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
