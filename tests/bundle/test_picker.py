"""The picker follows its vectors, never goes over a budget that can be kept, and is never worse for a larger one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from picker_vectors import pick_case, read_vectors, whole_manifest, whole_perf
from pydantic import ValidationError

from edge_export.bundle.device_names import common_prefix, normalized
from edge_export.bundle.picker import MARGINS, Budget, Calibration, pick
from edge_export.errors import RequestError
from edge_export.spec.device import DeviceFacts

VECTORS = read_vectors()
CASES = VECTORS["cases"]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_vector(case):
    if case["pick"] is None:
        with pytest.raises(RequestError):
            pick_case(VECTORS, case)
        return
    found = pick_case(VECTORS, case).model_dump(mode="json")
    del found["options"]
    assert found == case["pick"]


def test_vectors_have_names_of_their_own_and_use_all_that_they_hold():
    assert len({case["name"] for case in CASES}) == len(CASES)
    assert {case["manifest"] for case in CASES} == set(VECTORS["manifests"])
    assert {case["perf"] for case in CASES} == set(VECTORS["perfs"])
    rules = {rule["rule"] for case in CASES if case["pick"] for rule in case["pick"]["rules"]}
    assert rules == set(MARGINS)


@pytest.mark.parametrize(
    ("a", "b", "prefix"),
    [
        ("Pixel 8", "pixel-8 Pro", "pixel 8"),
        ("Pixel 8", "Pixel 80", ""),
        ("Pixel 8", "Pixel 9", ""),
        ("Tensor G3", "TENSOR g3", "tensor g3"),
        ("Tensor", "tensor", "tensor"),
        ("Tensor", "Tensor X", ""),
        ("SM-S918B", "SM-S918U1", "sm s918"),
        ("iPhone15,2", "iPhone15,3", "iphone15"),
        ("BCM2711", "BCM2712", ""),
        ("8 Gen 21", "8 Gen 22", "8 gen"),
        ("", "", ""),
        ("  ", "--", ""),
        ("小米 14", "小米 14 Pro", "小米 14"),
        ("小米 14", "小米 13", ""),
    ],
)
def test_a_prefix_is_a_kind_of_device(a, b, prefix):
    assert common_prefix(a, b) == common_prefix(b, a) == prefix


def test_names_are_normalized():
    assert normalized(" Raspberry  Pi\t5 (Model_B) ") == "raspberry pi 5 model b"
    assert normalized("ÄRGER") == "Ärger"


@pytest.mark.parametrize("budget", [{}, {"call_ms": 0}, {"call_ms": float("inf")}, {"bytes": -1}, {"seconds": 1}])
def test_a_budget_needs_a_limit_that_is_one(budget):
    with pytest.raises(ValidationError):
        Budget(**budget)


MODELS = st.sampled_from(["", "Pixel 8", "Pixel 8 Pro", "Pixel 9", "Board 7", "Board 7 X"])
LABELS = ("tflite-builtin-fp32", "executorch-xnnpack-fp32")
LIMITS = ("call_ms", "real_time_factor", "bytes", "memory_bytes")


@st.composite
def families(draw: st.DrawFn) -> dict[str, Any]:
    """A reduced manifest of members that all stream."""
    streams = {"sample_rate": 16000, "hop": 160}
    members = []
    for index in range(draw(st.integers(1, 5))):
        artifacts = [
            {
                **dict(zip(("format", "backend", "precision"), label.split("-"), strict=True)),
                "status": draw(st.sampled_from(["passed", "passed", "failed", "unverified"])),
                "file": {"bytes": draw(st.integers(1, 100))},
            }
            for label in LABELS
        ]
        stream = streams | {"frames_per_call": draw(st.integers(1, 3))}
        size = {"macs": draw(st.integers(1, 5)), "params": draw(st.integers(1, 5))}
        members.append({"name": f"m{index}", "io": {"stream": stream}, "artifacts": artifacts} | size)
    return {"members": members}


@st.composite
def results(draw: st.DrawFn) -> dict[str, Any]:
    """A reduced perf of some of m0 … m4."""
    times = st.floats(0.1, 50, allow_nan=False)
    devices = []
    for index in range(draw(st.integers(0, 3))):
        artifacts = []
        for member, label, threads in draw(
            st.sets(st.tuples(st.integers(0, 4), st.sampled_from(LABELS), st.integers(1, 2)), max_size=8)
        ):
            time = draw(st.none() | times)
            latency = {"noisy": draw(st.booleans()), "round_p90_ms": [time, time], "p90_ms": time}
            latency["p90_ms"] = None if latency["noisy"] else time
            memory = draw(st.none() | st.integers(1, 100))
            key = {"member": f"m{member}", "artifact": label, "threads": threads}
            artifacts.append(key | {"latency": None if time is None else latency, "peak_memory_bytes": memory})
        facts = {"model": draw(MODELS), "soc": draw(MODELS), "emulated": draw(st.booleans())}
        devices.append({"device": f"d{index}", "facts": facts, "artifacts": artifacts})
    return {"devices": devices}


BUDGETS = st.dictionaries(st.sampled_from(LIMITS), st.integers(1, 100), min_size=1).map(
    lambda limits: (
        limits | ({"real_time_factor": limits["real_time_factor"] / 20} if "real_time_factor" in limits else {})
    )
)
CALIBRATIONS = st.none() | st.builds(
    Calibration,
    member=st.just("m0"),
    artifact=st.sampled_from(LABELS),
    threads=st.integers(1, 2),
    p90_ms=st.floats(0.1, 50),
)


def picked(family, perf, model, soc, budget, calibration):
    """The pick, or None if no artifact may be picked."""
    arguments = (whole_manifest(family), whole_perf(perf), DeviceFacts(schema="1.0", runner="r", model=model, soc=soc))
    if all(artifact["status"] != "passed" for member in family["members"] for artifact in member["artifacts"]):
        with pytest.raises(RequestError, match="has passed"):
            pick(*arguments, Budget(**budget), calibration)
        return None
    return pick(*arguments, Budget(**budget), calibration)


def rank_of(family, member: str) -> tuple[int, int, int]:
    names = [each["name"] for each in family["members"]]
    each = family["members"][names.index(member)]
    return (each["macs"], each["params"], names.index(member))


@settings(deadline=None)
@given(families(), results(), MODELS, MODELS, BUDGETS, CALIBRATIONS)
def test_never_over_budget_when_one_fits(family, perf, model, soc, budget, calibration):
    if (found := picked(family, perf, model, soc, budget, calibration)) is None:
        return
    chosen = next(
        o for o in found.options if (o.member, o.artifact, o.threads) == (found.member, found.artifact, found.threads)
    )
    assert found.fits == chosen.fits
    if any(option.fits == "yes" for option in found.options):
        assert found.fits == "yes"
        if "call_ms" in budget:
            assert chosen.time_ms <= budget["call_ms"]
        if "memory_bytes" in budget:
            assert chosen.memory_bytes <= budget["memory_bytes"]
        if "bytes" in budget:
            assert chosen.bytes <= budget["bytes"]
        best = max((o.member for o in found.options if o.fits == "yes"), key=lambda name: rank_of(family, name))
        assert found.member == best
    by_name = {each["name"]: each for each in family["members"]}
    statuses = {
        "-".join((a["format"], a["backend"], a["precision"])): a["status"] for a in by_name[found.member]["artifacts"]
    }
    assert statuses[found.artifact] == "passed"


@settings(deadline=None)
@given(families(), results(), MODELS, MODELS, BUDGETS, CALIBRATIONS, st.data())
def test_more_budget_never_gives_a_worse_member(family, perf, model, soc, budget, calibration, data):
    raised = data.draw(st.sampled_from(sorted(budget)))
    more = budget | {raised: budget[raised] * data.draw(st.integers(1, 20))}
    less, better = (picked(family, perf, model, soc, each, calibration) for each in (budget, more))
    if less is not None:
        assert rank_of(family, better.member) >= rank_of(family, less.member)
        assert not (less.fits == "yes" and better.fits != "yes")
