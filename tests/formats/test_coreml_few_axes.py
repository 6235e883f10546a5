"""Values of more than five axes, which Core ML has not: windows of pictures, einops' patterns, products of blocks."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import torch
from legalized import Function, seeded
from test_coreml_border import compiled
from torch import nn
from torch.nn import functional as F
from torch.utils._pytree import tree_leaves

from edge_export.baking.export import export_program
from edge_export.formats.coreml.few_axes import with_few_axes

SIX = (1, 2, 3, 2, 2, 4)


def windows(s: Any, x: torch.Tensor) -> torch.Tensor:
    """Swin's: (1, 8, 8, 6) as four windows of four by four, through a layer, and back."""
    y = x.view(1, 2, 4, 2, 4, 6).permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, 16, 6)
    y = s.a(y).softmax(-1).view(-1, 4, 4, 6)
    return y.view(1, 2, 2, 4, 4, 6).permute(0, 1, 3, 2, 4, 5).contiguous().view(1, 8, 8, 6)


CASES: dict[str, tuple[tuple[int, ...], Callable[..., Any]]] = {
    "windows": ((1, 8, 8, 6), windows),
    "patches": ((1, 3, 8, 8), lambda s, x: torch.einsum("nchpwq->nhwpqc", x.reshape(1, 3, 4, 2, 4, 2)).flatten(1)),
    "shuffled pixels": (
        (1, 8, 3, 3),
        lambda s, x: x.view(1, 2, 2, 2, 3, 3).permute(0, 1, 4, 2, 5, 3).reshape(1, 2, 6, 6),
    ),
    "nothing keeps a neighbor": (
        (2, 3, 2, 3, 2, 3),
        lambda s, x: x.permute(5, 3, 1, 4, 2, 0).reshape(27, 8),
    ),
    "seven axes": ((1, 96), lambda s, x: x.view(1, 2, 2, 2, 3, 2, 2).transpose(2, 5).transpose(-1, -3).reshape(1, -1)),
    "sums": ((1, 96), lambda s, x: (x.view(SIX) * 2 + x.view(SIX).sigmoid()).flatten(1)),
    "broadcast": ((1, 96), lambda s, x: (x.view(SIX) + x.view(SIX)[:, :, :1, :, :1]).flatten(1)),
    "a constant": ((1, 96), lambda s, x: (x.view(SIX) * s.w - 1).flatten(1)),
    "a number where": ((1, 96), lambda s, x: torch.where(x.view(SIX) > 0, x.view(SIX), 0.5).flatten(1)),
    "reduced": (
        (1, 96),
        lambda s, x: x.view(SIX).sum((1, 4)).flatten(1) + x.view(SIX).mean((0, -1, 2), keepdim=True).mean(),
    ),
    "largest of each": ((1, 96), lambda s, x: x.view(SIX).amax((2, 3)).flatten(1) * x.view(SIX).sum()),
    "shares": ((1, 96), lambda s, x: x.view(SIX).softmax(2).flatten(1) + x.view(SIX).log_softmax(-1).flatten(1)),
    "parts": (
        (1, 96),
        lambda s, x: (
            torch.cat([x.view(SIX)[:, :, 1:], x.view(SIX)[:, :, :1]], 2).flatten(1)
            + torch.stack([part.exp() for part in x.view(SIX).chunk(2, 4)], 1).flatten(1)
        ),
    ),
    "picked": ((1, 96), lambda s, x: x.view(SIX)[:, :, 1].flatten(1) + x.view(SIX).unbind(2)[0].flatten(1)),
    "expanded": ((1, 4), lambda s, x: x.view(1, 1, 1, 1, 1, 4).expand(1, 2, 3, 2, 2, 4).flatten(1)),
    "products": (
        (1, 96),
        lambda s, x: (x.view(SIX).transpose(-1, -2) @ x.view(SIX)).flatten(1) + s.b(x.view(SIX)).sum() * 0.1,
    ),
    "mirrored": ((1, 96), lambda s, x: x.view(SIX).flip(2, 4).flatten(1)),
    "normalized": ((1, 96), lambda s, x: F.layer_norm(x.view(SIX), (2, 4)).flatten(1)),
}


def network(function: Callable[..., Any]) -> Function:
    torch.manual_seed(0)
    made = Function(function, a=nn.Linear(6, 6), b=nn.Linear(4, 5))
    made.w = nn.Parameter(torch.randn(1, 2, 1, 2, 1, 4))
    made.requires_grad_(False)
    return made.eval()


@pytest.mark.parametrize("case", CASES)
def test_it_is_the_same_in_five_axes(case: str) -> None:
    shape, function = CASES[case]
    made, x = network(function), seeded(*shape)
    few = with_few_axes(export_program(made, (x,)))
    calls = [node for node in few.graph.nodes if node.op == "call_function"]
    values = [value for node in calls for value in tree_leaves(node.meta.get("val"))]
    assert max(value.dim() for value in values if isinstance(value, torch.Tensor)) <= max(5, len(shape))
    torch.testing.assert_close(few.module()(x), made(x))


def test_orders_of_six_axes_are_right() -> None:
    x = seeded(1, 2 * 3 * 4 * 1 * 2 * 3)
    for order in list(permutations(range(6)))[::13]:
        made = Function(lambda s, x, order=order: x.view(2, 3, 4, 1, 2, 3).permute(order).reshape(1, -1))
        assert torch.equal(with_few_axes(export_program(made, (x,))).module()(x), made(x))


def test_files_are_right(tmp_path: Path) -> None:
    cases = {name: case for name, case in CASES.items() if case[0] == (1, 96)}

    def everything(s: Any, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(function(s, x) for _, function in cases.values())

    compiled(network(everything), {"x": seeded(1, 96)}, tmp_path)


@pytest.mark.parametrize("case", ["windows", "patches"])
def test_windows_are_right(case: str, tmp_path: Path) -> None:
    shape, function = CASES[case]
    compiled(network(function), {"x": seeded(*shape)}, tmp_path)


def test_six_axes_with_a_batch_of_one_stand_at_the_border(tmp_path: Path) -> None:
    made = Function(lambda s, x: (x.permute(0, 5, 3, 1, 4, 2) * 2, x.sum(3)))
    compiled(made, {"x": seeded(*SIX)}, tmp_path)


def test_what_has_no_form_in_five_axes_is_named() -> None:
    program = export_program(Function(lambda s, x: x.view(SIX).sort(2)[0].flatten(1)), (seeded(1, 96),))
    with pytest.raises(ValueError, match="Core ML takes at most 5 axes: sort works on 6, which do not merge"):
        with_few_axes(program)
