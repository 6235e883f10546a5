"""Which weights are too uneven for int8."""

from __future__ import annotations

import numpy as np
import pytest

from edge_export.formats.outliers import FEWEST_INPUTS, has_loud_input


@pytest.mark.parametrize(("shape", "loud"), [((16, 32), 3), ((16, 4, 3, 3), 7)])
def test_one_input_that_is_far_larger_is_found(shape: tuple[int, ...], loud: int) -> None:
    weight = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    assert not has_loud_input(weight)
    weight.reshape(len(weight), -1)[:, loud] *= 30
    assert has_loud_input(weight)


def test_inputs_that_are_not_used_make_no_other_loud() -> None:
    weight = np.zeros((8, 64), np.float32)
    weight[:, :12] = 1
    assert not has_loud_input(weight)


def test_a_few_inputs_are_no_outliers() -> None:
    weight = np.ones((8, FEWEST_INPUTS - 1), np.float32)
    weight[:, 0] = 1000
    assert not has_loud_input(weight)
