"""Faults that are planted in the files of an artifact. Each changes the copy at `path`, by the numbers of `rng`."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from faults_bases import BATCHES, Base, base, mother, recorded
from faults_structure import swap_states, wrong_pad
from faults_weights import change_tensor, files_of, found_in, names_of, stored

from edge_export.baking.bake import bake
from edge_export.files.arrays import Array
from edge_export.members.calibrate import calibrate
from edge_export.members.extract import extract

ANOTHER = {"0.25": "0.5", "0.5": "1.0", "1.0": "0.25", "d1w1": "d2w2", "d2w2": "d1w1"}
"""Another configuration of the same mother."""

Plant = Callable[[Base, Path, np.random.Generator], None]


def largest_weight(base: Base, path: Path, rng: np.random.Generator) -> None:
    """The largest weight of a layer, 1 % larger."""

    def change(tensor: Array) -> None:
        _off(tensor, np.abs(tensor.astype(np.float32)).argmax())

    change_tensor(base, path, rng.choice(names_of(base, "weight")), change)


def any_weight(base: Base, path: Path, rng: np.random.Generator) -> None:
    """Any weight of a layer, 1 % larger."""

    def change(tensor: Array) -> None:
        _off(tensor, rng.choice(np.flatnonzero(tensor)))

    change_tensor(base, path, rng.choice(names_of(base, "weight")), change)


def _off(tensor: Array, at: int) -> None:
    """The value `at`, 1 % larger; in int8 one step smaller, which is 1 % of the largest."""
    values = tensor.reshape(-1)
    values[at] = values[at] * 1.01 if tensor.dtype.kind == "f" else values[at] - np.sign(values[at])


def swapped_channels(base: Base, path: Path, rng: np.random.Generator) -> None:
    """Two of a layer's output channels in each other's place."""

    def change(tensor: Array) -> None:
        channels = np.moveaxis(tensor, -1 if tensor.ndim == 3 else 0, 0)  # an LSTM's are (directions, in, out)
        one, other = rng.choice(len(channels), 2, replace=False)
        channels[[one, other]] = channels[[other, one]]

    names = [name for name in names_of(base, "weight") if base.weights[name].shape[0] > 1]
    change_tensor(base, path, rng.choice(names), change)


def zeroed_bias(base: Base, path: Path, rng: np.random.Generator) -> None:
    """The largest bias of a layer, zero."""

    def change(tensor: Array) -> None:
        tensor.reshape(-1)[np.abs(tensor).argmax()] = 0

    change_tensor(base, path, rng.choice(names_of(base, "bias")), change)


def statistics_of_another(base: Base, path: Path, rng: np.random.Generator) -> None:
    """All that BatchNorm was folded into, with the statistics of another configuration."""
    name, config = base.name.split("-")[:2]
    wrong = _baked_with_statistics_of(name, config, ANOTHER[config])
    for key in sorted(found_in(base).keys() & wrong.keys()):
        change_tensor(base, path, key, lambda own, key=key: np.copyto(own, found_in(base)[key].form(wrong[key])))


def gates_of_another(base: Base, path: Path, rng: np.random.Generator) -> None:
    """TAC gates that take the mean over one sub-module more than there are."""
    width = int(base.name.split("-")[1].partition("w")[2])
    for key in found_in(base):
        if key.endswith("_sum.average.weight"):
            change_tensor(base, path, key, lambda own: np.multiply(own, width / (width + 1), out=own))


def not_finite(base: Base, path: Path, rng: np.random.Generator) -> None:
    """A weight that is NaN or infinite."""

    def change(tensor: Array) -> None:
        tensor.reshape(-1)[rng.integers(tensor.size)] = rng.choice([np.nan, np.inf, -np.inf])

    names = [name for name in names_of(base, "weight") if stored(base, name).dtype.kind == "f"]
    change_tensor(base, path, rng.choice(names), change)


def infinite(base: Base, path: Path, rng: np.random.Generator) -> None:
    """A bias that is infinite."""

    def change(tensor: Array) -> None:
        tensor.reshape(-1)[rng.integers(tensor.size)] = rng.choice([np.inf, -np.inf])

    change_tensor(base, path, rng.choice(names_of(base, "bias")), change)


def flipped_byte(base: Base, path: Path, rng: np.random.Generator) -> None:
    """Some bits of one byte, anywhere in the artifact."""
    files = files_of(path)
    sizes = np.array([file.stat().st_size for file in files])
    file = files[rng.choice(len(files), p=sizes / sizes.sum())]
    _flip(file, rng.integers(file.stat().st_size), rng)


def flipped_structure(base: Base, path: Path, rng: np.random.Generator) -> None:
    """Some bits of one byte that is not of a weight: where operators, shapes and offsets stand."""
    free = {file: np.flatnonzero(~_weights_in(base, path, file)) for file in files_of(path)}
    sizes = np.array([len(places) for places in free.values()])
    file = list(free)[rng.choice(len(free), p=sizes / sizes.sum())]
    _flip(file, free[file][rng.integers(len(free[file]))], rng)


def _weights_in(base: Base, path: Path, file: Path) -> Array:
    """Which bytes of a file of the artifact at `path` are a weight's."""
    weights = np.zeros(file.stat().st_size, bool)
    for name, place in found_in(base).items():
        size = stored(base, name).nbytes
        for offset in place.offsets if path / place.file == file else ():
            weights[offset : offset + size] = True
    return weights


def _flip(file: Path, at: int, rng: np.random.Generator) -> None:
    content = bytearray(file.read_bytes())
    content[at] ^= int(rng.integers(1, 256))
    file.write_bytes(content)


def truncated(base: Base, path: Path, rng: np.random.Generator) -> None:
    """A file of the artifact that ends too early."""
    files = files_of(path)
    file = files[rng.integers(len(files))]
    content = file.read_bytes()
    file.write_bytes(content[: rng.integers(len(content))])


def file_of_another(own: Base, path: Path, rng: np.random.Generator) -> None:
    """The whole file of another width."""
    name, config, *form = own.name.split("-")
    other = base(own.place, name, ANOTHER[config], *form)
    if path.is_dir():
        shutil.rmtree(path)
        shutil.copytree(other.file.path, path)
    else:
        shutil.copy(other.file.path, path)


@cache
def _baked_with_statistics_of(name: str, config: str, other: str) -> dict[str, Array]:
    """The baked tensors of a member whose statistics were averaged at `other`."""
    owner, recordings = copy.deepcopy(mother(name)), recorded(name).recordings
    calibrate(owner, recordings.batches, owner.space.parse(other), BATCHES)
    member = extract(owner, owner.space.parse(config))
    baked = bake(member, owner.example_inputs(owner.space.parse(config)))
    return {key: tensor.numpy() for key, tensor in baked.module.state_dict().items()}


FAULTS: dict[str, Plant] = {
    "largest weight 1 %": largest_weight,
    "any weight 1 %": any_weight,
    "channels swapped": swapped_channels,
    "bias zeroed": zeroed_bias,
    "statistics of another": statistics_of_another,
    "gates of another": gates_of_another,
    "wrong pad": wrong_pad,
    "states swapped": swap_states,
    "weight not finite": not_finite,
    "bias infinite": infinite,
    "byte flipped": flipped_byte,
    "structure flipped": flipped_structure,
    "truncated": truncated,
    "file of another": file_of_another,
}
