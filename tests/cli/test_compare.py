"""`compare`: one compiled file of each format, right and wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import compiled_members as members
import numpy as np
import pytest
from safetensors.numpy import save_file

from edge_export.errors import RequestError
from edge_export.spec.tolerance import Tolerance
from edge_export.verify.compare import compare_file

TOLERANCE = Tolerance(snr_db=40, max_abs_of_peak=1)
MODULES = "tests.alone_modules"
NAMES = {"classifier": "x", "segmenter": "x", "streamer": None}


def arguments(member: str, folder: Path) -> list[str]:
    """--against the member's module --inputs three samples by the names of its forward's parameters."""
    samples = members.samples(member, 3)
    save_file({NAMES[member] or name: array for name, array in samples.items()}, folder / "x.safetensors")
    return ["--against", f"{MODULES}:{member}", "--inputs", "x.safetensors"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("member", "format_name"), [("classifier", "tflite"), ("segmenter", "executorch"), ("streamer", "coreml")]
)
def test_a_file_agrees_with_its_module(member, format_name, edge_export):
    path, _ = members.compiled(member, format_name)
    done = edge_export("compare", path, *arguments(member, edge_export.folder), "--snr-db", "100", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert (result["verdict"], result["count"]) == ("passed", 3)
    assert all(output["snr_db"] > 110 for output in result["outputs"].values())


@pytest.mark.slow
def test_a_file_of_another_network_fails_and_says_by_how_much(edge_export):
    path = shutil.copytree(members.compiled("streamer", "coreml")[0], edge_export.folder / "broken.mlpackage")
    weights = path / "Data" / "com.apple.CoreML" / "weights" / "weight.bin"
    content = bytearray(weights.read_bytes())
    content[64 * 40 : 64 * 60] = np.ones(320, np.float32).tobytes()
    weights.write_bytes(content)
    done = edge_export("compare", path, *arguments("streamer", edge_export.folder))
    assert done.returncode == 1
    assert "failed" in done.stdout
    assert "dB is below 40 dB" in done.stdout


REFUSED = {
    "no module": (f"{MODULES}:no_module", "returns a int, not an nn.Module"),
    "another module": (f"{MODULES}:classifier", "there is no parameter audio"),
    "no factory": (f"{MODULES}:absent", "has no absent"),
    "no name": ("absent", "is unknown"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_modules_that_do_not_fit_are_refused(kind, tmp_path):
    against, message = REFUSED[kind]
    save_file(members.samples("streamer", 1), tmp_path / "x.safetensors")
    with pytest.raises(RequestError, match=message):
        compare_file(tmp_path / "any.pte", against, tmp_path / "x.safetensors", TOLERANCE, tmp_path / "log")


def test_a_file_needs_something_to_compare_it_with(edge_export):
    done = edge_export("compare", "any.mlpackage")
    assert done.returncode == 2
    assert "any.mlpackage needs --against and --inputs" in done.stderr
