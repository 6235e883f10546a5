"""Complex numbers inside a network → pairs of real tensors: no converter takes complex ones.

    (a + ib)(c + id) = (ac − bd) + i(ad + bc)      |a + ib| = √(a² + b²)      angle = atan2(b, a)
    (a + ib) / (c + id) = (a + ib)(c − id) / (c² + d²)      e^(a + ib) = e^a (cos b + i sin b)

Operators that only move or add values are applied to both parts. `fourier.py` has the transforms. This is no rule for
single calls, because a call alone cannot return another kind of value than its readers expect.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from edge_export.formats.constants import constant_named, drop_unused
from edge_export.formats.legalize import fourier
from edge_export.formats.legalize.fourier import Pair

_aten = torch.ops.aten
MOST_POINTS = 2048
"""The longest transform: its two matrices have 16 MB each."""
_CHECK = _aten._assert_tensor_metadata.default


def uses_complex(graph: torch.fx.Graph) -> bool:
    """Whether an operator of the graph takes or makes complex numbers, or is a Fourier transform."""
    return any(_concerned(node) for node in graph.nodes)


def with_pairs(module: torch.fx.GraphModule) -> tuple[list[Any], str]:
    """Lets the graph compute with pairs, in place. Returns the operators; or, with nothing changed, why it cannot."""
    nodes = [node for node in module.graph.nodes if _concerned(node)]
    for node in nodes:
        if reason := _why_not(node):
            return [node.target], reason
    targets = []
    for node in nodes:
        if node.op == "get_attr":
            _split(module, node)
        elif node.target is _CHECK:
            module.graph.erase_node(node)
        elif node.op == "call_function" and node.target is not operator.getitem:
            targets.append(node.target)
            node.target = _FORMS.get(node.target) or _on_both(node.target)
    drop_unused(module)
    return targets, ""


def _concerned(node: torch.fx.Node) -> bool:
    return node.target in _TRANSFORMS or _is_complex(node) or any(map(_is_complex, node.all_input_nodes))


def _is_complex(node: torch.fx.Node) -> bool:
    value = node.meta.get("val")
    values = value if isinstance(value, tuple | list) else [value]
    return node.op != "output" and any(isinstance(each, Tensor) and each.is_complex() for each in values)


def _why_not(node: torch.fx.Node) -> str:
    if node.op in ("placeholder", "output"):
        return "complex inputs and outputs have no form in a file: use torch.view_as_real"
    if node.op == "get_attr" or node.target in (operator.getitem, _CHECK):
        return ""
    if node.target not in _FORMS and node.target not in _MOVES:
        return "it has no form with pairs of real tensors"
    if node.target in _TRANSFORMS and (points := _points(node)) > MOST_POINTS:
        return f"a Fourier transform of {points} points is longer than {MOST_POINTS}"
    return ""


def _points(node: torch.fx.Node) -> int:
    if "stft" in str(node.target):
        return int(node.args[1])  # type: ignore[arg-type]
    source: Any = node.args[0]
    shapes = source.meta["val"].shape, node.meta["val"].shape
    given = dict(zip(("", "s", "dim"), node.args, strict=False)) | dict(node.kwargs)
    dims: Any = given.get("dim")
    if dims is None:
        dims = -1 if str(node.target).split(".")[1] in _ONE_AXIS else range(len(shapes[0]))
    return max(int(shape[axis]) for shape in shapes for axis in ([dims] if isinstance(dims, int) else dims))


def _split(module: torch.fx.GraphModule, node: torch.fx.Node) -> None:
    value = constant_named(module, str(node.target)).detach()
    parts = []
    for name, part in (("real", value.real), ("imag", value.imag)):
        own = f"{str(node.target).replace('.', '_')}_{name}"
        module.register_buffer(own, part.clone().contiguous())
        with module.graph.inserting_before(node):
            parts.append(module.graph.get_attr(own))
    with module.graph.inserting_before(node):
        pair = module.graph.call_function(Pair, tuple(parts))
    node.replace_all_uses_with(pair)
    module.graph.erase_node(node)


def _on_both(target: Any) -> Callable[..., Any]:
    """Returns the operator applied to both parts of its first argument: a tensor, or several."""

    def apply(x: Any, *args: Any, **options: Any) -> Any:
        parts = [[each[place] for each in x] if isinstance(x, list) else x[place] for place in (0, 1)]
        real, imag = (target(part, *args, **options) for part in parts)
        return Pair(real, imag) if isinstance(real, Tensor) else [Pair(*each) for each in zip(real, imag, strict=True)]

    return apply


def _parts(x: Any) -> tuple[Any, Any]:
    """Returns the parts of a value. The imaginary part of a real one is None."""
    if isinstance(x, complex):
        return x.real, x.imag
    return x if isinstance(x, Pair) else (x, None)


def _pair(x: Any) -> Pair:
    return x if isinstance(x, Pair) else Pair(x, torch.zeros([1] * x.dim(), dtype=x.dtype).expand(x.shape))


def _mul(x: Any, y: Any) -> Pair:
    return _bilinear(torch.mul)(x, y)  # type: ignore[no-any-return]


def _bilinear(product: Callable[[Any, Any], Tensor]) -> Any:
    def apply(x: Any, y: Any) -> Pair:
        (a, b), (c, d) = _parts(x), _parts(y)
        if b is None:
            return Pair(product(a, c), product(a, d))
        if d is None:
            return Pair(product(a, c), product(b, c))
        return Pair(product(a, c) - product(b, d), product(a, d) + product(b, c))

    return apply


def _einsum(equation: str, operands: list[Any], path: Any = None) -> Any:
    if len(operands) == 1:
        return Pair(*(torch.einsum(equation, part) for part in operands[0]))
    return _bilinear(lambda a, c: torch.einsum(equation, a, c))(*operands)


def _div(x: Any, y: Any) -> Pair:
    c, d = _parts(y)
    if d is None:
        return Pair(x.real / c, x.imag / c)
    a = _mul(x, Pair(c, -d))
    size = c * c + d * d
    return Pair(a.real / size, a.imag / size)


def _reciprocal(x: Pair) -> Pair:
    size = x.real * x.real + x.imag * x.imag
    return Pair(x.real / size, -x.imag / size)


def _sum(sign: float) -> Any:
    def add(x: Any, y: Any, *, alpha: Any = 1) -> Pair:
        (a, b), (c, d) = _parts(x), _parts(_mul(y, complex(alpha)) if isinstance(alpha, complex) else y)
        scale = sign * (1 if isinstance(alpha, complex) else alpha)
        real = a + c * scale
        if d is None:
            return Pair(real, b.expand(real.shape))
        imag = d * scale if b is None else b + d * scale
        return Pair(real, imag + torch.zeros([1] * real.dim(), dtype=real.dtype).expand(real.shape))

    return add


def _rsub(x: Pair, y: Any, alpha: Any = 1) -> Pair:
    return _sum(1.0)(_mul(x, -alpha), y)  # type: ignore[no-any-return]


def _conj(x: Any) -> Any:
    return Pair(x.real, -x.imag) if isinstance(x, Pair) else x


def _abs(x: Pair) -> Tensor:
    return torch.sqrt(x.real * x.real + x.imag * x.imag)


def _angle(x: Pair) -> Tensor:
    return torch.atan2(x.imag, x.real)


def _polar(size: Tensor, angle: Tensor) -> Pair:
    return Pair(size * torch.cos(angle), size * torch.sin(angle))


def _exp(x: Pair) -> Pair:
    return _polar(torch.exp(x.real), x.imag)


def _log(x: Pair) -> Pair:
    return Pair(torch.log(_abs(x)), _angle(x))


def _sqrt(x: Pair) -> Pair:
    return _polar(torch.sqrt(_abs(x)), _angle(x) * 0.5)


def _pow(x: Pair, power: Any) -> Pair:
    if power == 2:
        return _mul(x, x)
    return _polar(torch.pow(_abs(x), power), _angle(x) * power)


def _sgn(x: Pair) -> Pair:
    size = _abs(x)
    size = torch.where(size == 0, torch.ones([1] * size.dim(), dtype=size.dtype), size)
    return Pair(x.real / size, x.imag / size)


def _as_complex(x: Tensor) -> Pair:
    return Pair(x.select(-1, 0), x.select(-1, 1))


def _joined(operator: Any) -> Any:
    def apply(values: list[Any], dim: int = 0) -> Pair:
        return Pair(*(operator(list(part), dim) for part in zip(*map(_pair, values), strict=True)))

    return apply


def _to(x: Any, dtype: torch.dtype, *options: Any, **named: Any) -> Any:
    real = dtype.to_real() if dtype.is_complex else dtype
    if not dtype.is_complex:
        return x.real.to(real)
    return Pair(*(part.to(real) for part in _pair(x)))


def _where(condition: Tensor, x: Any, y: Any) -> Pair:
    return Pair(*(torch.where(condition, *each) for each in zip(_pair(x), _pair(y), strict=True)))


def _written(operator: Any) -> Any:
    """Returns the form of an operator that writes a value into a part of another."""

    def write(x: Any, y: Any, *where: Any, **named: Any) -> Pair:
        return Pair(*(operator(*each, *where, **named) for each in zip(_pair(x), _pair(y), strict=True)))

    return write


def _filled(value: float) -> Any:
    def like(x: Any, *, dtype: torch.dtype | None = None, **_: Any) -> Any:
        shape, real = _parts(x)[0].shape, (dtype or _parts(x)[0].dtype).to_real()
        filled = torch.full(shape, value, dtype=real)
        is_complex = dtype.is_complex if dtype else isinstance(x, Pair)
        return Pair(filled, torch.zeros(shape, dtype=real)) if is_complex else filled

    return like


def _copy(x: Any, y: Any, *_: Any) -> Any:
    if not isinstance(x, Pair):
        return y.real.expand(x.shape).to(x.dtype)
    return Pair(*(part.expand(x.real.shape).to(x.real.dtype) for part in _pair(y)))


def _masked_fill(x: Pair, mask: Tensor, value: Any) -> Pair:
    real, imag = _parts(value)
    return Pair(x.real.masked_fill(mask, real), x.imag.masked_fill(mask, 0 if imag is None else imag))


def _linear(x: Any, weight: Any, bias: Any = None) -> Pair:
    y = _bilinear(torch.nn.functional.linear)(x, weight)
    return y if bias is None else _sum(1.0)(y, bias)  # type: ignore[no-any-return]


def _first(x: Any, *_: Any, **__: Any) -> Any:
    return x


_ONE_AXIS = ("fft_fft", "fft_ifft", "fft_rfft", "fft_irfft", "fft_hfft", "fft_ihfft")
_TRANSFORMS: dict[Any, Callable[..., Any]] = {
    **{getattr(_aten, name).default: fourier.one_axis(name.removeprefix("fft_")) for name in _ONE_AXIS},
    **{
        getattr(_aten, f"fft_{name}{kind}").default: fourier.axes(first, name, first == "ifft", default)
        for name, first in (("fft", "fft"), ("ifft", "ifft"), ("rfft", "fft"), ("irfft", "ifft"))
        for kind, default in (("2", (-2, -1)), ("n", None))
    },
    _aten.stft.default: fourier.stft,
    _aten.stft.center: fourier.stft_of_centers,
    _aten.istft.default: fourier.istft,
}
_FORMS: dict[Any, Callable[..., Any]] = {
    **_TRANSFORMS,
    _aten.view_as_real.default: lambda x: torch.stack(list(x), -1),
    _aten.view_as_complex.default: _as_complex,
    _aten.real.default: lambda x: x.real,
    _aten.imag.default: lambda x: x.imag,
    _aten.complex.default: Pair,
    _aten.polar.default: _polar,
    _aten.abs.default: _abs,
    _aten.angle.default: _angle,
    **dict.fromkeys((_aten._conj.default, _aten.conj.default, _aten.conj_physical.default), _conj),
    **dict.fromkeys((_aten.resolve_conj.default, _aten.resolve_neg.default), _first),
    **dict.fromkeys((_aten.mul.Tensor, _aten.mul.Scalar), _mul),
    **dict.fromkeys((_aten.div.Tensor, _aten.div.Scalar), _div),
    **dict.fromkeys((_aten.add.Tensor, _aten.add.Scalar), _sum(1.0)),
    **dict.fromkeys((_aten.sub.Tensor, _aten.sub.Scalar), _sum(-1.0)),
    **dict.fromkeys((_aten.rsub.Tensor, _aten.rsub.Scalar), _rsub),
    **dict.fromkeys((_aten.matmul.default, _aten.mm.default, _aten.bmm.default), _bilinear(torch.matmul)),
    _aten.einsum.default: _einsum,
    _aten.reciprocal.default: _reciprocal,
    _aten.exp.default: _exp,
    _aten.log.default: _log,
    _aten.sqrt.default: _sqrt,
    _aten.square.default: lambda x: _mul(x, x),
    _aten.pow.Tensor_Scalar: _pow,
    _aten.sgn.default: _sgn,
    _aten.cat.default: _joined(torch.cat),
    _aten.stack.default: _joined(torch.stack),
    _aten.to.dtype: _to,
    _aten.where.self: _where,
    _aten.zeros_like.default: _filled(0.0),
    _aten.ones_like.default: _filled(1.0),
    _aten.copy.default: _copy,
    _aten.linear.default: _linear,
    **dict.fromkeys((_aten.masked_fill.Scalar, _aten.masked_fill.Tensor), _masked_fill),
    **{
        operator: _written(operator)
        for operator in (_aten.slice_scatter.default, _aten.select_scatter.default, _aten.diagonal_scatter.default)
    },
}
_MOVES = frozenset(
    {
        *(_aten.view.default, _aten.reshape.default, _aten.permute.default, _aten.transpose.int, _aten.mT.default),
        *(_aten.t.default, _aten.unsqueeze.default, _aten.squeeze.default, _aten.squeeze.dim, _aten.squeeze.dims),
        *(_aten.expand.default, _aten.repeat.default, _aten.slice.Tensor, _aten.select.int, _aten.narrow.default),
        *(_aten.flatten.using_ints, _aten.unflatten.int, _aten.contiguous.default, _aten.clone.default),
        *(_aten.alias.default, _aten.detach.default, _aten.lift_fresh_copy.default, _aten.roll.default),
        *(_aten.flip.default, _aten.index_select.default, _aten.index.Tensor, _aten.movedim.int),
        *(_aten.movedim.intlist, _aten.pad.default, _aten.constant_pad_nd.default, _aten.diagonal.default),
        *(_aten.neg.default, _aten.sum.default, _aten.sum.dim_IntList, _aten.mean.default, _aten.mean.dim),
        *(_aten.cumsum.default, _aten.chunk.default, _aten.split.Tensor, _aten.split_with_sizes.default),
        *(_aten.gather.default, _aten.tril.default, _aten.triu.default, _aten.unbind.int),
        *(_aten.fft_fftshift.default, _aten.fft_ifftshift.default),
    }
)
