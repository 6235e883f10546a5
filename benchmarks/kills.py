"""Kill builds at random moments: the bundle is always the old one or the new one, and the next build completes.

    python benchmarks/kills.py --kills 100

Each round asks for the other of two bundles of `digits` and kills the build with SIGKILL after a random time, up to how
long one took. Every other round has the cache of a finished build, so that most of its time is writing the bundle; the
rest must also convert. After each kill the bundle is compared with the two, file by file, and at the end both requests
must complete, with nothing left behind.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MEMBERS = ("0.25", "0.25,0.3")
"""The two requests; their bundles differ."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100, metavar="N", help="how many builds are killed (default: 100)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the moments (default: 0)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        return run(Path(folder), args.kills, random.Random(args.seed))


def run(folder: Path, kills: int, rng: random.Random) -> int:
    """Kill `kills` builds in `folder`; 1 when a bundle was ever a mixture, or something was left behind."""
    cache, out = folder / "cache", folder / "out" / "bundle"
    out.parent.mkdir()
    wanted = []
    for members in MEMBERS:
        finish(members, cache, out)
        wanted.append(tree(out))
    warm = folder / "warm"
    shutil.copytree(cache, warm)
    started = time.monotonic()
    shutil.rmtree(out)
    finish(MEMBERS[0], cache, out)
    writing = time.monotonic() - started
    tally: Counter[str] = Counter()
    mixtures = 0
    for number in range(kills):
        if number % 2:
            shutil.rmtree(cache)
            shutil.copytree(warm, cache)
            longest = 1.5 * writing
        else:
            drop_some_steps(cache, rng)
            longest = 15 * writing
        before = tree(out)
        delay = rng.uniform(0, longest)
        other = MEMBERS[1 - wanted.index(before)] if before in wanted else MEMBERS[0]
        ended = kill_after(delay, other, cache, out)
        after = tree(out)
        state = "finished" if ended else "killed"
        found = "the old bundle" if after == before else "the new bundle" if after in wanted else "A MIXTURE"
        mixtures += after not in wanted
        tally[f"{state}, left {found}"] += 1
        print(f"kill {number + 1:3}: after {delay:5.2f} s {state}, left {found}", flush=True)
    for members, want in zip(MEMBERS, wanted, strict=True):
        seconds = finish(members, cache, out)
        mixtures += tree(out) != want
        print(f"{members}: built in {seconds:.1f} s after all that, {'equal' if tree(out) == want else 'DIFFERENT'}")
    left = [p.name for p in [*out.parent.iterdir(), *(folder / "scratch").iterdir()] if p != out]
    print(*(f"{count:4}  {what}" for what, count in sorted(tally.items())), sep="\n")
    print(f"left beside the bundle and in the scratch folder: {left or 'nothing'}")
    return 1 if mixtures or left else 0


def command(members: str, out: Path) -> list[str]:
    request = ["build", "--target", "linux", "--mother", "digits", "--members", members, "--out", str(out), "--json"]
    return [sys.executable, "-m", "edge_export", *request]


def environment(cache: Path) -> dict[str, str]:
    scratch = cache.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    return {**os.environ, "PYTHONPATH": str(ROOT), "EDGE_EXPORT_CACHE": str(cache), "TMPDIR": str(scratch)}


def finish(members: str, cache: Path, out: Path) -> float:
    """Let a build complete; how long it took, in seconds."""
    done = subprocess.run(command(members, out), env=environment(cache), capture_output=True, text=True, check=True)
    seconds: float = json.loads(done.stdout)["seconds"]["total"]
    return seconds


def kill_after(delay: float, members: str, cache: Path, out: Path) -> bool:
    """Kill a build with SIGKILL after `delay` seconds; whether it had finished before."""
    process = subprocess.Popen(
        command(members, out), env=environment(cache), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        process.wait(delay)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return False
    return True


def drop_some_steps(cache: Path, rng: random.Random) -> None:
    """Forget the finished bundles and about a third of the other steps, so that a build has them to do."""
    for entry in (cache / "steps" / "entries").rglob("*.json"):
        if rng.random() < 0.3 or b'"manifest.json"' in entry.read_bytes():
            entry.unlink()


def tree(bundle: Path) -> dict[str, bytes]:
    """Every file of a bundle by its path."""
    return {p.relative_to(bundle).as_posix(): p.read_bytes() for p in sorted(bundle.rglob("*")) if p.is_file()}


if __name__ == "__main__":
    sys.exit(main())
