"""The windows of pooling along one axis, as PyTorch places them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


def per_axis(values: Sequence[int], axes: int) -> list[int]:
    """Returns one value for each axis. A list of one value applies to all."""
    return list(values) * (axes if len(values) == 1 else 1)


@dataclass(frozen=True)
class Axis:
    """PyTorch's pooling windows along one axis of `size` elements."""

    size: int
    kernel: int
    stride: int
    padding: int
    ceil_mode: bool

    @property
    def windows(self) -> int:
        """The number of windows. With `ceil_mode` the last one may extend past the end, but not begin after it."""
        beyond = self.size + 2 * self.padding - self.kernel
        count = (-(-beyond // self.stride) if self.ceil_mode else beyond // self.stride) + 1
        begins_behind = self.ceil_mode and (count - 1) * self.stride >= self.size + self.padding
        return count - 1 if begins_behind else count

    @property
    def missing(self) -> int:
        """The number of elements that the last window needs after the end of the input."""
        return max(0, (self.windows - 1) * self.stride + self.kernel - self.padding - self.size)

    def counted(self, window: int, with_padding: bool) -> int:
        """Returns the number of elements of a window that PyTorch counts."""
        margin = self.padding if with_padding else 0
        start = window * self.stride - self.padding
        return min(start + self.kernel, self.size + margin) - max(start, -margin)
