"""Real Core AI assets: how far from PyTorch at each precision, how large, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import reduced_members as reduced
from compiled_members import MEMBERS, compile_request, compiled, samples
from test_compile import digests

from edge_export.formats.compile_task import COMPILE
from edge_export.runtimes.run import RUN, CompiledFile, RunRequest
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


def test_an_older_system_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match=r"option minimum_os must be one of \('27',\)"):
        reduced.members.compile_now("streamer", "coreai", tmp_path, minimum_os="18")
