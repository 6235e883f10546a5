"""Transform-average-concatenate gates, which weight the output of each parallel sub-module.

For the outputs z_g (N features) of the G active sub-modules, at each frame and band (arXiv 2312.03464, section 2.3):
    v_g = PReLU(W1 z_g + b1)                 transform
    r   = PReLU(W2 mean_g(v_g) + b2)         average, over the active sub-modules only
    a_g = sigmoid(W3 [v_g ; r] + b3)         concatenate; one scalar
One set of weights serves any G. The average tells each gate about the other active sub-modules.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class TACGate(nn.Module):
    """The gates of parallel sub-modules.

    Args:
        features: N, the features of a sub-module's output.
        hidden: The features after the transform.
    """

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.transform = nn.Linear(features, hidden)
        self.transform_activation = nn.PReLU()
        self.average = nn.Linear(hidden, hidden)
        self.average_activation = nn.PReLU()
        self.concatenate = nn.Linear(2 * hidden, 1)

    def forward(self, outputs: Tensor) -> Tensor:
        """Maps outputs `(sub-modules, …, features)` to gates `(sub-modules, …, 1)` in 0..1."""
        own = self.transform_activation(self.transform(outputs))
        shared = self.average_activation(self.average(own.mean(dim=0)))
        # W3 [v ; r] = W3a v + W3b r: the shared half is computed once instead of once per sub-module.
        weight, bias = self.concatenate.weight, self.concatenate.bias
        common = F.linear(shared, weight[:, self.hidden :], bias)
        return torch.sigmoid(F.linear(own, weight[:, : self.hidden]) + common)


def gated_mean(outputs: Tensor, gate: TACGate | None) -> Tensor:
    """Averages `(sub-modules, …, features)` to `(…, features)`; each output is first multiplied by its gate, if any."""
    return outputs.mean(dim=0) if gate is None else (outputs * gate(outputs)).mean(dim=0)
