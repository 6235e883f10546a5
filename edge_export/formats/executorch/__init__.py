"""ExecuTorch programs (`.pte`): on the CPU by XNNPACK, on Apple's devices by Core ML, on Android's GPUs by Vulkan."""

import sys

from edge_export.formats.descriptor import Backend, Format, Runtime

_OWN = Runtime("edge_export.formats.executorch.runtime", "ExecuTorch")
_TAKEN_OUT = Runtime(
    "edge_export.runtimes.pte.runtime",
    "MIL evaluator",
    proves="by the Core ML program that was taken out of the file: this proves the program and its weights, not "
    "Apple's own kernels or the Neural Engine's rounding",
)
_VULKAN = Runtime("edge_export.formats.executorch.vulkan_runtime", "ExecuTorch with Vulkan")

FORMAT = Format(
    description="ExecuTorch program: CPU by XNNPACK (Android, iOS, Linux), Core ML (iOS), Vulkan (Android)",
    suffix=".pte",
    compile="edge_export.formats.executorch.compile:compile",
    inspect="edge_export.formats.executorch.inspect:inspect",
    constants="edge_export.runtimes.pte.constants:float_constants",
    backends=("xnnpack", "coreml", "vulkan"),
    others={
        "coreml": Backend(
            precisions=("fp32", "fp16"),
            runtimes=(_OWN if sys.platform == "darwin" else _TAKEN_OUT,),
            look_inside="edge_export.bisect.pte_values:look_inside",
            imports=("coremltools",),
            extra="coreml",
            ways={"decomposed": "the program decomposed into core operators"},
        ),
        "vulkan": Backend(precisions=("fp32", "fp16"), runtimes=(_VULKAN,)),
    },
    precisions={"fp32": (), "fp16": (), "int8": ("static_per_tensor", "static", "dynamic", "weight_only")},
    on_request=("static_per_tensor",),
    in_half=("fp16",),
    ways={
        "stock": "ExecuTorch's own partitioner",
        "decomposed": "the program decomposed into core operators",
        "portable": "the same without a delegate",
    },
    runtimes=(_OWN,),
    imports=("executorch", "flatbuffers", "torchao"),
    packages=("executorch==1.4.1", "torch==2.13.0"),
    extra="executorch",
)
