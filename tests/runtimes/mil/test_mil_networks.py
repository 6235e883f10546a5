"""Whole networks, converted by coremltools with its graph passes, compute the same as PyTorch."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import coremltools as ct
import mil_cases
import numpy as np
import pytest
import torch
from coremltools.optimize import coreml as compress
from torch import nn

from edge_export.mothers.protocol import IOSpec, TensorSpec
from edge_export.runtimes.mil import runtime


class Residual(nn.Module):
    """A small CNN: depthwise and grouped convolutions, norms, three activations, squeeze and excitation, upsampling."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.Hardswish())
        self.depthwise = nn.Conv2d(8, 8, 5, padding=2, groups=8)
        self.group_norm = nn.GroupNorm(2, 8)
        self.squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 4, 1), nn.ReLU(), nn.Conv2d(4, 8, 1))
        self.grouped = nn.Conv2d(8, 12, 3, padding=1, dilation=1, groups=4)
        self.up = nn.ConvTranspose2d(12, 6, 3, 2, 1, output_padding=1)
        self.pool = nn.MaxPool2d(3, 2, 1, ceil_mode=True)
        self.head = nn.Linear(6, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        y = nn.functional.gelu(self.group_norm(self.depthwise(x)))
        x = x + y * torch.sigmoid(self.squeeze(y))
        x = nn.functional.leaky_relu(self.up(self.grouped(x)), 0.1)
        x = nn.functional.interpolate(self.pool(x), scale_factor=2, mode="bilinear")
        return self.head(x.mean((2, 3))).log_softmax(-1)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(16, 4, 32, 0.0, "gelu", batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.RNNBase], **options: Any) -> None:
        super().__init__()
        self.layer = kind(6, 5, batch_first=True, **options)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)[0]


class Bands(nn.Module):
    """Frames of a spectrum in bands, gates computed from their mean, and one step of a recurrence."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Parameter(torch.randn(3, 8, 8) * 0.3)
        self.cell = nn.Linear(16, 32)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        bands = torch.stack([x[:, :8], x[:, 8:16], x[:, 16:]], 0)
        bands = torch.bmm(bands, self.inner)
        gates = torch.sigmoid(bands - bands.mean(0, keepdim=True))
        i, f, o, z = self.cell(torch.cat([bands[0], (bands * gates).sum(0)], -1)).chunk(4, -1)
        return torch.sigmoid(o) * torch.tanh(torch.sigmoid(i) * torch.tanh(z) + torch.sigmoid(f))


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], bool]] = {
    "cnn": (Residual, (2, 3, 18, 14), False),
    "attention": (Attention, (2, 7, 16), False),
    "bands": (Bands, (2, 24), False),
    "lstm": (lambda: Recurrent(nn.LSTM), (2, 7, 6), True),
    "bidirectional lstm": (lambda: Recurrent(nn.LSTM, bidirectional=True, num_layers=2), (2, 7, 6), True),
    "gru": (lambda: Recurrent(nn.GRU, bidirectional=True), (2, 7, 6), True),
    "rnn": (lambda: Recurrent(nn.RNN, nonlinearity="relu"), (2, 7, 6), True),
}


def convert(name: str, precision: str, target: Any) -> tuple[nn.Module, torch.Tensor, Any]:
    make, shape, traced = NETWORKS[name]
    torch.manual_seed(0)
    network, x = make().eval(), torch.randn(shape)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.jit.trace(network, x) if traced else torch.export.export(network, (x,)).run_decompositions({})
    model = ct.convert(
        program,
        inputs=[ct.TensorType("x", shape, np.float32)] if traced else None,
        outputs=[ct.TensorType("y", dtype=np.float32)],
        convert_to="mlprogram",
        minimum_deployment_target=target,
        compute_precision={"fp32": ct.precision.FLOAT32, "fp16": ct.precision.FLOAT16}[precision],
        skip_model_load=True,
    )
    return network, x, model


def run(model: Any, x: torch.Tensor, expected: torch.Tensor, path: Path) -> np.ndarray:
    model.save(str(path))
    io = IOSpec((TensorSpec("x", tuple(x.shape)),), (TensorSpec("y", tuple(expected.shape)),))
    assert runtime.unsupported(path) == []
    call = runtime.load(path, io)
    first, second = call({"x": x.numpy()})["y"], call({"x": x.numpy()})["y"]
    np.testing.assert_array_equal(first, second)
    return first


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("target", [ct.target.iOS17, ct.target.iOS18], ids=["iOS17", "iOS18"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_converted_network_gives_what_pytorch_gives(name: str, target: Any, precision: str, tmp_path: Path) -> None:
    network, x, model = convert(name, precision, target)
    with torch.inference_mode():
        expected = network(x)
    output = run(model, x, expected, tmp_path / "network.mlpackage")
    assert mil_cases.snr_db(expected.numpy(), output) > {"fp32": 105, "fp16": 48}[precision]


COMPRESSIONS = {
    "int8": lambda: (compress.linear_quantize_weights, compress.OpLinearQuantizerConfig(weight_threshold=1)),
    "int4 per block": lambda: (
        compress.linear_quantize_weights,
        compress.OpLinearQuantizerConfig(dtype="int4", granularity="per_block", block_size=4, weight_threshold=1),
    ),
    "4-bit palette": lambda: (compress.palettize_weights, compress.OpPalettizerConfig(nbits=4, weight_threshold=1)),
    "6-bit palette": lambda: (compress.palettize_weights, compress.OpPalettizerConfig(nbits=6, weight_threshold=1)),
    "sparse": lambda: (
        compress.prune_weights,
        compress.OpMagnitudePrunerConfig(target_sparsity=0.5, weight_threshold=1),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scheme", "target"),
    [(scheme, ct.target.iOS18) for scheme in COMPRESSIONS]
    + [(scheme, ct.target.iOS17) for scheme in COMPRESSIONS if "block" not in scheme],  # blocks need iOS 18
)
def test_compressed_weights_are_those_that_coremltools_expands(scheme: str, target: Any, tmp_path: Path) -> None:
    network, x, model = convert("bands" if scheme == "int4 per block" else "cnn", "fp32", target)
    with torch.inference_mode():
        plain = network(x)
    function, settings = COMPRESSIONS[scheme]()
    small = function(model, compress.OptimizationConfig(settings))
    output = run(small, x, plain, tmp_path / "small.mlpackage")
    expanded = run(compress.decompress_weights(small), x, plain, tmp_path / "expanded.mlpackage")
    assert mil_cases.snr_db(expanded, output) > 105
    assert 5 < mil_cases.snr_db(plain.numpy(), output) < 90
