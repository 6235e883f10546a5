"""Average pooling that rounds up, or divides by a number of its own, means one thing in a Core ML package."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edge_export.baking.export import export_program
from edge_export.formats.coreml import compile as coreml
from edge_export.formats.legalize import program as program_rules
from edge_export.mothers.protocol import IOSpec, TensorSpec
from edge_export.runtimes.mil import runtime
from edge_export.spec.agreement import agreement

pytestmark = pytest.mark.slow

POOLS: dict[int, Any] = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}


class Pool(nn.Module):
    def __init__(self, axes: int, options: dict[str, Any]) -> None:
        super().__init__()
        self.axes, self.options = axes, options

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = POOLS[self.axes](x, **self.options)
        return y


def evaluated(network: nn.Module, x: Tensor, folder: Path, precision: str = "fp32") -> np.ndarray:
    """What the package of `network` gives."""
    io = IOSpec((TensorSpec("x", tuple(x.shape)),), (TensorSpec("y", tuple(network(x).shape)),))
    torch.export.save(export_program(network, (x,)), folder / "program.pt2")
    done = coreml.compile(folder / "program.pt2", io, precision, {"backend": "mlprogram"}, folder)
    return runtime.load(done.path, io)({"x": x.numpy()})["y"]


def options(kernel_size: Any, stride: Any = None, padding: Any = 0, **more: Any) -> dict[str, Any]:
    return {"kernel_size": kernel_size, "stride": stride, "padding": padding, "ceil_mode": True} | more


CASES: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((1, 2, 7), options(2, 3)),
    ((1, 2, 8), options(3, 2, 1)),
    ((1, 2, 8), options(3, 2, 1, count_include_pad=False)),
    ((1, 2, 9), options(3, 3)),  # the stride divides: nothing hangs over
    ((1, 2, 6), options(3, 2, 1)),  # a window less than rounded up
    ((1, 1, 7, 7), options(2, 3)),
    ((1, 3, 11, 11), options(2, 2)),
    ((1, 3, 11, 10), options((3, 2), (2, 3), (1, 0))),
    ((1, 3, 8, 7), options(3, 2, 1)),
    ((1, 3, 8, 7), options(3, 2, 1, count_include_pad=False)),
    ((1, 3, 4, 9), options(1, 2)),  # PyTorch's last window would begin behind the input, and is dropped
    ((1, 3, 8, 7), options(3, 2, 1, divisor_override=5)),
    ((1, 3, 8, 7), options(3, 2, 1, divisor_override=5, ceil_mode=False)),
    ((1, 3, 8, 7), options(3, 2, ceil_mode=False)),
    ((1, 2, 5, 6, 7), options(2, 2)),
    ((1, 2, 5, 6, 7), options(3, 2, 1)),
    ((1, 2, 5, 6, 7), options(3, 2, 1, count_include_pad=False)),
    ((1, 2, 5, 6, 7), options(2, 2, divisor_override=3)),
]


@pytest.mark.parametrize(("precision", "least_db"), [("fp32", 120), ("fp16", 55)])
@pytest.mark.parametrize(("shape", "given"), CASES, ids=str)
def test_it_agrees_with_pytorch(
    shape: tuple[int, ...], given: dict[str, Any], precision: str, least_db: float, tmp_path: Path
) -> None:
    network, x = Pool(len(shape) - 2, given), torch.randn(shape)
    assert agreement(network(x).numpy(), evaluated(network, x, tmp_path, precision)).snr_db > least_db


class Many(nn.Module):
    """Every way of rounding up along an axis of 4 to 9 elements."""

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        ways = itertools.product((1, 2, 3, 4), (1, 2, 3, 5), (0, 1, 2), (True, False), range(4, 10))
        return tuple(
            F.avg_pool1d(x[..., :size], kernel, stride, padding, ceil_mode=True, count_include_pad=counts)
            for kernel, stride, padding, counts, size in ways
            if padding <= kernel // 2
        )


def test_every_way_of_rounding_up() -> None:
    """What is written instead agrees in PyTorch itself."""
    network, x = Many(), torch.randn(1, 1, 9)
    program, outcomes = program_rules.legalized(export_program(network, (x,)), "coreml")
    assert {outcome.operator for outcome in outcomes} == {"alias", "avg_pool1d"}  # a slice of all is an alias
    written = program.module()
    for index, (got, wanted) in enumerate(zip(written(x), network(x), strict=True)):
        assert got.shape == wanted.shape, index
        assert torch.allclose(got, wanted, atol=1e-6), index
    assert index > 300


def test_what_coremltools_writes_by_itself_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network, x = Pool(2, options(2, 3)), torch.arange(49.0).reshape(1, 1, 7, 7)
    right = [[4, 7, 9.5], [25, 28, 30.5], [42.5, 45.5, 48]]
    np.testing.assert_allclose(evaluated(network, x, tmp_path)[0, 0], right, rtol=1e-6)
    monkeypatch.setattr(program_rules, "RULES", ())
    wrong = [[4, 7, 4.75], [25, 28, 15.25], [21.25, 22.75, 12]]
    np.testing.assert_allclose(evaluated(network, x, tmp_path)[0, 0], wrong, rtol=1e-6)


def test_pooling_without_either_option_stays_as_it_is() -> None:
    program = export_program(Pool(2, options(3, 2, 1, ceil_mode=False)), (torch.zeros(1, 3, 8, 7),))
    assert program_rules.legalized(program, "coreml") == (program, ())
