"""Paths from outside never lead out of their folder."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from edge_export.files.paths import checked_relative, path_inside
from edge_export.spec.fields import RelativePath

OUT = ["", ".", "..", "../out", "/etc/out", "a/../../out", "a/..", "a\0b"]


@pytest.mark.parametrize("name", OUT)
def test_a_name_that_leads_out_is_refused(name, tmp_path):
    with pytest.raises(ValueError, match="is not a path inside of a folder"):
        checked_relative(name)
    with pytest.raises(ValueError, match="is not a path inside of a folder"):
        path_inside(tmp_path, name)
    with pytest.raises(ValidationError):
        TypeAdapter(RelativePath).validate_python(name)


@pytest.mark.parametrize("name", ["a", "a/b", "..a/b..", ".hidden", "with space", "Ünïcode/…"])
def test_any_other_name_is_taken(name, tmp_path):
    assert str(checked_relative(name)) == name
    assert path_inside(tmp_path, name) == tmp_path / name


def test_a_link_that_leads_out_is_refused(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "in").symlink_to(folder / "elsewhere")
    (folder / "out").symlink_to(tmp_path)
    assert path_inside(folder, "in") == folder / "in"
    with pytest.raises(ValueError, match="leads out of"):
        path_inside(folder, "out/file")


@pytest.mark.parametrize("name", [".hidden", "with space", "a//b", "a/" * 8 + "b", "a" * 121, "a\\b"])
def test_a_bundle_s_names_are_ones_that_every_system_takes(name):
    with pytest.raises(ValidationError):
        TypeAdapter(RelativePath).validate_python(name)
    assert TypeAdapter(RelativePath).validate_python("members/w0.5/a+b-c_1.pte") == "members/w0.5/a+b-c_1.pte"
