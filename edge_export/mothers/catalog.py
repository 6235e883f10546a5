"""The catalog of named mothers, and the functions that open a mother. Importing this file does not import torch."""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_export.errors import RequestError, one_line, raised
from edge_export.mothers.computed import detach_computed
from edge_export.mothers.contract import check_mother, unwrapped

if TYPE_CHECKING:
    from edge_export.mothers.protocol import Mother

CHECKPOINTS = Path(__file__).parent / "checkpoints"


@dataclass(frozen=True)
class CatalogEntry:
    """A named mother.

    Attributes:
        builder: "module:function" that builds the mother, untrained.
        description: One line about the mother.
        checkpoint: The name of its file in `checkpoints/`; None: no checkpoint ships with it.
        recordings: "module:function" that returns its real, recorded data; None: no data ships with it.
    """

    builder: str
    description: str
    checkpoint: str | None = None
    recordings: str | None = None

    @property
    def checkpoint_path(self) -> Path | None:
        """The path of the shipped checkpoint; None: there is none."""
        return None if self.checkpoint is None else CHECKPOINTS / self.checkpoint


CATALOG: dict[str, CatalogEntry] = {
    "digits": CatalogEntry(
        "edge_export.mothers.us_mobilenet.mother:digits",
        "a small US-MobileNetV2 for handwritten digits, 32 × 32 gray, widths 0.25 to 1 (trained)",
        checkpoint="digits.safetensors",
        recordings="edge_export.data.digits:recordings",
    ),
    "slimmable_digits": CatalogEntry(
        "edge_export.mothers.us_mobilenet.mother:slimmable_digits",
        "the same network with a BatchNorm for each of the widths 0.25, 0.5, 0.75 and 1 (trained)",
        checkpoint="slimmable_digits.safetensors",
        recordings="edge_export.data.digits:recordings",
    ),
    "us_mobilenet_v1": CatalogEntry(
        "edge_export.mothers.us_mobilenet.mother:us_mobilenet_v1",
        "US-MobileNet v1, 224 × 224 RGB, 1000 classes, widths 0.25 to 1 (bring a checkpoint)",
    ),
    "us_mobilenet_v2": CatalogEntry(
        "edge_export.mothers.us_mobilenet.mother:us_mobilenet_v2",
        "US-MobileNet v2, 224 × 224 RGB, 1000 classes, widths 0.35 to 1 (bring a checkpoint)",
    ),
    "separator": CatalogEntry(
        "edge_export.mothers.band_split.mother:separator",
        "a band-split separator of vocals and accompaniment, 16 kHz mono, streaming, depth and width 1 to 4 (trained)",
        checkpoint="separator.safetensors",
        recordings="edge_export.data.excerpts:recordings",
    ),
    "bsrnn": CatalogEntry(
        "edge_export.mothers.band_split.mother:bsrnn",
        "band-split RNN for vocals, 44.1 kHz stereo, 41 bands, depth 1 to 12, width 1 to 4 (bring a checkpoint)",
    ),
}


def open_mother(spec: str, checkpoint: str | Path | None = None) -> Mother:
    """Returns the mother that `spec` names, in eval mode, with its weights. See `open_noted`."""
    return open_noted(spec, checkpoint)[0]


def open_noted(spec: str, checkpoint: str | Path | None = None) -> tuple[Mother, tuple[str, ...]]:
    """Returns the mother that `spec` names, in eval mode, with its weights, and notes on how its checkpoint was read.

    Args:
        spec: A name of the catalog, or "package.module:factory". The module may be in the current folder.
        checkpoint: A `.safetensors` or `.pt` file. None: the checkpoint that ships with a mother of the catalog, or the
            weights that a user's factory created.

    Raises:
        RequestError: The name is unknown, the factory fails or returns no mother, `load_checkpoint` fails, or the
            catalog has no weights and `checkpoint` is None.
    """
    entry = CATALOG.get(spec)
    if checkpoint is None and entry is not None:
        checkpoint = entry.checkpoint_path
        if checkpoint is None:
            raise RequestError(f"mother {spec} ships without weights: give its checkpoint as --checkpoint")
    mother = _build(spec)
    if checkpoint is None:
        return mother.eval(), ()
    from edge_export.mothers.checkpoint import load_checkpoint

    notes = load_checkpoint(mother, checkpoint)
    return mother.eval(), notes


def build_untrained(spec: str, seed: int = 0) -> Mother:
    """Returns the mother that `spec` names, in eval mode, with weights drawn from `seed`. Raises like `open_mother`."""
    return _build(spec, seed).eval()  # type: ignore[no-any-return]


def _build(spec: str, seed: int = 0) -> Any:
    import torch

    factory = factory_of(CATALOG[spec].builder if spec in CATALOG else spec)
    # The seed makes an untrained mother the same in each run. The fork leaves the caller's generator as it was.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            mother = factory()
        except RequestError:
            raise
        except Exception as error:
            raise RequestError(f"mother {spec}: the factory failed with {raised(error)}") from error
    mother = unwrapped(mother)
    check_mother(spec, mother)
    detach_computed(mother)
    return mother


def check_spec(spec: str, what: str = "mother") -> None:
    """Raises RequestError unless `spec` has the form package.module:factory.

    Args:
        spec: The text to check.
        what: What the factory makes, for messages.
    """
    module_name, colon, function_name = spec.partition(":")
    if not colon:
        close = difflib.get_close_matches(spec, CATALOG, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]}? " if close else ""
        raise RequestError(
            f"{what} {one_line(spec, 80)!r} is unknown: {hint}known are {', '.join(CATALOG)}; "
            "or give package.module:factory"
        )
    module = module_name.removeprefix("./").removesuffix(".py").replace("/", ".")
    if module != module_name and all(part.isidentifier() for part in module.split(".")):
        raise RequestError(
            f"{what} {one_line(spec, 80)!r} names a file: give its module as {module}:{function_name}, from the folder "
            "in which that begins"
        )
    if not all(part.isidentifier() for part in (*module_name.split("."), *function_name.split("."))):
        raise RequestError(f"{what} {one_line(spec, 80)!r} is malformed: give package.module:factory")


def factory_of(spec: str, what: str = "mother") -> Callable[[], Any]:
    """Imports the function or class that `spec` names.

    Args:
        spec: "package.module:factory".
        what: What the factory makes, for messages.

    Raises:
        RequestError: `spec` is malformed, the import fails, or the name is missing or not callable.
    """
    check_spec(spec, what)
    module_name, _, function_name = spec.partition(":")
    # Unlike `python -m`, the console script does not search the current folder.
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        target: Any = importlib.import_module(module_name)
    except Exception as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and f"{module_name}.".startswith(f"{missing}."):
            raise RequestError(
                f"{what} {spec}: cannot import {module_name} ({raised(error)}); run from the folder that holds it"
            ) from error
        advice = f"install {missing} here" if missing else "mend that line"
        raise RequestError(f"{what} {spec}: cannot import {module_name} ({raised(error)}): {advice}") from error
    for part in function_name.split("."):
        if not hasattr(target, part):
            raise RequestError(f"{what} {spec}: {module_name} has no {function_name}; check the name of the factory")
        target = getattr(target, part)
    if not callable(target):
        raise RequestError(f"{what} {spec}: {function_name} is a {type(target).__name__}; give a function or a class")
    return target  # type: ignore[no-any-return]
