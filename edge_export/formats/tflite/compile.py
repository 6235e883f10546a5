"""A member as a TensorFlow Lite file of builtin operators, by ONNX and onnx2tf's own writer (no TensorFlow).

Images are NCHW in the member and NHWC in the file, because Android apps have NHWC images and LiteRT computes in NHWC.
The option `input_layout=NCHW` keeps NCHW. Every other input and output keeps its shape in the member. All are float32
at every precision.

The option `products` says how products with stacked weights are written: `grouped` (default), which every runtime runs
at full speed, or `batched`, which LiteRT runs up to 10 % faster and TFLite 2.16 twenty times slower. See `products.py`.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_export.baking.torch_shortcuts import keep_onnx_operators
from edge_export.formats import FORMATS
from edge_export.formats.calibration_samples import read_samples
from edge_export.formats.coarse import Coarse, coarse_layers
from edge_export.formats.coarse import notes as coarse_notes
from edge_export.formats.compiled import Compiled, reject_options, require_io, versions
from edge_export.formats.garbage import set_aside
from edge_export.formats.program import decomposed, load_program, place_of
from edge_export.formats.tflite import BY_LITERT_TORCH, BY_TENSORFLOW, GROUPED, PRODUCTS, ROUTES
from edge_export.formats.tflite.boundary import UNNAMED, moved, name_boundary, permutation, set_boundary
from edge_export.formats.tflite.converted import NotConverted, read_converted
from edge_export.formats.tflite.floats import stayed_float
from edge_export.formats.tflite.half import halve
from edge_export.formats.tflite.int8 import quantize
from edge_export.formats.tflite.library import converter
from edge_export.formats.tflite.loops import with_loops, without_copies
from edge_export.formats.tflite.operators import operator_versions
from edge_export.formats.tflite.products import grouped
from edge_export.formats.tflite.reshapes import with_agreeing_shapes
from edge_export.formats.tflite.whole_numbers import with_whole_numbers
from edge_export.spec.tensors import IOSpec, TensorSpec

if TYPE_CHECKING:
    from onnx import ModelProto
    from torch.export import ExportedProgram

OPSET = 18  # the lowest opset that torch's exporter writes without a version conversion
SIGNATURE = "serving_default"


def compile(
    program: Path,
    io: IOSpec,
    precision: str,
    options: Mapping[str, object],
    workdir: Path,
    calibration: Path | None = None,
) -> Compiled:
    """Converts `program` and saves it as `.tflite` in `workdir`, together with the intermediate ONNX model.

    Raises:
        ValueError: The options are unknown, the names, shapes or layouts are not the expected ones, or the scheme
            lacks its calibration inputs.
    """
    from edge_export.formats.legalize.program import legalized
    from edge_export.formats.legalize.program import notes as rewritten

    schemes = FORMATS["tflite"].precisions[precision]
    scheme = str(options.get("scheme", schemes[0])) if schemes else ""
    known = {"backend": ("builtin",), "input_layout": ("NHWC", "NCHW"), "scheme": schemes or (scheme,), "route": ROUTES}
    reject_options(options, {**known, "products": PRODUCTS, "way": tuple(FORMATS["tflite"].ways)})
    rewrite = grouped if options.get("products", GROUPED) == GROUPED else bytes
    own_io = artifact_io(io, options)
    samples = read_samples(calibration, io, own_io) if scheme == "static" else []
    exported = load_program(program, io)
    coarse = coarse_layers(exported, io, calibration) if scheme else ()
    path = workdir / f"tflite-builtin-{precision}.tflite"
    taken, outcomes = legalized(exported, "tflite")
    taken = decomposed(taken, options)
    route, stages = options.get("route"), {}
    with set_aside():
        if route != BY_LITERT_TORCH:
            model = to_onnx(taken, io)
            set_boundary(model, io, own_io)
            stages["onnx"] = path.with_suffix(".onnx")
            stages["onnx"].write_bytes(model.SerializeToString(deterministic=True))
        if route in (BY_TENSORFLOW, BY_LITERT_TORCH):
            float32 = rewrite(read_converted(workdir))
            _check(float32, io, own_io, exported)
        else:
            float32 = _directly(model, io, own_io, exported, workdir, rewrite)
    content, notes = _in_precision(float32, precision, scheme, samples, coarse)
    path.write_bytes(content)
    _open(path.read_bytes(), own_io)
    converters = ("onnx2tf", "onnx", "onnxscript") if stages else ()
    tools = versions(*converters, "torch", *(["ai-edge-quantizer"] if scheme else []))
    return Compiled(
        path,
        own_io,
        tools,
        rewritten(outcomes) + coarse_notes(coarse) + notes,
        stages=stages,
        operators=operator_versions(content),
    )


def artifact_io(io: IOSpec, options: Mapping[str, object]) -> IOSpec:
    """Returns the inputs and outputs of the file of a member whose inputs and outputs are `io`."""
    layout = str(options.get("input_layout", "NHWC"))
    inputs, outputs = ([_in_layout(spec, layout) for spec in side] for side in (io.inputs, io.outputs))
    return replace(io, inputs=tuple(inputs), outputs=tuple(outputs))


def _in_layout(spec: TensorSpec, layout: str) -> TensorSpec:
    if spec.layout != "NCHW" or layout == "NCHW":
        return spec
    own = replace(spec, layout=layout)
    return replace(own, shape=tuple(spec.shape[axis] for axis in permutation(spec, own)))


def to_onnx(exported: ExportedProgram, io: IOSpec) -> ModelProto:
    """Exports the program as an ONNX model with the names of `io`.

    Raises:
        ValueError: PyTorch's exporter does not take the program. The message has the cause, and not PyTorch's steps to
            report it.
    """
    import torch

    keep_onnx_operators()
    # The exporter calls inner values as the operators that make them, and io may have such names, too.
    try:
        onnx_program = torch.onnx.export(
            exported,
            dynamo=True,  # uses the exported program as it is; the older exporter would trace it again
            opset_version=OPSET,
            input_names=[UNNAMED + spec.name for spec in io.inputs],
            output_names=[UNNAMED + spec.name for spec in io.outputs],
            verbose=False,
        )
    except torch.onnx.OnnxExporterError as error:
        raise ValueError(_why_not_onnx(error, exported)) from None
    assert onnx_program is not None
    model: ModelProto = onnx_program.model_proto
    name_boundary(model, io)
    return with_loops(model)


def _why_not_onnx(error: BaseException, exported: ExportedProgram) -> str:
    """Returns the cause of an error of PyTorch's exporter, with the operator that it translated, where it names one."""
    nodes, where = {node.name: node for node in exported.graph.nodes}, ""
    while error.__cause__ is not None:
        error = error.__cause__
        named = re.search(r"translating node %(\w+)", str(error))
        where = f" at {place_of(nodes[named[1]])}" if named and named[1] in nodes else where
    return f"torch's ONNX exporter fails{where}: {type(error).__name__}: {error}"


def _directly(
    model: ModelProto,
    io: IOSpec,
    own_io: IOSpec,
    exported: ExportedProgram,
    workdir: Path,
    rewrite: Callable[[bytes], bytes],
) -> bytes:
    """Returns the rewritten file of onnx2tf's own writer. Raises NotConverted if it fails or its file is wrong."""
    try:
        written = without_copies(with_agreeing_shapes(_to_tflite(model, own_io, workdir)))
        float32 = rewrite(with_whole_numbers(written, own_io, _outputs))
        _check(float32, io, own_io, exported)
    except Exception as error:
        raise NotConverted(f"{type(error).__name__}: {error}") from error
    return float32


def _to_tflite(model: ModelProto, io: IOSpec, workdir: Path) -> bytes:
    # onnx2tf leaves six files in its folder.
    with converter() as onnx2tf, tempfile.TemporaryDirectory(dir=workdir, prefix="onnx2tf-") as folder:
        onnx2tf.convert(
            onnx_graph=model,
            output_folder_path=folder,
            tflite_backend="flatbuffer_direct",
            keep_shape_absolutely_input_names=[spec.name for spec in io.inputs],
            copy_onnx_input_output_names_to_tflite=True,
            output_signaturedefs=True,
            non_verbose=True,
            verbosity="error",
        )
        (written,) = Path(folder).glob("*_float32.tflite")
        return written.read_bytes()


def _in_precision(
    float32: bytes, precision: str, scheme: str, samples: Sequence[dict[str, Any]], coarse: Sequence[Coarse]
) -> tuple[bytes, tuple[str, ...]]:
    """Returns the file in another precision, and notes on what stayed float32 in it."""
    if precision == "fp32":
        return float32, ()
    content = halve(float32) if precision == "fp16" else quantize(float32, SIGNATURE, scheme, samples, coarse)
    return content, stayed_float(content)


def _open(content: bytes, io: IOSpec) -> Any:
    """Opens a file in LiteRT. Raises ValueError if it does not have the inputs and outputs of `io`."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    require_io(io, *tensor_specs(interpreter, io))
    return interpreter


def _check(float32: bytes, io: IOSpec, own_io: IOSpec, exported: ExportedProgram) -> None:
    """Runs the file on two inputs and compares it with the network.

    Equal sizes can hide a wrong layout or swapped outputs, and a first run a state that the file keeps.
    """
    import numpy as np
    import torch

    interpreter = _open(float32, own_io)
    rng = np.random.default_rng(0)
    module, runner = exported.module(), interpreter.get_signature_runner(SIGNATURE)
    for _ in range(2):
        inputs = [
            rng.standard_normal(spec.shape, np.float32) if spec.dtype == "float32" else np.zeros(spec.shape, spec.dtype)
            for spec in io.inputs
        ]
        with torch.inference_mode():
            expected = module(*map(torch.from_numpy, inputs))
        expected = [expected] if isinstance(expected, torch.Tensor) else list(expected)
        actual = runner(
            **{own.name: moved(x, spec, own) for x, spec, own in zip(inputs, io.inputs, own_io.inputs, strict=True)}
        )
        for spec, own, value in zip(io.outputs, own_io.outputs, expected, strict=True):
            reference = moved(value.numpy(), spec, own).astype(np.float64)
            finite = np.isfinite(reference)
            error = np.abs(actual[own.name] - reference)[finite].max(initial=0)
            # A loose tolerance: this finds values in wrong places. Later steps verify the values on real input.
            if not error <= 0.01 * max(1e-3, np.abs(reference[finite]).max(initial=0)):
                raise ValueError(f"output {own.name} differs from the network by {error:.3g} on a random input")


def _outputs(content: bytes) -> list[TensorSpec]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=1)
    interpreter.allocate_tensors()
    return tensor_specs(interpreter, IOSpec((), ()))[1]


def tensor_specs(interpreter: Any, io: IOSpec) -> tuple[list[TensorSpec], list[TensorSpec]]:
    """Returns the inputs and outputs of the file's signature, in the order of `io`. Those that `io` lacks come last."""
    import numpy as np

    runner = interpreter.get_signature_runner(SIGNATURE)

    def specs(details: Mapping[str, Any], stated: tuple[TensorSpec, ...]) -> list[TensorSpec]:
        order = [spec.name for spec in stated if spec.name in details]
        order += [name for name in details if name not in order]
        return [
            TensorSpec(name, tuple(map(int, details[name]["shape"])), np.dtype(details[name]["dtype"]).name)
            for name in order
        ]

    return specs(runner.get_input_details(), io.inputs), specs(runner.get_output_details(), io.outputs)
