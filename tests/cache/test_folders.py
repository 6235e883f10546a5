"""The location of the cache folder."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edge_export.cache import cache_folder


def test_the_user_s_own_choice_wins(monkeypatch):
    monkeypatch.setenv("EDGE_EXPORT_CACHE", "/chosen")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache_folder() == Path("/chosen")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other folders")
def test_else_it_is_where_linux_keeps_caches(monkeypatch):
    monkeypatch.delenv("EDGE_EXPORT_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache_folder() == Path("/xdg/edge_export")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert cache_folder() == Path("/home/somebody/.cache/edge_export")
