"""The operator that a library stumbled over is found in its message or in its log."""

from __future__ import annotations

import pytest

from edge_export.formats.reasons import reason_of
from edge_export.workers import WorkerError

# As the libraries print them: (message, end of the log, what the user reads).
SAID = (
    (
        "RuntimeError: Failed to load method forward, error: 0x:14",
        "[method.cpp:819] Missing operator: [0] aten::sort.values\n[method.cpp:1125] There are 1 instructions",
        "ExecuTorch has no kernel for aten::sort.values",
    ),
    (
        "RuntimeError: method->execute() failed with error 0x12",
        "[method.cpp:1480] KernelCall failed at instruction 0:0 in operator aten::constant_pad_nd.out: 0x12",
        "ExecuTorch's aten::constant_pad_nd.out refuses its inputs",
    ),
    (
        "SpecViolationError: Operator torch._ops.aten.cumprod.default is not in Core ATen opset (https://…)",
        "",
        "ExecuTorch does not take aten.cumprod.default",
    ),
    (
        "DispatchError: No ONNX function found for <OpOverload(op='aten._cdist_forward', overload='default')>.",
        "",
        "torch's ONNX exporter does not take aten._cdist_forward",
    ),
    ("NotImplementedError: Unsupported fx node cdist, kind cdist", "", "coremltools does not take cdist"),
    ("RuntimeError: Lowering not found: aten.lgamma.default", "", "litert-torch does not take aten.lgamma.default"),
    (
        "RuntimeError: tensorflow/lite/…: fast path failed",
        "ERROR: Encountered unresolved custom op: ONNX_SLICE.",
        "LiteRT has no operator ONNX_SLICE",
    ),
    (
        "RuntimeError: We ran into an error when deserializing the saved file.",
        "SerializeError: We failed to resolve torch.ops.own.gate.default to an operator. If it's a custom op",
        "no converter knows the operator own.gate (net.py:7 in forward)",
    ),
    (
        "DispatchError: No ONNX function found for <OpOverload(op='aten._linalg_svd', overload='default')>.",
        "",
        "torch's ONNX exporter does not take aten._linalg_svd (net.py:9 in forward)",
    ),
    ("ValueError: nobody knows", "Traceback (most recent call last):", "ValueError: nobody knows"),
)


@pytest.mark.parametrize(("message", "tail", "expected"), SAID)
def test_the_operator_is_named(message: str, tail: str, expected: str) -> None:
    lines = {"gate": "net.py:7 in forward", "linalg_svdvals": "net.py:9 in forward"}
    told = reason_of(WorkerError(message, "exception", tail), lines)
    assert told.split(": write it")[0] == expected
