"""A member as a Core ML program (`.mlpackage`, a folder) for iOS 17, macOS 14 and later.

Inputs and outputs are float32 at every precision, integers and bools int32. With fp16 the program computes and stores
its weights in float16. With int8 it also computes in float16, and stores its weights in 8 bits or less.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_export.formats import FORMATS
from edge_export.formats.coarse import coarse_layers
from edge_export.formats.coarse import notes as coarse_notes
from edge_export.formats.compiled import Compiled, reject_options, require_io, versions
from edge_export.formats.coreml.border import own_border, with_own_border
from edge_export.formats.coreml.equal_constants import merge
from edge_export.formats.coreml.library import coremltools, protobuf
from edge_export.formats.coreml.normalize import normalize
from edge_export.formats.coreml.recurrent import register, without_map
from edge_export.formats.coreml.weights import compressed, stayed_float
from edge_export.formats.garbage import set_aside
from edge_export.formats.program import DECOMPOSED, load_program, own_outputs
from edge_export.spec.tensors import IOSpec, TensorSpec

if TYPE_CHECKING:
    from torch.export import ExportedProgram

# Reserved words of Core ML's program language: no input or output may have such a name (coremltools' NameSanitizer).
_RESERVED = frozenset(
    {
        *("any", "bool", "program", "func", "tensor", "list", "dict", "tuple", "true", "false", "string", "state"),
        *("bf16", "fp16", "fp32", "fp64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    }
)


def compile(
    program: Path,
    io: IOSpec,
    precision: str,
    options: Mapping[str, object],
    workdir: Path,
    calibration: Path | None = None,
) -> Compiled:
    """Converts `program` and saves it as a normalized `.mlpackage` in `workdir`.

    A name that Core ML reserves gets a suffix, such as "state" -> "state_input". A type that it lacks becomes int32.
    The artifact's io has the new name and type, and a note reports it.

    Raises:
        ValueError: The options are unknown, or the package does not have the expected inputs and outputs.
    """
    from edge_export.formats.coreml.few_axes import with_few_axes
    from edge_export.formats.half import clamp_program
    from edge_export.formats.legalize.program import legalized
    from edge_export.formats.legalize.program import notes as rewritten

    schemes = FORMATS["coreml"].precisions[precision]
    scheme = str(options.get("scheme", schemes[0])) if schemes else ""
    ways = tuple(FORMATS["coreml"].ways)
    reject_options(options, {"backend": ("mlprogram",), "scheme": schemes or (scheme,), "way": ways})
    own_io = own_border(_allowed_names(io))
    loaded = load_program(program, io)
    coarse = coarse_layers(loaded, io, calibration) if scheme else ()
    exported, outcomes = legalized(loaded, "coreml")
    if options.get("way") == DECOMPOSED:
        exported, others = legalized(exported.run_decompositions(), "coreml")
        outcomes += others
    exported = with_few_axes(with_own_border(exported, io)).run_decompositions({})
    clamped = () if precision == "fp32" else clamp_program(exported)
    exported = _own_boundary(exported, [spec.name for spec in own_io.inputs])
    path = workdir / f"coreml-mlprogram-{precision}.mlpackage"
    with set_aside():
        convert = _convert_traced if options.get("way") == "torchscript" else _convert
        model = convert(exported, own_io, "FLOAT32" if precision == "fp32" else "FLOAT16")
        without_map(compressed(model, scheme, coarse) if scheme else model).save(str(path))
    if scheme:
        merge(path)
    normalize(path)
    spec = reopen(path)
    require_io(own_io, *tensor_specs(spec))
    notes = rewritten(outcomes) + clamped + (coarse_notes(coarse) + stayed_float(spec) if scheme else ())
    pairs = list(zip(io.inputs + io.outputs, own_io.inputs + own_io.outputs, strict=True))
    notes += tuple(
        f"Core ML reserves the name {old.name}: it is called {new.name} here"
        for old, new in pairs
        if old.name != new.name
    )
    notes += tuple(
        f"Core ML has no {old.dtype} inputs and outputs: {new.name} is {new.dtype} here"
        for old, new in pairs
        if old.dtype != new.dtype
    )
    return Compiled(path, own_io, versions("coremltools", "torch"), notes)


def _convert_traced(exported: ExportedProgram, own_io: IOSpec, compute_precision: str) -> Any:
    """Converts by the front end for TorchScript."""
    import numpy as np
    import torch

    ct = coremltools()
    arguments, _ = exported.example_inputs
    with torch.no_grad():
        traced = torch.jit.trace(exported.module(check_guards=False), arguments, check_trace=False)
    inputs = [ct.TensorType(spec.name, spec.shape, dtype=np.dtype(spec.dtype).type) for spec in own_io.inputs]
    return _convert(traced, own_io, compute_precision, inputs=inputs)


def _convert(program: Any, own_io: IOSpec, compute_precision: str, **front_end: Any) -> Any:
    import numpy as np

    ct = coremltools()
    register()
    return ct.convert(
        program,
        **front_end,
        outputs=[ct.TensorType(name=spec.name, dtype=np.dtype(spec.dtype).type) for spec in own_io.outputs],
        convert_to="mlprogram",
        minimum_deployment_target=ct.target.iOS17,
        compute_precision=ct.precision[compute_precision],
        skip_model_load=True,  # loading compiles the model, which needs macOS
    )


def _allowed_names(io: IOSpec) -> IOSpec:
    taken = {spec.name for spec in io.inputs + io.outputs}

    def rename(spec: TensorSpec, suffix: str) -> TensorSpec:
        if spec.name not in _RESERVED:
            return spec
        name = spec.name + suffix
        while name in taken:
            name += suffix
        taken.add(name)
        return replace(spec, name=name)

    inputs = tuple(rename(spec, "_input") for spec in io.inputs)
    outputs = tuple(rename(spec, "_output") for spec in io.outputs)
    names = {old.name: new.name for old, new in zip(io.inputs + io.outputs, inputs + outputs, strict=True)}
    feedback = tuple((names[source], names[sink]) for source, sink in io.feedback)
    return replace(io, inputs=inputs, outputs=outputs, feedback=feedback)


def _own_boundary(exported: ExportedProgram, input_names: list[str]) -> ExportedProgram:
    """Renames the inputs to `input_names`, and gives every output its own operator.

    coremltools takes an input's name from its placeholder. Changes `exported` in place. Its graph must already be
    decomposed, because decomposing renames the placeholders.
    """
    graph, signature = exported.graph, exported.graph_signature
    nodes = {node.name: node for node in graph.nodes}
    inputs = [nodes[str(name)] for name in signature.user_inputs]

    for node in [nodes[name] for name in input_names if name in nodes]:
        old = node.name
        node._rename(f"{old}_inner")
        signature.replace_all_uses(old, node.name)
    for node, name in zip(inputs, input_names, strict=True):
        signature.replace_all_uses(node.name, name)
        node.name = node.target = name  # `_rename` gives no name again that another node had
    own_outputs(exported)
    return exported


def reopen(path: Path) -> Any:
    """Returns the package's spec, after reading back its whole program and weights."""
    ct = coremltools()
    from coremltools.converters.mil.frontend.milproto import load as milproto

    model = ct.models.MLModel(str(path), skip_model_load=True)
    spec = model.get_spec()
    milproto.load(spec, specification_version=spec.specificationVersion, file_weights_dir=model.weights_dir)
    return spec


def tensor_specs(spec: Any) -> tuple[list[TensorSpec], list[TensorSpec]]:
    """Returns the inputs and outputs that a Core ML spec describes."""
    types = protobuf("FeatureTypes").ArrayFeatureType
    dtypes = {types.FLOAT32: "float32", types.FLOAT16: "float16", types.INT32: "int32", types.DOUBLE: "float64"}

    def tensor(feature: Any) -> TensorSpec:
        array = feature.type.multiArrayType
        return TensorSpec(feature.name, tuple(array.shape), dtypes.get(array.dataType, f"type {array.dataType}"))

    return [tensor(feature) for feature in spec.description.input], [tensor(f) for f in spec.description.output]
