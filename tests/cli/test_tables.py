"""Tables of every verb at 80, 100 and 140 columns, and piped: each name, status and number that is shown is whole."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from terminal import assert_fits, assert_whole, in_terminal, shown

from edge_export.bisect.values import Bisection, Row
from edge_export.bundle.folder import read_bundle
from edge_export.bundle.manifest import Manifest
from edge_export.bundle.numerics import Numerics
from edge_export.cli import bisect, doctor, inspect, tables, train
from edge_export.cli.family_table import print_artifacts, print_stages
from edge_export.doctor import Check
from edge_export.formats.contents import Contents, Delegate
from edge_export.spec.tensors import TensorSpec
from edge_export.training.train import TrainingReport

ROOT = Path(__file__).resolve().parents[2]
WIDTHS = (80, 100, 140)
FAMILY = ["params", "MACs", "scheme", "bytes", "runtime", "SNR dB", "max error", "top1", "lost"]
LABELS = {
    "executorch-xnnpack-int8": ("executorch", "static_per_tensor", "ExecuTorch 1.4.1", "passed"),
    "coreml-mlprogram-fp16": ("coreml", "", "MIL evaluator", "unverified"),
}


@pytest.fixture(scope="module")
def small(small_bundle) -> tuple[Manifest, Numerics]:
    bundle = read_bundle(small_bundle)
    return bundle.manifest, bundle.numerics


@pytest.fixture(scope="module")
def large(small) -> tuple[Manifest, Numerics]:
    """Sixteen members with long names, each with four artifacts; one of them ran in two runtimes."""
    manifest, numerics = small
    member, numbers = manifest.members[0], numerics.members[0]
    artifacts, runs = list(member.artifacts), list(numbers.runs)
    for label, (format_name, scheme, runtime, verdict) in LABELS.items():
        _, backend, precision = label.split("-")
        names = {"format": format_name, "backend": backend, "precision": precision}
        artifacts.append(artifacts[0].model_copy(update={**names, "scheme": scheme}))
        reason = f"{runtime} does not support the operators {', '.join(f'made_up_operator_{i}' for i in range(20))}"
        update = {"artifact": label, "runtime": runtime, "verdict": verdict, "reason": reason}
        runs.append(runs[0].model_copy(update=update))
    tflite = next(run for run in runs if run.artifact.startswith("tflite"))
    runs.append(tflite.model_copy(update={"runtime": "TensorFlow 2.21.0"}))
    names = [f"w0.{index:02}to1.0-1a2b3c4d" for index in range(16)]
    update = {"artifacts": tuple(artifacts)}
    members = tuple(member.model_copy(update={"name": name, **update}) for name in names)
    proven = tuple(numbers.model_copy(update={"name": name, "runs": tuple(runs)}) for name in names)
    return manifest.model_copy(update={"members": members}), numerics.model_copy(update={"members": proven})


def piped(capsys, show) -> str:
    show(tables.console())
    return capsys.readouterr().out


@pytest.mark.parametrize("width", WIDTHS)
def test_a_family(width, small):
    manifest, numerics = small
    seconds = {("w0.25", f"{run.artifact} compile"): 12.3 for run in numerics.members[0].runs}
    for timed, more in ((None, []), (seconds, ["seconds"])):
        text = shown(width, lambda console, timed=timed: print_artifacts(console, manifest, numerics, timed))
        assert_fits(text, width)
        kept = FAMILY + more if width == 140 else ["bytes", "SNR dB"]
        assert_whole(text, ["member", "artifact", "status", "w0.25", "passed", *kept])
        for run, artifact in zip(numerics.members[0].runs, manifest.members[0].artifacts, strict=True):
            assert_whole(text, [run.artifact, tables.size(artifact.file.bytes), f"{run.agreement.snr_db:.1f}"])
        assert ("not shown in" in text) == (width < 140)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_large_family(width, large):
    manifest, numerics = large
    text = shown(width, lambda console: print_artifacts(console, manifest, numerics))
    assert_fits(text, width)
    labels = [artifact.label for artifact in manifest.members[0].artifacts]
    runtimes = ["TensorFlow 2.21.0", "LiteRT 2.1.2"] if width > 80 else []
    assert_whole(text, [*labels, *(m.name for m in manifest.members), "passed", "unverified", *runtimes])
    assert_whole(text, [f"made_up_operator_{i}," for i in range(19)])


@pytest.mark.parametrize("width", WIDTHS)
def test_stages(width, small, large):
    for manifest, numerics in (small, large):
        text = shown(width, lambda console, m=manifest, n=numerics: print_stages(console, m, n))
        assert_fits(text, width)
        stages = numerics.members[0].stages
        assert_whole(
            text, [*(m.name for m in manifest.members), *(s.name for s in stages), "not folded", "folded layers"]
        )
        assert_whole(text, [tables.snr(stage.agreement) for stage in stages])
        assert "not shown" not in text


def test_semantics_by_documentation_only_are_said_once(small):
    manifest, numerics = small
    (numbers,) = numerics.members
    assert "documentation" not in shown(140, lambda console: print_artifacts(console, manifest, numerics))
    runs = tuple(run.model_copy(update={"by_documentation": ("pow", "topk")}) for run in numbers.runs)
    marked = numerics.model_copy(update={"members": (numbers.model_copy(update={"runs": runs}),)})
    text = shown(140, lambda console: print_artifacts(console, manifest, marked))
    (line,) = (line for line in text.splitlines() if "documentation" in line)
    rest = f" and {len(runs) - 1} more" if len(runs) > 1 else ""
    assert line.strip() == f"w0.25/{runs[0].artifact}{rest}: semantics by documentation only: pow, topk"


def test_trained_statistics_are_said(small):
    manifest, numerics = small
    (member,) = manifest.members
    assert "trained" not in shown(140, lambda console: print_stages(console, manifest, numerics))
    kept = manifest.model_copy(update={"members": (member.model_copy(update={"calibration_batches": 0}),)})
    text = shown(140, lambda console: print_stages(console, kept, numerics))
    assert next(line for line in text.splitlines() if line.startswith("statistics")).split() == [
        "statistics",
        "trained",
    ]


def test_piped_families_have_every_column(capsys, large):
    manifest, numerics = large
    text = piped(capsys, lambda console: print_artifacts(console, manifest, numerics, {}))
    assert_whole(text, [*FAMILY, "seconds", "static_per_tensor", "TensorFlow 2.21.0"])
    assert "not shown" not in text
    assert len([line for line in text.splitlines() if " passed " in line]) == 16 * 4
    stages = piped(capsys, lambda console: print_stages(console, manifest, numerics))
    assert stages.count("exported") == 1
    assert_whole(stages, [member.name for member in manifest.members])


def test_a_metric_of_a_part_of_the_recordings_is_marked(small):
    manifest, numerics = small
    whole = shown(140, lambda console: print_artifacts(console, manifest, numerics))
    assert "*" not in whole
    numbers = numerics.members[0]
    slow, *rest = numbers.runs
    metric = replace(slow.metric, mother=19.09, artifact=19.06)
    runs = (slow.model_copy(update={"metric": metric}), *rest)
    part = numerics.model_copy(update={"members": (numbers.model_copy(update={"runs": runs}), *numerics.members[1:])})
    text = shown(140, lambda console: print_artifacts(console, manifest, part))
    assert text.count("*") == 2
    (line,) = (line for line in text.splitlines() if "*19.06" in line)
    assert line.split()[-1] == "0.03"
    assert "* measured on a part of the recordings, and so is what it lost" in text


CONTENTS = Contents(
    format="executorch",
    bytes=123456,
    weight_bytes=100000,
    inputs=(TensorSpec("image", (1, 32, 32, 1), layout="NHWC", unit="pixels"),),
    outputs=(TensorSpec("", (1, 10)),),
    operators={"executorch_prim::a_long_operator_name.with_an_overload_of_60": 12345},
    delegates=(Delegate("XnnpackBackend", count=2, bytes=99000, operators={"XNNConv2d": 17}),),
)


@pytest.mark.parametrize("width", [*WIDTHS, None])
def test_operators(width, capsys, monkeypatch):
    text = _on(monkeypatch, capsys, width, lambda: inspect._print_contents(Path("model.pte"), CONTENTS))
    operator = next(iter(CONTENTS.operators))
    assert_whole(text, ["XNNConv2d", "17", operator, "12345", "not delegated", "XnnpackBackend × 2, 99.0 kB"])


ROWS = tuple(
    Row(
        "CONV_2D",
        f"conv2d_{i};batch_norm_{i}/FusedBatchNormV3",
        f"conv2d_{i}",
        f"features.{i}.body.0",
        131.0 - i,
        1e-6,
        s,
    )
    for i, s in enumerate(("agrees", "agrees", "diverges", "no counterpart"))
)


@pytest.mark.parametrize("width", [*WIDTHS, None])
def test_bisected_rows(width, capsys, monkeypatch):
    found = Bisection("tflite-builtin-fp32", True, ROWS, first=ROWS[2].name)
    text = _on(monkeypatch, capsys, width, lambda: bisect._print(tables.console(), "w0.25", found))
    assert_whole(text, [word for row in ROWS for word in (row.name, row.state, f"{row.snr_db:.1f}")])
    if width in (140, None):
        assert_whole(text, [word for row in ROWS for word in (row.source, row.layer, row.operator)])


CHECKS = [
    Check("converter", "executorch", "executorch 1.4.1", True, "a network of 2 layers became model.pte", "", 12.34),
    Check("runtime", "MIL evaluator", "9.0", None, "not on this machine, " + "why it is not " * 12, "", 0.1),
    Check("environment", "tensorflow", "", False, "not set up", "run `edge_export doctor --setup tensorflow`", 123.4),
]


@pytest.mark.parametrize("width", [*WIDTHS, None])
def test_the_doctor(width, capsys, monkeypatch):
    text = _on(monkeypatch, capsys, width, lambda: doctor.print_checks(tables.console(), CHECKS))
    assert_whole(text, ["executorch", "MIL evaluator", "tensorflow", "works", "not here", "broken", "not set up"])
    assert text.count("why") == 12
    assert "\nfix: environment tensorflow: " in text
    if width in (140, None):
        assert_whole(text, ["kind", "version", "seconds", "123.4", "executorch 1.4.1"])


@pytest.mark.parametrize("width", [*WIDTHS, None])
def test_a_trained_mother(width, capsys, monkeypatch):
    rows = tuple(
        {"name": f"d{d}w4", "dB improvement, builtin": 4.5 + d, "dB improvement, recorded": -1.25} for d in range(3)
    )
    report = TrainingReport(Path("a.safetensors"), "0" * 64, 12345, 3, 1, (0.5,), 12.0, rows)
    text = _on(monkeypatch, capsys, width, lambda: train.print_report(report))
    assert_whole(text, ["dB improvement, builtin", "dB improvement, recorded", "d2w4", "6.50", "-1.25", "0" * 16])


def _on(monkeypatch, capsys, width, show) -> str:
    """What `show` prints on a terminal of `width` columns, or into a pipe when None."""
    if width is None:
        return piped(capsys, lambda _: show())

    def show_on(console):
        monkeypatch.setattr(tables, "console", lambda: console)
        show()

    text = shown(width, show_on)
    assert_fits(text, width)
    return text


def test_inspect_in_a_real_terminal(small_bundle, small, tmp_path):
    command = [sys.executable, "-m", "edge_export", "inspect", str(small_bundle)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "EDGE_EXPORT_CACHE": str(tmp_path)}
    code, text = in_terminal(command, 80, tmp_path, environment)
    assert code == 0, text
    assert_fits(text, 80)
    manifest, numerics = small
    assert_whole(text, ["w0.25", "passed", *(artifact.label for artifact in manifest.members[0].artifacts)])
    assert_whole(text, [f"{run.agreement.snr_db:.1f}" for run in numerics.members[0].runs])
    assert "not shown in 80 columns" in text
