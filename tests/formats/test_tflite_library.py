"""onnx2tf would let Python recurse until the memory is full: a network that holds itself could take a machine down."""

from __future__ import annotations

import subprocess
import sys

from edge_export.formats.tflite.library import DEEPEST

IMPORTED = f"""
import sys
from edge_export.formats.tflite.library import converter

before = sys.getrecursionlimit()
with converter() as onnx2tf:
    assert onnx2tf.convert
    assert sys.getrecursionlimit() == {DEEPEST}
assert sys.getrecursionlimit() == before
"""


def test_recursion_has_a_limit_while_it_converts_and_afterwards_the_usual_one() -> None:
    subprocess.run([sys.executable, "-c", IMPORTED], check=True)
