"""The front of Whisper (arXiv 2212.04356): a waveform, its log-mel spectrogram, and an encoder of free depth.

python -m edge_export build --target linux --mother examples.networks.whisper:ElasticWhisper
"""

import copy
import math

import torch
from torch import nn
from torch.nn import functional as F

from edge_export.mothers.protocol import IOSpec, TensorSpec
from examples.networks.listed import Listed, sounds

SAMPLES, RATE, N_FFT, HOP, MELS = 16000, 16000, 400, 160, 80
FEATURES, HEADS, FRAMES = 64, 4, SAMPLES // HOP


def mel_filters():
    """Slaney's triangles: `(mels, bins)`, of area 1. The mel scale is linear below 1 kHz and logarithmic above."""
    bins = torch.linspace(0, RATE / 2, N_FFT // 2 + 1, dtype=torch.float64)
    top = 15 + 27 * math.log(RATE / 2 / 1000) / math.log(6.4)
    mels = torch.linspace(0, top, MELS + 2, dtype=torch.float64)
    edges = torch.where(mels < 15, mels * 200 / 3, 1000 * torch.exp(math.log(6.4) * (mels - 15) / 27))
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    return (torch.minimum(rising, falling).clamp(min=0) * (2 / (edges[2:] - edges[:-2]))[:, None]).float()


class LogMel(nn.Module):
    """`(batch, samples)` to `(batch, mels, frames)`: log10 of the power, at most 8 below the greatest, about -1..1."""

    def __init__(self):
        super().__init__()
        self.register_buffer("window", torch.hann_window(N_FFT))
        self.register_buffer("filters", mel_filters())

    def forward(self, audio):
        spectrum = torch.stft(audio, N_FFT, HOP, window=self.window, return_complex=True)
        power = spectrum[..., :-1].abs() ** 2
        log = torch.clamp(self.filters @ power, min=1e-10).log10()
        log = torch.maximum(log, log.amax((1, 2), keepdim=True) - 8.0)
        return (log + 4.0) / 4.0


class Layer(nn.Module):
    """Attention and two linear layers, each behind a LayerNorm and beside a shortcut."""

    def __init__(self):
        super().__init__()
        self.norm_1, self.norm_2 = nn.LayerNorm(FEATURES), nn.LayerNorm(FEATURES)
        self.query, self.value, self.out = (nn.Linear(FEATURES, FEATURES) for _ in range(3))
        self.key = nn.Linear(FEATURES, FEATURES, bias=False)
        self.mlp = nn.Sequential(nn.Linear(FEATURES, 4 * FEATURES), nn.GELU(), nn.Linear(4 * FEATURES, FEATURES))

    def forward(self, x):
        y = self.norm_1(x)
        heads = (each(y).unflatten(2, (HEADS, -1)).transpose(1, 2) for each in (self.query, self.key, self.value))
        x = x + self.out(F.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2))
        return x + self.mlp(self.norm_2(x))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.log_mel = LogMel()
        self.conv_1 = nn.Conv1d(MELS, FEATURES, 3, padding=1)
        self.conv_2 = nn.Conv1d(FEATURES, FEATURES, 3, stride=2, padding=1)
        self.layers = nn.ModuleList(Layer() for _ in range(2))
        self.norm = nn.LayerNorm(FEATURES)
        rates = torch.exp(-math.log(10000) / (FEATURES // 2 - 1) * torch.arange(FEATURES // 2))
        angles = torch.arange(FRAMES // 2)[:, None] * rates
        self.register_buffer("positions", torch.cat([angles.sin(), angles.cos()], 1))

    def forward(self, audio):
        return self.encode(audio, self.layers)

    def encode(self, audio, layers):
        mel = self.log_mel(audio)
        x = F.gelu(self.conv_2(F.gelu(self.conv_1(mel)))).transpose(1, 2) + self.positions
        for layer in layers:
            x = layer(x)
        return mel, self.norm(x)


class ElasticWhisper(nn.Module):
    """Members "d1" and "d2", of that many layers."""

    space = Listed(d1=1, d2=2)
    io = IOSpec(
        (TensorSpec("audio", (1, SAMPLES), unit="samples in -1..1"),),
        (TensorSpec("log_mel", (1, MELS, FRAMES)), TensorSpec("features", (1, FRAMES // 2, FEATURES))),
    )

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.network = Encoder()

    def forward(self, audio, config=2):
        return self.network.encode(audio, self.network.layers[:config])

    def extract(self, config):
        member = copy.deepcopy(self.network)
        del member.layers[config:]
        return member

    def example_inputs(self, config):
        return (torch.zeros(1, SAMPLES),)

    def recordings(self):
        return sounds(SAMPLES)
