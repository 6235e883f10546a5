"""Load a file into its runtime for one thread, give it its inputs, and call it.

What is timed is the call alone: inputs are given before it, outputs are read after it, for every runtime.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.cases import Network

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Loaded:
    """A network with its inputs in place.

    Attributes:
        call: Runs it once.
        outputs: What the last call gave, in the network's order and shapes.
    """

    call: Callable[[], object]
    outputs: Callable[[], list[Array]]


def load_executorch(path: Path, network: Network) -> Loaded:
    from executorch.extension.pybindings import portable_lib

    portable_lib._unsafe_reset_threadpool(1)  # it takes all cores otherwise
    program = portable_lib._load_program(str(path))
    method = program.load_method("forward")
    method.set_inputs([t.clone() for t in network.inputs])

    def call() -> None:
        assert program  # the method lives as long as it
        method.execute()

    return Loaded(call, lambda: [value.numpy() for value in method.get_outputs()])


def load_litert(path: Path, network: Network) -> Loaded:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    runner = interpreter.get_signature_runner(next(iter(interpreter.get_signature_list())))
    taken, given = runner.get_input_details(), runner.get_output_details()
    for name, tensor in zip(_order(taken, network.input_names), network.inputs, strict=True):
        interpreter.set_tensor(taken[name]["index"], _fitted(tensor.numpy(), tuple(taken[name]["shape"])))
    order = _order(given, network.output_names)

    def outputs() -> list[Array]:
        arrays = [interpreter.get_tensor(given[name]["index"]) for name in order]
        return [_restored(a, tuple(t.shape)) for a, t in zip(arrays, network.outputs, strict=True)]

    return Loaded(interpreter.invoke, outputs)


def load_onnxruntime(path: Path, network: Network) -> Loaded:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    shapes = {value.name: tuple(value.shape) for value in session.get_inputs()}
    for name, tensor in zip(network.input_names, network.inputs, strict=True):
        binding.bind_cpu_input(name, _fitted(tensor.numpy(), shapes[name]))
    for name in network.output_names:
        binding.bind_output(name)

    return Loaded(lambda: session.run_with_iobinding(binding), binding.copy_outputs_to_cpu)


def load_eager(_path: Path, network: Network) -> Loaded:
    return _in_torch(network.module, network)


def load_compiled(_path: Path, network: Network) -> Loaded:
    return _in_torch(torch.compile(network.module), network)  # type: ignore[arg-type]


def _in_torch(module: Callable[..., Any], network: Network) -> Loaded:
    torch.set_num_threads(1)
    kept: list[Any] = []

    def call() -> None:
        with torch.inference_mode():
            kept[:] = [module(*network.inputs)]

    def outputs() -> list[Array]:
        return [t.numpy() for t in (kept if isinstance(kept[0], torch.Tensor) else kept[0])]

    return Loaded(call, outputs)


# From the runtime's name to its loader.
RUNNERS: dict[str, Callable[[Path, Network], Loaded]] = {
    "executorch": load_executorch,
    "litert": load_litert,
    "onnxruntime": load_onnxruntime,
    "eager": load_eager,
    "compile": load_compiled,
}


def _order(details: dict[str, Any], names: Sequence[str]) -> list[str]:
    """The network's names if the file has them; otherwise its own, args_0, args_1, …, by number."""
    if set(names) == set(details):
        return list(names)
    return sorted(details, key=lambda name: int(re.sub(r"\D", "", name) or 0))


def _fitted(array: Array, shape: tuple[int, ...]) -> Array:
    """`array` in NHWC where a file takes it so."""
    if array.ndim == 4 and array.shape != shape:
        array = np.ascontiguousarray(array.transpose(0, 2, 3, 1))
    if array.shape != shape:
        raise ValueError(f"the file takes {shape}, not {array.shape}")
    return array


def _restored(array: Array, shape: tuple[int, ...]) -> Array:
    """`array` back from NHWC where a file gives it so."""
    if array.ndim == 4 and array.shape != shape:
        array = array.transpose(0, 3, 1, 2)
    if array.shape != shape:
        raise ValueError(f"the file gives {array.shape}, not {shape}")
    return array
