"""Reads every tensor of a TensorFlow Lite file, with LiteRT's option to preserve all tensors.

With this option XNNPACK computes one operator at a time. Its kernels are those that run in an app, but it does not fuse
across operators. int8 tensors are dequantized.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge_export.bisect.inside import Operator, values_of
from edge_export.bisect.values import Value
from edge_export.files.arrays import Array
from edge_export.formats.tflite.compile import SIGNATURE
from edge_export.spec.tensors import IOSpec

_DELEGATED = "DELEGATE"  # an additional entry in the list for each operator that a delegate runs


def look_inside(path: Path, io: IOSpec, samples: Sequence[Mapping[str, Array]]) -> tuple[list[Value], list[str]]:
    """Returns the values of all operators on `samples`, and the names of those that are the outputs of `io`."""
    from ai_edge_litert.interpreter import Interpreter

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # LiteRT warns that this takes memory
        interpreter = Interpreter(str(path), num_threads=1, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    details = {entry["index"]: entry for entry in interpreter.get_tensor_details()}
    calls = [call for call in interpreter._get_ops_details() if call["op_name"] != _DELEGATED]
    written = {index for call in calls for index in call["outputs"]}
    runner = interpreter.get_signature_runner(SIGNATURE)
    inputs, outputs = runner.get_input_details(), runner.get_output_details()
    del runner  # the interpreter's invoke() fails while the runner holds a reference to it
    names = _unique_names(details)

    def operator(call: Mapping[str, Any]) -> Operator:
        reads = [index for index in call["inputs"] if index >= 0]
        constants = [names[i] for i in reads if i not in written]
        return Operator(
            call["op_name"],
            tuple(names[i] for i in call["outputs"]),
            tuple(names[i] for i in reads if i in written),
            tuple(constants),
        )

    seen = []
    for sample in samples:
        for name, array in sample.items():
            interpreter.set_tensor(inputs[name]["index"], array)
        interpreter.invoke()
        seen.append({names[i]: _numbers(interpreter.get_tensor(i), details[i]) for i in sorted(written)})
    return values_of([operator(call) for call in calls], seen), [names[outputs[s.name]["index"]] for s in io.outputs]


def _unique_names(details: Mapping[int, Mapping[str, Any]]) -> dict[int, str]:
    """Returns unique names of the tensors. In the file, several may share a name, or have none."""
    taken: set[str] = set()
    names = {}
    for index, entry in details.items():
        name = entry["name"] or f"tensor {index}"
        if name in taken:
            name = f"{name} (tensor {index})"
        taken.add(name)
        names[index] = name
    return names


def _numbers(array: Array, details: Mapping[str, Any]) -> Array:
    """Returns a copy of `array`, dequantized to floating point if it is quantized."""
    scales = details["quantization_parameters"]["scales"]
    if not len(scales) or array.dtype.kind == "f":
        return np.array(array)
    zero_points = details["quantization_parameters"]["zero_points"]
    axis = details["quantization_parameters"]["quantized_dimension"]
    shape = [-1 if len(scales) > 1 and axis == at else 1 for at in range(array.ndim)]
    exact = array.astype(np.float32) - np.reshape(zero_points, shape).astype(np.float32)
    return np.asarray(exact * np.reshape(scales, shape))
