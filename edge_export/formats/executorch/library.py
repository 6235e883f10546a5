"""Imports ExecuTorch's compiler and runtime without what they hardly ever need of PyTorch: Inductor, half of the time.

Inductor is imported for one pass, which undoes `auto_functionalized`: custom operators that write to their inputs, in
functional form. The pass stays away until a program has one.
"""

from __future__ import annotations

import importlib
import sys
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch.export import ExportedProgram

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
