"""A file of any origin is compared, or refused in one line."""

from __future__ import annotations

from pathlib import Path

import compiled_members as members
import pytest
from safetensors.numpy import save_file

from edge_export.errors import RequestError
from edge_export.spec.tolerance import Tolerance
from edge_export.verify.compare import Comparison, compare_file

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def compare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Compares a copy of the streamer's file, whose input "audio" has another name of five letters, with its module."""
    monkeypatch.chdir(ROOT)

    def run(name: bytes) -> Comparison:
        content = members.compiled("streamer", "tflite")[0].read_bytes()
        assert content.count(b"audio") > 0
        (tmp_path / "foreign.tflite").write_bytes(content.replace(b"audio", name))
        save_file(members.samples("streamer", 2), tmp_path / "x.safetensors")
        against, tolerance = "tests.alone_modules:streamer", Tolerance(snr_db=100, max_abs_of_peak=1)
        return compare_file(
            tmp_path / "foreign.tflite", against, tmp_path / "x.safetensors", tolerance, tmp_path / "log"
        )

    return run


def test_inputs_of_other_names_are_taken_in_order(compare) -> None:
    compared = compare(b"sound")
    assert (compared.verdict, compared.count, compared.reason) == ("passed", 2, "within tolerance")
    assert [*compared.outputs] == ["stems", "next_state"]


def test_a_name_that_no_artifact_can_have_is_refused_in_one_line(compare) -> None:
    with pytest.raises(RequestError, match=r"foreign\.tflite is not valid: .*inputs\[0\]\.name must match") as raised:
        compare(b"so:nd")
    assert "\n" not in str(raised.value)
