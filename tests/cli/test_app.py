"""`app` writes what an app needs, whole or not at all, and nothing over what it did not write."""

from __future__ import annotations

import json
import shutil

import compiled_members
import pytest
from made_perf import on_board

from edge_export.bundle.app import choose_for_app, write_app_family
from edge_export.bundle.folder import read_bundle, read_record, write_record
from edge_export.bundle.manifest import File, Manifest
from edge_export.bundle.perf import ArtifactPerf, Perf, manifest_sha256, read_perf_file, with_results, write_perf
from edge_export.errors import RequestError
from edge_export.files.hashing import bytes_of, sha256_of


@pytest.fixture
def bundle(small_bundle, tmp_path):
    return shutil.copytree(small_bundle, tmp_path / "bundle")


def timed(bundle, *labels):
    """Times of artifacts on a board, one of them on an emulator as well."""
    files = {a.label: a.file for member in read_bundle(bundle).manifest.members for a in member.artifacts}
    perf = Perf(schema="1.0", bundle=manifest_sha256(bundle))
    results = [ArtifactPerf(member="w0.25", artifact=x, sha256=files[x].sha256, threads=1, run="r") for x in labels]
    board = on_board(*results)
    emulator = board.model_copy(update={"device": "qemu:a", "facts": board.facts.model_copy(update={"emulated": True})})
    write_perf(bundle, with_results(with_results(perf, board), emulator))


def changed(bundle, **change):
    """Changes the TFLite artifact of the bundle's one member in its manifest."""
    manifest = read_record(bundle / "manifest.json", Manifest)
    (member,) = manifest.members
    artifacts = tuple(a.model_copy(update=change) if a.format == "tflite" else a for a in member.artifacts)
    member = member.model_copy(update={"artifacts": artifacts})
    write_record(bundle / "manifest.json", manifest.model_copy(update={"members": (member,)}))


def test_an_app_gets_files_and_times_but_no_goldens(bundle, edge_export, tmp_path):
    timed(bundle, "executorch-xnnpack-fp32", "tflite-builtin-fp32")
    out = tmp_path / "assets" / "family"
    done = edge_export("app", "android", bundle, "--formats", "tflite", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "1 member of" in done.stdout
    assert "were left out" in done.stdout
    path = "members/w0.25/tflite-builtin-fp32.tflite"
    assert {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()} == {"manifest.json", "perf.json", path}
    manifest = read_record(out / "manifest.json", Manifest)
    assert manifest.taken_from == manifest_sha256(bundle)
    (artifact,) = manifest.members[0].artifacts
    assert artifact.file.sha256 == sha256_of(out / path)
    perf = read_perf_file(out / "perf.json")
    assert perf.bundle == manifest_sha256(out)
    assert [(d.device, [a.artifact for a in d.artifacts]) for d in perf.devices] == [("board", [artifact.label])]


def test_json_says_the_bytes_and_an_earlier_family_is_replaced(bundle, edge_export, tmp_path):
    out = tmp_path / "family"
    first = json.loads(edge_export("app", "android", bundle, "--out", out, "--json").stdout)
    assert {each["artifact"] for each in first["files"]} == {"executorch-xnnpack-fp32", "tflite-builtin-fp32"}
    assert first["bytes"] == bytes_of(out)
    assert first["goldens_bytes"] == bytes_of(bundle / "goldens")
    again = json.loads(edge_export("app", "android", bundle, "--formats", "executorch", "--out", out, "--json").stdout)
    assert again["bytes"] == bytes_of(out) < first["bytes"]
    assert not list(out.rglob("*.tflite"))
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".family")] == []


def test_what_no_device_of_the_platform_runs_stays_behind(bundle, edge_export, tmp_path):
    changed(bundle, format="executorch", backend="coreml")
    done = edge_export("app", "android", bundle, "--out", tmp_path / "family")
    assert "left out: w0.25/executorch-coreml-fp32: its backend coreml does not run on Android" in done.stdout


def test_what_did_not_pass_stays_behind_with_its_reason(bundle, edge_export, tmp_path):
    changed(bundle, status="failed", reason="12.0 dB")
    done = edge_export("app", "android", bundle, "--out", tmp_path / "family")
    assert "left out: w0.25/tflite-builtin-fp32: failed: 12.0 dB" in done.stdout
    named = edge_export("app", "android", bundle, "--formats", "tflite", "--members", "w0.25", "--out", tmp_path / "x")
    assert named.returncode == 2
    assert "w0.25 can't go into an app: none of tflite passed" in named.stderr


def test_a_damaged_file_leaves_the_earlier_family_as_it_was(bundle, edge_export, tmp_path):
    out = tmp_path / "family"
    edge_export("app", "android", bundle, "--out", out)
    before = sha256_of(out)
    file = bundle / "members/w0.25/tflite-builtin-fp32.tflite"
    content = bytearray(file.read_bytes())
    for damage, word in ((content[:-1], "has"), (b"\0" + content[1:], "does not match its sha256")):
        file.write_bytes(damage)
        done = edge_export("app", "android", bundle, "--out", out)
        assert done.returncode == 2
        assert word in done.stderr
        assert "build it again" in done.stderr
    file.unlink()
    file.symlink_to("/etc/hostname")
    assert "leads out of the bundle" in edge_export("app", "android", bundle, "--out", out).stderr
    assert sha256_of(out) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--out", "o", "--members", "w9"), 'has no member "w9": give some of w0.25'),
        (("--out", "o", "--members", "w0.25,"), "has an empty name"),
        (("--out", "o", "--formats", "coreml"), '"coreml" does not run on Android'),
        (("--out", "BUNDLE"), "hold each other"),
        (("--out", "BUNDLE/goldens"), "hold each other"),
        (("--out", "BUNDLE/.."), "hold each other"),
        (("--out", "other"), "is a whole bundle, so it was not changed"),
        (("--out", "mine"), "is not a bundle and not empty"),
        (("--out", "mine/file"), "is a file"),
    ],
)
def test_a_wrong_request_is_one_line_and_changes_nothing(bundle, edge_export, arguments, message):
    shutil.copytree(bundle, edge_export.folder / "other")
    (edge_export.folder / "mine").mkdir()
    (edge_export.folder / "mine" / "file").write_text("keep")
    before = sha256_of(edge_export.folder), sha256_of(bundle)
    done = edge_export("app", "android", bundle, *(word.replace("BUNDLE", str(bundle)) for word in arguments))
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert (sha256_of(edge_export.folder), sha256_of(bundle)) == before


def test_a_family_for_an_app_is_no_bundle_to_verify(bundle, edge_export, tmp_path):
    out = tmp_path / "family"
    edge_export("app", "android", bundle, "--out", out)
    done = edge_export("verify", out)
    assert done.returncode == 2
    assert "is a family for an app, without goldens" in done.stderr


def test_names_that_androids_packer_drops_are_refused(bundle):
    (member,) = read_bundle(bundle).manifest.members
    (file,) = (a.file for a in member.artifacts if a.format == "tflite")
    hidden = bundle / "members/_w/x.tflite"
    hidden.parent.mkdir()
    shutil.copy(bundle / file.path, hidden)
    changed(bundle, file=file.model_copy(update={"path": "members/_w/x.tflite"}))
    with pytest.raises(RequestError, match="begin with _"):
        choose_for_app(read_bundle(bundle), "android")
    assert choose_for_app(read_bundle(bundle), "ios").files


def with_package(bundle):
    """Puts a Core ML package into the bundle's one member, under the label of its own format."""
    package, io = compiled_members.compiled("segmenter", "coreml")
    path = "members/w0.25/coreml-mlprogram-fp32.mlpackage"
    shutil.copytree(package, bundle / path)
    manifest = read_record(bundle / "manifest.json", Manifest)
    (member,) = manifest.members
    file = File(path=path, sha256=sha256_of(bundle / path), bytes=bytes_of(bundle / path))
    change = {"format": "coreml", "backend": "mlprogram", "precision": "fp32", "file": file, "io": io}
    artifact = member.artifacts[0].model_copy(update=change)
    member = member.model_copy(update={"artifacts": (*member.artifacts, artifact)})
    write_record(bundle / "manifest.json", manifest.model_copy(update={"members": (member,)}))
    return path


def test_an_ios_app_gets_packages_whole(bundle, edge_export, tmp_path):
    path = with_package(bundle)
    out = tmp_path / "family"
    done = json.loads(edge_export("app", "ios", bundle, "--out", out, "--json").stdout)
    assert {each["artifact"] for each in done["files"]} == {"coreml-mlprogram-fp32", "executorch-xnnpack-fp32"}
    assert sha256_of(out / path) == sha256_of(bundle / path)
    assert not list(out.rglob("*.tflite"))
    assert not (out / "goldens").exists()
    assert "coreml-mlprogram-fp32" not in edge_export("app", "android", bundle, "--out", tmp_path / "other").stdout
    wrong = edge_export("app", "ios", bundle, "--formats", "tflite", "--out", tmp_path / "x")
    assert wrong.returncode == 2
    assert '"tflite" does not run on iOS: give some of coreml, coreai, executorch' in wrong.stderr


def test_a_folder_that_cannot_be_made_is_one_line(bundle, tmp_path):
    (tmp_path / "file").write_text("")
    opened = read_bundle(bundle)
    with pytest.raises(RequestError, match="file"):
        write_app_family(opened, choose_for_app(opened, "android"), tmp_path / "file" / "family")
