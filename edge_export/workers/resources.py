"""What this machine has, and what a worker takes of it. psutil is imported where it is used: environments lack it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

MEMORY_SHARE = 0.9
"""How much of the machine's memory all workers may hold together."""


def cpu_count() -> int:
    """How many cores this process may run on; fewer than the machine has where it is bound to some of them."""
    import psutil

    process = psutil.Process()
    if hasattr(process, "cpu_affinity"):  # not on macOS
        return len(process.cpu_affinity())
    return os.cpu_count() or 1


def memory_share(jobs: int) -> int:
    """What each of `jobs` workers may hold, in bytes."""
    import psutil

    return int(psutil.virtual_memory().total * MEMORY_SHARE / jobs)


def group_bytes(group: int) -> int:
    """The memory that the processes of a group hold together, in bytes; 0 when there is none any more.

    Not their address space: torch maps far more than it uses. What several of them share counts once, where the system
    can tell.
    """
    import psutil

    processes = []
    for pid in psutil.pids():
        try:
            if os.getpgid(pid) == group:
                processes.append(psutil.Process(pid))
        except (OSError, psutil.NoSuchProcess):
            continue  # it has just ended
    return sum(_bytes_of(process, shared=len(processes) > 1) for process in processes)


def _bytes_of(process: psutil.Process, *, shared: bool) -> int:
    """What a process holds; of memory that it shares only its part."""
    import psutil

    try:
        if shared and psutil.LINUX:
            try:
                return int(process.memory_full_info().pss)
            except psutil.AccessDenied:
                pass
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0  # it has just ended
