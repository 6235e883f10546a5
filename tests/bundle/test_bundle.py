"""A bundle appears whole or not at all, and is read as if a stranger had made it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from edge_export.bundle.folder import check_output, describe_file, read_bundle, staging, write_records
from edge_export.bundle.manifest import Artifact, Manifest, Member, MotherEntry, Recorded
from edge_export.bundle.numerics import MemberNumerics, Numerics
from edge_export.errors import RequestError
from edge_export.mothers.protocol import IOSpec, TensorSpec
from edge_export.spec.tolerance import Tolerance

IO = IOSpec((TensorSpec("image", (1, 1, 4, 4)),), (TensorSpec("logits", (1, 2)),), labels=("a", "b"))
TOLERANCE = Tolerance(snr_db=90, max_abs_of_peak=1e-4)


def write_bundle(root: Path, content: bytes = b"artifact") -> None:
    """A bundle with one member, whose files hold `content`."""
    for name in ("goldens/inputs.safetensors", "goldens/w0.5.safetensors", "members/w0.5/executorch-xnnpack-fp32.pte"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    artifact = Artifact(
        format="executorch",
        backend="xnnpack",
        precision="fp32",
        file=describe_file(root, root / "members/w0.5/executorch-xnnpack-fp32.pte"),
        io=IO,
        tolerance=TOLERANCE,
        status="passed",
        reason="",
    )
    member = Member(
        name="w0.5",
        config="0.5",
        io=IO,
        params=1,
        macs=1,
        peak_activation_bytes=1,
        calibration_batches=1,
        tolerance=TOLERANCE,
        folded=0,
        refused=(),
        golden=describe_file(root, root / "goldens/w0.5.safetensors"),
        extremes=describe_file(root, root / "goldens/w0.5.safetensors"),
        metric=None,
        artifacts=(artifact,),
    )
    manifest = Manifest(
        schema="1.0",
        target="android",
        mother=MotherEntry(spec="digits", checkpoint_sha256=None),
        tools={},
        recorded=Recorded(
            metric="top1",
            inputs=describe_file(root, root / "goldens/inputs.safetensors"),
            held_out=None,
            extremes=describe_file(root, root / "goldens/inputs.safetensors"),
        ),
        members=(member,),
    )
    write_records(root, manifest, Numerics(schema="1.0", members=(MemberNumerics(name="w0.5", stages=(), runs=()),)))


@pytest.fixture
def bundle(tmp_path):
    with staging(tmp_path / "out") as staged:
        write_bundle(staged)
    return tmp_path / "out"


def edit(bundle: Path, change) -> None:
    path = bundle / "manifest.json"
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def test_what_is_written_is_read_back(bundle):
    read = read_bundle(bundle)
    assert read.manifest.members[0].io == IO
    assert read.manifest.members[0].artifacts[0].io == IO
    file = read.manifest.members[0].artifacts[0].file
    assert read.why_changed(file) is None
    assert sorted(p.name for p in bundle.parent.iterdir()) == ["out"]


def test_a_new_bundle_replaces_the_old_one_whole(bundle):
    (bundle / "left_from_before").write_text("")
    with staging(bundle) as staged:
        write_bundle(staged, b"other")
    assert not (bundle / "left_from_before").exists()
    assert (bundle / "goldens/inputs.safetensors").read_bytes() == b"other"
    assert sorted(p.name for p in bundle.parent.iterdir()) == ["out"]


def half_a_build(out: Path) -> None:
    with staging(out) as staged:
        (staged / "half").write_text("")
        raise ZeroDivisionError


def test_a_build_that_fails_leaves_the_old_bundle(bundle):
    with pytest.raises(ZeroDivisionError):
        half_a_build(bundle)
    assert read_bundle(bundle)
    assert sorted(p.name for p in bundle.parent.iterdir()) == ["out"]


def test_what_is_no_bundle_is_never_overwritten(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("meow")
    with pytest.raises(RequestError, match="not a bundle"):
        check_output(tmp_path / "photos")
    (tmp_path / "photos" / "manifest.json").write_text('{"name": "a web app"}')
    with pytest.raises(RequestError, match="not a bundle"):
        check_output(tmp_path / "photos")
    with pytest.raises(RequestError, match="is a file"):
        check_output(tmp_path / "photos" / "cat.jpg")
    assert (tmp_path / "photos" / "cat.jpg").read_text() == "meow"


def test_an_empty_folder_may_become_a_bundle(tmp_path):
    with staging(tmp_path) as staged:
        write_bundle(staged)
    assert read_bundle(tmp_path)


HOSTILE = [
    "../../etc/passwd",
    "/etc/passwd",
    "members/../../x",
    "members//x",
    "a\\..\\b/../c",
    ".hidden",
    "members/w0.5/\nx",
    "",
    "C:/x",
]


@pytest.mark.parametrize("path", HOSTILE)
def test_a_path_that_leads_out_is_refused(bundle, path):
    def change(data):
        data["members"][0]["artifacts"][0]["file"]["path"] = path

    edit(bundle, change)
    with pytest.raises(RequestError, match=r"manifest\.json is not valid: members\.0\.artifacts\.0\.file\.path"):
        read_bundle(bundle)


def test_a_link_that_leads_out_is_refused(bundle):
    path = bundle / "members/w0.5/executorch-xnnpack-fp32.pte"
    path.unlink()
    path.symlink_to("/etc/hostname")
    read = read_bundle(bundle)
    with pytest.raises(RequestError, match="leads out of the bundle"):
        read.why_changed(read.manifest.members[0].artifacts[0].file)


CHANGES = {
    "unknown schema": lambda d: d.update(schema="2.0"),
    "unknown field": lambda d: d.update(run="rm -rf"),
    "no members": lambda d: d.update(members=[]),
    "a status of its own": lambda d: d["members"][0]["artifacts"][0].update(status="fine"),
    "a bad hash": lambda d: d["recorded"]["inputs"].update(sha256="0" * 63),
    "negative bytes": lambda d: d["recorded"]["inputs"].update(bytes=-1),
    "a name with a slash": lambda d: d["members"][0].update(name="a/b"),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_malformed_manifest_is_refused_in_one_line(bundle, kind):
    edit(bundle, CHANGES[kind])
    with pytest.raises(RequestError) as error:
        read_bundle(bundle)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 5000, '{"schema": NaN}', "\x00\xff"])
def test_what_is_no_manifest_is_refused(bundle, text):
    (bundle / "manifest.json").write_text(text)
    with pytest.raises(RequestError, match="not valid"):
        read_bundle(bundle)


def test_a_damaged_file_is_noticed(bundle):
    path = bundle / "members/w0.5/executorch-xnnpack-fp32.pte"
    file = read_bundle(bundle).manifest.members[0].artifacts[0].file
    path.write_bytes(b"artifacT")
    assert "sha256" in read_bundle(bundle).why_changed(file)
    path.write_bytes(b"arti")
    assert "truncated" in read_bundle(bundle).why_changed(file)
    path.unlink()
    with pytest.raises(RequestError, match="missing"):
        read_bundle(bundle).why_changed(file)


def test_a_folder_that_cannot_be_written(tmp_path):
    # Where nobody may write, not even root: the kernel's own folder, or a read-only one for anybody else.
    folder = Path("/proc") if os.geteuid() == 0 else tmp_path
    tmp_path.chmod(0o500)
    with pytest.raises(RequestError, match="can't be written"):
        half_a_build(folder / "out")


def test_below_a_file_nothing_can_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError, match="can't be written"):
        check_output(tmp_path / "file" / "out")
