"""Real Core AI assets: how far from PyTorch at each precision, how large, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import reduced_members as reduced
import torch
from compiled_members import MEMBERS, compile_request, compiled, samples
from test_compile import digests
from torch import nn

from edge_export.formats import FORMATS
from edge_export.formats.compile_task import COMPILE, CompileRequest
from edge_export.runtimes.run import RUN, CompiledFile, RunRequest
from edge_export.spec.tensors import IOSpec, TensorSpec
from edge_export.tasks.classification import top1
from edge_export.workers import Pool, WorkerError

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("precision", "snr_db", "share"), [("fp32", 110, 1.0), ("fp16", 40, 0.65), ("int8", 25, 0.55)])
def test_digits_stay_right_and_files_shrink(precision: str, snr_db: float, share: float, tmp_path: Path) -> None:
    scheme = "linear8" if precision == "int8" else ""
    done = reduced.compiled(reduced.DIGITS, "coreai", precision, scheme)
    outputs = reduced.run(reduced.DIGITS, done, tmp_path)
    assert reduced.snr_db(reduced.DIGITS, outputs) > snr_db
    assert top1(outputs["logits"], reduced.labels()) >= 98
    assert reduced.share(reduced.DIGITS, "coreai", precision, scheme) <= share


def test_weights_in_int8_are_a_quarter(tmp_path: Path) -> None:
    done = reduced.compiled("streamer", "coreai", "int8", "linear8")
    assert reduced.share("streamer", "coreai", "int8", "linear8") < 0.3
    assert done["notes"] == [
        "inputs and outputs are float32, everything computes in float16",
        "4 constants of 2208 bytes together are stored as float16",
    ]
    assert reduced.snr_db("streamer", reduced.run("streamer", done, tmp_path)) > 30


def test_a_scale_for_each_block_of_inputs_is_the_milder_scheme(tmp_path: Path) -> None:
    schemes = FORMATS["coreai"].schemes("int8")
    made = [reduced.compiled("streamer", "coreai", "int8", scheme) for scheme in schemes]
    coarse, mild = (reduced.snr_db("streamer", reduced.run("streamer", done, tmp_path)) for done in made)
    assert coarse + 0.5 < mild
    assert reduced.size(made[0]["path"]) < reduced.size(made[1]["path"])


def test_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    first, _ = compiled("streamer", "coreai")
    with Pool(1, log_dir=tmp_path / "logs") as other:
        request = compile_request("streamer", "coreai", tmp_path)
        answer = other.submit(COMPILE, request, kind="coreai", timeout_s=300, log=tmp_path / "log").result()
    assert digests(tmp_path / answer.file) == digests(first)
    assert digests(first).keys() == {"main.hash", "main.mlirb", "metadata.json"}
    assert b"resource_1" in (first / "main.mlirb").read_bytes()  # large constants, with names


def test_neither_dates_nor_source_files_are_in_an_asset() -> None:
    path, _ = compiled("classifier", "coreai")
    assert json.loads((path / "metadata.json").read_text()) == {
        "assetVersion": "2.0",
        "producer": "coreai-core 1.0.0b3",
    }
    assert b".py" not in (path / "main.mlirb").read_bytes()


def test_a_program_that_is_not_that_of_its_hash_is_not_run(tmp_path: Path) -> None:
    whole, io = compiled("streamer", "coreai")
    copy = shutil.copytree(whole, tmp_path / whole.name)
    (copy / "main.mlirb").write_bytes((compiled("classifier", "coreai")[0] / "main.mlirb").read_bytes())
    reduced.save_file(samples("streamer", 1), tmp_path / "inputs.safetensors")
    request = RunRequest(
        file=CompiledFile(format="coreai", path=copy, io=io, member_io=MEMBERS["streamer"][1]),
        inputs=tmp_path / "inputs.safetensors",
        outputs=tmp_path / "outputs.safetensors",
    )
    with pytest.raises(WorkerError, match=r"is damaged: main\.mlirb does not have the SHA-256 in main\.hash"):
        reduced.members.ask(RUN, request, "coreai")


class Added(nn.Module):
    """Adds a constant vector to a vector, and takes its softmax."""

    def __init__(self, constant: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("constant", constant)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(x + self.constant, 1)


def run_added(constant: torch.Tensor, folder: Path) -> dict[str, np.ndarray]:
    """What the compiled network gives on zeros."""
    folder.mkdir()
    zeros = torch.zeros(1, len(constant))
    torch.export.save(torch.export.export(Added(constant), (zeros,)), folder / "program.pt2")
    io = IOSpec((TensorSpec("x", tuple(zeros.shape)),), (TensorSpec("y", tuple(zeros.shape)),))
    request = CompileRequest(format="coreai", precision="fp32", program=folder / "program.pt2", io=io, workdir=folder)
    answer = reduced.members.ask(COMPILE, request, "coreai")
    reduced.save_file({"x": zeros.numpy()}, folder / "inputs.safetensors")
    file = CompiledFile(format="coreai", path=folder / answer.file, io=answer.io, member_io=io)
    run = RunRequest(
        file=file, inputs=folder / "inputs.safetensors", outputs=folder / "outputs.safetensors", unproven=True
    )
    reduced.members.ask(RUN, run, "coreai")
    return reduced.load_file(run.outputs)


@pytest.mark.parametrize("size", [8, 4096])  # written out, and named
def test_infinite_values_are_right_in_a_mask_and_wrong_in_a_bias(size: int, tmp_path: Path) -> None:
    mask, bias, hole = torch.zeros(size), torch.linspace(1, 2, size), torch.linspace(1, 2, size)
    mask[3] = bias[3] = -torch.inf
    hole[3] = torch.nan
    np.testing.assert_allclose(run_added(mask, tmp_path / "mask")["y"][0, 2:4], [1 / (size - 1), 0])
    with pytest.raises(WorkerError, match=rf"is damaged: a bias or scale of shape .*{size}.* holds infinite values"):
        run_added(bias, tmp_path / "bias")
    with pytest.raises(WorkerError, match=rf"is damaged: a constant of shape .*{size}.* holds NaN"):
        run_added(hole, tmp_path / "hole")


def test_an_older_system_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match=r"option minimum_os must be one of \('27',\)"):
        reduced.members.compile_now("streamer", "coreai", tmp_path, minimum_os="18")
