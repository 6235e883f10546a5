"""Types that Core ML lacks at its border get the nearest, and runs convert to and from them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from edge_export.baking.export import export_program
from edge_export.files.arrays import Array
from edge_export.formats.coreml.compile import compile
from edge_export.runtimes.mil.runtime import load
from edge_export.runtimes.run import as_member
from edge_export.spec.tensors import IOSpec, TensorSpec


class Network(nn.Module):
    def __init__(self, function: Callable[..., tuple[Tensor, ...]]) -> None:
        super().__init__()
        self.function, self.embedding, self.linear = function, nn.Embedding(20, 6), nn.Linear(6, 6)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return self.function(self, x)


CASES = {
    "int64": (lambda s, x: (s.linear(s.embedding(x)).sum(1), x.sum(1)), ("float32", "int64")),
    "index": (lambda s, x: (s.embedding.weight.gather(0, x), x % 3), ("float32", "int64")),
    "bool": (lambda s, x: (x.float() * 2, ~x), ("float32", "bool")),
    "uint8": (lambda s, x: (s.linear(x.float() / 255), x > 3), ("float32", "bool")),
    "int16": (lambda s, x: (s.linear(x / 9), x.argmax(1)), ("float32", "int64")),
}


def recorded(dtype: str) -> Array:
    numbers = np.random.default_rng(0).integers(0, 2 if dtype == "bool" else 20, (1, 6))
    return numbers.astype(dtype)


@pytest.mark.parametrize("name", CASES)
def test_a_network_of_other_types_is_right_in_core_ml(name: str, tmp_path: Path) -> None:
    function, results = CASES[name]
    dtype = "int64" if name == "index" else name
    torch.manual_seed(0)
    network, x = Network(function).eval(), recorded(dtype)
    program = export_program(network, (torch.from_numpy(x),))
    torch.export.save(program, tmp_path / "program.pt2")
    with torch.no_grad():
        expected = [tensor.numpy() for tensor in network(torch.from_numpy(x))]
    outputs = [TensorSpec(n, e.shape, r) for n, e, r in zip(("y", "z"), expected, results, strict=True)]
    io = IOSpec((TensorSpec("x", (1, 6), dtype),), tuple(outputs))
    compiled = compile(tmp_path / "program.pt2", io, "fp32", {}, tmp_path)
    assert [spec.dtype for spec in compiled.io.inputs] == ["int32"]
    assert f"Core ML has no {dtype} inputs and outputs: x is int32 here" in compiled.notes
    run = as_member(load(compiled.path, compiled.io), compiled.io, io)
    for (_, result), wanted in zip(sorted(run({"x": x}).items()), expected, strict=True):
        assert result.dtype == wanted.dtype
        np.testing.assert_allclose(result, wanted, rtol=1e-4, atol=1e-5)


def test_a_number_that_the_file_cannot_hold_is_refused() -> None:
    member = IOSpec((TensorSpec("x", (1, 2), "int64"),), (TensorSpec("y", (1, 2)),))
    own = IOSpec((TensorSpec("x", (1, 2), "int32"),), member.outputs)
    run = as_member(lambda inputs: {"y": inputs["x"].astype(np.float32)}, own, member)
    assert run({"x": np.array([[1, -5]])})["y"].tolist() == [[1, -5]]
    with pytest.raises(ValueError, match="x holds 1099511627776, which is no int32"):
        run({"x": np.array([[1, 2**40]])})
