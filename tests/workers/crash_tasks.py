"""Tasks that go wrong in every way that a converter can."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from typing import Any

import psutil

TABLE = {
    name: f"crash_tasks:{name}"
    for name in (
        *("echo", "facts", "segfault", "leave", "sleep", "fail", "bad_exit", "noise", "spawn", "unjson"),
        *("hoard", "hoard_in_children", "share_with_children"),
    )
}


def echo(args: dict[str, Any]) -> dict[str, Any]:
    time.sleep(args.get("seconds", 0))
    return {"pid": os.getpid(), **args}


def facts(args: dict[str, Any]) -> dict[str, Any]:
    return {
        "threads": os.environ["OMP_NUM_THREADS"],
        "hash_seed": os.environ["PYTHONHASHSEED"],
        "cwd": str(os.getcwd()),  # noqa: PTH109
        "stdin": sys.stdin.read(),
        "python": sys.executable,
    }


def segfault(args: dict[str, Any]) -> dict[str, Any]:
    print("about to crash", flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(60)
    return {}


def leave(args: dict[str, Any]) -> dict[str, Any]:
    os._exit(7)


def sleep(args: dict[str, Any]) -> dict[str, Any]:
    print("\rstep 1\rstep 2", flush=True)
    time.sleep(600)
    return {}


def fail(args: dict[str, Any]) -> dict[str, Any]:
    raise ValueError("the weights of\nlayer 3 are missing")


def bad_exit(args: dict[str, Any]) -> dict[str, Any]:
    sys.exit("a library that calls sys.exit")


def hoard(args: dict[str, Any]) -> dict[str, Any]:
    hoarded = []
    for _ in range(200):
        hoarded.append(b"x" * (16 << 20))
        time.sleep(0.02)
    return {"bytes": sum(map(len, hoarded))}


def hoard_in_children(args: dict[str, Any]) -> dict[str, Any]:
    program = "import time; kept = b'x' * (128 << 20); time.sleep(20)"
    children = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(3)]
    return {"statuses": [child.wait() for child in children]}


def share_with_children(args: dict[str, Any]) -> dict[str, Any]:
    shared = b"x" * args["bytes"]
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
        children.append(child)
    time.sleep(2)
    resident = len(shared) + sum(psutil.Process(child).memory_info().rss for child in children)
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return {"resident": resident}


def noise(args: dict[str, Any]) -> dict[str, Any]:
    print("from python")
    print("from stderr", file=sys.stderr)
    ctypes.CDLL(None).puts(b"from C")
    subprocess.run(["echo", "from a child"], check=True)
    return {}


def spawn(args: dict[str, Any]) -> dict[str, Any]:
    child = subprocess.Popen(["sleep", "600"])
    with open(args["pid_file"], "w") as file:  # noqa: PTH123
        file.write(f"{os.getpid()} {child.pid}")
    time.sleep(600)
    return {}


def unjson(args: dict[str, Any]) -> dict[str, Any]:
    return {"object": object()}
