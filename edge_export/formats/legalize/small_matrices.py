"""Linear algebra of small matrices → its steps, written out.

    cholesky            L_ij = (A_ij − Σ_k L_ik L_jk) / L_jj, one column after the other
    solve_triangular    X_i = (B_i − Σ_j A_ij X_j) / A_ii, one row after the other
    solve, inv, det     Gauss and Jordan's elimination of [A | B]; the row with the largest value in the column is
                        swapped to the top. det A is the product of those values, with the sign of all swaps

(Golub and Van Loan, "Matrix Computations", chapters 3 and 4.) No converter takes any of them. A step is about 15
operators on whole rows, so that matrices of more than 32 rows are refused.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from edge_export.formats.legalize.products import product
from edge_export.formats.legalize.rule import Refused, Rule

_MOST_ROWS = 32


def _is_too_large(x: Tensor) -> Refused | None:
    rows = x.shape[-1]
    return Refused(f"{rows} rows are more than {_MOST_ROWS}: the steps are written out") if rows > _MOST_ROWS else None


def _cholesky(x: Tensor, upper: bool = False) -> Any:
    if refused := _is_too_large(x):
        return refused
    size = x.shape[-1]
    columns: list[Tensor] = []
    for j in range(size):
        column = x[..., j, j:] if upper else x[..., j:, j]
        if columns:
            before = torch.stack([each[..., j:] for each in columns], -1)
            column = column - (before * before[..., :1, :]).sum(-1)
        column = column / torch.sqrt(column[..., :1])
        columns.append(torch.nn.functional.pad(column, (j, 0)))
    return torch.stack(columns, -2 if upper else -1)


def _solve_triangular(x: Tensor, b: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Any:
    if refused := _is_too_large(x):
        return refused
    if not left:
        found = _solve_triangular(x.mT, b.mT, upper=not upper, unitriangular=unitriangular)
        return found.mT
    shape = torch.broadcast_shapes(x.shape[:-2], b.shape[:-2])
    b = b.expand(*shape, *b.shape[-2:])
    order = list(range(x.shape[-1]))
    rows: dict[int, Tensor] = {}
    for i in reversed(order) if upper else order:
        row = b[..., i : i + 1, :]
        for j, known in rows.items():
            row = row - x[..., i : i + 1, j : j + 1] * known
        rows[i] = row if unitriangular else row / x[..., i : i + 1, i : i + 1]
    return torch.cat([rows[i] for i in order], -2)


def _old_solve_triangular(
    b: Tensor, x: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> Any:
    x, upper = (x.mT, not upper) if transpose else (x, upper)
    found = _solve_triangular(x, b, upper=upper, unitriangular=unitriangular)
    return found if isinstance(found, Refused) else (found, x)


def _cholesky_solve(b: Tensor, factor: Tensor, upper: bool = False) -> Any:
    if refused := _is_too_large(factor):
        return refused
    lower = factor.mT if upper else factor
    half = _solve_triangular(lower, b, upper=False)
    return _solve_triangular(lower.mT, half, upper=True)


def _identity(x: Tensor) -> Tensor:
    return torch.eye(x.shape[-1], dtype=x.dtype).expand(x.shape)


def _cholesky_inverse(factor: Tensor, upper: bool = False) -> Any:
    return _cholesky_solve(_identity(factor), factor, upper)


def _eliminated(x: Tensor, b: Tensor | None) -> tuple[Tensor | None, Tensor, Tensor]:
    """Returns x⁻¹ b, the pivots `(…, n)`, and the sign of the swaps `(…)`."""
    size = x.shape[-1]
    whole = x if b is None else torch.cat([x, b], -1)
    order = torch.arange(size, dtype=torch.float32).unsqueeze(-1)
    pivots, signs = [], []
    for k in range(size):
        column = torch.abs(whole[..., k:, k : k + 1])
        is_most = column >= column.amax(-2, keepdim=True)
        none = torch.full([1] * column.dim(), float(size))
        chosen = torch.where(is_most, order[k:], none).amin(-2, keepdim=True)
        rows = whole.narrow(-2, k, size - k)
        zero = torch.zeros([1] * rows.dim(), dtype=x.dtype)
        top = torch.where(order[k:] == chosen, rows, zero).sum(-2, keepdim=True)
        whole = torch.where(order == chosen, whole[..., k : k + 1, :], whole)
        pivot = top[..., k : k + 1]
        pivots.append(pivot)
        signs.append(1.0 - 2.0 * (chosen != float(k)).to(x.dtype))
        top = top / pivot
        whole = torch.where(order == float(k), top, whole - whole[..., k : k + 1] * top)
    solved = None if b is None else whole[..., size:]
    return solved, torch.cat(pivots, -1).squeeze(-2), product(torch.cat(signs, -1).squeeze(-2), -1)


def _solve(x: Tensor, b: Tensor, *, left: bool = True) -> Any:
    if refused := _is_too_large(x):
        return refused
    is_vector = b.dim() == 1 or (b.dim() == x.dim() - 1 and b.shape == x.shape[:-1])
    given = b.unsqueeze(-1) if is_vector else b
    x, given = (x, given) if left or is_vector else (x.mT, given.mT)
    shape = torch.broadcast_shapes(x.shape[:-2], given.shape[:-2])
    found, _, _ = _eliminated(x.expand(*shape, *x.shape[-2:]), given.expand(*shape, *given.shape[-2:]))
    assert found is not None
    if is_vector:
        return found.squeeze(-1)
    return found if left else found.mT


def _inverse(x: Tensor) -> Any:
    return _is_too_large(x) or _eliminated(x, _identity(x))[0]


def _det(x: Tensor) -> Any:
    if refused := _is_too_large(x):
        return refused
    _, pivots, sign = _eliminated(x, None)
    return product(pivots, -1) * sign


def _slogdet(x: Tensor) -> Any:
    if refused := _is_too_large(x):
        return refused
    _, pivots, sign = _eliminated(x, None)
    return product(torch.sign(pivots), -1) * sign, torch.log(torch.abs(pivots)).sum(-1)


def _logdet(x: Tensor) -> Any:
    found = _slogdet(x)
    if isinstance(found, Refused):
        return found
    sign, size = found
    return size + torch.log(sign)  # NaN below 0; a constant that is NaN is taken for damage


_aten = torch.ops.aten
RULE = Rule(
    "small matrices",
    ("executorch", "coreml", "tflite"),
    {
        _aten.cholesky.default: _cholesky,
        _aten.linalg_cholesky.default: _cholesky,
        _aten.cholesky_solve.default: _cholesky_solve,
        _aten.cholesky_inverse.default: _cholesky_inverse,
        _aten.linalg_solve_triangular.default: _solve_triangular,
        _aten.triangular_solve.default: _old_solve_triangular,
        _aten.linalg_solve.default: _solve,
        **dict.fromkeys((_aten.linalg_inv.default, _aten.inverse.default), _inverse),
        **dict.fromkeys((_aten.linalg_det.default, _aten.det.default), _det),
        **dict.fromkeys((_aten.linalg_slogdet.default, _aten.slogdet.default), _slogdet),
        _aten.logdet.default: _logdet,
    },
)
