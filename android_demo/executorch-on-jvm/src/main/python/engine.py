"""Runs one `.pte` file in ExecuTorch for Python, for a JVM at the other end of the pipe.

    python engine.py FILE THREADS

All numbers are big-endian and of 32 bits. A message is a status, and what goes with it: 0 and tensors, or an error's
number and a line of UTF-8. The first answer says whether the file was loaded: it has no tensors. Then each message on
standard input is a call, and is answered. Tensors are their count, and for each its scalar type in ExecuTorch's
numbers, its rank, its sizes, and its bytes, little-endian.
"""

from __future__ import annotations

import math
import os
import re
import struct
import sys

import torch
from executorch.extension.pybindings import _portable_lib

TYPES = {3: torch.int32, 4: torch.int64, 6: torch.float32}
NUMBERS = {dtype: number for number, dtype in TYPES.items()}
INTERNAL = 1
"""ExecuTorch's Error::Internal."""


def main(path: str, threads: int) -> None:
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no answer
    torch.set_num_threads(threads)
    _portable_lib._unsafe_reset_threadpool(threads)
    try:
        verification = _portable_lib.Verification.InternalConsistency
        program = _portable_lib._load_program(path, program_verification=verification)
        method = program.load_method("forward")
    except RuntimeError as error:
        answers.write(failure(error))
        answers.flush()
        return
    answers.write(success([]))
    answers.flush()
    while count := sys.stdin.buffer.read(4):
        inputs = [read_tensor() for _ in range(struct.unpack(">i", count)[0])]
        try:
            answers.write(success(method(inputs)))
        except RuntimeError as error:
            answers.write(failure(error))
        answers.flush()


def read_tensor() -> torch.Tensor:
    dtype = TYPES[read_number()]
    shape = [read_number() for _ in range(read_number())]
    content = bytearray(sys.stdin.buffer.read(math.prod(shape) * dtype.itemsize))
    return torch.frombuffer(content, dtype=dtype).reshape(shape)


def read_number() -> int:
    return struct.unpack(">i", sys.stdin.buffer.read(4))[0]


def success(tensors: list[torch.Tensor]) -> bytes:
    parts = [struct.pack(">ii", 0, len(tensors))]
    for tensor in tensors:
        parts.append(struct.pack(f">{2 + tensor.dim()}i", NUMBERS[tensor.dtype], tensor.dim(), *tensor.shape))
        parts.append(tensor.contiguous().numpy().tobytes())
    return b"".join(parts)


def failure(error: RuntimeError) -> bytes:
    number = re.search(r"\b0x([0-9a-fA-F]+)", str(error))
    line = " ".join(str(error).split()).encode()
    return struct.pack(">ii", int(number[1], 16) if number else INTERNAL, len(line)) + line


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
