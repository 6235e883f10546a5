"""Folders are exchanged in one step."""

from __future__ import annotations

from edge_export.files import exchange as swap


def folder(path, content):
    path.mkdir()
    (path / "file").write_text(content)
    return path


def test_folders_are_exchanged_where_it_says_so_and_untouched_elsewhere(tmp_path):
    one, other = folder(tmp_path / "one", "1"), folder(tmp_path / "other", "2")
    exchanged = swap.exchange(one, other)
    contents = [(path / "file").read_text() for path in (one, other)]
    assert contents == (["2", "1"] if exchanged else ["1", "2"])


def test_without_an_exchange_two_renames_do(tmp_path, monkeypatch):
    monkeypatch.setattr(swap, "exchange", lambda one, other: False)
    staged, final = folder(tmp_path / "staged", "new"), folder(tmp_path / "final", "old")
    swap.put_in_place(staged, final)
    assert (final / "file").read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["final"]


def test_where_nothing_was(tmp_path):
    swap.put_in_place(folder(tmp_path / "staged", "new"), tmp_path / "final")
    assert (tmp_path / "final" / "file").read_text() == "new"
