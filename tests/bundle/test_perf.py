"""`perf.json` belongs to one manifest, is read as if a stranger had made it, and fits its published schema."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_bundle import write_bundle

import edge_export
from edge_export.bundle.folder import read_bundle
from edge_export.bundle.perf import (
    FILE_NAME,
    ArtifactPerf,
    DevicePerf,
    Interval,
    Latency,
    Perf,
    Round,
    manifest_sha256,
    read_perf,
    with_results,
    write_perf,
)
from edge_export.bundle.series import pack
from edge_export.errors import RequestError
from edge_export.spec.device import DeviceFacts
from edge_export.spec.schema import schema_text

SCHEMAS = Path(edge_export.__file__).parent / "schemas"


def result(member: str = "w0.5", threads: int = 1, median_ms: float = 1.0) -> ArtifactPerf:
    one = Round(
        load_ms=3, first_ms=2, warm_up_calls=1, stable=True, calls_per_sample=1, samples=pack([median_ms]), count=1
    )
    latency = Latency(
        load_ms=3,
        first_ms=2,
        noisy=False,
        spread=0,
        round_median_ms=(median_ms,),
        round_p90_ms=(median_ms,),
        median_ms=median_ms,
        interval=Interval(low=median_ms, high=median_ms),
        p90_ms=median_ms,
        p99_ms=median_ms,
        worst_ms=median_ms,
        rounds=(one,),
    )
    label = "executorch-xnnpack-fp32"
    return ArtifactPerf(member=member, artifact=label, sha256="0" * 64, threads=threads, run="r", latency=latency)


def on(device: str, *artifacts: ArtifactPerf) -> DevicePerf:
    return DevicePerf(
        device=device, facts=DeviceFacts(schema="1.0", runner="made up 1.0", model="Board"), artifacts=artifacts
    )


@pytest.fixture
def bundle(tmp_path):
    write_bundle(tmp_path)
    return read_bundle(tmp_path)


def test_the_published_schema_is_that_of_the_model():
    assert (SCHEMAS / "perf.json").read_text("utf-8") == schema_text(Perf)


def test_what_is_written_is_read_back(bundle):
    assert read_perf(bundle) == Perf(schema="1.0", bundle=manifest_sha256(bundle.root))
    perf = with_results(read_perf(bundle), on("ssh:pi@board:22", result()))
    write_perf(bundle.root, perf)
    assert read_perf(bundle) == perf
    assert read_perf(bundle).on("ssh:pi@board:22").artifacts == (result(),)
    assert read_perf(bundle).on("local") is None


def test_results_of_another_bundle_are_refused(bundle):
    write_perf(bundle.root, Perf(schema="1.0", bundle="0" * 64))
    with pytest.raises(RequestError, match=r"perf\.json was measured on another bundle: delete it"):
        read_perf(bundle)


@pytest.mark.parametrize(
    ("field", "value"),
    [("schema", "2.0"), ("bundle", "../x"), ("devices", [{"device": ""}]), ("more", 1), ("devices", "x" * 99)],
)
def test_a_stranger_s_file_is_checked(bundle, field, value):
    write_perf(bundle.root, Perf(schema="1.0", bundle=manifest_sha256(bundle.root)))
    data = json.loads((bundle.root / FILE_NAME).read_text())
    (bundle.root / FILE_NAME).write_text(json.dumps(data | {field: value}))
    with pytest.raises(RequestError, match=r"perf\.json is not valid"):
        read_perf(bundle)


def test_numbers_must_be_finite(bundle):
    write_perf(bundle.root, with_results(read_perf(bundle), on("local", result())))
    text = (bundle.root / FILE_NAME).read_text()
    (bundle.root / FILE_NAME).write_text(text.replace('"median_ms": 1.0', '"median_ms": NaN'))
    with pytest.raises(RequestError, match="median_ms"):
        read_perf(bundle)


def test_new_results_replace_those_of_the_same_artifact_device_and_threads():
    perf = Perf(schema="1.0", bundle="0" * 64)
    perf = with_results(perf, on("b", result("w0.5"), result("w1.0")))
    perf = with_results(perf, on("a", result("w0.5", median_ms=7)))
    perf = with_results(perf, on("b", result("w0.5", median_ms=2), result("w0.5", threads=2)))
    assert [each.device for each in perf.devices] == ["a", "b"]
    found = {each.key: each.latency.median_ms for each in perf.on("b").artifacts}
    label = "executorch-xnnpack-fp32"
    assert found == {("w0.5", label, 1): 2, ("w0.5", label, 2): 1, ("w1.0", label, 1): 1}
    assert perf.on("a").artifacts[0].latency.median_ms == 7
