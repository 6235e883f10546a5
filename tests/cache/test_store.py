"""Stored files are restored bit for bit, or not at all."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from edge_export.cache.store import Damaged, Store, prune, size_of

KEY = "ab" * 32
OTHER = "cd" * 32


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache")


@pytest.fixture
def files(tmp_path):
    package = tmp_path / "x.mlpackage"
    (package / "Data").mkdir(parents=True)
    (package / "Data" / "weights.bin").write_bytes(b"weights")
    (tmp_path / "x.pte").write_bytes(b"program" * 1000)
    return {"x.mlpackage": package, "x.pte": tmp_path / "x.pte"}


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_files_and_folders_come_back(store, files, tmp_path):
    store.put(KEY, {"seconds": 1.5}, files)
    entry = store.get(KEY)
    assert entry.record == {"seconds": 1.5}
    store.restore(entry, tmp_path / "out")
    assert contents(tmp_path / "out") == {"x.mlpackage/Data/weights.bin": b"weights", "x.pte": b"program" * 1000}
    assert store.get(OTHER) is None


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at % len(content)] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("at", [0, 40, 70, 90, -1])
def test_an_entry_with_a_flipped_bit_is_no_entry(at, store, files):
    store.put(KEY, {"snr_db": 130.25}, files)
    (path,) = (store.folder / "entries").rglob("*.json")
    flip(path, at)
    assert store.get(KEY) is None
    assert not path.exists()


def test_a_damaged_file_is_noticed_removed_and_replaced(store, files, tmp_path):
    store.put(KEY, {}, files)
    entry = store.get(KEY)
    blob = next(p for p in (store.folder / "blobs").rglob("*") if p.is_file() and p.stat().st_size > 100)
    flip(blob, 1234)
    with pytest.raises(Damaged):
        store.restore(entry, tmp_path / "one")
    assert not blob.exists()
    with pytest.raises(Damaged):
        store.restore(entry, tmp_path / "two")
    store.put(KEY, {}, files)
    store.restore(entry, tmp_path / "three")
    assert (tmp_path / "three" / "x.pte").read_bytes() == b"program" * 1000


def test_a_path_that_leads_out_is_no_entry(store, files, tmp_path):
    import hashlib
    import json

    store.put(KEY, {}, files)
    (path,) = (store.folder / "entries").rglob("*.json")
    for name in ("../evil", "/evil", "a/../../evil", ""):
        body = json.dumps({"record": {}, "files": {name: "0" * 64}}).encode()
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        assert store.get(KEY) is None


def test_prune_removes_what_nothing_uses(store, files, tmp_path):
    store.put(KEY, {}, files)
    (store.folder / "tmp" / "left").write_bytes(b"by a killed build")
    assert prune(store, unused_for_s=3600).entries == 0
    assert store.get(KEY) is not None
    removed = prune(store, unused_for_s=0)
    assert (removed.entries, removed.files) == (1, 2)
    assert (size_of(store).entries, size_of(store).files, size_of(store).bytes) == (0, 0, 0)
    assert not list((store.folder / "tmp").iterdir())


def test_many_writers_and_a_pruner_do_not_hurt_each_other(store, files, tmp_path):
    """A file that is read while other processes write and prune is complete, or missing."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(30):
                store.put(KEY, {"n": 1}, files)
                if (entry := store.get(KEY)) is None:
                    continue
                try:
                    store.restore(entry, tmp_path / f"{number}-{turn}")
                except Damaged:
                    continue
                assert contents(tmp_path / f"{number}-{turn}")["x.pte"] == b"program" * 1000
        except BaseException as error:
            failures.append(error)

    def clean() -> None:
        try:
            while not stop.is_set():
                prune(store, unused_for_s=0)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    cleaner = threading.Thread(target=clean)
    for thread in (*threads, cleaner):
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    cleaner.join()
    assert not failures, failures[0]
