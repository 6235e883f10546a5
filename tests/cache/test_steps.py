"""A step runs once for the same inputs, and again if anything that it depends on differs."""

from __future__ import annotations

import pytest

from edge_export.cache import keys
from edge_export.cache.keys import key_of
from edge_export.cache.steps import run_step
from edge_export.cache.store import Store


@pytest.fixture
def step(tmp_path):
    """A function that runs a step. It returns whether the step was restored, and how often the work ran."""
    store, done = Store(tmp_path / "cache"), []

    def run(parts, keep=True, store=store):
        workdir = tmp_path / f"work-{len(list(tmp_path.iterdir()))}"

        def work():
            done.append(parts)
            (workdir / "artifact").write_text(str(parts))
            return {"path": "artifact", "kept": keep}

        result = run_step(store, "compile", parts, workdir, work, lambda record: record["kept"])
        assert (workdir / "artifact").read_text() == str(parts)
        return result.cached, len(done)

    run.store = store
    return run


def test_once_for_the_same_inputs(step):
    assert step({"width": 1}) == (False, 1)
    assert step({"width": 1}) == (True, 1)
    assert step({"width": 2}) == (False, 2)


def test_without_a_store_or_a_known_key_each_time(step):
    assert [step(None), step(None)] == [(False, 1), (False, 2)]
    assert [step({}, store=None), step({}, store=None)] == [(False, 3), (False, 4)]


def test_what_is_not_worth_keeping_is_done_again(step):
    assert [step({}, keep=False), step({}, keep=False)] == [(False, 1), (False, 2)]


def test_a_damaged_file_is_made_again(step):
    step({"width": 1})
    (blob,) = [p for p in (step.store.folder / "blobs").rglob("*") if p.is_file()]
    blob.write_bytes(b"{'width': 2}")
    assert step({"width": 1}) == (False, 2)
    assert step({"width": 1}) == (True, 2)


def test_code_tools_and_step_are_part_of_the_key(monkeypatch):
    before = key_of("compile", {"format": "tflite"})
    assert key_of("compile", {"format": "tflite"}) == before
    others = [key_of("measure", {"format": "tflite"}), key_of("compile", {"format": "coreml"})]
    monkeypatch.setattr(keys, "_version", lambda tool: "9.9")
    others.append(key_of("compile", {"format": "tflite"}))
    monkeypatch.undo()
    monkeypatch.setattr(keys, "_sources", lambda room: "changed")
    others.append(key_of("compile", {"format": "tflite"}))
    assert len({before, *others}) == 5


def test_a_changed_source_file_changes_its_room_s_digest(tmp_path, monkeypatch):
    monkeypatch.setattr(keys, "PACKAGE", tmp_path)
    (tmp_path / "formats").mkdir()
    file = tmp_path / "formats" / "tflite.py"
    digests = []
    for text in ("one", "two"):
        file.write_text(text)
        keys._sources.cache_clear()
        digests.append(keys._sources("formats"))
    keys._sources.cache_clear()
    assert digests[0] != digests[1]
