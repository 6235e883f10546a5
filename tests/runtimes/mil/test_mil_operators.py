"""Every operator computes the same as PyTorch, on a package converted for it; on macOS also the same as Core ML."""

from __future__ import annotations

import re
from pathlib import Path

import cases_elementwise
import cases_layers
import cases_tensors
import mil_cases
import numpy as np
import pytest
from mil_cases import Case

from edge_export.runtimes.mil.registry import BUILT_IN, OPERATORS

ROOT = Path(__file__).resolve().parents[3]
CASES = [*cases_elementwise.CASES, *cases_layers.CASES, *cases_tensors.CASES]


def _parameters() -> list[object]:
    counts: dict[str, int] = {}
    result = []
    for case in CASES:
        counts[case.operator] = counts.get(case.operator, 0) + 1
        for precision in case.precisions:
            result.append(pytest.param(case, precision, id=f"{case.operator}-{counts[case.operator]}-{precision}"))
    return result


@pytest.mark.parametrize(("case", "precision"), _parameters())
def test_an_operator_gives_what_pytorch_gives(case: Case, precision: str, tmp_path: Path) -> None:
    path = mil_cases.save(case, precision, tmp_path / "one.mlpackage")
    arrays = mil_cases.inputs_of(case, precision)
    outputs, operators = mil_cases.evaluate(path, arrays)
    assert case.operator in operators
    expected = mil_cases.expected(case, arrays)
    assert [o.shape for o in outputs] == [w.shape for w in expected]
    limit = (case.snr_db or mil_cases.SNR_DB)[precision]
    for output, want in zip(outputs, expected, strict=True):
        if precision == "fp16" and output.dtype.kind == "f":
            np.testing.assert_array_equal(output, output.astype(np.float16).astype(np.float32))
        assert mil_cases.snr_db(want, output) >= limit if output.dtype.kind == "f" else (output == want).all()
    for unit, others in mil_cases.run_core_ml(path, arrays).items():
        for output, other in zip(outputs, others, strict=True):
            # Only the CPU computes in float32; the other units round more.
            assert mil_cases.snr_db(output, other) >= (60 if (unit, precision) == ("cpu", "fp32") else 40), unit


def test_every_operator_is_tested() -> None:
    assert {case.operator for case in CASES} == OPERATORS.keys() | BUILT_IN


def test_every_operator_is_documented() -> None:
    tables = (ROOT / "edge_export" / "runtimes" / "mil" / "README.md").read_text().partition("| operators |")[2]
    assert set(re.findall(r"`([a-z0-9_]+)`", tables)) - {"unverified"} == OPERATORS.keys() | BUILT_IN
