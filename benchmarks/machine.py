"""What one core of this machine can do: its best rate of matrix products, and of reading memory."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.conversion import ROOT

_TIMES = 12
_EDGE = 768
_ROW = 1024
_MEMORY_BYTES, _CACHE_BYTES = 256 << 20, 512 << 10


@dataclass(frozen=True)
class Machine:
    """One core.

    Attributes:
        cpu: Its name.
        gflops: Of a float32 product of two 768 × 768 matrices by PyTorch, the best of several.
        memory_gb_s: Bytes read a second of 256 MB, by a product with a vector or by the largest element.
        cache_gb_s: The same from 512 kB, again and again.
    """

    cpu: str
    system: str
    gflops: float
    memory_gb_s: float
    cache_gb_s: float


def measure_machine(core: int) -> Machine:
    """Measured in a process pinned to `core`."""
    command = [sys.executable, "-m", "benchmarks.machine", str(core)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return Machine(**json.loads(done.stdout))


def _best(call: Callable[[], object], repeats: int = 1) -> float:
    """Seconds of one call on the process's CPU clock."""
    best = float("inf")
    for _ in range(_TIMES):
        start = time.process_time()
        for _ in range(repeats):
            call()
        best = min(best, (time.process_time() - start) / repeats)
    return best


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    names = [line for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    return names[0].partition(":")[2].strip() if names else platform.processor() or platform.machine()


def main(core: int) -> None:
    """Measure and print JSON."""
    import torch

    from edge_export.bench.in_turn import pin

    pin(core)
    torch.set_num_threads(1)
    a, b = torch.rand(_EDGE, _EDGE), torch.rand(_EDGE, _EDGE)
    vector = torch.rand(_ROW)
    large, small = (torch.rand(size // 4 // _ROW, _ROW) for size in (_MEMORY_BYTES, _CACHE_BYTES))
    machine = Machine(
        cpu=_cpu_name(),
        system=platform.platform(),
        gflops=2e-9 * _EDGE**3 / _best(lambda: a @ b),
        memory_gb_s=1e-9 * _MEMORY_BYTES / min(_best(lambda: large @ vector), _best(large.max)),
        cache_gb_s=1e-9 * _CACHE_BYTES / min(_best(lambda: small @ vector, 64), _best(small.max, 64)),
    )
    print(json.dumps(asdict(machine)))


if __name__ == "__main__":
    main(int(sys.argv[1]))
