"""Whatever a user keeps has the modes that the umask gives: others can read what one lets them read."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = {"executorch-xnnpack-fp32.pte", "coreml-mlprogram-fp32.mlpackage", "tflite-builtin-fp32.tflite"}
TARGET = """
name = "every"
mother = "digits"
members = "0.25"
[tolerances.member.fp32]
snr_db = 90
max_abs_of_peak = 1e-4
""" + "".join(
    f"""
[[artifacts]]
format = "{name.split("-")[0]}"
backend = "{name.split("-")[1]}"
precision = "fp32"
[tolerances.{name.split("-")[0]}.fp32]
snr_db = 90
max_abs_of_peak = 1e-4
"""
    for name in sorted(ARTIFACTS)
)


def wrong_modes(root: Path, umask: int) -> dict[str, str]:
    """What below `root`, and `root` itself, has another mode than the umask gives a new one."""
    wrong = {}
    for path in (root, *root.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        if not path.is_symlink() and mode != (0o777 if path.is_dir() else 0o666) & ~umask:
            wrong[str(path.relative_to(root))] = oct(mode)
    return wrong


def run(folder: Path, umask: int, *arguments: object) -> None:
    command = [sys.executable, "-m", "edge_export", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "EDGE_EXPORT_CACHE": str(folder / "cache")}
    done = subprocess.run(
        command, cwd=folder, env=environment, umask=umask, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def scan(folder: Path) -> Path:
    """A real scan of a digit as an image file."""
    from PIL import Image
    from sklearn.datasets import load_digits

    path = folder / "digit.png"
    Image.fromarray((load_digits().images[0] * 15.9).astype("uint8")).save(path)
    return path


@pytest.mark.slow
def test_a_bundle_its_cache_and_a_result_follow_the_umask(tmp_path):
    (tmp_path / "every.toml").write_text(TARGET)
    request = ("build", "--target", "every.toml")
    for umask, out in ((0o002, "built"), (0o027, "restored")):
        run(tmp_path, umask, *request, "--out", tmp_path / out)
        assert wrong_modes(tmp_path / out, umask) == {}
        assert {path.name for path in (tmp_path / out / "members" / "w0.25").iterdir()} == ARTIFACTS
    cached = tmp_path / "cache" / "steps"
    assert wrong_modes(cached, 0o002) == {}
    assert list((cached / "tmp").iterdir()) == []
    for umask in (0o027, 0o002):
        result = tmp_path / f"{umask}.json"
        run(tmp_path, umask, "run", tmp_path / "built", "--member", "w0.25", scan(tmp_path), result)
        assert stat.S_IMODE(result.stat().st_mode) == 0o666 & ~umask


def test_a_checkpoint_follows_the_umask(tmp_path):
    umask, out = 0o002, tmp_path / "new" / "digits.safetensors"
    run(tmp_path, umask, "train", "--mother", "digits", "--out", out, "--epochs", "1")
    assert wrong_modes(out.parent, umask) == {}


def test_stems_follow_the_umask(tmp_path):
    stems = "{n: np.zeros((2, 99), np.float32) for n in 'ab'}"
    program = (
        "import sys; from pathlib import Path; import numpy as np;"
        "from edge_export.data.stem_files import write_stems;"
        f"write_stems(Path(sys.argv[1]), {stems}, 8000, 'FLOAT')"
    )
    for umask in (0o027, 0o002):
        out = tmp_path / f"{umask}"
        subprocess.run([sys.executable, "-c", program, str(out)], cwd=ROOT, umask=umask, check=True)
        assert wrong_modes(out, umask) == {}
        assert len(list(out.iterdir())) == 2
