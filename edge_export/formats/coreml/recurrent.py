"""Recurrent layers in Core ML's own operators, whose files and conversion do not grow with the steps.

An LSTM is Core ML's `lstm`, whose gates are in another order. Core ML's `gru` resets before its product, torch's after
it; its `lstm` has no projection, and its `rnn` one direction. So these are a `while_loop` of one step:

    z = Wx x + bx for all steps and directions;   for each step: h = step(z[step], h), outputs[step] = h
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edge_export.formats.coreml.library import coremltools


def register() -> None:
    """Lets coremltools convert torch's recurrent layers in exported programs."""
    coremltools()
    from coremltools.converters.mil.frontend.torch.torch_op_registry import _TORCH_OPS_REGISTRY

    from edge_export.formats.legalize.recurrent import LAYERS

    for target, kind in LAYERS.items():
        _TORCH_OPS_REGISTRY.name_to_func_mapping[f"{target._opname}.input"] = _converter(kind)


def without_map(model: Any) -> Any:
    """Lets a model with loops be saved: coremltools fails to map their operators to those of torch. Returns it."""
    from coremltools.converters.mil.mil.scope import ScopeSource

    for function in model._mil_program.functions.values() if model._mil_program is not None else ():
        if any(operation.blocks for operation in function.operations):
            kept = [each for each in function._essential_scope_sources if each != ScopeSource.EXIR_DEBUG_HANDLE]
            function._essential_scope_sources = kept
    return model


def _converter(kind: str) -> Any:
    def convert(context: Any, node: Any) -> None:
        from coremltools.converters.mil.frontend.torch.ops import _get_inputs
        from coremltools.converters.mil.mil import Builder as mb

        x, states, params, *options = _get_inputs(context, node)
        has_biases, layers, _, _, bidirectional, batch_first = (getattr(each, "val", each) for each in options)
        given = [states[0], states[1]] if kind == "lstm" else [states]
        weights = [each.val for each in params]
        if any(weight is None for weight in weights):
            raise ValueError(f"the weights of {kind} are computed by the network: Core ML's have to be constant")
        ways = 2 if bidirectional else 1
        x = mb.transpose(x=x, perm=[1, 0, 2]) if batch_first else x
        each, last = len(weights) // (layers * ways), []
        for layer in range(layers):
            rows = range(layer * ways, (layer + 1) * ways)
            parts = [weights[row * each : (row + 1) * each] for row in rows]
            own = [mb.slice_by_index(x=s, begin=[rows.start, 0, 0], end=[rows.stop, *s.shape[1:]]) for s in given]
            is_native = kind == "lstm" and each == (4 if has_biases else 2)
            x, *after = _lstm(x, parts, own, has_biases) if is_native else _loop(kind, x, parts, own, has_biases)
            last.append(after)
        x = mb.transpose(x=x, perm=[1, 0, 2]) if batch_first else x
        joined = [mb.concat(values=list(each), axis=0) if layers > 1 else each[0] for each in zip(*last, strict=True)]
        context.add((x, *joined), torch_name=node.name)

    return convert


def _lstm(x: Any, parts: Sequence[Sequence[Any]], states: Sequence[Any], has_biases: bool) -> list[Any]:
    """Returns the outputs `(steps, batch, directions × H)` and the last h and c, `(directions, batch, H)`."""
    from coremltools.converters.mil.mil import Builder as mb

    ways, batch, size = states[0].shape
    weights: dict[str, Any] = {"direction": "forward" if ways == 1 else "bidirectional"}
    for part, suffix in zip(parts, ("", "_back"), strict=False):
        # torch has the gates i f g o, Core ML i f o g
        w_x, w_h, *biases = (each.reshape(4, size, *each.shape[1:])[[0, 1, 3, 2]].reshape(each.shape) for each in part)
        weights |= {f"weight_ih{suffix}": w_x, f"weight_hh{suffix}": w_h}
        if has_biases:
            weights[f"bias{suffix}"] = biases[0] + biases[1]
    h, c = (mb.reshape(x=mb.transpose(x=each, perm=[1, 0, 2]), shape=[batch, ways * size]) for each in states)
    y, *after = mb.lstm(x=x, initial_h=h, initial_c=c, output_sequence=True, **weights)
    own = (mb.transpose(x=mb.reshape(x=each, shape=[batch, ways, size]), perm=[1, 0, 2]) for each in after)
    return [y, *own]


def _loop(kind: str, x: Any, parts: Sequence[Sequence[Any]], states: Sequence[Any], has_biases: bool) -> list[Any]:
    """Returns what `_lstm` does."""
    import numpy as np
    from coremltools.converters.mil.mil import Builder as mb

    steps, (ways, batch, size) = x.shape[0], states[0].shape
    hidden_weight = np.stack([part[1].T for part in parts])
    hidden_bias = np.stack([part[3] for part in parts])[:, None] if has_biases and kind == "gru" else None
    project = np.stack([part[-1].T for part in parts]) if len(parts[0]) == (5 if has_biases else 3) else None
    projected = []
    for way, part in enumerate(parts):
        own = {} if not has_biases else {"bias": part[2] if kind == "gru" else part[2] + part[3]}
        each = mb.linear(x=x, weight=part[0], **own)
        projected.append(mb.reverse(x=each, axes=[0]) if way else each)
    z = mb.stack(values=projected, axis=1)
    outputs = mb.fill(shape=[steps, ways, batch, size], value=0.0)

    def step(z: Any, h: Any, *cell: Any) -> list[Any]:
        of_h = mb.matmul(x=h, y=hidden_weight)
        if kind == "gru":
            of_h = of_h if hidden_bias is None else mb.add(x=of_h, y=hidden_bias)
            gates = mb.sigmoid(x=mb.add(x=_part(z, 0, 2, size), y=_part(of_h, 0, 2, size)))
            reset, update = _part(gates, 0, 1, size), _part(gates, 1, 2, size)
            new = mb.tanh(x=mb.add(x=_part(z, 2, 3, size), y=mb.mul(x=reset, y=_part(of_h, 2, 3, size))))
            return [mb.add(x=new, y=mb.mul(x=update, y=mb.sub(x=h, y=new)))]
        z = mb.add(x=z, y=of_h)
        if not cell:
            return [mb.relu(x=z) if kind == "relu" else mb.tanh(x=z)]
        wide = cell[0].shape[2]
        gates, new = mb.sigmoid(x=z), mb.tanh(x=_part(z, 2, 3, wide))
        kept = mb.mul(x=_part(gates, 1, 2, wide), y=cell[0])
        c = mb.add(x=kept, y=mb.mul(x=_part(gates, 0, 1, wide), y=new))
        h = mb.mul(x=_part(gates, 3, 4, wide), y=mb.tanh(x=c))
        return [h if project is None else mb.matmul(x=h, y=project), c]

    def body(at: Any, outputs: Any, *own: Any) -> tuple[Any, ...]:
        after = step(mb.squeeze(x=mb.gather(x=z, indices=at, axis=0), axes=[0]), *own)
        row = mb.expand_dims(x=after[0], axes=[0])
        outputs = mb.scatter(data=outputs, indices=at, updates=row, axis=0, mode="update")
        return (mb.add(x=at, y=1), outputs, *after)

    _, y, *after = mb.while_loop(
        _cond=lambda at, *_: mb.less(x=at, y=steps), _body=body, loop_vars=([0], outputs, *states)
    )
    ahead = mb.squeeze(x=mb.slice_by_index(x=y, begin=[0, 0, 0, 0], end=[steps, 1, batch, size]), axes=[1])
    if ways == 1:
        return [ahead, *after]
    back = mb.squeeze(x=mb.slice_by_index(x=y, begin=[0, 1, 0, 0], end=[steps, 2, batch, size]), axes=[1])
    return [mb.concat(values=[ahead, mb.reverse(x=back, axes=[0])], axis=2), *after]


def _part(x: Any, start: int, stop: int, size: int) -> Any:
    """Returns some of the gates along the last axis."""
    from coremltools.converters.mil.mil import Builder as mb

    return mb.slice_by_index(x=x, begin=[0, 0, start * size], end=[*x.shape[:2], stop * size])
