"""Requests of small, real artifacts, for tests that need no bundle."""

from __future__ import annotations

from pathlib import Path

from compiled_members import MEMBERS, compiled, expected, samples

from edge_export.devices.folder import describe_part, new_run_id, write_folder
from edge_export.devices.request import BenchPlan, Item, Mode, Request
from edge_export.files.arrays import load_arrays, save_arrays

COUNT = 3
PLAN = BenchPlan(warm_up_seconds=0.05, seconds=0.02, min_samples=5)


def request_folder(folder: Path, *wanted: tuple[Mode, str]) -> Request:
    """Writes a request folder with one item for each mode and member, and returns the request."""
    items, sources = [], {}
    for number, (mode, member) in enumerate(wanted):
        file, io = compiled(member, "tflite")
        inputs = folder.parent / f"{member}.safetensors"
        save_arrays(inputs, samples(member, COUNT))
        artifact = describe_part(f"artifacts/{member}{file.suffix}", file)
        recorded = describe_part(f"inputs/{inputs.name}", inputs)
        sources |= {artifact.path: file, recorded.path: inputs}
        items.append(
            Item(
                id=f"{number}-{member}",
                member=member,
                label="tflite-builtin-fp32",
                mode=mode,
                format="tflite",
                artifact=artifact,
                io=io,
                member_io=MEMBERS[member][1],
                inputs=recorded,
                plan=PLAN if mode == "bench" else None,
                timeout_s=60,
            )
        )
    request = Request(schema="1.0", run_id=new_run_id(), bundle="0" * 64, items=tuple(items))
    write_folder(folder, request, sources)
    return request


def largest_error(outputs: Path, member: str) -> float:
    """The largest difference between what came back and what PyTorch gives."""
    found, right = load_arrays(outputs), expected(member, samples(member, COUNT))
    assert found.keys() == right.keys()
    return max(float(abs(found[name] - right[name]).max()) for name in right)
