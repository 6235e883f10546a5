"""The versions of TensorFlow Lite and LiteRT that a file is for, by its operators."""

from __future__ import annotations

import pytest

from edge_export.bundle.manifest import RunsIn
from edge_export.devices.tflite_versions import runs_in

OLDEST = "TensorFlow Lite 2.16.1"


@pytest.mark.parametrize(
    ("operators", "expected"),
    [
        ({"CONV_2D": 6, "RESHAPE": 1}, RunsIn(runs_from=OLDEST, full_speed_from=OLDEST)),
        ({"CONV_2D": 6, "BATCH_MATMUL": 1}, RunsIn(runs_from=OLDEST, full_speed_from="LiteRT 1.1.2")),
        ({"CONV_2D": 3, "QUANTIZE": 1}, RunsIn(runs_from=OLDEST, full_speed_from="LiteRT 1.1.2")),
        ({"UNIDIRECTIONAL_SEQUENCE_LSTM": 1}, RunsIn(runs_from=OLDEST)),
        ({"FULLY_CONNECTED": 12, "RESHAPE": 1}, RunsIn(runs_from="TensorFlow Lite 2.17")),
        ({"FULLY_CONNECTED": 12, "QUANTIZE": 4}, RunsIn(runs_from="TensorFlow Lite 2.21")),
        ({"FULLY_CONNECTED": 11}, RunsIn(runs_from=OLDEST, full_speed_from=OLDEST)),
        ({}, RunsIn(runs_from=OLDEST, full_speed_from=OLDEST)),
        ({"custom Mine": 1}, None),
    ],
)
def test_the_slowest_and_the_newest_operator_decide(operators: dict[str, int], expected: RunsIn | None) -> None:
    assert runs_in("tflite", operators) == expected


def test_of_other_formats_nothing_is_known() -> None:
    assert runs_in("executorch", {}) is None
