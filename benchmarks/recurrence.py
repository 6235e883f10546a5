"""Torch's recurrent layers in files of this package, beside those of plain converters.

    python -m benchmarks.recurrence --only 'gru 1 layer.*64 features, 16 steps' --out recurrence.json

All files of a case are called in turn, on the same core, with one thread. A plain converter gets the exported network
as it is, by the call that its documentation shows. A file whose outputs are wrong is not timed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from torch import Tensor, nn

from edge_export.errors import one_line

if TYPE_CHECKING:
    from benchmarks.cases import Network
    from edge_export.bench.in_turn import Timed

WAYS = {
    "ours-executorch": ("executorch", ".pte"),
    "executorch": ("executorch", ".pte"),
    "ours-tflite": ("litert", ".tflite"),
    "onnx2tf": ("litert", ".tflite"),
}
"""The runtime and the suffix of each. Ours comes before what it is compared with."""


class Outputs(nn.Module):
    """The outputs of a layer, without its last states."""

    def __init__(self, layer: nn.RNNBase) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(x)[0]
        return y


@dataclass(frozen=True)
class Case:
    """A layer of one batch, with as many features as it has outputs in one direction."""

    kind: str
    layers: int
    directions: int
    hidden: int
    steps: int

    def __str__(self) -> str:
        directions = "both directions" if self.directions == 2 else "one direction"
        layers = f"{self.layers} layer{'s' if self.layers > 1 else ''}"
        return f"{self.kind} {layers}, {directions}, {self.hidden} features, {self.steps} steps"

    def network(self) -> Network:
        """Returns the layer with seeded weights and inputs, and its outputs."""
        import torch

        from benchmarks.cases import Network

        torch.manual_seed(0)
        kind = {"gru": nn.GRU, "lstm": nn.LSTM}[self.kind]
        module = Outputs(kind(self.hidden, self.hidden, self.layers, bidirectional=self.directions == 2)).eval()
        inputs = (torch.randn(self.steps, 1, self.hidden),)
        with torch.no_grad():
            return Network(module, inputs, (module(*inputs),), ("x",), ("y",))


CASES = [
    Case(kind, layers, directions, hidden, steps)
    for steps in (1, 16, 128)
    for hidden in (64, 256)
    for kind in ("gru", "lstm")
    for layers in (1, 2)
    for directions in (1, 2)
]


def convert(case: Case, way: str, path: Path) -> None:
    """Writes a file."""
    import torch

    from benchmarks.contestants import by_executorch, by_onnx2tf

    torch.set_num_threads(1)
    network = case.network()
    if way.startswith("ours-"):
        _ours(network, way.removeprefix("ours-"), path)
    else:
        {"executorch": by_executorch, "onnx2tf": by_onnx2tf}[way](network, path)


def _ours(network: Network, format_name: str, path: Path) -> None:
    import torch

    from edge_export.baking.export import export_program
    from edge_export.formats import FORMATS
    from edge_export.spec.lazy import resolve
    from edge_export.spec.tensors import IOSpec, TensorSpec

    sides = [
        tuple(TensorSpec(name, tuple(tensor.shape)) for name, tensor in zip(names, tensors, strict=True))
        for names, tensors in ((network.input_names, network.inputs), (network.output_names, network.outputs))
    ]
    program = path.parent / "program.pt2"
    torch.export.save(export_program(network.module, network.inputs), program)
    options = {"backend": FORMATS[format_name].backends[0]}
    compiled = resolve(FORMATS[format_name].compile)(program, IOSpec(*sides), "fp32", options, path.parent)
    compiled.path.rename(path)


def converted(case: Case, way: str, folder: Path, limit_s: float) -> tuple[Path | None, float, str]:
    """Converts in a process of its own; returns the file, the seconds, and why there is none."""
    path = folder / f"{way}{WAYS[way][1]}"
    context, started = get_context("spawn"), time.perf_counter()
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_convert, args=(case, way, path, sender))
    process.start()
    process.join(limit_s)
    seconds = time.perf_counter() - started
    if process.is_alive():
        process.kill()
        process.join()
        return None, seconds, f"not converted in {limit_s:.0f} s"
    why = receiver.recv() if receiver.poll() else "" if path.exists() else f"died with code {process.exitcode}"
    return (None if why else path), seconds, why


def _convert(case: Case, way: str, path: Path, sender: object) -> None:
    log = os.open(path.with_suffix(".log"), os.O_CREAT | os.O_WRONLY)  # converters print much
    os.dup2(log, 1)
    os.dup2(log, 2)
    try:
        convert(case, way, path)
    except Exception as error:  # converters raise anything
        sender.send(f"{type(error).__name__}: {one_line(error, 100)}")  # type: ignore[attr-defined]


def timed(case: Case, files: dict[str, Path], folder: Path, rounds: int) -> dict[str, Timed]:
    """Returns the times of all files of a case."""
    from benchmarks.measuring import Waiting
    from edge_export.bench.in_turn import TimingPlan, time_in_turn

    plan = TimingPlan(sittings=2, rounds=rounds, seconds=0.2, core=0, limit=300.0)

    def start(way: str) -> Waiting:
        return Waiting(folder, "benchmarks.recurrence", "--serve", str(CASES.index(case)), way, str(files[way]))

    return time_in_turn(list(files), start, plan)


def serve(case: Case, way: str, path: Path) -> None:
    """Answers bursts of one file, in a process of its own."""
    from benchmarks.measuring import answer_bursts
    from benchmarks.runners import RUNNERS
    from edge_export.bench.in_turn import pin

    def load() -> tuple[object, Network]:
        network = case.network()
        pin(0)
        return RUNNERS[WAYS[way][0]](path, network), network

    answer_bursts(load)


def measure(case: Case, limit_s: float, rounds: int) -> dict[str, dict[str, object]]:
    """Converts and times a case in every way."""
    rows: dict[str, dict[str, object]] = {}
    with tempfile.TemporaryDirectory() as name:
        files = {}
        for way in WAYS:
            folder = Path(name) / way
            folder.mkdir()
            path, seconds, why = converted(case, way, folder, limit_s)
            rows[way] = {"seconds": round(seconds, 1), "why": why, "us": []}
            if path is not None:
                files[way] = path
        for way, times in timed(case, files, Path(name), rounds).items():
            rows[way] |= {"us": times.cpu_us if not times.failed else [], "why": times.failed}
    return rows


def line(case: Case, rows: dict[str, dict[str, object]]) -> str:
    """Returns a line of the table: microseconds of ours, of the other, and their ratio, for each runtime."""
    cells = [str(case)]
    for ours, theirs in zip(list(WAYS)[::2], list(WAYS)[1::2], strict=True):
        pair = [rows[way]["us"] for way in (ours, theirs)]
        cells += [_cell(rows[ours]), _cell(rows[theirs])]
        cells.append(f"{median(a / b for a, b in zip(*pair, strict=True)):.2f}" if all(pair) else "")  # type: ignore[call-overload]
    return "| " + " | ".join(cells) + " |"


def _cell(row: dict[str, object]) -> str:
    us: Sequence[float] = row["us"]  # type: ignore[assignment]
    return f"{median(us):.0f}" if us else str(row["why"]).replace("|", "/")


HEAD = """| µs a call | ExecuTorch, ours | plain | ours / plain | LiteRT, ours | onnx2tf | ours / onnx2tf |
|---|---|---|---|---|---|---|"""


def main(arguments: list[str]) -> int:
    """Runs the command line and returns the exit code: 1 if a file of ours is missing or wrong."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--only", default="", metavar="PATTERN", help="a regular expression of cases (default: all)")
    p.add_argument("--rounds", type=int, default=3, help="how often each file is timed in a sitting (default: 3)")
    p.add_argument("--limit", type=float, default=600.0, metavar="S", help="seconds of a converter (default: 600)")
    p.add_argument("--out", type=Path, help="a file for all numbers, in JSON")
    asked = p.parse_args(arguments)
    numbers: dict[str, object] = {}
    failed = False
    print(HEAD, flush=True)
    for case in CASES:
        if re.search(asked.only, str(case), re.IGNORECASE):
            rows = measure(case, asked.limit, asked.rounds)
            failed |= any(not row["us"] for way, row in rows.items() if way.startswith("ours-"))
            numbers[str(case)] = rows
            print(line(case, rows), flush=True)
            if asked.out is not None:
                asked.out.write_text(json.dumps(numbers, indent=1) + "\n")
    return int(failed)


def _command(arguments: list[str]) -> int:
    run: Callable[[list[str]], int] = main
    if arguments[:1] == ["--serve"]:
        serve(CASES[int(arguments[1])], arguments[2], Path(arguments[3]))
        return 0
    return run(arguments)


if __name__ == "__main__":
    sys.exit(_command(sys.argv[1:]))
