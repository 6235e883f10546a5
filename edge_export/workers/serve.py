"""The program of a worker process. It reads one JSON request per line from stdin and writes one JSON answer per line.

    python -m edge_export.workers.serve --tasks edge_export.workers.tasks:TASKS --answers 5 --parent 1234
    ssh board python -m edge_export.workers.serve --answers - --tasks edge_export.workers.tasks:TASKS

A request is {"task": NAME, "request": {…}, "log": PATH}. Answers go to a private file descriptor, or to standard
output. Everything that a task prints, including output of C++ libraries, goes to the task's own log file. When stdin
closes, the process kills itself and its child processes, so that none outlives a dead parent.
"""

from __future__ import annotations

import argparse
import ctypes
import faulthandler
import importlib
import json
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Mapping
from typing import IO, Any

from edge_export.errors import RequestError, raised
from edge_export.workers.task import task_named

STANDARD_OUTPUT = "-"
_PR_SET_PDEATHSIG = 1


def main(argv: list[str] | None = None) -> None:
    """Serves tasks until stdin closes."""
    parser = argparse.ArgumentParser(prog="python -m edge_export.workers.serve")
    parser.add_argument("--tasks", required=True, help="the table of tasks, module:NAME")
    parser.add_argument("--answers", required=True, help="the file descriptor for answers; - is standard output")
    parser.add_argument("--parent", type=int, help="the parent's process id; this process ends with it")
    arguments = parser.parse_args(argv)
    if os.getpgrp() != os.getpid():
        os.setsid()  # its own group, so that it kills only itself and its child processes at the end
    if arguments.parent is not None:
        die_with(arguments.parent)
    module, _, name = arguments.tasks.partition(":")
    table: Mapping[str, str] = getattr(importlib.import_module(module), name)
    faulthandler.enable()  # a segmentation fault writes the Python stack to the log
    answers = _answers(arguments.answers)
    tasks = _tasks_from_stdin()
    idle_log = os.dup(1)
    while True:
        line = json.loads(tasks.get())
        _redirect(os.open(line["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666))
        answer = _answer(table, line["task"], line["request"])
        _redirect(os.dup(idle_log))
        answers.write(answer + "\n")
        answers.flush()


def _answers(where: str) -> IO[str]:
    """Opens the stream for answers: for standard output a private copy, so that printed text cannot get into it."""
    if where == STANDARD_OUTPUT:
        descriptor = os.dup(1)
        _redirect(os.dup(2))
    else:
        descriptor = int(where)
    os.set_inheritable(descriptor, False)
    return os.fdopen(descriptor, "w", encoding="utf-8")


def _answer(table: Mapping[str, str], name: str, request: Any) -> str:
    """Runs one task and returns its answer as JSON. An exception becomes an answer; its traceback goes to the log."""
    try:
        task = task_named(table, name)
        answer = task.run(task.request.model_validate(request))
        return json.dumps({"ok": True, "result": task.write_answer(answer)})
    except BaseException as error:  # a task that calls sys.exit() must not end the worker
        traceback.print_exc()
        return json.dumps({"ok": False, "type": type(error).__name__, "message": str(error), "told": _told(error)})


def _told(error: BaseException) -> str:
    """Returns an exception in one line, with its place in the user's own code."""
    return str(error) if isinstance(error, RequestError) else raised(error)


def _tasks_from_stdin() -> queue.SimpleQueue[str]:
    """Returns a queue of the lines of stdin. Nothing else in this process can read stdin afterwards."""
    private = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    # Read in a thread, so that the end of stdin is noticed while a task runs.
    threading.Thread(target=_read, args=(os.fdopen(private, encoding="utf-8"), lines), daemon=True).start()
    return lines


def _read(stdin: IO[str], lines: queue.SimpleQueue[str]) -> None:
    for line in stdin:
        lines.put(line)
    os.killpg(0, signal.SIGKILL)


def _redirect(descriptor: int) -> None:
    """Makes `descriptor` this process's stdout and stderr, for Python and for C libraries."""
    sys.stdout.flush()
    sys.stderr.flush()
    ctypes.CDLL(None).fflush(None)  # buffered output of C and C++ code belongs to the previous file
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def die_with(parent: int) -> None:
    """Makes the kernel kill this process when the parent's thread that started it ends (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # the parent died before the line above
            os._exit(0)


if __name__ == "__main__":
    main()
