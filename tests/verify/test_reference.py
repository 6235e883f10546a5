"""A user's module is made and run in a worker: whatever it does, it does there."""

from __future__ import annotations

import os
from pathlib import Path

import compiled_members as members
import pytest
from alone_modules import WITNESS
from safetensors.numpy import load_file, save_file

from edge_export.errors import RequestError
from edge_export.spec.tolerance import Tolerance
from edge_export.verify.compare import compare_file
from edge_export.verify.reference import ReferenceRequest, run_reference

ROOT = Path(__file__).resolve().parents[2]
MODULES = "tests.alone_modules"


def compare(factory: str, folder: Path) -> None:
    """With a file that does not exist: it is looked for when the module has run."""
    save_file({"x": members.samples("classifier", 2)["image"]}, folder / "x.safetensors")
    tolerance = Tolerance(snr_db=40, max_abs_of_peak=1)
    compare_file(folder / "absent.pte", f"{MODULES}:{factory}", folder / "x.safetensors", tolerance, folder / "log")


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_the_factory_runs_in_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(WITNESS, str(tmp_path / "witness"))
    with pytest.raises(RequestError, match=r"absent\.pte.* does not exist"):
        compare("leaves_its_process_id", tmp_path)
    (process_id,) = (tmp_path / "witness").read_text().split()
    assert int(process_id) != os.getpid()
    assert capfd.readouterr().out == "", "it belongs to the log"
    assert "made in process" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("exits", "the worker process exited with status 3"),
        ("asks_to_exit", "SystemExit: 3"),
        ("exits_when_it_runs", "the worker process exited with status 4"),
        ("raises", r"the factory failed with OSError: disk on fire \(alone_modules\.py"),
    ],
)
def test_whatever_it_does_the_caller_gets_one_line(factory: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=message) as raised:
        compare(factory, tmp_path)
    assert str(raised.value).startswith(f"module {MODULES}:{factory}")
    assert "\n" not in str(raised.value)


def test_it_gives_what_the_module_gives_and_what_it_is(tmp_path: Path) -> None:
    inputs = members.samples("streamer", 3)
    save_file(inputs, tmp_path / "inputs.safetensors")
    request = ReferenceRequest(
        against=f"{MODULES}:streamer",
        folder=ROOT,
        inputs=tmp_path / "inputs.safetensors",
        outputs=tmp_path / "outputs.safetensors",
        program=tmp_path / "program.pt2",
    )
    io = run_reference(request).io
    assert [(spec.name, spec.shape) for spec in io.inputs] == [("audio", (1, 256)), ("state", (1, 40))]
    assert [(spec.name, spec.shape) for spec in io.outputs] == [("output_0", (1, 2, 256)), ("output_1", (1, 40))]
    outputs = load_file(request.outputs)
    for name, wanted in zip(outputs, members.expected("streamer", inputs).values(), strict=True):
        assert (outputs[name] == wanted).all()
    assert request.program is not None
    assert request.program.is_file()
