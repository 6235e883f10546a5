"""The Python runner: the bits of this package's own runs; and crashes, hangs and kills that cost one item."""

from __future__ import annotations

import ast
import json
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

import compiled_members as members
import numpy as np
import pytest
from runner_module import RUNNER, events, load_runner, run_runner, status
from safetensors.numpy import load_file, save_file

from edge_export.devices.folder import describe_part, write_folder
from edge_export.devices.request import Item, Request
from edge_export.devices.results import read_results
from edge_export.devices.runner_process import RUNNER as INSTALLED
from edge_export.runtimes.run import RUN, CompiledFile, RunRequest

FORMATS = ("executorch", "tflite")
VECTORS = Path(__file__).resolve().parents[1] / "vectors"


def make_folder(folder: Path, files: dict[str, Path], inputs: Path, io: Any, member_io: Any, **change: Any) -> Request:
    """A request folder with one item for each of `files` by name."""
    folder.mkdir(parents=True)
    sent = describe_part("inputs/inputs.safetensors", inputs)
    items, sources = [], {sent.path: inputs}
    for name, path in files.items():
        artifact = describe_part(f"artifacts/{name}{path.suffix}", path)
        sources[artifact.path] = path
        given: dict[str, Any] = {"id": name, "member": "m", "label": "l", "mode": "verify", "artifact": artifact}
        given |= {"format": "tflite", "inputs": sent, "io": io, "member_io": member_io}
        items.append(Item(**given | change))
    request = Request(schema="1.0", run_id="run1", bundle="0" * 64, items=tuple(items))
    write_folder(folder, request, sources)
    return request


@pytest.mark.slow
@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("member", ["segmenter", "streamer", "planes"])
def test_the_runner_gives_the_same_bits_as_a_run_here(member: str, format_name: str, tmp_path: Path) -> None:
    path, io = members.compiled(member, format_name)
    member_io = members.MEMBERS[member][1]
    fed_back = {sink for _, sink in member_io.feedback}
    inputs = {name: array for name, array in members.samples(member, 3).items() if name not in fed_back}
    save_file(inputs, tmp_path / "inputs.safetensors")
    here = RunRequest(
        file=CompiledFile(format=format_name, path=path, io=io, member_io=member_io),
        inputs=tmp_path / "inputs.safetensors",
        outputs=tmp_path / "outputs.safetensors",
        stream=bool(fed_back),
    )
    answer = members.ask(RUN, here, format_name)
    folder = tmp_path / "request"
    make_folder(folder, {"one": path}, here.inputs, io, member_io, format=format_name, repeat=True)
    done = run_runner(folder)
    assert done.returncode == 0, done.stderr
    found = status(folder, "one")
    assert (found["outcome"], found["runtime"]) == ("done", answer.runtime)
    assert found["repeatable"] is True
    there, expected = load_file(folder / "results" / "one" / "outputs.safetensors"), load_file(here.outputs)
    assert there.keys() == expected.keys()
    for name, array in expected.items():
        assert there[name].tobytes() == array.tobytes()


@pytest.fixture
def segmenter(tmp_path: Path) -> dict[str, Any]:
    """A real artifact with its io and inputs, out of the vectors."""
    request = Request.model_validate_json((VECTORS / "folder" / "request.json").read_bytes())
    item = request.items[0]
    return {
        "path": VECTORS / "folder" / item.artifact.path,
        "inputs": VECTORS / "folder" / item.inputs.path,
        "io": item.io,
        "member_io": item.member_io,
    }


def request_of(segmenter: dict[str, Any], folder: Path, names: tuple[str, ...], **change: Any) -> Request:
    files = dict.fromkeys(names, segmenter["path"])
    return make_folder(folder, files, segmenter["inputs"], segmenter["io"], segmenter["member_io"], **change)


def test_a_crash_of_the_runtime_costs_its_item(segmenter: dict[str, Any], tmp_path: Path) -> None:
    broken = tmp_path / "broken.tflite"
    content = bytearray(segmenter["path"].read_bytes())
    content[100:-100] = b"\xff" * (len(content) - 200)  # offsets that lead anywhere: LiteRT follows them
    broken.write_bytes(content)
    folder = tmp_path / "request"
    files = {"before": segmenter["path"], "broken": broken, "after": segmenter["path"]}
    make_folder(folder, files, segmenter["inputs"], segmenter["io"], segmenter["member_io"])
    done = run_runner(folder)
    assert done.returncode == 0, done.stderr
    outcomes = [outcome for _, outcome in events(done) if outcome != "started"]
    assert outcomes == ["done", "failed", "done"]
    assert status(folder, "broken")["reason"]
    assert [path.name for path in (folder / "results" / "broken").iterdir()] == ["status.json"]


def test_a_hanging_item_is_ended_by_its_time_limit(segmenter: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "request"
    request = request_of(segmenter, folder, ("slow", "next"))
    plan = {"warm_up_seconds": 0, "seconds": 60, "min_samples": 100_000}
    data = json.loads(request.model_dump_json(by_alias=True))
    data["items"][0] |= {"mode": "bench", "plan": plan, "timeout_s": 4.0}
    (folder / "request.json").write_text(json.dumps(data))
    done = run_runner(folder)
    assert done.returncode == 0, done.stderr
    assert [outcome for _, outcome in events(done)] == ["started", "failed", "started", "done"]
    assert "time limit of 4 s" in status(folder, "slow")["reason"]


def test_a_second_start_runs_only_what_is_left(segmenter: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "request"
    request_of(segmenter, folder, ("a", "b", "c"))
    assert run_runner(folder).returncode == 0
    first = (folder / "results" / "a" / "status.json").read_bytes()
    shutil.rmtree(folder / "results" / "b")
    (folder / "results" / "c" / "status.json").write_text("{")
    again = run_runner(folder)
    told = {"a": "finished before", "b": "done", "c": "done"}
    assert {item: outcome for item, outcome in events(again) if outcome != "started"} == told
    assert (folder / "results" / "a" / "status.json").read_bytes() == first


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_runner_leaves_whole_results_and_no_child(
    end: signal.Signals, segmenter: dict[str, Any], tmp_path: Path
) -> None:
    folder = tmp_path / "request"
    request = request_of(segmenter, folder, tuple(f"i{number}" for number in range(30)))
    process = subprocess.Popen([sys.executable, str(RUNNER), str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = [json.loads(process.stdout.readline()) for _ in range(4)]
    assert told[-1]["outcome"] == "done"
    process.send_signal(end)
    process.wait(30)
    process.stdout.close()
    whole = [path for path in (folder / "results").iterdir() if not path.name.startswith(".")]
    assert 2 <= len(whole) < 30
    assert all((path / "status.json").is_file() for path in whole)
    again = run_runner(folder)  # it gets the lock: no child of the killed one holds it
    assert again.returncode == 0, again.stderr
    assert [outcome for _, outcome in events(again)].count("finished before") == len(whole)
    assert len(read_results(folder, request).items) == 30


def test_it_ends_when_its_input_ends(segmenter: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "request"
    request_of(segmenter, folder, tuple(f"i{number}" for number in range(100)))
    command = [sys.executable, str(RUNNER), "--until-eof", str(folder)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.readline()
    process.stdin.close()
    assert process.wait(60) == 4
    process.stdout.close()
    assert len(list(folder.glob("results/*"))) < 100


def test_two_runners_never_work_on_one_folder(segmenter: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "request"
    request_of(segmenter, folder, ("a",))
    command = ["flock", str(folder / ".lock"), "sleep", "60"]
    holder = subprocess.Popen(command)
    try:
        for _ in range(100):
            if (folder / ".lock").exists():
                break
            time.sleep(0.05)
        done = run_runner(folder)
    finally:
        holder.kill()
        holder.wait()
    assert done.returncode == 2
    assert "another runner works on" in done.stderr


def test_a_request_of_another_version_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "request.json").write_text('{"schema": "9.0", "items": []}')
    done = run_runner(tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "the request has schema 9.0, this runner knows 1.0: use its runner\n"


def test_a_python_without_numpy_is_named(tmp_path: Path) -> None:
    done = run_runner("--facts", "--python", f"{sys.executable} -I -S")
    assert done.returncode == 3
    assert done.stderr.startswith(f"numpy is missing for {sys.executable} -I -S: install it with ")


def _only_numpy(folder: Path) -> str:
    """A Python that finds numpy and, of the runtimes, only what lies in `folder`."""
    (folder / "numpy").symlink_to(Path(np.__file__).parent)
    (folder / "numpy.libs").symlink_to(Path(np.__file__).parents[1] / "numpy.libs")
    script = folder / "python"
    script.write_text(f'#!/bin/sh\nPYTHONPATH={folder} exec {sys.executable} -S "$@"\n')
    script.chmod(0o755)
    return str(script)


def test_a_device_without_a_runtime_says_what_to_install(tmp_path: Path) -> None:
    done = run_runner("--facts", "--python", _only_numpy(tmp_path))
    assert done.returncode == 3
    assert done.stderr == "no runtime works: tflite: install ai-edge-litert; executorch: install executorch\n"


def test_a_runtime_of_another_architecture_is_named(tmp_path: Path) -> None:
    python = _only_numpy(tmp_path)
    (tmp_path / "ai_edge_litert").mkdir()
    library = tmp_path / "ai_edge_litert" / f"interpreter{sysconfig.get_config_var('EXT_SUFFIX')}"
    library.write_bytes(b"\x7fELF\x01" + b"\0" * 1000)  # of a machine with 32 bits
    done = run_runner("--facts", "--python", python)
    assert done.returncode == 3
    assert "tflite: it was built for another architecture than" in done.stderr


def test_a_library_that_does_not_load_is_named(tmp_path: Path) -> None:
    done = run_runner("--facts", "--tflite-library", tmp_path / "lib.so")
    assert done.returncode == 3
    assert re.fullmatch(r"no runtime works: tflite: .*/lib\.so: cannot open shared object file.*\n", done.stderr)


def test_a_library_without_the_c_api_is_named(tmp_path: Path) -> None:
    done = run_runner("--facts", "--tflite-library", "libc.so.6")
    assert done.returncode == 3
    assert re.fullmatch(r"no runtime works: tflite: .*undefined symbol: TfLiteVersion\n", done.stderr)


def test_check_names_the_runtimes(tmp_path: Path) -> None:
    done = run_runner("--check")
    assert done.returncode == 0, done.stderr
    assert "numpy works" in done.stdout
    assert "tflite: LiteRT " in done.stdout


def test_a_file_of_other_types_and_without_the_batch_of_one_is_called_in_its_own() -> None:
    runner = load_runner()
    member_io = {
        "inputs": [{"name": "ids", "shape": [1, 2], "dtype": "int64"}],
        "outputs": [{"name": "flags", "shape": [1, 2], "dtype": "bool"}],
    }
    io = {
        "inputs": [{"name": "x", "shape": [2], "dtype": "int32"}],
        "outputs": [{"name": "y", "shape": [2], "dtype": "int32"}],
    }
    given = {}

    def call(inputs: dict[str, Any]) -> dict[str, Any]:
        given.update(inputs)
        return {"y": np.int32([1, 0])}

    run = runner.as_member(call, io, member_io)
    flags = run({"ids": np.array([[-7, 2**31 - 1]])})["flags"]
    assert given["x"].dtype == np.int32
    assert given["x"].tolist() == [-7, 2**31 - 1]
    assert flags.dtype == bool
    assert flags.tolist() == [[True, False]]
    with pytest.raises(ValueError, match="x holds 2147483648, which is no int32"):
        run({"ids": np.array([[0, 2**31]])})


def test_it_is_one_file_for_python_3_9() -> None:
    text = RUNNER.read_text("utf-8")
    tree = ast.parse(text, feature_version=(3, 9))
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else name.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert imported - set(sys.stdlib_module_names) == {"numpy"}


def test_the_package_holds_the_same_runner() -> None:
    assert RUNNER.samefile(INSTALLED)
