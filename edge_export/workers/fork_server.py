"""The program that forks workers (Linux only). It first imports what they share: PyTorch and its exporter take seconds.

    python -P -m edge_export.workers.fork_server --requests 5 --parent 1234 torch

A request is one packet on a Unix socket: JSON {"arguments": […], "folder": PATH, "environment": {…}} and four
descriptors, for a worker's standard input, its answers, its log and its exit status. The worker itself replies with its
process id, or with nothing if it cannot begin. When it ends, its exit status is written, as `subprocess` tells it. No
task runs in this process, so what a task changes ends with its worker. When the socket closes, the process ends.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import selectors
import socket
import sys
import tempfile
import traceback
from contextlib import suppress
from typing import Any, NoReturn

from edge_export.workers import serve

PACKET_BYTES = 1 << 16
DESCRIPTORS = 4


def main(argv: list[str] | None = None) -> None:
    """Forks workers until the socket closes."""
    parser = argparse.ArgumentParser(prog="python -m edge_export.workers.fork_server")
    parser.add_argument("--requests", required=True, type=int, help="the file descriptor of the socket")
    parser.add_argument("--parent", required=True, type=int, help="the parent's process id; this process ends with it")
    parser.add_argument("shared", nargs="*", help="modules to import, in this order")
    arguments = parser.parse_args(argv)
    serve.die_with(arguments.parent)
    later = list(arguments.shared)
    with socket.socket(fileno=arguments.requests) as requests, selectors.DefaultSelector() as selector:
        selector.register(requests, selectors.EVENT_READ)
        while True:
            if later:
                _import(later.pop(0))
            # A worker that waits begins with what is imported. The first ones often open files, and export nothing.
            for key, _ in selector.select(timeout=0 if later else None):
                if key.fileobj is not requests:
                    selector.unregister(key.fileobj)
                    _report(key.fd, *key.data)
                elif not _take_request(requests, selector):
                    return


def _import(name: str) -> None:
    """Imports a module for all workers that follow."""
    try:
        importlib.import_module(name)
    except Exception:  # the worker that needs it tells what is wrong
        traceback.print_exc()
    gc.freeze()  # so that a worker's garbage collector leaves shared memory as it is


def _take_request(requests: socket.socket, selector: selectors.BaseSelector) -> bool:
    """Forks the worker of the next request. Returns False when there will be none."""
    packet, descriptors, _, _ = socket.recv_fds(requests, PACKET_BYTES, DESCRIPTORS)
    if not packet:
        return False
    stdin, answers, log, status = descriptors
    pid = os.fork()
    if pid == 0:
        for key in list(selector.get_map().values()):
            if key.fileobj is not requests:
                os.close(key.fd)
                os.close(key.data[1])
        os.close(status)
        selector.close()
        _become_worker(requests, json.loads(packet), stdin, answers, log)
    for descriptor in (stdin, answers, log):
        os.close(descriptor)
    selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, status))
    return True


def _report(process: int, pid: int, status: int) -> None:
    """Writes the exit status of a worker that has ended."""
    _, ended = os.waitpid(pid, 0)
    os.close(process)
    with suppress(BrokenPipeError):  # nobody waits for it any more
        os.write(status, str(os.waitstatus_to_exitcode(ended)).encode())
    os.close(status)


def _become_worker(requests: socket.socket, request: dict[str, Any], stdin: int, answers: int, log: int) -> NoReturn:
    """Makes this process what a new interpreter that runs `serve` would be."""
    code, replied = 1, False
    try:
        os.setsid()
        for descriptor, standard in ((stdin, 0), (log, 1), (log, 2)):
            os.dup2(descriptor, standard)
        os.close(stdin)
        os.close(log)
        os.environ.update(request["environment"])
        tempfile.tempdir = None  # it is of the environment
        os.chdir(request["folder"])
        requests.send(str(os.getpid()).encode())
        replied = True
        requests.close()
        serve.main([*request["arguments"], "--answers", str(answers), "--parent", str(os.getppid())])
        code = 0
    except BaseException:
        traceback.print_exc()
        if not replied:
            requests.send(b"")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
