"""A denoiser that streams: 8 ms of sound and its state in, 8 ms and the next state out. Its GRU has a free width.

Frames of 32 ms are transformed; their magnitudes go through a GRU, whose mask is for the spectrum, and frames overlap.

    python -m edge_export build --target linux --mother examples.networks.gru_denoiser:GRUDenoiser
"""

import torch
from torch import nn
from torch.nn import functional as F

from edge_export.mothers.protocol import IOSpec, Recordings, TensorSpec
from examples.networks.listed import Listed, sounds

HOP, FRAME = 128, 512
BINS, LARGEST = FRAME // 2 + 1, 64


class Denoiser(nn.Module):
    """One call: `(batch, 128)` samples, the 384 before, the 384 to add to, and the GRU's state `(1, batch, 64)`."""

    def __init__(self, hidden):
        super().__init__()
        self.before, self.gru = nn.Linear(BINS, hidden), nn.GRU(hidden, hidden, batch_first=True)
        self.mask = nn.Linear(hidden, BINS)
        # The squares of a Hann window's root, at four frames a sample, add up to 2.
        self.register_buffer("window", torch.hann_window(FRAME).sqrt())

    def forward(self, samples, heard, rest, hidden):
        frame = torch.cat([heard, samples], 1)
        spectrum = torch.fft.rfft(frame * self.window)
        features = torch.log(spectrum.abs() + 1e-4)
        mask, hidden = self.masked(features, hidden)
        added = torch.fft.irfft(spectrum * mask, FRAME) * self.window / 2 + F.pad(rest, (0, HOP))
        return {
            "clean": added[:, :HOP],
            "next_heard": frame[:, HOP:],
            "next_rest": added[:, HOP:],
            "next_hidden": F.pad(hidden, (0, LARGEST - hidden.shape[2])),
        }

    def masked(self, features, hidden):
        """The mask `(batch, bins)` and the GRU's next state."""
        y = F.relu(self.before(features)).unsqueeze(1)
        y, hidden = self.gru(y, hidden[:, :, : self.gru.hidden_size].contiguous())
        return torch.sigmoid(self.mask(y.squeeze(1))), hidden


class Narrowed(Denoiser):
    """The mother's network with the first features of its GRU: the equations, on slices of its weights."""

    width = LARGEST

    def masked(self, features, hidden):
        c, gru = self.width, self.gru
        x, h = F.relu(F.linear(features, self.before.weight[:c], self.before.bias[:c])), hidden[0, :, :c]
        of_x = F.linear(x, *_gates(gru.weight_ih_l0, gru.bias_ih_l0, c)).chunk(3, 1)
        of_h = F.linear(h, *_gates(gru.weight_hh_l0, gru.bias_hh_l0, c)).chunk(3, 1)
        reset, update = torch.sigmoid(of_x[0] + of_h[0]), torch.sigmoid(of_x[1] + of_h[1])
        h = (1 - update) * torch.tanh(of_x[2] + reset * of_h[2]) + update * h
        return torch.sigmoid(F.linear(h, self.mask.weight[:, :c], self.mask.bias)), h.unsqueeze(0)


def _gates(weight, bias, features):
    """The first features of each of the three gates."""
    of_gates = weight.unflatten(0, (3, LARGEST))[:, :features, :features]
    return of_gates.flatten(0, 1), bias.unflatten(0, (3, LARGEST))[:, :features].flatten()


class GRUDenoiser(nn.Module):
    """Members "h32" and "h64", of that many features. The state has the widest member's size in all."""

    space = Listed(h32=32, h64=LARGEST)
    io = IOSpec(
        (
            TensorSpec("samples", (1, HOP), unit="samples in -1..1"),
            TensorSpec("heard", (1, FRAME - HOP)),
            TensorSpec("rest", (1, FRAME - HOP)),
            TensorSpec("hidden", (1, 1, LARGEST), batch=1),
        ),
        (
            TensorSpec("clean", (1, HOP), unit="samples in -1..1"),
            TensorSpec("next_heard", (1, FRAME - HOP)),
            TensorSpec("next_rest", (1, FRAME - HOP)),
            TensorSpec("next_hidden", (1, 1, LARGEST), batch=1),
        ),
        feedback=(("next_heard", "heard"), ("next_rest", "rest"), ("next_hidden", "hidden")),
    )

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.network = Narrowed(LARGEST)

    def forward(self, samples, heard, rest, hidden, config=LARGEST):
        self.network.width = config
        return self.network(samples, heard, rest, hidden)

    def extract(self, config):
        member, gru = Denoiser(config), self.network.gru
        member.before.load_state_dict({name: t[:config] for name, t in self.network.before.state_dict().items()})
        member.mask.load_state_dict({"weight": self.network.mask.weight[:, :config], "bias": self.network.mask.bias})
        for side in ("ih", "hh"):
            weight, bias = _gates(getattr(gru, f"weight_{side}_l0"), getattr(gru, f"bias_{side}_l0"), config)
            member.gru.load_state_dict({f"weight_{side}_l0": weight, f"bias_{side}_l0": bias}, strict=False)
        return member.eval()

    def example_inputs(self, config):
        return tuple(torch.zeros(spec.shape) for spec in self.io.inputs)

    @torch.no_grad()
    def recordings(self):
        """Calls of songs, and the states that the widest member has come to before them."""
        (songs,) = sounds(80 * HOP, 8).goldens
        state, calls = [torch.zeros(8, FRAME - HOP), torch.zeros(8, FRAME - HOP), torch.zeros(1, 8, LARGEST)], []
        for samples in songs.split(HOP, 1):
            calls.append((samples, *state))
            state = list(self(samples, *state).values())[1:]
        goldens = tuple(torch.cat(parts, 1 if parts[0].ndim == 3 else 0) for parts in zip(*calls[40::20], strict=True))
        return Recordings([], goldens)
