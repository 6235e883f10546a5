"""Cores and memory of this machine, and the memory that a worker uses.

psutil is imported inside the functions, because isolated environments do not have it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

MEMORY_SHARE = 0.9
"""The part of the machine's memory that all workers together may hold."""


def cpu_count() -> int:
    """Returns the number of cores that this process may run on. A CPU affinity makes it less than the machine's."""
    import psutil

    process = psutil.Process()
    if hasattr(process, "cpu_affinity"):  # not on macOS
        return len(process.cpu_affinity())
    return os.cpu_count() or 1


def memory_share(jobs: int) -> int:
    """Returns the memory limit of each of `jobs` workers, in bytes."""
    import psutil

    return int(psutil.virtual_memory().total * MEMORY_SHARE / jobs)


def group_bytes(group: int) -> int:
    """Returns the memory that all processes of a process group hold, in bytes; 0 if the group has ended.

    This is resident memory, not address space, because torch maps far more than it uses. Memory that the processes
    share counts once, where the system reports it.
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
    """Returns the resident memory of a process in bytes. With `shared`, shared pages count proportionally."""
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
