"""A delegate's graph in fewer words computes the same, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import compiled_members as members
import numpy as np
import pytest
import reduced_members as reduced
import torch
from safetensors.numpy import save_file
from torch import Tensor, nn

from edge_export.formats.executorch import compact as executorch_compact
from edge_export.formats.executorch import compile as executorch
from edge_export.formats.executorch import runtime
from edge_export.formats.executorch.compact import compact
from edge_export.mothers.protocol import IOSpec, TensorSpec

pytestmark = pytest.mark.slow

SHAPE = (1, 8, 6, 6)
HEAD, OTHER, POINTWISE = nn.Linear(8, 5), nn.Linear(8, 5), nn.Conv2d(8, 8, 1)


class Network(nn.Module):
    """What `function` computes with the layers above."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.head, self.other, self.pointwise, self.function = HEAD, OTHER, POINTWISE, function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def both_heads(mean: Tensor) -> Tensor:
    return HEAD(mean) + OTHER(mean)


def beside_itself(mean: Tensor) -> Tensor:
    return POINTWISE(mean).flatten(1) + mean.flatten(1)


NETWORKS: dict[str, Callable[[Tensor], Tensor]] = {
    "mean first": lambda x: HEAD(x.mean((2, 3))),
    "mean last": lambda x: POINTWISE(x).relu().mean((2, 3)),
    "mean with its axes last": lambda x: POINTWISE(x).mean((2, 3), keepdim=True),
    "mean alone": lambda x: x.mean((2, 3)),
    "mean read twice": lambda x: both_heads(x.mean((2, 3))),
    "two means": lambda x: HEAD(x.mean((2, 3))) + OTHER(POINTWISE(x).mean((2, 3))),
    "mean with and without its axes": lambda x: beside_itself(x.mean((2, 3), keepdim=True)),
    "mean that scales a picture": lambda x: x * POINTWISE(x.mean((2, 3), keepdim=True)).sigmoid(),
    "1 x 1 convolution with a clamp": lambda x: nn.functional.relu6(POINTWISE(x)),
}


@pytest.fixture
def lowered(tmp_path: Path, monkeypatch) -> Callable[..., bytes]:
    """Compile, and have the program as ExecuTorch writes it."""
    monkeypatch.setattr(executorch_compact, "compact", lambda content: content)

    def lower(program: Path, io: IOSpec, precision: str, scheme: str, calibration: Path) -> bytes:
        options = {"scheme": scheme} if scheme else {}
        return executorch.compile(program, io, precision, options, tmp_path, calibration).path.read_bytes()

    return lower


def written(content: bytes, path: Path) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("precision", "scheme"), [("fp16", ""), ("int8", "static")])
@pytest.mark.parametrize("name", NETWORKS)
def test_small_networks(name: str, precision: str, scheme: str, lowered: Callable[..., bytes], tmp_path: Path) -> None:
    torch.manual_seed(5)
    network, x = Network(NETWORKS[name]).eval(), torch.randn(SHAPE)
    io = IOSpec((TensorSpec("x", SHAPE),), (TensorSpec("y", tuple(network(x).shape)),))
    program, calibration = tmp_path / "program.pt2", tmp_path / "calibration.safetensors"
    torch.export.save(torch.export.export(network, (x,)), program)
    save_file({"x": torch.randn(16, *SHAPE[1:]).numpy()}, calibration)
    original = lowered(program, io, precision, scheme, calibration)
    files = written(original, tmp_path / "original.pte"), written(compact(original), tmp_path / "short.pte")
    wanted, short = (runtime.load(path, io)({"x": x.numpy()})["y"] for path in files)
    assert np.array_equal(short, wanted)
    assert np.abs(wanted - network(x).detach().numpy()).max() < 0.2


@pytest.mark.parametrize("scheme", ["static", "static_per_tensor"])
def test_digits(scheme: str, lowered: Callable[..., bytes], tmp_path: Path, monkeypatch) -> None:
    done = reduced.compiled(reduced.DIGITS, "executorch", "int8", scheme)
    io, observed = reduced.member_io(reduced.DIGITS), reduced.calibration(reduced.DIGITS)
    original = lowered(reduced.program(reduced.DIGITS), io, "int8", scheme, observed)
    monkeypatch.setattr(executorch_compact, "shorten", lambda graph: None)
    short, long = Path(done["path"]), written(compact(original), tmp_path / "long.pte")
    before, after = operators(long), operators(short)
    assert after["FullyConnected"] - before["FullyConnected"] == before["Conv2d"] - after.get("Conv2d", 0) > 5
    assert (before["StaticTranspose"], before["StaticReshape"]) == (2, 1)
    assert (after["StaticTranspose"], after.get("StaticReshape", 0)) == (1, 0)
    assert short.stat().st_size < long.stat().st_size - 900
    wanted = reduced.run(reduced.DIGITS, done | {"path": str(long)}, tmp_path)["logits"]
    assert np.array_equal(reduced.run(reduced.DIGITS, done, tmp_path)["logits"], wanted)


def operators(path: Path) -> dict[str, int]:
    (delegate,) = members.ask("inspect", {"path": str(path)}, "inspect")["delegates"]
    return delegate["operators"]  # type: ignore[no-any-return]
