"""The last word on how long a process may take to end: it is over then, whatever hangs. It gives back nothing itself."""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
import sys
import threading

log = logging.getLogger("fairlead.deadline")

CLOSING_SECONDS = 10.0
"""From the end of the drain to the end of the process: each thing that is closed has a bound of its own within that."""
LEAVING_SECONDS = 2.0
"""From there on, when everything is given back, to the end of the interpreter, which waits for every thread."""
_STANDARD_ERROR = 2
_TELLING_SECONDS = 1.0
"""How long the stacks may take to be written: a pipe that nobody reads takes none."""


def end_within(seconds: float) -> None:
    """After so many seconds this process writes the stacks of its threads to standard error, and ends with status 1; if it
    cannot write, the system ends it. Neither needs the interpreter. A later call replaces an earlier one; called in the main
    thread."""
    faulthandler.dump_traceback_later(seconds, exit=True, file=_STANDARD_ERROR)
    if sys.platform != "win32":
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds + _TELLING_SECONDS)


def leave_within(seconds: float, status: int) -> None:
    """After so many seconds this process ends with `status`: all is given back, and what still runs has nothing to say."""

    def leave() -> None:
        left = sorted(thread.name for thread in threading.enumerate() if not thread.daemon)
        log.warning("the process ends without %s, which did not end", ", ".join(left))
        os._exit(status)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()
