"""Fills the file system of a new phone: /proc, /sys, /data/local/tmp, and the commands that this machine lacks."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from emulated_phone.state import APP, APP_CONTENT, State

_CORES = 8
_FILES = {
    "proc/meminfo": "MemTotal:        7747312 kB\nMemFree:          302144 kB\nMemAvailable:    3187692 kB\n",
    "proc/cpuinfo": "".join(f"processor\t: {core}\nCPU implementer\t: 0x41\n\n" for core in range(_CORES)),
    "proc/loadavg": "2.05 1.80 1.71 1/4075 21334\n",
    "sys/devices/system/cpu/possible": f"0-{_CORES - 1}\n",
}
_CORE = {"scaling_governor": "sched_pixel\n", "scaling_cur_freq": "{khz}\n", "cpuinfo_max_freq": "{max_khz}\n"}
_COMMANDS = Path(__file__).parent / "commands"


def furnish(state: State) -> None:
    for folder in ("data/local/tmp", "sdcard/Android/media"):
        (state.root / folder).mkdir(parents=True)
    if state.read().runner:
        state.inside(APP).parent.mkdir(parents=True)
        state.inside(APP).write_bytes(APP_CONTENT)
    for name, content in _FILES.items():
        _write(state.root / name, content)
    for core in range(_CORES):
        for name, content in _CORE.items():
            path = state.root / f"sys/devices/system/cpu/cpu{core}/cpufreq/{name}"
            _write(path, content.format(khz=300_000 + 100_000 * core, max_khz=1_700_000 if core < 4 else 2_370_000))
    for script in _COMMANDS.glob("*.py"):
        command = state.commands / script.stem
        # -S: without the packages of this Python; a command then starts in a fraction of the time
        words = shlex.join(["env", f"PYTHONPATH={_COMMANDS.parents[1]}", sys.executable, "-S", str(script)])
        _write(command, f'#!/bin/sh\nexec {words} "$@"\n')
        command.chmod(0o755)


def _write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
