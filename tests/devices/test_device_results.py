"""What a device sends back is not trusted: each case below must fail its item, and none may do more."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from edge_export.devices.request import Request
from edge_export.devices.results import read_results
from edge_export.errors import RequestError

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
DEVICE = {"schema": "1.0", "runner": "made up 1", "model": "none", "runtimes": {"tflite": "LiteRT 1"}}
SAMPLES = {"schema": "1.0", "load_ms": 1, "first_ms": 1, "warm_up_calls": 1, "stable": True, "call_ms": [1.0, 2.0]}


def describe(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"path": path.name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def write_status(place: Path, **fields: Any) -> None:
    status = {"schema": "1.0", "run_id": "vectors", "item": place.name, "outcome": "done", "runtime": "LiteRT 1"}
    (place / "status.json").write_text(json.dumps(status | fields))


@pytest.fixture
def sent_back(tmp_path: Path) -> Path:
    """A request folder with the right results of "verify", "bench" and "memory"."""
    folder = tmp_path / "request"
    shutil.copytree(VECTORS / "folder", folder)
    (folder / "device.json").write_text(json.dumps(DEVICE))
    verify, bench, memory = (folder / "results" / name for name in ("verify", "bench", "memory"))
    for place in (verify, bench, memory):
        place.mkdir(parents=True)
    save_file({"mask": np.zeros((3, 6, 6, 6), np.float32)}, verify / "outputs.safetensors")
    write_status(verify, outputs=describe(verify / "outputs.safetensors"), count=3, repeatable=True)
    (bench / "samples.json").write_text(json.dumps(SAMPLES))
    write_status(bench, samples=describe(bench / "samples.json"))
    write_status(memory, peak_memory_bytes=5)
    return folder


def read(folder: Path) -> dict[str, str]:
    request = Request.model_validate_json((folder / "request.json").read_bytes())
    found = read_results(folder, request).items
    return {name: result.status.reason or result.status.outcome for name, result in found.items()}


def test_right_results_are_read(sent_back: Path) -> None:
    assert read(sent_back) == {"verify": "done", "bench": "done", "memory": "done"}


def _another_run(folder: Path) -> None:
    place = folder / "results" / "verify"
    write_status(place, run_id="other", outputs=describe(place / "outputs.safetensors"))


def _another_item(folder: Path) -> None:
    place = folder / "results" / "verify"
    write_status(place, item="bench", outputs=describe(place / "outputs.safetensors"))


def _outputs_elsewhere(folder: Path) -> None:
    part = describe(folder / "results" / "verify" / "outputs.safetensors") | {"path": "../bench/samples.json"}
    write_status(folder / "results" / "verify", outputs=part)


def _no_outputs(folder: Path) -> None:
    write_status(folder / "results" / "verify")


def _a_link(folder: Path) -> None:
    path = folder / "results" / "verify" / "outputs.safetensors"
    path.rename(folder / "real")
    path.symlink_to(folder / "real")


def _outputs(arrays: dict[str, np.ndarray]) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        place = folder / "results" / "verify"
        save_file(arrays, place / "outputs.safetensors")
        write_status(place, outputs=describe(place / "outputs.safetensors"))

    return change


def _too_large(folder: Path) -> None:
    place = folder / "results" / "verify"
    with (place / "outputs.safetensors").open("ab") as file:
        file.write(b"\0" * (1 << 20))
    write_status(place, outputs=describe(place / "outputs.safetensors"))


def _changed_on_its_way(folder: Path) -> None:
    path = folder / "results" / "verify" / "outputs.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _status(text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / "results" / "verify" / "status.json").write_text(text) and None


MASK = np.zeros((3, 6, 6, 6), np.float32)
FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "of another run": (_another_run, "of run other"),
    "of another item": (_another_item, "of item bench"),
    "outputs elsewhere": (_outputs_elsewhere, "status.json is not valid"),
    "no outputs": (_no_outputs, "it names None"),
    "a link": (_a_link, "is missing"),
    "too large": (_too_large, "that were agreed"),
    "changed on its way": (_changed_on_its_way, "does not match its sha256"),
    "too few samples": (_outputs({"mask": MASK[:2]}), "the outputs are"),
    "another type": (_outputs({"mask": MASK.astype(np.float16)}), "the outputs are"),
    "another name": (_outputs({"musk": MASK}), "the outputs are"),
    "one output too many": (_outputs({"mask": MASK, "more": MASK[:1, 0, 0, 0]}), "the outputs are"),
    "no JSON": (_status("{"), "status.json is not valid"),
    "too deep": (_status("[" * 100_000), "status.json is not valid"),
    "unknown field": (_status('{"schema": "1.0", "run_id": "vectors", "x": 1}'), "status.json is not valid"),
    "a huge status": (_status(" " * (2 << 20)), "more than 1048576 bytes"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_wrong_result_fails_its_item_alone(name: str, sent_back: Path) -> None:
    change, reason = FAULTS[name]
    change(sent_back)
    found = read(sent_back)
    assert found["verify"].startswith("the result that came back can't be used: ")
    assert reason in found["verify"]
    assert (found["bench"], found["memory"]) == ("done", "done")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-1.0", '"x"'])
def test_times_must_be_finite(value: str, sent_back: Path) -> None:
    place = sent_back / "results" / "bench"
    (place / "samples.json").write_text(json.dumps(SAMPLES).replace("2.0", value))
    write_status(place, samples=describe(place / "samples.json"))
    assert "samples.json is not valid" in read(sent_back)["bench"]


def test_results_of_items_that_nobody_asked_for_are_not_read(sent_back: Path) -> None:
    shutil.copytree(sent_back / "results" / "memory", sent_back / "results" / "more")
    assert sorted(read(sent_back)) == ["bench", "memory", "verify"]


def test_facts_that_are_not_valid_are_refused_in_one_line(sent_back: Path) -> None:
    (sent_back / "device.json").write_text(json.dumps(DEVICE | {"cores": -1}))
    with pytest.raises(RequestError, match=r"device.json is not valid: cores"):
        read(sent_back)
