"""A package without equal constants holds less and computes the same."""

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
    """A package as coremltools writes it, and one without equal constants."""
    from edge_export.formats.coreml.equal_constants import merge
    from edge_export.formats.coreml.normalize import normalize

    original = Path(reduced.compiled(reduced.DIGITS, "coreml", "fp16")["path"])
    shutil.copytree(original, tmp_path / "merged.mlpackage")
    merge(tmp_path / "merged.mlpackage")
    normalize(tmp_path / "merged.mlpackage")
    return original, tmp_path / "merged.mlpackage"


def block(package: Path) -> Any:
    from edge_export.formats.coreml.compile import reopen

    (block,) = reopen(package).mlProgram.functions["main"].block_specializations.values()
    return block


def test_it_computes_the_same_in_fewer_bytes(packages: tuple[Path, Path], tmp_path: Path) -> None:
    original, merged = packages
    assert reduced.size(str(merged)) < 0.9 * reduced.size(str(original))
    done = reduced.compiled(reduced.DIGITS, "coreml", "fp16")
    outputs = reduced.run(reduced.DIGITS, done | {"path": str(merged)}, tmp_path)
    assert np.array_equal(outputs["logits"], reduced.run(reduced.DIGITS, done, tmp_path)["logits"])


def test_operators_and_names_are_the_same_and_each_constant_is_there_once(packages: tuple[Path, Path]) -> None:
    before, after = map(block, packages)
    real = [
        [(o.type, [v.name for v in o.outputs]) for o in each.operations if o.type != "const"]
        for each in (before, after)
    ]
    assert real[0] == real[1]
    constants = [
        [o.attributes["val"].SerializeToString(deterministic=True) for o in each.operations if o.type == "const"]
        for each in (before, after)
    ]
    assert len(constants[0]) > len(set(constants[0])) == len(constants[1])
    assert set(constants[0]) == set(constants[1])


def test_an_output_that_is_a_constant_stays() -> None:
    from coremltools.proto import MIL_pb2

    from edge_export.formats.coreml.equal_constants import merge_in

    def constant(name: str) -> Any:
        operation = MIL_pb2.Operation(type="const")
        operation.outputs.add(name=name)
        operation.attributes["val"].immediateValue.tensor.floats.values[:] = [1.0]
        return operation

    reader = MIL_pb2.Operation(type="identity")
    reader.inputs["x"].arguments.add(name="b")
    block = MIL_pb2.Block(operations=[*map(constant, ("a", "b", "c")), reader], outputs=["c"])
    merge_in(block)
    assert [output.name for operation in block.operations for output in operation.outputs] == ["a", "c"]
    assert block.operations[-1].inputs["x"].arguments[0].name == "a"
    assert list(block.outputs) == ["c"]
