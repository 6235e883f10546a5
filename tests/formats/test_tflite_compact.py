"""A compact file holds less and computes the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import reduced_members as reduced
from ai_edge_litert import schema_py_generated as schema

from edge_export.formats.tflite.compact import compact

pytestmark = pytest.mark.slow


@pytest.fixture
def original() -> bytes:
    return Path(reduced.compiled(reduced.DIGITS, "tflite", "fp32")["path"]).read_bytes()


def read(content: bytes) -> schema.ModelT:
    return schema.ModelT.InitFromPackedBuf(bytearray(content), 0)


def test_it_computes_the_same_in_fewer_bytes(original: bytes, tmp_path: Path) -> None:
    content = compact(read(original), names=False)
    assert len(content) < len(original) - 3000
    done = reduced.compiled(reduced.DIGITS, "tflite", "fp32")
    (tmp_path / "compact.tflite").write_bytes(content)
    outputs = reduced.run(reduced.DIGITS, done | {"path": str(tmp_path / "compact.tflite")}, tmp_path)
    assert np.array_equal(outputs["logits"], reduced.run(reduced.DIGITS, done, tmp_path)["logits"])


def test_it_keeps_what_runtimes_read(original: bytes) -> None:
    before, after = read(original), read(compact(read(original), names=False))
    assert after.signatureDefs[0].signatureKey == before.signatureDefs[0].signatureKey
    assert [t.name for t in after.subgraphs[0].tensors if t.name] == [b"image", b"logits"]
    named = read(compact(read(original)))
    assert [t.name for t in named.subgraphs[0].tensors] == [t.name for t in before.subgraphs[0].tensors]
    for old, new in zip(before.subgraphs[0].tensors, after.subgraphs[0].tensors, strict=True):
        assert (list(old.shape), old.type) == (list(new.shape), new.type)
        have, had = after.buffers[new.buffer].data, before.buffers[old.buffer].data
        assert (have is None and had is None) or np.array_equal(have, had)
    for old, new in zip(before.subgraphs[0].operators, after.subgraphs[0].operators, strict=True):
        assert (list(old.inputs), list(old.outputs)) == (list(new.inputs), list(new.outputs))
        assert str(vars(old.builtinOptions or object)) == str(vars(new.builtinOptions or object))


def test_constants_are_aligned_and_stored_once(original: bytes) -> None:
    content = compact(read(original))
    model = schema.Model.GetRootAsModel(bytearray(content), 0)
    tables = [model.Buffers(index) for index in range(1, model.BuffersLength())]
    places = [table._tab.Vector(table._tab.Offset(4)) for table in tables]
    assert len(places) > 30
    assert all(place % 16 == 0 for place in places)
    assert len({table.DataAsNumpy().tobytes() for table in tables}) == len(tables)
