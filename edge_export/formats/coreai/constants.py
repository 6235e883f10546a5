"""The constants of a Core AI program, for the check that they are finite (`formats/not_finite.py`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edge_export.formats.coreai.compile import FUNCTION, open_asset
from edge_export.formats.not_finite import Constant, Use

_FLOATS: dict[str, np.dtype[Any]] = {"f16": np.dtype(np.float16), "f32": np.dtype(np.float32)}
_NAMED = re.compile(r"dense_resource<(\w+)>")
_BYTES = re.compile(r'(\w+): "0x([0-9A-Fa-f]+)"')
_HEADER = 8
"""Hexadecimal digits before a named constant's values: their alignment."""
_USES: tuple[tuple[str, Use], ...] = (("conv", "weight"), ("shift_scale", "weight"), ("broadcasting_add", "added"))
"""The uses of constants, by a part of the names of operators."""


def float_constants(path: Path) -> Iterator[Constant]:
    """Yields every float constant of the asset in `path`, once for each of its uses."""
    from coreai._compiler.ir import DenseFPElementsAttr

    program = open_asset(path).program  # which owns the operations
    named: dict[str, str] = {}
    for operation in program._get_graph(FUNCTION).bodyRegion.blocks[0].operations:
        if operation.name != "coreai.constant":
            continue
        value = operation.attributes["value"]
        dtype = _FLOATS.get(str(value.type.element_type))
        if dtype is None:
            continue
        if DenseFPElementsAttr.isinstance(value):
            values = np.array(DenseFPElementsAttr(value))
        elif name := _NAMED.search(str(value)):
            named = named or dict(_BYTES.findall(program._module._mlir_module.operation.get_asm()))
            flat = np.frombuffer(bytes.fromhex(named[name[1]][_HEADER:]), dtype)
            values = flat.reshape(value.type.shape)
        else:
            continue
        for use in {_use(reader.owner.name) for reader in operation.results[0].uses}:
            yield Constant(values, use)


def _use(operator: str) -> Use:
    return next((use for part, use in _USES if part in operator), "")
