"""`verify --device`, as a user runs it: the runs of a device stand in numerics.json beside those of others."""

from __future__ import annotations

import json
import shutil

import pytest


@pytest.fixture
def bundle(small_bundle, tmp_path):
    return shutil.copytree(small_bundle, tmp_path / "bundle")


def runs(bundle):
    (member,) = json.loads((bundle / "numerics.json").read_text())["members"]
    return member["runs"]


@pytest.mark.slow
def test_the_runs_of_a_device_are_those_of_this_machine(edge_export, bundle):
    here = {run["artifact"]: run for run in runs(bundle)}
    numerics = json.loads((bundle / "numerics.json").read_text())
    for run in numerics["members"][0]["runs"]:
        run["device"] = "ssh:somewhere"
    (bundle / "numerics.json").write_text(json.dumps(numerics))
    done = edge_export("verify", bundle, "--device", "local", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["device"], answer["passed"]) == ("local", True)
    found = runs(bundle)
    assert [run["device"] for run in found].count("ssh:somewhere") == len(numerics["members"][0]["runs"])
    there = {run["artifact"]: run for run in found if run["device"] == "local"}
    assert {name.partition("-")[0] for name in there} == {"executorch", "tflite"}
    for name, run in there.items():
        assert run["verdict"] == "passed"
        assert run["runtime"] == here[name]["runtime"]
        assert run["agreement"]["snr_db"] == pytest.approx(here[name]["agreement"]["snr_db"], abs=0.5)
        assert run["metric"] == here[name]["metric"]
    again = edge_export("verify", bundle, "--device", "local")
    assert again.returncode == 0
    assert len(runs(bundle)) == len(found)


@pytest.mark.slow
def test_a_damaged_artifact_fails_and_is_not_sent(edge_export, bundle):
    path = next((bundle / "members").rglob("*.tflite"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    done = edge_export("verify", bundle, "--device", "local")
    assert done.returncode == 1
    assert "does not match its sha256" in done.stdout
    verdicts = {run["artifact"]: run["verdict"] for run in runs(bundle) if run["device"] == "local"}
    assert verdicts["tflite-builtin-fp32"] == "failed"
    assert verdicts["executorch-xnnpack-fp32"] == "passed"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--device", "locla"], "did you mean local?"),
        (["--device", "local:1"], "local:1 is not a device"),
        (["--device", "ssh:a b"], "give ssh:[USER@]HOST[:PORT]"),
        (["--resume"], "--resume would have no effect"),
        (["--device", "local", "--resume"], "was interrupted: leave out --resume"),
    ],
)
def test_a_wrong_device_is_one_line(edge_export, bundle, options, message):
    before = (bundle / "numerics.json").read_bytes()
    done = edge_export("verify", bundle, *options)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert (bundle / "numerics.json").read_bytes() == before
