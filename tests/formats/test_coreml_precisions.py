"""Real Core ML packages with compressed weights: how far from PyTorch, how large, and what is said about them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import reduced_members as reduced

from edge_export.formats import FORMATS
from edge_export.tasks.classification import top1
from edge_export.workers import WorkerError

pytestmark = pytest.mark.slow

SCHEMES = FORMATS["coreml"].precisions["int8"]


@pytest.mark.parametrize(
    ("member", "scheme", "least_db"),
    [
        ("streamer", "linear8", 35),
        ("streamer", "palette6", 28),
        ("streamer", "palette4", 16),
        (reduced.DIGITS, "linear8", 36),
        (reduced.DIGITS, "palette6", 25),
        ("pass_through", "linear8", 60),
        ("loud_input", "linear8", 55),
        ("loud_input", "palette6", 55),
    ],
)
def test_it_agrees_with_pytorch(member: str, scheme: str, least_db: float, tmp_path: Path) -> None:
    done = reduced.compiled(member, "coreml", "int8", scheme)
    assert all(spec.dtype == "float32" for spec in reduced.own_io(done).inputs + reduced.own_io(done).outputs)
    outputs = reduced.run(member, done, tmp_path)
    assert reduced.snr_db(member, outputs) > least_db
    if member == reduced.DIGITS:
        assert top1(outputs["logits"], reduced.labels()) > 98.5


@pytest.mark.parametrize(("scheme", "most"), [("linear8", 0.28), ("palette6", 0.22), ("palette4", 0.16)])
def test_it_is_small(scheme: str, most: float) -> None:
    assert reduced.share("streamer", "coreml", "int8", scheme) <= most


def test_weights_have_a_scale_for_each_channel() -> None:
    """Of the smallest network, too, whose scales take as much as its weights."""
    from edge_export.formats.coreml.compile import reopen

    path = Path(reduced.compiled(reduced.DIGITS, "coreml", "int8", "linear8")["path"])
    (block,) = reopen(path).mlProgram.functions["main"].block_specializations.values()
    weights = [o for o in block.operations if o.type == "constexpr_affine_dequantize"]
    assert len(weights) > 10
    for weight in weights:
        (rows, *_) = (d.constant.size for d in weight.attributes["quantized_data"].type.tensorType.dimensions)
        assert [d.constant.size for d in weight.attributes["scale"].type.tensorType.dimensions] == [rows]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_two_builds_are_byte_identical(scheme: str, tmp_path: Path) -> None:
    def digests(package: str) -> dict[str, str]:
        files = [file for file in Path(package).rglob("*") if file.is_file()]
        return {str(f.relative_to(package)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}

    first = reduced.compiled("streamer", "coreml", "int8", scheme)
    second = reduced.compile_now("streamer", "coreml", tmp_path, "int8", scheme)
    assert digests(first["path"]) == digests(second["path"])
    assert len(digests(first["path"])) == 3  # manifest, program, weights


def test_what_stayed_float_is_told() -> None:
    notes = reduced.compiled("streamer", "coreml", "int8", "linear8")["notes"]
    assert notes == [
        "inputs and outputs are float32, everything computes in float16",
        "2 constants of 1104 bytes together are stored as float16",
        "Core ML reserves the name state: it is called state_input here",
    ]


def test_an_unknown_scheme_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match=r"option scheme must be one of \('palette4', 'palette6', 'linear8'\)"):
        reduced.compile_now("streamer", "coreml", tmp_path, "int8", "palette3")
