"""Imports and runs ExecuTorch's compiler without what it hardly ever needs.

It imports Inductor, half of the time, for one pass, which undoes `auto_functionalized`: custom operators that write to
their inputs, in functional form. The pass stays away until a program has one.
"""

from __future__ import annotations

import importlib
import sys
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.export import ExportedProgram
    from torch.fx import GraphModule

_PASS, _FUNCTION = "torch.export._remove_auto_functionalized_pass", "unsafe_remove_auto_functionalized_pass"


@cache
def bindings() -> Any:
    """Returns the module of the C++ runtime. The package's Python module for it imports the compiler, too."""
    import torch  # noqa: F401 the runtime is linked with it

    return importlib.import_module("executorch.extension.pybindings._portable_lib")


@cache
def import_exir() -> None:
    """Imports `executorch.exir`. Call it before any other import of the compiler."""
    if _PASS not in sys.modules:
        late = ModuleType(_PASS)
        setattr(late, _FUNCTION, _remove_auto_functionalized)
        sys.modules[_PASS] = late
        try:
            importlib.import_module("executorch.exir")
        finally:
            del sys.modules[_PASS]


@cache
def look_for_few_patterns() -> None:
    """Has XNNPACK's passes look for a pattern only where it may be. They export and lower six networks as patterns.

    Attention has a softmax. Bilinear resizing stays one operator on the way to XNNPACK, which its pass leaves as it is.
    """
    from executorch.backends.xnnpack._passes.convert_to_sdpa import ConvertToSDPAPass
    from executorch.backends.xnnpack._passes.xnnpack_pass import XNNPACKPass
    from executorch.backends.xnnpack.partition.graphs import bilinear_2d

    convert = ConvertToSDPAPass.call

    def convert_where_attention_may_be(convert_to_sdpa: Any, module: GraphModule) -> Any:
        if any("softmax" in str(node.target) for node in module.graph.nodes):
            return convert(convert_to_sdpa, module)
        return XNNPACKPass.call(convert_to_sdpa, module)

    ConvertToSDPAPass.call = convert_where_attention_may_be
    bilinear_2d.get_graphs_dict = dict


def _remove_auto_functionalized(program: ExportedProgram) -> ExportedProgram:
    """Does to a program, in place, what torch's pass does: the pass itself where it has something to undo."""
    import torch
    from torch._higher_order_ops import auto_functionalize

    late = (auto_functionalize.auto_functionalized, auto_functionalize.auto_functionalized_v2)
    if any(node.target in (*late, torch.ops.aten.copy_.default) for node in program.graph.nodes):
        removed: ExportedProgram = getattr(importlib.import_module(_PASS), _FUNCTION)(program)
        return removed
    with program.graph_module._set_replace_hook(program.graph_signature.get_replace_hook()):
        program.graph.eliminate_dead_code()
    return program
