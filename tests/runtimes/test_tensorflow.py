"""TensorFlow's interpreter in its own environment: files of the direct route reproduce the network's numbers."""

from __future__ import annotations

from pathlib import Path

import compiled_members as members
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from edge_export.formats.compile import compile_in_worker
from edge_export.formats.compile_task import CompileRequest
from edge_export.formats.tflite import tensorflow
from edge_export.mothers.catalog import open_mother
from edge_export.mothers.protocol import IOSpec, TensorSpec
from edge_export.pipeline.member import prepare_member
from edge_export.pipeline.recordings import recordings_of
from edge_export.runtimes import runtime_of, why_unavailable
from edge_export.runtimes.run import RUN, CompiledFile, RunRequest
from edge_export.spec.agreement import agreement
from edge_export.spec.tolerance import Tolerance
from edge_export.workers import WorkerError

RUNTIME = runtime_of("tflite", "TensorFlow")


def run(path: Path, io: IOSpec, member_io: IOSpec, inputs: dict[str, np.ndarray], folder: Path) -> tuple[str, dict]:
    save_file(inputs, folder / "inputs.safetensors")
    request = RunRequest(
        file=CompiledFile(format="tflite", path=path, io=io, member_io=member_io),
        inputs=folder / "inputs.safetensors",
        outputs=folder / "outputs.safetensors",
        runtime=RUNTIME.name,
    )
    answer = members.ask(RUN, request, RUNTIME.environment)
    return answer.runtime, load_file(request.outputs)


def test_it_says_how_to_get_it_where_it_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGE_EXPORT_CACHE", str(tmp_path))
    assert why_unavailable(RUNTIME) == "not set up: run `edge_export doctor --setup tensorflow`"


@pytest.mark.slow
def test_it_is_here_without_being_imported_here(tensorflow_environment: Path) -> None:
    assert tensorflow.available() is None
    with pytest.raises(ModuleNotFoundError):
        __import__("tensorflow")


@pytest.mark.slow
@pytest.mark.parametrize("member", members.MEMBERS)
def test_a_file_gives_what_the_network_gives(member: str, tensorflow_environment: Path, tmp_path: Path) -> None:
    inputs = members.samples(member, 3)
    version, outputs = run(*members.compiled(member, "tflite"), members.MEMBERS[member][1], inputs, tmp_path)
    assert version == "TensorFlow 2.21.0"
    for name, array in members.expected(member, inputs).items():
        np.testing.assert_allclose(outputs[name], array, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_a_real_member_agrees_on_recorded_images_by_either_way(tensorflow_environment: Path, tmp_path: Path) -> None:
    mother = open_mother("digits")
    tolerance = Tolerance(snr_db=90, max_abs_of_peak=1e-4)
    member = prepare_member(
        mother, mother.space.parse("0.25"), recordings_of("digits", mother, None), tolerance, 16, {}
    )
    torch.export.save(member.program, tmp_path / "digits.pt2")
    inputs = {"image": recordings_of("digits", mother, None).goldens[0].numpy()}
    for route in ("direct", "tensorflow"):
        request = CompileRequest(
            format="tflite",
            precision="fp32",
            options={"route": route},
            program=tmp_path / "digits.pt2",
            io=member.io,
            workdir=tmp_path / route,
        )
        compiled = compile_in_worker(members.pool(), request, tmp_path / "log")
        _, outputs = run(request.workdir / compiled.file, compiled.io, member.io, inputs, tmp_path)
        snr_db = agreement(member.golden["logits"], outputs["logits"], scores=True).snr_db
        assert snr_db is not None
        assert snr_db > 110


@pytest.mark.slow
def test_a_file_of_other_shapes_is_refused(tensorflow_environment: Path, tmp_path: Path) -> None:
    path, _ = members.compiled("streamer", "tflite")
    member_io = members.MEMBERS["streamer"][1]
    wrong = IOSpec(member_io.inputs, (TensorSpec("stems", (1, 2, 256)), TensorSpec("next_state", (1, 41))))
    with pytest.raises(WorkerError, match=r"output next_state is float32 \[1, 40\] in the file, not float32 \[1, 41\]"):
        run(path, wrong, wrong, members.samples("streamer", 1), tmp_path)
