"""Faults in the operators of Core AI programs."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import numpy as np
from isolated_environments import isolated

PROGRAM, HASH = "main.mlirb", "main.hash"
PADDED = np.array([0, 0, 0, 0, 1, 1, 1, 1], np.uint32).tobytes()
SHIFTED = np.array([0, 0, 0, 0, 0, 2, 0, 2], np.uint32).tobytes()
SWAP_STATES = """
import sys
from pathlib import Path
from coreai._compiler.ir import WalkResult
from coreai.authoring import AIModelAsset

program, joined = AIModelAsset.load(sys.argv[1]).program, []

def visit(operation):
    if operation.name == "coreai.concat" and len(operation.operands) == 5:
        joined.append(operation)
    return WalkResult.ADVANCE

program._module._mlir_module.operation.walk(visit)
last = max(joined, key=lambda operation: operation.results[0].type.shape[-1])
hidden, cell = last.operands[3], last.operands[4]
last.operands[3], last.operands[4] = cell, hidden
program.save_asset(Path(sys.argv[1]))
"""


def wrong_pad(path: Path, rng: np.random.Generator) -> None:
    """All convolutions read the same pads."""
    content = (path / PROGRAM).read_bytes()
    assert content.count(PADDED) == 1
    (path / PROGRAM).write_bytes(content.replace(PADDED, SHIFTED))


def swap_states(path: Path) -> None:
    """The largest value that four parts are joined to is the next state: its last two parts are the states."""
    subprocess.run([str(isolated("coreai")), "-c", SWAP_STATES, str(path)], check=True, capture_output=True)


def rehash(healthy: Path, path: Path) -> None:
    """If the program was changed, write its hash anew, so that it is not what tells."""
    if path.suffix == ".aimodel" and (path / PROGRAM).read_bytes() != (healthy / PROGRAM).read_bytes():
        (path / HASH).write_bytes(hashlib.sha256((path / PROGRAM).read_bytes()).digest())
