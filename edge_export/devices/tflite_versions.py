"""From which version of TensorFlow Lite or LiteRT on a `.tflite` file runs, and from which at full speed.

`benchmarks/runtimes.py` measures it, and compares what it finds with what manifests say.
"""

from __future__ import annotations

import functools
import runpy
from collections.abc import Mapping

from edge_export.bundle.manifest import RunsIn
from edge_export.devices.runner_process import RUNNER

MEASURED = ("TensorFlow Lite 2.16.1", "LiteRT 1.1.2", "LiteRT 1.4.0", "LiteRT 2.1.2", "LiteRT 2.3.0")
"""The versions that were measured, the oldest first. The first is the newest one that Maven Central has."""
FULL_SPEED = 2.0
"""A version at full speed takes at most this many times as long as LiteRT 2.1.2, and so do all newer ones."""
_FULL_SPEED_FROM = {
    MEASURED[0]: (
        "ADD",
        "AVERAGE_POOL_2D",
        "CONCATENATION",
        "CONV_2D",
        "DEPTHWISE_CONV_2D",
        "DEQUANTIZE",
        "DIV",
        "FULLY_CONNECTED",
        "LEAKY_RELU",
        "LOGISTIC",
        "MEAN",
        "MUL",
        "NEG",
        "PAD",
        "RESHAPE",
        "SLICE",
        "SPLIT",
        "SQRT",
        "SUB",
        "TANH",
        "TRANSPOSE",
    ),
    MEASURED[1]: ("BATCH_MATMUL", "QUANTIZE"),  # the older one has slow int8 convolutions
}
"""The operators of the measured files, by the oldest version that has all of these at full speed."""


def runs_in(format_name: str, operators: Mapping[str, int]) -> RunsIn | None:
    """Returns the versions for a file with these operators, each with its version.

    None: it is of another format, or has an operator that TensorFlow Lite does not bring.
    """
    if format_name != "tflite" or any(name.startswith("custom ") for name in operators):
        return None
    since = [_since().get(name, {}).get(number, "") for name, number in operators.items()]
    newest = max(since, key=_numbers, default="")
    if _numbers(newest) > _numbers(MEASURED[0].split()[-1]):
        return RunsIn(runs_from=f"TensorFlow Lite {newest}")
    first = {operator: version for version, names in _FULL_SPEED_FROM.items() for operator in names}
    if any(name not in first for name in operators):
        return RunsIn(runs_from=MEASURED[0])
    fast = max((MEASURED.index(first[name]) for name in operators), default=0)
    return RunsIn(runs_from=MEASURED[0], full_speed_from=MEASURED[fast])


@functools.cache
def _since() -> Mapping[str, Mapping[int, str]]:
    """Returns the runner's table: the version of TensorFlow Lite that brought an operator's version."""
    table: Mapping[str, Mapping[int, str]] = runpy.run_path(str(RUNNER))["SINCE"]
    return table


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split("."))) if version else ()
