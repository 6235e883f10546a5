"""Each wrong request: exit 2, one line that says what, where and what to do, no traceback, nothing written."""

from __future__ import annotations

import pickle
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from edge_export.mothers.catalog import CATALOG

DIGITS = CATALOG["digits"].checkpoint_path
AGAINST = ("--against", "a.b:c", "--inputs", "x.safetensors")
ANDROID = ("build", "--target", "android", "--mother", "digits")


def refused(done, *words: str) -> None:
    lines = done.stderr.strip().splitlines()
    assert done.returncode == 2, done
    assert len(lines) == 1, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in lines[0]


@pytest.fixture
def files(edge_export):
    """A folder of bad checkpoints."""
    folder = edge_export.folder
    tensors = load_file(DIGITS)
    first = next(name for name, tensor in tensors.items() if tensor.is_floating_point())
    whole = DIGITS.read_bytes()
    (folder / "truncated.safetensors").write_bytes(whole[: len(whole) // 2])
    save_file({**tensors, first: torch.zeros(3, 3)}, folder / "shape.safetensors")
    save_file({"another.weight": torch.zeros(3)}, folder / "another.safetensors")
    save_file({**tensors, first: torch.full_like(tensors[first], float("nan"))}, folder / "nan.safetensors")
    with (folder / "evil.pt").open("wb") as stream:
        pickle.dump(Evil(str(folder / "ran")), stream)
    return folder


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


REQUESTS = {
    "unknown target": (("build", "--target", "andriod"), "andriod", "did you mean android"),
    "unknown mother": ((*ANDROID, "--mother", "digit"), "digit", "did you mean digits"),
    "no such module": ((*ANDROID, "--mother", "nowhere.to:be"), "nowhere.to:be", "cannot import"),
    "width outside": ((*ANDROID, "--members", "0.25,3"), "3", "0.25 to 1.0"),
    "malformed list": ((*ANDROID, "--members", "0.25,,1"), "empty"),
    "no number": ((*ANDROID, "--members", "wide"), "wide"),
    "twice": ((*ANDROID, "--members", "0.5,0.50"), "same member"),
    "missing checkpoint": ((*ANDROID, "--checkpoint", "gone.safetensors"), "gone.safetensors", "no such file"),
    "truncated checkpoint": ((*ANDROID, "--checkpoint", "truncated.safetensors"), "truncated.safetensors", "damaged"),
    "wrong shape": ((*ANDROID, "--checkpoint", "shape.safetensors"), "(3, 3)"),
    "another network": ((*ANDROID, "--checkpoint", "another.safetensors"), "another.weight", "missing, first"),
    "not finite": ((*ANDROID, "--checkpoint", "nan.safetensors"), "not finite"),
    "a pickle that runs code": ((*ANDROID, "--checkpoint", "evil.pt"), "evil.pt", "code"),
    "output below a file": ((*ANDROID, "--out", "evil.pt/out"), "can't be written"),
    "output is a file": ((*ANDROID, "--out", "evil.pt"), "is a file"),
    "no verb": ((), "VERB"),
    "misspelled verb": (("biuld",), 'there is no verb "biuld": did you mean build? verbs: build, verify, '),
    "unknown verb": (("frobnicate", "--fast"), 'there is no verb "frobnicate": verbs: build, '),
    "unknown option": ((*ANDROID, "--fast"), "--fast"),
    "no weights": ((*ANDROID, "--mother", "us_mobilenet_v2", "--members", "0.5"), "--checkpoint"),
    "jobs": ((*ANDROID, "--jobs", "0"), "--jobs"),
    "no bundle": (("verify", "nowhere"), "nowhere"),
    "verify a file": (("verify", "any.tflite"), "use `compare FILE --against module:factory --inputs F`"),
    "verify some file": (("verify", "evil.pt"), "use `compare FILE --against"),
    "compare no file": (("compare", "nowhere", *AGAINST), "nowhere", "run verify for a bundle"),
    "compare with nothing": (("compare", "any.pte"), "--against and --inputs"),
    "bisect a file": (("bisect", "any.tflite"), "any.tflite", "give a bundle"),
    "bisect nothing": (("bisect", "nowhere"), "nowhere"),
    "list what": (("list", "mother"), "'mother'", "mothers"),
    "inspect nothing": (("inspect", "nowhere"), "nowhere"),
    "train what cannot be": (("train", "--mother", "toaster", "--out", "x.safetensors"), "toaster"),
}


@pytest.mark.parametrize("kind", REQUESTS)
def test_refused_in_one_line(kind, edge_export, files):
    arguments, *words = REQUESTS[kind]
    before = sorted(p.name for p in files.iterdir())
    refused(edge_export(*arguments), *words)
    assert sorted(p.name for p in files.iterdir()) == before, "something was written"


def test_a_folder_that_is_no_bundle_is_left_alone(edge_export):
    photos = edge_export.folder / "photos"
    photos.mkdir()
    (photos / "cat.jpg").write_text("meow")
    refused(edge_export(*ANDROID, "--out", photos), "photos", "not a bundle")
    assert (photos / "cat.jpg").read_text() == "meow"


def test_a_manifest_with_a_path_that_leads_out(edge_export, small_bundle):
    bundle = edge_export.folder / "bundle"
    shutil.copytree(small_bundle, bundle)
    manifest = bundle / "manifest.json"
    manifest.write_text(manifest.read_text().replace("members/w0.25/", "../w0.25/"))
    refused(edge_export("verify", bundle), "manifest.json", "not valid")
    refused(edge_export("inspect", bundle), "manifest.json", "not valid")
