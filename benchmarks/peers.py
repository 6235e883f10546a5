"""Our files beside those that other exporters make of the same networks, in one run: see README.md here.

example:
    python benchmarks/peers.py --cases 'separator-d1w1-*,digits-*' --rounds 5
    python benchmarks/peers.py --litert-torch ~/litert-torch/bin/python --out benchmarks/results
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.results import CaseResult
    from edge_export.bench.in_turn import TimingPlan

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # a script's own folder is not enough to find the package and this folder's other files

PACKAGES = ("torch", "executorch", "onnx2tf", "ai-edge-litert", "onnx", "onnxscript", "onnxruntime", "numpy")


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--cases", default="*", metavar="PATTERNS", help="comma-separated; see --list (default: all)")
    p.add_argument("--contestants", default="*", metavar="PATTERNS", help="comma-separated; see --list (default: all)")
    p.add_argument("--sittings", type=int, default=3, help="how often all start anew (default: 3)")
    p.add_argument("--rounds", type=int, default=3, help="how often each is measured in a sitting (default: 3)")
    p.add_argument("--seconds", type=float, default=0.3, help="for how long each time (default: 0.3)")
    p.add_argument("--core", type=int, default=0, help="the core that all are pinned to (default: 0)")
    p.add_argument(
        "--convert-limit",
        type=float,
        default=600.0,
        metavar="S",
        help="seconds a converter may take, or loading (default: 600)",
    )
    p.add_argument("--litert-torch", default="", metavar="PYTHON", help="of an environment with litert-torch")
    p.add_argument("--cache", type=Path, default=Path(__file__).parent / "cache", help="folder of converted files")
    p.add_argument("--out", type=Path, help="folder for peers.json, peers.txt and peers.svg")
    p.add_argument("--list", action="store_true", help="name the cases and the contestants")
    return p


def main() -> int:
    arguments = parser().parse_args()

    from benchmarks.cases import CASES
    from benchmarks.contestants import CONTESTANTS
    from benchmarks.machine import measure_machine
    from benchmarks.picture import svg_of
    from benchmarks.results import Run
    from benchmarks.tables import text_of
    from edge_export.bench.in_turn import TimingPlan

    if arguments.list:
        print("cases:", *CASES, "contestants:", *CONTESTANTS, sep="\n  ")
        return 0
    cases, contestants = _chosen(arguments.cases, CASES), _chosen(arguments.contestants, CONTESTANTS)
    if not cases or not contestants or min(arguments.rounds, arguments.sittings) < 1:
        print("nothing to measure: see --list, and give at least one sitting and round", file=sys.stderr)
        return 2
    plan = TimingPlan(arguments.sittings, arguments.rounds, arguments.seconds, arguments.core, arguments.convert_limit)
    results = [_measure(name, contestants, arguments, plan) for name in cases]
    run = Run(
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        machine=measure_machine(arguments.core),
        versions={name: metadata.version(name) for name in PACKAGES},
        sittings=arguments.sittings,
        rounds=arguments.rounds,
        seconds=arguments.seconds,
        cases=results,
    )
    text = text_of(run)
    print(text)
    if arguments.out is not None:
        arguments.out.mkdir(parents=True, exist_ok=True)
        (arguments.out / "peers.json").write_text(json.dumps(asdict(run), indent=1) + "\n")
        (arguments.out / "peers.txt").write_text(text + "\n")
        (arguments.out / "peers.svg").write_text(svg_of(run))
    return 0


def _chosen(patterns: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if any(fnmatchcase(name, p.strip()) for p in patterns.split(","))]


def _measure(name: str, contestants: list[str], arguments: argparse.Namespace, plan: TimingPlan) -> CaseResult:
    from benchmarks.cases import CASES, build
    from benchmarks.contestants import CONTESTANTS
    from benchmarks.conversion import convert
    from benchmarks.measuring import measure
    from benchmarks.results import CaseResult, Result

    cache = arguments.cache.resolve()
    folder = cache / name
    folder.mkdir(parents=True, exist_ok=True)
    case, built = CASES[name], build(CASES[name], folder)
    conversions = {}
    for contestant in contestants:
        print(f"{name}: converting {contestant}", file=sys.stderr, flush=True)
        conversions[contestant] = convert(name, contestant, cache, plan.limit, arguments.litert_torch)
    print(f"{name}: measuring", file=sys.stderr, flush=True)
    files = {c: done.path for c, done in conversions.items() if not done.failed}
    timed = measure(name, files, folder, plan)
    results = {}
    for contestant, done in conversions.items():
        entry, times = CONTESTANTS[contestant], timed.get(contestant)
        results[contestant] = Result(
            label=entry.label,
            ours=entry.ours,
            runtime=entry.runtime,
            us=times.cpu_us if times else [],
            wall_us=times.wall_us if times else [],
            snr_db=times.snr_db if times else 0.0,
            file_bytes=done.path.stat().st_size if done.path else 0,
            convert_seconds=done.seconds,
            failed=done.failed or (times.failed if times else ""),
        )
    return CaseResult(name, case.member, bool(case.frames), built.macs, built.params, built.call_ms, results)


if __name__ == "__main__":
    sys.exit(main())
