"""Find constants of a Core AI program that no right conversion writes: weights that are NaN, or infinite biases.

Numbers alone do not show them all. A bias of -inf before a ReLU gives 0 and turns one channel off, which int8's
tolerance may allow. float16 turns a bias beyond 65,504 into such a one.

An infinite value is right in a mask, and as a bound: neither is a vector whose other values are weights.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_export.files.arrays import Array

if TYPE_CHECKING:
    from coreai.authoring import AIProgram

_FLOATS: dict[str, np.dtype[Any]] = {"f16": np.dtype(np.float16), "f32": np.dtype(np.float32)}
_NAMED = re.compile(r"dense_resource<(\w+)>")
_BYTES = re.compile(r'(\w+): "0x([0-9A-Fa-f]+)"')
_HEADER = 8
"""Hexadecimal digits before a named constant's values: their alignment."""
_ADDS = ("coreai.decomposable.broadcasting_add", "coreai.blockwise_shift_scale")
"""The operators whose constant vectors are biases and scales."""


def why_not_finite(program: AIProgram, function: str) -> str:
    """Returns a sentence about the first wrong constant of a function; empty: there is none."""
    for constant, values in _floats(program, function):
        adds = any(use.owner.name in _ADDS for use in constant.results[0].uses)
        if np.isnan(values).any():
            return f"a constant of shape {list(values.shape)} holds NaN"
        if adds and _is_infinite_vector(values):
            return f"a bias or scale of shape {list(values.shape)} holds infinite values"
    return ""


def _is_infinite_vector(values: Array) -> bool:
    """Returns whether a vector, with any axes of size 1, has infinite values beside others than 0."""
    infinite = np.isinf(values)
    return bool(values.size == max(values.shape, default=1) and infinite.any() and values[~infinite].any())


def _floats(program: AIProgram, function: str) -> Iterator[tuple[Any, Array]]:
    """Yields the operator and the values of every float constant of a function."""
    from coreai._compiler.ir import DenseFPElementsAttr

    named: dict[str, str] = {}
    for operation in program._get_graph(function).bodyRegion.blocks[0].operations:
        if operation.name != "coreai.constant":
            continue
        value = operation.attributes["value"]
        dtype = _FLOATS.get(str(value.type.element_type))
        if dtype is None:
            continue
        if DenseFPElementsAttr.isinstance(value):
            yield operation, np.array(DenseFPElementsAttr(value))
        elif name := _NAMED.search(str(value)):
            named = named or dict(_BYTES.findall(program._module._mlir_module.operation.get_asm()))
            flat = np.frombuffer(bytes.fromhex(named[name[1]][_HEADER:]), dtype)
            yield operation, flat.reshape(value.type.shape)
