"""What is being done fits the terminal: a table where there is room, else a line for each artifact at work."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest
from terminal import assert_fits, assert_whole, in_terminal, shown

from edge_export.cli.progress import short, shown_progress, view

ROOT = Path(__file__).resolve().parents[2]
LABELS = ["executorch-xnnpack-fp32", "tflite-builtin-fp32"]
MANY = [*LABELS, "executorch-xnnpack-int8", "coreml-mlprogram-fp16"]


def states(count: int) -> dict[str, dict[str, str]]:
    names = [f"w0.{index:02}to1.0-1a2b3c4d" for index in range(count)]
    return {
        name: {
            "member": ("proven", "extract, calibrate, bake", "stage extracted: SNR 3.0 dB is below 90 dB; …")[
                index % 3
            ],
            LABELS[0]: ("passed", "compile static_per_tensor", "error")[index % 3],
            LABELS[1]: "waiting",
        }
        for index, name in enumerate(names)
    }


@pytest.mark.parametrize(("labels", "width"), [(LABELS, 80), (LABELS, 140), (MANY, 140)])
def test_a_table_where_it_fits(labels, width):
    now = states(6)
    text = shown(width, lambda console: console.print(view(now, labels, width, 40)))
    assert_fits(text, width)
    assert_whole(text, [*now, *labels, "proven", "extract", "failed", "passed", "compile", "error", "waiting"])


@pytest.mark.parametrize(("labels", "count", "width"), [(MANY, 6, 80), (LABELS, 60, 80), (LABELS, 6, 60)])
def test_a_line_for_each_at_work_where_it_does_not(labels, count, width):
    now = states(count)
    text = shown(width, lambda console: console.print(view(now, labels, width, 10)))
    assert_fits(text, width)
    lines = text.splitlines()
    busy = [name for index, name in enumerate(now) if index % 3 == 1]
    running = [f"{name}  {what}" for name in busy for what in ("member: extract", f"{LABELS[0]}: compile")]
    if len(running) <= 10:
        assert lines == running
    else:
        assert lines == [*running[:9], f"and {len(running) - 9} more"]


@pytest.mark.parametrize(
    ("state", "shows"),
    [
        ("waiting", "waiting"),
        ("unverified", "unverified"),
        ("extract, calibrate, bake", "extract"),
        ("compile static_per_tensor", "compile"),
        ("look inside its stages", "look inside"),
        ("static failed: SNR 3.0 dB", "static"),
        ("stage baked: SNR 3.0 dB is below 90 dB", "failed"),
    ],
)
def test_short_states(state, shows):
    assert short(state) == shows


def test_lines_where_there_is_no_terminal(capsys):
    with shown_progress(LABELS, "building") as told:
        told("w0.5", "member", "waiting")
        told("w0.5", LABELS[0], "compile static_per_tensor")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(f" s  w0.5  {LABELS[0]}: compile static_per_tensor")


def test_verify_in_a_real_terminal(small_bundle, tmp_path):
    command = [sys.executable, "-m", "edge_export", "verify", str(small_bundle)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "EDGE_EXPORT_CACHE": str(tmp_path)}
    code, text = in_terminal(command, 80, tmp_path, environment)
    assert code == 0, text
    assert_fits(text, 80)
    assert_whole(text, ["verifying", *LABELS, "extract", "proven", "everything passed"])


def test_each_line_is_one_write(monkeypatch):
    """Members report from threads of their own: lines that are written in pieces would mix."""
    writes = []

    class Stream(io.StringIO):
        def write(self, text):
            writes.append(text)
            return len(text)

    monkeypatch.setattr("sys.stderr", Stream())
    with shown_progress(LABELS, "building") as report:
        report("d1w1", "member", "bake")
        report("d2w2", "member", "waiting")
        report("d2w2", "member", "proven")
    assert [text.split("s  ", 1)[1] for text in writes] == ["d1w1  member: bake\n", "d2w2  member: proven\n"]
