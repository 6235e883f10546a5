"""A compact package holds less and computes the same."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reduced_members as reduced

pytestmark = pytest.mark.slow


@pytest.fixture
def packages(tmp_path: Path) -> tuple[Path, Path]:
    """A package as it is otherwise, and compact."""
    from edge_export.formats.coreml.compact import compact
    from edge_export.formats.coreml.normalize import normalize

    original = Path(reduced.compiled(reduced.DIGITS, "coreml", "fp16")["path"])
    shutil.copytree(original, tmp_path / "compact.mlpackage")
    compact(tmp_path / "compact.mlpackage", short_names=True)
    normalize(tmp_path / "compact.mlpackage")
    return original, tmp_path / "compact.mlpackage"


def block(package: Path) -> Any:
    from edge_export.formats.coreml.compile import reopen

    (block,) = reopen(package).mlProgram.functions["main"].block_specializations.values()
    return block


def test_it_computes_the_same_in_fewer_bytes(packages: tuple[Path, Path], tmp_path: Path) -> None:
    original, small = packages
    assert reduced.size(str(small)) < 0.75 * reduced.size(str(original))
    done = reduced.compiled(reduced.DIGITS, "coreml", "fp16")
    outputs = reduced.run(reduced.DIGITS, done | {"path": str(small)}, tmp_path)
    assert np.array_equal(outputs["logits"], reduced.run(reduced.DIGITS, done, tmp_path)["logits"])


def test_its_operators_are_the_same_and_equal_constants_are_one(packages: tuple[Path, Path]) -> None:
    before, after = map(block, packages)
    real = [[operation.type for operation in each.operations if operation.type != "const"] for each in (before, after)]
    assert real[0] == real[1]
    constants = [
        o.attributes["val"].SerializeToString(deterministic=True) for o in after.operations if o.type == "const"
    ]
    assert len(constants) == len(set(constants)) < 60
    assert list(after.outputs) == ["logits"]
    names = [output.name for operation in after.operations for output in operation.outputs]
    assert len(names) == len(set(names))
    assert max(len(name) for name in names if name != "logits") <= 2


def test_small_constants_move_into_the_program(packages: tuple[Path, Path]) -> None:
    _, small = packages
    values = [value for operation in block(small).operations for value in operation.attributes.values()]
    blobs = [value for value in values if value.WhichOneof("value") == "blobFileValue"]
    sizes = [2 * np.prod([d.constant.size for d in value.type.tensorType.dimensions]) for value in blobs]
    assert len(blobs) > 5
    assert min(sizes) > 512
