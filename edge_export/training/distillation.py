"""In-place distillation: in each step, the largest configuration is the teacher of the others (arXiv 1903.05134)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor
from torch.nn import functional

from edge_export.mothers.protocol import Config


def soft_cross_entropy(logits: Tensor, teacher_logits: Tensor) -> Tensor:
    """Returns the mean cross entropy of `logits` `(batch, classes)` with the detached softmax of the teacher."""
    teacher = teacher_logits.detach().softmax(1)
    return -(teacher * logits.log_softmax(1)).sum(1).mean()


def accumulate_gradients(
    forward: Callable[[Config], Tensor],
    configs: Sequence[Config],
    targets: Tensor,
    label_smoothing: float = 0.0,
    *,
    distilled: bool = True,
) -> float:
    """Adds up the gradients of all `configs`. The first learns the targets, the others learn its soft prediction.

    Args:
        forward: Returns the logits `(batch, classes)` of the step's batch at a configuration.
        configs: The configurations of the step, the largest first.
        targets: Class indices `(batch,)`.
        label_smoothing: The share of the target's probability that is spread over all classes.
        distilled: Whether the others learn from the first. Otherwise all learn the targets.

    Returns:
        The loss of the first configuration.
    """
    logits = forward(configs[0])
    loss = functional.cross_entropy(logits, targets, label_smoothing=label_smoothing)
    loss.backward()  # type: ignore[no-untyped-call]
    for config in configs[1:]:
        other = forward(config)
        learned = (
            soft_cross_entropy(other, logits)
            if distilled
            else functional.cross_entropy(other, targets, label_smoothing=label_smoothing)
        )
        learned.backward()  # type: ignore[no-untyped-call]
    return float(loss.detach())
