"""A Core ML package without what a small network cannot afford: its weights take less room than coremltools' words.

    equal constants          → one of them (a convolution's strides stand there once per layer)
    small constants          → in the program, where they save a weight file's 64 bytes of metadata and its padding
    names inside the program → kept for who looks inside, or short ones where they are too much
    who converted it         → left out; the bundle's manifest says so

Types, operators, their arguments and all numbers stay as they are.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_INLINE_BYTES = 512
"""Constants of up to so many bytes go into the program."""
_LETTERS = string.ascii_letters
_FILE = "@model_path/weights/weight.bin"


def compact(package: Path, *, short_names: bool = False) -> None:
    """Rewrite `package`, as coremltools saved it, in place; inputs and outputs keep their names at any rate.

    Raises:
        ValueError: A weight is of a type that is not moved.
    """
    from coremltools.proto import Model_pb2

    folder = package / "Data" / "com.apple.CoreML"
    spec = Model_pb2.Model()
    spec.ParseFromString((folder / "model.mlmodel").read_bytes())
    spec.description.metadata.ClearField("userDefined")
    for function in spec.mlProgram.functions.values():
        for block in function.block_specializations.values():
            _move_small(block, folder / "weights" / "weight.bin")
            _merge_equal(block)
            if short_names:
                _shorten_names(block, {entry.name for entry in function.inputs} | set(block.outputs))
    (folder / "model.mlmodel").write_bytes(spec.SerializeToString(deterministic=True))


def _operations(block: Any) -> Iterator[Any]:
    """The operations of a block and of the blocks inside them."""
    for operation in block.operations:
        yield operation
        for inner in operation.blocks:
            yield from _operations(inner)


def _rename(block: Any, new: Callable[[str], str]) -> None:
    """Give every value in a block another name, where it is made and where it is used."""
    for operation in block.operations:
        for argument in operation.inputs.values():
            for binding in argument.arguments:
                if binding.WhichOneof("binding") == "name":
                    binding.name = new(binding.name)
        for inner in operation.blocks:
            _rename(inner, new)
        for output in operation.outputs:
            output.name = new(output.name)
        if "name" in operation.attributes and operation.outputs:
            operation.attributes["name"].immediateValue.tensor.strings.values[:] = [operation.outputs[0].name]
    for entry in block.inputs:
        entry.name = new(entry.name)
    block.outputs[:] = [new(name) for name in block.outputs]


def _merge_equal(block: Any) -> None:
    """Leave one of the constants of equal type and value at the top level of a block."""
    kept: dict[bytes, str] = {}
    same: dict[str, str] = {}
    operations = []
    for operation in block.operations:
        if operation.type == "const":
            (output,) = operation.outputs
            value = operation.attributes["val"].SerializeToString(deterministic=True)
            first = kept.setdefault(value, output.name)
            if first != output.name and output.name not in block.outputs:
                same[output.name] = first
                continue
        operations.append(operation)
    merged = type(block)(operations=operations)
    block.ClearField("operations")
    block.operations.extend(merged.operations)
    _rename(block, lambda name: same.get(name, name))


def _shorten_names(block: Any, keep: set[str]) -> None:
    names = {name: name for name in keep}
    unused = (name for name in _short_names() if name not in keep)
    _rename(block, lambda name: names.get(name) or names.setdefault(name, next(unused)))


def _short_names() -> Iterator[str]:
    """a, b, …, Z, aa, ab, …"""
    yield from _LETTERS
    for start in _short_names():
        yield from (start + letter for letter in _LETTERS)


def _move_small(block: Any, path: Path) -> None:
    """Write the weight file anew, without what is small enough to stand in the program."""
    from coremltools.libmilstoragepython import _BlobStorageReader, _BlobStorageWriter
    from coremltools.proto import MIL_pb2

    kinds = {
        MIL_pb2.FLOAT32: "float",
        MIL_pb2.FLOAT16: "fp16",
        MIL_pb2.INT8: "int8",
        MIL_pb2.UINT8: "uint8",
    }
    values = [
        value
        for operation in _operations(block)
        for _, value in sorted(operation.attributes.items())
        if value.WhichOneof("value") == "blobFileValue"
    ]
    if not values:
        return
    old, new = path.with_suffix(".old"), path
    path.rename(old)
    reader, writer = _BlobStorageReader(str(old)), _BlobStorageWriter(str(new))
    written: dict[int, int] = {}
    for value in values:
        kind, offset = kinds.get(value.type.tensorType.dataType), value.blobFileValue.offset
        if kind is None:
            raise ValueError(f"a weight is of type {value.type.tensorType.dataType}, which is not moved")
        data = getattr(reader, f"read_{kind}_data")(offset)
        if data.nbytes > _INLINE_BYTES:
            if offset not in written:
                written[offset] = getattr(writer, f"write_{kind}_data")(data)
            value.blobFileValue.offset = written[offset]
        elif kind == "float":
            value.immediateValue.tensor.floats.values.extend(data.tolist())
        else:
            value.immediateValue.tensor.bytes.values = data.tobytes()
    old.unlink()
