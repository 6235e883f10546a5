"""A file without a bundle is looked into beside the module that it is said to come from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from edge_export.bisect.artifact import bisect_alone
from edge_export.bisect.values import Bisection
from edge_export.errors import RequestError
from edge_export.spec.tolerance import Tolerance
from tests.bisect.changed_files import MIDDLE, changed
from tests.compiled_members import compiled, samples

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _in_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def look(path: Path, folder: Path, factory: str = "classifier") -> list[Bisection]:
    save_file({"x": samples("classifier", 6)["image"]}, folder / "x.safetensors")
    tolerance = Tolerance(snr_db=90, max_abs_of_peak=1)
    return bisect_alone(path, f"tests.alone_modules:{factory}", folder / "x.safetensors", tolerance, folder / "log")


def test_the_changed_layer_of_a_file_is_named(tmp_path: Path) -> None:
    path, _ = compiled("classifier", "tflite")
    (found,) = look(path, tmp_path)
    assert (found.what, found.diverges, found.first) == (path.name, False, "")
    assert found.rows
    (found,) = look(changed(path, np.float32, tmp_path), tmp_path)
    assert found.diverges
    (first,) = [row for row in found.rows if row.name == found.first]
    assert first.layer == MIDDLE
    assert first.snr_db is not None
    assert first.snr_db < 90
    assert found.note == "compiled again, the program agrees: the file was changed"


@pytest.mark.slow
def test_a_file_that_shows_nothing_inside(tmp_path: Path) -> None:
    """What is in it is compared with the same module, compiled again."""
    path, _ = compiled("classifier", "executorch")
    (found,) = look(changed(path, np.float32, tmp_path), tmp_path)
    assert (found.diverges, found.first) == (True, f"{MIDDLE}.weight")
    assert "the file was changed" in found.note


def test_another_module_is_refused_in_one_line(tmp_path: Path) -> None:
    path, _ = compiled("classifier", "tflite")
    with pytest.raises(
        RequestError, match=r"in the file, float32 \[1, 3, 32, 24\] in the module|fails on the inputs"
    ) as raised:
        look(path, tmp_path, "segmenter")
    assert "\n" not in str(raised.value)
