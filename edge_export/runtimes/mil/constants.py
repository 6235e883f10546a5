"""The constants of a Core ML program, for the check that they are finite (`formats/not_finite.py`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edge_export.formats.coreml.library import protobuf
from edge_export.formats.not_finite import Constant, Use
from edge_export.runtimes.mil.package import constant, open_package
from edge_export.runtimes.mil.program import operations

_LAYERS = ("conv", "conv_transpose", "linear")
_USES: dict[tuple[str, str], Use] = {
    **{(name, "weight"): "weight" for name in _LAYERS},
    **{(name, "bias"): "added" for name in _LAYERS},
    **{("matmul", argument): "weight" for argument in ("x", "y")},
    **{(name, argument): "added" for name in ("add", "sub", "mul") for argument in ("x", "y")},
}
"""The uses of arguments, by operator. All of an operator that widens compressed weights are theirs."""
_WIDENS = "constexpr_"
_FLOATS = ("FLOAT16", "FLOAT32")


def float_constants(path: Path) -> Iterator[Constant]:
    """Yields every float constant of the package in `path`, once for each of its uses."""
    package = open_package(path)
    each = list(operations(package))
    floats = [protobuf("MIL").DataType.Value(name) for name in _FLOATS]
    uses = _uses(each)
    for operation in each:
        for name, value in operation.attributes.items():
            if value.type.WhichOneof("type") != "tensorType" or value.type.tensorType.dataType not in floats:
                continue
            values = np.asarray(constant(package, value))
            of_value = operation.type == "const" and name == "val"
            own: set[Use] = uses.get(operation.outputs[0].name, {""}) if of_value else {"weight"}
            yield from (Constant(values, use) for use in own)


def _uses(each: list[Any]) -> dict[str, set[Use]]:
    """Returns how operations use values, by their names."""
    uses: dict[str, set[Use]] = {}
    for operation in each:
        for argument, bound in operation.inputs.items():
            use = "weight" if operation.type.startswith(_WIDENS) else _USES.get((operation.type, argument))
            for binding in bound.arguments:
                if use and binding.WhichOneof("binding") == "name":
                    uses.setdefault(binding.name, set()).add(use)
    return uses
