"""How many processors this process may use: its affinity, and the quota of the control group it runs in.

A machine's number says nothing inside a container that was given half a processor.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def usable_cores(group: Path = CGROUP) -> int:
    """At least 1. `group`: the root of the control groups as this process sees it."""
    if os.name == "nt":  # one process there (fairlead.settings)
        return 1
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    quota = _quota(group)
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def _quota(group: Path) -> float | None:
    """Processors that a control group grants, of version 2 or 1; None: no bound, or none that can be read."""
    try:
        if (group / "cpu.max").is_file():
            granted, period = (group / "cpu.max").read_text("ascii").split()
        else:
            granted = (group / "cpu" / "cpu.cfs_quota_us").read_text("ascii").strip()
            period = (group / "cpu" / "cpu.cfs_period_us").read_text("ascii").strip()
        share = int(granted) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None  # version 2 says `max`
    return share if share > 0 else None  # version 1 says -1
