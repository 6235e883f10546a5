"""Broken packages are refused with a ValueError that says why."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import coremltools as ct
import numpy as np
import pytest
from coremltools.converters.mil import Builder as mb
from coremltools.proto import Model_pb2

from edge_export.mothers.protocol import IOSpec, TensorSpec
from edge_export.runtimes.mil import runtime

IO = IOSpec((TensorSpec("x", (1, 3, 6, 5)),), (TensorSpec("y", (1, 8, 4, 3)),))
WEIGHTS = np.random.default_rng(0).standard_normal((8, 3, 3, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of one convolution."""

    @mb.program(input_specs=[mb.TensorSpec((1, 3, 6, 5))], opset_version=ct.target.iOS17)
    def program(x: Any) -> Any:
        return mb.relu(x=mb.conv(x=x, weight=WEIGHTS, bias=WEIGHTS[:, 0, 0, 0]), name="y")

    path = tmp_path_factory.mktemp("mil") / "whole.mlpackage"
    model = ct.convert(
        program,
        convert_to="mlprogram",
        minimum_deployment_target=ct.target.iOS17,
        compute_precision=ct.precision.FLOAT32,
        skip_model_load=True,
    )
    model.save(str(path))
    return path


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "copy.mlpackage"))


def model_file(package: Path) -> Path:
    return package / "Data" / "com.apple.CoreML" / "model.mlmodel"


def weight_file(package: Path) -> Path:
    return package / "Data" / "com.apple.CoreML" / "weights" / "weight.bin"


def overwrite(path: Path, at: int, data: bytes) -> None:
    content = bytearray(path.read_bytes())
    content[at : at + len(data)] = data
    path.write_bytes(content)


def change(package: Path, edit: Callable[[Any, Any], object]) -> None:
    """Edits the specification and the main block."""
    spec = Model_pb2.Model()
    spec.ParseFromString(model_file(package).read_bytes())
    edit(spec, spec.mlProgram.functions["main"].block_specializations["CoreML7"])
    model_file(package).write_bytes(spec.SerializeToString())


def operation(block: Any, kind: str) -> Any:
    return next(entry for entry in block.operations if entry.type == kind)


def blob(block: Any) -> Any:
    values = (entry.attributes["val"] for entry in block.operations if entry.type == "const")
    return next(value for value in values if value.WhichOneof("value") == "blobFileValue")


def in_manifest(**entries: object) -> Callable[[Path], None]:
    def damage(package: Path) -> None:
        path = package / "Manifest.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | entries))

    return damage


def move(package: Path, place: str) -> None:
    path = package / "Manifest.json"
    manifest = json.loads(path.read_text())
    manifest["itemInfoEntries"][manifest["rootModelIdentifier"]]["path"] = place
    path.write_text(json.dumps(manifest))


def edited(edit: Callable[[Any, Any], object]) -> Callable[[Path], None]:
    return lambda package: change(package, edit)


def in_weights(at: int, data: bytes) -> Callable[[Path], None]:
    return lambda package: overwrite(weight_file(package), at, data)


def number(value: int) -> bytes:
    return value.to_bytes(8, "little")


DAMAGE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no manifest": (lambda p: (p / "Manifest.json").unlink(), "Manifest.json cannot be read"),
    "manifest is no JSON": (lambda p: (p / "Manifest.json").write_text("{"), "names no model"),
    "manifest names nothing": (in_manifest(rootModelIdentifier="x"), "names no model"),
    "model outside": (lambda p: move(p, "../../elsewhere"), "leads out of the package"),
    "model anywhere": (lambda p: move(p, "/etc/passwd"), "leads out of the package"),
    "no model": (lambda p: model_file(p).unlink(), "model file cannot be read"),
    "model is noise": (lambda p: model_file(p).write_bytes(b"\xff" * 99), "cannot be decoded"),
    "model is empty": (lambda p: model_file(p).write_bytes(b""), "holds no ML program, but nothing"),
    "model is truncated": (lambda p: model_file(p).write_bytes(model_file(p).read_bytes()[:700]), "cannot be decoded"),
    "another kind of model": (edited(lambda s, b: s.identity.SetInParent()), "holds no ML program, but identity"),
    "no weights": (lambda p: weight_file(p).unlink(), "weight file weight.bin cannot be read"),
    "weights without header": (lambda p: weight_file(p).write_bytes(b"\x02"), "1 bytes, too few"),
    "weights of another version": (in_weights(4, b"\x01"), "storage version 1, not 2"),
    "weights truncated": (lambda p: weight_file(p).write_bytes(weight_file(p).read_bytes()[:-4]), "864 bytes at 128"),
    "wrong sentinel": (in_weights(64, b"\0"), "no blob at offset 64"),
    "wrong type": (in_weights(68, b"\x01"), "is of type 1, but is declared as fp32"),
    "too long": (in_weights(72, number(2**40)), "1099511627776 bytes at 128"),
    "too short": (in_weights(72, number(860)), "216 elements of fp32 take 864 bytes, but there are 860"),
    "data outside": (in_weights(80, number(2**63)), "the blob at offset 64 has 864 bytes"),
    "data not aligned": (in_weights(80, number(129)), "the blob at offset 64"),
    "padded": (in_weights(88, number(3)), "padded by 3 bits"),
    "blob nowhere": (edited(lambda s, b: setattr(blob(b).blobFileValue, "offset", 2**40)), "no blob can be at offset"),
    "blob not aligned": (edited(lambda s, b: setattr(blob(b).blobFileValue, "offset", 65)), "no blob can be at"),
    "weights outside": (
        edited(lambda s, b: setattr(blob(b).blobFileValue, "fileName", "@model_path/../../../secret")),
        "leads out of the package",
    ),
    "weights anywhere": (
        edited(lambda s, b: setattr(blob(b).blobFileValue, "fileName", "/etc/passwd")),
        "the weight file's name is '/etc/passwd'",
    ),
    "constant of another shape": (
        edited(lambda s, b: setattr(blob(b).type.tensorType.dimensions[0].constant, "size", 9)),
        "243 elements of fp32 take 972 bytes",
    ),
    "huge constant": (
        edited(lambda s, b: setattr(blob(b).type.tensorType.dimensions[0].constant, "size", 2**60)),
        "there are 864",
    ),
    "constant of an unknown type": (
        edited(lambda s, b: setattr(blob(b).type.tensorType, "dataType", 40)),
        "FLOAT8E4M3FN, which is not evaluated",
    ),
    "wrong rank": (edited(lambda s, b: setattr(blob(b).type.tensorType, "rank", 3)), "rank 3 has 4 dimensions"),
    "no main": (edited(lambda s, b: s.mlProgram.functions.pop("main")), "no function main"),
    "no block": (
        edited(lambda s, b: setattr(s.mlProgram.functions["main"], "opset", "CoreML9")),
        "no block for its opset CoreML9",
    ),
    "unknown operator": (edited(lambda s, b: setattr(operation(b, "relu"), "type", "relax")), "is not evaluated"),
    "unknown argument": (
        edited(lambda s, b: operation(b, "relu").inputs["z"].CopyFrom(operation(b, "relu").inputs["x"])),
        "argument z is unknown",
    ),
    "missing argument": (edited(lambda s, b: operation(b, "conv").inputs.pop("weight")), "missing 1 required"),
    "undefined name": (
        edited(lambda s, b: setattr(operation(b, "relu").inputs["x"].arguments[0], "name", "elsewhere")),
        "elsewhere is used, but not defined before",
    ),
    "defined twice": (
        edited(lambda s, b: setattr(operation(b, "relu").outputs[0], "name", "x")),
        "x is defined twice",
    ),
    "undefined output": (edited(lambda s, b: b.outputs.__setitem__(0, "z")), "z is used, but not defined before"),
    "declared shape is not its result's": (
        edited(lambda s, b: setattr(operation(b, "conv").outputs[0].type.tensorType.dimensions[3].constant, "size", 4)),
        r"returns \[1, 8, 4, 3\], but the program declares fp32 \[1, 8, 4, 4\]",
    ),
    "another input": (
        edited(lambda s, b: setattr(s.description.input[0], "name", "z")),
        "input x is called z in the file",
    ),
    "another output shape": (
        edited(lambda s, b: s.description.output[0].type.multiArrayType.shape.__setitem__(3, 9)),
        "output y is float32",
    ),
    "groups that do not fit": (
        edited(
            lambda s, b: (
                b.operations[next(i for i, o in enumerate(b.operations) if o.outputs[0].name.endswith("groups_0"))]
                .attributes["val"]
                .immediateValue.tensor.ints.values.__setitem__(0, 5)
            )
        ),
        "in 5 groups do not fit 3 channels",
    ),
}


def run(package: Path) -> np.ndarray:
    call = runtime.load(package, IO)
    return call({"x": np.linspace(-1, 1, 90, dtype=np.float32).reshape(1, 3, 6, 5)})["y"]


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_named(kind: str, copy: Path) -> None:
    damage, message = DAMAGE[kind]
    damage(copy)
    with pytest.raises(ValueError, match=message):
        run(copy)


def test_unknown_operators_and_types_are_listed(copy: Path) -> None:
    assert runtime.unsupported(copy) == []
    change(copy, lambda spec, block: setattr(operation(block, "relu"), "type", "relax"))
    assert runtime.unsupported(copy) == ["relax"]
    change(copy, lambda spec, block: setattr(operation(block, "relax").outputs[0].type.tensorType, "dataType", 40))
    assert runtime.unsupported(copy) == ["relax", "tensors of type FLOAT8E4M3FN"]


def test_any_flipped_byte_is_refused_or_evaluated(whole: Path, copy: Path) -> None:
    """A wrong byte raises a ValueError or nothing, and never another exception."""
    expected = run(whole)
    refused = 0
    rng = np.random.default_rng(0)
    for file in (model_file, weight_file):
        size = file(whole).stat().st_size
        for at in rng.choice(size, 150, replace=False):
            content = bytearray(file(whole).read_bytes())
            content[at] ^= 1 << int(rng.integers(8))
            file(copy).write_bytes(content)
            try:
                output = run(copy)
            except ValueError:
                refused += 1
            else:
                assert output.shape == expected.shape
        shutil.copy(file(whole), file(copy))
    assert refused > 50


@pytest.mark.parametrize("kept", [0.0, 0.2, 0.5, 0.8, 0.99])
@pytest.mark.parametrize("file", [model_file, weight_file])
def test_a_truncated_file_is_refused(file: Callable[[Path], Path], kept: float, copy: Path) -> None:
    data = file(copy).read_bytes()
    file(copy).write_bytes(data[: int(kept * len(data))])
    with pytest.raises(ValueError, match=r"file|blob|program"):
        run(copy)


def test_one_changed_weight_changes_the_result(whole: Path, copy: Path) -> None:
    overwrite(weight_file(copy), 128, np.float32(WEIGHTS[0, 0, 0, 0] * 1.01).tobytes())
    before, after = run(whole), run(copy)
    assert (before[0, 0] != after[0, 0]).any()
    np.testing.assert_array_equal(before[0, 1:], after[0, 1:])


def test_float16_is_rounded_after_every_operator(tmp_path: Path) -> None:
    """(x + 2048) - 2048 loses the bits that float16 does not have."""

    @mb.program(input_specs=[mb.TensorSpec((1, 4))], opset_version=ct.target.iOS17)
    def program(x: Any) -> Any:
        return mb.sub(x=mb.add(x=x, y=np.float32(2048)), y=np.float32(2048), name="y")

    model = ct.convert(
        program,
        convert_to="mlprogram",
        minimum_deployment_target=ct.target.iOS17,
        outputs=[ct.TensorType("y", dtype=np.float32)],
        compute_precision=ct.precision.FLOAT16,
        skip_model_load=True,
    )
    model.save(str(tmp_path / "sum.mlpackage"))
    io = IOSpec((TensorSpec("x", (1, 4)),), (TensorSpec("y", (1, 4)),))
    output = runtime.load(tmp_path / "sum.mlpackage", io)({"x": np.array([[0.4, 1.0, 3.1, 70000]], np.float32)})["y"]
    np.testing.assert_array_equal(output, [[0, 0, 4, np.inf]])
