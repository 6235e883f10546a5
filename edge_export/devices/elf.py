"""What a shared library of 64-bit Linux or Android asks of others, out of its ELF file."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_DYNSYM, _WEAK = 11, 2


@dataclass(frozen=True)
class SharedLibrary:
    """A shared library.

    Attributes:
        machine: The number of its processor: 62 is x86_64, 183 is arm64.
        needs: The names of the functions and variables that others must have. Weak ones may be missing.
    """

    machine: int
    needs: frozenset[str]


def read_library(content: bytes) -> SharedLibrary:
    """Reads a shared library. Raises ValueError if it is none, is not 64-bit and little-endian, or is cut short."""
    if content[:6] != b"\x7fELF\x02\x01":
        raise ValueError("it is not a 64-bit ELF file")
    try:
        machine, sections = struct.unpack_from("<H", content, 18)[0], _sections(content)
        kinds = [section[1] for section in sections]
        if _DYNSYM not in kinds:
            raise ValueError("it has no table of symbols")
        _, _, _, _, offset, size, link, _, _, _ = sections[kinds.index(_DYNSYM)]
        names_at = sections[link][4]
        needs = set()
        for at in range(offset + _SYMBOL.size, offset + size, _SYMBOL.size):
            name, info, _, section, _, _ = _SYMBOL.unpack_from(content, at)
            if section == 0 and info >> 4 != _WEAK:
                start = names_at + name
                needs.add(content[start : content.index(b"\0", start)].decode("ascii"))
    except (struct.error, IndexError, ValueError) as error:
        raise ValueError(f"it is not a whole shared library ({error})") from error
    return SharedLibrary(machine, frozenset(needs))


def _sections(content: bytes) -> list[tuple[int, ...]]:
    (offset,) = struct.unpack_from("<Q", content, 40)
    size, count = struct.unpack_from("<HH", content, 58)
    if size != _SECTION.size:
        raise ValueError("its sections have an unknown size")
    return [_SECTION.unpack_from(content, offset + index * size) for index in range(count)]
