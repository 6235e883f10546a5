"""`pick` names a member, the rule that decided, and how it may fail."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from made_perf import around, on_board, samples
from terminal import assert_fits, assert_whole, in_terminal, shown

from edge_export.bench.latency import latency_of
from edge_export.bundle.folder import read_bundle
from edge_export.bundle.perf import ArtifactPerf, DevicePerf, Perf, manifest_sha256, with_results, write_perf
from edge_export.bundle.picker import Budget, pick
from edge_export.cli import amounts
from edge_export.cli import pick as verb
from edge_export.spec.device import DeviceFacts


@pytest.fixture
def bundle(small_bundle, tmp_path) -> Path:
    """A real bundle of one member, and made-up times of 2 ms on a board."""
    root = tmp_path / "bundle"
    shutil.copytree(small_bundle, root)
    artifacts = []
    for member in read_bundle(root).manifest.members:
        for artifact in member.artifacts:
            latency = latency_of([(samples(times), None, None) for times in around(2.0, 1)], member.io)
            artifacts.append(
                ArtifactPerf(
                    member=member.name,
                    artifact=artifact.label,
                    sha256=artifact.file.sha256,
                    threads=1,
                    run="r",
                    latency=latency,
                    peak_memory_bytes=3_000_000,
                )
            )
    write_perf(root, with_results(Perf(schema="1.0", bundle=manifest_sha256(root)), on_board(*artifacts)))
    return root


def test_a_pick_says_which_rule_decided(bundle, edge_export):
    done = edge_export("pick", bundle, "--budget-ms", 10)
    assert done.returncode == 0, done.stderr
    assert "time: measured on that model (board), 10 % margin" in done.stdout
    assert "w0.25: members/w0.25/" in done.stdout
    assert done.stdout.rstrip().endswith("1 thread: fits")


def test_nothing_fits_exits_with_1(bundle, edge_export):
    done = edge_export("pick", bundle, "--budget-ms", 1, "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert (found["passed"], found["fits"], found["member"]) == (False, "no", "w0.25")


def test_a_device_that_nobody_measured_gets_the_smallest_member(bundle, edge_export):
    facts = bundle.parent / "device.json"
    facts.write_text(DeviceFacts(schema="1.0", runner="r", model="Other Phone").model_dump_json(by_alias=True))
    done = edge_export("pick", bundle, "--budget-ms", 10, "--device", facts, "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["fits"]) == (0, "unknown")
    assert found["rules"] == [{"limit": "time", "rule": "smallest", "devices": []}]
    assert (bundle / found["path"]).exists()


def test_a_calibration_scales_the_times_of_another_device(bundle, edge_export):
    done = edge_export("pick", bundle, "--budget-ms", 100_000, "--device", "local", "--calibrate", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert found["rules"] == [{"limit": "time", "rule": "calibration", "devices": ["board"]}]
    assert all(option["time_ms"] > 0 for option in found["options"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no limit: give --budget-ms"),
        (("--budget-ms", "1", "--calibrate"), "--calibrate would have no effect"),
        (("--real-time-factor", "0.5"), "no member of this family streams"),
        (("--max-bytes", "5 apples"), '"5 apples" is no size'),
        (("--budget-ms", "nan"), '"nan" is not a number above 0'),
        (("--budget-ms", "1", "--device", "missing.json"), "missing.json can't be read"),
        (("--budget-ms", "1", "--device", "toaster:1"), "there is no device 'toaster:1'"),
    ],
)
def test_a_wrong_request_is_one_line(bundle, edge_export, arguments, message):
    done = edge_export("pick", bundle, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_of_several_devices_one_must_be_named(bundle, edge_export):
    perf = Perf.model_validate_json((bundle / "perf.json").read_bytes())
    other = DevicePerf(device="ssh:other", facts=DeviceFacts(schema="1.0", runner="r", model="Other"), artifacts=())
    write_perf(bundle, with_results(perf, other))
    done = edge_export("pick", bundle, "--budget-ms", 10)
    assert done.returncode == 2
    assert "several devices were measured: give --device, one of board, ssh:other" in done.stderr
    assert edge_export("pick", bundle, "--budget-ms", 10, "--device", "board").returncode == 0


def test_amounts():
    assert [amounts.byte_count(text) for text in ("1", "5MB", "1.5 kB", "2KiB")] == [1, 5_000_000, 1500, 2048]
    assert [amounts.share(text) for text in ("5%", "0.05", "0")] == [0.05, 0.05, 0]


@pytest.mark.parametrize("width", [80, 100, 140])
def test_the_table_fits(width, bundle, monkeypatch):
    read = read_bundle(bundle)
    perf = Perf.model_validate_json((bundle / "perf.json").read_bytes())
    facts = perf.devices[0].facts
    picked = pick(read.manifest, perf, facts, Budget(call_ms=10, memory_bytes=10**7, bytes=10**6))

    def show(console):
        monkeypatch.setattr("edge_export.cli.tables.console", lambda: console)
        verb._print(read, facts, picked)

    text = shown(width, show)
    assert_fits(text, width)
    assert_whole(text, ["w0.25", "picked", "ms a call", *(option.artifact for option in picked.options)])


def test_in_a_terminal_of_80_columns(bundle):
    import os
    import sys

    command = [sys.executable, "-m", "edge_export", "pick", str(bundle), "--budget-ms", "10"]
    code, text = in_terminal(command, 80, Path(__file__).resolve().parents[2], dict(os.environ))
    assert code == 0, text
    assert_fits(text, 80)
