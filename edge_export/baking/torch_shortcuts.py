"""Spares PyTorch work that it does anew for each program, or for each of its passes. Nothing comes out otherwise.

Each holds as long as the process lives.
"""

from __future__ import annotations

from functools import cache


@cache
def keep_composite_operators() -> None:
    """Has `torch.export` list its composite operators again only when there are new ones.

    It lists all of them for each library of operators, some forty times for each time that a program is decomposed: a
    quarter of the time that ExecuTorch takes for a small network.
    """
    import torch
    from torch._export import utils

    listed: set[str] = set()
    list_all = utils._materialize_cpp_cia_ops

    def list_new() -> None:
        present = torch._C._dispatch_get_registrations_for_dispatch_key("CompositeImplicitAutograd")
        if not listed.issuperset(present):
            list_all()
            listed.update(present)

    utils._materialize_cpp_cia_ops = list_new


@cache
def keep_onnx_operators() -> None:
    """Has `torch.onnx` translate its operators once, and not for each program."""
    from torch.onnx._internal._lazy_import import onnxscript_apis  # type: ignore[attr-defined]

    onnxscript_apis.get_torchlib_ops = cache(onnxscript_apis.get_torchlib_ops)


@cache
def share_history() -> None:
    """Lets new nodes of a graph share the history of the nodes that they were made from.

    PyTorch copies the whole history of a node, which grows with every pass, for each node that is made from it: a
    quarter of the time that ExecuTorch takes for a separator. Nothing changes an entry once it is made.
    """
    from torch.fx.traceback import NodeSource

    NodeSource.__deepcopy__ = lambda source, memo: source  # type: ignore[attr-defined]
