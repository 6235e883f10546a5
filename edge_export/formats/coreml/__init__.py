"""Core ML programs (`.mlpackage`)."""

import sys

from edge_export.formats.descriptor import Format, Runtime

_OWN = Runtime("edge_export.formats.coreml.runtime", "Core ML")
_EVALUATOR = Runtime(
    "edge_export.runtimes.mil.runtime",
    "MIL evaluator",
    proves="this proves the program and its weights, not Apple's own kernels or the Neural Engine's rounding",
)

FORMAT = Format(
    description="Core ML program (iOS 17, macOS 14 and later)",
    suffix=".mlpackage",
    compile="edge_export.formats.coreml.compile:compile",
    inspect="edge_export.formats.coreml.inspect:inspect",
    constants="edge_export.runtimes.mil.constants:float_constants",
    look_inside="edge_export.bisect.mil_values:look_inside",
    backends=("mlprogram",),
    precisions={"fp32": (), "fp16": (), "int8": ("palette4", "palette6", "linear8")},
    on_request=("palette4", "palette6"),
    in_half=("fp16", "int8"),
    ways={
        "decomposed": "the program decomposed into core operators",
        "torchscript": "coremltools' TorchScript front end",
    },
    runtimes=(_OWN if sys.platform == "darwin" else _EVALUATOR,),
    imports=("coremltools", "sklearn", "threadpoolctl"),
    packages=("coremltools==9.0", "torch==2.13.0", "numpy==2.2.6"),
    extra="coreml",
)
