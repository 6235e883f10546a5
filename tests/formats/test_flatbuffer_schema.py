"""FlatBuffers by the text of their schema, against what Python's own library and flatc make of them."""

from __future__ import annotations

import flatbuffers
import pytest

from edge_export.formats.executorch.flatbuffer_schema import FlatBufferSchema
from edge_export.formats.tflite.flatbuffer_sharing import SharingBuilder

TEXT = """
enum Kind : short { none = 0, some = 3 }  // a comment; with a semicolon
union Shape { Circle, Box: Square }
table Circle { radius: float; }
table Square { side: uint; sides: [uint]; }
table Old { gone: [ubyte] (deprecated, force_align: 16); name: string; }
table Root { kind: Kind = none; shape: Shape; size: uint64; olds: [Old]; again: Old; }
root_type Root;
"""
VALUES = {
    "kind": 3,
    "shape": (2, {"side": 7, "sides": [1, 2, 3]}),
    "size": 2**64 - 1,
    "olds": [{"name": b"a"}, {"name": b"b"}, {"name": b"a"}],
    "again": {"name": b"b"},
}


@pytest.mark.parametrize("builder", [flatbuffers.Builder, SharingBuilder])
def test_what_is_written_is_read(builder: type[flatbuffers.Builder]) -> None:
    schema = FlatBufferSchema(TEXT)
    content = schema.write(VALUES, builder(), b"TEST")
    assert content[4:8] == b"TEST"
    assert schema.read(content) == VALUES
    circle = VALUES | {"shape": (1, {"radius": 0.1})}
    (_, read) = schema.read(schema.write(circle, builder(), b"TEST"))["shape"]
    assert read["radius"] == pytest.approx(0.1, rel=1e-7)


def test_fields_stand_where_flatbuffers_has_them() -> None:
    content = FlatBufferSchema(TEXT).write({"size": 5, "kind": 1}, flatbuffers.Builder(), b"TEST")
    root = flatbuffers.table.Table(content, flatbuffers.encode.Get(flatbuffers.packer.uoffset, content, 0))
    # kind is field 0, the union's type and value 1 and 2, size 3
    assert root.Get(flatbuffers.number_types.Int16Flags, root.Offset(4) + root.Pos) == 1
    assert root.Offset(6) == root.Offset(8) == 0
    assert root.Get(flatbuffers.number_types.Uint64Flags, root.Offset(10) + root.Pos) == 5


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(ValueError, match="types that are not known here: double, long"):
        FlatBufferSchema("table A { a: double; b: [long]; } root_type A;")
