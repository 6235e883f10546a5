"""What the libraries of the formats mean when they fail: the operator, instead of a code or a page of advice."""

from __future__ import annotations

import re
from collections.abc import Mapping

from edge_export.workers import WorkerError

_NAMELESS = ("", "aten", "default")
_REWRITE = "write it with plain operators, or leave the format out of the target"

# Each pattern is searched in the message, then in the end of the log. Its group is the operator.
REASONS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"failed to resolve torch\.ops\.([\w.]+?)(?:\.default)? to an op"),
        "no converter knows the operator {}",
    ),
    (re.compile(r"Missing operator: \[\d+\] ([\w:.]+)"), "ExecuTorch has no kernel for {}"),
    (re.compile(r"KernelCall failed at instruction \S+ in operator ([\w:.]*\w)"), "ExecuTorch's {} refuses its inputs"),
    (re.compile(r"\[(XNN)Executor\.cpp:\d+\] "), "ExecuTorch's {}PACK refuses its inputs"),
    (re.compile(r"Operator torch\._ops\.([\w.]+) is not in Core ATen"), "ExecuTorch does not take {}"),
    (re.compile(r"No ONNX function found for <OpOverload\(op='([\w.]+)'"), "torch's ONNX exporter does not take {}"),
    (re.compile(r"Unsupported fx node \w+, kind ([\w.]+)"), "coremltools does not take {}"),
    (re.compile(r"PyTorch convert function for op '([\w.]+)' not implemented"), "coremltools does not take {}"),
    (re.compile(r"Lowering not found: ([\w.]+)"), "litert-torch does not take {}"),
    (re.compile(r"unresolved custom op: (\w+)"), "LiteRT has no operator {}"),
    (re.compile(r"Node number \d+ \((\w+)\) failed to (?:prepare|invoke)"), "LiteRT's {} refuses its inputs"),
)


def reason_of(error: WorkerError, lines: Mapping[str, str] | None = None) -> str:
    """Returns why a converter or a runtime failed: the operator where its message or its log names one, and what to do.

    Otherwise it is the error's own message. Of a crash, it is told where in the user's file it was.

    Args:
        error: The failure.
        lines: Where the user's own file calls the operators, by their names.
    """
    for text in (str(error), error.tail):
        for pattern, reason in REASONS:
            if found := list(dict.fromkeys(pattern.findall(text))):
                named = (with_line(name, lines or {}) for name in found[:3])
                return f"{reason.format(' and '.join(named))}: {_REWRITE}"
    return str(error)


def with_line(operator: str, lines: Mapping[str, str]) -> str:
    """Returns an operator, such as "aten::_linalg_svd.default", with the line of the user's file that calls it.

    A converter may name a part of the operator that the user called: `_linalg_svd` is one of `linalg_svdvals`.
    """
    parts = [part.strip("_") for part in re.split(r"[.:]+", operator) if part.strip("_") not in _NAMELESS]
    for matches in (str.__eq__, str.startswith):
        for part in parts:
            if line := next((line for name, line in lines.items() if matches(name.strip("_"), part)), ""):
                return f"{operator} ({line})"
    return operator
