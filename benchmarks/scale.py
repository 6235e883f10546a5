"""How builds scale: 4, 16 and 64 members of `digits`, and one worker against two.

    python benchmarks/scale.py
    python benchmarks/scale.py --counts 4,16 --json scale.json

Prints seconds per artifact, the peak memory of the parent process and of the largest worker, and how much faster two
workers are than one. Every build is from nothing, without a cache. The members' widths are spread evenly from 0.25 to
1, so that their mean size is always the same; neighbours may round to the same channels and are built all the same.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = ("members", "artifacts", "workers", "seconds", "s/artifact", "parent MB", "worker MB")
PARENT = """
import json, resource, sys
from edge_export.__main__ import main
code = main(sys.argv[2:])
usage = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], "w") as file:
    json.dump({"parent_bytes": usage[0].ru_maxrss * 1024, "worker_bytes": usage[1].ru_maxrss * 1024}, file)
sys.exit(code)
"""


@dataclass(frozen=True)
class Measured:
    """One build.

    Attributes:
        seconds: From its start to its end.
        parent_bytes, worker_bytes: Peak resident memory of the parent, and of the largest of its workers.
    """

    members: int
    artifacts: int
    jobs: int
    seconds: float
    parent_bytes: int
    worker_bytes: int

    @property
    def seconds_per_artifact(self) -> float:
        return self.seconds / self.artifacts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", default="4,16,64", metavar="LIST", help="numbers of members (default: 4,16,64)")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="workers (default: 2)")
    parser.add_argument("--compare", type=int, default=16, metavar="N", help="members of the build by one worker (16)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the measurements there, too")
    args = parser.parse_args()
    builds = [measure(int(count), args.jobs) for count in args.counts.split(",")]
    alone, together = measure(args.compare, 1), measure(args.compare, 2)
    print(" ".join(f"{name:>10}" for name in COLUMNS))
    for built in [*builds, alone, together]:
        print(
            f"{built.members:10} {built.artifacts:10} {built.jobs:10} {built.seconds:10.1f} "
            f"{built.seconds_per_artifact:10.2f} {built.parent_bytes / 1e6:10.1f} {built.worker_bytes / 1e6:10.1f}"
        )
    first, last = builds[0], builds[-1]
    for fewer, more in pairwise(builds):
        further = (more.seconds - fewer.seconds) / (more.artifacts - fewer.artifacts)
        print(f"from {fewer.members} to {more.members} members, each further artifact takes {further:.2f} s")
    print(
        f"{last.members} members against {first.members}: {last.seconds_per_artifact / first.seconds_per_artifact:.2f} "
        f"times the seconds per artifact, {last.parent_bytes / first.parent_bytes:.2f} times the parent's memory"
    )
    print(f"two workers are {alone.seconds / together.seconds:.2f} times as fast as one")
    if args.json:
        args.json.write_text(json.dumps([asdict(built) for built in [*builds, alone, together]], indent=1) + "\n")
    return 0


def measure(count: int, jobs: int) -> Measured:
    """Build `count` members from nothing."""
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        out, usage = Path(folder) / "bundle", Path(folder) / "usage.json"
        request = ["build", "--target", "linux", "--mother", "digits", "--members", ",".join(members(count))]
        request += ["--jobs", str(jobs), "--no-cache", "--out", str(out), "--json"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "EDGE_EXPORT_CACHE": f"{folder}/cache"}
        done = subprocess.run(
            [sys.executable, "-c", PARENT, str(usage), *request],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=True,
        )
        built, memory = json.loads(done.stdout), json.loads(usage.read_text())
    artifacts = sum(len(member["artifacts"]) for member in built["members"])
    return Measured(count, artifacts, jobs, built["seconds"]["total"], **memory)


def members(count: int) -> list[str]:
    """`count` widths from 0.25 to 1."""
    return [f"{0.25 + 0.75 * index / (count - 1):.4f}" for index in range(count)]


if __name__ == "__main__":
    sys.exit(main())
