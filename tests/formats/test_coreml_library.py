"""coremltools is imported without the frameworks that it only looks for, and takes none of them away."""

from __future__ import annotations

import subprocess
import sys

LEAN = """
import sys
from edge_export.formats.coreml.library import coremltools, optimize, protobuf

coremltools()
loaded = {"sklearn", "executorch", "torchao"} & set(sys.modules)
assert not loaded, loaded
assert protobuf("Model").Model().WhichOneof("Type") is None
assert optimize().OptimizationConfig

import executorch, sklearn.cluster, torchao
assert sys.modules["sklearn"] is sklearn
"""
LATE = """
import sys, sklearn
from edge_export.formats.coreml.library import coremltools

coremltools()
assert sys.modules["sklearn"] is sklearn
"""


def test_what_coremltools_only_looks_for_stays_away_and_can_be_imported_later() -> None:
    subprocess.run([sys.executable, "-c", LEAN], check=True)


def test_what_is_imported_already_stays() -> None:
    subprocess.run([sys.executable, "-c", LATE], check=True)
