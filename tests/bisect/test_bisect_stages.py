"""A fault that was planted in a stage of a member is found inside that stage, by layer and operator."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.numpy import load_file

from edge_export.baking import graph
from edge_export.bisect.values import Bisection, Row
from edge_export.files.arrays import save_arrays
from edge_export.pipeline.bisect_stages import BisectStagesRequest, bisect_stages
from edge_export.pipeline.mother_source import MotherSource
from edge_export.pipeline.opened import opened
from edge_export.spec.recorded import named
from edge_export.spec.tolerance import Tolerance

HERE = "tests.bisect.faulty_mothers"


def stages_of(tmp_path: Path, mother: str, config: str, batches: int | None = 2) -> dict[str, Bisection]:
    """What is found in each stage, by its name."""
    source = MotherSource(spec=mother, folder=Path.cwd())
    opened.cache_clear()
    network, recordings, _ = opened(source)
    inputs = tmp_path / "inputs.safetensors"
    save_arrays(inputs, named(network.io.inputs, recordings.goldens, whole_recordings=network.io.stream is not None))
    request = BisectStagesRequest(
        source=source,
        config=config,
        batches=batches,
        inputs=inputs,
        tolerance=Tolerance(snr_db=90, max_abs_of_peak=1e-3),
        calibrate=False,
        workdir=tmp_path,
    )
    return {stage.what: stage for stage in bisect_stages(request).stages}


def first_of(stage: Bisection) -> Row:
    return next(row for row in stage.rows if row.name == stage.first)


def test_a_healthy_member_agrees_everywhere(tmp_path):
    stages = stages_of(tmp_path, "digits", "0.25")
    rules = ["fold_batchnorm_into_previous", "merge_linear"]
    assert list(stages) == ["extracted", "calibrated", *rules, "baked", "exported"]
    assert not any(stage.diverges or stage.first for stage in stages.values())
    rows = stages["exported"].rows
    assert {row.state for row in rows} == {"agrees"}
    assert {row.layer for row in rows} >= {"features.2.body.0", "classifier.0"}
    assert (tmp_path / "program.pt2").is_file()
    assert len(load_file(tmp_path / "samples.safetensors")["image"]) == 4


def test_a_wrong_statistic_of_an_extracted_member(tmp_path):
    """Calibration computes it anew, so that it is wrong in no later stage."""
    stages = stages_of(tmp_path, f"{HERE}:wrong_statistic", "0.25")
    assert stages["extracted"].first == "features.2.body.4/native_batch_norm"
    assert first_of(stages["extracted"]).layer == "features.2.body.4"
    assert [name for name, stage in stages.items() if stage.diverges] == ["extracted"]


def test_a_wrong_weight_of_a_network_without_layers(tmp_path):
    """The mother calls functions on slices of her weights; her operators are seen all the same."""
    stages = stages_of(tmp_path, "tests.strangers:WrongMember", "c3")
    assert stages["extracted"].first == "first/addmm"
    assert stages["exported"].diverges is False


def test_a_wrong_statistic_of_a_separator(tmp_path):
    stages = stages_of(tmp_path, f"{HERE}:wrong_separator", "d2w2")
    assert first_of(stages["extracted"]).layer == "layers.1.time.norm"
    assert stages["masks"].diverges is False
    assert "whole recordings" in stages["baked"].note
    assert stages["exported"].diverges is False


def test_a_fault_in_a_rule(tmp_path, monkeypatch):
    def faulty(name, apply):
        def wrapped(network):
            outcomes = apply(network)
            if outcomes:
                network.written["features.3.body.3.weight"][0][0] *= 1.1
            return outcomes

        return name, wrapped if name == "fold_batchnorm_into_previous" else apply

    monkeypatch.setattr(graph, "RULES", tuple(faulty(*entry) for entry in graph.RULES))
    stages = stages_of(tmp_path, "digits", "0.25")
    assert not stages["calibrated"].diverges
    assert first_of(stages["fold_batchnorm_into_previous"]).layer == "features.3.body.3"


@pytest.fixture(autouse=True)
def _forget_the_mother():
    yield
    opened.cache_clear()
