"""The workers and the folder of the fault suite."""

from __future__ import annotations

from dataclasses import replace

import pytest
from faults_bases import RUN_TIMEOUT_S, Place

from edge_export.formats import FORMATS
from edge_export.verify import artifact
from edge_export.workers import EXPORTER, Pool

MEMORY_BYTES = 2 << 30
"""A damaged file may ask for any amount: it is refused sooner here than on a user's machine."""


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults")
    with Pool(1, log_dir=folder / "logs", memory_limit_bytes=MEMORY_BYTES, shared=EXPORTER) as pool:
        yield Place(folder, pool)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    """What hangs is killed sooner than a user's file would be."""
    monkeypatch.setattr(artifact, "RUN_TIMEOUT_S", RUN_TIMEOUT_S)


@pytest.fixture(autouse=True)
def _first_runtimes_alone(monkeypatch):
    """A fault must be caught where no other runtime is set up."""
    for name, known in FORMATS.items():
        monkeypatch.setitem(FORMATS, name, replace(known, runtimes=known.runtimes[:1]))
