"""Writes the vectors that the runners of every language must agree on. The files beside it are what it wrote.

    python tests/vectors/make_vectors.py

- `requests.json` and `manifests.json`: records, and whether they are valid.
- `safetensors.json`: files in hexadecimal, and the arrays in them, or null where they must be refused.
- `streams.json`: recordings, the calls that a stream makes of them, what a network gave for each, and the result.
- `folder/`: a request folder with a real `.tflite` file, and what must come out of it.

`picker.json` is not written here.
"""

from __future__ import annotations

import copy
import json
import shutil
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save, save_file

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1])]

import compiled_members as members  # noqa: E402

from edge_export.devices.folder import describe_part, write_folder  # noqa: E402
from edge_export.devices.request import BenchPlan, Item, Part, Request  # noqa: E402
from edge_export.runtimes.stream import stream_recording  # noqa: E402
from edge_export.spec.tensors import IOSpec, Stream, TensorSpec  # noqa: E402

DIGEST = "0" * 64
TOLERANCE = 1e-5


def changed(record: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Returns a copy of a record with another value at a path of keys and numbers; None: without the key."""
    result = copy.deepcopy(record)
    place: Any = result
    *way, last = [int(key) if key.isdigit() else key for key in path.split("/")]
    for key in way:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return result


def request_cases() -> list[dict[str, Any]]:
    part = {"path": "artifacts/a.tflite", "sha256": DIGEST, "bytes": 1}
    io = {"inputs": [{"name": "x", "shape": [1, 2]}], "outputs": [{"name": "y", "shape": [1, 2]}]}
    item = {"id": "0000-recorded", "member": "w0.5", "label": "tflite-builtin-fp32", "mode": "verify"}
    item |= {"format": "tflite", "artifact": part, "io": io, "member_io": io}
    item |= {"inputs": part | {"path": "inputs/i.safetensors"}}
    good: dict[str, Any] = {"schema": "1.0", "run_id": "a1", "bundle": DIGEST, "items": [item]}
    cases = [("least", good, True)]
    cases += [("bench", changed(good, "items/0/mode", "bench"), True)]
    cases += [("two items", good | {"items": [item, item | {"id": "0001"}]}, True)]
    bad: dict[str, tuple[str, Any]] = {
        "of another version": ("schema", "2.0"),
        "without a version": ("schema", None),
        "without a run": ("run_id", None),
        "a run that is a path": ("run_id", "../a"),
        "without items": ("items", None),
        "no items": ("items", []),
        "an item without an artifact": ("items/0/artifact", None),
        "an item without io": ("items/0/io", None),
        "an item named like a folder above": ("items/0/id", ".."),
        "an item named like a path": ("items/0/id", "a/b"),
        "an item with an empty name": ("items/0/id", ""),
        "an item with a name of another alphabet": ("items/0/id", "é"),
        "an unknown mode": ("items/0/mode", "fly"),
        "an artifact above": ("items/0/artifact/path", "../a.tflite"),
        "an absolute artifact": ("items/0/artifact/path", "/etc/passwd"),
        "inputs above": ("items/0/inputs/path", "inputs/../../i"),
        "the same name twice": ("items", [item, item]),
        "items that are none": ("items", "x"),
    }
    cases += [(name, changed(good, *change), False) for name, change in bad.items()]
    return [{"name": name, "record": record, "valid": valid} for name, record, valid in cases]


def manifest_cases() -> list[dict[str, Any]]:
    file = {"path": "members/w0.5/tflite-builtin-fp32.tflite", "sha256": DIGEST, "bytes": 1}
    golden = {"path": "goldens/w0.5.safetensors", "sha256": DIGEST, "bytes": 1}
    tolerance = {"snr_db": 90, "max_abs_of_peak": 1e-4}
    io: dict[str, Any] = {
        "inputs": [{"name": "audio", "shape": [1, 1, 256]}, {"name": "state", "shape": [1, 8]}],
        "outputs": [{"name": "stems", "shape": [1, 2, 1, 256]}, {"name": "next_state", "shape": [1, 8]}],
        "feedback": [["next_state", "state"]],
        "stream": {
            "sample_rate": 16000,
            "hop": 256,
            "frames_per_call": 1,
            "delay": 256,
            "stems": ["vocals", "accompaniment"],
        },
    }
    artifact = {"format": "tflite", "backend": "builtin", "precision": "fp32", "file": file, "io": io}
    artifact |= {"tolerance": tolerance, "status": "passed", "reason": ""}
    member = {"name": "w0.5", "config": "0.5", "io": io, "params": 1, "macs": 1, "peak_activation_bytes": 1}
    member |= {"calibration_batches": 0, "tolerance": tolerance, "folded": 0, "refused": [], "golden": golden}
    member |= {"extremes": golden, "metric": None, "artifacts": [artifact]}
    recorded = {"metric": "si_sdr", "inputs": golden, "held_out": None, "extremes": golden}
    mother = {"spec": "separator", "checkpoint_sha256": None}
    good: dict[str, Any] = {"schema": "1.0", "target": "android", "mother": mother, "tools": {}, "recorded": recorded}
    good["members"] = [member]
    failed = {"file": None, "io": None, "status": "error", "reason": "did not compile"}
    cases = [("least", good, True)]
    cases += [("nothing compiled", changed(good, "members/0/artifacts", [artifact | failed]), True)]
    cases += [("for an app", changed(good, "taken_from", DIGEST), True)]
    runs_in = {"runs_from": "TensorFlow Lite 2.16.1", "full_speed_from": "LiteRT 1.1.2"}
    place = "members/0/artifacts/0/runs_in"
    cases += [("a file for newer runtimes", changed(good, place, runs_in), True)]
    cases += [("a file whose speed is not known", changed(good, place, {"runs_from": "TensorFlow Lite 2.17"}), True)]
    uncounted = member | {"weight_bytes": None}
    cases += [("the bytes of its weights", changed(good, "members/0/weight_bytes", 4), True)]
    cases += [("bytes that an earlier version did not count", changed(good, "members/0", uncounted), True)]
    bad: dict[str, tuple[str, Any]] = {
        "a negative count of bytes": ("members/0/weight_bytes", -1),
        "of another version": ("schema", "2.0"),
        "without a version": ("schema", None),
        "taken from no bundle": ("taken_from", "dist/android"),
        "without members": ("members", None),
        "no members": ("members", []),
        "a file above": ("members/0/artifacts/0/file/path", "../x.tflite"),
        "an absolute file": ("members/0/artifacts/0/file/path", "/x.tflite"),
        "a file with a hidden name": ("members/0/artifacts/0/file/path", "members/.x"),
        "a file with a negative size": ("members/0/artifacts/0/file/bytes", -1),
        "a sha256 that is too short": ("members/0/artifacts/0/file/sha256", "0"),
        "an unknown status": ("members/0/artifacts/0/status", "fine"),
        "a shape with a zero": ("members/0/io/inputs/0/shape", [1, 0]),
        "an unknown type": ("members/0/io/inputs/0/dtype", "float128"),
        "a tensor whose name has a dot": ("members/0/io/inputs/0/name", "a.b"),
        "state that comes from nowhere": ("members/0/io/feedback", [["nothing", "state"]]),
        "state of another shape": ("members/0/io/inputs/1/shape", [1, 9]),
        "a stream without a hop": ("members/0/io/stream/hop", 0),
        "a stem named twice": ("members/0/io/stream/stems", ["vocals", "vocals"]),
        "a file for runtimes without a name": ("members/0/artifacts/0/runs_in", {"full_speed_from": ""}),
        "a file for runtimes that are no text": ("members/0/artifacts/0/runs_in", {"runs_from": 2}),
        "an unknown field": ("more", 1),
    }
    cases += [(name, changed(good, *change), False) for name, change in bad.items()]
    return [{"name": name, "record": record, "valid": valid} for name, record, valid in cases]


def safetensors_cases() -> list[dict[str, Any]]:
    rng = np.random.default_rng(1)
    arrays = {
        "a": rng.standard_normal((2, 3)).astype(np.float32),
        "b": rng.integers(-9, 9, (4,)).astype(np.int8),
        "c": np.array(2.5, np.float16),
        "d": np.array([[True, False]]),
        "e": rng.integers(-9, 9, (1, 2)).astype(np.int64),
    }
    whole = save(arrays)
    one = save({"a": arrays["a"]})
    header = json.loads(one[8 : 8 + struct.unpack("<Q", one[:8])[0]])
    data = one[-24:]

    def file(header: Any, data: bytes = data) -> bytes:
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + data

    def entry(**change: Any) -> dict[str, Any]:
        return {"a": header["a"] | change}

    def twice(name: str, value: Any) -> bytes:
        return f'{{"{name}":{json.dumps(value)},"{name}":{json.dumps(value)}}}'.encode()

    good = {
        "every type": (whole, arrays),
        "one array": (one, {"a": arrays["a"]}),
        "with notes": (save({"a": arrays["a"]}, {"made by": "nobody"}), {"a": arrays["a"]}),
        "nothing": (save({}), {}),
        "an empty array": (save({"a": np.zeros((0, 3), np.float32)}), {"a": np.zeros((0, 3), np.float32)}),
    }
    bad = {
        "empty file": b"",
        "seven bytes": one[:7],
        "no header": one[:8],
        "half a header": one[:20],
        "half of the data": one[:-12],
        "a byte too many": one + b"\0",
        "a header of 2^63 bytes": struct.pack("<Q", 1 << 63) + one[8:],
        "a header that is a list": file([1]),
        "a header that is no JSON": file(b"{not json"),
        "an unknown type": file(entry(dtype="F33")),
        "a negative shape": file(entry(shape=[-2, -3])),
        "a broken shape": file(entry(shape=[2.5, 3])),
        "a shape that does not fit": file(entry(shape=[2, 4])),
        "offsets out of the file": file(entry(data_offsets=[24, 48])),
        "offsets backwards": file(entry(data_offsets=[24, 0])),
        "a hole": file(entry(data_offsets=[4, 28]), data + b"\0" * 4),
        "two arrays in one place": file(entry() | {"b": header["a"]}),
        "a name that is there twice": file(twice("a", header["a"])),
        "notes that are there twice": file(twice("__metadata__", {}), b""),
        "a type that is there twice": file(json.dumps(header).replace('"dtype"', '"dtype":"F32","dtype"').encode()),
        "an entry without a type": file({"a": {"shape": [2, 3], "data_offsets": [0, 24]}}),
    }
    cases: list[dict[str, Any]] = [
        {
            "name": name,
            "hex": content.hex(),
            "arrays": {
                key: {"dtype": array.dtype.name, "shape": list(array.shape), "values": array.ravel().tolist()}
                for key, array in found.items()
            },
        }
        for name, (content, found) in good.items()
    ]
    return cases + [{"name": name, "hex": content.hex(), "arrays": None} for name, content in bad.items()]


def late_by(delay: int, size: int) -> Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]:
    """A network whose first stem is its input `delay` samples ago, and whose second stem is its negative."""

    def run(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        late = np.concatenate([inputs["state"].reshape(1, 1, delay), inputs["audio"]], axis=-1)
        out = late[..., :size]
        return {"stems": np.stack([out, -out], axis=1), "next_state": late[..., size:].reshape(1, delay)}

    return run


def stream_cases() -> list[dict[str, Any]]:
    cases = []
    for hop, frames, delay, samples in ((2, 1, 3, 5), (4, 1, 4, 4), (2, 2, 3, 9), (4, 2, 1, 1), (3, 1, 7, 20)):
        stream = Stream(sample_rate=8000, hop=hop, frames_per_call=frames, delay=delay, stems=("same", "negative"))
        size = stream.samples
        io = IOSpec(
            (TensorSpec("audio", (1, 1, size)), TensorSpec("state", (1, delay))),
            (TensorSpec("stems", (1, 2, 1, size)), TensorSpec("next_state", (1, delay))),
            feedback=(("next_state", "state"),),
            stream=stream,
        )
        recording = (np.arange(1, samples + 1, dtype=np.float32) / 8).reshape(1, 1, samples)
        calls: list[dict[str, Any]] = []
        network = late_by(delay, size)

        def run(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
            outputs = network(inputs)  # noqa: B023, it is called before the next one is made
            both = {"inputs": inputs, "outputs": outputs}
            calls.append({side: {n: a.ravel().tolist() for n, a in each.items()} for side, each in both.items()})  # noqa: B023
            return outputs

        result = stream_recording(run, io, recording)
        cases.append(
            {
                "name": f"{samples} samples, {size} a call, {delay} late",
                "hop": hop,
                "frames_per_call": frames,
                "delay": delay,
                "recording": recording.ravel().tolist(),
                "calls": calls,
                "result": {"shape": list(result.shape), "values": result.ravel().tolist()},
            }
        )
    return cases


def write_request_folder(folder: Path) -> None:
    """A request folder, and `expected.json`: the outcome of each item, and the outputs that PyTorch gives."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    artifact, io = members.compiled("segmenter", "tflite")
    inputs = members.samples("segmenter", 3)
    save_file(inputs, folder / "made.safetensors")
    parts = (
        describe_part("artifacts/segmenter.tflite", artifact),
        describe_part("inputs/images.safetensors", folder / "made.safetensors"),
    )

    def item(name: str, **change: Any) -> Item:
        given: dict[str, Any] = {"id": name, "member": "segmenter", "label": "tflite-builtin-fp32", "mode": "verify"}
        given |= {"format": "tflite", "artifact": parts[0], "inputs": parts[1], "timeout_s": 120.0}
        return Item(**given | {"io": io, "member_io": members.MEMBERS["segmenter"][1]} | change)

    wrong = TensorSpec("picture", (1, 6, 6, 6), layout="NCHW")
    items = (
        item("verify", repeat=True),
        item("bench", mode="bench", plan=BenchPlan(warm_up_seconds=0.2, seconds=0.1, min_samples=5)),
        item("memory", mode="memory"),
        item("format", format="nothing"),
        item("content", artifact=Part(path=parts[0].path, sha256=DIGEST, bytes=parts[0].bytes)),
        item("inputs", member_io=IOSpec((wrong,), members.MEMBERS["segmenter"][1].outputs)),
    )
    request = Request(schema="1.0", run_id="vectors", bundle=DIGEST, items=items)
    made = folder / "made.safetensors"
    write_folder(folder, request, {parts[0].path: artifact, parts[1].path: made})
    made.unlink()
    outcomes = dict.fromkeys(("verify", "bench", "memory"), "done")
    outcomes |= {"format": "unsupported", "content": "failed", "inputs": "failed"}
    mask = members.expected("segmenter", inputs)["mask"]
    outputs = {"mask": {"dtype": "float32", "shape": list(mask.shape), "values": mask.ravel().tolist()}}
    expected = {"outcomes": outcomes, "outputs": {"verify": outputs}, "tolerance": TOLERANCE}
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")


def write(name: str, cases: list[dict[str, Any]]) -> None:
    lines = ",\n".join(json.dumps(case) for case in cases)
    (HERE / f"{name}.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    write("requests", request_cases())
    write("manifests", manifest_cases())
    write("safetensors", safetensors_cases())
    write("streams", stream_cases())
    write_request_folder(HERE / "folder")
