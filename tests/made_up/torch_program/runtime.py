"""The runtime of the made-up format: PyTorch."""

from __future__ import annotations

from pathlib import Path

from edge_export.files.arrays import Array
from edge_export.spec.arrays import Run, check_inputs, check_outputs
from edge_export.spec.tensors import IOSpec


def available() -> str | None:
    """Returns None: PyTorch is always installed."""
    return None


def version() -> str:
    import torch

    return torch.__version__


def load(path: Path, io: IOSpec, threads: int = 1) -> Run:
    """Loads the program in `path`."""
    import torch

    module = torch.export.load(path).module()

    def run(inputs: dict[str, Array]) -> dict[str, Array]:
        check_inputs(io, inputs)
        values = module(*(torch.tensor(inputs[spec.name]) for spec in io.inputs))
        values = [values] if isinstance(values, torch.Tensor) else values
        outputs = {spec.name: value.detach().numpy() for spec, value in zip(io.outputs, values, strict=True)}
        check_outputs(io, outputs)
        return outputs

    return run
