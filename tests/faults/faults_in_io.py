"""Faults in what a manifest states of an artifact's inputs and outputs; the file is left as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from edge_export.mothers.protocol import IOSpec

State = Callable[[IOSpec], IOSpec]


def transposed_axes(io: IOSpec) -> IOSpec:
    """Height is called width: of a square image, no shape tells."""
    image = io.inputs[0]
    axes = image.layout.translate(str.maketrans("HW", "WH"))
    return replace(io, inputs=(replace(image, layout=axes),))


def other_layout(io: IOSpec) -> IOSpec:
    """NCHW is called NHWC, with the shape that this would have, and the other way round."""
    image = io.inputs[0]
    layout = {"NCHW": "NHWC", "NHWC": "NCHW"}[image.layout]
    shape = tuple(image.shape[image.layout.index(axis)] for axis in layout)
    return replace(io, inputs=(replace(image, layout=layout, shape=shape),))


def swapped_outputs(io: IOSpec) -> IOSpec:
    """The outputs in each other's place."""
    return replace(io, outputs=io.outputs[::-1])


FAULTS: dict[str, State] = {
    "axes transposed": transposed_axes,
    "layout of another": other_layout,
    "outputs swapped": swapped_outputs,
}
