"""What the networks of this folder share: a space of listed configurations, pictures and sounds that were recorded."""

from sklearn.datasets import load_sample_images
from torch import contiguous_format, tensor
from torch.nn import functional as F

from edge_export.data.excerpts import open_excerpts
from edge_export.errors import RequestError
from edge_export.mothers.protocol import Recordings


class Listed:
    """The configurations `known`, by name, smallest first."""

    def __init__(self, **known):
        self.known = known
        self.smallest, *_, self.largest = known.values()

    def all(self):
        return list(self.known.values())

    def sample(self, rng):
        return rng.choice(self.all())

    def name(self, config):
        return next(name for name, each in self.known.items() if each == config)

    def parse(self, text):
        if text not in self.known:
            raise RequestError(f"there is no member {text}: there are {', '.join(self.known)}")
        return self.known[text]


def pictures(size=64, count=16):
    """Recordings of photographs: a temple calibrates, a flower is held out; `(count, 3, size, size)` in 0..1."""
    parts = []
    for photograph in load_sample_images().images:
        pixels = tensor(photograph / 255).float().movedim(2, 0)
        tiles = F.unfold(pixels[None], size, stride=size)[0].T.reshape(-1, 3, size, size)
        parts.append(tiles[:: len(tiles) // count][:count].clone(memory_format=contiguous_format))
    temple, flower = parts
    return Recordings([(temple[: count // 2],), (temple[count // 2 :],)], (flower,))


def sounds(samples=16000, count=8):
    """Recordings of songs at 16 kHz: `(count, samples)` in -1..1."""
    excerpts = open_excerpts()
    return Recordings(
        [(excerpts.calibration[:count, 0, :samples],)], (excerpts.mixtures[:count, 0, 16000:][:, :samples],)
    )
