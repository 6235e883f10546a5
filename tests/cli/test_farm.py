"""`farm` plans jobs and merges results; what is wrong with either is one line."""

from __future__ import annotations

import json
import shutil

import pytest

DEVICES = '[[device]]\nname = "ssh:board"\nshards = 5\ntags = ["rack"]\n\n[[device]]\nname = "local"\n'


@pytest.fixture
def devices(tmp_path):
    path = tmp_path / "devices.toml"
    path.write_text(DEVICES)
    return path


def test_a_plan_is_devices_times_shards(small_bundle, devices, edge_export):
    done = edge_export("farm", "plan", small_bundle, "--devices", devices)
    jobs = json.loads(done.stdout)["include"]
    assert [(job["device"], job["shard"], job["tags"]) for job in jobs] == [
        ("ssh:board", "1/2", ["rack"]),  # the bundle has two artifacts
        ("ssh:board", "2/2", ["rack"]),
        ("local", "1/1", ["ubuntu-latest"]),
    ]
    assert len({job["name"] for job in jobs}) == 3
    assert all(set(job["name"]) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-") for job in jobs)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "device: Field required"),
        ("device = 3", "is not valid: device"),
        ('[[device]]\nname = "toaster:1"', "there is no device 'toaster:1'"),
        ('[[device]]\nname = "local; rm -rf /"', "device.0.name"),
        ('[[device]]\nname = "local"\n[[device]]\nname = "local"', "has local twice"),
        ('[[device]]\nname = "local"\nshards = 0', "device.0.shards"),
        ("[[device]", "is no TOML"),
    ],
)
def test_a_wrong_file_of_devices_is_one_line(small_bundle, devices, edge_export, text, message):
    devices.write_text(text)
    done = edge_export("farm", "plan", small_bundle, "--devices", devices)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_results_are_merged_and_a_failure_is_named(small_bundle, tmp_path, edge_export):
    bundle, result = tmp_path / "bundle", tmp_path / "result"
    shutil.copytree(small_bundle, bundle)
    result.mkdir()
    shutil.copy(bundle / "manifest.json", result)
    numerics = json.loads((bundle / "numerics.json").read_text())
    run = numerics["members"][0]["runs"][0]
    numerics["members"][0]["runs"].append(run | {"device": "ssh:a", "verdict": "failed", "reason": "12.0 dB"})
    (result / "numerics.json").write_text(json.dumps(numerics))
    done = edge_export("farm", "collect", result, "--into", bundle)
    assert done.returncode == 1, done.stderr
    assert f"w0.25/{run['artifact']} on ssh:a: failed: 12.0 dB" in done.stdout
    assert "1 result, 1 new run and 0 new times" in done.stdout
    again = edge_export("farm", "collect", result, "--into", bundle, "--json")
    assert (again.returncode, json.loads(again.stdout)["runs"]) == (0, 0)
    (result / "manifest.json").write_text((result / "manifest.json").read_text() + "\n")
    other = edge_export("farm", "collect", result, "--into", bundle)
    assert other.returncode == 2
    assert "has results of another bundle" in other.stderr
