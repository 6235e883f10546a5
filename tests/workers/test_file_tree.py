"""Files as bytes come back as they were, and never land outside of their folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_export.workers.cluster import file_tree
from edge_export.workers.cluster.file_tree import TooLarge, digest_of, pack, remove, unpack


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    package = tmp_path / "a.mlpackage"
    (package / "Data" / "weights").mkdir(parents=True)
    (package / "Manifest.json").write_bytes(b"{}")
    (package / "Data" / "weights" / "weight.bin").write_bytes(bytes(range(256)))
    return package


def test_a_folder_comes_back_as_it_was(folder: Path, tmp_path: Path) -> None:
    tree = pack(folder)
    assert tree is not None
    unpack(tree, tmp_path / "elsewhere" / "b")
    assert pack(tmp_path / "elsewhere" / "b") == tree
    assert tree.keys() == {"Manifest.json", "Data/weights/weight.bin"}


def test_a_file_comes_back_under_any_name(folder: Path, tmp_path: Path) -> None:
    tree = pack(folder / "Manifest.json")
    assert tree is not None
    unpack(tree, tmp_path / "new" / "other.json")
    assert (tmp_path / "new" / "other.json").read_bytes() == b"{}"


def test_an_empty_folder_is_one_and_nothing_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert pack(tmp_path / "empty") == {}
    unpack({}, tmp_path / "made")
    assert (tmp_path / "made").is_dir()
    assert pack(tmp_path / "missing") is None


def test_a_digest_tells_names_and_contents_apart() -> None:
    trees = [{"a": b"bc"}, {"ab": b"c"}, {"a": b"b", "c": b""}, {"": b"abc"}, {"a": b"b"}, {}]
    assert len({digest_of(tree) for tree in trees}) == len(trees)
    assert digest_of({"a": b"1", "b": b"2"}) == digest_of({"b": b"2", "a": b"1"})


@pytest.mark.parametrize("name", ["../out", "/etc/out", "a/../../out", "."])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="is not a path inside of a folder"):
        unpack({"good": b"", name: b"bad"}, tmp_path / "in")
    with pytest.raises(ValueError, match="is not a path inside of a folder"):
        remove([name], tmp_path / "in")
    assert list(tmp_path.iterdir()) == []


def test_more_than_is_sent_is_refused_before_it_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_tree, "LIMIT_BYTES", 100)
    with pytest.raises(TooLarge, match=r"a\.mlpackage holds"):
        pack(folder)
