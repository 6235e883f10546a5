"""`cache` beyond the steps of builds: everything below the cache folder is listed, and only what is safe is removed."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path

import pytest

from edge_export.__main__ import main
from edge_export.cache.contents import PARTS, measure_parts

DAY_S = 86400.0
OLD, NEW = 40 * DAY_S, 2 * DAY_S
REMOVED = {
    "devices/verify-1/request.json",
    "logs/old/a.log",
    "aar/.arm64.1.part/a",
    "userlands/.fetched-1/a",
    "swift/.debian-13.part/usr/bin/swift",
}
KEPT = {
    "devices/verify-2/results/a/status.json",
    "devices/verify-3/request.json",
    "devices/verify-1.lock",
    "devices/verify-3.lock",
    "logs/new/a.log",
    "aar/x86_64-1/libtensorflowlite_jni.so",
    "environments/tensorflow-1/bin/python",
    "userlands/aarch64/ready",
    "userlands/.fetched-2/a",
    "swift/debian-13/usr/bin/swift",
    "swift/.debian-13.lock",
    "litert/2.1.2/a",
    "recorded/debs/a.deb",
    "songs/a.wav",
    "training/.separator.state",
    "training/separator.safetensors.state",
    "strange/a",
}
YOUNG = {"devices/verify-2/results/a/status.json", "logs/new/a.log", "userlands/.fetched-2/a"}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder with 1000 bytes in each file."""
    folder = tmp_path / "cache"
    for name in REMOVED | KEPT:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(bytes(1000))
    for path in [*folder.rglob("*")]:
        set_age(path, OLD)
    for name in YOUNG:
        set_age(folder / name, NEW)
    monkeypatch.setenv("EDGE_EXPORT_CACHE", str(folder))
    return folder


def set_age(path: Path, seconds: float) -> None:
    written = time.time() - seconds
    os.utime(path, (written, written))


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_what_is_old_and_safe_is_removed_and_nothing_else(cache: Path) -> None:
    with (cache / "devices" / "verify-3.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # this run goes on
        measured = measure_parts(cache, 30 * DAY_S)
    assert files(cache) == KEPT
    removed = {each.path.name: each.removed for each in measured if each.removed}
    assert removed == {"devices": 1000, "logs": 1000, "aar": 1000, "userlands": 1000, "swift": 1000}


def test_what_is_written_to_now_stays(cache: Path) -> None:
    for path in cache.rglob("*"):
        set_age(path, 60.0)
    measure_parts(cache, 0.0)
    assert files(cache) == KEPT | REMOVED


def test_a_training_is_kept_whatever_its_age(cache: Path) -> None:
    for path in cache.rglob("*"):
        set_age(path, 4000 * DAY_S)
    measure_parts(cache, 0.0)
    assert {name for name in KEPT if name.startswith(("training/", "recorded/", "songs/"))} <= files(cache)


def test_info_lists_every_folder_and_removes_nothing(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "info", "--json"]) == 0
    folders = {Path(each["path"]).name: each for each in json.loads(capsys.readouterr().out)["folders"]}
    assert folders.keys() == {*(part.name for part in PARTS), "strange"}
    assert folders["training"] == {
        "path": str(cache / "training"),
        "about": "states of trainings",
        "rule": "kept",
        "bytes": 2000,
        "removed": None,
    }
    assert files(cache) >= KEPT | REMOVED
    assert main(["cache", "info"]) == 0
    assert "states of trainings" in capsys.readouterr().out


def test_prune_says_what_it_removed(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "prune", "--json"]) == 0
    folders = {Path(each["path"]).name: each for each in json.loads(capsys.readouterr().out)["folders"]}
    assert folders["userlands"]["removed"] == 1000
    assert folders["training"]["removed"] == 0
    assert main(["cache", "prune", "--unused-days", "1"]) == 0
    assert "removed" in capsys.readouterr().out
    assert not (cache / "logs" / "new").exists()


def test_a_store_elsewhere_is_pruned_alone(cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cache", "prune", "--cache", str(tmp_path / "steps"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["folders"] == []
    assert files(cache) >= KEPT | REMOVED
