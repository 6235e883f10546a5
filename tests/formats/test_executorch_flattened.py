"""A Core ML delegate's payload: ExecuTorch's own reader gets out what was put in, and what is damaged is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_export.formats.executorch.flattened import flattened, unflattened

FILES = {
    "metadata.json": b"{}",
    "model.mlpackage/Manifest.json": b"{\n}",
    "model.mlpackage/Data/com.apple.CoreML/model.mlmodel": b"program",
    "model.mlpackage/Data/com.apple.CoreML/weights/weight.bin": bytes(range(256)),
}


def test_executorch_reads_what_was_written(tmp_path: Path) -> None:
    from executorch.backends.apple.coreml import executorchcoreml

    assert executorchcoreml.unflatten_directory_contents(flattened(FILES), str(tmp_path))
    found = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {Path("lowered_module", path): content for path, content in FILES.items()}


def test_what_executorch_writes_is_read(tmp_path: Path) -> None:
    from executorch.backends.apple.coreml import executorchcoreml

    for path, content in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    assert unflattened(executorchcoreml.flatten_directory_contents(str(tmp_path))) == FILES


def test_the_order_of_files_does_not_matter() -> None:
    assert flattened(FILES) == flattened(dict(reversed(FILES.items())))
    assert unflattened(flattened(FILES)) == FILES


def described(*nodes: tuple[str, int, int, int, dict[str, int]]) -> bytes:
    """A payload of the bytes "content" and the given nodes."""
    each = [
        {"name": name, "kind": kind, "dataRegion": {"offset": offset, "size": size}, "children": children}
        for name, kind, offset, size, children in nodes
    ]
    return b"content" + json.dumps({"nodes": each})[::-1].encode()


def root(**children: int) -> tuple[str, int, int, int, dict[str, int]]:
    return ("root", 1, 0, 0, children)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "does not end with a list of its files"),
        (flattened(FILES)[:-1], "does not end with a list of its files"),
        (flattened(FILES)[2000:], "does not end with a list of its files|ends behind its last byte"),
        (b"x" + b"]" * 60000 + b"[" * 60000, "does not end with a list of its files"),
        (b"content" + b'{"nodes":[]}'[::-1], "does not end with a list of its files"),
        (described(("a", 0, -1, 7, {}), root(a=0)), "does not end with a list of its files"),
        (described(*[("a", 0, 0, 1, {})] * 200, root(a=0)), "does not end with a list of its files"),
        (described(("a", 0, 0, 8, {}), root(a=0)), "a in a Core ML delegate's payload ends behind its last byte"),
        (described(("a", 0, 0, 7, {}), root(a=1)), "wrong names or places"),
        (described(("a", 0, 0, 7, {}), root(a=-1)), "wrong names or places"),
        (described(("a", 0, 0, 7, {}), root(a=2)), "wrong names or places"),
        (described(("a", 0, 0, 7, {}), root(a=0, b=0)), "wrong names or places"),
        (described(("a", 0, 0, 7, {}), root(**{"..": 0})), "wrong names or places"),
        (described(("a", 0, 0, 7, {}), root(**{"/etc": 0})), "wrong names or places"),
        (described(("a", 0, 0, 7, {}), root(**{"é": 0})), "wrong names or places"),
    ],
)
def test_a_damaged_payload_is_refused(payload: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        unflattened(payload)
