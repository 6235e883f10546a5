"""`qemu:aarch64`: Arm code on this machine, with a userland that is set up once in this machine's cache."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import stacked_products as stacked
from killed_runner import kill_and_resume

from edge_export.devices.qemu import (
    Qemu,
    find_emulator,
    known_architecture,
    open_qemu,
    processor,
    userland_folder,
)
from edge_export.devices.qemu_setup import set_up
from edge_export.devices.request import Request
from edge_export.devices.run import run_on
from edge_export.errors import RequestError
from edge_export.spec.agreement import agreement

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "folder"
EMULATOR = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")


@pytest.fixture(scope="module")
def arm() -> Qemu:
    if EMULATOR is None:
        pytest.skip("qemu-aarch64 is missing: apt-get install qemu-user-static")
    set_up("aarch64", print)
    return open_qemu("aarch64")


@pytest.mark.slow
def test_an_artifact_runs_on_arm_code(arm: Qemu, tmp_path: Path) -> None:
    expected = json.loads((VECTORS / "expected.json").read_text())
    whole = Request.model_validate_json((VECTORS / "request.json").read_bytes())
    chosen = tuple(item for item in whole.items if item.id in ("verify", "format"))
    request = whole.model_copy(update={"items": chosen})
    folder = tmp_path / "request"
    shutil.copytree(VECTORS, folder)
    (folder / "request.json").write_text(request.model_dump_json(by_alias=True))
    results = run_on(arm, request, folder, lambda *_: None, resume=False)
    assert {name: each.status.outcome for name, each in results.items.items()} == {
        "verify": "done",
        "format": "unsupported",
    }
    assert results.facts.arch == "aarch64"
    assert results.facts.emulated
    found = results.items["verify"].load_outputs()["mask"]
    np.testing.assert_allclose(found.ravel(), expected["outputs"]["verify"]["mask"]["values"], rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_a_killed_emulator_is_resumed(arm: Qemu, tmp_path: Path) -> None:
    whole = Request.model_validate_json((VECTORS / "request.json").read_bytes())
    chosen = tuple(item for item in whole.items if item.id in ("verify", "format"))
    request = whole.model_copy(update={"items": chosen})
    folder = tmp_path / "request"
    shutil.copytree(VECTORS, folder)
    (folder / "request.json").write_text(request.model_dump_json(by_alias=True))
    told = kill_and_resume(arm, request, folder)
    assert told == [("verify", "finished before"), ("format", "started"), ("format", "unsupported")]


def test_dynamic_int8_layers_are_right_on_arm_code(arm: Qemu, tmp_path: Path) -> None:
    """QEMU 7.2 computes Arm's matrix extension wrong: such layers of several rows were noise."""
    request = stacked.request_folder(tmp_path / "request", stacked.compiled("grouped", "int8", "dynamic"))
    results = run_on(arm, request, tmp_path / "request", lambda *_: None, resume=False)
    found = results.items["file"].load_outputs()["mixed"]
    assert agreement(stacked.expected(), found).snr_db > 25


@pytest.mark.parametrize(
    ("version", "options"),
    [("7.2.22 (Debian 1:7.2)", ("-cpu", "max,sme=off")), ("10.0.13", ("-cpu", "max,sme=off")), ("6.2.0", ())],
)
def test_the_matrix_extension_is_off_where_the_emulator_has_it(
    version: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    emulator = tmp_path / "qemu-aarch64"
    emulator.write_text(f"#!/bin/sh\necho 'qemu-aarch64 version {version}'\n")
    emulator.chmod(0o755)
    assert processor(str(emulator)) == options


def test_another_architecture_is_refused() -> None:
    with pytest.raises(RequestError, match="qemu:riscv64 is not a device: give qemu:aarch64"):
        known_architecture("riscv64")


def test_an_emulator_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(RequestError, match="apt-get install qemu-user-static"):
        find_emulator("aarch64")


def test_what_is_not_set_up_says_how(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "bin" / "qemu-aarch64-static"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent))
    monkeypatch.setenv("EDGE_EXPORT_CACHE", str(tmp_path))
    assert not userland_folder("aarch64").exists()
    with pytest.raises(RequestError, match="run `edge_export devices setup qemu:aarch64`"):
        open_qemu("aarch64")
