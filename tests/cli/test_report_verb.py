"""`report` as a user calls it."""

from __future__ import annotations

import json


def test_it_writes_one_page(edge_export, small_bundle):
    done = edge_export("report", small_bundle)
    assert done.returncode == 0, done.stderr
    page = edge_export.folder / "report.html"
    assert done.stdout.startswith("report.html: ")
    again = edge_export("report", small_bundle, "--out", "pages/family.html", "--json")
    assert again.returncode == 0, again.stderr
    found = json.loads(again.stdout)
    assert (found["report"], found["bytes"]) == ("pages/family.html", page.stat().st_size)
    assert (edge_export.folder / "pages" / "family.html").read_bytes() == page.read_bytes()


def test_a_wrong_request_is_one_line(edge_export, small_bundle):
    for arguments in ((edge_export.folder,), (small_bundle, "--out", edge_export.folder)):
        done = edge_export("report", *arguments)
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
    assert list(edge_export.folder.iterdir()) == []
