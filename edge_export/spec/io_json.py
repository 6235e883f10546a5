"""An `IOSpec` as JSON and back, for manifests and for worker processes."""

from __future__ import annotations

import math
import re
from dataclasses import asdict
from typing import Any

from edge_export.spec.tensors import IOSpec, Stream, TensorSpec

# What every format can keep as a name: Core ML allows no dots or dashes, and no digit first.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
_DTYPES = ("float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool")
_TENSOR_KEYS = {"name", "shape", "dtype", "layout", "unit", "mean", "std"}
_KEYS = {"inputs", "outputs", "feedback", "labels", "stream"}
_STREAM_NUMBERS = {"sample_rate": 1_000_000, "hop": 2**20, "frames_per_call": 2**16, "delay": 2**20}
_MAX_STEMS = 64
_MAX_TEXT = 200
_MAX_TENSORS = 64
_MAX_LABELS = 100_000
_MAX_CHANNELS = 1024
_MAX_ELEMENTS = 2**31


def io_to_json(io: IOSpec) -> dict[str, Any]:
    """`io` as plain dicts, lists, strings and numbers."""
    return {
        "inputs": [_tensor_to_json(spec) for spec in io.inputs],
        "outputs": [_tensor_to_json(spec) for spec in io.outputs],
        "feedback": [list(pair) for pair in io.feedback],
        "labels": list(io.labels),
        "stream": None if io.stream is None else asdict(io.stream) | {"stems": list(io.stream.stems)},
    }


def io_from_json(data: Any) -> IOSpec:
    """The `IOSpec` that `io_to_json` wrote. The data may come from anywhere.

    Raises:
        ValueError: With every problem found, in one line: names, shapes or types that no member can have.
    """
    problems: list[str] = []
    if not isinstance(data, dict):
        raise ValueError(f"io must be an object, not {type(data).__name__}")
    if unknown := sorted(set(map(str, data)) - _KEYS):
        problems.append(f"unknown keys {unknown}")
    inputs = _tensors(data.get("inputs"), "inputs", problems)
    outputs = _tensors(data.get("outputs"), "outputs", problems)
    names = [spec.name for spec in inputs + outputs]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        problems.append(f"names used twice: {repeated}")
    feedback = _feedback(data.get("feedback", []), inputs, outputs, problems)
    labels = data.get("labels", [])
    if not isinstance(labels, list) or len(labels) > _MAX_LABELS or not all(map(_is_text, labels)):
        problems.append("labels must be a list of short strings")
        labels = []
    stream = _stream(data.get("stream"), problems)
    if problems:
        raise ValueError("io: " + "; ".join(problems))
    return IOSpec(inputs, outputs, feedback, tuple(labels), stream)


def _tensor_to_json(spec: TensorSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "shape": list(spec.shape),
        "dtype": spec.dtype,
        "layout": spec.layout,
        "unit": spec.unit,
        **({"mean": list(spec.mean), "std": list(spec.std)} if spec.mean or spec.std else {}),
    }


def _tensors(data: Any, where: str, problems: list[str]) -> tuple[TensorSpec, ...]:
    if not isinstance(data, list) or not 0 < len(data) <= _MAX_TENSORS:
        problems.append(f"{where} must be a list of 1 to {_MAX_TENSORS} tensors")
        return ()
    specs = [_tensor(item, f"{where}[{index}]", problems) for index, item in enumerate(data)]
    return tuple(spec for spec in specs if spec is not None)


def _tensor(data: Any, where: str, problems: list[str]) -> TensorSpec | None:
    if not isinstance(data, dict):
        problems.append(f"{where} must be an object")
        return None
    before = len(problems)
    if unknown := sorted(set(map(str, data)) - _TENSOR_KEYS):
        problems.append(f"{where} has unknown keys {unknown}")
    name, shape, dtype = data.get("name"), data.get("shape"), data.get("dtype", "float32")
    layout, unit = data.get("layout", ""), data.get("unit", "")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        problems.append(f"{where}.name must match {_NAME.pattern}, not {name!r:.80}")
    if not isinstance(shape, list) or len(shape) > 8 or not all(type(n) is int and n > 0 for n in shape):
        problems.append(f"{where}.shape must be a list of at most 8 positive integers")
    elif _product(shape) >= _MAX_ELEMENTS:
        problems.append(f"{where}.shape has {_MAX_ELEMENTS} elements or more")
    if dtype not in _DTYPES:
        problems.append(f"{where}.dtype must be one of {', '.join(_DTYPES)}, not {dtype!r:.80}")
    if not _is_text(layout) or (layout and isinstance(shape, list) and len(layout) != len(shape)):
        problems.append(f"{where}.layout must have one letter per axis, or none")
    if not _is_text(unit):
        problems.append(f"{where}.unit must be a short string")
    mean, std = data.get("mean", []), data.get("std", [])
    if not (_are_numbers(mean) and _are_numbers(std) and len(mean) == len(std) and all(value > 0 for value in std)):
        problems.append(f"{where}.mean and .std must be lists of as many numbers, and std positive")
    if len(problems) > before:
        return None
    assert isinstance(name, str)
    assert isinstance(shape, list)
    return TensorSpec(name, tuple(shape), dtype, layout, unit, tuple(mean), tuple(std))


def _feedback(
    data: Any, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...], problems: list[str]
) -> tuple[tuple[str, str], ...]:
    if not isinstance(data, list) or not all(
        isinstance(pair, list) and len(pair) == 2 and all(map(_is_text, pair)) for pair in data
    ):
        problems.append("feedback must be a list of [output name, input name]")
        return ()
    sources, sinks = {spec.name: spec for spec in outputs}, {spec.name: spec for spec in inputs}
    for source, sink in data:
        if source not in sources or sink not in sinks:
            problems.append(f"feedback {source!r:.80} to {sink!r:.80} does not name an output and an input")
        elif (sources[source].shape, sources[source].dtype) != (sinks[sink].shape, sinks[sink].dtype):
            problems.append(f"feedback {source} to {sink}: their shapes or types differ")
    if len({sink for _, sink in data}) < len(data):
        problems.append("an input is fed back twice")
    return tuple((source, sink) for source, sink in data)


def _stream(data: Any, problems: list[str]) -> Stream | None:
    if data is None:
        return None
    if not isinstance(data, dict) or set(data) != {*_STREAM_NUMBERS, "stems"}:
        problems.append(f"stream must be an object of {', '.join(_STREAM_NUMBERS)} and stems")
        return None
    before = len(problems)
    for name, most in _STREAM_NUMBERS.items():
        if type(data[name]) is not int or not (name != "delay") <= data[name] <= most:
            problems.append(f"stream.{name} must be a whole number up to {most}, not {data[name]!r:.80}")
    stems = data["stems"]
    if not isinstance(stems, list) or not 0 < len(stems) <= _MAX_STEMS or not all(map(_is_name, stems)):
        problems.append(f"stream.stems must be 1 to {_MAX_STEMS} names that match {_NAME.pattern}")
    elif len(set(stems)) < len(stems):
        problems.append("stream.stems has a name twice")
    if len(problems) > before:
        return None
    return Stream(**{name: data[name] for name in _STREAM_NUMBERS}, stems=tuple(stems))


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _MAX_TEXT


def _are_numbers(value: Any) -> bool:
    if not isinstance(value, list) or len(value) > _MAX_CHANNELS:
        return False
    return all(type(number) in (int, float) and math.isfinite(number) for number in value)


def _product(shape: list[int]) -> int:
    product = 1
    for n in shape:
        product *= n
    return product
