"""Operators of an ExecuTorch program outside of its delegates, computed by PyTorch's operators of the same names."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from edge_export.formats.executorch.library import bindings
from edge_export.formats.executorch.opened import OpenProgram, spec_of

_NAMESPACES = ("aten", "dim_order_ops")


@functools.cache
def _known() -> frozenset[str]:
    return frozenset(bindings()._get_operator_names())


def runs_kernel(name: str) -> bool:
    """Returns whether an operator, such as "aten::add.out", is one of ExecuTorch's kernels that PyTorch has, too."""
    space, _, rest = name.partition("::")
    return name in _known() and space in _NAMESPACES and rest.endswith("out")


def kernel_of(program: OpenProgram, call: Any) -> Callable[[dict[int, Any]], None]:
    """Returns a function that runs a `KernelCall` on values by their index, and adds its results to them."""
    import numpy as np
    import torch
    from executorch.exir.passes import dim_order_ops_registry  # noqa: F401 it registers dim_order_ops

    space, _, name = program.kernel_name(call).partition("::")
    operator = getattr(getattr(getattr(torch.ops, space), name.partition(".")[0]), name.partition(".")[2])
    parameters = operator._schema.arguments
    written = [index for index, each in zip(call.args, parameters, strict=False) if each.is_out]

    def value_of(values: dict[int, Any], index: int) -> Any:
        from executorch.exir import schema

        value = program.plan.values[index].val
        if isinstance(value, schema.Tensor):
            if index in written:
                spec = spec_of(value)
                return torch.empty(spec.shape, dtype=getattr(torch, spec.dtype))
            return torch.from_numpy(np.ascontiguousarray(values[index]))
        if isinstance(value, (schema.IntList, schema.TensorList)):
            return [value_of(values, item) for item in value.items]
        if isinstance(value, schema.OptionalTensorList):
            return [None if item < 0 else value_of(values, item) for item in value.items]
        return values[index]

    def step(values: dict[int, Any]) -> None:
        given = [(each, value_of(values, index)) for index, each in zip(call.args, parameters, strict=False)]
        positional = [value for each, value in given if not each.kwarg_only]
        operator(*positional, **{each.name: value for each, value in given if each.kwarg_only})
        for index, (_, value) in zip(call.args, given, strict=False):
            if index in written:
                values[index] = value.numpy()

    return step
