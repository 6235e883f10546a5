"""Prove one compiled file alone, without a bundle: against a PyTorch module, on recorded inputs."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_export.errors import RequestError, one_line
from edge_export.files.arrays import Array, load_arrays, save_arrays
from edge_export.files.owned import scratch_folder
from edge_export.mothers.catalog import factory_of
from edge_export.spec.agreement import Agreement, agreement
from edge_export.spec.io_json import io_to_json
from edge_export.spec.tensors import IOSpec, TensorSpec
from edge_export.spec.tolerance import Tolerance, why_not
from edge_export.workers import Pool, WorkerError

if TYPE_CHECKING:
    from torch import nn

TIMEOUT_S = 600.0
KIND = "alone"  # one worker reads the file and runs it


@dataclass(frozen=True)
class Alone:
    """What became of one file.

    Attributes:
        verdict: "passed", "failed", or "unverified" where the runtime here does not know all its operators.
        runtime: What ran it.
        outputs: How each output agrees with the module's, by name.
        reason: In one line.
        count: How many samples it was run on.
    """

    verdict: str
    runtime: str
    outputs: dict[str, Agreement]
    reason: str
    count: int


def verify_alone(path: Path, against: str, inputs: Path, tolerance: Tolerance, log: Path) -> Alone:
    """Run the file at `path` on each sample of `inputs` and compare it with the module that `against` makes.

    Args:
        path: A `.mlpackage`, `.pte` or `.tflite` whose inputs have a batch of 1.
        against: "package.module:factory"; the factory gives an nn.Module.
        inputs: A safetensors file: an array `(count, …)` for each parameter of the module's forward, by its name.

    Raises:
        RequestError: The factory or the inputs are not what they should be, or the file cannot be read.
    """
    module = _module(against)
    samples = load_arrays(inputs)
    order = _parameters(module, samples, inputs)
    reference = _reference(module, [samples[name] for name in order], against)
    with scratch_folder() as scratch, Pool(1) as pool:
        outputs_path = scratch / "outputs.safetensors"
        try:
            found = pool.submit(
                "inspect", {"path": str(path.absolute())}, kind=KIND, timeout_s=TIMEOUT_S, log=log
            ).result()
        except WorkerError as error:
            raise RequestError(f"{path}: {error}") from error
        own = _own_io(found)
        io, member_io = _matched(own, order, samples, reference, path)
        save_arrays(Path(scratch) / "inputs.safetensors", samples)
        arguments = {
            "format": found["format"],
            "path": str(path.absolute()),
            "io": io_to_json(io),
            "member_io": io_to_json(member_io),
            "inputs": str(Path(scratch) / "inputs.safetensors"),
            "outputs": str(outputs_path),
        }
        try:
            answer = pool.submit("run", arguments, kind=KIND, timeout_s=TIMEOUT_S, log=log).result()
        except WorkerError as error:
            return Alone("failed", "none", {}, f"did not run: {error}", 0)
        if missing := answer.get("unsupported"):
            reason = f"{answer['runtime']} does not know the operators {', '.join(missing)}"
            return Alone("unverified", answer["runtime"], {}, reason, 0)
        results = load_arrays(outputs_path)
    agreements = {
        spec.name: agreement(wanted, results[spec.name])
        for spec, wanted in zip(member_io.outputs, reference, strict=True)
    }
    problems = ((name, why_not(each, tolerance)) for name, each in agreements.items())
    reason = "; ".join(f"{name}: {problem}" for name, problem in problems if problem)
    verdict = "failed" if reason else "passed"
    return Alone(verdict, answer["runtime"], agreements, reason or "within tolerance", int(answer["count"]))


def _module(against: str) -> nn.Module:
    from torch import nn

    try:
        module = factory_of(against, what="module")()
    except RequestError:
        raise
    except Exception as error:
        raise RequestError(f"module {against}: the factory failed with {one_line(repr(error), 200)}") from error
    if not isinstance(module, nn.Module):
        raise RequestError(f"module {against}: the factory gives a {type(module).__name__}, not an nn.Module")
    return module.eval()


def _parameters(module: nn.Module, samples: dict[str, Array], inputs: Path) -> list[str]:
    """The names of forward's parameters that have samples, in order."""
    known = list(inspect.signature(module.forward).parameters)
    if unknown := sorted(samples.keys() - set(known)):
        raise RequestError(f"{inputs}: there is no parameter {unknown[0]} in forward({', '.join(known)})")
    order = [name for name in known if name in samples]
    counts = {len(array) if array.ndim else 0 for array in samples.values()}
    if len(counts) != 1 or counts == {0}:
        raise RequestError(f"{inputs}: give as many samples for each input, at least one; there are {sorted(counts)}")
    return order


def _reference(module: nn.Module, arrays: list[Array], against: str) -> list[Array]:
    """The module's outputs, sample by sample, stacked."""
    import torch

    rows: list[list[Array]] = []
    for index in range(len(arrays[0])):
        try:
            with torch.inference_mode():
                values = module(*(torch.from_numpy(array[index : index + 1].copy()) for array in arrays))
        except Exception as error:
            raise RequestError(f"module {against} fails on the inputs: {one_line(error, 200)}") from error
        rows.append([value.numpy() for value in ([values] if isinstance(values, torch.Tensor) else values)])
    return [np.concatenate(column) for column in zip(*rows, strict=True)]


def _own_io(found: dict[str, Any]) -> IOSpec:
    def specs(side: str) -> tuple[TensorSpec, ...]:
        return tuple(
            TensorSpec(entry["name"] or f"{side}{index}", tuple(entry["shape"]), entry["dtype"])
            for index, entry in enumerate(found[f"{side}s"])
        )

    return IOSpec(specs("input"), specs("output"))


def _matched(
    own: IOSpec, order: list[str], samples: dict[str, Array], reference: list[Array], path: Path
) -> tuple[IOSpec, IOSpec]:
    """The file's io in the module's order, and the module's: inputs by name where the names agree, else by order."""
    if len(own.inputs) != len(order) or len(own.outputs) != len(reference):
        raise RequestError(
            f"{path} has {len(own.inputs)} inputs and {len(own.outputs)} outputs, "
            f"the module {len(order)} and {len(reference)}"
        )
    by_name = {spec.name: spec for spec in own.inputs}
    inputs = [by_name[name] for name in order] if by_name.keys() == set(order) else list(own.inputs)
    arrays = [*(samples[name] for name in order), *reference]
    pairs, problems = [], []
    for spec, array in zip([*inputs, *own.outputs], arrays, strict=True):
        if pair := _layouts(spec, array):
            pairs.append(pair)
        else:
            outside = f"{array.dtype.name} {[1, *array.shape[1:]]}"
            problems.append(f"{spec.name} is {spec.dtype} {list(spec.shape)} in the file, {outside} for the module")
    if problems:
        raise RequestError(f"{path}: {'; '.join(problems)}")
    count = len(inputs)
    io = IOSpec(tuple(spec for spec, _ in pairs[:count]), tuple(spec for spec, _ in pairs[count:]))
    member_inputs = tuple(replace(spec, name=name) for (_, spec), name in zip(pairs[:count], order, strict=True))
    return io, IOSpec(member_inputs, tuple(spec for _, spec in pairs[count:]))


def _layouts(spec: TensorSpec, array: Array) -> tuple[TensorSpec, TensorSpec] | None:
    """The file's spec and the module's for one tensor; images may be channels-last in the file. None if they differ."""
    shape = (1, *array.shape[1:])
    if array.dtype.name != spec.dtype:
        return None
    if shape == spec.shape:
        return spec, spec
    if len(shape) == 4 and spec.shape == (1, shape[2], shape[3], shape[1]):
        return replace(spec, layout="NHWC"), replace(spec, shape=shape, layout="NCHW")
    return None
