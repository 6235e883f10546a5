"""Checkpoints load completely or not at all, and never run code."""

from __future__ import annotations

import copy
import os
import pickle
from argparse import Namespace
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file, save_model
from torch import nn

from edge_export.errors import RequestError
from edge_export.files.hashing import file_sha256
from edge_export.mothers.checkpoint import load_checkpoint, save_checkpoint
from edge_export.mothers.us_mobilenet.mother import UsMobileNet, digits, us_mobilenet_v2
from tests.conftest import randomize_statistics


class Calls:
    """An object whose unpickling calls a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.function, self.arguments


@pytest.fixture
def mother() -> UsMobileNet:
    return digits()


def state_of(mother: UsMobileNet) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in mother.state_dict().items()}


def assert_refused(mother: UsMobileNet, path: Path, match: str) -> None:
    before = state_of(mother)
    with pytest.raises(RequestError, match=match) as refusal:
        load_checkpoint(mother, path)
    assert "\n" not in str(refusal.value)
    assert str(path) in str(refusal.value)
    assert all(torch.equal(tensor, before[name]) for name, tensor in mother.state_dict().items()), "half-loaded"


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "model.", "module._orig_mod.", "any.thing."])
@pytest.mark.parametrize("nest", ["", "model", "state_dict", "model_state_dict", "net", "params_ema", "mine"])
def test_any_usual_wrapping_loads(mother: UsMobileNet, tmp_path: Path, prefix: str, nest: str) -> None:
    other = state_of(digits())
    state = {prefix + name: tensor for name, tensor in other.items()}
    torch.save({nest: state, "epoch": 3, "optimizer": {"lr": 0.1}} if nest else state, tmp_path / "c.pth.tar")
    assert load_checkpoint(mother, tmp_path / "c.pth.tar") == ()
    assert all(torch.equal(tensor, other[name]) for name, tensor in mother.state_dict().items())


@pytest.mark.parametrize("name", ["c.safetensors", "c.pt", "c.pth.tar", "weights", "c.dat"])
def test_the_bytes_say_the_kind_of_a_file(mother: UsMobileNet, tmp_path: Path, name: str) -> None:
    other = digits()
    for write in (lambda path: save_checkpoint(other, path), lambda path: torch.save(other.state_dict(), path)):
        write(tmp_path / name)
        load_checkpoint(mother, tmp_path / name)
        assert all(torch.equal(t, other.state_dict()[name]) for name, t in mother.state_dict().items())


def test_a_compiled_part_of_a_network_and_a_network_that_wraps_another_load(tmp_path: Path) -> None:
    inner = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    state = {name.replace("1.", "1._orig_mod."): tensor + 1 for name, tensor in inner.state_dict().items()}
    torch.save(state, tmp_path / "c.pt")
    outer = nn.ModuleDict({"net": copy.deepcopy(inner)})
    for network in (inner, outer):
        load_checkpoint(network, tmp_path / "c.pt")
        assert all(torch.equal(a, b) for a, b in zip(network.state_dict().values(), state.values(), strict=True))


def test_counters_of_batches_may_be_missing_or_too_many(tmp_path: Path) -> None:
    counted, plain = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    del plain.num_batches_tracked
    state = {**counted.state_dict(), "bias": torch.ones(3)}
    torch.save(state, tmp_path / "c.pt")
    (note,) = load_checkpoint(plain, tmp_path / "c.pt")
    assert "1 counters of batches were left out, first num_batches_tracked" in note
    save_checkpoint(plain, tmp_path / "plain.pt")
    assert load_checkpoint(counted, tmp_path / "plain.pt") == ()
    assert torch.equal(counted.bias, torch.ones(3))


def test_of_two_sets_of_weights_the_usual_one_is_taken_and_named(mother: UsMobileNet, tmp_path: Path) -> None:
    taken, other = state_of(digits()), {name: tensor * 0 for name, tensor in state_of(mother).items()}
    torch.save({"params": other, "params_ema": taken}, tmp_path / "c.pt")
    (note,) = load_checkpoint(mother, tmp_path / "c.pt")
    assert "'params_ema' was taken; 'params' would fit, too" in note
    assert all(torch.equal(tensor, taken[name]) for name, tensor in mother.state_dict().items())


class Tied(nn.Module):
    """A network whose decoder is its encoder's weight."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Embedding(5, 4), nn.Linear(4, 5, bias=False)
        self.decoder.weight = self.encoder.weight


def test_tied_weights_load_as_safetensors_writes_them(tmp_path: Path) -> None:
    saved, network = Tied(), Tied()
    save_model(saved, str(tmp_path / "tied.safetensors"))
    load_checkpoint(network, tmp_path / "tied.safetensors")
    assert torch.equal(network.encoder.weight, saved.encoder.weight)
    assert network.decoder.weight is network.encoder.weight


def test_tied_weights_that_differ_are_refused(tmp_path: Path) -> None:
    state = {"encoder.weight": torch.zeros(5, 4), "decoder.weight": torch.ones(5, 4)}
    torch.save(state, tmp_path / "c.pt")
    with pytest.raises(RequestError, match=r"encoder\.weight and decoder\.weight differ, but are one tensor"):
        load_checkpoint(Tied(), tmp_path / "c.pt")


def test_saved_checkpoint_loads_and_its_bytes_depend_on_the_weights_only(mother: UsMobileNet, tmp_path: Path) -> None:
    save_checkpoint(mother, tmp_path / "one.safetensors")
    other = digits()
    load_checkpoint(other, tmp_path / "one.safetensors")
    save_checkpoint(other, tmp_path / "folder" / "two.safetensors")
    assert file_sha256(tmp_path / "one.safetensors") == file_sha256(tmp_path / "folder" / "two.safetensors")
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["two.safetensors"], "nothing left beside it"


def test_half_precision_weights_load_in_the_mothers_type(mother: UsMobileNet, tmp_path: Path) -> None:
    state = {n: t.half() if t.is_floating_point() else t for n, t in state_of(mother).items()}
    save_file(state, tmp_path / "half.safetensors")
    load_checkpoint(mother, tmp_path / "half.safetensors")
    assert mother.state_dict()["classifier.0.weight"].dtype == torch.float32


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_pickle_that_runs_code_is_refused_and_does_not_run(
    mother: UsMobileNet, tmp_path: Path, protocol: int, recwarn: pytest.WarningsRecorder
) -> None:
    witness = tmp_path / "it_ran"
    torch.save({"model": Calls(os.mkdir, str(witness))}, tmp_path / "torch.pt")
    (tmp_path / "bare.pt").write_bytes(pickle.dumps(Calls(os.mkdir, str(witness)), protocol=protocol))
    assert_refused(mother, tmp_path / "torch.pt", "refused, .* could run code")
    assert_refused(mother, tmp_path / "bare.pt", "refused, .* could run code")
    assert not witness.exists()
    assert not recwarn.list


def test_missing_and_unknown_files(mother: UsMobileNet, tmp_path: Path) -> None:
    assert_refused(mother, tmp_path / "none.pt", "no such file")
    assert_refused(mother, tmp_path, "not a file")
    (tmp_path / "weights.onnx").write_bytes(b"x")
    assert_refused(mother, tmp_path / "weights.onnx", "unknown kind of file")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<!DOCTYPE html><html>Not found", 'is a text, "<!DOCTYPE html><html>Not found", .*: fetch the file itself'),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\n",
            "run `git lfs pull` to fetch what it",
        ),
        (b'{"error": "not found"}', "is a text, .* holds no weights"),
        (b"", "it has no bytes; fetch or save it again"),
    ],
)
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_what_a_download_left_is_told_as_that(
    mother: UsMobileNet, tmp_path: Path, content: bytes, message: str, suffix: str
) -> None:
    (tmp_path / f"weights.{suffix}").write_bytes(content)
    assert_refused(mother, tmp_path / f"weights.{suffix}", message)


def test_a_pickle_names_what_it_would_need_and_torchscript_is_told_as_such(mother: UsMobileNet, tmp_path: Path) -> None:
    torch.save({"state_dict": mother.state_dict(), "hook": Calls(eval, "1")}, tmp_path / "c.pt")
    assert_refused(mother, tmp_path / "c.pt", r"could run code \(it needs eval\); save its state_dict")
    torch.jit.script(nn.Linear(2, 2)).save(str(tmp_path / "j.pt"))
    assert_refused(mother, tmp_path / "j.pt", r"is TorchScript, .*; save the state_dict of torch\.jit\.load\(path\)")
    torch.save(nn.Linear(2, 2), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert_refused(mother, tmp_path / "old.pt", r"is a whole network in the format before PyTorch 1.6")


class Settings(dict[str, int]):
    """A dict with attributes, as libraries of settings have it."""

    def __init__(self) -> None:
        super().__init__(width=1)
        self.depth = 2


class Steps(list[int]):
    """A list of its own class."""


class Kind(Enum):
    BEST = 1


BESIDE: dict[str, Any] = {
    "arguments": Namespace(lr=1, out=Path("runs")),
    "numbers of NumPy": [np.float64(0.5), np.int64(3), np.arange(3), np.dtype("float32")],
    "containers": [defaultdict(list, {1: [2]}), Settings(), Steps([1]), slice(1, 2), frozenset([1])],
    "values": [Kind.BEST, datetime(2020, 1, 1), partial(print, 1)],
    "an optimizer": torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.1),
    "a schedule": torch.optim.lr_scheduler.StepLR(torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.1), 3),
}


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize("beside", BESIDE)
def test_what_training_saves_beside_the_weights_is_not_read(
    mother: UsMobileNet, tmp_path: Path, beside: str, is_zip: bool
) -> None:
    trained = randomize_statistics(digits()).state_dict()
    content = {"beside": BESIDE[beside], "state_dict": trained}
    torch.save(content, tmp_path / "c.pt", _use_new_zipfile_serialization=is_zip)
    load_checkpoint(mother, tmp_path / "c.pt")
    assert all(torch.equal(tensor, trained[name]) for name, tensor in mother.state_dict().items())


@pytest.mark.parametrize("nested", [True, False])
def test_a_network_that_was_saved_whole_gives_its_weights(mother: UsMobileNet, tmp_path: Path, nested: bool) -> None:
    trained = randomize_statistics(digits())
    trained.register_buffer("passing", torch.zeros(3), persistent=False)
    torch.save({"epoch": 1, "model": trained} if nested else trained, tmp_path / "c.pt")
    load_checkpoint(mother, tmp_path / "c.pt")
    assert all(torch.equal(tensor, trained.state_dict()[name]) for name, tensor in mother.state_dict().items())


def test_what_is_no_network_and_a_network_that_holds_itself_are_refused(mother: UsMobileNet, tmp_path: Path) -> None:
    torch.save(Namespace(lr=1), tmp_path / "c.pt")
    assert_refused(mother, tmp_path / "c.pt", "holds a Namespace, not a state dict")
    endless = nn.Sequential(nn.Linear(2, 2))
    endless._modules["1"] = endless
    torch.save(endless, tmp_path / "c.pt")
    assert_refused(mother, tmp_path / "c.pt", "damaged or not a PyTorch file")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth"])
def test_truncated_files(mother: UsMobileNet, tmp_path: Path, share: float, suffix: str) -> None:
    path = tmp_path / f"cut{suffix}"
    if suffix == ".safetensors":
        save_checkpoint(mother, path)
    else:
        torch.save(mother.state_dict(), path, _use_new_zipfile_serialization=suffix == ".pt")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert_refused(mother, path, "damaged or not")


def test_wrong_shape_names_the_tensor_and_both_shapes(mother: UsMobileNet, tmp_path: Path) -> None:
    state = state_of(mother)
    state["classifier.0.weight"] = torch.zeros(3, 128)
    torch.save(state, tmp_path / "c.pt")
    assert_refused(mother, tmp_path / "c.pt", r"classifier\.0\.weight has shape \(3, 128\), .* \(10, 128\)")


def test_another_networks_checkpoint_names_the_first_missing_and_unexpected(
    mother: UsMobileNet, tmp_path: Path
) -> None:
    torch.save({"model": us_mobilenet_v2().state_dict()}, tmp_path / "c.pt")
    assert_refused(
        mother,
        tmp_path / "c.pt",
        r"another network: \d+ of \d+ tensors are missing, first features\.0\.1\.running_mean, "
        r"\d+ are unexpected, first features\.0\.1\.bn\.0\.running_mean",
    )


@pytest.mark.parametrize(
    "content", [[1, 2], {"model": {"a": 1}}, {1: torch.zeros(2)}, {"a": torch.zeros(2).to_sparse()}]
)
def test_anything_but_named_dense_tensors_is_refused(mother: UsMobileNet, tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "c.pt")
    assert_refused(mother, tmp_path / "c.pt", "not a")


def test_a_name_with_and_without_prefix_is_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1), "module.weight": torch.zeros(1)}, tmp_path / "c.pt")
    with pytest.raises(RequestError, match=r"1 are unexpected, first module\.weight"):
        load_checkpoint(nn.PReLU(), tmp_path / "c.pt")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
def test_weights_that_are_not_finite_are_refused(mother: UsMobileNet, tmp_path: Path, value: float) -> None:
    state = state_of(mother)
    state["features.0.0.weight"] = state["features.0.0.weight"].double()
    state["features.0.0.weight"][3, 0, 1, 1] = value
    torch.save(state, tmp_path / "c.pt")
    assert_refused(mother, tmp_path / "c.pt", r"features\.0\.0\.weight holds values that are not finite")


def test_integer_weights_are_refused(mother: UsMobileNet, tmp_path: Path) -> None:
    state = state_of(mother)
    state["features.0.0.weight"] = torch.zeros(32, 1, 3, 3, dtype=torch.int32)
    torch.save(state, tmp_path / "c.pt")
    assert_refused(mother, tmp_path / "c.pt", r"features\.0\.0\.weight is torch\.int32")


def test_a_place_that_cannot_be_written_is_refused(mother: UsMobileNet, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError, match="cannot write"):
        save_checkpoint(mother, tmp_path / "file" / "c.safetensors")
