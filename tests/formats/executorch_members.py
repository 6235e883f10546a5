"""A member with everything that int8 treats in its own way, compiled by every scheme once for all tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import compiled_members as members
import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from torch import nn

from edge_export.formats.compile_task import COMPILE, CompileRequest
from edge_export.mothers.protocol import IOSpec, TensorSpec
from edge_export.runtimes.run import RUN, CompiledFile, RunRequest

STEPS = 4


class Recurrent(nn.Module):
    """A convolution, a linear layer, and steps of two stacked recurrences, one of them in reversed order."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 16, 3, 2, 1)
        self.inputs = nn.Linear(16 * 16, 2 * 64)
        self.weight = nn.Parameter(torch.randn(2, 64, 64) / 8)
        self.register_buffer("orders", torch.stack([torch.eye(64), torch.eye(64).flip(0)]))
        self.outputs = nn.Linear(2 * 64, 64)

    def forward(self, image: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.inputs(torch.relu(self.conv(image)).reshape(1, 256))
        x = torch.bmm(x.view(2, 1, 64), self.orders)
        hidden = state.view(2, 1, 64)
        for _ in range(STEPS):
            hidden = torch.tanh(x + torch.bmm(hidden, self.weight))
        return self.outputs(hidden.view(1, 128)), hidden.view(1, 128)


IO = IOSpec(
    (TensorSpec("image", (1, 4, 8, 8), layout="NCHW"), TensorSpec("state", (1, 128))),
    (TensorSpec("scores", (1, 64)), TensorSpec("next_state", (1, 128))),
    feedback=(("next_state", "state"),),
)


@cache
def network() -> nn.Module:
    torch.manual_seed(3)
    return Recurrent().eval()


@cache
def compiled(precision: str, scheme: str = "") -> dict[str, Any]:
    """The path of what was made, and the notes; do not change the file."""
    workdir = members.folder() / f"recurrent-{precision}-{scheme}"
    workdir.mkdir()
    inputs = tuple(torch.zeros(spec.shape) for spec in IO.inputs)
    torch.export.save(torch.export.export(network(), inputs), workdir / "program.pt2")
    save_file(calls(seed=2), workdir / "calibration.safetensors")
    request = CompileRequest(
        format="executorch",
        precision=precision,
        options={"scheme": scheme} if scheme else {},
        program=workdir / "program.pt2",
        io=IO,
        calibration=workdir / "calibration.safetensors",
        workdir=workdir,
    )
    answer = members.ask(COMPILE, request, "executorch")
    return {"path": str(workdir / answer.file), "notes": list(answer.notes)}


def calls(seed: int, count: int = 32) -> dict[str, np.ndarray]:
    """Images, and states as they come out of the network."""
    rng = np.random.default_rng(seed)
    return {
        "image": rng.standard_normal((count, 4, 8, 8), np.float32),
        "state": np.tanh(rng.standard_normal((count, 128), np.float32)),
    }


def streamed(path: str, folder: Path, images: np.ndarray) -> np.ndarray:
    """The scores of a file called once for each image, its state fed back."""
    save_file({"image": images}, folder / "images.safetensors")
    request = RunRequest(
        file=CompiledFile(format="executorch", path=Path(path), io=IO, member_io=IO),
        inputs=folder / "images.safetensors",
        outputs=folder / "scores.safetensors",
        stream=True,
    )
    members.ask(RUN, request, "executorch")
    return load_file(request.outputs)["scores"]


def expected(images: np.ndarray) -> np.ndarray:
    """The same from PyTorch."""
    module = network()  # made outside of inference mode: other tests export it
    state, scores = torch.zeros(1, 128), []
    with torch.inference_mode():
        for image in torch.from_numpy(images).split(1):
            score, state = module(image, state)
            scores.append(score.numpy())
    return np.concatenate(scores)
