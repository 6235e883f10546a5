"""Recorded tensors on disk, and in the order of an artifact's inputs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edge_export.errors import RequestError
from edge_export.files.arrays import load_arrays, save_arrays
from edge_export.mothers.protocol import TensorSpec
from edge_export.spec.recorded import TARGETS, named
from edge_export.verify.artifact import join_inputs

AUDIO = (TensorSpec("audio", (1, 2, 256)),)


def test_a_slice_is_saved_as_it_reads(tmp_path):
    whole = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    save_arrays(tmp_path / "a.safetensors", {"part": whole[:, ::2, :3]})
    np.testing.assert_array_equal(load_arrays(tmp_path / "a.safetensors")["part"], whole[:, ::2, :3])


def test_goldens_that_begin_the_held_out_set_are_not_run_twice(tmp_path):
    held_out = np.random.default_rng(0).standard_normal((5, 3)).astype(np.float32)
    save_arrays(tmp_path / "held_out.safetensors", {"x": held_out, TARGETS: np.arange(5)})
    for goldens, count in ((held_out[:2], 5), (held_out[1:3], 7)):
        save_arrays(tmp_path / "goldens.safetensors", {"x": goldens})
        arguments = (tmp_path / "goldens.safetensors", tmp_path / "held_out.safetensors")
        joined = load_arrays(join_inputs(tmp_path / "joined.safetensors", *arguments))["x"]
        assert len(joined) == count
        np.testing.assert_array_equal(joined[: len(goldens)], goldens)
        np.testing.assert_array_equal(joined[-5:], held_out)
    joined = load_arrays(join_inputs(tmp_path / "alone.safetensors", tmp_path / "goldens.safetensors", None))["x"]
    np.testing.assert_array_equal(joined, goldens)


def test_recordings_may_have_any_length_but_not_any_channels():
    assert named(AUDIO, (torch.zeros(3, 2, 7000),), whole_recordings=True)["audio"].shape == (3, 2, 7000)
    for shape in ((3, 1, 7000), (3, 7000), (3, 2, 0)):
        with pytest.raises(RequestError, match="audio has shape"):
            named(AUDIO, (torch.zeros(shape),), whole_recordings=True)
    with pytest.raises(RequestError, match="audio has shape"):
        named(AUDIO, (torch.zeros(3, 2, 7000),))
