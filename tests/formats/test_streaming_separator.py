"""A small separator in every format: one delegate, and ten seconds of stream equal to the whole-file forward pass."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path

import compiled_members as members
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from edge_export.baking.bake import bake, example_inputs
from edge_export.baking.export import export_program
from edge_export.data.excerpts import open_excerpts
from edge_export.files.arrays import save_arrays
from edge_export.formats.compile_task import COMPILE, CompileRequest
from edge_export.mothers.band_split.mother import SEPARATOR, DepthWidth, ElasticBandSplit
from edge_export.runtimes.run import RUN, CompiledFile, RunRequest
from edge_export.spec.agreement import agreement
from tests.conftest import randomize_statistics

SETTINGS = dataclasses.replace(SEPARATOR, features=16, hidden=16, gate_hidden=8, bands=((2000, 500), (8000, 2000)))
SECONDS = 10


@cache
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    mother = randomize_statistics(ElasticBandSplit(SETTINGS, 2, 3))
    return mother.extract(DepthWidth(2, 3))


@cache
def compiled(format_name: str, precision: str = "fp32") -> CompiledFile:
    """The artifact, its io and the member's."""
    baked = bake(network(), (), {"frames_per_call": 2})
    folder = members.folder() / f"separator-{format_name}-{precision}"
    folder.mkdir(exist_ok=True)
    torch.export.save(export_program(baked.module, example_inputs(baked.io)), folder / "program.pt2")
    request = CompileRequest(
        format=format_name, precision=precision, program=folder / "program.pt2", io=baked.io, workdir=folder
    )
    done = members.ask(COMPILE, request, format_name)
    return CompiledFile(format=format_name, path=folder / done.file, io=done.io, member_io=baked.io)


def streamed(format_name: str, recordings: np.ndarray, folder: Path, precision: str = "fp32") -> np.ndarray:
    save_arrays(folder / "inputs.safetensors", {"audio": recordings})
    request = RunRequest(
        file=compiled(format_name, precision),
        inputs=folder / "inputs.safetensors",
        outputs=folder / "outputs.safetensors",
        stream=True,
    )
    members.ask(RUN, request, format_name)
    return load_file(request.outputs)["stems"]


def snr_db(reference: np.ndarray, result: np.ndarray) -> float:
    """Of the worst stem."""
    return min(agreement(reference[:, i], result[:, i]).snr_db for i in range(reference.shape[1]))


@pytest.mark.slow
@pytest.mark.parametrize("format_name", ["executorch", "tflite"])
def test_ten_seconds_of_music_without_drift(format_name: str, tmp_path: Path) -> None:
    audio = open_excerpts().mixtures[:2, :, : SECONDS * 16000 - 100]
    with torch.no_grad():
        reference = network()(audio).numpy()
    stems = streamed(format_name, audio.numpy(), tmp_path)
    assert snr_db(reference, stems) > 90
    first, last = (snr_db(reference[..., at], stems[..., at]) for at in (slice(0, 16000), slice(-16000, None)))
    assert last > first - 6


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "limit_db"), [("fp32", 90), ("fp16", 30)])
def test_core_ml(precision: str, limit_db: float, tmp_path: Path) -> None:
    audio = open_excerpts().mixtures[:1, :, :16000]
    with torch.no_grad():
        reference = network()(audio).numpy()
    assert snr_db(reference, streamed("coreml", audio.numpy(), tmp_path, precision)) > limit_db


@pytest.mark.slow
def test_everything_is_in_one_delegate() -> None:
    contents = members.inspect(compiled("executorch").path)
    assert contents.operators == {}, "left out of the delegate"
    assert [delegate.count for delegate in contents.delegates] == [1]


@pytest.mark.slow
def test_the_operators_of_tflite_are_builtin_and_few() -> None:
    operators = members.inspect(compiled("tflite").path).operators
    assert not any(name.startswith("custom") for name in operators)
    assert not {"WHILE", "GATHER", "REVERSE_V2", "PACK", "UNPACK", "TILE", "SUM", "MEAN"} & set(operators)
