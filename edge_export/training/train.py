"""Trains a mother of the catalog and writes its checkpoint; the verb `train` calls this."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_export.errors import RequestError
from edge_export.files.hashing import file_sha256
from edge_export.mothers.catalog import CATALOG, build_untrained
from edge_export.mothers.checkpoint import load_checkpoint, save_checkpoint
from edge_export.spec.lazy import resolve

if TYPE_CHECKING:
    from edge_export.training.loop import Setup

BUILTIN = "builtin"
SHIPPED = "shipped"


@dataclass(frozen=True)
class Recipe:
    """The functions and defaults that train a mother.

    Attributes:
        data: "module:function" that opens the data by name.
        setup: "module:function" that returns a `training.loop.Setup` from (mother, data).
        epochs: The default number of epochs.
        gpu_epochs: The same where there is a GPU; None: `epochs`.
        rules: The sampling rules that a user can choose. The setup receives the name.
        validation: "module:function" that yields one row of numbers by name for each configuration, from (mother,
            data). It may set the mother's BatchNorm statistics.
    """

    data: str
    setup: str
    epochs: int
    gpu_epochs: int | None = None
    rules: tuple[str, ...] = ()
    validation: str | None = None


RECIPES = {
    "digits": Recipe(
        data="edge_export.data.digits:open_digits",
        setup="edge_export.training.classification:set_up",
        epochs=40,
        validation="edge_export.training.classification:validate",
    ),
    "slimmable_digits": Recipe(
        data="edge_export.data.digits:open_digits",
        setup="edge_export.training.classification:set_up_slimmable",
        epochs=40,
        validation="edge_export.training.classification:validate",
    ),
    "separator": Recipe(
        data="edge_export.data.music:open_music",
        setup="edge_export.training.separation:set_up",
        epochs=255,
        gpu_epochs=188,
        rules=("random", "ends", "sandwich"),
        validation="edge_export.training.separation_validation:validate",
    ),
    "bsrnn": Recipe(
        data="edge_export.data.music:open_music",
        setup="edge_export.training.separation:set_up",
        epochs=2000,
        rules=("random", "ends", "sandwich"),
        validation="edge_export.training.separation_validation:validate",
    ),
}


@dataclass(frozen=True)
class TrainingReport:
    """The result of a training.

    Attributes:
        checkpoint: The safetensors file.
        sha256: The SHA-256 of that file.
        bytes: The size of that file.
        epochs: The number of epochs in total.
        resumed_from: The epochs that an interrupted run had finished.
        losses: The mean loss of each epoch.
        seconds: The time of this run.
        validation: One row for each configuration; empty if the recipe has no validation.
    """

    checkpoint: Path
    sha256: str
    bytes: int
    epochs: int
    resumed_from: int
    losses: tuple[float, ...]
    seconds: float
    validation: tuple[dict[str, str | float], ...] = ()


def train(
    mother: str,
    data: str = BUILTIN,
    out: str | Path = "mother.safetensors",
    epochs: int | None = None,
    seed: int = 0,
    rule: str | None = None,
    *,
    checkpoint: str | Path | None = None,
    progress: bool = True,
) -> TrainingReport:
    """Trains the catalog's `mother` and writes its checkpoint to `out`.

    After each epoch the state is written beside `out`. After an interruption, the same call resumes from there and ends
    with the same bytes as an undisturbed run.

    Args:
        mother: A name of the catalog.
        data: "builtin" or a folder in the layout of the mother's task. For a separator also "recorded", songs of
            recorded voices and music, and several of these with commas between.
        out: The checkpoint to write, `.safetensors`.
        epochs: The number of epochs in total; None: the recipe's number for this machine.
        seed: The seed of the initial weights and of every choice.
        rule: The rule that chooses the configurations of a step, one of the recipe's; None: the setup's.
        checkpoint: The weights to begin with, a file or "shipped": those of the catalog. See `full_grown`. None: random
            weights.
        progress: Whether to show a progress bar on standard error.

    Raises:
        RequestError: The mother has no recipe, the data are wrong, or `run_epochs` fails.
    """
    from edge_export.training.loop import run_epochs

    started = time.perf_counter()
    out = Path(out)
    recipe = _recipe(mother)
    epochs = _default_epochs(recipe) if epochs is None else epochs
    if out.suffix != ".safetensors":
        raise RequestError(f"cannot write {out}: give a name that ends in .safetensors")
    if rule is not None and rule not in recipe.rules:
        raise RequestError(f"--rule {rule}: {mother} is trained by {', '.join(recipe.rules) or 'one rule only'}")
    if epochs < 1:
        raise RequestError(f"{epochs} epochs: train for at least one")
    first_weights = None if checkpoint is None else _first_weights(mother, checkpoint, out)
    network: Any = build_untrained(mother, seed)
    if first_weights is not None:
        load_checkpoint(network, first_weights)
    opened = resolve(recipe.data)(data)
    chosen = () if rule is None else (rule,)
    setup: Setup = resolve(recipe.setup)(network, opened, *chosen)
    if first_weights is not None:
        setup = full_grown(setup, file_sha256(first_weights))
    state_path = state_file(out)
    run = run_epochs(setup, epochs=epochs, seed=seed, state_path=state_path, progress=progress)
    validation = () if recipe.validation is None else tuple(resolve(recipe.validation)(network, opened))
    save_checkpoint(network, out)
    state_path.unlink()
    return TrainingReport(
        checkpoint=out,
        sha256=file_sha256(out),
        bytes=out.stat().st_size,
        epochs=epochs,
        resumed_from=run.resumed_from,
        losses=run.losses,
        seconds=time.perf_counter() - started,
        validation=validation,
    )


def full_grown(setup: Setup, checkpoint: str) -> Setup:
    """Returns `setup` for weights that are trained already: in its last stage from the first epoch on.

    The learning rate rises as at the beginning of a training, and then falls as over the last third of one.

    Args:
        setup: The training.
        checkpoint: The SHA-256 of these weights.
    """

    def rate(epoch: float, epochs: int) -> float:
        return min(setup.learning_rate(epoch, epochs), setup.learning_rate((2 * epochs + epoch) / 3, epochs))

    return replace(
        setup,
        learning_rate=rate,
        stage=lambda epoch, epochs: setup.stage(epochs - 1, epochs),
        settings={**setup.settings, "checkpoint": checkpoint},
    )


def state_file(out: Path) -> Path:
    """Returns the path of the state file of an unfinished training to `out`."""
    return out.with_name(f"{out.name}.state")


def _first_weights(mother: str, checkpoint: str | Path, out: Path) -> Path:
    path = CATALOG[mother].checkpoint_path if checkpoint == SHIPPED else Path(checkpoint)
    if path is None:
        raise RequestError(f"--checkpoint {SHIPPED}: no weights ship with {mother}; give a file")
    if path.resolve() == out.resolve():
        raise RequestError(f"--out {out} would overwrite the weights that training begins with: give another file")
    return path


def _recipe(mother: str) -> Recipe:
    if mother not in RECIPES:
        raise RequestError(
            f"mother {mother}: there is no training for it; known are {', '.join(RECIPES)}; "
            "give --checkpoint for any other mother"
        )
    return RECIPES[mother]


def _default_epochs(recipe: Recipe) -> int:
    import torch

    return recipe.gpu_epochs if recipe.gpu_epochs is not None and torch.cuda.is_available() else recipe.epochs
