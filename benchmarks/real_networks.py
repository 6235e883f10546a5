"""The networks of `examples/networks` in every format, in float32, beside the files of plain converters.

    python -m benchmarks.real_networks --only 'whisper|vit' --out real_networks.json

Each network's largest member is built as a user builds it. A plain converter gets the same member, exported, by the
call that its documentation shows. Files that run here are called in turn, on the same core, with one thread; Core ML's
do not run off macOS. Seconds of ours are those of compiling and proving; of the others, of converting alone.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.operators.judge import CONVERT, JUDGE, ConvertRequest, JudgeRequest
from benchmarks.operators.tasks import let_workers_import
from benchmarks.operators.ways import WAYS

if TYPE_CHECKING:
    from benchmarks.cases import Network
    from edge_export.bundle.folder import Bundle
    from edge_export.workers import Workers

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "examples" / "networks" / "fp32.toml"
_TIMM = "examples.networks.timm_networks"
NETWORKS = {
    "MobileNetV3": "examples.networks.mobilenet_v3:ElasticMobileNetV3",
    "ResNet": "examples.networks.slimmable_resnet:SlimmableResNet",
    "EfficientNet": f"{_TIMM}:efficientnet",
    "ConvNeXt": f"{_TIMM}:convnext",
    "ViT": f"{_TIMM}:vit",
    "Conv-TasNet": "examples.networks.conv_tasnet:ElasticConvTasNet",
    "denoiser": "examples.networks.gru_denoiser:GRUDenoiser",
    "detector": "examples.networks.detector:ElasticDetector",
    "Whisper": "examples.networks.whisper:ElasticWhisper",
}
"""By their names in the table. Those of timm need `pip install timm torchvision`."""
PEERS = {"executorch": "ExecuTorch XNNPACK", "coreml": "coremltools", "tflite": "onnx2tf"}
RUNTIMES = {"executorch": "executorch", "tflite": "litert"}
PLAIN = ("x", "y")
"""How inputs and outputs of the others' files are called, with a number."""


@dataclass
class Row:
    """One file: ours, or that of a plain converter.

    Attributes:
        outcome: "passed", "right", or else why there is no right file.
        us: Microseconds a call on the CPU's clock, the median of each round; empty: it does not run here.
    """

    network: str
    format: str
    way: str
    outcome: str
    snr_db: float | None = None
    seconds: float = 0.0
    bytes: int = 0
    us: list[float] = field(default_factory=list)


def measure(name: str, folder: Path, workers: Workers, limit_s: float, rounds: int) -> list[Row]:
    """Builds, converts and times one network."""
    from edge_export.bundle.folder import read_bundle

    print(f"{name}: building", file=sys.stderr, flush=True)
    seconds = build(NETWORKS[name], folder / "bundle")
    bundle = read_bundle(folder / "bundle")
    (member,), (numerics,) = bundle.manifest.members, bundle.numerics.members
    rows, files = [], {}
    write_case(bundle, folder)
    for artifact in member.artifacts:
        run = next(each for each in numerics.runs if each.artifact == artifact.label)
        snr_db = run.agreement.snr_db if run.agreement else None
        ours = Row(name, artifact.format, "edge_export", artifact.status, snr_db, seconds.get(artifact.label, 0.0))
        rows.append(ours)
        if artifact.file:
            ours.bytes = artifact.file.bytes
            files[f"{artifact.format} ours"] = bundle.path(artifact.file)
        print(f"{name}: {PEERS[artifact.format]}", file=sys.stderr, flush=True)
        peer, path = convert(name, artifact.format, folder, workers, limit_s)
        rows.append(peer)
        if peer.outcome == "right":
            files[f"{artifact.format} theirs"] = path
    print(f"{name}: timing", file=sys.stderr, flush=True)
    for key, us in timed(files, folder, rounds).items():
        format_name, whose = key.split()
        next(r for r in rows if r.format == format_name and (r.way == "edge_export") == (whose == "ours")).us = us
    return rows


def build(spec: str, out: Path) -> dict[str, float]:
    """Builds the largest member and returns the seconds of each artifact."""
    from edge_export.cache import log_folder
    from edge_export.mothers.catalog import open_mother
    from edge_export.pipeline import BuildRequest
    from edge_export.pipeline import build as built
    from edge_export.pipeline.mother_source import MotherSource
    from edge_export.pipeline.target import read_target

    space = open_mother(spec).space
    request = BuildRequest(
        target=read_target(str(TARGET)),
        mother=MotherSource(spec=spec, folder=ROOT),
        members=space.name(space.largest),
        out=out,
        jobs=1,
        logs=log_folder("real_networks"),
        store=None,
    )
    taken: dict[str, float] = {}
    for (_, step), spent in built(request, progress=lambda *_: None).seconds.items():
        label = step.split()[0].rstrip(":")
        taken[label] = taken.get(label, 0.0) + (spent or 0.0)
    return taken


def write_case(bundle: Bundle, folder: Path) -> None:
    """Writes what plain converters begin with: the member in the form of the border, exported, and real calls."""
    import torch

    from benchmarks.operators.chosen import Case
    from benchmarks.operators.prepare import write
    from edge_export.baking.export import export_program
    from edge_export.members.border import at_border
    from edge_export.members.calibrate import calibrate
    from edge_export.members.extract import extract, forward
    from edge_export.mothers.catalog import open_mother
    from edge_export.pipeline.recordings import recordings_of

    spec = bundle.manifest.mother.spec
    mother = open_mother(spec)
    bordered, recordings = at_border(mother, recordings_of(spec, mother, None))
    network = extract(bordered, bordered.space.largest)
    calibrate(network, recordings.batches)
    calls = tuple(tuple(t[row].unsqueeze(0).contiguous() for t in recordings.goldens) for row in (0, -1))
    program = export_program(network, calls[0])
    outputs = tuple(forward(network, call) for call in calls)
    torch.manual_seed(0)
    write(Case(spec, network, program, calls, outputs, ()), folder)
    names = [[s.name for s in side] for side in (bordered.io.inputs, bordered.io.outputs)]
    (folder / "names.json").write_text(json.dumps(names))


def convert(name: str, format_name: str, folder: Path, workers: Workers, limit_s: float) -> tuple[Row, Path]:
    """Converts a case by a plain converter, and judges the file."""
    from edge_export.errors import one_line
    from edge_export.files.hashing import bytes_of
    from edge_export.workers import WorkerError

    way, log = PEERS[format_name], folder / f"{format_name}.log"
    path = folder / f"{format_name}{WAYS[way].suffix}"
    started = time.perf_counter()
    try:
        asked = ConvertRequest(case=folder, way=way, file=path)
        workers.submit(CONVERT, asked, kind=format_name, timeout_s=limit_s, log=log).result()
        seconds = time.perf_counter() - started
        judge = JudgeRequest(case=folder, format=format_name, file=path)
        judged = workers.submit(JUDGE, judge, kind=format_name, timeout_s=limit_s, log=log).result()
    except WorkerError as error:
        return Row(name, format_name, way, one_line(f"none: {error}", 120)), path
    outcome = judged.outcome if judged.outcome == "right" else one_line(f"{judged.outcome}: {judged.reason}", 120)
    return Row(name, format_name, way, outcome, judged.snr_db, round(seconds, 2), bytes_of(path)), path


def timed(files: dict[str, Path], folder: Path, rounds: int) -> dict[str, list[float]]:
    """Returns the microseconds of a call of each file that runs here: all in turn, on one core."""
    from benchmarks.measuring import Waiting
    from edge_export.bench.in_turn import TimingPlan, time_in_turn

    plan = TimingPlan(sittings=2, rounds=rounds, seconds=0.2, core=0, limit=300.0)

    def start(key: str) -> Waiting:
        return Waiting(folder, "benchmarks.real_networks", "--serve", str(folder), key, str(files[key]))

    here = [key for key in files if key.split()[0] in RUNTIMES]
    times = time_in_turn(here, start, plan)
    for key, each in times.items():
        if each.failed:
            print(f"{key}: {each.failed}", file=sys.stderr)
    return {key: each.cpu_us for key, each in times.items() if not each.failed}


def serve(folder: Path, key: str, path: Path) -> None:
    """Answers bursts of one file, in a process of its own."""
    from benchmarks.measuring import answer_bursts

    format_name, whose = key.split()

    def load() -> tuple[object, Network]:
        import torch

        from benchmarks.cases import Network
        from benchmarks.operators.prepare import INPUTS, OUTPUTS
        from benchmarks.runners import RUNNERS
        from edge_export.bench.in_turn import pin
        from edge_export.files.arrays import load_arrays

        sides = []
        own = json.loads((folder / "names.json").read_text())
        for file, letter, names in zip((INPUTS, OUTPUTS), PLAIN, own, strict=True):
            arrays = load_arrays(folder / file)
            tensors = tuple(torch.from_numpy(arrays[f"0.{i}"]) for i in range(len(names)))
            sides.append((tensors, tuple(names if whose == "ours" else (f"{letter}{i}" for i in range(len(names))))))
        (inputs, input_names), (outputs, output_names) = sides
        network = Network(torch.nn.Module(), inputs, outputs, input_names, output_names)
        pin(0)
        return RUNNERS[RUNTIMES[format_name]](path, network), network

    answer_bursts(load)


def table(rows: list[Row]) -> str:
    """Returns the rows as a table in Markdown: a line for each network and format, ours beside theirs."""
    lines = [
        "| network | format | ours | dB | s | kB | µs | plain converter | dB | s | kB | µs | ours / theirs |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for ours, theirs in zip(rows[::2], rows[1::2], strict=True):
        share = ""
        if ours.us and theirs.us:
            share = f"{median(a / b for a, b in zip(ours.us, theirs.us, strict=True)):.2f}"
        cells = [ours.network, f"`{ours.format}`", *_cells(ours), *_cells(theirs), share]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cells(row: Row) -> list[str]:
    numbers = [
        "" if row.snr_db is None else f"{row.snr_db:.0f}",
        f"{row.seconds:.1f}" if row.seconds else "",
        f"{row.bytes / 1e3:.0f}" if row.bytes else "",
        f"{median(row.us):.0f}" if row.us else "",
    ]
    shown = row.outcome if row.way == "edge_export" else f"{row.way}: {row.outcome}"
    return [shown.replace("|", "/"), *numbers]


def main(arguments: list[str]) -> int:
    """Runs the command line and returns the exit code: 1 if a file of ours did not pass."""
    from edge_export.workers import Pool

    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--only", default="", metavar="PATTERN", help="a regular expression of networks (default: all)")
    p.add_argument("--rounds", type=int, default=3, help="how often each file is timed in a sitting (default: 3)")
    p.add_argument("--limit", type=float, default=600.0, metavar="S", help="seconds of a converter (default: 600)")
    p.add_argument("--out", type=Path, help="a file for all numbers, in JSON")
    asked = p.parse_args(arguments)
    let_workers_import()
    rows: list[Row] = []
    for name in NETWORKS:
        if re.search(asked.only, name, re.IGNORECASE):
            with (
                tempfile.TemporaryDirectory() as folder,
                Pool(1, tasks="benchmarks.operators.tasks:TASKS") as workers,
            ):
                rows += measure(name, Path(folder), workers, asked.limit, asked.rounds)
            print(table(rows[-6:]), flush=True)
            if asked.out is not None:
                asked.out.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    print(table(rows))
    return int(any(row.outcome != "passed" for row in rows if row.way == "edge_export"))


def _command(arguments: list[str]) -> int:
    run: Callable[[list[str]], int] = main
    if arguments[:1] == ["--serve"]:
        serve(Path(arguments[1]), arguments[2], Path(arguments[3]))
        return 0
    return run(arguments)


if __name__ == "__main__":
    sys.exit(_command(sys.argv[1:]))
