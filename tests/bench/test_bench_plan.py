"""The plan of a bench interleaves all artifacts; its results are taken as a whole or not at all."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from made_perf import FACTS, IO, samples
from picker_vectors import read_vectors, whole_manifest

from edge_export.bench.collect import device_perf
from edge_export.bench.plan import BenchSettings, artifacts_to_time, items_of
from edge_export.bundle.manifest import Artifact, File
from edge_export.devices.request import ItemStatus, Part, Request
from edge_export.errors import RequestError
from edge_export.spec.tolerance import Tolerance

INPUTS = Part(path="inputs/recorded.safetensors", sha256="0" * 64, bytes=1)
FORMATS = ("executorch", "tflite", "coreml")


@pytest.fixture
def manifest():
    """Three members with three artifacts each, of which one did not compile."""
    manifest = whole_manifest(read_vectors()["manifests"]["digits"])
    members = []
    for number in range(3):
        artifacts = [
            Artifact(
                format=name,
                backend="b",
                precision="fp32",
                file=None if name == "coreml" else File(path=f"{name}.x", sha256=f"{number}" * 64, bytes=1),
                io=None if name == "coreml" else IO,
                tolerance=Tolerance(snr_db=90, max_abs_of_peak=1e-4),
                status="error" if name == "coreml" else "passed",
                reason="",
            )
            for name in FORMATS
        ]
        update = {"name": f"m{number}", "artifacts": tuple(artifacts), "io": IO}
        members.append(manifest.members[0].model_copy(update=update))
    return manifest.model_copy(update={"members": tuple(members)})


def named(chosen):
    return [f"{member.name}/{artifact.label}" for member, artifact in chosen]


def test_devices_run_the_first_backend_of_a_format(manifest):
    first = manifest.members[0]
    inside = first.artifacts[0].model_copy(update={"backend": "coreml"})
    mixed = manifest.model_copy(
        update={"members": (first.model_copy(update={"artifacts": (inside, first.artifacts[1])}),)}
    )
    assert named(artifacts_to_time(mixed, FORMATS)) == ["m0/tflite-b-fp32"]


def test_what_is_timed_is_what_compiled_and_what_the_device_runs(manifest):
    assert len(artifacts_to_time(manifest, FORMATS)) == 6
    assert named(artifacts_to_time(manifest, ["tflite"])) == [f"m{n}/tflite-b-fp32" for n in range(3)]
    chosen = artifacts_to_time(manifest, FORMATS, ["m2", "m0/tflite-b-fp32"])
    assert named(chosen) == ["m0/tflite-b-fp32", "m2/executorch-b-fp32", "m2/tflite-b-fp32"]
    with pytest.raises(RequestError, match="m9, m0/coreml-b-fp32 is not in the bundle"):
        artifacts_to_time(manifest, FORMATS, ["m9", "m0/coreml-b-fp32", "m1"])
    with pytest.raises(RequestError, match="the device runs coreml, the bundle has executorch for b, tflite for b"):
        artifacts_to_time(manifest, ["coreml"])


def test_rounds_interleave_all_artifacts_and_memory_is_apart(manifest):
    settings = BenchSettings(rounds=20, threads=3)
    items = items_of(artifacts_to_time(manifest, FORMATS), INPUTS, settings)
    rounds = [[(i.member, i.label) for i in items if i.id.startswith(f"round{n}.")] for n in range(1, 21)]
    assert all(sorted(each) == sorted(rounds[0]) and len(each) == 6 for each in rounds)
    assert len({tuple(each) for each in rounds}) > 15
    timed, memory = items[:120], items[120:]
    assert {item.mode for item in timed} == {"bench"}
    assert [item.mode for item in memory] == ["memory"] * 6
    assert {item.threads for item in items} == {3}
    assert len({item.id for item in items}) == len(items)
    followers = Counter(pair for each in rounds for pair in pairwise(each))
    assert len(followers) > 20  # an artifact is not always timed after the same one
    assert items == items_of(artifacts_to_time(manifest, FORMATS), INPUTS, settings)


@pytest.fixture
def request_(manifest):
    settings = BenchSettings(rounds=3)
    items = items_of(artifacts_to_time(manifest, ["tflite"]), INPUTS, settings)
    return Request(schema="1.0", run_id="run", bundle="0" * 64, items=items)


def results(request, **changes):
    """Good results of all items, but for those of member m0 in the items that begin with a name of `changes`."""
    found = {}
    for item in request.items:
        status = ItemStatus(schema="1.0", run_id="run", item=item.id, outcome="done", runtime="LiteRT 2.1.2")
        times = None
        if item.mode == "memory":
            status = status.model_copy(update={"peak_memory_bytes": 1000})
        else:
            times = samples([1.0, 1.0])
        found[item.id] = (status, times)
        for name, change in changes.items():
            if item.member == "m0" and item.id.startswith(name):
                found[item.id] = change and (status.model_copy(update=change), None)
    return {name: each for name, each in found.items() if each is not None}


def of_m0(request, found):
    perf = device_perf("board", request, found, FACTS)
    first, *others = perf.artifacts
    assert all(each.outcome == "done" and each.latency.median_ms == 1.0 for each in others)
    assert first.member == "m0"
    return first


def test_good_results_have_a_latency_and_memory(request_):
    found = of_m0(request_, results(request_))
    assert (found.outcome, found.latency.median_ms, len(found.latency.rounds)) == ("done", 1.0, 3)
    assert (found.peak_memory_bytes, found.runtime, found.run, found.reason) == (1000, "LiteRT 2.1.2", "run", "")


def test_an_artifact_that_failed_in_one_round_has_no_latency(request_):
    found = of_m0(request_, results(request_, round2={"outcome": "failed", "reason": "the runtime crashed (SIGSEGV)"}))
    assert (found.outcome, found.latency, found.reason) == ("failed", None, "the runtime crashed (SIGSEGV)")
    assert found.peak_memory_bytes == 1000


def test_a_round_that_never_ran_is_no_round(request_):
    found = of_m0(request_, results(request_, round3=None))
    assert (found.outcome, found.latency) == ("failed", None)
    assert "--resume" in found.reason


def test_memory_that_was_not_measured_leaves_the_latency(request_):
    found = of_m0(request_, results(request_, memory={"outcome": "failed", "reason": "killed"}))
    assert (found.outcome, found.latency.median_ms, found.peak_memory_bytes) == ("failed", 1.0, None)


def test_operators_that_a_runtime_lacks_are_no_failure(request_):
    change = {"outcome": "unsupported", "reason": "LiteRT 2.1.2 lacks an operator"}
    found = of_m0(request_, results(request_, round=change, memory=change))
    assert (found.outcome, found.latency, found.reason) == ("unsupported", None, "LiteRT 2.1.2 lacks an operator")
