"""Opens an `.mlpackage` folder and reads the specification, the types and the constants of its program.

Nothing in a package is trusted. Anything missing, truncated or contradictory raises a ValueError that names it.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from edge_export.files.arrays import Array
from edge_export.formats.coreml.library import protobuf
from edge_export.runtimes.mil.types import SCALARS, TensorType, rounded, unpacked
from edge_export.runtimes.mil.weights import WeightFile

_MODEL_FOLDER = "@model_path"


@dataclass(frozen=True)
class Package:
    """An open package.

    Attributes:
        spec: The specification, a `Model` message with an `mlProgram`.
        folder: The folder of the model file. The names of weight files are relative to it.
    """

    spec: Any
    folder: Path
    _files: dict[Path, WeightFile] = field(default_factory=dict, repr=False)

    def weight_file(self, name: str) -> WeightFile:
        """Returns the weight file that a program calls `name`, such as "@model_path/weights/weight.bin"."""
        prefix, _, inner = name.partition("/")
        if prefix != _MODEL_FOLDER:
            raise ValueError(f"the weight file's name is {name!r}, not {_MODEL_FOLDER}/…")
        path = self.folder / _inside(inner)
        if path not in self._files:
            self._files[path] = WeightFile(path)
        return self._files[path]


def open_package(path: Path) -> Package:
    """Reads the manifest and the model file of the package at `path`.

    Raises:
        ValueError: `path` is not a package, or the package holds no ML program.
    """
    from google.protobuf.message import DecodeError

    model = _model_file(path)
    spec = protobuf("Model").Model()
    try:
        spec.ParseFromString(model.read_bytes())
    except DecodeError as error:
        raise ValueError(f"{path.name}: its model file cannot be decoded: {error}") from None
    except OSError as error:
        raise ValueError(f"{path.name}: its model file cannot be read: {error.strerror}") from None
    kind = spec.WhichOneof("Type")
    if kind != "mlProgram":
        raise ValueError(f"{path.name} holds no ML program, but {kind or 'nothing'}")
    return Package(spec, model.parent)


def scalar_name(number: int) -> str:
    """Returns the name of the element type `number` in MIL's protobuf."""
    names = protobuf("MIL").DataType.DESCRIPTOR.values_by_number
    return str(names[number].name) if number in names else f"number {number}"


def tensor_type(value_type: Any) -> TensorType:
    """Returns the tensor type that a `ValueType` message declares.

    Raises:
        ValueError: The message declares no tensor, or an element type that is not evaluated.
    """
    kind = value_type.WhichOneof("type")
    if kind != "tensorType":
        raise ValueError(f"a value has {kind or 'no type'}, not a tensor type")
    declared = value_type.tensorType
    name = scalar_name(declared.dataType)
    if name not in SCALARS:
        raise ValueError(f"a tensor is of type {name}, which is not evaluated")
    if declared.rank != len(declared.dimensions):
        raise ValueError(f"a tensor of rank {declared.rank} has {len(declared.dimensions)} dimensions")
    return TensorType(SCALARS[name], tuple(_size(dimension) for dimension in declared.dimensions))


def constant(package: Package, value: Any) -> Any:
    """Returns a `Value` message as an array of its type's `held` dtype. A string of rank 0 is returned as a str.

    Raises:
        ValueError: The value contradicts its type, or its blob cannot be read.
    """
    declared = tensor_type(value.type)
    if None in declared.shape:
        raise ValueError(f"a constant is declared as {declared}")
    if value.WhichOneof("value") == "blobFileValue":
        blob = value.blobFileValue
        return package.weight_file(blob.fileName).read(blob.offset, declared)
    if value.immediateValue.WhichOneof("value") != "tensor":
        raise ValueError(f"a constant declared as {declared} has no tensor value")
    return _immediate(value.immediateValue.tensor, declared)


def _immediate(tensor: Any, declared: TensorType) -> Any:
    count = math.prod(size or 0 for size in declared.shape)
    kind = tensor.WhichOneof("value")
    if kind == "bytes":
        return unpacked(tensor.bytes.values, count, declared.scalar).reshape(declared.shape)
    values = getattr(tensor, kind).values if kind else []
    if (kind == "strings") != (declared.scalar.name == "string") or len(values) != count:
        raise ValueError(f"a constant declared as {declared} has {len(values)} {kind or 'values'}")
    if kind == "strings":
        return values[0] if declared.shape == () else np.array(list(values), object).reshape(declared.shape)
    return rounded(np.array(list(values)), declared.scalar).reshape(declared.shape)


def _size(dimension: Any) -> int | None:
    return int(dimension.constant.size) if dimension.WhichOneof("dimension") == "constant" else None


def _model_file(package: Path) -> Path:
    try:
        manifest = json.loads((package / "Manifest.json").read_text("utf-8"))
        item = manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]["path"]
    except OSError as error:
        raise ValueError(f"{package.name}: its Manifest.json cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{package.name}: its Manifest.json names no model: {error!r}") from None
    return package / "Data" / _inside(item)


def _inside(path: Any) -> Path:
    """Returns `path` if it is relative and stays inside of the package."""
    if not isinstance(path, str) or not path or PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise ValueError(f"the path {path!r} leads out of the package")
    return Path(path)


def as_output(array: Array, dtype: str) -> Array:
    """Returns a contiguous copy of `array` of type `dtype`, for the caller of a runtime."""
    return np.array(array, dtype=dtype, order="C")
