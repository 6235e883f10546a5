"""Right networks of strangers, each of which once got no file or a wrong one, in a few lines each.

python -m edge_export build --target linux --mother tests.reproductions:gru
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from edge_export.mothers.protocol import IOSpec, Recordings
from edge_export.mothers.protocol import TensorSpec as T


class One:
    """A space of one configuration."""

    smallest = largest = "only"

    def all(self) -> list[str]:
        return ["only"]

    def sample(self, rng: Any) -> str:
        return "only"

    def name(self, config: str) -> str:
        return config

    def parse(self, text: str) -> str:
        return {"only": "only"}[text]


class Net(nn.Module):
    """A function of named layers."""

    def __init__(self, function: Callable[..., Any], **layers: Any) -> None:
        super().__init__()
        self.function = function
        for name, layer in layers.items():
            setattr(self, name, layer)
        # A graph is traced by the names of the inputs.
        if function.__code__.co_argcount == 3:
            self.forward = self.of_two  # type: ignore[method-assign]

    def forward(self, x: torch.Tensor) -> Any:
        return self.function(self, x)

    def of_two(self, x: torch.Tensor, y: torch.Tensor) -> Any:
        return self.function(self, x, y)


class Mother(nn.Module):
    """A mother of one member."""

    space = One()

    def __init__(self, net: nn.Module, inputs: list[T], outputs: list[T], *recorded: torch.Tensor, **io: Any) -> None:
        super().__init__()
        self.net, self.io, self.recorded = net, IOSpec(tuple(inputs), tuple(outputs), **io), recorded

    def forward(self, *inputs: torch.Tensor, config: str | None = None) -> Any:
        return self.net(*inputs)

    def extract(self, config: str) -> nn.Module:
        return copy.deepcopy(self.net).eval()

    def example_inputs(self, config: str) -> tuple[torch.Tensor, ...]:
        return tuple(torch.zeros(spec.shape, dtype=getattr(torch, spec.dtype)) for spec in self.io.inputs)

    def recordings(self) -> Recordings:
        torch.manual_seed(0)
        inputs = self.recorded or tuple(torch.randn(16, *spec.shape[1:]) for spec in self.io.inputs)
        return Recordings([inputs], inputs)


X, Y, PIXELS, WAVE = T("x", (1, 12)), T("y", (1, 6)), T("pixels", (1, 3, 11, 11), layout="NCHW"), T("wave", (1, 2, 32))


def _zeroed(s: Any, x: torch.Tensor) -> torch.Tensor:
    y = s.a(x).sigmoid()
    y[:, 0] = 0
    return y * x


def _query(s: Any, x: torch.Tensor) -> torch.Tensor:
    k = x.reshape(-1, 3, 4)
    return s.o((s.l(s.q.expand(len(x), -1, -1)) @ k.mT).softmax(2) @ k).flatten(1)


def _of(function: Callable[..., Any], *outputs: T, **layers: Any) -> Mother:
    return Mother(Net(function, **(layers or {"a": nn.Linear(12, 6)})), [X], list(outputs) or [Y])


def avgpool_ceil() -> Mother:
    net = Net(lambda s, x: s.c(F.avg_pool2d(x, 2, 2, ceil_mode=True)), c=nn.Conv2d(3, 4, 1))
    return Mother(net, [PIXELS], [T("map", (1, 4, 6, 6), layout="NCHW")])


def batch_of_one() -> Mother:
    return Mother(Net(lambda s, x: s.a(x.reshape(1, -1)), a=nn.Linear(12, 6)), [T("x", (1, 3, 4))], [Y])


def casts() -> Mother:
    return _of(lambda s, x: s.b(s.n(s.a(x.float())).relu()), a=nn.Linear(12, 8), n=nn.BatchNorm1d(8), b=nn.Linear(8, 6))


def digit_path() -> Mother:
    layers = (nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 4, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return Mother(nn.Sequential(*layers), [PIXELS], [T("y", (1, 4))])


def ends_transposed() -> Mother:
    net = Net(lambda s, x: s.a(x).transpose(1, 2), a=nn.Conv1d(2, 5, 3, padding=1))
    return Mother(net, [WAVE], [T("scores", (1, 32, 5))])


def few_labels() -> Mother:
    net = Net(lambda s, x: s.a(x).mean((2, 3)), a=nn.Conv2d(3, 5, 3))
    return Mother(net, [PIXELS], [T("scores", (1, 5))], labels=("cat", "dog", "cow"))


def flat_bands() -> Mother:
    layers = nn.Sequential(nn.Conv1d(2, 2, 3, groups=2), nn.BatchNorm1d(2), nn.Conv1d(2, 4, 1))
    # The second channel never changes: BatchNorm divides its rounding by the square root of epsilon.
    wave = torch.randn(16, 2, 32) * torch.tensor([[10.0], [0.0]]) - torch.tensor([[40.0], [100.0]])
    return Mother(layers, [WAVE], [T("y", (1, 4, 30))], wave)


def gelu_tanh() -> Mother:
    return _of(lambda s, x: s.b(F.gelu(s.a(x), approximate="tanh")), a=nn.Linear(12, 16), b=nn.Linear(16, 6))


def gru() -> Mother:
    net = Net(lambda s, x: s.o(s.r(x)[0]), r=nn.GRU(6, 8, batch_first=True), o=nn.Linear(8, 4))
    return Mother(net, [T("x", (1, 16, 6))], [T("y", (1, 16, 4))])


def added_logs() -> Mother:
    """Core ML's usual converter does not take `logaddexp`."""
    return _of(lambda s, x: torch.logaddexp(s.a(x), s.a(x * 2)))


def overflow() -> Mother:
    """Its squares are beyond float16, its outputs are not."""
    return _of(lambda s, x: (s.a(x) * 1e3).pow(2) * 1e-6)


def keyword() -> Mother:
    heads = nn.ModuleDict({"box": nn.Linear(8, 4), "class": nn.Linear(8, 6)})
    both = [T("box", (1, 4)), T("scores", (1, 6))]
    net = Net(lambda s, x: (s.h["box"](y := s.a(x).relu()), s.h["class"](y)), a=nn.Linear(12, 8), h=heads)
    return Mother(net, [X], both)


def learned_query() -> Mother:
    return _of(_query, q=nn.Parameter(torch.randn(1, 3, 4)), l=nn.Linear(4, 4), o=nn.Linear(4, 2))


def list_output() -> Mother:
    return _of(lambda s, x: [s.a(x), x * 2], Y, T("z", (1, 12)))


def local_response() -> Mother:
    net = Net(lambda s, x: F.local_response_norm(s.a(x), 3).mean((2, 3)), a=nn.Conv2d(3, 4, 3))
    return Mother(net, [PIXELS], [T("y", (1, 4))])


def log_mel() -> Mother:
    return _of(lambda s, x: s.a(x.pow(2).clamp(min=1e-10).log10()))


def lstm() -> Mother:
    net = Net(lambda s, x: s.o(s.r(x)[0]), r=nn.LSTM(6, 8, batch_first=True), o=nn.Linear(8, 4))
    return Mother(net, [T("x", (1, 16, 6))], [T("y", (1, 16, 4))])


def named_softmax() -> Mother:
    return _of(lambda s, x: s.a(x).softmax(1) + 1, T("softmax", (1, 6)))


def nan_silence() -> Mother:
    return _of(lambda s, x: s.a(x / x.norm(dim=1, keepdim=True)))


def rms_norm() -> Mother:
    return _of(lambda s, x: s.n(s.a(x)), a=nn.Linear(12, 6), n=nn.RMSNorm(6))


def scalar_input() -> Mother:
    net = Net(lambda s, x, t: s.a(x) * t, a=nn.Linear(12, 6))
    return Mother(net, [X, T("t", ())], [Y], torch.randn(16, 12), torch.tensor(0.5))


def state_layout() -> Mother:
    net = Net(lambda s, x, h: s.r(x, h), r=nn.GRU(6, 4, num_layers=2, batch_first=True))
    inputs, outputs = [T("x", (1, 16, 6)), T("h", (2, 1, 4))], [T("y", (1, 16, 4)), T("h_next", (2, 1, 4))]
    recorded = torch.randn(16, 16, 6), torch.zeros(2, 16, 4)
    return Mother(net, inputs, outputs, *recorded, feedback=(("h_next", "h"),))


def tied() -> Mother:
    return _of(lambda s, x: F.linear((s.a(x) * 0.5).relu(), s.a.weight.t()), T("y", (1, 12)), a=nn.Linear(12, 4))


def tokens() -> Mother:
    """Its input is int64, which Core ML does not have."""
    net = Net(lambda s, x: s.a(s.e(x)).mean(1), e=nn.Embedding(20, 8), a=nn.Linear(8, 6))
    return Mother(net, [T("tokens", (1, 12), "int64")], [Y], torch.randint(0, 20, (16, 12)))


def twice() -> Mother:
    return _of(lambda s, x: (y := s.a(x), y), Y, T("z", (1, 6)))


def weight_norm() -> Mother:
    return _of(lambda s, x: s.n(s.a(x)), a=nn.utils.parametrizations.weight_norm(nn.Linear(12, 6)), n=nn.BatchNorm1d(6))


def zeroed() -> Mother:
    return _of(_zeroed, T("y", (1, 12)), a=nn.Linear(12, 12))


def fails() -> Mother:
    """It takes other inputs than it says."""
    return _of(lambda s, x: s.a(x), a=nn.Linear(11, 6))


def operators() -> Mother:
    """Its inputs and outputs are called as operators, keywords and numbers are, and two alike."""
    net = Net(lambda s, x: (s.a(x).softmax(1) + 1, s.a(x) * 2, s.a(x)), a=nn.Linear(12, 6))
    return Mother(net, [T("add", (1, 12))], [T("softmax", (1, 6)), T("1", (1, 6)), T("class", (1, 6))])


def other_types() -> Mother:
    """Its outputs have other types than its io says."""
    return _of(lambda s, x: (s.a(x).argmax(1), s.a(x) > 0), T("best", (1,)), T("sure", (1, 6), "int32"))


def fractions() -> Mother:
    """Its io says integers, it returns numbers with fractions."""
    return _of(lambda s, x: s.a(x), T("scores", (1, 6), "int64"))


def picks() -> Mother:
    """It takes and returns integers and bools."""
    net = Net(lambda s, x, y: (t := s.a(x), (t.gather(1, y), t.argmax(1), t > 0))[1], a=nn.Linear(12, 6))
    outputs = [T("picked", (1, 2)), T("best", (1,), "int64"), T("sure", (1, 6), "bool")]
    places = torch.arange(32).reshape(16, 2) % 6
    return Mother(net, [X, T("places", (1, 2), "int64")], outputs, torch.randn(16, 12), places)


def half_weights() -> Mother:
    """Its weights are float16, its inputs and outputs float32."""
    net = Net(lambda s, x: s.a(x.to(s.a.weight.dtype)).float(), a=nn.Linear(12, 6).half())
    return Mother(net, [X], [Y])


def no_io() -> Mother:
    mother = _of(lambda s, x: s.a(x))
    mother.io = {"x": (1, 12)}  # type: ignore[assignment]
    return mother


def no_recordings() -> Mother:
    mother = _of(lambda s, x: s.a(x))
    mother.recordings = lambda: [torch.zeros(3, 12)]  # type: ignore[method-assign,assignment,return-value]
    return mother


def no_size() -> Mother:
    return Mother(nn.Linear(12, 6), [T("x", (1, 0))], [Y])


def elsewhere() -> Mother:
    return Mother(nn.Linear(12, 6, device="meta"), [X], [Y])


def leaves() -> Mother:
    raise SystemExit("no checkpoint here")


def not_extracted() -> Mother:
    mother = _of(lambda s, x: s.a(x))
    mother.extract = lambda config: {}[config]  # type: ignore[method-assign]
    return mother


def branches() -> Mother:
    return _of(lambda s, x: s.a(x) if x.sum() > 0 else -s.a(x))


REPRODUCTIONS = (
    *(avgpool_ceil, batch_of_one, casts, digit_path, ends_transposed, few_labels, flat_bands, gelu_tanh, gru, keyword),
    *(learned_query, list_output, local_response, log_mel, lstm, named_softmax, nan_silence, rms_norm, scalar_input),
    *(state_layout, tied, twice, weight_norm, zeroed, operators, other_types, half_weights, tokens, added_logs),
)
