"""Coverage on torch's own lists of operators and modules: our files beside those of plain converters.

    python -m benchmarks.operators --shard 1/2 & python -m benchmarks.operators --shard 2/2
    python -m benchmarks.operators --only 'conv|pool' --formats coreml,tflite
    python -m benchmarks.operators --table

Of each case and each way, a file is right, wrong or not there. `chosen.py` has the rule by which samples are chosen,
`judge.py` when a file is right. What is known is kept and not done again, unless code or packages changed: a run that
was stopped goes on where it was. All shards add to one folder, and the tables are of all that lies there.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.operators import table
from benchmarks.operators.records import ROOT, read
from benchmarks.operators.run import Plan, current_keys, run
from benchmarks.operators.tasks import let_workers_import
from edge_export.workers.environments import interpreter

FORMATS = "executorch,coreml,tflite"
CACHE = ROOT / "benchmarks" / "cache" / "operators"


def main(argv: list[str] | None = None) -> int:
    """Runs a shard and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--shard", type=_shard, default=(1, 1), metavar="I/N", help="the I-th of N shares of the entries"
    )
    parser.add_argument("--only", default="", metavar="REGEX", help="entries whose name it is found in")
    parser.add_argument("--formats", default=FORMATS, metavar="LIST", help=f"default: {FORMATS}; '' counts cases only")
    parser.add_argument("--samples", type=int, choices=(1, 2, 3), default=1, help="at most, of an entry (default: 1)")
    parser.add_argument("--limit", type=float, default=60.0, metavar="S", help="seconds of each step (default: 60)")
    parser.add_argument("--cache", type=Path, default=CACHE, metavar="DIR", help="default: benchmarks/cache/operators")
    parser.add_argument("--table", action="store_true", help="run nothing, print the tables of what is known")
    args = parser.parse_args(argv)
    let_workers_import()
    keys = current_keys(args.samples)
    formats = tuple(filter(None, args.formats.split(",")))
    plan = Plan(formats, args.only, args.shard, args.samples, args.limit, args.cache.resolve(), keys)
    if not args.table:
        run(plan, lambda line: print(line, file=sys.stderr, flush=True))
    records = [r for r in read(plan.folder, keys.values()) if not r.format or r.format in formats]
    print(table.summary(records), table.left_out(records), table.missed(records), sep="\n\n")
    if "tflite" in formats and not interpreter("litert-torch"):
        print("\nlitert-torch: not set up (`edge_export doctor --setup litert-torch`), not counted")
    return 0


def _shard(text: str) -> tuple[int, int]:
    index, _, count = text.partition("/")
    if not (index.isdigit() and count.isdigit() and 1 <= int(index) <= int(count)):
        raise argparse.ArgumentTypeError(f"{text!r} is not I/N with I from 1 to N, such as 1/2")
    return int(index), int(count)


if __name__ == "__main__":
    sys.exit(main())
