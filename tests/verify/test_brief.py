"""A shortened reference: beginnings that are loud, of the goldens alone, with the mother's own metric on them."""

from __future__ import annotations

import numpy as np
import pytest

from edge_export.files.arrays import load_arrays, save_arrays
from edge_export.formats import FORMATS
from edge_export.runtimes import runtime_of
from edge_export.spec.recorded import TARGETS
from edge_export.spec.tensors import IOSpec, Stream, TensorSpec
from edge_export.tasks.separation import si_sdr
from edge_export.verify.artifact import Reference
from edge_export.verify.brief import CALLS, brief, is_brief

RATE, HOP = 1000, 20
STREAM = Stream(sample_rate=RATE, hop=HOP, frames_per_call=1, delay=HOP, stems=("a", "b"))
IO = IOSpec(
    (TensorSpec("audio", (1, 1, HOP)), TensorSpec("state", (1, 4))),
    (TensorSpec("stems", (1, 2, 1, HOP)), TensorSpec("next_state", (1, 4))),
    (("next_state", "state"),),
    stream=STREAM,
)


@pytest.fixture
def reference(tmp_path):
    """Of 3 recordings of 5 s, 2 are goldens. The second stem of the second one begins after 2 s."""
    rng = np.random.default_rng(0)
    audio = rng.standard_normal((3, 1, 5 * RATE)).astype(np.float32)
    targets = rng.standard_normal((3, 2, 1, 5 * RATE)).astype(np.float32)
    golden = (targets[:2] + 0.1 * rng.standard_normal((2, 2, 1, 5 * RATE))).astype(np.float32)
    golden[1, :, :, : 2 * RATE] *= 1e-3
    save_arrays(tmp_path / "inputs", {"audio": audio})
    save_arrays(tmp_path / "golden", {"stems": golden})
    save_arrays(tmp_path / "held_out", {"audio": audio, TARGETS: targets})
    save_arrays(tmp_path / "extremes", {"audio": audio[..., :RATE]})
    save_arrays(tmp_path / "expected", {"stems": targets[..., :RATE]})
    extremes = (tmp_path / "extremes", tmp_path / "expected")
    return Reference(tmp_path / "inputs", tmp_path / "golden", tmp_path / "held_out", "si_sdr", "dB", 5.0, extremes)


def test_beginnings_are_loud_and_the_metric_is_the_mother_s_on_them(reference, tmp_path):
    (tmp_path / "short").mkdir()
    short = brief(reference, IO, tmp_path / "short")
    golden, whole = load_arrays(short.golden)["stems"], load_arrays(reference.golden)["stems"]
    assert golden.shape == (2, 2, 1, 3 * RATE)  # of the first 2 s of the second golden little can be heard
    np.testing.assert_array_equal(golden, whole[..., : 3 * RATE])
    assert load_arrays(short.inputs)["audio"].shape == (2, 1, 3 * RATE + HOP)  # its delay comes out, too
    targets = load_arrays(short.held_out)[TARGETS]
    assert short.mother_metric == si_sdr(golden, targets)
    given, expected = (load_arrays(file) for file in short.extremes)
    assert given["audio"].shape[-1] == RATE // 10 + HOP
    assert expected["stems"].shape[-1] == RATE // 10


def test_a_golden_that_begins_late_is_not_awaited(reference, tmp_path):
    golden = load_arrays(reference.golden)["stems"]
    golden[0, :, :, : 9 * RATE // 2] *= 1e-3
    save_arrays(reference.golden, {"stems": golden})
    short = load_arrays(brief(reference, IO, tmp_path).golden)["stems"]
    assert short.shape[0] * short.shape[-1] == CALLS * HOP


def test_goldens_that_are_not_of_the_held_out_set_have_no_metric(reference, tmp_path):
    arrays = load_arrays(reference.inputs)
    save_arrays(reference.inputs, {"audio": -arrays["audio"]})
    (tmp_path / "short").mkdir()
    short = brief(reference, IO, tmp_path / "short")
    assert (short.held_out, short.mother_metric) == (None, None)


def test_only_streams_at_some_precisions_are_shortened():
    runtime = runtime_of("coreai")
    assert [is_brief(runtime, IO, precision) for precision in FORMATS["coreai"].precisions] == [False, True, True]
    assert not is_brief(runtime, IOSpec(IO.inputs[:1], IO.outputs[:1]), "fp16")
    assert not is_brief(runtime_of("coreml"), IO, "fp16")
