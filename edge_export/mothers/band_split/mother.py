"""The elastic band-split separator: depth and width are chosen after training (arXiv 2312.03464).

Depth d uses the first d residual layers. Width w uses the first w parallel sub-modules of each layer; their outputs are
gated and averaged.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from edge_export.errors import RequestError
from edge_export.mothers.band_split.bands import SEPARATOR_16, VOCALS_41
from edge_export.mothers.band_split.network import BandSplitNetwork, BandSplitSettings
from edge_export.spec.tensors import IOSpec, Stream, TensorSpec


@dataclass(frozen=True)
class DepthWidth:
    """A configuration: `depth` residual layers of `width` parallel sub-modules each."""

    depth: int
    width: int


@dataclass(frozen=True)
class DepthWidthSpace:
    """The space of depths 1 to `max_depth` and widths 1 to `max_width`. Names look like "d3w2"."""

    max_depth: int
    max_width: int

    @property
    def smallest(self) -> DepthWidth:
        return DepthWidth(1, 1)

    @property
    def largest(self) -> DepthWidth:
        return DepthWidth(self.max_depth, self.max_width)

    def sample(self, rng: random.Random) -> DepthWidth:
        """Draws a configuration; all are equally likely."""
        return DepthWidth(rng.randint(1, self.max_depth), rng.randint(1, self.max_width))

    def all(self) -> list[DepthWidth]:
        """Returns every configuration, ordered by depth, then by width."""
        return [DepthWidth(d, w) for d in range(1, self.max_depth + 1) for w in range(1, self.max_width + 1)]

    def parts(self) -> dict[str, int]:
        """Returns how many depths and widths there are."""
        return {"depth": self.max_depth, "width": self.max_width}

    def assemble(self, choices: Sequence[int]) -> DepthWidth:
        """Returns the configuration with the depth and width that `choices` says, counted from 0."""
        depth, width = choices
        return DepthWidth(depth + 1, width + 1)

    def parse(self, text: str) -> DepthWidth:
        """Returns the configuration called `text`. Raises `RequestError` if it is malformed or outside of the space."""
        match = re.fullmatch(r"d([1-9][0-9]{0,3})w([1-9][0-9]{0,3})", text.strip(), re.ASCII)
        config = DepthWidth(int(match[1]), int(match[2])) if match else None
        if config is None:
            raise RequestError(f"not a depth and width: {text[:40]!r}; write it like {self.name(self.largest)}")
        return self.check(config)

    def name(self, config: DepthWidth) -> str:
        return f"d{config.depth}w{config.width}"

    def check(self, config: DepthWidth) -> DepthWidth:
        """Returns `config` itself. Raises `RequestError` if it is outside of the space."""
        if not (1 <= config.depth <= self.max_depth and 1 <= config.width <= self.max_width):
            raise RequestError(
                f"{self.name(config)} is outside of the space: depth 1 to {self.max_depth}, width 1 to {self.max_width}"
            )
        return config


class ElasticBandSplit(nn.Module):
    """The elastic separator.

    Args:
        settings: The fixed properties of the separator.
        max_depth, max_width: The largest configuration.
    """

    def __init__(self, settings: BandSplitSettings, max_depth: int, max_width: int) -> None:
        super().__init__()
        self.settings = settings
        self.space = DepthWidthSpace(max_depth, max_width)
        self.network = BandSplitNetwork(settings, max_depth, max_width)
        samples = settings.sample_rate // settings.hop * settings.hop
        unit = f"samples in -1..1 at {settings.sample_rate} Hz"
        self.io = IOSpec(
            inputs=(TensorSpec("audio", (1, settings.channels, samples), layout="NCT", unit=unit),),
            outputs=(TensorSpec("stems", (1, len(settings.stems), settings.channels, samples), unit=unit),),
            stream=Stream(settings.sample_rate, settings.hop, 1, settings.delay, settings.stems),
        )

    def forward(self, audio: Tensor, config: DepthWidth | None = None) -> Tensor:
        """Separates `(batch, channels, samples)` into `(batch, stems, channels, samples)`, aligned with the audio.

        In a stream, the output is `settings.delay` samples late.
        """
        config = self.space.largest if config is None else self.space.check(config)
        return self.network(audio, config.depth, config.width)  # type: ignore[no-any-return]

    def extract(self, config: DepthWidth) -> nn.Module:
        """Returns a plain separator of `config`'s depth and width, in eval mode, with copied weights."""
        self.space.check(config)
        member = BandSplitNetwork(self.settings, config.depth, config.width)
        weights = self.network.state_dict()
        member.load_state_dict({name: weights[name] for name in member.state_dict()})
        return member.eval()

    def example_inputs(self, config: DepthWidth) -> tuple[Tensor, ...]:
        """Returns one second of quiet noise, `(1, channels, samples)`, the same for every configuration."""
        noise = torch.Generator().manual_seed(0)
        return (torch.randn(self.io.inputs[0].shape, generator=noise) * 0.1,)


SEPARATOR = BandSplitSettings(
    sample_rate=16000,
    channels=1,
    stems=("vocals", "accompaniment"),
    remainder=True,
    n_fft=512,
    hop=256,
    window="sqrt_hann",
    bands=SEPARATOR_16,
    compressed=True,
    features=32,
    hidden=32,
    gate_hidden=16,
    mask_hidden=64,
    norm="batch",
    causal=True,
)
"""The default separator. It can stream, with a hop of 16 ms and a latency of 32 ms."""

BSRNN = BandSplitSettings(
    sample_rate=44100,
    channels=2,
    stems=("vocals",),
    remainder=False,
    n_fft=2048,
    hop=512,
    window="hann",
    bands=VOCALS_41,
    compressed=False,
    features=128,
    hidden=256,
    gate_hidden=64,
    mask_hidden=512,
    norm="group",
    causal=False,
)
"""The paper's separator. It needs one network per stem and whole files; it cannot stream."""


def separator() -> ElasticBandSplit:
    """Builds the default mother: 16 kHz mono, streaming, depth and width 1 to 4."""
    return ElasticBandSplit(SEPARATOR, max_depth=4, max_width=4)


def bsrnn() -> ElasticBandSplit:
    """Builds the paper's mother: 44.1 kHz stereo, 41 bands, 12 layers, group norm, bidirectional.

    No checkpoint ships with it.
    """
    return ElasticBandSplit(BSRNN, max_depth=12, max_width=4)
