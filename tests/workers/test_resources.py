"""What this machine has is what this process may use of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from edge_export.workers import cpu_count
from edge_export.workers.resources import group_bytes, memory_share

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system binds no process to cores")
def test_cores_that_this_process_may_not_use_don_t_count() -> None:
    program = (
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]);"
        "from edge_export.workers import cpu_count; print(cpu_count())"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1"]
    assert 1 <= cpu_count() <= (os.cpu_count() or 1)


def test_workers_share_the_memory() -> None:
    total = psutil.virtual_memory().total
    assert total * 0.85 < memory_share(1) < total
    assert memory_share(4) == pytest.approx(memory_share(1) / 4, abs=1)


def test_a_group_that_is_gone_holds_nothing() -> None:
    program = "print('here', flush=True); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    assert group_bytes(process.pid) > 1 << 20
    process.communicate()
    assert group_bytes(process.pid) == 0
