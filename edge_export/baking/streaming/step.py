"""A separator as one step of a stream: maps `(audio, state)` to `(stems, next_state)`. Audio and stems are waveforms.

State is one flat vector, zero at the start:
    context    the last n_fft − hop samples of the audio, for each channel
    overlap    the sum of earlier frames at samples that are not yet output, for each mask and channel
    h, c       of every recurrence over time: (width, bands, H) each, layer after layer
Outputs lag n_fft − hop samples behind the input: a sample is complete after the last frame that holds it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edge_export.baking.streaming.band_split import StreamedBandSplit
from edge_export.baking.streaming.constants import join, part, shaped
from edge_export.baking.streaming.gated_sum import fold_gates
from edge_export.baking.streaming.masks import StreamedMasks, apply_mask, quarter_turn
from edge_export.baking.streaming.recurrence import BandRecurrence, TimeRecurrence
from edge_export.baking.streaming.transform import FrameAnalysis, FrameSynthesis
from edge_export.mothers.band_split.network import BandSplitNetwork
from edge_export.mothers.band_split.recurrence import ResidualLayer
from edge_export.spec.tensors import IOSpec, Stream, TensorSpec

FEEDBACK = ("state", "next_state")
"""The names of the state, as input and as output."""


class StreamingLayer(nn.Module):
    """One residual layer: recurrence over time, then over bands, each with its gated sum."""

    def __init__(self, layer: ResidualLayer, bands: int, frames: int) -> None:
        super().__init__()
        self.time, self.time_sum = TimeRecurrence(layer.time, bands), fold_gates(layer.time)
        self.band, self.band_sum = BandRecurrence(layer.band, bands, frames), fold_gates(layer.band)

    def forward(self, x: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Maps `(frames × bands, N)` and the state of the recurrence over time to the same shapes."""
        output, hidden, cell = self.time(x, hidden, cell)
        x = x + self.time_sum(output)
        return x + self.band_sum(self.band(x)), hidden, cell


class StreamingSeparator(nn.Module):
    """A separator as one step of a stream.

    Args:
        network: A calibrated member with batch norm and causal recurrence.
        frames: Hops of audio in each call.
    """

    def __init__(self, network: BandSplitNetwork, frames: int) -> None:
        super().__init__()
        s = self.settings = network.settings
        self.frames, self.bands = frames, len(s.edges) - 1
        self.analysis = FrameAnalysis(s.n_fft, s.window, frames * s.channels)
        self.split = StreamedBandSplit(network.split, s, frames)
        self.layers = nn.ModuleList(StreamingLayer(layer, self.bands, frames) for layer in network.layers)  # type: ignore[arg-type]
        self.masks = StreamedMasks(network.mask, s, frames)
        self.synthesis = FrameSynthesis(s.n_fft, s.hop, s.window)
        width = len(network.layers[0].time.branches)  # type: ignore[union-attr, arg-type]
        self.cells = (width, self.bands, s.hidden)
        cells = width * self.bands * s.hidden
        self.sizes = [s.channels * s.delay, s.masks * s.channels * s.delay, *[cells] * (2 * len(self.layers))]

    @property
    def state_size(self) -> int:
        """The number of elements of the state."""
        return sum(self.sizes)

    @property
    def io(self) -> IOSpec:
        """The inputs and outputs of one call."""
        s = self.settings
        samples, unit = self.frames * s.hop, f"samples in -1..1 at {s.sample_rate} Hz"
        audio = TensorSpec("audio", (1, s.channels, samples), layout="NCT", unit=unit)
        stems = TensorSpec("stems", (1, len(s.stems), s.channels, samples), unit=unit)
        state, following = (TensorSpec(name, (1, self.state_size), unit="zero at first") for name in FEEDBACK)
        stream = Stream(s.sample_rate, s.hop, self.frames, s.delay, s.stems)
        return IOSpec((audio, state), (stems, following), (FEEDBACK[::-1],), stream=stream)

    def forward(self, audio: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Maps `(1, channels, frames × hop)`, `(1, state)` to `(1, stems, channels, frames × hop)`, `(1, state)`."""
        s = self.settings
        context, overlap, *cells = self._parts(state)
        samples = torch.cat([context.view(s.channels, -1), audio.view(s.channels, -1)], dim=1)
        spectrum = self.analysis(self._frames(samples))
        x = self.split(spectrum, self.frames).view(self.frames * self.bands, s.features)
        kept: list[Tensor] = []
        for index, layer in enumerate(self.layers):
            hidden, cell = (part.view(self.cells) for part in cells[2 * index : 2 * index + 2])
            x, hidden, cell = layer(x, hidden, cell)
            kept += [hidden.reshape(1, -1), cell.reshape(1, -1)]
        stems, overlap = self._waveforms(self.masks(x, self.frames), spectrum, overlap.view(-1, s.delay))
        if s.remainder:
            stems.append(self._rest(samples[:, : self.frames * s.hop], stems))
        following = [
            shaped(samples[:, self.frames * s.hop :], 1, self.sizes[0]),
            shaped(overlap, 1, self.sizes[1]),
            *kept,
        ]
        return join(stems, 0).view(1, len(s.stems), s.channels, -1), join(following, 1)

    def _parts(self, state: Tensor) -> list[Tensor]:
        parts, start = [], 0
        for size in self.sizes:
            parts.append(state[:, start : start + size])
            start += size
        return parts

    def _frames(self, samples: Tensor) -> Tensor:
        """Splits `(channels, delay + frames × hop)` into `(frames × channels, n_fft)`."""
        s = self.settings
        return join([part(samples, 1, f * s.hop, f * s.hop + s.n_fft) for f in range(self.frames)], 0)

    def _waveforms(self, masks: Tensor, spectrum: Tensor, overlap: Tensor) -> tuple[list[Tensor], Tensor]:
        """Returns the stems that have a mask, `(channels, frames × hop)` each, and the next overlap."""
        s = self.settings
        rows = 2 * s.channels
        masked, turned = [], quarter_turn(spectrum)
        for index in range(s.masks):
            mask = part(masks, 1, index * rows, (index + 1) * rows)
            masked.append(apply_mask(mask.reshape(spectrum.shape), spectrum, turned))
        frames = self.synthesis(join(masked, 0)).view(s.masks, self.frames, s.channels, s.n_fft)
        blocks = []
        for f in range(self.frames):
            total = part(frames, 1, f, f + 1).reshape(-1, s.n_fft)
            blocks.append(total[:, : s.hop] + part(overlap, 1, 0, s.hop))
            overlap = self._shifted(total, overlap)
        stems = join(blocks, 1)
        each = [part(stems, 0, m * s.channels, (m + 1) * s.channels) for m in range(s.masks)]
        return each, overlap

    def _shifted(self, total: Tensor, overlap: Tensor) -> Tensor:
        """Returns the overlap after a frame `(rows, n_fft)`, shifted by one hop."""
        s = self.settings
        if s.delay == s.hop:
            return total[:, s.hop :]
        return torch.cat([total[:, s.hop : s.delay] + overlap[:, s.hop :], total[:, s.delay :]], dim=1)

    def _rest(self, delayed: Tensor, stems: list[Tensor]) -> Tensor:
        for stem in stems:
            delayed = delayed - stem
        return delayed
