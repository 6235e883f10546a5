"""Of two processes that set something up, the second one waits and says so; a dead one holds nothing."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from edge_export.files.alone import alone

HOLDER = """
import sys
from pathlib import Path
from edge_export.files.alone import alone
with alone(Path(sys.argv[1]), print):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_second_waits_until_the_first_is_dead(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        waits, entered = threading.Event(), threading.Event()

        def wait() -> None:
            with alone(tmp_path, lambda _: waits.set()):
                entered.set()

        waiting = threading.Thread(target=wait)
        waiting.start()
        assert waits.wait(60)
        assert not entered.is_set()
        holder.kill()
        waiting.join(60)
        assert entered.is_set()


def test_one_that_is_alone_does_not_wait(tmp_path: Path) -> None:
    said: list[str] = []
    for _ in range(2):
        with alone(tmp_path, said.append):
            pass
    assert said == []
