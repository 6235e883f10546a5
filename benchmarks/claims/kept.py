"""Trainings that are done once and kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edge_export.mothers.checkpoint import load_checkpoint, save_checkpoint
from edge_export.training.loop import Setup, run_epochs


def key_of(settings: Mapping[str, object]) -> str:
    """Returns the name of a training: another one for any other setting."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:20]


def finish(mother: Any, setup: Setup, key: str, epochs: int, seed: int, folder: Path) -> Any:
    """Returns the trained mother, in eval mode; from `folder` if it is there, or trained on from its last epoch."""
    folder.mkdir(parents=True, exist_ok=True)
    kept, state = folder / f"{key}.safetensors", folder / f"{key}.state"
    if not kept.exists():
        run_epochs(setup, epochs=epochs, seed=seed, state_path=state, progress=False)
        save_checkpoint(mother, kept)
        state.unlink()
    load_checkpoint(mother, kept)
    return mother.eval()
