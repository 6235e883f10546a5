"""Plots: the front, the ticks, and a stranger's names."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from report_bundles import HOSTILE

from edge_export.report.axes import axis_for
from edge_export.report.dots import Dots, dots_svg
from edge_export.report.plot import Point, Scatter, scatter_svg, standalone

SVG = "{http://www.w3.org/2000/svg}"
POINTS = (Point(1e6, 10.0, "a"), Point(3e6, 9.0, "b", "x"), Point(8e6, 12.0, "c", "x"), Point(8e6, 11.0, "d"))


def texts(svg: str) -> list[str]:
    return ["".join(each.itertext()) for each in ET.fromstring(svg).iter() if each.tag.endswith(("text", "title"))]


@pytest.mark.parametrize(
    ("values", "logarithmic"),
    [([5.0], False), ([0.0, 0.0], False), ([-3.0, 1e9], False), ([1e-3, 1e12], True), ([0.068, 0.07], False)],
)
def test_an_axis_has_room_for_all_values_and_a_few_ticks(values, logarithmic):
    axis = axis_for("cost", values, str)
    assert axis.logarithmic == logarithmic
    assert all(0 < axis.share(value) < 1 for value in values)
    assert 2 <= len(axis.ticks) <= 8
    assert all(0 <= axis.share(tick) <= 1 for tick in axis.ticks)


def test_a_scatter_plot_has_marks_names_and_units():
    svg = standalone(scatter_svg(Scatter("Quality", "MACs", "top1, points", POINTS)))
    plot = ET.fromstring(svg)
    assert len(plot.findall(f"{SVG}g")) == len(POINTS)
    assert len([each for each in plot.findall(f"{SVG}g") if "best" in each.get("class", "")]) == 2
    assert {"a", "b", "c", "d", "MACs (logarithmic)", "top1, points"} <= set(texts(svg))
    assert "On the Pareto front: a, c." in plot.get("aria-label", "")
    assert "prefers-color-scheme: dark" in svg


def test_of_many_points_only_those_on_the_front_are_named():
    many = (*POINTS, *(Point(9e6 + index, 1.0, f"m{index}") for index in range(10)))
    named = [
        each.text
        for each in ET.fromstring(scatter_svg(Scatter("", "x", "y", many))).iter()
        if each.get("class") == "name"
    ]
    assert sorted(named) == ["a", "c"]


def test_a_stranger_s_names_are_text():
    points = (Point(1, 1, HOSTILE, HOSTILE, HOSTILE),)
    svg = scatter_svg(Scatter(HOSTILE, HOSTILE, HOSTILE, points, lambda value: HOSTILE))
    dots = dots_svg(HOSTILE, [HOSTILE], [Dots(HOSTILE, (200.0,))])
    for drawn in (svg, dots):
        assert {each.tag.removeprefix(SVG) for each in ET.fromstring(drawn).iter()} <= {
            "svg",
            "g",
            "path",
            "text",
            "title",
        }
        assert any(HOSTILE in text for text in texts(drawn))


def test_dots_have_a_row_for_each_stage():
    rows = [Dots("extracted", (200.0, 200.0), 90.0), Dots("baked", (128.4, None), 90.0)]
    svg = dots_svg("SNR", ["a", "b"], rows)
    assert {"extracted", "baked", "equal", "SNR, dB", "a, extracted: equal", "a, baked: 128.4 dB"} <= set(texts(svg))
    assert "b, baked" not in svg
    assert ET.fromstring(svg).get("aria-label") == "SNR. extracted: a equal, b equal; baked: a 128.4 dB"
