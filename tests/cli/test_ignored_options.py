"""An option that would do nothing is a wrong request: exit 2, one line that names it."""

from __future__ import annotations

import json
import shutil

import pytest

ELSEWHERE = {"spec": "my_package.my_module:factory", "checkpoint_sha256": None}
FROM_A_FILE = {"spec": "digits", "checkpoint_sha256": "0" * 64}

# (verb and mode, the option, what the bundle is changed to)
IGNORED = {
    "cache info": (("cache", "info", "--unused-days", "3"), "--unused-days", None),
    "build without a cache": (
        ("build", "--target", "android", "--no-cache", "--cache", "c"),
        "argument --cache: not allowed with argument --no-cache",
        None,
    ),
    "train digits": (("train", "--mother", "digits", "--out", "x.safetensors", "--rule", "ends"), "--rule", None),
    "verify without a mother, checkpoint": (("verify", "b", "--checkpoint", "c.pt"), "--checkpoint", ELSEWHERE),
    "verify without a mother, goldens": (("verify", "b", "--goldens", "g"), "--goldens", ELSEWHERE),
    "verify without its checkpoint, goldens": (("verify", "b", "--goldens", "g"), "--goldens", FROM_A_FILE),
    "verify without its checkpoint, mother": (
        ("verify", "b", "--mother", "a.b:c", "--goldens", "g"),
        "--mother and --goldens would have no effect: the mother's weights came from a file: give it as --checkpoint",
        FROM_A_FILE,
    ),
    "verify has no member": (("verify", "b", "--member", "w0.25"), "--member", {}),
    "verify does not bisect": (("verify", "b", "--bisect"), "--bisect", {}),
    "bisect what did not compile": (
        ("bisect", "b", "--member", "w0.25", "--artifact", "tflite-builtin-fp32"),
        "--artifact tflite-builtin-fp32",
        {},
    ),
}


@pytest.mark.parametrize("mode", IGNORED)
def test_refused_by_name(mode, edge_export, small_bundle):
    arguments, named, mother = IGNORED[mode]
    if mother is not None:
        change(shutil.copytree(small_bundle, edge_export.folder / "b"), mother)
    done = edge_export(*arguments)
    assert done.returncode == 2, done
    (line,) = done.stderr.strip().splitlines()
    assert named in line
    assert done.stdout == ""


def change(root, mother: dict) -> None:
    """Let the bundle be of another mother, and its last artifact one that did not compile."""
    path = root / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["mother"] |= mother
    manifest["members"][0]["artifacts"][-1] |= {"file": None, "io": None, "status": "error", "reason": "no converter"}
    path.write_text(json.dumps(manifest))


def test_the_same_options_where_they_do_something(edge_export, small_bundle):
    assert edge_export("cache", "prune", "--unused-days", "3").returncode == 0
    bundle = shutil.copytree(small_bundle, edge_export.folder / "b")
    change(bundle, ELSEWHERE)
    done = edge_export("verify", bundle)
    assert "give it as --mother my_package.my_module:factory" in done.stdout
    assert done.returncode == 1, "its last artifact did not compile"
