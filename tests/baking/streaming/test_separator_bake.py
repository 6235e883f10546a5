"""The whole step: streaming equals the forward pass over the whole file, and only plain operators remain."""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np
import pytest
import torch
from torch import nn

from edge_export.baking.bake import bake, baker_of, example_inputs
from edge_export.baking.export import export_program
from edge_export.errors import RequestError
from edge_export.mothers.band_split.mother import BSRNN, SEPARATOR, DepthWidth, separator
from edge_export.runtimes.torch_module import stream_module
from edge_export.spec.agreement import agreement

SAMPLES = 5003  # not a multiple of any hop


def snr_db(reference: torch.Tensor, result: torch.Tensor) -> float:
    """Returns the SNR of the worst stem."""
    pairs = zip(reference.unbind(1), result.unbind(1), strict=True)
    return min(agreement(a.numpy(), b.numpy()).snr_db for a, b in pairs)


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize(("depth", "width"), [(1, 1), (2, 3)])
def test_streaming_is_the_forward_pass(frames, depth, width, member, kind):
    network = member(kind, depth, width)
    baked = bake(network, (torch.zeros(1, kind.channels, 1000),), {"frames_per_call": frames})
    audio = torch.randn(2, kind.channels, SAMPLES) * 0.1
    with torch.no_grad():
        reference = network(audio)
    (stems,) = stream_module(baked.module, baked.io, (audio,))
    assert snr_db(reference, stems) > 110


def test_ten_seconds_do_not_drift(randomized):
    mother = randomized(separator())
    network = mother.extract(DepthWidth(2, 2))
    baked = bake(network, ())
    audio = torch.randn(1, 1, 11 * 16000) * 0.1
    with torch.no_grad():
        reference = network(audio)
    (stems,) = stream_module(baked.module, baked.io, (audio,))
    first, last = (snr_db(reference[..., part], stems[..., part]) for part in (slice(0, 16000), slice(-16000, None)))
    assert min(first, last) > 100
    assert last > first - 6


def test_a_wrong_recurrence_is_noticed(member):
    network = member()
    baked = bake(network, ())
    audio = torch.randn(1, 1, SAMPLES) * 0.1
    with torch.no_grad():
        baked.module.layers[1].time.from_h[0].weight *= 0.9
        reference = network(audio)
    (stems,) = stream_module(baked.module, baked.io, (audio,))
    assert snr_db(reference, stems) < 90


def test_an_impulse_comes_out_after_the_stated_latency(member):
    baked = bake(member(), (), {"frames_per_call": 2})
    stream = baked.io.stream
    audio = np.zeros((1, 1, 512), np.float32)
    audio[..., 300] = 1.0
    state = torch.zeros(baked.io.inputs[1].shape)
    heard = []
    with torch.no_grad():
        for call in (audio, np.zeros_like(audio)):
            stems, state = baked.module(torch.from_numpy(call), state)
            heard.append(stems.sum(1).flatten())
    out = torch.cat(heard)
    assert int(out.abs().argmax()) == 300 + stream.delay
    assert float(out.abs().max()) == pytest.approx(1.0, abs=1e-4)
    # The latency of a call's first sample is the length of the call plus the delay.
    assert stream.latency_ms == 1000 * (stream.samples + stream.delay) / 16000 == 48.0
    assert bake(member(), ()).io.stream.latency_ms == SEPARATOR.latency_ms == 32.0


PLAIN = {
    *("linear", "bmm", "add", "sub", "neg", "mul", "div", "sqrt", "sigmoid", "tanh", "leaky_relu"),
    *("cat", "slice", "permute"),
}
VIEWS = {"view", "_unsafe_view", "clone"}


FEW_BANDS = dataclasses.replace(SEPARATOR, features=8, hidden=8, gate_hidden=4, bands=((8000, 2000),))


def operators(module: nn.Module, io) -> Counter:
    program = export_program(module, example_inputs(io)).run_decompositions({})
    return Counter(n.target.__name__.split(".")[0] for n in program.graph.nodes if n.op == "call_function")


def test_the_operators_that_remain(member):
    baked = bake(member(FEW_BANDS), ())
    left = operators(baked.module, baked.io)
    assert set(left) - VIEWS == PLAIN
    kinds = {type(m) for m in baked.module.modules()}
    assert not kinds & {nn.LSTM, nn.BatchNorm1d, nn.PReLU, nn.GLU}
    # In each of two layers: two for the step over time; over 4 bands one for both orders, one for the inputs, three for
    # the steps after the first and one to restore the order. One for the masks. Two for each transform.
    assert left["bmm"] == 2 * (2 + 2 + 3 + 1) + 1 + 4
    assert baked.refused == ()


def test_constant_gates_cost_nothing(member):
    network = member(FEW_BANDS)
    baker = baker_of(network)
    name, frozen = baker.approximate(network, {"gates": "static"}, [(torch.randn(2, 1, 4000) * 0.1,)], None)
    assert name == "gates=static"
    assert baker.approximate(network, {"gates": "exact"}, [], None) is None
    exact, static = bake(network, ()), bake(frozen, (), {"gates": "static"})
    audio = torch.randn(1, 1, SAMPLES) * 0.1
    with torch.no_grad():
        reference = frozen(audio)
    (stems,) = stream_module(static.module, static.io, (audio,))
    assert snr_db(reference, stems) > 110
    ungated = bake(member(dataclasses.replace(network.settings, gate_hidden=None)), ())
    assert operators(static.module, static.io) == operators(ungated.module, ungated.io)
    assert operators(static.module, static.io).total() < operators(exact.module, exact.io).total()


@pytest.mark.parametrize(
    ("change", "reason"), [({"causal": False}, "runs backwards"), ({"norm": "group"}, "group norm"), ({}, "bsrnn")]
)
def test_what_needs_the_whole_file_is_refused(change, reason, member):
    if change:
        network = member(dataclasses.replace(SEPARATOR, features=8, hidden=8, **change), 1, 1)
    else:
        small = dataclasses.replace(BSRNN, features=4, hidden=4, gate_hidden=2, mask_hidden=4)
        network, reason = member(small, 1, 1), "runs backwards, from the end of the file and group norm"
    with pytest.raises(RequestError, match=r"can't stream: .*" + reason) as error:
        bake(network, ())
    assert "\n" not in str(error.value)


def test_wrong_options_are_all_named(member):
    with pytest.raises(RequestError, match=r"speed is unknown; frames_per_call is 0, not 1 to 64; gates is 'open'"):
        bake(member(), (), {"frames_per_call": 0, "gates": "open", "speed": 3})
    with pytest.raises(RequestError, match="no option frames_per_call"):
        bake(nn.Linear(2, 2), (torch.zeros(1, 2),), {"frames_per_call": 2})
