"""The hash of a folder does not change, because manifests and identifiers in bundles depend on it."""

from __future__ import annotations

import hashlib

import pytest

from edge_export.cache import keys
from edge_export.files.hashing import file_sha256, sha256_of, tree_sha256
from edge_export.formats.coreml.normalize import _digest
from edge_export.workers.cluster.file_tree import digest_of, pack

FILES = {"a/b": "1", "a-b": "2", "a.b/c": "3", "Z": "", "e/f/g": "é"}
TREE = "3b846ee9d4b3f6d74fc095b9afd426cf62cd6559b0bc88cc346276760aae88ea"


@pytest.fixture
def tree(tmp_path):
    for name, content in FILES.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    (tmp_path / "tree" / "empty").mkdir()
    return tmp_path / "tree"


def test_the_hash_of_a_folder_is_the_documented_one(tree):
    parts = [(name.split("/"), hashlib.sha256(content.encode()).hexdigest()) for name, content in FILES.items()]
    text = "".join(f"{'/'.join(name)}\0{digest}\n" for name, digest in sorted(parts))
    assert sha256_of(tree) == hashlib.sha256(text.encode()).hexdigest() == TREE
    assert sha256_of(tree / "a-b") == file_sha256(tree / "a-b") == hashlib.sha256(b"2").hexdigest()


def test_everything_that_hashes_a_folder_says_the_same(tree, monkeypatch):
    monkeypatch.setattr(keys, "PACKAGE", tree)
    keys._sources.cache_clear()
    assert keys._sources("") == digest_of(pack(tree)) == TREE
    keys._sources.cache_clear()


def test_core_ml_s_identifiers_stay_as_they_are(tree):
    assert _digest(tree) == "dc046ca18897ab182e727594fec0a4d67215b46a6f2d04878876e6d338843738"
    assert _digest(tree / "Z") == "72da8a1cece5be1775a228673307b63f6164489ee393fe510ae96e084260a49a"


def test_names_and_contents_are_told_apart():
    empty = hashlib.sha256(b"").hexdigest()
    assert tree_sha256({"a": empty}) != tree_sha256({"b": empty}) != tree_sha256({})
    assert tree_sha256({"a": "1", "b": "2"}) == tree_sha256({"b": "2", "a": "1"})
