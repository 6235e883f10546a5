"""Small networks with every kind of boundary, exported and compiled once for all tests that need them."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

from edge_export.formats import kind_for_file
from edge_export.formats.compile_task import COMPILE, CompileAnswer, CompileRequest
from edge_export.formats.contents import Contents
from edge_export.inspection.task import INSPECT, InspectRequest
from edge_export.mothers.protocol import IOSpec, TensorSpec
from edge_export.workers import EXPORTER, Pool
from edge_export.workers.environments import ENVIRONMENTS
from edge_export.workers.task import Message, WorkerTask


class Classifier(nn.Module):
    """An image in, logits out."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1)
        self.depthwise = nn.Conv2d(8, 8, 3, 1, 1, groups=8)
        self.pointwise = nn.Conv2d(8, 16, 1)
        self.head = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.depthwise(torch.relu(self.stem(x)))
        return self.head(self.pointwise(nn.functional.relu6(x)).mean((2, 3)))


class Segmenter(nn.Module):
    """An image in, an image out. Width and height equal the channels: no shape tells the layouts apart."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(6, 6, 3, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.conv(x))


class Streamer(nn.Module):
    """A frame of audio and a state in, two stems and the next state out."""

    def __init__(self) -> None:
        super().__init__()
        self.stems = nn.Linear(256 + 40, 512)
        self.state = nn.Linear(256 + 40, 40)

    def forward(self, audio: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        both = torch.cat([audio, state], 1)
        return self.stems(both).reshape(1, 2, 256), torch.tanh(self.state(both))


class Planes(nn.Module):
    """A 4-D output that is no image, straight from a convolution, and used further inside."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, 1, 1)
        self.head = nn.Conv2d(4, 4, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        x = self.conv(x)
        return x, self.head(x)


class PassThrough(nn.Module):
    """No parameters; one input is an output twice, the other is not used. A 4-D input that is no image."""

    def forward(self, x: torch.Tensor, grid: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return x, x + 1, x


class Operators(nn.Module):
    """Its input and outputs are called as operators inside are."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(12, 6)

    def forward(self, add: torch.Tensor) -> tuple[torch.Tensor, ...]:
        y = self.linear(add + 1)
        return y.softmax(1) + 1, y * 2


class LoudInput(nn.Module):
    """A linear layer that amplifies one input, which is weak, far more than the others."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("strength", torch.tensor([1e-3] + [1.0] * 31))
        self.linear = nn.Linear(32, 24)
        with torch.no_grad():
            self.linear.weight[:, 0] *= 1000

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x * self.strength)


def _tensor(name: str, *shape: int, layout: str = "") -> TensorSpec:
    return TensorSpec(name, shape, layout=layout)


MEMBERS: dict[str, tuple[type[nn.Module], IOSpec]] = {
    "classifier": (Classifier, IOSpec((_tensor("image", 1, 3, 32, 24, layout="NCHW"),), (_tensor("logits", 1, 10),))),
    "segmenter": (
        Segmenter,
        IOSpec((_tensor("image", 1, 6, 6, 6, layout="NCHW"),), (_tensor("mask", 1, 6, 6, 6, layout="NCHW"),)),
    ),
    "streamer": (
        Streamer,
        IOSpec(
            (_tensor("audio", 1, 256), _tensor("state", 1, 40)),
            (_tensor("stems", 1, 2, 256), _tensor("next_state", 1, 40)),
            feedback=(("next_state", "state"),),
        ),
    ),
    "planes": (
        Planes,
        IOSpec(
            (_tensor("spectrum", 1, 2, 4, 4),),
            (_tensor("planes", 1, 4, 4, 4), _tensor("mask", 1, 4, 4, 4)),
        ),
    ),
    "pass_through": (
        PassThrough,
        IOSpec(
            (_tensor("values", 1, 8), _tensor("grid", 1, 2, 3, 4)),
            (_tensor("same", 1, 8), _tensor("more", 1, 8), _tensor("again", 1, 8)),
        ),
    ),
    "operators": (Operators, IOSpec((_tensor("add", 1, 12),), (_tensor("softmax", 1, 6), _tensor("linear", 1, 6)))),
    "loud_input": (LoudInput, IOSpec((_tensor("values", 1, 32),), (_tensor("sums", 1, 24),))),
}


@cache
def folder() -> Path:
    """A folder for the whole test run."""
    path = Path(tempfile.mkdtemp(prefix="compiled-members-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


@cache
def pool() -> Pool:
    """One pool for the whole test run: the converters are imported once."""
    path = folder() / "logs"
    pool = Pool(1, log_dir=path, shared=EXPORTER)
    atexit.register(pool.close)
    return pool


@cache
def network(member: str) -> nn.Module:
    torch.manual_seed(sum(member.encode()))
    return MEMBERS[member][0]().eval()


@cache
def program(member: str) -> Path:
    """The exported program of a member."""
    path = folder() / f"{member}.pt2"
    inputs = tuple(torch.zeros(spec.shape) for spec in MEMBERS[member][1].inputs)
    torch.export.save(torch.export.export(network(member), inputs), path)
    return path


def ask[Request: Message, Answer](
    task: WorkerTask[Request, Answer], request: Request, kind: str, timeout_s: float = 300
) -> Answer:
    """Run a real task in a real worker."""
    if kind in ENVIRONMENTS:
        from isolated_environments import isolated  # other processes import this module, too, without the tests' path

        isolated(kind)
    log = folder() / f"{task.name}-{kind}.log"
    return pool().submit(task, request, kind=kind, timeout_s=timeout_s, log=log).result()


def inspect(path: Path) -> Contents:
    """What is in a compiled file, by a worker of the kind that the command line uses."""
    return ask(INSPECT, InspectRequest(path=path), kind_for_file(path, "inspect"), timeout_s=60)


def compile_request(
    member: str,
    format_name: str,
    workdir: Path,
    precision: str = "fp32",
    calibration: Path | None = None,
    **options: str,
) -> CompileRequest:
    """Of a member above; makes `workdir`."""
    workdir.mkdir(parents=True, exist_ok=True)
    return CompileRequest(
        format=format_name,
        precision=precision,
        options=options,
        program=program(member),
        io=MEMBERS[member][1],
        calibration=calibration,
        workdir=workdir,
    )


def compile_now(member: str, format_name: str, workdir: Path, precision: str = "fp32", **options: str) -> CompileAnswer:
    """The artifact is `workdir / answer.file`."""
    return ask(COMPILE, compile_request(member, format_name, workdir, precision, **options), format_name)


@cache
def compiled(member: str, format_name: str, precision: str = "fp32", layout: str = "") -> tuple[Path, IOSpec]:
    """An artifact and its own io; do not change the file."""
    options = {"input_layout": layout} if layout else {}
    workdir = folder() / f"{member}-{format_name}-{precision}-{layout}"
    answer = compile_now(member, format_name, workdir, precision, **options)
    return workdir / answer.file, answer.io


def samples(member: str, count: int) -> dict[str, np.ndarray]:
    """Random inputs of a member, `(count, …)` each."""
    rng = np.random.default_rng(1)
    return {s.name: rng.standard_normal((count, *s.shape[1:]), np.float32) for s in MEMBERS[member][1].inputs}


def expected(member: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What PyTorch gives, sample by sample."""
    io = MEMBERS[member][1]
    module = network(member)  # made outside of inference mode: other tests export it
    count = len(next(iter(inputs.values())))
    rows: dict[str, list[np.ndarray]] = {spec.name: [] for spec in io.outputs}
    for index in range(count):
        with torch.inference_mode():
            values = module(*(torch.tensor(inputs[spec.name][index : index + 1]) for spec in io.inputs))
        for spec, value in zip(io.outputs, [values] if isinstance(values, torch.Tensor) else values, strict=True):
            rows[spec.name].append(value.numpy())
    return {name: np.concatenate(arrays) for name, arrays in rows.items()}
