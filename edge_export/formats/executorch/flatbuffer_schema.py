"""FlatBuffers read and written by the text of their schema (`.fbs`), for those that no Python code was generated for.

A table becomes a dict of the fields that are written in it: numbers, bytes of a string, lists, dicts of tables, and
(type, dict) of a union. What `read` gives, `write` writes back. Structs, and unions of anything but tables, are not
known: `FlatBufferSchema` says so.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import flatbuffers
from flatbuffers import encode, number_types, packer
from flatbuffers.table import Table

_NUMBERS: dict[str, Any] = {
    "bool": number_types.BoolFlags,
    "byte": number_types.Int8Flags,
    "ubyte": number_types.Uint8Flags,
    "short": number_types.Int16Flags,
    "ushort": number_types.Uint16Flags,
    "int": number_types.Int32Flags,
    "uint": number_types.Uint32Flags,
    "float": number_types.Float32Flags,
    "uint64": number_types.Uint64Flags,
}
_OFFSET_BYTES = number_types.UOffsetTFlags.bytewidth


class _Field(NamedTuple):
    """One field of a table; of a union, `slot` is its value's, and its type stands in the one before."""

    name: str
    type: str
    slot: int


class FlatBufferSchema:
    """The tables of a schema.

    Raises:
        ValueError: `text` has a type that is not known here.
    """

    def __init__(self, text: str) -> None:
        text = re.sub(r"//[^\n]*", "", text)
        enums = dict(re.findall(r"\benum\s+(\w+)\s*:\s*(\w+)", text))
        self._unions = {
            name: [member.split(":")[-1].strip() for member in members.split(",") if member.strip()]
            for name, members in re.findall(r"\bunion\s+(\w+)\s*\{([^}]*)\}", text)
        }
        self._tables: dict[str, list[_Field]] = {}
        for name, body in re.findall(r"\btable\s+(\w+)\s*\{([^}]*)\}", text):
            fields: list[_Field] = []
            slot = 0
            for field, kind in re.findall(r"(\w+)\s*:\s*(\[?\w+\]?)", re.sub(r"\([^)]*\)", "", body)):
                slot += kind in self._unions
                fields.append(_Field(field, enums.get(kind, kind), slot))
                slot += 1
            self._tables[name] = fields
        (self._root,) = re.findall(r"\broot_type\s+(\w+)", text)
        known = {"string", *_NUMBERS, *self._unions, *self._tables}
        used = {field.type.strip("[]") for fields in self._tables.values() for field in fields}
        used |= {member for members in self._unions.values() for member in members}
        if used - known:
            raise ValueError(f"the schema has types that are not known here: {', '.join(sorted(used - known))}")

    def read(self, content: bytes) -> dict[str, Any]:
        """The root table in `content`."""
        return self._read(self._root, Table(content, encode.Get(packer.uoffset, content, 0)))

    def write(self, root: dict[str, Any], builder: flatbuffers.Builder, identifier: bytes) -> bytes:
        """A buffer with `root` as its root table."""
        builder.Finish(self._write(self._root, root, builder), file_identifier=identifier)
        return bytes(builder.Output())

    def _read(self, name: str, table: Table) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for field in self._tables[name]:
            place = _place(table, field.slot)
            if place is None:
                continue
            if field.type in self._unions:
                tag = table.Get(number_types.Uint8Flags, _place(table, field.slot - 1))
                member = self._unions[field.type][tag - 1]
                values[field.name] = tag, self._read(member, Table(table.Bytes, table.Indirect(place)))
            elif field.type.startswith("["):
                values[field.name] = self._read_vector(field.type[1:-1], table, place - table.Pos)
            else:
                values[field.name] = self._read_one(field.type, table, place)
        return values

    def _read_vector(self, kind: str, table: Table, offset: int) -> list[Any]:
        start, count = table.Vector(offset), table.VectorLen(offset)
        size = _NUMBERS[kind].bytewidth if kind in _NUMBERS else _OFFSET_BYTES
        return [self._read_one(kind, table, start + index * size) for index in range(count)]

    def _read_one(self, kind: str, table: Table, place: int) -> Any:
        if kind in _NUMBERS:
            return table.Get(_NUMBERS[kind], place)
        if kind == "string":
            return bytes(table.String(place))
        return self._read(kind, Table(table.Bytes, table.Indirect(place)))

    def _write(self, name: str, values: dict[str, Any], builder: flatbuffers.Builder) -> int:
        fields = self._tables[name]
        entries: list[tuple[int, Any, Any]] = []  # slot, the number's kind or None for an offset, value
        for field in fields:
            value = values.get(field.name)
            if value is None:
                continue
            if field.type in self._unions:
                tag, member = value
                entries.append((field.slot - 1, number_types.Uint8Flags, tag))
                entries.append((field.slot, None, self._write(self._unions[field.type][tag - 1], member, builder)))
            elif field.type in _NUMBERS:
                entries.append((field.slot, _NUMBERS[field.type], value))
            else:
                entries.append((field.slot, None, self._write_apart(field.type, value, builder)))
        builder.StartObject(fields[-1].slot + 1)
        for slot, kind, value in entries:
            if kind is None:
                builder.PrependUOffsetTRelativeSlot(slot, value, 0)
            else:
                builder.PrependSlot(kind, slot, value, None)
        return int(builder.EndObject())

    def _write_apart(self, kind: str, value: Any, builder: flatbuffers.Builder) -> int:
        """What a table only refers to: a string, a vector or another table."""
        if kind == "string":
            return int(builder.CreateString(value))
        if not kind.startswith("["):
            return self._write(kind, value, builder)
        kind = kind[1:-1]
        if kind in _NUMBERS:
            size = _NUMBERS[kind].bytewidth
            builder.StartVector(size, len(value), size)
            for number in reversed(value):
                builder.Prepend(_NUMBERS[kind], number)
        else:
            places = [self._write_apart(kind, each, builder) for each in value]
            builder.StartVector(_OFFSET_BYTES, len(places), _OFFSET_BYTES)
            for place in reversed(places):
                builder.PrependUOffsetTRelative(place)
        return int(builder.EndVector())


def _place(table: Table, slot: int) -> int | None:
    """Where a field's value is in the buffer; None if it is not written."""
    offset = table.Offset(4 + 2 * slot)
    return offset + table.Pos if offset else None
