"""Inputs and outputs of any form cross the border: the member gives what the mother does, in the one form of files."""

from __future__ import annotations

import copy
from collections import namedtuple
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import nn

from edge_export.errors import RequestError
from edge_export.members.border import BorderedMother, at_border
from edge_export.mothers.protocol import IOSpec, Recordings
from edge_export.mothers.protocol import TensorSpec as T
from edge_export.pipeline.member import prepare_member
from edge_export.spec.tensors import check_io
from edge_export.spec.tolerance import Tolerance

EXACT = Tolerance(snr_db=110, max_abs_of_peak=1e-5)
Pair = namedtuple("Pair", "first second")


@dataclass
class Boxes:
    corners: torch.Tensor
    scores: torch.Tensor
    loss: torch.Tensor | None = None


class One:
    """A space of one configuration."""

    smallest = largest = "only"

    def all(self) -> list[str]:
        return ["only"]

    def name(self, config: str) -> str:
        return config


class Mother(nn.Module):
    """A linear layer, and then any function."""

    space = One()

    def __init__(self, tail: Any, inputs: list[T], outputs: list[T], **io: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.tail = nn.Linear(6, 6), tail
        self.io = IOSpec(tuple(inputs), tuple(outputs), **io)

    def forward(self, *inputs: torch.Tensor, config: str | None = None) -> Any:
        return self.tail(self.layer, *inputs)

    def extract(self, config: str) -> nn.Module:
        return Plain(copy.deepcopy(self.layer), self.tail, len(self.io.inputs))

    def example_inputs(self, config: str) -> tuple[torch.Tensor, ...]:
        return tuple(torch.zeros(s.shape, dtype=getattr(torch, s.dtype)) for s in self.io.inputs)


class Plain(nn.Module):
    def __init__(self, layer: nn.Module, tail: Any, count: int) -> None:
        super().__init__()
        self.layer, self.tail = layer, tail
        # A graph is traced by the names of the inputs.
        self.forward = self.one if count == 1 else self.two  # type: ignore[method-assign]

    def one(self, x: torch.Tensor) -> Any:
        return self.tail(self.layer, x)

    def two(self, x: torch.Tensor, y: torch.Tensor) -> Any:
        return self.tail(self.layer, x, y)


X, Y, Z = T("x", (1, 6)), T("y", (1, 6)), T("z", (1, 6))
H, H_NEXT = T("h", (2, 1, 6)), T("h_next", (2, 1, 6))

# By what is unusual: the mother, its recorded inputs, and what comes out at the border.
CASES: dict[str, tuple[Mother, tuple[torch.Tensor, ...], Any]] = {}


def case(name: str, mother: Mother, expected: Any, *recorded: torch.Tensor) -> None:
    generator = torch.Generator().manual_seed(1)
    inputs = recorded or tuple(
        torch.randn((8, *s.shape[1:]), generator=generator).to(getattr(torch, s.dtype)) for s in mother.io.inputs
    )
    CASES[name] = (mother, inputs, expected)


case("list", Mother(lambda a, x: [a(x), x * 2], [X], [Y, Z]), lambda a, x: (a(x), x * 2))
case("dict by name", Mother(lambda a, x: {"z": x * 2, "y": a(x)}, [X], [Y, Z]), lambda a, x: (a(x), x * 2))
case("dict by order", Mother(lambda a, x: {"q": a(x), "p": x * 2}, [X], [Y, Z]), lambda a, x: (a(x), x * 2))
case("nested", Mother(lambda a, x: {"q": [a(x), None], "r": (x * 2,)}, [X], [Y, Z]), lambda a, x: (a(x), x * 2))
case("named tuple", Mother(lambda a, x: Pair(a(x), x * 2), [X], [Y, Z]), lambda a, x: (a(x), x * 2))
case(
    "dataclass",
    Mother(lambda a, x: Boxes(scores=x * 2, corners=a(x)), [X], [Z, Y]),
    lambda a, x: (a(x), x * 2),
)
case("twice", Mother(lambda a, x: (y := a(x), y), [X], [Y, Z]), lambda a, x: (a(x), a(x)))
case("views", Mother(lambda a, x: (y := a(x), y.view(-1, 2, 3)), [X], [Y, T("z", (1, 2, 3))]), None)
case("input returned", Mother(lambda a, x: (x, a(x)), [X], [Y, Z]), lambda a, x: (x, a(x)))
case("scalar output", Mother(lambda a, x: (a(x), x.sum()), [X], [Y, T("z", ())]), lambda a, x: (a(x), x.sum()[None]))
case(
    "scalar input",
    Mother(lambda a, x, t: a(x) * t, [X, T("t", ())], [Y]),
    lambda a, x, t: (a(x) * t,),
    torch.randn(8, 6),
    torch.tensor(0.5),
)
case(
    "state of a GRU",
    Mother(lambda a, x, h: (a(x) + h.sum(0), h * 0.5 + x), [X, H], [Y, H_NEXT], feedback=(("h_next", "h"),)),
    lambda a, x, h: (a(x) + h.sum(1), h * 0.5 + x[:, None]),
    torch.randn(8, 6),
    torch.randn(2, 8, 6),
)
case(
    "named batch axis",
    Mother(lambda a, x, h: a(x) + h.sum(0), [X, T("h", (1, 1, 6), batch=1)], [Y]),
    lambda a, x, h: (a(x) + h.sum(1),),
    torch.randn(8, 6),
    torch.randn(1, 8, 6),
)
case("batch of one", Mother(lambda a, x: a(x.reshape(6)).reshape(1, 6), [X], [Y]), lambda a, x: (a(x),))
case("other in a batch", Mother(lambda a, x: a(x) - x.mean(), [X], [Y]), lambda a, x: (a(x) - x.mean(1, keepdim=True),))
case(
    "float64",
    Mother(lambda a, x: a(x), [replace(X, dtype="float64")], [replace(Y, dtype="float64")]).double(),
    lambda a, x: (a(x.double()).float(),),
)
case(
    "float16",
    Mother(lambda a, x: a(x), [replace(X, dtype="float16")], [replace(Y, dtype="float16")]).half(),
    lambda a, x: (a(x),),
)
case("names", Mother(lambda a, x: (a(x), x * 2), [T("input.1", (1, 6))], [T("7", (1, 6)), T("7", (1, 6))]), None)


@pytest.mark.parametrize("name", CASES)
def test_a_member_gives_what_its_mother_does(name: str) -> None:
    mother, inputs, expected = CASES[name]
    around, recordings = at_border(mother, Recordings([inputs], inputs))
    assert isinstance(around, BorderedMother)
    assert check_io(around.io) is around.io
    assert [tuple(t.shape) for t in recordings.goldens] == [(8, *s.shape[1:]) for s in around.io.inputs]
    prepared = prepare_member(around, "only", recordings, EXACT)
    assert prepared.reason == ""
    assert [tuple(a.shape) for a in prepared.golden.values()] == [(8, *s.shape[1:]) for s in around.io.outputs]
    assert list(prepared.golden) == [s.name for s in around.io.outputs]
    if expected is not None:
        third = tuple(t[2:3] for t in recordings.goldens)
        with torch.no_grad():
            wanted = expected(mother.layer, *third)
        for array, tensor in zip(prepared.golden.values(), wanted, strict=True):
            torch.testing.assert_close(torch.from_numpy(array[2:3]), tensor, rtol=1e-5, atol=1e-5)


def test_a_usual_mother_stays_as_it_is() -> None:
    mother = Mother(lambda a, x: (a(x), x * 2), [X], [Y, Z])
    recordings = Recordings([(torch.randn(8, 6),)], (torch.randn(8, 6),))
    assert at_border(mother, recordings) == (mother, recordings)  # type: ignore[arg-type,comparison-overlap]


@pytest.mark.parametrize(
    ("tail", "message"),
    [
        (lambda a, x: (a(x), nn.functional.dropout(x)), "gives other outputs when it runs the same input again"),
        (
            lambda a, x: (a(x), x, x * 3),
            r"returns 3 outputs, 0 \(Tensor\), 1 \(Tensor\), 2 \(Tensor\), .* names 2, y, z",
        ),
        (lambda a, x: {"y": a(x), "rate": 16000}, r"y \(Tensor\), rate \(int\)"),
    ],
)
def test_other_outputs_than_the_io_names_are_refused(tail: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        at_border(Mother(tail, [X], [Y, Z]), Recordings([], (torch.randn(8, 6),)))  # type: ignore[arg-type]


def test_names_that_no_file_can_hold_are_changed_once_each() -> None:
    mother, inputs, _ = CASES["names"]
    around, _ = at_border(mother, Recordings([inputs], inputs))  # type: ignore[arg-type]
    assert [spec.name for spec in around.io.inputs + around.io.outputs] == ["input_1", "t_7", "t_7_2"]


def test_a_state_is_fed_back_under_its_new_name() -> None:
    names = [T("x", (1, 6)), T("h.0", (2, 1, 6))], [Y, T("h.1", (2, 1, 6))]
    mother = Mother(lambda a, x, h: (a(x), h + x), *names, feedback=(("h.1", "h.0"),))
    inputs = (torch.randn(8, 6), torch.randn(2, 8, 6))
    around, _ = at_border(mother, Recordings([inputs], inputs))  # type: ignore[arg-type]
    assert around.io.feedback == (("h_1", "h_0"),)
    assert check_io(around.io)


class BatchStatistics(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(2, track_running_stats=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(x.view(-1, 2, 3)).flatten(1)


def test_a_floor_below_the_largest_of_a_batch_is_that_of_one_sample() -> None:
    """As Whisper's log-mel has it. Samples that are equally loud have the same floor."""
    mother = Mother(lambda a, x: a(torch.maximum(x, x.max() - 8)), [X], [Y])
    inputs = (torch.randn(8, 6) + 10,)
    around, _ = at_border(mother, Recordings([inputs], inputs))  # type: ignore[arg-type]
    assert around.alone  # type: ignore[attr-defined]


def test_statistics_of_the_batch_are_those_of_one_sample() -> None:
    norm = BatchStatistics()
    mother = Mother(lambda a, x: a(norm(x)), [X], [Y])
    inputs = (torch.randn(8, 6),)
    around, recordings = at_border(mother, Recordings([inputs], inputs))  # type: ignore[arg-type]
    assert around.alone  # type: ignore[attr-defined]
    assert [len(x) for (x,) in recordings.batches] == [1] * 8
    assert prepare_member(around, "only", recordings, EXACT).reason == ""
