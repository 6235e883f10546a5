"""The streaming separator as one writes it in PyTorch: `nn.LSTM`, BatchNorm, the mother's modules, state in and out.

What the other converters are given. Three things are written with their limits in mind, so that they are not measured
at their worst; none of them changes what is computed:
- PReLU, which has one slope here, is a LeakyReLU: ExecuTorch's XNNPACK backend can't lower a PReLU of three axes;
- linear layers and transforms see three axes at most: litert-torch can't lower them with more;
- frames are cut out one by one: torch.onnx's TorchScript exporter writes a wrong reshape for a single unfolded frame.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from edge_export.mothers.band_split.network import BandSplitNetwork, apply_masks
from edge_export.mothers.band_split.recurrence import ParallelRecurrence, Recurrence, ResidualLayer, normalize
from edge_export.mothers.band_split.tac import gated_mean

INPUTS = ("audio", "context", "overlap", "hidden", "cell")
OUTPUTS = ("stems", "next_context", "next_overlap", "next_hidden", "next_cell")


class PlainSeparator(nn.Module):
    """A member, `frames` hops of mono or multichannel audio a call."""

    def __init__(self, member: BandSplitNetwork, frames: int) -> None:
        super().__init__()
        self.network, self.frames = copy.deepcopy(member).eval(), frames
        for parent in list(self.network.modules()):
            for name, child in parent.named_children():
                if isinstance(child, nn.PReLU):
                    setattr(parent, name, nn.LeakyReLU(float(child.weight.detach())))

    def forward(
        self, audio: Tensor, context: Tensor, overlap: Tensor, hidden: Tensor, cell: Tensor
    ) -> tuple[Tensor, ...]:
        """One call.

        Args:
            audio: `(1, channels, frames × hop)`.
            context: The audio before it, `(1, channels, n_fft − hop)`.
            overlap: What earlier frames add to later samples, `(1, masks, channels, n_fft − hop)`.
            hidden, cell: Of the LSTMs over time, `(depth, width, bands, H)`.

        Returns:
            Stems `(1, stems, channels, frames × hop)`, n_fft − hop samples late, and the state for the next call.
        """
        network, s = self.network, self.network.settings
        samples = torch.cat([context, audio], dim=-1)
        frames = [samples[..., f * s.hop : f * s.hop + s.n_fft] for f in range(self.frames)]
        spectrum = network.analysis.transform(torch.stack(frames, dim=2)[0])[None]
        x = network.split(spectrum)[0]
        states = []
        for layer, h, c in zip(network.layers, hidden, cell, strict=True):
            assert isinstance(layer, ResidualLayer)
            x, h, c = _over_time(layer.time, x, h, c)
            x = _over_bands(layer.band, x)
            states.append((h, c))
        masked = apply_masks(network.mask(x[None]), spectrum)
        waves = network.synthesis.transform(masked.flatten(0, 2)).unflatten(0, masked.shape[:3])
        stems, overlap = self._overlap_add(waves, overlap)
        if s.remainder:
            delayed = samples[..., : self.frames * s.hop]
            stems = torch.cat([stems, delayed[:, None] - stems.sum(dim=1, keepdim=True)], dim=1)
        hidden, cell = (torch.stack(each) for each in zip(*states, strict=True))
        return stems, samples[..., self.frames * s.hop :], overlap, hidden, cell

    def _overlap_add(self, waves: Tensor, overlap: Tensor) -> tuple[Tensor, Tensor]:
        hop, blocks = self.network.settings.hop, []
        for f in range(self.frames):
            total = waves[..., f, :] + torch.cat([overlap, torch.zeros_like(overlap[..., :hop])], dim=-1)
            blocks.append(total[..., :hop])
            overlap = total[..., hop:]
        return torch.cat(blocks, dim=-1), overlap

    def first_state(self) -> tuple[Tensor, ...]:
        """All zeros."""
        s, layers = self.network.settings, self.network.layers
        assert isinstance(layers[0], ResidualLayer)
        cells = (len(layers), len(layers[0].time.branches), len(s.edges) - 1, s.hidden)
        overlap = (1, s.masks, s.channels, s.delay)
        return tuple(torch.zeros(shape) for shape in ((1, s.channels, s.delay), overlap, cells, cells))


def _over_time(parallel: ParallelRecurrence, x: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """`(frames, bands, N)` and twice `(width, bands, H)`; a band is a sequence of frames."""
    normed = normalize(parallel.norm, x.transpose(0, 1))
    outputs, hiddens, cells = [], [], []
    for g, branch in enumerate(parallel.branches):
        assert isinstance(branch, Recurrence)
        output, (h, c) = branch.lstm(normed, (hidden[g : g + 1], cell[g : g + 1]))
        outputs.append(branch.projection(output))
        hiddens.append(h)
        cells.append(c)
    return x + _gated(parallel, outputs).transpose(0, 1), torch.cat(hiddens), torch.cat(cells)


def _over_bands(parallel: ParallelRecurrence, x: Tensor) -> Tensor:
    """`(frames, bands, N)`; a frame is a sequence of bands."""
    normed = normalize(parallel.norm, x)
    return x + _gated(parallel, [branch(normed) for branch in parallel.branches])


def _gated(parallel: ParallelRecurrence, outputs: list[Tensor]) -> Tensor:
    stacked = torch.stack(outputs)
    return gated_mean(stacked.flatten(1, 2), parallel.gate).view(stacked.shape[1:])
