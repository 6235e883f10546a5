"""Finds the tensors of a network in a checkpoint, under whatever names its author's tools gave them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_export.errors import RequestError, one_line

if TYPE_CHECKING:
    from torch import Tensor

NESTS = ("model", "state_dict", "model_state_dict", "net", "params_ema")
"""The usual names of nests of weights. If several nests fit, the first of these is taken, otherwise the first."""
MAX_DEPTH = 3
COUNTER = "num_batches_tracked"
"""BatchNorm's count of its batches, which old and converted checkpoints lack. It changes no output."""
WRAPPERS = frozenset({"module", "_orig_mod"})
"""The parts that DataParallel and torch.compile put into names."""


@dataclass(frozen=True)
class Found:
    """The tensors of a network.

    Attributes:
        tensors: By the network's names. Counters may be missing.
        notes: What was left out or chosen, one line each.
    """

    tensors: dict[str, Tensor]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Fit:
    """A nest of a checkpoint compared with a network.

    Attributes:
        where: The path of the nest, such as "model"; empty: the whole checkpoint.
        tensors: By the network's names.
        missing, unexpected: The network's names that it lacks, and its names that the network lacks, but for counters.
        surplus: The counters that the network lacks.
    """

    where: str
    tensors: dict[str, Tensor]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    surplus: tuple[str, ...]

    @property
    def fits(self) -> bool:
        return not self.missing and not self.unexpected


def find_tensors(path: Path, content: Any, own: Mapping[str, Tensor]) -> Found:
    """Returns the tensors for `own` in the content of a checkpoint.

    They may be in a nest of the content. Their names may all begin with a prefix that the network's lack, or the other
    way round, and hold the parts of `WRAPPERS`. Of tensors that share memory in the network, one is enough.

    Args:
        path: The file, for messages.
        content: What it holds.
        own: The state dict of the network.

    Raises:
        RequestError: The content holds no tensors by name, or those of another network. The message names the first
            that is missing and the first that is unexpected.
    """
    nests, problem = _nests(path, content)
    if not nests:
        raise RequestError(problem)
    same = _same_memory(own)
    fits = [_best_fit(where, nest, own, same) for where, nest in nests]
    usable = [fit for fit in fits if fit.fits]
    if not usable:
        raise RequestError(_another_network(path, max(fits, key=lambda fit: len(fit.tensors)), len(own)))
    chosen, others = usable[0], usable[1:]
    notes = []
    if others:
        quoted = ", ".join(repr(one_line(fit.where, 40)) for fit in others)
        notes.append(f"checkpoint {path}: {chosen.where!r} was taken; {quoted} would fit, too")
    if chosen.surplus:
        first = one_line(chosen.surplus[0], 80)
        notes.append(f"checkpoint {path}: {len(chosen.surplus)} counters of batches were left out, first {first}")
    return Found(_with_shared(path, chosen.tensors, same), tuple(notes))


def _nests(path: Path, content: Any) -> tuple[list[tuple[str, dict[str, Tensor]]], str]:
    """Returns all nests of dense tensors by name, with their paths, the usual ones first; and why there are none."""
    if not isinstance(content, Mapping):
        return [], f"checkpoint {path}: holds a {type(content).__name__}, not a state dict; save state_dict()"
    found, problem = [], f"checkpoint {path}: is empty; save state_dict()"
    for where, nest in _mappings("", content, MAX_DEPTH):
        if wrong := [(key, value) for key, value in nest.items() if not _is_named_tensor(key, value)]:
            key, value = wrong[0]
            problem = (
                f"checkpoint {path}: {one_line(repr(key), 80)} is a {type(value).__name__}, not a dense tensor with a "
                "name; save state_dict() alone"
            )
        elif nest:
            found.append((where, dict(nest)))
    return sorted(found, key=lambda item: NESTS.index(item[0]) if item[0] in NESTS else len(NESTS)), problem


def _mappings(where: str, content: Mapping[Any, Any], depth: int) -> Iterator[tuple[str, Mapping[Any, Any]]]:
    yield where, content
    for key, value in content.items():
        if depth > 0 and isinstance(value, Mapping):
            yield from _mappings(f"{where}.{key}" if where else str(key), value, depth - 1)


def _is_named_tensor(key: Any, value: Any) -> bool:
    import torch

    return isinstance(key, str) and isinstance(value, torch.Tensor) and value.layout is torch.strided


def _best_fit(where: str, nest: Mapping[str, Tensor], own: Mapping[str, Tensor], same: dict[str, list[str]]) -> _Fit:
    """Compares a nest with the network under every prefix, and returns the first that fits, or else the closest."""
    best = None
    plain, wanted = _unwrapped(nest), _unwrapped(own)
    for dropped in range(_shared_parts(plain) + 1):
        for lacking in range(_shared_parts(wanted) + 1):
            theirs = {_without(dropped, name): original for name, original in plain.items()}
            ours = {_without(lacking, name): original for name, original in wanted.items()}
            tensors = {name: nest[theirs[short]] for short, name in ours.items() if short in theirs}
            extra = [original for short, original in theirs.items() if short not in ours]
            fit = _Fit(
                where,
                tensors,
                tuple(n for n in own if n not in tensors and not _is_counter(n) and not set(same[n]) & tensors.keys()),
                tuple(name for name in extra if not _is_counter(name)),
                tuple(name for name in extra if _is_counter(name)),
            )
            if fit.fits:
                return fit
            if best is None or len(fit.tensors) > len(best.tensors):
                best = fit
    assert best is not None
    return best


def _unwrapped(names: Mapping[str, Tensor]) -> dict[str, str]:
    """Returns the names by what is left of them without `WRAPPERS`; as they are if that would make two the same."""
    short = {".".join(part for part in name.split(".") if part not in WRAPPERS): name for name in names}
    return short if len(short) == len(names) else {name: name for name in names}


def _shared_parts(names: Mapping[str, str]) -> int:
    """Returns how many parts all names begin with; never a whole name."""
    parts = [name.split(".") for name in names]
    count = 0
    while all(len(each) > count + 1 for each in parts) and len({each[count] for each in parts}) == 1:
        count += 1
    return count


def _without(count: int, name: str) -> str:
    return ".".join(name.split(".")[count:])


def _is_counter(name: str) -> bool:
    return name.rpartition(".")[2] == COUNTER


def _same_memory(own: Mapping[str, Tensor]) -> dict[str, list[str]]:
    """Returns, for every name, all names of the same tensor in the network: tied weights have several."""
    groups: dict[tuple[Any, ...], list[str]] = {}
    for name, tensor in own.items():
        place = (tensor.data_ptr(), tensor.shape, tensor.stride()) if tensor.numel() else (name,)
        groups.setdefault(place, []).append(name)
    return {name: names for names in groups.values() for name in names}


def _with_shared(path: Path, tensors: dict[str, Tensor], same: dict[str, list[str]]) -> dict[str, Tensor]:
    """Returns `tensors` with the names of tied weights that the checkpoint left out.

    Raises:
        RequestError: Two of a tied weight's names have different values.
    """
    import torch

    whole = dict(tensors)
    for name, names in same.items():
        given = [other for other in names if other in tensors]
        if not given:
            continue
        whole[name] = tensors[given[0]]
        if name in given[1:] and not torch.equal(tensors[name], whole[name]):
            raise RequestError(
                f"checkpoint {path}: {given[0]} and {name} differ, but are one tensor in the network; check --mother"
            )
    return whole


def _another_network(path: Path, fit: _Fit, count: int) -> str:
    problems = []
    if fit.missing:
        problems.append(f"{len(fit.missing)} of {count} tensors are missing, first {fit.missing[0]}")
    if fit.unexpected:
        problems.append(f"{len(fit.unexpected)} are unexpected, first {one_line(fit.unexpected[0], 80)}")
    return f"checkpoint {path}: belongs to another network: {', '.join(problems)}; check --mother and --checkpoint"
