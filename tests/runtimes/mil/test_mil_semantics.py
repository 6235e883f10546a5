"""The evaluator reads operators as coremltools' value inference does, and says where nobody knows Core ML's own way."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cases_elementwise
import cases_layers
import cases_tensors
import coremltools as ct
import mil_cases
import numpy as np
import pytest
from coremltools.converters.mil import Builder as mb
from coremltools.converters.mil.mil import Function, Operation
from coremltools.converters.mil.mil.ops.registry import SSAOpRegistry
from mil_cases import Case, positive

from edge_export.runtimes.mil.ops import indexing, linear, pooling, resize, shape
from edge_export.runtimes.mil.package import open_package
from edge_export.runtimes.mil.registry import BUILT_IN, OPERATORS
from edge_export.runtimes.mil.semantics import TABLE, by_documentation
from edge_export.runtimes.mil.types import BY_NAME, rounded

TESTS = Path(str(ct.__file__)).parent / "converters" / "mil" / "mil" / "ops" / "tests"
UNLIKE = {
    "argsort": "of equal values any may come first",
    "concat": "value inference ignores interleave",
    "cumsum": "value inference of exclusive sums fails",
    "scatter_along_axis": "value inference updates in every mode",
}
"""Where coremltools' value inference is not what its documentation says, or says less."""


def _infers(name: str) -> bool:
    versions = SSAOpRegistry.core_ops[name].values()
    return any(version.value_inference is not Operation.value_inference for version in versions)


CASES = (*cases_elementwise.CASES, *cases_layers.CASES, *cases_tensors.CASES)
ALIKE = [
    case
    for case in CASES
    if case.operator not in UNLIKE and case.operator in SSAOpRegistry.core_ops and _infers(case.operator)
]

FLOATS = np.array(
    [
        *(np.nan, np.inf, -np.inf, 0, -0.0, 1e-45, -1e-40, 1e-30, 3.4e38, -3.4e38, 1e10, 100, -100, 88, 11, 0.1),
        *(0.5, 1.5, 2.5, -0.5, -1.5, -2.5, -7.3),
    ],
    np.float32,
)
UNARY = """
    abs acos asin atan atanh ceil cos cosh erf exp exp2 floor gelu inverse log relu relu6 round rsqrt sigmoid sign sin
    sinh softplus softsign sqrt square tan tanh
"""
INTEGERS = np.array([-7, 7, -2, 2, 3, -3, 1, -1, 2**31 - 1, -(2**31) + 1, 46341], np.int32)
ROWS = np.array([[-3, 2, 0], [0, 1e3, -1e-3], [1e30, 1e30, 1], [-np.inf, 0, 1], [100, 100, 100]], np.float32)
COUNTED = np.arange(24, dtype=np.float32).reshape(1, 4, 6)


def _pairs(values: np.ndarray) -> dict[str, np.ndarray]:
    return {"x": np.repeat(values, len(values)), "y": np.tile(values, len(values))}


EDGES: list[tuple[str, dict[str, Any]]] = [
    *((name, {"x": FLOATS}) for name in UNARY.split()),
    *((name, _pairs(FLOATS)) for name in ("add", "sub", "mul", "real_div", "floor_div", "mod", "pow", "maximum")),
    *((name, _pairs(FLOATS)) for name in ("minimum", "equal", "not_equal", "greater", "greater_equal", "less")),
    *((name, _pairs(INTEGERS)) for name in ("add", "sub", "mul", "floor_div", "mod", "maximum", "minimum", "less")),
    ("real_div", _pairs(INTEGERS[:-3])),
    ("pow", {"x": np.array([2, -2, 3, 0], np.int32), "y": np.array([3, 3, 0, 0], np.int32)}),
    *(
        ("cast", {"x": np.array([0.5, 1.5, -1.5, 2.9, -2.9, 0, 1e9, -0.2], np.float32), "dtype": dtype})
        for dtype in ("int32", "fp16", "bool")
    ),
    ("cast", {"x": INTEGERS, "dtype": "fp32"}),
    ("clip", {"x": FLOATS, "alpha": np.float32(-1), "beta": np.float32(2)}),
    *(
        (name, {"x": FLOATS, "alpha": np.float32(0.3)})
        for name in ("threshold", "leaky_relu", "elu", "thresholded_relu")
    ),
    *(
        (name, {"x": FLOATS, "alpha": np.float32(0.3), "beta": np.float32(1.2)})
        for name in ("clamped_relu", "sigmoid_hard", "scaled_tanh", "linear_activation")
    ),
    *((f"reduce_{name}", {"x": ROWS, "axes": [1]}) for name in ("sum", "mean", "max", "min", "prod", "log_sum_exp")),
    *((f"reduce_{name}", {"x": ROWS, "axes": [0]}) for name in ("l1_norm", "l2_norm", "sum_square", "log_sum")),
    *((name, {"x": np.round(ROWS), "axis": 1}) for name in ("reduce_argmax", "reduce_argmin", "softmax")),
    ("l2_norm", {"x": np.zeros((1, 2, 2), np.float32)}),
    ("layer_norm", {"x": np.array([[1, 1, 1], [1e-4, 0, 0]], np.float32), "axes": [1], "epsilon": np.float32(1e-12)}),
    ("cumsum", {"x": ROWS, "axis": 1, "reverse": True}),
    ("range_1d", {"start": 0.0, "end": 1.0, "step": 0.1}),
    ("range_1d", {"start": 5, "end": -5, "step": -3}),
    ("slice_by_index", {"x": COUNTED, "begin": [0, -1, 5], "end": [1, -4, -7], "stride": [1, -1, -2]}),
    ("slice_by_size", {"x": COUNTED, "begin": [0, -2, 1], "size": [1, 1, -1]}),
    *(("pad", {"x": COUNTED, "pad": [2, 1, 3, 0], "mode": mode}) for mode in ("reflect", "replicate", "constant")),
    ("quantize", {"input": FLOATS[11:], "scale": np.float32(1), "zero_point": np.int8(3), "output_dtype": "int8"}),
    ("non_zero", {"x": FLOATS}),
    ("select", {"cond": FLOATS > 0, "a": FLOATS, "b": -FLOATS}),
]
"""Values at which implementations differ: NaN, infinity, denormals, halves, negative and huge numbers."""


def _inferred(build: Callable[[], Any], opset: Any) -> Iterator[Any]:
    """Yields the operations of a program of constants whose results coremltools computes."""
    with Function({"x": mb.placeholder(shape=(1,))}, opset_version=opset) as function, np.errstate(all="ignore"):
        build()
        function.set_outputs([mb.identity(x=function.inputs["x"])])
    for operation in function.operations:
        if operation.op_type in OPERATORS and all(output.val is not None for output in operation.outputs):
            yield operation


def _argument(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_argument(each) for each in value]
    array = np.asarray(value.val)
    return str(array) if array.dtype.kind in "US" else array.astype(np.float32) if array.dtype == np.float16 else array


def _require_same(operation: Any) -> None:
    given = {name: _argument(value) for name, value in operation.inputs.items() if value is not None and name != "name"}
    with np.errstate(all="ignore"):
        results = OPERATORS[operation.op_type](**given)
        results = results if isinstance(results, tuple) else (results,)
        for result, output in zip(results, operation.outputs, strict=True):
            want = np.asarray(output.val)
            name = {"float32": "fp32", "float16": "fp16"}.get(want.dtype.name, want.dtype.name)
            got = rounded(result, BY_NAME[name])
            assert got.shape == want.shape, operation
            limit = 2e-3 if name == "fp16" else 2e-6
            np.testing.assert_allclose(got, want.astype(got.dtype), rtol=limit, atol=limit / 2, err_msg=str(operation))


def test_it_has_a_row_for_every_operator() -> None:
    assert TABLE.keys() == OPERATORS.keys() | BUILT_IN


def test_the_evidence_is_there() -> None:
    words = set(re.findall(r"\w+", "".join(path.read_text() for path in TESTS.rglob("test_*.py"))))
    known = SSAOpRegistry.core_ops
    for name, semantics in TABLE.items():
        assert ("inference" in semantics.basis) == (name in known and name not in BUILT_IN and _infers(name)), name
        assert "tests" not in semantics.basis or name in words, name
        assert all(difference.what and difference.source for difference in semantics.differences)


@pytest.mark.parametrize("case", ALIKE, ids=[f"{case.operator}-{index}" for index, case in enumerate(ALIKE)])
def test_random_values_are_those_of_value_inference(case: Case) -> None:
    def build() -> None:
        case.build(np.float32, *(mb.const(val=array) for array in mil_cases.inputs_of(case, "fp32")))

    for operation in _inferred(build, case.opset):
        _require_same(operation)


@pytest.mark.parametrize(("name", "arguments"), EDGES, ids=[f"{name}-{index}" for index, (name, _) in enumerate(EDGES)])
def test_values_at_the_edges_are_those_of_value_inference(name: str, arguments: dict[str, Any]) -> None:
    operations = list(_inferred(lambda: getattr(mb, name)(**arguments), ct.target.iOS17))
    assert name in [operation.op_type for operation in operations]
    for operation in operations:
        _require_same(operation)


def _rows(x: Any) -> Any:
    return mb.reshape(x=x, shape=[1, 3, 10])


PACKAGES: dict[str, tuple[Callable[..., Any], list[str]]] = {
    "known": (lambda t, x: mb.relu(x=mb.cast(x=mb.cast(x=x, dtype="int32"), dtype="fp32")), []),
    "overflowing": (lambda t, x: mb.softplus(x=x), ["softplus"]),
    "unknown halves": (lambda t, x: mb.round(x=x), ["round"]),
    "two": (lambda t, x: mb.pow(x=mb.mod(x=x, y=t(0.7)), y=t(2.5)), ["mod", "pow"]),
    "places": (lambda t, x: mb.topk(x=x, k=2)[0], ["topk"]),
    "interleaved": (lambda t, x: mb.concat(values=[x, x], axis=1, interleave=True), ["concat"]),
    "not interleaved": (lambda t, x: mb.concat(values=[x, x], axis=1, interleave=False), []),
    "transposed": (lambda t, x: mb.conv_transpose(x=_rows(x), weight=t(positive(3, 2, 4))), []),
    "shifted": (
        lambda t, x: mb.conv_transpose(x=_rows(x), weight=t(positive(3, 2, 4)), output_shape=[1, 2, 13]),
        ["conv_transpose"],
    ),
}


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_names_what_rests_on_documentation_only(name: str, tmp_path: Path) -> None:
    build, expected = PACKAGES[name]
    case = Case("", build, lambda x: x, ((2, 3, 5),))
    assert by_documentation(open_package(mil_cases.save(case, "fp32", tmp_path / "one.mlpackage"))) == expected


IMAGE, INDICES = np.zeros((1, 2, 4, 4), np.float32), np.array([0, -1], np.int32)
TRANSFORM = {"output_height": 2, "output_width": 2, "sampling_mode": "bilinear", "padding_mode": "constant"}
REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "gather": (lambda: indexing.gather(IMAGE, INDICES, validate_indices=False), "index -1 is negative"),
    "gather_nd": (lambda: indexing.gather_nd(IMAGE, INDICES[None], validate_indices=True), "index -1 is negative"),
    "scatter": (lambda: indexing.scatter(IMAGE[0], INDICES, IMAGE[0], validate_indices=False), "index -1 is negative"),
    "slice_update": (
        lambda: indexing.slice_update(IMAGE, np.float32(1), *(np.array([0, 0, 0, n]) for n in (0, 1))),
        "no update without axes",
    ),
    "pad": (lambda: shape.pad(IMAGE, np.array([1, 1] * 3), "reflect"), "no padding 'reflect' at other axes"),
    "pad 4": (lambda: shape.pad(IMAGE, np.array([0, 4]), "reflect"), "no more than size - 1 elements"),
    "linear": (lambda: linear.linear(INDICES[None], INDICES[None]), "linear takes no integers"),
    "ceil_mode": (
        lambda: pooling.max_pool(IMAGE[0], np.array([2]), None, "custom", np.array([0, 1]), True),
        "only with the same padding at both ends",
    ),
    "affine": (
        lambda: resize.affine(
            IMAGE, np.eye(2, 3), padding_value=0, coordinates_mode="", align_corners=False, **TRANSFORM
        ),
        "only bilinear, with aligned corners",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_core_ml_does_not_do_is_refused(name: str) -> None:
    run, message = REFUSED[name]
    with pytest.raises(ValueError, match=re.escape(message)):
        run()


def test_negative_indices_count_from_the_end_before_ios_17() -> None:
    assert indexing.gather(np.arange(3), INDICES).tolist() == [0, 2]
    assert indexing.gather_along_axis(np.arange(3), INDICES).tolist() == [0, 2]
    for function in (indexing.gather, indexing.scatter, indexing.scatter_nd):
        assert inspect.signature(function).parameters["validate_indices"].default is None
