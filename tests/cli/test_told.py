"""What a stranger brings becomes a file in every format, or the command line tells in one line why not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import pytest

from edge_export.__main__ import main
from edge_export.workers import Pool

ROOT = Path(__file__).resolve().parents[2]
TARGET = """
name = "all"
mother = "digits"
members = "1.0"
calibration_batches = 1
""" + "".join(
    f"""
[[artifacts]]
format = "{name}"
backend = "{backend}"
precision = "fp32"

[tolerances.{name}.fp32]
snr_db = 90
max_abs_of_peak = 1e-4
extremes_of_peak = 1e-3
"""
    for name, backend in (("executorch", "xnnpack"), ("tflite", "builtin"), ("coreml", "mlprogram"))
)
TARGET += """
[tolerances.member.fp32]
snr_db = 90
max_abs_of_peak = 1e-4
"""
BUILT = ("half_weights", "keyword", "other_types", "tokens", "weight_norm")
REFUSED = {
    "few_labels": r"its io has 3 labels for 5 scores of scores",
    "fractions": r"the mother returns float32 as scores, its io says int64: correct its io",
    "fails": r"RuntimeError: mat1 and mat2 shapes cannot be multiplied .* \(reproductions\.py:\d+ in <lambda>\)",
    "no_io": r"its io is a dict: make it an IOSpec",
    "no_recordings": r"its recordings\(\) returned a list: return Recordings",
    "no_size": r"its io: inputs\[0\]\.shape must be at most 8 positive integers",
    "elsewhere": r"its weights are on meta: move them to cpu",
    "leaves": r"SystemExit: no checkpoint here \(reproductions\.py:\d+ in leaves\)",
    "not_extracted": r"KeyError: 'only' \(reproductions\.py:\d+ in <lambda>\)",
    "branches": r"torch\.export cannot export .*: GuardOnDataDependent\w+: .* \(reproductions\.py:\d+ in <lambda>\)",
}
"""What is told of mothers that have no file."""
UNHELPFUL = re.compile(r"0x|\x1b|internal error|NULL|fast path|Traceback")


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    """The workers of all builds here: each imports its libraries once."""
    with Pool(1) as pool:
        yield pool


@pytest.fixture
def build(pool, tmp_path, monkeypatch, capsys):
    """A function that builds a mother of `tests/reproductions.py` by the command line; exit code, stdout, stderr."""

    @contextmanager
    def shared(request: object) -> Iterator[Pool]:
        yield pool

    monkeypatch.setattr(import_module("edge_export.pipeline.build"), "workers_for", shared)
    monkeypatch.setenv("EDGE_EXPORT_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(ROOT)
    (tmp_path / "all.toml").write_text(TARGET)

    def run(factory: str) -> tuple[int, str, str]:
        arguments = ("--target", tmp_path / "all.toml", "--mother", f"tests.reproductions:{factory}")
        code = main(["build", *map(str, arguments), "--out", str(tmp_path / "b"), "--json"])
        return code, *capsys.readouterr()

    return run


@pytest.mark.parametrize("factory", BUILT)
def test_a_right_network_has_a_file_in_every_format(factory, build):
    code, out, err = build(factory)
    (member,) = json.loads(out)["members"]
    passed = dict.fromkeys(("executorch", "tflite", "coreml"), "passed")
    assert {each["format"]: each["status"] for each in member["artifacts"]} == passed
    assert code == 0, err


@pytest.mark.parametrize("factory", REFUSED)
def test_what_has_no_file_is_told_in_one_line(factory, build, tmp_path):
    code, out, err = build(factory)
    (line,) = [line for line in err.splitlines() if line.startswith("edge_export: ")]
    assert re.search(REFUSED[factory], line)
    assert not UNHELPFUL.search(err)
    assert (code, out) == (2, "")
    assert not (tmp_path / "b").exists()
