"""Real networks are proven up to the program that each format's converter gets.

`python -m benchmarks.real_networks` builds and proves their files.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.real_networks import NETWORKS
from edge_export.formats.legalize.program import legalized
from edge_export.pipeline.member import prepare_member
from edge_export.pipeline.mother_source import MotherSource
from edge_export.pipeline.opened import opened
from edge_export.spec.agreement import agreement
from edge_export.spec.tolerance import Tolerance

ROOT = Path(__file__).parents[2]
FORMATS = ("executorch", "coreml", "tflite")


@pytest.mark.parametrize("name", NETWORKS)
def test_a_real_network_is_proven_up_to_the_converters(name: str) -> None:
    spec = NETWORKS[name]
    if "timm" in spec:
        pytest.importorskip("timm", reason="its networks need pip install timm torchvision")
    mother, recordings, notes = opened(MotherSource(spec=spec, folder=ROOT))
    assert notes == ()
    few = replace(recordings, goldens=tuple(t[:2] for t in recordings.goldens))
    member = prepare_member(mother, mother.space.smallest, few, Tolerance(snr_db=100, max_abs_of_peak=1e-4))
    assert member.reason == ""
    call = tuple(t[:1] for t in few.goldens)
    for format_name in FORMATS:
        program, outcomes = legalized(member.program, format_name)
        assert [outcome for outcome in outcomes if outcome.reason] == []
        with torch.no_grad():
            results = program.module()(*call)
        results = (results,) if isinstance(results, torch.Tensor) else results
        for output, actual in zip(member.io.outputs, results, strict=True):
            assert agreement(member.golden[output.name][:1], actual.numpy()).snr_db > 100
