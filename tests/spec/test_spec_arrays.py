"""The checks of a runtime's arrays name wrong arrays; a layout conversion only transposes."""

from __future__ import annotations

import numpy as np
import pytest

from edge_export.mothers.protocol import IOSpec, TensorSpec
from edge_export.spec.arrays import check_inputs, check_outputs, to_layout

IO = IOSpec(
    (TensorSpec("image", (1, 3, 4, 5), layout="NCHW"), TensorSpec("state", (1, 7))), (TensorSpec("logits", (1, 2)),)
)


def test_right_inputs_pass() -> None:
    check_inputs(IO, {"image": np.zeros((1, 3, 4, 5), np.float32), "state": np.zeros((1, 7), np.float32)})


def test_every_wrong_input_is_named_at_once() -> None:
    with pytest.raises(ValueError, match="image") as raised:
        check_inputs(IO, {"image": np.zeros((1, 4, 5, 3), np.float64), "states": np.zeros((1, 7), np.float32)})
    message = str(raised.value)
    assert "input image is float64 [1, 4, 5, 3], not float32 [1, 3, 4, 5] (NCHW)" in message
    assert "input state is missing" in message
    assert "there is no input states, only image, state" in message


def test_wrong_outputs_are_named() -> None:
    with pytest.raises(ValueError, match=r"output logits is float32 \[2, 1\], not float32 \[1, 2\]"):
        check_outputs(IO, {"logits": np.zeros((2, 1), np.float32)})


def test_layouts_move_axes_and_back() -> None:
    array = np.arange(120).reshape(2, 3, 4, 5)
    moved = to_layout(array, "NCHW", "NHWC")
    assert moved.shape == (2, 4, 5, 3)
    assert moved.flags.c_contiguous
    assert moved[1, 2, 3, 0] == array[1, 0, 2, 3]
    np.testing.assert_array_equal(to_layout(moved, "NHWC", "NCHW"), array)
    assert to_layout(array, "", "") is array


@pytest.mark.parametrize(("source", "target"), [("NCHW", "NCT"), ("", "NHWC"), ("NCT", "NTC"), ("NCCW", "CCNW")])
def test_layouts_that_do_not_fit_are_refused(source: str, target: str) -> None:
    with pytest.raises(ValueError, match="cannot go from layout"):
        to_layout(np.zeros((1, 2, 3, 4)), source, target)
