"""The worker task "reference": runs a PyTorch module of the user's, the reference of a compiled file."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_export.errors import RequestError, raised
from edge_export.files.arrays import Array, load_arrays, save_arrays
from edge_export.mothers.catalog import factory_of
from edge_export.spec.tensors import IOSpec, TensorSpec
from edge_export.workers.task import InputPath, Message, OutputPath, StayingPath, WorkerTask

if TYPE_CHECKING:
    from torch import Tensor, nn


class ReferenceRequest(Message):
    """The request of the worker task "reference".

    Attributes:
        against: "package.module:factory"; the factory returns the nn.Module.
        folder: A folder from which the factory's Python module may be imported.
        inputs: A safetensors file: an array `(count, …)` for each parameter of the module's forward, by its name.
        outputs: The safetensors file to write: the outputs, `(count, …)` each, named output_0, output_1 and so on.
        program: The file to write the exported program to. None: do not export.
    """

    against: str
    folder: StayingPath
    inputs: InputPath
    outputs: OutputPath
    program: OutputPath | None = None


class ReferenceAnswer(Message):
    """The module's inputs and outputs, in the order of forward. They are not validated."""

    io: IOSpec


def run_reference(request: ReferenceRequest) -> ReferenceAnswer:
    """Runs the module on every sample.

    Raises:
        RequestError: The factory fails or does not return an nn.Module, or the inputs do not fit the module.
    """
    if str(request.folder) not in sys.path:
        sys.path.append(str(request.folder))
    module = _module(request.against)
    samples = load_arrays(request.inputs)
    order = _parameters(module, samples, request.inputs)
    columns = _run(module, [samples[name] for name in order], request.against)
    outputs = {f"output_{index}": column for index, column in enumerate(columns)}
    save_arrays(request.outputs, outputs)
    if request.program is not None:
        _export(module, [samples[name] for name in order], request.program)
    return ReferenceAnswer(
        io=IOSpec(tuple(_spec(name, samples[name]) for name in order), tuple(_spec(*each) for each in outputs.items()))
    )


def _module(against: str) -> nn.Module:
    from torch import nn

    try:
        module = factory_of(against, what="module")()
    except RequestError:
        raise
    except Exception as error:
        raise RequestError(f"module {against}: the factory failed with {raised(error)}") from error
    if not isinstance(module, nn.Module):
        raise RequestError(f"module {against}: the factory returns a {type(module).__name__}, not an nn.Module")
    return module.eval()


def _parameters(module: nn.Module, samples: dict[str, Array], inputs: Path) -> list[str]:
    """Returns the names of forward's parameters that have samples, in order."""
    known = list(inspect.signature(module.forward).parameters)
    if unknown := sorted(samples.keys() - set(known)):
        raise RequestError(f"{inputs}: there is no parameter {unknown[0]} in forward({', '.join(known)})")
    order = [name for name in known if name in samples]
    counts = {len(array) if array.ndim else 0 for array in samples.values()}
    if len(counts) != 1 or counts == {0}:
        raise RequestError(f"{inputs}: every input needs the same number of samples, at least 1, not {sorted(counts)}")
    return order


def _run(module: nn.Module, arrays: list[Array], against: str) -> list[Array]:
    """Returns the module's outputs, `(count, …)` each. The module runs on one sample at a time."""
    import torch

    rows: list[list[Array]] = []
    for index in range(len(arrays[0])):
        try:
            with torch.inference_mode():
                values = module(*_sample(arrays, index))
        except Exception as error:
            raise RequestError(f"module {against} fails on the inputs: {raised(error)}") from error
        rows.append([value.numpy() for value in ([values] if isinstance(values, torch.Tensor) else values)])
    return [np.concatenate(column) for column in zip(*rows, strict=True)]


def _export(module: nn.Module, arrays: list[Array], path: Path) -> None:
    import torch

    from edge_export.baking.export import export_program

    torch.export.save(export_program(module, _sample(arrays, 0)), path)


def _sample(arrays: list[Array], index: int) -> tuple[Tensor, ...]:
    import torch

    return tuple(torch.from_numpy(array[index : index + 1].copy()) for array in arrays)


def _spec(name: str, array: Array) -> TensorSpec:
    return TensorSpec(name, (1, *array.shape[1:]), array.dtype.name)


REFERENCE = WorkerTask("reference", ReferenceRequest, ReferenceAnswer, run_reference)
