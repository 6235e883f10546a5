"""Fills the reduced records of `tests/vectors/picker.json` up to whole ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edge_export.bundle.manifest import Manifest
from edge_export.bundle.perf import Perf
from edge_export.bundle.picker import Budget, Calibration, Pick, pick
from edge_export.spec.device import DeviceFacts

VECTORS = Path(__file__).resolve().parent / "vectors" / "picker.json"
_DIGEST = "0" * 64
_FILE = {"path": "f", "sha256": _DIGEST, "bytes": 1}
_TOLERANCE = {"snr_db": 90, "max_abs_of_peak": 1e-4}
_TENSORS = {"inputs": [{"name": "x", "shape": [1, 1]}], "outputs": [{"name": "y", "shape": [1, 1]}]}
_ROUND = {
    "load_ms": 1,
    "first_ms": 1,
    "warm_up_calls": 1,
    "stable": True,
    "calls_per_sample": 1,
    "samples": "",
    "count": 1,
}


def read_vectors() -> dict[str, Any]:
    vectors: dict[str, Any] = json.loads(VECTORS.read_text("utf-8"))
    return vectors


def whole_manifest(reduced: dict[str, Any]) -> Manifest:
    recorded = {"metric": "top1", "inputs": _FILE, "held_out": None, "extremes": _FILE}
    whole = {"schema": "1.0", "target": "t", "tools": {}, "recorded": recorded}
    whole["mother"] = {"spec": "made up", "checkpoint_sha256": None}
    whole["members"] = [_member(each) for each in reduced["members"]]
    return Manifest.model_validate_json(json.dumps(whole))


def _member(reduced: dict[str, Any]) -> dict[str, Any]:
    stream = reduced["io"]["stream"]
    return reduced | {
        "config": "c",
        "io": _TENSORS | {"stream": stream and stream | {"delay": 0, "stems": ["vocals"]}},
        "peak_activation_bytes": 1,
        "calibration_batches": 0,
        "tolerance": _TOLERANCE,
        "folded": 0,
        "refused": [],
        "golden": _FILE,
        "extremes": _FILE,
        "metric": None,
        "artifacts": [
            each | {"file": each["file"] and _FILE | each["file"], "io": None, "tolerance": _TOLERANCE, "reason": ""}
            for each in reduced["artifacts"]
        ],
    }


def whole_perf(reduced: dict[str, Any]) -> Perf:
    devices = [
        each
        | {
            "facts": {"schema": "1.0", "runner": "r"} | each["facts"],
            "artifacts": [_artifact(result) for result in each["artifacts"]],
        }
        for each in reduced["devices"]
    ]
    return Perf.model_validate_json(json.dumps({"schema": "1.0", "bundle": _DIGEST, "devices": devices}))


def _artifact(reduced: dict[str, Any]) -> dict[str, Any]:
    latency = reduced["latency"]
    return reduced | {"sha256": _DIGEST, "run": "r", "latency": latency and _latency(latency)}


def _latency(reduced: dict[str, Any]) -> dict[str, Any]:
    times = {"load_ms": 1, "first_ms": 1, "worst_ms": 1, "round_median_ms": [1], "spread": 0}
    return times | {"median_ms": None, "interval": None, "p99_ms": None, "rounds": [_ROUND]} | reduced


def pick_case(vectors: dict[str, Any], case: dict[str, Any]) -> Pick:
    return pick(
        whole_manifest(vectors["manifests"][case["manifest"]]),
        whole_perf(vectors["perfs"][case["perf"]]),
        DeviceFacts(schema="1.0", runner="r", **case["facts"]),
        Budget(**case["budget"]),
        case["calibration"] and Calibration(**case["calibration"]),
    )
