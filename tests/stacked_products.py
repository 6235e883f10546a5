"""A network with a convolution and every kind of product with stacked weights, and its `.tflite` files."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import compiled_members as members
import numpy as np
import torch
from torch import Tensor, nn

from edge_export.devices.folder import describe_part, write_folder
from edge_export.devices.request import Item, Request
from edge_export.files.arrays import save_arrays
from edge_export.formats.compile_task import COMPILE, CompileRequest
from edge_export.mothers.protocol import IOSpec, TensorSpec
from edge_export.runtimes.run import CompiledFile

IO = IOSpec((TensorSpec("features", (1, 96)),), (TensorSpec("mixed", (1, 96)),))
PRODUCTS = 7
"""The products of the network: BATCH_MATMUL in a file with `products=batched`."""


class StackedProducts(nn.Module):
    """Weights on the right for many rows, for one row, without a stack, and used twice; weights on the left."""

    def __init__(self) -> None:
        super().__init__()
        shapes = {
            "rows": (3, 8, 8),
            "left": (3, 4, 4),
            "one_left": (1, 12, 12),
            "one_right": (1, 8, 16),
            "one_row": (12, 16, 4),
            "twice": (12, 4, 4),
        }
        for name, shape in shapes.items():
            setattr(self, name, nn.Parameter(torch.randn(shape) / shape[1] ** 0.5))
        self.convolution = nn.Conv2d(6, 6, 3, padding=1)
        self.linear = nn.Linear(4, 8)

    def forward(self, features: Tensor) -> Tensor:
        x = torch.tanh(self.convolution(features.view(1, 6, 4, 4)))
        x = torch.tanh(torch.bmm(x.reshape(3, 4, 8), self.rows))
        x = torch.tanh(torch.bmm(self.left, x))
        x = torch.tanh(torch.bmm(self.one_left, x.reshape(1, 12, 8)))
        x = torch.tanh(torch.bmm(x, self.one_right))
        x = torch.tanh(torch.bmm(x.view(12, 1, 16), self.one_row))
        for _ in range(2):
            x = torch.tanh(torch.bmm(x, self.twice))
        return self.linear(x.reshape(12, 4)).reshape(1, 96)


@cache
def network() -> nn.Module:
    torch.manual_seed(0)
    return StackedProducts().eval()


@cache
def compiled(products: str, precision: str = "fp32", scheme: str = "") -> CompiledFile:
    """The file with the option `products`; do not change it."""
    folder = members.folder() / f"stacked-{products}-{precision}-{scheme}"
    folder.mkdir()
    torch.export.save(torch.export.export(network(), (torch.zeros(1, 96),)), folder / "program.pt2")
    options = {"products": products} | ({"scheme": scheme} if scheme else {})
    request = CompileRequest(
        format="tflite", precision=precision, options=options, program=folder / "program.pt2", io=IO, workdir=folder
    )
    done = members.ask(COMPILE, request, "tflite")
    return CompiledFile(format="tflite", path=folder / done.file, io=done.io, member_io=IO)


def inputs() -> dict[str, np.ndarray]:
    return {"features": np.random.default_rng(1).standard_normal((4, 96), np.float32)}


def expected() -> np.ndarray:
    """What PyTorch gives for `inputs`."""
    with torch.inference_mode():
        return torch.cat([network()(row[None]) for row in torch.from_numpy(inputs()["features"])]).numpy()


def request_folder(folder: Path, file: CompiledFile) -> Request:
    """A request folder that runs a file on `inputs`, as the item "file"."""
    folder.mkdir()
    made = folder / "made.safetensors"
    save_arrays(made, inputs())
    artifact = describe_part("artifacts/file.tflite", file.path)
    recorded = describe_part("inputs/features.safetensors", made)
    item = Item(
        id="file",
        member="stacked",
        label="tflite-builtin-int8",
        mode="verify",
        format="tflite",
        artifact=artifact,
        inputs=recorded,
        io=file.io,
        member_io=file.member_io,
        timeout_s=600.0,
    )
    request = Request(schema="1.0", run_id="stacked", bundle="0" * 64, items=(item,))
    write_folder(folder, request, {artifact.path: file.path, recorded.path: made})
    made.unlink()
    return request
