"""The TFLite files of bundles in the runtimes that apps have: LiteRT's versions, and the last TFLite on Maven Central.

    python -m benchmarks.runtimes dist/android dist/digits --json runtimes.json

Every version of LiteRT is installed by pip in a folder of its own below the cache folder; TFLite for Android is
`aar:x86_64`. Each round runs every file in every runtime, in a random order of runtimes, in a process of its own. The
table has the median microseconds a call, and in brackets the median of the rounds' ratios to the first runtime. A call
includes the way from Python and back: a few microseconds.

Then every file's `runs_in` in manifest.json is compared with what was found. The exit code is 1 if one differs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from edge_export.bench.order import shuffled_rounds
from edge_export.bench.plan import BenchSettings
from edge_export.bundle.folder import Bundle, read_bundle
from edge_export.bundle.manifest import RunsIn
from edge_export.cache import cache_folder
from edge_export.devices.aar import open_aar
from edge_export.devices.aar_setup import set_up
from edge_export.devices.device import Device, Report
from edge_export.devices.request import BenchPlan, Request
from edge_export.devices.runner_process import ask_facts, command, run_folder
from edge_export.devices.tflite_versions import FULL_SPEED, MEASURED
from edge_export.files.atomic import whole_folder
from edge_export.pipeline.bench_on_device import bench_on_device
from edge_export.spec.device import DeviceFacts

LITERT = ("2.1.2", "1.1.2", "1.4.0", "2.3.0")
"""The first is what the others are compared with."""
AAR = "aar:x86_64"
PLAN = BenchPlan(warm_up_seconds=0.5, seconds=0.5)


@dataclass(frozen=True)
class LiteRT:
    """One version of LiteRT as a device."""

    version: str

    @property
    def name(self) -> str:
        return f"litert-{self.version}"

    def facts(self) -> DeviceFacts:
        return ask_facts(self._runner(), self.name)

    def run(self, folder: Path, request: Request, report: Report, *, resume: bool) -> None:
        run_folder(self._runner(), folder, report, self.name)

    def _runner(self) -> list[str]:
        return command(["env", f"PYTHONPATH={installed(self.version)}", sys.executable])


def installed(version: str) -> Path:
    """Returns the folder of a version of LiteRT, and lets pip make it where it is missing."""
    folder = cache_folder().absolute() / "litert" / f"{version}-{sys.implementation.cache_tag}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with whole_folder(folder) as staged:
            pip = [sys.executable, "-I", "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"]
            subprocess.run([*pip, "--target", str(staged), f"ai-edge-litert=={version}"], check=True)
    return folder


type Times = dict[tuple[str, str, str], dict[str, list[float]]]
"""The median of each round in microseconds, by (bundle, member, artifact) and runtime."""


def measure(bundles: list[Bundle], runtimes: list[Device], rounds: int) -> Times:
    """Times every TFLite file in every runtime, once a round."""
    times: Times = defaultdict(lambda: defaultdict(list))
    settings = BenchSettings(rounds=1, plan=PLAN)
    for number, order in enumerate(shuffled_rounds(runtimes, rounds, seed=16), 1):
        for runtime in order:
            for bundle in bundles:
                files = [
                    f"{member.name}/{artifact.label}"
                    for member in bundle.manifest.members
                    for artifact in member.artifacts
                    if artifact.format == "tflite" and artifact.file
                ]
                print(f"round {number}: {bundle.root.name} in {runtime.name}", file=sys.stderr)
                found = bench_on_device(bundle, runtime, settings, lambda *_: None, only=files, verb="runtimes")
                for each in found.artifacts:
                    key = (bundle.root.name, each.member, each.artifact)
                    if each.latency is None:
                        print(f"{' '.join(key)} in {runtime.name}: {each.reason}", file=sys.stderr)
                        continue
                    times[key][runtime.name].append(1000 * each.latency.round_median_ms[0])
    return times


def table(times: Times, names: list[str]) -> str:
    """Returns the times as text, a line for each file."""
    rows = [["file", *names]]
    for (bundle, member, artifact), found in times.items():
        base = found[names[0]]
        cells = []
        for name in names:
            ratios = [a / b for a, b in zip(found[name], base, strict=False)]
            cells.append(f"{median(found[name]):.1f} ({median(ratios):.2f})" if ratios else "not run")
        rows.append([f"{bundle} {member} {artifact}", *cells])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def found_runs_in(times: dict[str, list[float]]) -> RunsIn | None:
    """Returns from which version on a file ran, and ran at full speed. None: the newest one did not run it."""
    base = times[f"litert-{LITERT[0]}"]
    runs_from = fast_from = ""
    for version in reversed(MEASURED):
        kind, number = version.rsplit(" ", 1)
        found = times[f"litert-{number}" if kind == "LiteRT" else AAR]
        ratios = [a / b for a, b in zip(found, base, strict=False)]
        if not ratios:
            break
        if fast_from == runs_from and median(ratios) <= FULL_SPEED:
            fast_from = version
        runs_from = version
    return RunsIn(runs_from=runs_from, full_speed_from=fast_from) if runs_from else None


def differences(bundles: list[Bundle], times: Times) -> list[str]:
    """Returns a line for each file whose manifest says something else than was found."""
    lines = []
    for bundle in bundles:
        for member in bundle.manifest.members:
            for artifact in member.artifacts:
                key = (bundle.root.name, member.name, artifact.label)
                if key in times and (found := found_runs_in(times[key])) != artifact.runs_in:
                    lines.append(f"{' '.join(key)}: the manifest says {artifact.runs_in}, found was {found}")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", nargs="+", type=Path, metavar="BUNDLE", help="bundles with TFLite files")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds (default: 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the medians of all rounds there")
    args = parser.parse_args()
    set_up(AAR.partition(":")[2], lambda line: print(line, file=sys.stderr))
    runtimes: list[Device] = [*(LiteRT(version) for version in LITERT), open_aar(AAR.partition(":")[2])]
    bundles = [read_bundle(path) for path in args.bundles]
    times = measure(bundles, runtimes, args.rounds)
    names = [runtime.name for runtime in runtimes]
    print(table(times, names))
    if args.json:
        rows = [{"file": " ".join(key), "us": {name: found[name] for name in names}} for key, found in times.items()]
        args.json.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    wrong = differences(bundles, times)
    print("\n".join(wrong) or "the manifests say the same")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
