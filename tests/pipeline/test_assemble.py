"""The parts of a space, and the names of what is put together from them: also of strangers' spaces."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_export.errors import RequestError
from edge_export.pipeline.assemble import AssembleRequest, assemble
from edge_export.pipeline.mother_source import MotherSource

ROOT = Path(__file__).resolve().parents[2]


def assembled(name: str, *choices: tuple[int, ...]):
    spec = name if name in ("digits", "separator") else f"tests.strangers:{name}"
    answer = assemble(AssembleRequest(source=MotherSource(spec=spec, folder=ROOT), choices=choices))
    return answer.counts, answer.names


def test_choices_that_make_no_difference_are_one_configuration():
    assert assembled("Parted", (0, 0, 0), (0, 0, 7), (15, 1, 2)) == ((16, 2, 16), ("f1s0", "f1s0", "f16s3"))


def test_a_space_without_parts_has_one():
    assert assembled("Mother", (0,), (2,)) == ((3,), ("c2", "c4"))


def test_a_depth_and_a_width_are_parts():
    assert assembled("separator", (0, 0), (3, 1)) == ((4, 4), ("d1w1", "d4w2"))


def test_each_layer_of_digits_is_a_part_unless_a_sum_ties_it_to_another():
    counts, names = assembled("digits", (0,) * 8, (3, 0, 1, 2, 1, 0, 6, 3))
    assert counts == (4, 2, 2, 4, 4, 4, 7, 7)
    assert names == ("w0.25", "c4123231858")


@pytest.mark.parametrize(
    ("mother", "words"),
    [
        ("Forgetful", "parses its own name f16s3 as f16s0"),
        ("Choiceless", "has parts with [16, 0] choices"),
        ("Endless", "more than 256 configurations and no parts"),
    ],
)
def test_what_is_wrong_with_a_space_is_told(mother, words):
    with pytest.raises(RequestError) as refusal:
        assembled(mother, (15, 1, 2))
    assert words in str(refusal.value)
