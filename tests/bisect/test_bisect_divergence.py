"""Counterparts are found whatever converters do to names and layouts, and the first divergence by the graph."""

from __future__ import annotations

import numpy as np
import pytest

from edge_export.bisect.divergence import bisect
from edge_export.bisect.values import Value

SAMPLES, SHAPE = 2, (1, 3, 4, 5)


def value(name: str, reads: tuple[str, ...] = (), array=None, seed: str = "", operator: str = "op", **more) -> Value:
    """A value whose numbers follow from `seed`, or its name."""
    if array is None:
        array = np.random.default_rng(list((seed or name).encode())).standard_normal((SAMPLES, *SHAPE))
    return Value(name, operator, reads, array.astype(np.float32), **more)


def wrong(of: Value, snr_db: float, name: str = "", **changed) -> Value:
    noise = np.random.default_rng(0).standard_normal(of.array.shape)
    scale = np.sqrt(np.square(of.array).sum() / np.square(noise).sum()) * 10 ** (-snr_db / 20)
    return Value(name or of.name, of.operator, changed.get("reads", of.reads), (of.array + scale * noise).astype("f"))


CHAIN = [value("a"), value("b", ("a",)), value("c", ("b",)), value("d", ("c",))]


def test_equal_values_agree():
    found = bisect("x", CHAIN, CHAIN, {"d": "d"}, 90)
    assert (found.diverges, found.first, found.worst) == (False, "", "")
    assert [(row.state, row.snr_db) for row in found.rows] == [("agrees", 200.0)] * 4


def test_the_first_of_a_chain():
    a, b, c, d = CHAIN
    found = bisect("x", CHAIN, [a, wrong(b, 40), wrong(c, 60), wrong(d, 20)], {"d": "d"}, 90)
    assert found.diverges
    assert found.first == "b"
    assert [row.state for row in found.rows] == ["agrees", "diverges", "diverges", "diverges"]
    assert found.rows[1].snr_db == pytest.approx(40, abs=0.1)


def test_a_divergence_that_no_output_sees_is_none():
    """Its reader agrees: it is a value that only the converter knows, such as one of another scale."""
    a, b, c, d = CHAIN
    found = bisect("x", CHAIN, [a, wrong(b, 40), c, d], {"d": "d"}, 90)
    assert not found.diverges
    assert found.first == ""
    assert [row.state for row in found.rows] == ["agrees", "no counterpart", "agrees", "agrees"]


def test_values_that_nothing_reads_are_left_out():
    found = bisect("x", CHAIN, [*CHAIN, wrong(value("unused", ("a",)), 10)], {"d": "d"}, 90)
    assert [row.name for row in found.rows] == ["a", "b", "c", "d"]


def test_branches_in_the_order_of_execution():
    inside = [value("a"), value("left", ("a",)), value("right", ("a",)), value("sum", ("left", "right"))]
    bad = [inside[0], inside[1], wrong(inside[2], 30), wrong(inside[3], 35)]
    assert bisect("x", inside, bad, {"sum": "sum"}, 90).first == "right"
    bad = [inside[0], wrong(inside[1], 50), wrong(inside[2], 30), wrong(inside[3], 35)]
    assert bisect("x", inside, bad, {"sum": "sum"}, 90).first == "left"


def test_what_the_converter_added_is_gone_through():
    a, _, c, d = CHAIN
    padded = value("padded", ("a",), np.ones((SAMPLES, 7)))
    inside = [a, padded, wrong(c, 40, reads=("padded",)), wrong(d, 40)]
    found = bisect("x", CHAIN, inside, {"d": "d"}, 90)
    assert found.first == "c"
    assert found.rows[1].state == "no counterpart"


def test_renamed_and_channels_last():
    a, b, c, d = CHAIN
    moved = [np.moveaxis(v.array, 2, -1) for v in (a, b, c)]
    inside = [
        value("node_7", (), moved[0]),
        value("node_8", ("node_7",), moved[1], named_after=("node_b_weights",)),
        value("node_9", ("node_8",), moved[2]),
        value("out", ("node_9",), d.array),
    ]
    found = bisect("x", CHAIN, inside, {"out": "d"}, 90)
    assert [row.source for row in found.rows] == ["a", "b", "c", "d"]
    assert {row.state for row in found.rows} == {"agrees"}
    inside[2] = wrong(inside[2], 30)
    inside[3] = wrong(inside[3], 30)
    found = bisect("x", CHAIN, inside, {"out": "d"}, 90)
    assert found.first == "node_9"
    assert found.rows[2].source == "c"


def test_what_its_weights_are_named_after_is_the_source():
    """A fused operator agrees with the activation behind it, and still comes from its convolution."""
    before, after = value("conv2d_1", layer="body.3"), value("relu", ("conv2d_1",), layer="body.4")
    fused = value("out", (), after.array, operator="CONV_2D", named_after=("node_conv2d_1_filter",))
    (row,) = bisect("x", [before, after], [fused], {"out": "relu"}, 90).rows
    assert (row.state, row.source, row.layer, row.snr_db) == ("agrees", "conv2d_1", "body.3", 200.0)


def test_values_that_are_not_finite_diverge():
    a, b, c, d = CHAIN
    nan = [Value(v.name, v.operator, v.reads, np.full_like(v.array, np.nan)) for v in (c, d)]
    found = bisect("x", CHAIN, [a, b, *nan], {"d": "d"}, 90)
    assert found.first == "c"
    assert found.rows[2].max_abs is None


def test_without_a_divergence_the_largest_drop_is_named():
    a, b, c, d = CHAIN
    found = bisect("x", CHAIN, [wrong(a, 60), wrong(b, 58), wrong(c, 35), wrong(d, 34.5)], {"d": "d"}, 20)
    assert not found.diverges
    assert found.worst == "c"


def test_swapped_outputs_diverge():
    """Each is a value of the reference, but not the one that it stands for."""
    a, b, *_ = CHAIN
    swapped = [value("first", (), b.array), value("second", (), a.array)]
    found = bisect("x", [a, b], swapped, {"first": "a", "second": "b"}, 90)
    assert found.diverges
    assert found.first == "first"
