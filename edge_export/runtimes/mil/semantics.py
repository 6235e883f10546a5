"""What our reading of each operator rests on, and where Core ML is known to differ from PyTorch or from it.

No Core ML runs here. An operator is read as coremltools reads it, and where a public report says otherwise, as the
report says. Nobody has published what Core ML does in every case: the differences that are "open" are named for each
package that holds such an operator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from edge_export.runtimes.mil.package import Package
from edge_export.runtimes.mil.program import operations

Basis = Literal["inference", "tests"]
"""The evidence for our reading of an operator, beside the documentation.

inference: coremltools computes it itself, for constants (`value_inference` in mil/ops/defs).
tests: coremltools' tests state the values that they expect of Core ML (mil/ops/tests).
"""

Outcome = Literal["legalized", "avoided", "evaluated", "refused", "unit", "open"]
"""What follows from a difference.

legalized: Files are written so that both readings give the same (`formats/legalize`).
avoided: Files are written without the operator. What Core ML does in a file that has it is not known.
evaluated: The evaluator computes what Core ML computes, so that a file that relies on another value fails here.
refused: The evaluator raises an error where Core ML does, or where its result is undefined.
unit: One compute unit or system version is at fault. Only a run on the device can tell.
open: It is not known what Core ML does there. The operator's semantics rest on its documentation only.
"""


@dataclass(frozen=True)
class Difference:
    """One known difference.

    Attributes:
        what: What differs, in one sentence.
        source: Who says so: the address of a public report, or the place in coremltools.
        argument: The argument that an operation must have for it to matter, and its value; None: any operation.
    """

    what: str
    source: str
    outcome: Outcome
    argument: tuple[str, str | None] | None = None


@dataclass(frozen=True)
class Semantics:
    """What our reading of one operator rests on. An empty `basis`: its documentation only."""

    basis: tuple[Basis, ...] = ()
    differences: tuple[Difference, ...] = ()


BOTH: tuple[Basis, ...] = ("inference", "tests")
TESTS: tuple[Basis, ...] = ("tests",)
INFERENCE: tuple[Basis, ...] = ("inference",)

_ISSUES = "https://github.com/apple/coremltools/issues"
_WEBNN = "https://github.com/webmachinelearning/webnn/issues"

_NEURAL_ENGINE_SOFTPLUS = Difference(
    "on the Neural Engine it is 0 above x = 10.4, where e^x overflows float16", f"{_ISSUES}/2687", "avoided"
)
_MOD = Difference(
    "the documentation gives the sign of the divisor, a report of a compiled model that of the dividend",
    "https://github.com/kasper0406/stablehlo-coreml/pull/70",
    "open",
)
_POW_OF_ZERO = Difference("2 to the power 0 was seen to be 0", f"{_ISSUES}/2628", "open")
_POW_DIGITS = Difference("x² lost digits in float16 that x · x keeps", f"{_ISSUES}/2601", "legalized")
_HALVES = Difference(
    "halves go to the even or to the other neighbor, depending on the compute unit", f"{_WEBNN}/817", "avoided"
)
_FLOORED_BY_ONE = Difference("coremltools drops a floored division by 1", f"{_ISSUES}/2836", "legalized")
_CAST_AND_BACK = Difference("a cast to integers and back was seen to keep the fraction", f"{_ISSUES}/1589", "legalized")
_CAST_RANGE = Difference(
    "what NaN and numbers out of range become is undefined, in PyTorch too",
    "PyTorch's documentation of Tensor.to",
    "unit",
)
_LOG_EPSILON = Difference("it adds 1e-45: log 0 is −103, not −inf", "value_inference of iOS15 log", "evaluated")
_RSQRT_EPSILON = Difference("it adds 1e-12", "value_inference of iOS15 rsqrt", "legalized")
_INVERSE_EPSILON = Difference("it adds 1e-4", "value_inference of iOS15 inverse", "legalized")
_ROUNDED_UP_POOLS = Difference("with ceil_mode it divides by the whole kernel", f"{_ISSUES}/2772", "legalized")
_PADDED_POOLS = Difference("a kernel of 7, padding 3 and stride 4 gave other values", f"{_ISSUES}/1901", "legalized")
_POOLS_OF_ONE_AXIS = Difference(
    "with pad_type same_lower, one axis is pooled wrongly",
    "tests of iOS14 test_pool, rdar 98852008",
    "open",
    ("pad_type", "same_lower"),
)
_ONE_SIDED_POOLS = Difference(
    "ceil_mode takes only the same padding at both ends", "documentation of iOS15 avg_pool", "refused"
)
_UNEVEN_KERNELS = Difference(
    "a kernel of 3 × 2 with padding 1 and stride 2 gave another last value", f"{_ISSUES}/2515", "unit"
)
_OUTPUT_SHAPE = Difference(
    "with output_shape the result is shifted, depending on the compute unit",
    f"{_ISSUES}/2281 and {_ISSUES}/2324",
    "open",
    ("output_shape", None),
)
_NEGATIVE_INDICES = Difference(
    "negative indices are undefined from iOS 17 on, others out of range always",
    "documentation of iOS17 scatter_gather",
    "refused",
)
_SCATTER_MODES = Difference(
    "coremltools' value inference updates in every mode; the documentation says what each does",
    "value_inference of iOS15 scatter_along_axis",
    "evaluated",
)
_INTERLEAVED = Difference(
    "coremltools' value inference ignores interleave; the documentation shows it",
    "value_inference of iOS15 concat",
    "open",
    ("interleave", "True"),
)
_TIES = Difference("the order of equal values is not documented", "documentation of iOS15 topk and argsort", "open")
_TIES_OF_EXTREMES = Difference("no place is guaranteed among equal values", f"{_WEBNN}/652", "avoided")
_MIRRORED_VOLUMES = Difference(
    "only the last two axes can be reflected or repeated", f"{_ISSUES}/2576 and {_ISSUES}/2571", "legalized"
)
_MIRRORED_LIMIT = Difference("no more than size − 1 elements are reflected", f"{_WEBNN}/739", "refused")
_INTEGER_PRODUCTS = Difference(
    "coremltools' tests multiply integers, but a program that does so was seen not to load", f"{_ISSUES}/2575", "unit"
)
_PRODUCT_OF_A_VECTOR = Difference(
    "coremltools declares a wrong shape for a vector times matrices", f"{_ISSUES}/2263", "refused"
)
_INTEGER_LINEAR = Difference("it does not work with integers", "tests of iOS17 test_linear, rdar 111421695", "refused")
_GPU_ATTENTION = Difference("the GPU's fused attention is wrong for batches of 10 and more", f"{_ISSUES}/2650", "unit")
_AFFINE_OPTIONS = Difference(
    "only aligned corners and zeros around the image are supported", "documentation of iOS15 affine", "refused"
)
_HALF_COORDINATES = Difference("coordinates in float16 lost digits", f"{_ISSUES}/2068", "unit")
_MIRRORED_SAMPLES = Difference(
    "bilinear samples beyond a mirrored border differ from PyTorch's unless corners are aligned",
    "https://github.com/microsoft/onnxruntime/pull/21431",
    "legalized",
)
_HALF_POINTS = Difference(
    "which of two equally near points it takes is not documented",
    "documentation of iOS17 resize",
    "open",
    ("interpolation_mode", "NEAREST_NEIGHBOR"),
)
_FRACTIONAL_SCALES = Difference(
    "the GPU takes other neighbors where the scale is no whole number",
    "tests of iOS15 test_image_resizing, rdar 97398448",
    "legalized",
)
_NEIGHBORS_OF_RANK_3 = Difference(
    "coremltools' own tests disagree on the channels of a tensor of three axes",
    "tests of iOS14 test_normalization",
    "open",
)
_GRU_BIASES = Difference("its two biases are one, unlike PyTorch's", f"{_ISSUES}/1124", "legalized")
_GRU_ON_GPU = Difference("it gave wrong results off the CPU", f"{_WEBNN}/689", "unit")
_UNROLLED = Difference("coremltools takes none of an exported program", "formats/legalize/recurrent.py", "legalized")
_SMALL_STEPS = Difference("very small steps give another count", "test_torch_ops, rdar 88998831", "unit")
_SQUEEZED_STRIDES = Difference(
    "before macOS 14, strides together with squeezed axes were ignored",
    "tests of iOS14 test_tensor_transformation, rdar 103365766",
    "unit",
)
_UPDATED_SCALARS = Difference(
    "an update without axes does not load", "tests of iOS18 test_tensor_transformation, rdar 128221986", "refused"
)
_INSTANCE_NORM_SIZES = Difference("it differed for inputs of flexible size", f"{_ISSUES}/1051", "unit")

TABLE: dict[str, Semantics] = {
    "relu": Semantics(BOTH),
    "relu6": Semantics(BOTH),
    "leaky_relu": Semantics(BOTH),
    "prelu": Semantics(BOTH),
    "thresholded_relu": Semantics(BOTH),
    "clamped_relu": Semantics(BOTH),
    "elu": Semantics(BOTH),
    "gelu": Semantics(BOTH),
    "sigmoid": Semantics(BOTH),
    "sigmoid_hard": Semantics(BOTH),
    "silu": Semantics(TESTS),
    "softplus": Semantics(BOTH, (_NEURAL_ENGINE_SOFTPLUS,)),
    "softplus_parametric": Semantics(BOTH, (_NEURAL_ENGINE_SOFTPLUS,)),
    "softsign": Semantics(BOTH),
    "scaled_tanh": Semantics(BOTH),
    "linear_activation": Semantics(BOTH),
    "softmax": Semantics(BOTH, (_GPU_ATTENTION,)),
    "constexpr_affine_dequantize": Semantics(TESTS),
    "constexpr_blockwise_shift_scale": Semantics(TESTS),
    "constexpr_lut_to_dense": Semantics(TESTS),
    "constexpr_sparse_to_dense": Semantics(TESTS),
    "constexpr_lut_to_sparse": Semantics(TESTS),
    "constexpr_sparse_blockwise_shift_scale": Semantics(TESTS),
    "constexpr_cast": Semantics(TESTS),
    "quantize": Semantics(BOTH, (_HALVES,)),
    "dequantize": Semantics(TESTS),
    "conv": Semantics(TESTS, (_UNEVEN_KERNELS,)),
    "conv_transpose": Semantics(TESTS, (_OUTPUT_SHAPE,)),
    "add": Semantics(BOTH),
    "sub": Semantics(BOTH),
    "mul": Semantics(BOTH),
    "real_div": Semantics(BOTH),
    "floor_div": Semantics(BOTH, (_FLOORED_BY_ONE,)),
    "mod": Semantics(BOTH, (_MOD,)),
    "pow": Semantics(BOTH, (_POW_OF_ZERO, _POW_DIGITS)),
    "maximum": Semantics(BOTH),
    "minimum": Semantics(BOTH),
    "equal": Semantics(BOTH),
    "not_equal": Semantics(BOTH),
    "greater": Semantics(BOTH),
    "greater_equal": Semantics(BOTH),
    "less": Semantics(BOTH),
    "less_equal": Semantics(BOTH),
    "logical_and": Semantics(INFERENCE),
    "logical_or": Semantics(INFERENCE),
    "logical_xor": Semantics(INFERENCE),
    "logical_not": Semantics(INFERENCE),
    "select": Semantics(BOTH),
    "cast": Semantics(BOTH, (_CAST_AND_BACK, _CAST_RANGE)),
    "identity": Semantics(BOTH),
    "abs": Semantics(BOTH),
    "sign": Semantics(BOTH),
    "square": Semantics(BOTH),
    "sqrt": Semantics(BOTH),
    "rsqrt": Semantics(BOTH, (_RSQRT_EPSILON,)),
    "inverse": Semantics(BOTH, (_INVERSE_EPSILON,)),
    "exp": Semantics(BOTH),
    "exp2": Semantics(BOTH),
    "log": Semantics(BOTH, (_LOG_EPSILON,)),
    "erf": Semantics(BOTH),
    "floor": Semantics(BOTH),
    "ceil": Semantics(BOTH),
    "round": Semantics(BOTH, (_HALVES,)),
    "clip": Semantics(BOTH),
    "threshold": Semantics(BOTH),
    "sin": Semantics(BOTH),
    "cos": Semantics(BOTH),
    "tan": Semantics(BOTH),
    "asin": Semantics(BOTH),
    "acos": Semantics(BOTH),
    "atan": Semantics(BOTH),
    "sinh": Semantics(BOTH),
    "cosh": Semantics(BOTH),
    "tanh": Semantics(BOTH),
    "atanh": Semantics(BOTH),
    "fill": Semantics(BOTH),
    "fill_like": Semantics(BOTH),
    "range_1d": Semantics(BOTH, (_SMALL_STEPS,)),
    "shape": Semantics(BOTH),
    "one_hot": Semantics(TESTS),
    "cumsum": Semantics(BOTH),
    "argsort": Semantics(BOTH, (_TIES,)),
    "topk": Semantics(BOTH, (_TIES,)),
    "non_zero": Semantics(BOTH),
    "slice_by_index": Semantics(BOTH, (_SQUEEZED_STRIDES,)),
    "slice_update": Semantics(BOTH, (_UPDATED_SCALARS,)),
    "slice_by_size": Semantics(BOTH),
    "gather": Semantics(BOTH, (_NEGATIVE_INDICES,)),
    "gather_along_axis": Semantics(BOTH, (_NEGATIVE_INDICES,)),
    "gather_nd": Semantics(TESTS, (_NEGATIVE_INDICES,)),
    "scatter": Semantics(TESTS, (_NEGATIVE_INDICES,)),
    "scatter_along_axis": Semantics(BOTH, (_NEGATIVE_INDICES, _SCATTER_MODES)),
    "scatter_nd": Semantics(TESTS, (_NEGATIVE_INDICES,)),
    "linear": Semantics(BOTH, (_INTEGER_LINEAR,)),
    "matmul": Semantics(BOTH, (_INTEGER_PRODUCTS, _PRODUCT_OF_A_VECTOR)),
    "einsum": Semantics(BOTH),
    "scaled_dot_product_attention": Semantics(BOTH, (_GPU_ATTENTION,)),
    "batch_norm": Semantics(TESTS),
    "instance_norm": Semantics(TESTS, (_INSTANCE_NORM_SIZES,)),
    "layer_norm": Semantics(BOTH),
    "l2_norm": Semantics(BOTH),
    "local_response_norm": Semantics(TESTS, (_NEIGHBORS_OF_RANK_3,)),
    "max_pool": Semantics(TESTS, (_POOLS_OF_ONE_AXIS, _ONE_SIDED_POOLS)),
    "avg_pool": Semantics(TESTS, (_ROUNDED_UP_POOLS, _PADDED_POOLS, _POOLS_OF_ONE_AXIS, _ONE_SIDED_POOLS)),
    "l2_pool": Semantics(TESTS, (_POOLS_OF_ONE_AXIS,)),
    "rnn": Semantics(TESTS, (_UNROLLED,)),
    "gru": Semantics(TESTS, (_GRU_BIASES, _GRU_ON_GPU)),
    "lstm": Semantics(TESTS, (_UNROLLED,)),
    "reduce_sum": Semantics(BOTH),
    "reduce_mean": Semantics(BOTH),
    "reduce_max": Semantics(BOTH),
    "reduce_min": Semantics(BOTH),
    "reduce_prod": Semantics(BOTH),
    "reduce_l1_norm": Semantics(BOTH),
    "reduce_l2_norm": Semantics(BOTH),
    "reduce_sum_square": Semantics(BOTH),
    "reduce_log_sum": Semantics(BOTH),
    "reduce_log_sum_exp": Semantics(BOTH),
    "reduce_argmax": Semantics(BOTH, (_TIES_OF_EXTREMES,)),
    "reduce_argmin": Semantics(BOTH, (_TIES_OF_EXTREMES,)),
    "upsample_nearest_neighbor": Semantics(TESTS, (_FRACTIONAL_SCALES,)),
    "resize_nearest_neighbor": Semantics(TESTS, (_FRACTIONAL_SCALES,)),
    "upsample_bilinear": Semantics(TESTS),
    "resize_bilinear": Semantics(TESTS),
    "resize": Semantics(TESTS, (_HALF_POINTS,)),
    "resample": Semantics(TESTS, (_HALF_COORDINATES, _MIRRORED_SAMPLES)),
    "affine": Semantics(TESTS, (_AFFINE_OPTIONS,)),
    "reshape": Semantics(BOTH),
    "reshape_like": Semantics(TESTS),
    "transpose": Semantics(BOTH),
    "squeeze": Semantics(BOTH),
    "expand_dims": Semantics(BOTH),
    "flatten2d": Semantics(BOTH),
    "concat": Semantics(BOTH, (_INTERLEAVED,)),
    "stack": Semantics(BOTH),
    "split": Semantics(BOTH),
    "tile": Semantics(BOTH),
    "reverse": Semantics(BOTH),
    "reverse_sequence": Semantics(BOTH),
    "pad": Semantics(BOTH, (_MIRRORED_VOLUMES, _MIRRORED_LIMIT)),
    "sliding_windows": Semantics(TESTS),
    "depth_to_space": Semantics(TESTS),
    "space_to_depth": Semantics(TESTS),
    "pixel_shuffle": Semantics(TESTS),
    "pixel_unshuffle": Semantics(TESTS),
    "space_to_batch": Semantics(TESTS),
    "batch_to_space": Semantics(TESTS),
    "crop": Semantics(TESTS),
    "band_part": Semantics(BOTH),
    "cond": Semantics(TESTS),
    "const": Semantics(TESTS),
    "while_loop": Semantics(TESTS),
}


def by_documentation(package: Package) -> list[str]:
    """Returns the operators of a package whose semantics rest on their documentation only, in alphabetical order.

    Operators that are not in the table are left out: such a package is not evaluated.
    """
    constants: dict[str, Any] = {}
    found = set()
    for operation in operations(package):
        if operation.type == "const":
            constants[operation.outputs[0].name] = operation.attributes["val"]
        elif (semantics := TABLE.get(operation.type)) is not None:
            unknown = [each for each in semantics.differences if each.outcome in ("open", "avoided")]
            if not semantics.basis or any(_concerns(each, operation, constants) for each in unknown):
                found.add(operation.type)
    return sorted(found)


def _concerns(difference: Difference, operation: Any, constants: dict[str, Any]) -> bool:
    if difference.argument is None:
        return True
    name, wanted = difference.argument
    if name not in operation.inputs:
        return False
    if wanted is None:
        return True
    (binding,) = operation.inputs[name].arguments
    value = constants.get(binding.name) if binding.WhichOneof("binding") == "name" else binding.value
    if value is None:
        return True
    tensor = value.immediateValue.tensor
    (given,) = getattr(tensor, tensor.WhichOneof("value")).values
    return str(given) == wanted
