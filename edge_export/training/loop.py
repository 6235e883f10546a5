"""The epoch loop: seeded and resumable, the same for every recipe.

A recipe provides a `Setup` of functions: they draw the batches of an epoch, compute the gradients of a batch and return
the learning rate. The loop creates a new generator for each epoch from (seed, epoch), steps the optimizer and writes a
state file after each epoch. No random state outlives an epoch. A run that is killed and started again therefore ends
with the same bits as an undisturbed run.
"""

from __future__ import annotations

import contextlib
import io
import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from edge_export.errors import RequestError, one_line
from edge_export.files.atomic import write_atomically
from edge_export.workers.threads import cpu_threads

Settings = Mapping[str, str | int | float]


@dataclass(frozen=True)
class Setup:
    """A network and the functions that train it.

    Attributes:
        mother: The network to train.
        optimizer: The optimizer of the mother's parameters.
        batches: Draws the batches of one epoch with the given generator.
        batches_per_epoch: The number of these batches.
        accumulate: Adds the gradients of one batch at a stage, makes choices with the given generator, and returns the
            loss.
        learning_rate: Returns the rate at (finished epochs, with fraction; epochs in total).
        settings: All settings that change the result, by name. A state file of other settings is refused.
        clip_norm: The norm to which gradients are clipped; None: no clipping.
        threads: The number of CPU threads; None: torch's default. The last bits of a sum depend on it, and small layers
            gain nothing from more threads.
        stage: Returns the stage of the training at (finished epochs; epochs in total), such as how far it has grown.
        status: Returns the text beside the loss, such as the metric of the last batch.
    """

    mother: nn.Module
    optimizer: torch.optim.Optimizer
    batches: Callable[[torch.Generator], Iterable[tuple[Tensor, ...]]]
    batches_per_epoch: int
    accumulate: Callable[[tuple[Tensor, ...], random.Random, int], float]
    learning_rate: Callable[[float, int], float]
    settings: Settings
    clip_norm: float | None = None
    threads: int | None = None
    stage: Callable[[int, int], int] = lambda epoch, epochs: 0
    status: Callable[[], str] = lambda: ""


@dataclass(frozen=True)
class Run:
    """The result of the loop: the mean loss of each epoch, and the number of epochs that an earlier run finished."""

    losses: tuple[float, ...]
    resumed_from: int


def run_epochs(setup: Setup, *, epochs: int, seed: int, state_path: Path, progress: bool = True) -> Run:
    """Trains for `epochs` and resumes from `state_path` if it exists.

    The state of a run with another number of epochs fits as long as its learning rates and stages were those of this
    run. The state file stays after the last epoch. Delete it when the result is saved.

    Raises:
        RequestError: The state file is damaged or has other settings, or the loss is not finite.
    """
    settings = {**setup.settings, "epochs": epochs, "seed": seed}
    losses = _resume(setup, settings, state_path)
    resumed_from = len(losses)
    with cpu_threads(setup.threads), _progress_bar(epochs, resumed_from, setup, progress) as advance:
        for epoch in range(resumed_from, epochs):
            losses.append(_run_epoch(setup, epoch, epochs, seed, advance))
            _save(setup, settings, losses, state_path)
    return Run(tuple(losses), resumed_from)


def _run_epoch(setup: Setup, epoch: int, epochs: int, seed: int, advance: Callable[[int, float], None]) -> float:
    generator = torch.Generator().manual_seed(_epoch_seed(seed, epoch, "batches"))
    choices = random.Random(_epoch_seed(seed, epoch, "choices"))
    total, stage = 0.0, setup.stage(epoch, epochs)
    setup.mother.train()
    # Layers such as dropout draw their own random numbers. The fork leaves the caller's generator as it was.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_epoch_seed(seed, epoch, "layers"))
        for number, batch in enumerate(setup.batches(generator)):
            for group in setup.optimizer.param_groups:
                group["lr"] = setup.learning_rate(epoch + number / setup.batches_per_epoch, epochs)
            setup.optimizer.zero_grad()
            loss = setup.accumulate(batch, choices, stage)
            if not math.isfinite(loss):
                raise RequestError(
                    f"training diverged in epoch {epoch + 1} of {epochs}, batch {number + 1}: the loss is {loss}; "
                    "try another seed or cleaner data"
                )
            if setup.clip_norm is not None:
                nn.utils.clip_grad_norm_(setup.mother.parameters(), setup.clip_norm)
            setup.optimizer.step()
            total += loss
            advance(epoch, loss)
    return total / setup.batches_per_epoch


def _epoch_seed(seed: int, epoch: int, purpose: str) -> int:
    return random.Random(f"{seed} {epoch} {purpose}").getrandbits(63)


def _save(setup: Setup, settings: Settings, losses: list[float], path: Path) -> None:
    content = io.BytesIO()
    state = {
        "settings": dict(settings),
        "losses": losses,
        "mother": setup.mother.state_dict(),
        "optimizer": setup.optimizer.state_dict(),
    }
    torch.save(state, content)
    write_atomically(path, content.getvalue())


def _resume(setup: Setup, settings: Settings, path: Path) -> list[float]:
    """Loads the state file into the setup, if it exists. Returns the losses of the finished epochs."""
    if not path.exists():
        return []
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        written, losses = state["settings"], list(state["losses"])
    except Exception as error:
        raise RequestError(
            f"training state {path}: damaged ({one_line(error, 120)}); delete it to start from the beginning"
        ) from error
    names = {*settings, *written}
    if _had_the_same_schedule(setup, len(losses), written.get("epochs"), settings["epochs"]):
        names.remove("epochs")
    differing = [
        f"{name} {written.get(name)!r}, now {settings.get(name)!r}"
        for name in sorted(names)
        if written.get(name) != settings.get(name)
    ]
    if differing:
        raise RequestError(
            f"training state {path}: written by a run with other settings ({one_line('; '.join(differing), 300)}); "
            "use the same settings to resume, or delete the file to start from the beginning"
        )
    try:
        setup.mother.load_state_dict(state["mother"])
        setup.optimizer.load_state_dict(state["optimizer"])
    except (KeyError, RuntimeError, ValueError) as error:
        raise RequestError(
            f"training state {path}: does not fit the network ({one_line(error, 120)}); "
            "delete it to start from the beginning"
        ) from error
    return losses


def _had_the_same_schedule(setup: Setup, finished: int, then: object, now: object) -> bool:
    """Returns whether the finished epochs had the same learning rates and stages under both numbers of epochs."""
    if not (isinstance(then, int) and isinstance(now, int) and finished <= min(then, now)):
        return False
    times = [epoch + n / setup.batches_per_epoch for epoch in range(finished) for n in range(setup.batches_per_epoch)]
    return all(setup.learning_rate(time, then) == setup.learning_rate(time, now) for time in times) and all(
        setup.stage(epoch, then) == setup.stage(epoch, now) for epoch in range(finished)
    )


@contextlib.contextmanager
def _progress_bar(epochs: int, done: int, setup: Setup, shown: bool) -> Iterator[Callable[[int, float], None]]:
    """Shows a progress bar on standard error. Yields the function to call after each batch."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as bar:
        batches_per_epoch = setup.batches_per_epoch
        total = epochs * batches_per_epoch
        line = bar.add_task(f"epoch {min(done + 1, epochs)}/{epochs}", total=total, completed=done * batches_per_epoch)

        def advance(epoch: int, loss: float) -> None:
            bar.update(line, advance=1, description=f"epoch {epoch + 1}/{epochs} loss {loss:.3f} {setup.status()}")

        yield advance
