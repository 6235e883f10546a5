"""Which runtimes there are, and that each format has one on this machine."""

from __future__ import annotations

import sys

import pytest
from isolated_environments import isolated

from edge_export.formats import FORMATS, INTERMEDIATES
from edge_export.formats.coreml import runtime as coreml
from edge_export.runtimes import runtime_of, why_unavailable


@pytest.mark.parametrize("format_name", [*FORMATS, *INTERMEDIATES])
def test_every_format_runs_here(format_name: str) -> None:
    if environment := runtime_of(format_name).environment:
        isolated(environment)
    assert why_unavailable(runtime_of(format_name)) is None


def test_core_ml_is_run_by_itself_or_by_the_evaluator() -> None:
    assert runtime_of("coreml").name == ("Core ML" if sys.platform == "darwin" else "MIL evaluator")
    if sys.platform != "darwin":
        assert coreml.available() == "Core ML runs on macOS only"


def test_a_runtime_is_named_or_the_first() -> None:
    assert runtime_of("tflite") is FORMATS["tflite"].runtimes[0]
    assert runtime_of("tflite", "TensorFlow").environment == "tensorflow"
    with pytest.raises(KeyError):
        runtime_of("gguf")
