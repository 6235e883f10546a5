"""Runs a network in float32 and, beside it, with every constant and every result rounded to float16.

Sums inside one operator are exact, as in kernels that add up in float32. A mask of numbers below -1e8 may become any
other very negative number, and so do constants beyond the range of float16, as in the files.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx
from torch.utils._pytree import tree_map

LARGEST, SMALLEST = torch.finfo(torch.float16).max, torch.finfo(torch.float16).tiny
VANISHES = 2.0**-25
"""Up to this number, float16 rounds to 0."""
MASK = -1e8
"""Numbers below are those of masks, such as -1e9 before a softmax: any very negative number does."""
FEWEST_DB = 40.0
"""Results below have lost digits: one rounding leaves 66 dB or more."""


@dataclass(frozen=True)
class _Both:
    """What an operator gives: in float32, and in float16."""

    exact: Any
    rounded: Any


class RoundedRun(fx.Interpreter):
    """Runs a network both ways on one sample after the other, and keeps how its operators' results differ.

    Attributes:
        peaks: The largest absolute value of each operator in float32, without that of masks.
    """

    def __init__(self, network: fx.GraphModule) -> None:
        super().__init__(network)
        self.peaks: dict[fx.Node, float] = {}
        self._powers: dict[fx.Node, tuple[float, float]] = {}
        self._not_finite: set[fx.Node] = set()

    def run_both(self, *inputs: Tensor) -> None:
        """Runs the network on one sample."""
        with torch.no_grad():
            self.run(*(_Both(each, _rounded(each)) for each in inputs))

    def run_node(self, n: fx.Node) -> Any:
        args, named = self.fetch_args_kwargs_from_env(n)
        if n.op in ("placeholder", "output"):
            return getattr(self, n.op)(n.target, args, named)
        if n.op == "get_attr":
            value = self.get_attr(n.target, args, named)  # type: ignore[arg-type]
            return _Both(value, _rounded(value, clamped=True))
        exact = getattr(self, n.op)(n.target, *tree_map(_exact, (args, named)))
        result = _Both(exact, tree_map(_rounded, self._in_half(n, args, named, exact)))
        if isinstance(result.exact, Tensor) and result.exact.is_floating_point():
            self._keep(n, result.exact, result.rounded)
        return result

    def _in_half(self, node: fx.Node, args: Any, named: Any, exact: Any) -> Any:
        """Returns what an operator gives of rounded values, or `exact`, what it gives without.

        It is `exact` of loops, which may not end in float16, and where an operator takes no rounded values: an index
        that was computed may be out of its range.
        """
        if isinstance(node.target, torch._ops.HigherOrderOperator):
            return exact
        try:
            return getattr(self, node.op)(node.target, *tree_map(_in_half, (args, named)))
        except Exception:  # operators raise many unrelated types
            return exact

    def snr_db(self, node: fx.Node) -> float:
        """Returns how far an operator's results are from those in float32, over all samples."""
        signal, noise = self._powers.get(node, (1.0, 0.0))
        if node in self._not_finite:
            return -math.inf
        return math.inf if noise == 0 else 10 * math.log10(max(signal, 1e-300) / noise)

    def first_not_finite(self) -> fx.Node | None:
        """Returns the first operator that makes an output NaN or infinite which is a number in float32."""
        return self._origin(self._not_finite)

    def first_coarse(self) -> fx.Node | None:
        """Returns the first operator that makes an output coarse. None: no output is."""
        return self._origin({node for node in self._powers if self.snr_db(node) < FEWEST_DB})

    def vanished(self, node: fx.Node) -> list[tuple[float, fx.Node]]:
        """Returns the numbers other than 0 that float16 rounds to 0, with their operators, on which `node` depends."""
        behind = _behind(node)
        return [
            (argument, each)
            for each in self.graph.nodes
            if each in behind and each.op == "call_function"
            for argument in (*each.args, *each.kwargs.values())
            if isinstance(argument, float) and 0 < abs(argument) <= VANISHES
        ]

    def _origin(self, bad: set[fx.Node]) -> fx.Node | None:
        """Returns the first of the bad operators from which only bad ones lead to an output."""
        reached, left = set(), list(self.graph.output_node().all_input_nodes)
        while left:
            node = left.pop()
            if node in reached or (node.op == "call_function" and node in self._powers and node not in bad):
                continue
            reached.add(node)
            left += node.all_input_nodes
        return next((node for node in self.graph.nodes if node in reached and node in bad), None)

    def _keep(self, node: fx.Node, exact: Tensor, rounded: Tensor) -> None:
        known = exact.isfinite() & (exact > MASK)
        kept, other = exact[known].double(), rounded[known].double()
        self.peaks[node] = max(self.peaks.get(node, 0.0), float(kept.abs().max()) if kept.numel() else 0.0)
        if not other.isfinite().all():
            self._not_finite.add(node)
            other = kept
        signal, noise = self._powers.get(node, (0.0, 0.0))
        self._powers[node] = signal + float(kept.square().sum()), noise + float((kept - other).square().sum())


def _exact(value: Any) -> Any:
    return value.exact if isinstance(value, _Both) else value


def _in_half(value: Any) -> Any:
    if isinstance(value, _Both):
        return value.rounded
    if isinstance(value, float) and math.isfinite(value):
        return float(torch.tensor(max(-LARGEST, min(LARGEST, value))).half())
    return value


def _rounded(value: Any, clamped: bool = False) -> Any:
    if not isinstance(value, Tensor) or not value.is_floating_point():
        return value
    if clamped:
        value = torch.where(value.isfinite(), value.clamp(-LARGEST, LARGEST), value)
    return value.half().to(value.dtype)


def _behind(node: fx.Node) -> set[fx.Node]:
    """Returns a node and all on which it depends."""
    found: set[fx.Node] = set()
    left = [node]
    while left:
        each = left.pop()
        if each not in found:
            found.add(each)
            left += each.all_input_nodes
    return found
