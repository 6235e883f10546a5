"""Bundles to report on: copies of a real one that hold other goldens, other verdicts and a stranger's texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from changed_bundles import changed

from edge_export.bundle.folder import describe_file
from edge_export.data.excerpts import SAMPLE_RATE, open_excerpts
from edge_export.files.arrays import Array, load_arrays, save_arrays

HOSTILE = "</script><script>window.taken=1</script><img src=x onerror='window.taken=1'>\"'&{{7*7}}"


def add_member(manifest: dict[str, Any], numerics: dict[str, Any], name: str, **facts: object) -> None:
    """Adds a copy of the first member."""
    manifest["members"].append(json.loads(json.dumps(manifest["members"][0])) | {"name": name} | facts)
    numerics["members"].append(json.loads(json.dumps(numerics["members"][0])) | {"name": name})


def of_three(manifest: dict[str, Any], numerics: dict[str, Any]) -> None:
    """Three members; of the last one, one file failed, one could not be run, and one did not compile."""
    add_member(manifest, numerics, "w0.5", macs=600_000, metric=99.7)
    add_member(manifest, numerics, "w1.0", macs=2_000_000, metric=99.2)
    first, second = manifest["members"][2]["artifacts"]
    third = json.loads(json.dumps(second)) | {"precision": "int8", "file": None, "io": None}
    manifest["members"][2]["artifacts"].append(third)
    runs = numerics["members"][2]["runs"]
    runs.append(runs[0] | {"artifact": f"{third['format']}-{third['backend']}-int8", "agreement": None, "metric": None})
    verdicts = (("failed", "SNR 12.0 dB is below 90 dB"), ("unverified", "no runtime"), ("error", "did not convert"))
    for artifact, (status, reason) in zip((first, second, third), verdicts, strict=True):
        artifact |= {"status": status, "reason": reason}
        for run in runs:
            if run["artifact"] == f"{artifact['format']}-{artifact['backend']}-{artifact['precision']}":
                run |= {"verdict": status, "reason": reason}
    manifest["errors"] = [{"name": "w2.0", "config": "2.0", "reason": "no such width"}]


def hostile(manifest: dict[str, Any], numerics: dict[str, Any]) -> None:
    """A stranger's text wherever a record takes any text."""
    of_three(manifest, numerics)
    manifest["mother"]["spec"] = manifest["recorded"]["unit"] = HOSTILE
    manifest["tools"]["torch"] = HOSTILE
    manifest["errors"][0] |= {"config": HOSTILE, "reason": HOSTILE}
    for member in manifest["members"]:
        member["config"] = HOSTILE
        member["io"]["labels"] = [f"{label}{HOSTILE}" for label in member["io"]["labels"]]
        for artifact in member["artifacts"]:
            artifact["reason"] = HOSTILE
    for numbers in numerics["members"]:
        for run in numbers["runs"]:
            run |= {"reason": HOSTILE, "runtime": HOSTILE}
        for stage in numbers["stages"]:
            stage |= {"name": HOSTILE, "reason": HOSTILE}


def with_goldens(bundle: Path, outputs: dict[str, Array], inputs: Array | None = None) -> Path:
    """Writes other golden outputs, one array for each member, and inputs if there are some. Returns `bundle`."""
    path = bundle / "manifest.json"
    manifest = json.loads(path.read_text())
    goldens = bundle / "goldens"
    if inputs is not None:
        save_arrays(goldens / "inputs.safetensors", {manifest["members"][0]["io"]["inputs"][0]["name"]: inputs})
        manifest["recorded"]["inputs"] = describe_file(bundle, goldens / "inputs.safetensors").model_dump(mode="json")
    for member in manifest["members"]:
        file = goldens / f"{member['name']}.safetensors"
        save_arrays(file, {member["io"]["outputs"][0]["name"]: outputs[member["name"]]})
        member["golden"] = describe_file(bundle, file).model_dump(mode="json")
    path.write_text(json.dumps(manifest))
    return bundle


def disputed(bundle: Path, copy: Path) -> Path:
    """Copies the bundle of digits; the last of three members says something else of the first two goldens."""
    changed(bundle, copy, of_three)
    (logits,) = load_arrays(copy / "goldens" / "w0.25.safetensors").values()
    other = logits.copy()
    other[:2] = -other[:2]
    return with_goldens(copy, {"w0.25": logits, "w0.5": logits, "w1.0": other})


def sounding(bundle: Path, copy: Path, seconds: float = 2.0) -> Path:
    """Copies a bundle; its two members separate two recorded songs: one gives the true stems, one half of them."""
    samples = int(seconds * SAMPLE_RATE)
    excerpts = open_excerpts()
    mixtures, vocals = excerpts.mixtures[:2, :, :samples].numpy(), excerpts.vocals[:2, :, :samples].numpy()
    stems = np.stack([vocals, mixtures - vocals], axis=1)
    stream = {"sample_rate": SAMPLE_RATE, "hop": 256, "frames_per_call": 1, "delay": 0}

    def edit(manifest: dict[str, Any], numerics: dict[str, Any]) -> None:
        add_member(manifest, numerics, "d2w2", macs=1_000_000)
        held_out = copy / "goldens" / "held_out.safetensors"
        save_arrays(held_out, {"audio": mixtures, "targets": stems})
        manifest["recorded"]["held_out"] = describe_file(copy, held_out).model_dump(mode="json")
        for member in manifest["members"]:
            member["io"] = {
                "inputs": [{"name": "audio", "shape": [1, 1, 256]}],
                "outputs": [{"name": "stems", "shape": [1, 2, 1, 256]}],
                "stream": stream | {"stems": ["vocals", "accompaniment"]},
            }

    changed(bundle, copy, edit)
    return with_goldens(copy, {"w0.25": stems, "d2w2": 0.5 * stems}, mixtures)
