"""Make each contestant's file in a process of its own, under a time limit, once: files are kept in a cache folder.

python -m benchmarks.conversion CASE CONTESTANT FOLDER FILE [PYTHON]      is that process
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from edge_export.errors import one_line

ROOT = Path(__file__).parents[1]
_BOTH = ("benchmarks/cases.py", "edge_export/mothers", "edge_export/members")
_SOURCES = {
    True: (*_BOTH, "edge_export/baking", "edge_export/formats"),
    False: (*_BOTH, "benchmarks/plain_separator.py", "benchmarks/contestants.py", "benchmarks/litert_torch_convert.py"),
}
"""Code that decides what ours and the others' files are."""


@dataclass(frozen=True)
class Conversion:
    """What became of one.

    Attributes:
        path: The file, if there is one.
        seconds: How long it took, imports and building the network included.
        failed: Why there is no file; empty if there is.
    """

    path: Path | None
    seconds: float
    failed: str = ""


def convert(case: str, contestant: str, cache: Path, limit: float, litert_torch: str) -> Conversion:
    """The contestant's file for a case: from the cache, or made now in at most `limit` seconds."""
    from benchmarks.contestants import CONTESTANTS

    entry = CONTESTANTS[contestant]
    if entry.convert is None:
        return Conversion(None, 0.0)
    if contestant == "litert-torch" and not litert_torch:
        return Conversion(None, 0.0, "no environment given (--litert-torch)")
    folder = cache / case
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{contestant}-{_key(entry.ours, entry.packages)}{entry.suffix}"
    result = path.with_name(path.name + ".json")
    if result.exists():
        kept = json.loads(result.read_text())
        if not kept["out_of_time"] or kept["seconds"] >= limit:
            return Conversion(None if kept["failed"] else path, kept["seconds"], kept["failed"])
    start = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.conversion", case, contestant, str(folder), str(path), litert_torch]
    with path.with_name(path.name + ".log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
        try:
            process.wait(limit)
            out_of_time = False
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            out_of_time = True
    seconds = time.perf_counter() - start
    failed = f"did not finish in {limit:.0f} s" if out_of_time else _failure(path, process.returncode)
    result.write_text(json.dumps({"seconds": seconds, "failed": failed, "out_of_time": out_of_time}))
    return Conversion(None if failed else path, seconds, failed)


def _failure(path: Path, code: int) -> str:
    if code == 0 and path.exists():
        return ""
    if code < 0:
        return f"died of {signal.Signals(-code).name}"
    lines = path.with_name(path.name + ".log").read_text(errors="replace").strip().splitlines()
    return one_line(lines[-1], 160) if lines else f"exit code {code}"


def _key(ours: bool, packages: tuple[str, ...]) -> str:
    digest = hashlib.sha256(repr([(name, metadata.version(name)) for name in packages]).encode())
    for source in _SOURCES[ours]:
        path = ROOT / source
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            digest.update(str(file.relative_to(ROOT)).encode() + file.read_bytes())
    return digest.hexdigest()[:12]


def main(case: str, contestant: str, folder: str, path: str, litert_torch: str = "") -> int:
    """Build and convert; the last line on standard error says why it failed."""
    import warnings

    import torch

    from benchmarks.cases import CASES, build
    from benchmarks.contestants import CONTESTANTS

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    convert = CONTESTANTS[contestant].convert
    assert convert is not None
    partial = Path(path).with_name(f"partial-{Path(path).name}")
    try:
        convert(build(CASES[case], Path(folder)), partial, litert_torch)
    except Exception as error:  # converters raise anything
        import traceback

        traceback.print_exc()
        print(f"{type(error).__name__}: {one_line(error, 200)}", file=sys.stderr)
        return 1
    partial.rename(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
