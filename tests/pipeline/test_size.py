"""A file that is too large for its precision has failed, from the parameters on where weights outweigh the graph."""

from __future__ import annotations

import pytest

from edge_export.bundle.manifest import Artifact, File
from edge_export.bundle.numerics import ArtifactRun
from edge_export.mothers.protocol import IOSpec, TensorSpec
from edge_export.pipeline.size import Made, judge_size, judge_sizes
from edge_export.spec.tolerance import Tolerance

IO = IOSpec((TensorSpec("x", (1, 4)),), (TensorSpec("y", (1, 2)),))


def made(precision: str, size: int | None, limit: float | None = None, verdict: str = "passed") -> Made:
    artifact = Artifact(
        format="tflite",
        backend="builtin",
        precision=precision,
        file=None if size is None else File(path=f"members/m/{precision}.tflite", sha256="0" * 64, bytes=size),
        io=IO,
        tolerance=Tolerance(snr_db=40, max_abs_of_peak=0.1, max_size_ratio=limit),
        status=verdict,
        reason="as measured",
    )
    runs = (
        ArtifactRun(artifact=artifact.label, runtime="LiteRT 1", device="local", verdict=verdict, reason="as measured"),
        ArtifactRun(artifact=artifact.label, runtime="other 1", device="local", verdict="passed", reason="as measured"),
    )
    return artifact, runs


def test_at_the_limit_it_holds() -> None:
    (_, _), (half, runs) = judge_sizes([made("fp32", 1000), made("fp16", 550, 0.55)])
    assert (half.size_ratio, half.status, half.reason) == (0.55, "passed", "as measured")
    assert [run.verdict for run in runs] == ["passed", "passed"]


def test_above_the_limit_it_has_failed_in_every_runtime() -> None:
    (whole, _), (half, runs) = judge_sizes([made("fp32", 1000), made("fp16", 551, 0.55)])
    assert (whole.size_ratio, whole.status) == (1.0, "passed")
    assert (half.size_ratio, half.status) == (0.551, "failed")
    assert half.reason == (
        "it takes 0.551 of the float32 file's bytes, more than 0.55: its notes in the manifest list what stayed float; "
        "if that is right, raise max_size_ratio in [tolerances.tflite.fp16]"
    )
    assert [(run.verdict, run.reason) for run in runs] == [("failed", half.reason)] * 2
    assert judge_size(half, made("fp16", 551)[1]) == runs  # as `verify` does with what the manifest says


def test_another_reason_is_kept() -> None:
    _, (half, runs) = judge_sizes([made("fp32", 1000), made("fp16", 900, 0.55, "failed")])
    assert (half.status, half.reason) == ("failed", "as measured")
    assert [run.verdict for run in runs] == ["failed", "failed"]


def test_without_a_limit_the_ratio_is_only_told() -> None:
    _, (half, _) = judge_sizes([made("fp32", 1000), made("fp16", 999)])
    assert (half.size_ratio, half.status) == (0.999, "passed")


@pytest.mark.parametrize("others", [[], [made("fp32", None, verdict="error")]])
def test_without_a_float32_file_there_is_no_ratio(others: list[Made]) -> None:
    half, _ = judge_sizes([*others, made("fp16", 999, 0.55)])[-1]
    assert (half.size_ratio, half.status) == (None, "passed")


def test_the_float32_file_of_another_format_does_not_count() -> None:
    other, runs = made("fp32", 1000)
    other = other.model_copy(update={"format": "coreml", "backend": "mlprogram"})
    half, _ = judge_sizes([(other, runs), made("fp16", 999, 0.55)])[-1]
    assert (half.size_ratio, half.status) == (None, "passed")
