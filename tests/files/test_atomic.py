"""Files and folders appear completely or not at all, with the modes of the umask."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest

from edge_export.errors import RequestError
from edge_export.files.arrays import save_arrays
from edge_export.files.atomic import new_folder, staged_file, whole_file, whole_folder, write_atomically
from edge_export.files.copying import copy_contents
from edge_export.files.owned import owned_folder


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o027, 0o002, 0o077], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_a_file_has_the_mode_that_the_umask_gives(tmp_path, umask):
    write_atomically(tmp_path / "new" / "a", b"content")
    save_arrays(tmp_path / "arrays" / "b", {"x": np.zeros(3)})
    with whole_file(tmp_path / "c") as file:
        file.write(b"content")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name: oct(mode_of(path)) for path in files} == dict.fromkeys("abc", oct(0o666 & ~umask))
    assert {oct(mode_of(path)) for path in tmp_path.iterdir() if path.is_dir()} == {oct(0o777 & ~umask)}


def test_a_folder_has_the_mode_that_the_umask_gives(tmp_path, umask):
    with whole_folder(tmp_path / "whole"), owned_folder(tmp_path, "owned-", private=False) as owned:
        assert mode_of(owned) == 0o777 & ~umask
    assert mode_of(tmp_path / "whole") == 0o777 & ~umask
    assert mode_of(new_folder(tmp_path, "new-")) == 0o777 & ~umask
    with owned_folder(tmp_path, "private-") as private:
        assert mode_of(private) == 0o700


def test_a_copy_does_not_take_the_mode_of_its_source(tmp_path, umask):
    source = tmp_path / "source"
    (source / "inner").mkdir(parents=True)
    for path, mode in ((source / "inner" / "file", 0o600), (source / "run", 0o755)):
        path.write_bytes(path.name.encode())
        path.chmod(mode)
    source.chmod(0o700)
    copy = copy_contents(source, tmp_path / "copy")
    assert (copy / "inner" / "file").read_bytes() == b"file"
    assert {oct(mode_of(path)) for path in (copy / "inner" / "file", copy / "run")} == {oct(0o666 & ~umask)}
    assert {oct(mode_of(path)) for path in (copy, copy / "inner")} == {oct(0o777 & ~umask)}
    with pytest.raises(FileExistsError):
        copy_contents(source, copy)


def test_a_file_is_replaced_only_when_the_block_ends_well(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail() -> None:
        with whole_file(path) as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_bytes() == b"old"
    with whole_file(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_a_folder_is_replaced_only_when_the_block_ends_well(tmp_path):
    path = tmp_path / "folder"
    for content, fails in (("old", False), ("half", True), ("new", False)):
        try:
            with whole_folder(path, "folder.making-") as staged:
                assert staged.name.startswith("folder.making-")
                (staged / content).write_text(content)
                if fails:
                    raise ValueError
        except ValueError:
            assert fails
        assert [each.name for each in path.iterdir()] == ["old" if fails else content]
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]


def test_a_staged_file_vanishes_unless_it_is_renamed(tmp_path):
    with staged_file(tmp_path) as file:
        file.write(b"content")
    assert list(tmp_path.iterdir()) == []
    with staged_file(tmp_path) as file:
        file.write(b"content")
        Path(file.name).rename(tmp_path / "kept")
    assert [each.name for each in tmp_path.iterdir()] == ["kept"]
    assert (tmp_path / "kept").read_bytes() == b"content"


def test_a_name_may_be_as_long_as_the_system_allows(tmp_path):
    path = tmp_path / ("n" * 255)
    write_atomically(path, b"content")
    assert path.read_bytes() == b"content"


def test_a_folder_that_can_t_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RequestError, match="choose another place"):
        write_atomically(tmp_path / "file" / "inside", b"content")
