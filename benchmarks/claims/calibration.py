"""Without statistics computed after training accuracy collapses; few images are enough (arXiv 1903.05134, section 3.2).

    python -m benchmarks.claims.calibration --seeds 3

One network, trained by the sandwich rule with distillation. Its members have the statistics that training left, which
mix all widths; the exact average over the first n training images; or a moving average over them with momentum 0.1,
which begins at the statistics of training. Both see the same batches of `BATCH` images, once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from benchmarks.claims.command import Measured, Request, line, main, table
from benchmarks.claims.errors import error, spread
from benchmarks.claims.hard_digits import TRAINING_IMAGES
from benchmarks.claims.trainings import LISTED, Training, data_of, trained
from edge_export.members.calibrate import batch_norms, calibrate
from edge_export.mothers.us_mobilenet.width_space import Width

BATCH = 8
COUNTS = (8, 16, 32, 64, 128, 256, TRAINING_IMAGES)


def moving_average(member: nn.Module, batches: Sequence[tuple[Tensor, ...]]) -> None:
    """Updates the statistics as training does, with BatchNorm's own momentum."""
    layers = batch_norms(member).values()
    for layer in layers:
        layer.train()
    with torch.no_grad():
        for batch in batches:
            member(*batch)
    member.eval()


AVERAGES: dict[str, Callable[[nn.Module, Sequence[tuple[Tensor, ...]]], object]] = {
    "exact": calibrate,
    "moving": moving_average,
}


def measure(request: Request) -> Measured:
    """Returns the errors by number of images, average and width."""
    found: dict[tuple[str, int, float], list[float]] = {}
    for seed in request.seeds:
        mother, data = trained(Training(seed, epochs=request.epochs), request.folder), data_of(seed)
        for width in LISTED:
            found.setdefault(("exact", 0, width), []).append(error(mother.extract(Width(width)), data))
            for name, average in AVERAGES.items():
                for count in COUNTS:
                    member = mother.extract(Width(width))
                    average(member, [(batch,) for batch in data.train_images[:count].split(BATCH)])
                    found.setdefault((name, count, width), []).append(error(member, data))
    rows = [
        (f"{name}, {count}" if count else "those of training", *(spread(found[name, count, width]) for width in LISTED))
        for name in AVERAGES
        for count in (0, *COUNTS)
        if (name, count, LISTED[0]) in found
    ]
    lines = tuple(
        line(f"{name}, width {width:g}", COUNTS, [spread(found[name, count, width]) for count in COUNTS])
        for width in (LISTED[0], LISTED[-1])
        for name in AVERAGES
    )
    head = ("statistics, images", *(f"width {width:g}" for width in LISTED))
    return Measured((table(head, rows),), lines, "images", logarithmic=True)


if __name__ == "__main__":
    main(__doc__, measure)
