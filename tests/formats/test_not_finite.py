"""Constants that no right conversion writes are named; masks and bounds are right."""

from __future__ import annotations

import shutil
from pathlib import Path

import compiled_members as members
import numpy as np
import pytest
import reduced_members as reduced

from edge_export.formats.not_finite import Constant, Use, why_not_finite
from edge_export.runtimes.run import RUN, CompiledFile, RunRequest
from edge_export.workers import WorkerError

INF, NAN = np.inf, np.nan


@pytest.mark.parametrize(
    ("values", "use", "reason"),
    [
        ([[0.5, 2.0]], "weight", ""),
        ([[0.0, -INF]], "added", ""),
        ([[0.0, -INF], [1.0, 0.0]], "added", ""),
        (INF, "added", ""),
        ([0.5, INF], "", ""),
        ([0.5, NAN], "", "a constant of shape [2] holds NaN"),
        (NAN, "", ""),
        ([NAN, NAN], "", ""),
        (NAN, "added", "a constant of shape [] holds NaN"),
        ([NAN, NAN], "weight", "a constant of shape [2] holds NaN"),
        ([[0.5, -INF], [0.0, 0.0]], "weight", "a weight of shape [2, 2] holds infinite values"),
        ([[[0.5], [-INF]]], "added", "a bias or scale of shape [1, 2, 1] holds infinite values"),
    ],
)
def test_what_is_wrong(values: list[float] | float, use: Use, reason: str) -> None:
    right = Constant(np.ones(3, np.float32), use)
    assert why_not_finite([right, Constant(np.array(values, np.float32), use)]) == reason


def test_half_precision_is_read_too() -> None:
    assert why_not_finite([Constant(np.array([1, 70_000]).astype(np.float16), "weight")])


@pytest.mark.slow
@pytest.mark.parametrize("format_name", ["executorch", "tflite", "coreml"])
def test_a_bias_that_turns_a_channel_off_is_refused(format_name: str, tmp_path: Path) -> None:
    """A channel of the classifier's first layer, behind whose bias there is a ReLU."""
    whole, io = members.compiled("classifier", format_name)
    copy = tmp_path / whole.name
    (shutil.copytree if whole.is_dir() else shutil.copy)(whole, copy)
    bias = next(p for name, p in members.network("classifier").named_parameters() if name == "stem.bias")
    off = bias.detach().numpy().copy()
    off[3] = -np.inf
    found = [file for file in [copy, *copy.rglob("*")] if file.is_file()]
    (place,) = [file for file in found if file.read_bytes().count(bias.detach().numpy().tobytes())]
    place.write_bytes(place.read_bytes().replace(bias.detach().numpy().tobytes(), off.tobytes()))
    member_io = members.MEMBERS["classifier"][1]
    reduced.save_file(members.samples("classifier", 1), tmp_path / "inputs.safetensors")
    request = RunRequest(
        file=CompiledFile(format=format_name, path=copy, io=io, member_io=member_io),
        inputs=tmp_path / "inputs.safetensors",
        outputs=tmp_path / "outputs.safetensors",
    )
    members.ask(RUN, request, format_name)  # its outputs are finite
    assert np.isfinite(reduced.load_file(request.outputs)["logits"]).all()
    with pytest.raises(WorkerError, match=r"is damaged: a bias or scale of shape .*8.* holds infinite values"):
        members.ask(RUN, request.model_copy(update={"unproven": True}), format_name)
