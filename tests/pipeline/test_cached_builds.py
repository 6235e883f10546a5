"""Only what has changed is done again; what is damaged is; two builds at once and other folders change nothing."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import kills

ROOT = Path(__file__).resolve().parents[2]
TARGET = (ROOT / "edge_export" / "targets" / "linux.toml").read_text()


def command(folder: Path, cache: Path, *arguments: object) -> tuple[list[str], dict]:
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "EDGE_EXPORT_CACHE": str(cache)}
    program = [sys.executable, "-m", "edge_export", "build", "--mother", "digits", "--out", "b", "--json"]
    return [*program, *map(str, arguments)], {"cwd": folder, "env": environment, "text": True}


def build(folder: Path, cache: Path, *arguments: object, code: int = 0) -> dict:
    call, options = command(folder, cache, *arguments)
    done = subprocess.run(call, **options, capture_output=True, timeout=900, check=False)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def done_again(result: dict) -> set[tuple[str, str]]:
    """The steps that really ran, as (member, step)."""
    steps = result["seconds"]["members"]
    return {(member, step) for member, each in steps.items() for step, taken in each.items() if taken is not None}


def tree(bundle: Path) -> dict[str, bytes]:
    return {p.relative_to(bundle).as_posix(): p.read_bytes() for p in bundle.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """A cache that has seen member 0.25 for Linux, and the bundle; copy both before changing them."""
    folder = tmp_path_factory.mktemp("warm")
    result = build(folder, folder / "cache", "--target", "linux", "--members", "0.25")
    assert ("w0.25", "tflite-builtin-fp32 compile") in done_again(result)
    return folder


@pytest.fixture
def copy(warm, tmp_path):
    return Path(shutil.copytree(warm, tmp_path / "copy"))


REQUEST = ("--target", "linux", "--members", "0.25")


def test_nothing_changed_does_nothing_and_imports_no_torch(copy):
    before = {p: p.stat().st_mtime_ns for p in (copy / "b").rglob("*")}
    script = (
        "import sys; from edge_export.__main__ import main; code = main(sys.argv[1:]);"
        "sys.exit(code or 10 * bool({'torch', 'onnx', 'coremltools'} & sys.modules.keys()))"
    )
    call, options = command(copy, copy / "cache", *REQUEST)
    done = subprocess.run([sys.executable, "-c", script, *call[3:]], **options, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not json.loads(done.stdout)["changed"]
    assert {p: p.stat().st_mtime_ns for p in (copy / "b").rglob("*")} == before


def test_a_changed_or_missing_bundle_is_restored_from_the_cache(copy):
    good = tree(copy / "b")
    next((copy / "b").rglob("*.pte")).write_bytes(b"something else")
    result = build(copy, copy / "cache", *REQUEST)
    assert result["changed"]
    assert not done_again(result)
    assert tree(copy / "b") == good
    shutil.rmtree(copy / "b")
    build(copy, copy / "cache", *REQUEST)
    assert tree(copy / "b") == good


@pytest.mark.slow
def test_one_more_member_is_all_that_is_made(copy):
    result = build(copy, copy / "cache", "--target", "linux", "--members", "0.25,0.3")
    assert {member for member, _ in done_again(result)} == {"", "w0.3"}
    again = build(copy / "elsewhere", copy / "cache", "--target", "linux", "--members", "0.25,0.3")
    assert not done_again(again)
    assert tree(copy / "elsewhere" / "b") == tree(copy / "b")


def test_another_tolerance_judges_anew_and_runs_nothing(copy):
    target = copy / "strict.toml"
    target.write_text(TARGET.replace("[tolerances.tflite.fp32]\nsnr_db = 90", "[tolerances.tflite.fp32]\nsnr_db = 190"))
    result = build(copy, copy / "cache", "--target", target, "--members", "0.25")
    assert not done_again(result)
    (judged,) = [a for a in result["members"][0]["artifacts"] if a["format"] == "tflite"]
    assert 100 < judged["tolerance"]["snr_db"] < 190, "no more than float32 can give"
    assert any("not 190 dB" in note for note in judged["notes"])


def test_damage_in_the_cache_is_found_and_mended(copy):
    good = tree(copy / "b")
    shutil.rmtree(copy / "b")
    for blob in (copy / "cache" / "steps" / "blobs").rglob("*"):
        if blob.is_file() and blob.stat().st_size > 10_000:
            content = bytearray(blob.read_bytes())
            content[len(content) // 2] ^= 1
            blob.write_bytes(content)
    result = build(copy, copy / "cache", *REQUEST)
    assert ("w0.25", "executorch-xnnpack-fp32 compile") in done_again(result)
    assert tree(copy / "b") == good


@pytest.mark.slow
def test_two_builds_from_nothing_are_the_same_bit_for_bit(tmp_path):
    """Other folders, another time, another number of jobs, no cache; one of each format."""
    request = ("--target", tmp_path / "all.toml", "--members", "0.25,0.5", "--no-cache")
    coreml = (ROOT / "edge_export" / "targets" / "ios.toml").read_text()
    tables = coreml[coreml.index("[tolerances.coreml.fp32]") :]
    plan = '[[artifacts]]\nformat = "coreml"\nbackend = "mlprogram"\nprecision = "fp16"\n\n'
    (tmp_path / "all.toml").write_text(
        TARGET.replace("[[artifacts]]", plan + "[[artifacts]]", 1).split("[tolerances.executorch.fp32]")[0]
        + TARGET[TARGET.index("[tolerances.tflite.fp32]") : TARGET.index("# Eleven bits")]
        + tables
    )
    build(tmp_path / "one", tmp_path / "cache", *request, "--jobs", 1)
    build(tmp_path / "another" / "place", tmp_path / "other-cache", *request, "--jobs", 2)
    one, other = tree(tmp_path / "one" / "b"), tree(tmp_path / "another" / "place" / "b")
    assert one.keys() == other.keys()
    assert [name for name in one if one[name] != other[name]] == []
    assert any(".mlpackage/" in name for name in one)


@pytest.mark.slow
def test_two_builds_at_once_share_a_cache(copy):
    """Into the same folder, and with a step that both of them make."""
    request = ("--target", "linux", "--members", "0.25,0.35")
    call, options = command(copy, copy / "cache", *request)
    both = [subprocess.Popen(call, **options, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    for process in both:
        output, errors = process.communicate(timeout=900)
        assert process.returncode == 0, errors
        assert [m["name"] for m in json.loads(output)["members"]] == ["w0.25", "w0.35"]
    assert not done_again(build(copy, copy / "cache", *request))
    assert not list(copy.glob(".b.*"))


@pytest.mark.slow
def test_a_killed_build_leaves_the_old_bundle_or_the_new_one(warm, tmp_path):
    """A few kills here; `benchmarks/kills.py` does a hundred."""
    shutil.copytree(warm / "cache", tmp_path / "cache")
    assert kills.run(tmp_path, 4, random.Random(1)) == 0
