"""The main job on real files: build, verify somewhere else, and what happens when something is wrong."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tflite_target import tflite_only

ROOT = Path(__file__).resolve().parents[2]
STRANGERS = "tests.strangers"
STAGES = ["extracted", "calibrated", "fold_batchnorm_into_previous", "merge_linear", "baked", "exported"]
"""Of the narrowest member."""
UNMERGED = ["features.2.body.6", "features.4.body.6"]
"""Layers of the narrowest member that would take more products merged, or that a sum reads, too."""


def run_of(result: dict, label: str, member: int = 0) -> dict:
    return next(r for a in result["members"][member]["artifacts"] for r in a["runs"] if r["artifact"] == label)


@pytest.mark.slow
def test_ios_family_of_digits(edge_export, coreai_environment, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "environments").symlink_to(coreai_environment.parents[2])
    done = edge_export("build", "--target", "ios", "--mother", "digits", "--members", "0.25", "--out", "ios", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    (member,) = result["members"]
    assert member["name"] == "w0.25"
    assert all(stage["agreement"]["snr_db"] > 110 and not stage["reason"] for stage in member["stages"])
    assert [s["name"] for s in member["stages"]] == STAGES
    assert [(r["rule"], r["layer"]) for r in member["refused"]] == [("merge_linear", at) for at in UNMERGED]
    assert member["metric"] >= 98
    assert run_of(result, "executorch-xnnpack-fp32")["verdict"] == "passed"
    for precision in ("fp32", "fp16"):
        for made in ("coreml-mlprogram", "coreai-aimodel"):
            run = run_of(result, f"{made}-{precision}")
            assert run["verdict"] == "passed"
            assert run["agreement"]["snr_db"] > {"fp32": 100, "fp16": 50}[precision]
            assert run["metric"]["artifact"] >= 98
    sizes = {a["precision"]: a["file"]["bytes"] for a in member["artifacts"] if a["format"] == "coreml"}
    assert sizes["fp16"] < sizes["fp32"]
    assert edge_export("verify", "ios", "--strict").returncode == 0


@pytest.mark.slow
def test_an_environment_that_cannot_or_must_not_be_set_up_is_an_error_with_the_line_that_does(edge_export, monkeypatch):
    lines = (ROOT / "edge_export" / "targets" / "ios.toml").read_text().splitlines()
    first, limits = lines.index("[[artifacts]]"), lines.index("[tolerances.member.fp32]")
    plan = ["[[artifacts]]", 'format = "coreai"', 'backend = "aimodel"', 'precision = "fp32"']
    (edge_export.folder / "phone.toml").write_text("\n".join([*lines[:first], *plan, *lines[limits:]]))
    members = ("--mother", "digits", "--members", "0.25")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    for options in ((), ("--no-setup",)):
        done = edge_export("build", "--target", "phone.toml", *members, "--out", "b", "--json", *options)
        assert done.returncode == 1, done.stderr
        run = run_of(json.loads(done.stdout), "coreai-aimodel-fp32")
        assert run["verdict"] == "error"
        assert "the environment coreai is not set up: run `edge_export doctor --setup coreai`" in run["reason"]
        assert ("pip could not install coreai" in done.stderr) == (not options)
        assert ("85 MB to download" in done.stderr) == (not options)


@pytest.mark.slow
def test_a_stranger_s_mother_builds_like_ours(edge_export):
    arguments = ("--mother", "examples.elastic_mlp:trained")
    done = edge_export("build", "--target", "android", *arguments, "--members", "h8,h32", "--out", "b", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    for index in range(2):
        for label in ("executorch-xnnpack-fp32", "tflite-builtin-fp32"):
            run = run_of(result, label, index)
            assert run["verdict"] == "passed"
            assert run["metric"]["artifact"] == run["metric"]["mother"] > 85
    # A manifest may name any module: without --mother, none is imported by its word.
    done = edge_export("verify", "b", "--json")
    assert done.returncode == 0
    assert "--mother examples.elastic_mlp:trained" in json.loads(done.stdout)["stages"]
    done = edge_export("verify", "b", *arguments, "--json")
    assert json.loads(done.stdout)["members"][1]["stages"][0]["name"] == "recorded"


def test_the_documented_build_from_python_is_that_of_the_command_line(edge_export, small_bundle):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "EDGE_EXPORT_CACHE": str(small_bundle.parent / "cache")}
    command = [sys.executable, str(ROOT / "examples" / "from_python.py")]
    done = subprocess.run(
        command, cwd=edge_export.folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "w0.25 tflite-builtin-fp32 passed within tolerance of the mother" in done.stdout.splitlines()
    built = edge_export.folder / "dist" / "digits"
    assert (built / "manifest.json").read_bytes() == (small_bundle / "manifest.json").read_bytes()


def test_a_bundle_copied_elsewhere_is_verified_whole(edge_export, small_bundle):
    copy = edge_export.folder / "elsewhere" / "copy"
    shutil.copytree(small_bundle, copy)
    done = edge_export("verify", copy, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    (member,) = result["members"]
    assert [s["name"] for s in member["stages"]] == ["recorded", *STAGES]
    files = {
        path.name.removesuffix(path.suffix): path.stat().st_size for path in (copy / "members" / "w0.25").iterdir()
    }
    assert {artifact["label"]: artifact["bytes"] for artifact in member["artifacts"]} == files
    assert member["params"] > 9000
    for run in member["runs"]:
        assert run["verdict"] == "passed"
        assert run["agreement"]["snr_db"] > 110
        assert run["agreement"]["top1_agreement"] == 1.0
        assert run["metric"]["artifact"] == run["metric"]["mother"] >= 98
        assert run["metric"]["count"] > 350


def test_the_input_layout_is_what_the_manifest_states(small_bundle):
    from ai_edge_litert.interpreter import Interpreter

    manifest = json.loads((small_bundle / "manifest.json").read_text())
    (tflite,) = [a for a in manifest["members"][0]["artifacts"] if a["format"] == "tflite"]
    (stated,) = tflite["io"]["inputs"]
    assert (stated["layout"], stated["shape"]) == ("NHWC", [1, 32, 32, 1])
    interpreter = Interpreter(str(small_bundle / tflite["file"]["path"]))
    assert interpreter.get_input_details()[0]["shape"].tolist() == stated["shape"]


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_a_weight(path: Path) -> None:
    """The highest bit of its mantissa: numbers start at multiples of four, the lowest byte first."""
    content = bytearray(path.read_bytes())
    content[len(content) * 3 // 16 * 4 + 2] ^= 0x40
    path.write_bytes(content)


@pytest.mark.parametrize(("damage", "suffix"), [(truncate, "pte"), (flip_a_weight, "tflite"), (Path.unlink, "pte")])
def test_a_damaged_artifact_fails_alone(damage, suffix, edge_export, small_bundle):
    copy = edge_export.folder / "copy"
    shutil.copytree(small_bundle, copy)
    (path,) = copy.rglob(f"*.{suffix}")
    damage(path)
    done = edge_export("verify", copy)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stdout.splitlines() if path.name.split(".")[0] in line and " failed: " in line]
    assert "build it again" in line or "changed" in line
    assert "1 check did not pass" in done.stdout


@pytest.mark.parametrize("damage", [truncate, flip_a_weight])
def test_damage_is_found_even_where_the_manifest_agrees_with_it(damage, edge_export, small_bundle):
    """Whoever damages files may also mend their hashes: then the runtimes and the numbers must tell."""
    from edge_export.files.hashing import sha256_of

    copy = edge_export.folder / "copy"
    shutil.copytree(small_bundle, copy)
    manifest = copy / "manifest.json"
    text = manifest.read_text()
    for path in (*copy.rglob("*.pte"), *copy.rglob("*.tflite")):
        before, size = sha256_of(path), path.stat().st_size
        damage(path)
        text = text.replace(before, sha256_of(path)).replace(f'"bytes": {size}', f'"bytes": {path.stat().st_size}')
    manifest.write_text(text)
    done = edge_export("verify", copy, "--json")
    assert done.returncode == 1
    verdicts = {r["artifact"].split("-")[0]: r["verdict"] for r in json.loads(done.stdout)["members"][0]["runs"]}
    assert verdicts == {"executorch": "failed", "tflite": "failed"}


def test_goldens_that_were_changed_are_noticed(edge_export, small_bundle):
    copy = edge_export.folder / "copy"
    shutil.copytree(small_bundle, copy)
    golden = copy / "goldens" / "w0.25.safetensors"
    arrays = load_file(golden)
    save_file({name: np.zeros_like(array) for name, array in arrays.items()}, golden)
    done = edge_export("verify", copy)
    assert done.returncode == 1
    assert "w0.25.safetensors" in done.stdout
    shutil.rmtree(copy)
    shutil.copytree(small_bundle, copy)
    truncate(copy / "goldens" / "inputs.safetensors")
    done = edge_export("verify", copy)
    assert done.returncode == 2
    assert "inputs.safetensors" in done.stderr


def test_a_wrong_member_is_never_compiled_and_its_stage_is_named(edge_export):
    done = edge_export("build", "--target", "linux", "--mother", f"{STRANGERS}:WrongMember", "--out", "b", "--json")
    assert done.returncode == 1
    for member in json.loads(done.stdout)["members"]:
        for artifact in member["artifacts"]:
            assert artifact["status"] == "failed"
            assert artifact["file"] is None
            assert artifact["reason"].startswith("stage extracted: SNR ")
    assert not list((edge_export.folder / "b").rglob("*.pte"))


def test_a_converter_that_fails_takes_down_its_artifact_only(edge_export, tmp_path):
    done = edge_export("build", "--target", "linux", "--mother", f"{STRANGERS}:Unconvertible", "--out", "b", "--json")
    statuses = {a["format"]: a["status"] for m in json.loads(done.stdout)["members"] for a in m["artifacts"]}
    assert done.returncode == 1
    assert "error" in statuses.values()
    assert "Traceback" not in done.stderr
    logs = list((tmp_path / "cache").rglob("*.log"))
    assert logs
    done = edge_export("verify", "b")
    assert done.returncode == 1


def test_one_bad_member_is_recorded_and_the_others_are_finished(edge_export):
    (edge_export.folder / "plain.toml").write_text(tflite_only())
    arguments = ("--target", "plain.toml", "--mother", f"{STRANGERS}:OneBadMember", "--out", "b")
    done = edge_export("build", *arguments, "--members", "c2,c3,c4", "--json")
    assert done.returncode == 1, done.stderr
    result = json.loads(done.stdout)
    assert {m["name"]: m["artifacts"][0]["status"] for m in result["members"]} == {"c2": "passed", "c4": "passed"}
    (error,) = result["errors"]
    assert (error["name"], error["config"]) == ("c3", "c3")
    assert "no layer of width 3" in error["reason"]
    assert json.loads((edge_export.folder / "b" / "manifest.json").read_text())["errors"] == [error]
    done = edge_export("verify", "b")
    assert done.returncode == 1
    assert "c3 error: " in done.stdout
    done = edge_export("build", *arguments, "--members", "c3")
    assert done.returncode == 2, "without any member there is no family"
    assert "no layer of width 3" in done.stderr


REFUSED = {
    "Unrecorded": "has no recorded inputs",
    "SharingMember": "shares last.bias",
    "Fails": "no such activation",
    "not_a_mother": "lacks space",
    "raises": "disk on fire",
    "Absent": "has no Absent",
    "looks_ahead": "can't stream: its recurrence over time also runs backwards",
}


@pytest.mark.parametrize("factory", REFUSED)
def test_what_is_no_mother_is_refused(factory, edge_export):
    done = edge_export("build", "--target", "linux", "--mother", f"{STRANGERS}:{factory}", "--out", "b")
    assert done.returncode == 2
    assert REFUSED[factory] in done.stderr
    assert "Traceback" not in done.stderr
    assert len([line for line in done.stderr.splitlines() if line.startswith("edge_export:")]) == 1
    assert not (edge_export.folder / "b").exists()


def test_goldens_from_a_folder(edge_export):
    folder = edge_export.folder / "recorded"
    folder.mkdir()
    save_file({"x": np.random.default_rng(0).standard_normal((70, 6)).astype(np.float32)}, folder / "a.safetensors")
    arguments = ("build", "--target", "linux", "--mother", f"{STRANGERS}:Unrecorded", "--members", "c3")
    done = edge_export(*arguments, "--goldens", folder, "--out", "b", "--json")
    assert done.returncode == 0, done.stderr
    assert load_file(edge_export.folder / "b" / "goldens" / "inputs.safetensors")["x"].shape == (64, 6)
    save_file({"x": np.zeros((3, 7), np.float32)}, folder / "b.safetensors")
    done = edge_export(*arguments, "--goldens", folder, "--out", "b")
    assert done.returncode == 2
    assert "b.safetensors: x is float32 (3, 7), not float32 ('count', 6)" in done.stderr


@pytest.mark.slow
def test_a_large_file_fails_where_the_member_has_the_parameters_for_a_smaller_one(edge_export):
    """The limit holds from as many parameters as the target says; `verify` judges as `build` did."""
    shipped = (ROOT / "edge_export" / "targets" / "linux.toml").read_text()
    target = edge_export.folder / "sized.toml"
    build = ("--mother", "digits", "--members", "0.25", "--precision", "fp32,fp16", "--out", "sized", "--json")
    outcomes = []
    for least in (9_275, 9_274):
        limited = re.sub("max_size_ratio = .*", "max_size_ratio = 0.3", shipped)
        target.write_text(f"max_size_ratio_from_params = {least}\n{limited}")
        done = edge_export("build", "--target", target, *build)
        (member,) = json.loads(done.stdout)["members"]
        assert member["params"] == 9_274
        artifacts = {(a["format"], a["precision"]): a for a in member["artifacts"]}
        outcomes.append((done.returncode, artifacts))
        assert edge_export("verify", "sized").returncode == done.returncode
    (small, told), (code, judged) = outcomes
    assert (small, {a["status"] for a in told.values()}) == (0, {"passed"})
    assert told["tflite", "fp32"]["size_ratio"] == 1.0
    assert 0.3 < told["tflite", "fp16"]["size_ratio"] < 1.0
    large = judged["tflite", "fp16"]
    assert (code, large["status"], judged["tflite", "fp32"]["status"]) == (1, "failed", "passed")
    assert large["reason"].startswith(
        f"it takes {large['size_ratio']:.3f} of the float32 file's bytes, more than 0.3: "
    )
    assert {run["verdict"] for run in large["runs"]} == {"failed"}
