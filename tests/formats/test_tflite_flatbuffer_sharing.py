"""A file in which nothing stands twice holds less, and the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import reduced_members as reduced
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools.flatbuffer_utils import convert_object_to_bytearray

from edge_export.formats.tflite.flatbuffer_sharing import write

pytestmark = pytest.mark.slow


@pytest.fixture
def original() -> bytes:
    return Path(reduced.compiled(reduced.DIGITS, "tflite", "fp32")["path"]).read_bytes()


def read(content: bytes) -> schema.ModelT:
    return schema.ModelT.InitFromPackedBuf(bytearray(content), 0)


def test_it_computes_the_same_in_fewer_bytes(original: bytes, tmp_path: Path) -> None:
    content = write(read(original))
    assert len(content) < len(convert_object_to_bytearray(read(original))) - 1000
    assert write(read(original)) == content
    done = reduced.compiled(reduced.DIGITS, "tflite", "fp32")
    (tmp_path / "shared.tflite").write_bytes(content)
    outputs = reduced.run(reduced.DIGITS, done | {"path": str(tmp_path / "shared.tflite")}, tmp_path)
    assert np.array_equal(outputs["logits"], reduced.run(reduced.DIGITS, done, tmp_path)["logits"])


def test_every_field_reads_the_same(original: bytes) -> None:
    """Written out again without sharing, it is what the original is written out again."""
    shared = write(read(original))
    assert convert_object_to_bytearray(read(shared)) == convert_object_to_bytearray(read(original))


@pytest.mark.parametrize(("precision", "scheme"), [("fp16", ""), ("int8", "static"), ("int8", "weight_only")])
def test_constants_are_aligned_to_16_bytes(precision: str, scheme: str) -> None:
    """As TensorFlow Lite's schema asks for (`force_align`)."""
    content = Path(reduced.compiled(reduced.DIGITS, "tflite", precision, scheme)["path"]).read_bytes()
    model = schema.Model.GetRootAsModel(bytearray(content), 0)
    tables = [model.Buffers(index) for index in range(model.BuffersLength())]
    places = [table._tab.Vector(table._tab.Offset(4)) for table in tables if table.DataLength()]
    assert len(places) > 30
    assert all(place % 16 == 0 for place in places)


def test_equal_constants_are_stored_once(original: bytes) -> None:
    model = read(original)
    weights = max((buffer for buffer in model.buffers if buffer.data is not None), key=lambda buffer: len(buffer.data))
    one = len(write(model))
    twice = schema.BufferT()
    twice.data = weights.data.copy()
    model.buffers.append(twice)
    assert len(write(model)) < one + 16
