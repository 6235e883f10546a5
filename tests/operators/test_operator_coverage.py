"""The benchmark on torch's own lists: what it chooses, how it counts, and that it goes on where it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.operators.chosen import Case
from benchmarks.operators.judge import LOOSEST, ConvertRequest, JudgeRequest, convert, judge, limits
from benchmarks.operators.prepare import OUTPUTS, WIDE, write
from benchmarks.operators.records import ROOT, Record, append, read
from benchmarks.operators.run import ENTRY, Plan, current_keys, run
from benchmarks.operators.table import left_out, missed, summary
from benchmarks.operators.ways import OURS
from edge_export.baking.export import export_program
from edge_export.files.arrays import load_arrays, save_arrays
from edge_export.spec.agreement import agreement

NOT_CHOSEN = {
    "op fft.fft": "complex numbers",
    "op nn.functional.mse_loss": "for training",
    "op masked_select": "shapes depend on values",
    "op uniform": "writes into its inputs",
}


def test_an_operator_goes_all_ways_and_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    only = f"^(op clamp_max|{'|'.join(NOT_CHOSEN)})$"
    plan = Plan(("coreml",), only, (1, 1), 1, 300.0, tmp_path, current_keys(1))
    run(plan, print)
    found = read(tmp_path, plan.keys.values())
    assert {r.case: r.reason for r in found if r.way == ENTRY} == {**NOT_CHOSEN, "op clamp_max": "op clamp_max 1"}
    outcomes = {r.way: (r.case, r.outcome) for r in found if r.format == "coreml"}
    assert outcomes == {
        OURS: ("op clamp_max 1", "right"),
        "coremltools": ("op clamp_max 1", "right"),
        "coremltools, traced": ("op clamp_max 1", "none"),  # "Rank-0 is unsupported"
    }
    lines = plan.lines.read_text()
    run(plan, print)
    assert plan.lines.read_text() == lines


class Doubled(torch.nn.Module):
    def __init__(self, factor: float = 2.0) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (x * self.factor,)


def case_of(network: torch.nn.Module) -> Case:
    inputs = tuple((torch.randn(3, 4),) for _ in range(2))
    program = export_program(network, inputs[0])
    wide = tuple(network(each.double()) for (each,) in inputs)
    return Case("made up 0", network, program, inputs, tuple(network(*each) for each in inputs), wide)


def test_a_wrong_file_is_counted_as_wrong(tmp_path: Path) -> None:
    right, wrong = tmp_path / "right", tmp_path / "wrong"
    write(case_of(Doubled()), right)
    write(case_of(Doubled(2.001)), wrong)
    file = tmp_path / "planted.mlpackage"
    convert(ConvertRequest(case=wrong, way="coremltools", file=file))
    assert judge(JudgeRequest(case=wrong, format="coreml", file=file)).outcome == "right"
    judged = judge(JudgeRequest(case=right, format="coreml", file=file))
    assert judged.outcome == "wrong"
    assert "SNR 66" in judged.reason
    # right on the sample, wrong on the other call
    outputs = load_arrays(wrong / OUTPUTS)
    save_arrays(wrong / OUTPUTS, outputs | {"1.0": outputs["1.0"] + 0.1})
    assert judge(JudgeRequest(case=wrong, format="coreml", file=file)).outcome == "wrong"
    # of another shape
    save_arrays(right / OUTPUTS, {name: array[:2] for name, array in outputs.items()})
    save_arrays(right / WIDE, {name: array[:2] for name, array in outputs.items()})
    assert judge(JudgeRequest(case=right, format="coreml", file=file)).reason == "an output is [3, 4], not [2, 4]"


def test_a_networks_own_rounding_loosens_its_limits_only() -> None:
    exact = np.random.default_rng(0).standard_normal(1000)
    fine, coarse = limits(agreement(exact, exact.astype(np.float32))), limits(agreement(exact, exact + 1e-3))
    assert (fine.snr_db, fine.max_abs_of_peak) == (90, 1e-4)
    assert 40 < coarse.snr_db < 60
    assert 1e-3 < coarse.max_abs_of_peak < 4e-3
    assert limits(agreement(exact, -exact)) == LOOSEST


def test_tables_count_each_outcome_and_name_what_only_others_get_right(tmp_path: Path) -> None:
    lines = [
        Record("op a", "", ENTRY, "k", "cases", "op a 0; op a 1"),
        Record("op b", "", ENTRY, "k", "left out", "random"),
        Record("op a 0", "tflite", OURS, "k", "right"),
        Record("op a 0", "tflite", "onnx2tf", "k", "wrong"),
        Record("op a 0", "tflite", "onnx2tf", "k", "right"),  # the later line counts
        Record("op a 1", "tflite", OURS, "k", "none", "no such operator"),
        Record("op a 1", "tflite", "onnx2tf", "k", "right"),
        Record("op a 2", "tflite", OURS, "another key", "wrong"),
    ]
    for line in lines:
        append(tmp_path / "shard-1-of-1.jsonl", line)
    with (tmp_path / "shard-1-of-1.jsonl").open("a") as file:
        file.write('{"case": "op a 3", "for')  # killed while it wrote
    found = read(tmp_path, ["k"])
    assert summary(found).splitlines()[2:] == [
        "| `tflite` | edge_export | 1 | 0 | 1 | 0 | 1 of 2, 50.0 % |",
        "| `tflite` | onnx2tf | 2 | 0 | 0 | 0 |  |",
    ]
    assert left_out(found).splitlines()[2:] == ["| with cases | 1 |", "| random | 1 |"]
    assert missed(found) == "- `tflite` op a 1 (onnx2tf): none, no such operator"
