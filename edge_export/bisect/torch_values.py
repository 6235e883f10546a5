"""Reads the output of every operator that a PyTorch module's forward runs. The module may be elastic or plain."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import fx, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from edge_export.bisect.values import Value
from edge_export.formats.program import layer_of
from edge_export.members.extract import forward

if TYPE_CHECKING:
    from torch import Tensor

    from edge_export.mothers.protocol import Config


def torch_values(
    module: nn.Module, inputs: tuple[Tensor, ...], config: Config | None = None
) -> tuple[list[Value], list[str]]:
    """Returns the inputs and all values computed from them, and the names of those that are the module's outputs.

    A value is named after its layer and its operator: "features.3.body.0/convolution".

    Args:
        inputs: `(samples, …)` each. The module runs on one sample at a time.
        config: The configuration that a mother runs at.

    Raises:
        RequestError: The module cannot run on the inputs.
    """
    samples = [_record(module, sample, config) for sample in zip(*(t.split(1) for t in inputs), strict=True)]
    first, outputs = samples[0]
    arrays = [{value.name: value.array for value in values} for values, _ in samples]
    stacked = [
        replace(value, array=np.stack([each[value.name] for each in arrays]))
        for value in first
        if all(value.name in each and each[value.name].shape == value.array.shape for each in arrays)
    ]
    return stacked, outputs


def _record(module: nn.Module, inputs: tuple[Tensor, ...], config: Config | None) -> tuple[list[Value], list[str]]:
    recorder = _Recorder(inputs)
    hooks: list[Any] = []
    exported = isinstance(module, fx.GraphModule) and not module.graph.find_nodes(op="call_module")
    for name, layer in () if exported else module.named_modules():
        hooks.append(layer.register_forward_pre_hook(partial(recorder.enter, name)))
        hooks.append(layer.register_forward_hook(recorder.leave))
    try:
        with recorder:
            outputs = forward(_ByLayer(module, recorder) if exported else module, inputs, config)
    finally:
        for hook in hooks:
            hook.remove()
    return recorder.values, [recorder.names[id(output)] for output in outputs if id(output) in recorder.names]


class _ByLayer(nn.Module):
    """Runs an exported graph, whose operators tell their layers themselves."""

    def __init__(self, graph_module: nn.Module, recorder: _Recorder) -> None:
        super().__init__()
        self._graph_module, self._recorder = graph_module, recorder

    def forward(self, *inputs: Tensor) -> Any:
        recorder = self._recorder

        class Interpreter(fx.Interpreter):
            def run_node(self, n: fx.Node) -> Any:
                recorder.enter(layer_of(n))
                try:
                    return super().run_node(n)
                finally:
                    recorder.leave()

        return Interpreter(self._graph_module).run(*inputs)  # type: ignore[arg-type]


class _Recorder(TorchDispatchMode):
    """Records the output of every operator."""

    def __init__(self, inputs: tuple[Tensor, ...]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._layers: list[str] = [""]
        self.names = {id(tensor): f"input {index}" for index, tensor in enumerate(inputs)}
        self.values = [Value(self.names[id(tensor)], "input", (), tensor.numpy()) for tensor in inputs]
        self._alive: list[Any] = [*inputs]  # keeps the tensors alive, because the id of a freed tensor may be reused
        self._times: Counter[str] = Counter()

    def enter(self, layer: str, *_called_with: object) -> None:
        """Assigns the following operators to `layer`."""
        self._layers.append(layer)

    def leave(self, *_called_with: object) -> None:
        """Assigns the following operators to the enclosing layer again."""
        self._layers.pop()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        reads = tuple(self.names[id(tensor)] for tensor in tensors if id(tensor) in self.names)
        result = func(*args, **(kwargs or {}))
        if reads:
            for tensor in tree_leaves(result):
                if isinstance(tensor, torch.Tensor) and tensor.is_floating_point() and tensor.numel():
                    self._keep(func, reads, tensor)
        return result

    def _keep(self, func: Any, reads: tuple[str, ...], tensor: Tensor) -> None:
        operator = func._schema.name.split("::")[-1]
        layer = self._layers[-1]
        name = f"{layer}/{operator}" if layer else operator
        self._times[name] += 1
        if (times := self._times[name]) > 1:
            name = f"{name} {times}"
        self._alive.append(tensor)
        self.names[id(tensor)] = name
        # A copy: a later operator may write into the same memory.
        self.values.append(Value(name, operator, reads, tensor.detach().clone().numpy(), layer))
