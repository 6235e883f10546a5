"""Results of many runs become one, and those of another bundle are refused."""

from __future__ import annotations

import json
import shutil

import pytest
from test_bundle import write_bundle
from test_perf import on, result

from edge_export.bundle.collect import collect
from edge_export.bundle.device_runs import write_runs
from edge_export.bundle.folder import read_bundle
from edge_export.bundle.numerics import ArtifactRun
from edge_export.bundle.perf import read_perf, with_results, write_perf
from edge_export.errors import RequestError

LABEL = "executorch-xnnpack-fp32"


def run_on(device: str, verdict: str = "passed", artifact: str = LABEL) -> ArtifactRun:
    return ArtifactRun(artifact=artifact, runtime="ExecuTorch 1.4.1", device=device, verdict=verdict, reason="why")


@pytest.fixture
def bundle(tmp_path):
    root = tmp_path / "bundle"
    root.mkdir()
    write_bundle(root)
    write_runs(root, {"w0.5": (run_on("local"),)})
    return root


def leave(bundle, name, *runs, timed=()):
    """What a job leaves that ran on a copy of the bundle: three JSON files."""
    folder = bundle.parent / name
    folder.mkdir()
    for file in bundle.glob("*.json"):
        shutil.copy(file, folder)
    write_runs(folder, {"w0.5": tuple(runs)})
    copy = read_bundle(folder)
    for device in timed:
        write_perf(folder, with_results(read_perf(copy), device))
    return folder


def our_time(bundle, device, median_ms=1.0, threads=1):
    file = read_bundle(bundle).manifest.members[0].artifacts[0].file
    timed = result(threads=threads, median_ms=median_ms).model_copy(update={"sha256": file.sha256})
    return on(device, timed)


def runs_of(bundle):
    return {run.device: run.verdict for run in read_bundle(bundle).numerics.members[0].runs}


def times_of(bundle):
    perf = read_perf(read_bundle(bundle))
    return {(d.device, each.threads): each.latency.median_ms for d in perf.devices for each in d.artifacts}


def test_results_of_several_devices_are_merged(bundle):
    first = leave(bundle, "a", run_on("ssh:a"), timed=[our_time(bundle, "ssh:a", 1.0)])
    second = leave(bundle, "b", run_on("ssh:b", "failed"), timed=[our_time(bundle, "ssh:b", 2.0)])
    third = leave(bundle, "c", timed=[our_time(bundle, "ssh:a", 3.0, threads=2)])
    found = collect(bundle, [first, second, third])
    assert runs_of(bundle) == {"local": "passed", "ssh:a": "passed", "ssh:b": "failed"}
    assert times_of(bundle) == {("ssh:a", 1): 1.0, ("ssh:a", 2): 3.0, ("ssh:b", 1): 2.0}
    assert (len(found.runs), len(found.times), found.replaced) == (2, 3, 0)


def test_what_a_copy_had_from_before_replaces_nothing(bundle):
    write_runs(bundle, {"w0.5": (run_on("ssh:a", "failed"),)})
    write_perf(bundle, with_results(read_perf(read_bundle(bundle)), our_time(bundle, "ssh:a", 1.0)))
    new = leave(bundle, "new", run_on("ssh:a", "passed"), timed=[our_time(bundle, "ssh:a", 5.0)])
    other = leave(bundle, "other", run_on("ssh:b"))
    found = collect(bundle, [new, other])
    assert runs_of(bundle)["ssh:a"] == "passed"
    assert times_of(bundle) == {("ssh:a", 1): 5.0}
    assert found.replaced == 2


def test_a_later_result_replaces_an_earlier_one(bundle):
    folders = [leave(bundle, name, run_on("ssh:a", verdict)) for name, verdict in (("1", "failed"), ("2", "passed"))]
    found = collect(bundle, folders)
    assert (runs_of(bundle)["ssh:a"], found.replaced) == ("passed", 1)
    assert [run.verdict for _, run in found.runs] == ["passed"]


def test_collecting_twice_changes_nothing(bundle):
    folder = leave(bundle, "a", run_on("ssh:a"), timed=[our_time(bundle, "ssh:a")])
    collect(bundle, [folder])
    before = {path.name: path.read_bytes() for path in bundle.glob("*.json")}
    found = collect(bundle, [folder])
    assert {path.name: path.read_bytes() for path in bundle.glob("*.json")} == before
    assert (found.runs, found.times) == ((), ())


def refused(bundle, folder, message):
    before = {path.name: path.read_bytes() for path in bundle.glob("*.json")}
    with pytest.raises(RequestError, match=message):
        collect(bundle, [folder])
    assert {path.name: path.read_bytes() for path in bundle.glob("*.json")} == before


def test_results_of_another_bundle_are_refused(bundle):
    folder = leave(bundle, "a", run_on("ssh:a"))
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"target": "linux"}))
    refused(bundle, folder, "has results of another bundle")


def test_times_of_another_manifest_are_refused(bundle):
    folder = leave(bundle, "a", timed=[our_time(bundle, "ssh:a")])
    perf = json.loads((folder / "perf.json").read_text())
    (folder / "perf.json").write_text(json.dumps(perf | {"bundle": "1" * 64}))
    refused(bundle, folder, "was measured on another bundle")


def test_results_of_files_that_the_bundle_lacks_are_refused(bundle):
    refused(bundle, leave(bundle, "a", run_on("ssh:a", artifact="tflite-builtin-fp32")), "tflite-builtin-fp32")
    refused(bundle, leave(bundle, "b", timed=[on("ssh:a", result())]), "that are not the bundle's")


def test_two_machines_of_one_name_are_refused(bundle):
    first = leave(bundle, "a", timed=[our_time(bundle, "ssh:a")])
    second = leave(bundle, "b", timed=[our_time(bundle, "ssh:a", 2.0)])
    perf = json.loads((second / "perf.json").read_text())
    perf["devices"][0]["facts"]["model"] = "Other Board"
    (second / "perf.json").write_text(json.dumps(perf))
    with pytest.raises(RequestError, match="ssh:a is Other Board, but elsewhere Board: give each device"):
        collect(bundle, [first, second])
    assert times_of(bundle) == {}


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_what_is_no_result_is_refused(bundle, name):
    folder = bundle.parent / name
    if name == "empty":
        folder.mkdir()
    refused(bundle, folder, "is not a folder|has no manifest.json")
