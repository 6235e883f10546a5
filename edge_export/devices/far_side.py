"""The other end of an ssh connection: keeps files by content, starts the runner, sends results.

This file's text is sent to the device, whose Python runs it: the standard library only, Python 3.9 or later. It reads
one JSON object per line from standard input, and answers each with one on standard output. The bytes of a file follow
its line. When standard input ends, it ends, and so does the runner.

    runs/<run id>/      a request folder; its parts are links into `blobs/`
    blobs/<sha256>      the contents of parts
"""

import contextlib
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

READY = "edge_export far side 1"
BLOCK = 1 << 18
KEPT_SECONDS = 24 * 3600
MAX_LINE = 1 << 26


class Side:
    def __init__(self, root, source, sink):
        self.root, self.source, self.sink = root, source, sink
        self.blobs, self.runs = root / "blobs", root / "runs"
        self.received = set()

    def serve(self):
        for folder in (self.blobs, self.runs):
            folder.mkdir(parents=True, exist_ok=True)
        while True:
            line = self.source.readline(MAX_LINE)
            if not line:
                return
            order = json.loads(line)
            try:
                answer = getattr(self, "do_" + order.pop("do"))(**order)
            except OSError as error:
                answer = {"error": f"{error.strerror or error}: {error.filename or self.root}", "errno": error.errno}
            except (KeyError, ValueError) as error:
                answer = {"error": str(error)}
            if answer is not None:
                self.say(answer)

    def say(self, answer):
        self.sink.write(json.dumps(answer).encode() + b"\n")
        self.sink.flush()

    def blob(self, sha256):
        return self.blobs / sha256

    def do_missing(self, sha256s):
        """Returns which contents are not here, and the free space. Those that are here stay for another day."""
        missing = []
        for sha256 in sha256s:
            try:
                os.utime(str(self.blob(sha256)))
            except OSError:
                missing.append(sha256)
        return {"missing": missing, "free_bytes": shutil.disk_usage(str(self.root)).free}

    def do_put(self, sha256, size):
        """Receives one content. It is here whole or not at all."""
        digest, staged, problem = hashlib.sha256(), self.blobs / f".{sha256}.{os.getpid()}", None
        left = size
        try:
            with staged.open("wb") as file:
                while left:
                    block = self.source.read(min(BLOCK, left))
                    if not block:
                        raise EOFError
                    left -= len(block)
                    digest.update(block)
                    if problem is None:
                        try:
                            file.write(block)
                        except OSError as error:  # the rest is read all the same
                            problem = error
            if problem is not None:
                raise problem
            if digest.hexdigest() != sha256:
                raise ValueError("a file was changed on its way")
            staged.replace(self.blob(sha256))
            self.received.add(sha256)
        finally:
            with contextlib.suppress(OSError):
                staged.unlink()
        return {"ok": True}

    def do_assemble(self, run, files, request):
        """Makes the request folder of a run, whose results of an earlier start stay."""
        folder = self.runs / run
        for path, sha256 in files.items():
            target = folder / path
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                _link(self.blob(sha256), target)
        (folder / "request.json").write_text(request, encoding="utf-8")
        return {"folder": str(folder)}

    def do_facts(self, runner):
        done = subprocess.run(
            [sys.executable, str(self.blob(runner)), "--facts"], stdin=subprocess.DEVNULL, capture_output=True
        )
        return {"code": done.returncode, "out": _text(done.stdout), "err": _text(done.stderr)}

    def do_run(self, run, runner, limits):
        """Runs the runner and passes on what it says, and with the end of an item its result.

        Args:
            limits: For each item, the largest size of each file that is sent of it.
        """
        with tempfile.TemporaryFile() as complaint:
            # It inherits standard input, on which nothing comes before it has ended: it ends when the link is lost.
            process = subprocess.Popen(
                [sys.executable, str(self.blob(runner)), "--until-eof", str(self.runs / run)],
                stdout=subprocess.PIPE,
                stderr=complaint,
            )
            for line in process.stdout:
                item, contents = self.finished(run, line, limits)
                sizes = {name: len(content) for name, content in contents.items()}
                self.say({"event": _text(line), "item": item, "sizes": sizes})
                for content in contents.values():
                    self.sink.write(content)
                self.sink.flush()
            code = process.wait()
            complaint.seek(0)
            return {"code": code, "err": _text(complaint.read(MAX_LINE))}

    def finished(self, run, line, limits):
        """Returns the item whose end a line of the runner tells, and its files; nothing for other lines."""
        try:
            event = json.loads(line)
            item = event["item"]
            agreed = limits[item]
        except (ValueError, KeyError, TypeError):
            return "", {}
        folder = self.runs / run / "results" / item
        if event.get("outcome") == "started" or not (folder / "status.json").is_file():
            return "", {}
        files = {name: folder / name for name in agreed if (folder / name).is_file()}
        return item, {name: file.read_bytes() for name, file in files.items() if file.stat().st_size <= agreed[name]}

    def do_get(self, run, path, limit):
        """Sends a result, if it is there and no larger than agreed."""
        file = self.runs / run / path
        if not file.is_file():
            return {"size": None}
        size = file.stat().st_size
        if size > limit:
            return {"size": size}
        with file.open("rb") as source:
            content = source.read(size)
        self.say({"size": len(content)})
        self.sink.write(content)
        self.sink.flush()
        return None

    def do_clean(self, run, failed):
        """Removes a run, and what no run has used for a day; of a failed run also the contents that came for it."""
        shutil.rmtree(str(self.runs / run), ignore_errors=True)
        for sha256 in self.received if failed else ():
            with contextlib.suppress(OSError):
                self.blob(sha256).unlink()
        oldest = time.time() - KEPT_SECONDS
        for path in [*self.blobs.iterdir(), *self.runs.iterdir()]:
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < oldest:
                    shutil.rmtree(str(path)) if path.is_dir() else path.unlink()
        return {"ok": True}


def _link(source, target):
    """Makes `target` from `source`, whole or not at all."""
    try:
        os.link(str(source), str(target))
    except OSError:  # not every file system has links
        staged = target.with_name("." + target.name)
        shutil.copyfile(str(source), str(staged))
        staged.replace(target)


def _text(content):
    return content[-(1 << 20) :].decode("utf-8", "replace")


def main():
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    python = platform.python_version()
    hello = {"ready": READY, "python": python, "machine": platform.machine(), "executable": sys.executable}
    sink.write(b"\n" + json.dumps(hello).encode() + b"\n")
    sink.flush()
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    with contextlib.suppress(BrokenPipeError, EOFError, KeyboardInterrupt):
        Side(Path(cache) / "edge_export_runner", source, sink).serve()


if __name__ == "__main__":
    main()
