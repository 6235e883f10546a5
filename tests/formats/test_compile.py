"""Real conversions: what is stated about an artifact is what is in the file, and two builds are the same file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import compiled_members as members
import pytest

from edge_export.formats import FORMATS, artifact_name
from edge_export.workers import WorkerError

# What has schemes is tested by its own.
EVERY = [(name, precision) for name, each in FORMATS.items() for precision, ways in each.precisions.items() if not ways]


def digests(path: Path) -> dict[str, str]:
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    return {str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.mark.slow
@pytest.mark.parametrize(("format_name", "precision"), EVERY)
@pytest.mark.parametrize("member", members.MEMBERS)
def test_every_member_compiles_to_its_own_names_and_shapes(member: str, format_name: str, precision: str) -> None:
    path, io = members.compiled(member, format_name, precision)
    stated = members.MEMBERS[member][1]
    assert path.name == artifact_name(format_name, FORMATS[format_name].backends[0], precision)
    beside = {path.with_suffix(".onnx").name} if format_name == "tflite" else set()
    assert {entry.name for entry in path.parent.iterdir()} == {path.name} | beside
    if format_name == "tflite":
        assert [spec.name for spec in io.inputs + io.outputs] == [s.name for s in stated.inputs + stated.outputs]
        for own, spec in zip(io.inputs + io.outputs, stated.inputs + stated.outputs, strict=True):
            n_c_h_w = spec.shape
            assert own.layout == ("NHWC" if spec.layout == "NCHW" else spec.layout)
            assert own.shape == (tuple(n_c_h_w[axis] for axis in (0, 2, 3, 1)) if spec.layout == "NCHW" else spec.shape)
    elif format_name == "coreml" and member == "streamer":
        assert [spec.name for spec in io.inputs] == ["audio", "state_input"]  # Core ML reserves "state"
        assert io.feedback == (("next_state", "state_input"),)
        assert io.outputs == stated.outputs
    else:
        assert io == stated


@pytest.mark.slow
@pytest.mark.parametrize(("format_name", "precision"), EVERY)
def test_two_builds_are_byte_identical(format_name: str, precision: str, tmp_path: Path) -> None:
    first, _ = members.compiled("streamer", format_name, precision)
    second = tmp_path / members.compile_now("streamer", format_name, tmp_path, precision).file
    assert digests(first) == digests(second)


@pytest.mark.slow
def test_a_reserved_name_is_noted(tmp_path: Path) -> None:
    result = members.compile_now("streamer", "coreml", tmp_path)
    assert result.notes == ("Core ML reserves the name state: it is called state_input here",)
    assert result.tools["coremltools"] == "9.0"
    assert result.seconds > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("format_name", "precision", "options", "message"),
    [
        ("tflite", "int4", {}, "tflite has no precision int4, only fp32"),
        ("tflite", "fp32", {"input_layout": "CHWN"}, "option input_layout must be one of"),
        ("tflite", "fp32", {"speed": "high"}, "option speed='high' is unknown"),
        ("executorch", "fp32", {"backend": "metal"}, "option backend must be one of"),
        ("coreml", "fp32", {"input_layout": "NHWC"}, "option input_layout='NHWC' is unknown"),
    ],
)
def test_what_a_format_does_not_offer_is_refused(
    format_name: str, precision: str, options: dict[str, str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(WorkerError, match=message):
        members.compile_now("streamer", format_name, tmp_path, precision, **options)


@pytest.mark.slow
def test_a_program_with_another_boundary_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = members.program("streamer")
    monkeypatch.setattr(members, "program", lambda member: program)
    with pytest.raises(WorkerError, match="the file has 2 inputs, not 1; the file has 2 outputs, not 1"):
        members.compile_now("classifier", "executorch", tmp_path)


@pytest.mark.slow
def test_a_broken_program_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken.pt2"
    broken.write_bytes(members.program("streamer").read_bytes()[:500])
    monkeypatch.setattr(members, "program", lambda member: broken)
    with pytest.raises(WorkerError):
        members.compile_now("streamer", "executorch", tmp_path / "work")
