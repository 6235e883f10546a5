"""`bench` times real files in real runtimes here, keeps all samples, and tells a real change from none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from made_perf import FACTS, STREAMING_IO, around, on_board, samples, timed
from terminal import assert_fits, assert_whole, shown

from edge_export.bench.baseline import compare
from edge_export.bench.latency import latency_of
from edge_export.bundle.perf import ArtifactPerf, Perf
from edge_export.bundle.series import pack, unpack
from edge_export.cli.perf_table import print_changes, print_perf
from edge_export.spec.device import DeviceState

QUICK = ("--rounds", 2, "--seconds", 0.05)


@pytest.fixture(scope="module")
def measured(small_bundle, tmp_path_factory) -> Path:
    """A real bundle that was timed on this machine by the command line."""
    import os
    import subprocess
    import sys

    root = tmp_path_factory.mktemp("measured") / "bundle"
    shutil.copytree(small_bundle, root)
    environment = {**os.environ, "EDGE_EXPORT_CACHE": str(root.parent / "cache")}
    command = [sys.executable, "-m", "edge_export", "bench", str(root), *map(str, QUICK), "--json"]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (root.parent / "bench.json").write_text(done.stdout)
    return root


@pytest.fixture
def bundle(measured, tmp_path) -> Path:
    shutil.copytree(measured, tmp_path / "bundle")
    return tmp_path / "bundle"


def perf_of(root: Path) -> Perf:
    return Perf.model_validate_json((root / "perf.json").read_bytes())


def test_every_artifact_is_timed_with_all_its_samples(measured):
    (local,) = perf_of(measured).devices
    assert local.device == "local"
    assert {each.artifact for each in local.artifacts} == {"executorch-xnnpack-fp32", "tflite-builtin-fp32"}
    for each in local.artifacts:
        assert (each.outcome, each.threads, len(each.latency.rounds)) == ("done", 1, 2)
        assert all(len(unpack(one.samples)) == one.count >= 20 for one in each.latency.rounds)
        assert each.peak_memory_bytes > 0
        assert each.runtime
    assert len({each.run for each in local.artifacts}) == 1
    assert local.facts.model
    assert local.facts.before is not None
    assert local.facts.after is not None


def test_json_is_the_results_without_samples(measured):
    found = json.loads((measured.parent / "bench.json").read_text())
    assert (found["passed"], found["device"], found["comparison"]) == (True, "local", None)
    assert "samples" not in found["artifacts"][0]["latency"]["rounds"][0]


def test_a_baseline_names_what_became_slower(bundle, edge_export):
    """The baseline is this machine's own run, in which one artifact then took a hundredth of its time."""
    perf = perf_of(bundle)
    (local,) = perf.devices
    slow, yardstick = local.artifacts
    steady = [[1.0] * 30, [1.0] * 30]  # a busy machine may have made either noisy

    def with_times(each: ArtifactPerf, rounds: list[list[float]]) -> ArtifactPerf:
        return each.model_copy(update={"latency": timed("x", rounds).latency})

    artifacts = (with_times(slow, [[t * 1e-6 for t in r] for r in steady]), with_times(yardstick, steady))
    baseline = perf.model_copy(update={"devices": (local.model_copy(update={"artifacts": artifacts}),)})
    path = bundle.parent / "baseline.json"
    path.write_text(baseline.model_dump_json(by_alias=True))
    done = edge_export(
        "bench", bundle, *QUICK, "--baseline", path, "--max-slowdown", "5%", "--yardstick", "none", "--json"
    )
    found = json.loads(done.stdout)
    changes = {change["artifact"]: change["verdict"] for change in found["comparison"]["changes"]}
    assert changes[slow.artifact] in ("slower", "noisy")
    assert changes[yardstick.artifact] in ("faster", "noisy")
    assert done.returncode == (1 if changes[slow.artifact] == "slower" else 0)


def test_a_damaged_file_fails_alone(bundle, edge_export):
    damaged = next((bundle / "members").rglob("*.tflite"))
    damaged.write_bytes(damaged.read_bytes()[:-100])
    done = edge_export("bench", bundle, *QUICK, "--json")
    found = {each["artifact"]: each for each in json.loads(done.stdout)["artifacts"]}
    assert done.returncode == 1
    assert found["tflite-builtin-fp32"]["outcome"] == "failed"
    assert "truncated" in found["tflite-builtin-fp32"]["reason"]
    assert found["executorch-xnnpack-fp32"]["latency"] is not None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--yardstick", "a/b"), "--yardstick would have no effect: it goes with --baseline"),
        (("--max-slowdown", "5%"), "--max-slowdown would have no effect"),
        (("--resume", "--rounds", "3"), "--rounds would have no effect"),
        (("--resume",), "resume"),
        (("--rounds", "0"), '"0" is not a whole number from 1 to 99'),
        (("--seconds", "61"), "--seconds 61 is out of range"),
        (("--only", "w7"), "w7 is not in the bundle"),
        (("--shard", "3/2"), '"3/2" is no shard'),
        (("--baseline", "missing.json"), "missing.json can't be read"),
        (("--device", "toaster"), "there is no device 'toaster'"),
    ],
)
def test_a_wrong_request_is_one_line(bundle, edge_export, arguments, message):
    before = (bundle / "perf.json").read_bytes()
    done = edge_export("bench", bundle, *arguments)
    assert done.returncode == 2, done.stdout
    assert message in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert (bundle / "perf.json").read_bytes() == before


def test_results_of_another_bundle_stop_it_before_the_work(bundle, edge_export):
    perf = perf_of(bundle).model_copy(update={"bundle": "0" * 64})
    (bundle / "perf.json").write_text(perf.model_dump_json(by_alias=True))
    done = edge_export("bench", bundle, *QUICK)
    assert done.returncode == 2
    assert "was measured on another bundle" in done.stderr
    assert done.stderr.count("\n") == 1


def wide():
    """Results with everything that a table can show, on a device that tells its state."""
    rounds = [(samples(times), None, None) for times in around(12.345, 1)]
    stream = latency_of(rounds, STREAMING_IO)
    noisy = timed("tflite-builtin-int8", [[1.0] * 9, [2.0] * 9])
    good = noisy.model_copy(
        update={"artifact": "executorch-xnnpack-fp32", "latency": stream, "peak_memory_bytes": 10**7}
    )
    failed = noisy.model_copy(
        update={
            "artifact": "coreml-mlprogram-fp16",
            "latency": None,
            "outcome": "failed",
            "reason": "the runtime crashed",
        }
    )
    before = DeviceState(temperature_c=31.5, thermal_status=0, battery_percent=80, load=0.5, governors=("schedutil",))
    facts = FACTS.model_copy(update={"before": before, "after": before.model_copy(update={"temperature_c": 39.25})})
    return on_board(good, noisy, failed).model_copy(update={"facts": facts})


@pytest.mark.parametrize("width", [80, 100, 140])
def test_the_tables_fit(width):
    found = wide()
    text = shown(width, lambda console: print_perf(console, found))
    assert_fits(text, width)
    assert_whole(text, ["executorch-xnnpack-fp32", "tflite-builtin-int8", "noisy", "failed", "median ms", "10.0 MB"])
    assert_whole(text, ["100%:", "31.5", "39.2", "noisy:"])
    then = on_board(*(each.model_copy(update={"run": "then"}) for each in found.artifacts))
    name = f"{found.artifacts[0].member}/{found.artifacts[0].artifact}"
    for yardstick in (name, "none"):
        compared = compare(found, then, 0.05, yardstick)
        text = shown(width, lambda console, compared=compared: print_changes(console, compared, 0.05))
        assert_fits(text, width)
        assert_whole(text, ["95 % interval", "noisy", "executorch-xnnpack-fp32"])


def test_samples_survive_the_file():
    times = [0.05 + index * 1e-6 for index in range(100)]
    assert unpack(pack(times)) == pytest.approx(times, abs=1e-6)
