"""Tasks that go wrong in every way that a converter can."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any

from pydantic import Field

from edge_export.workers.task import Message, OutputPath, StayingPath, WorkerTask


class Nothing(Message):
    """No field at all."""


class EchoRequest(Message):
    seconds: float = 0
    number: int = 0


class Echo(Message):
    """`began` and `ended` are seconds of a clock that all processes of this machine share."""

    pid: int
    began: float
    ended: float
    seconds: float
    number: int


class Facts(Message):
    threads: str
    hash_seed: str
    cwd: StayingPath
    stdin: str
    python: str
    scratch: StayingPath
    parent: int
    imported: bool


class SpawnRequest(Message):
    pid_file: OutputPath


class Count(Message):
    count: int = Field(ge=0)


class Anything(Message):
    value: Any


def echo(request: EchoRequest) -> Echo:
    began = time.monotonic()
    time.sleep(request.seconds)
    ended = time.monotonic()
    return Echo(pid=os.getpid(), began=began, ended=ended, seconds=request.seconds, number=request.number)


def facts(request: Nothing) -> Facts:
    return Facts(
        threads=os.environ["OMP_NUM_THREADS"],
        hash_seed=os.environ["PYTHONHASHSEED"],
        cwd=os.getcwd(),  # noqa: PTH109
        stdin=sys.stdin.read(),
        python=sys.executable,
        scratch=tempfile.gettempdir(),
        parent=os.getppid(),
        imported="html" in sys.modules,
    )


def segfault(request: Nothing) -> Nothing:
    print("about to crash", flush=True)
    os.kill(os.getpid(), signal.SIGSEGV)
    time.sleep(60)
    return Nothing()


def leave(request: Nothing) -> Nothing:
    os._exit(7)


def sleep(request: Nothing) -> Nothing:
    print("\rstep 1\rstep 2", flush=True)
    time.sleep(600)
    return Nothing()


def fail(request: Nothing) -> Nothing:
    raise ValueError("the weights of\nlayer 3 are missing")


def bad_exit(request: Nothing) -> Nothing:
    sys.exit("a library that calls sys.exit")


def hoard(request: Nothing) -> Count:
    hoarded = []
    for _ in range(200):
        hoarded.append(b"x" * (16 << 20))
        time.sleep(0.02)
    return Count(count=sum(map(len, hoarded)))


def hoard_in_children(request: Nothing) -> Count:
    program = "import time; kept = b'x' * (128 << 20); time.sleep(20)"
    children = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(3)]
    return Count(count=sum(child.wait() == 0 for child in children))


def share_with_children(request: Count) -> Count:
    """Four processes that hold the same bytes; the sum of their resident sizes."""
    import psutil

    shared = b"x" * request.count
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
    return Count(count=resident)


def noise(request: Nothing) -> Nothing:
    print("from python")
    print("from stderr", file=sys.stderr)
    ctypes.CDLL(None).puts(b"from C")
    subprocess.run(["echo", "from a child"], check=True)
    return Nothing()


def spawn(request: SpawnRequest) -> Nothing:
    child = subprocess.Popen(["sleep", "600"])
    request.pid_file.write_text(f"{os.getpid()} {child.pid}")
    time.sleep(600)
    return Nothing()


def unjson(request: Nothing) -> Anything:
    return Anything(value=object())


def wrong_answer(request: Nothing) -> Count:
    return Count.model_construct(count=-1)


ECHO = WorkerTask("echo", EchoRequest, Echo, echo)
FACTS = WorkerTask("facts", Nothing, Facts, facts)
SEGFAULT = WorkerTask("segfault", Nothing, Nothing, segfault)
LEAVE = WorkerTask("leave", Nothing, Nothing, leave)
SLEEP = WorkerTask("sleep", Nothing, Nothing, sleep)
FAIL = WorkerTask("fail", Nothing, Nothing, fail)
BAD_EXIT = WorkerTask("bad_exit", Nothing, Nothing, bad_exit)
HOARD = WorkerTask("hoard", Nothing, Count, hoard)
HOARD_IN_CHILDREN = WorkerTask("hoard_in_children", Nothing, Count, hoard_in_children)
SHARE_WITH_CHILDREN = WorkerTask("share_with_children", Count, Count, share_with_children)
NOISE = WorkerTask("noise", Nothing, Nothing, noise)
SPAWN = WorkerTask("spawn", SpawnRequest, Nothing, spawn)
UNJSON = WorkerTask("unjson", Nothing, Anything, unjson)
WRONG_ANSWER = WorkerTask("wrong_answer", Nothing, Count, wrong_answer)
UNLISTED = WorkerTask("unlisted", Nothing, Nothing, fail)

TABLE = {
    "echo": "crash_tasks:ECHO",
    "facts": "crash_tasks:FACTS",
    "segfault": "crash_tasks:SEGFAULT",
    "leave": "crash_tasks:LEAVE",
    "sleep": "crash_tasks:SLEEP",
    "fail": "crash_tasks:FAIL",
    "bad_exit": "crash_tasks:BAD_EXIT",
    "hoard": "crash_tasks:HOARD",
    "hoard_in_children": "crash_tasks:HOARD_IN_CHILDREN",
    "share_with_children": "crash_tasks:SHARE_WITH_CHILDREN",
    "noise": "crash_tasks:NOISE",
    "spawn": "crash_tasks:SPAWN",
    "unjson": "crash_tasks:UNJSON",
    "wrong_answer": "crash_tasks:WRONG_ANSWER",
}
