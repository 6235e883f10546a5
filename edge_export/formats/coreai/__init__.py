"""Core AI programs (`.aimodel`), the successor of Core ML since iOS 27."""

import sys

from edge_export.formats.descriptor import Format, Runtime

ENVIRONMENT = "coreai"
MINIMUM_OS = ("27",)
"""The values of the option `minimum_os`: the versions of iOS and macOS that Core AI can write files for."""

FORMAT = Format(
    description="Core AI program (iOS 27, macOS 27 and later)",
    suffix=".aimodel",
    compile="edge_export.formats.coreai.compile:compile",
    inspect="edge_export.formats.coreai.inspect:inspect",
    constants="edge_export.formats.coreai.constants:float_constants",
    look_inside="edge_export.bisect.coreai_values:look_inside",
    backends=("aimodel",),
    precisions={"fp32": (), "fp16": (), "int8": ("linear8", "linear8_blocks")},
    in_half=("fp16", "int8"),
    runtimes=(
        Runtime(
            "edge_export.formats.coreai.runtime",
            "Core AI",
            proves=""
            if sys.platform == "darwin"
            else "by Apple's own runtime on this CPU: this does not prove the GPU's or the Neural Engine's rounding",
            environment=ENVIRONMENT,
            brief_at=() if sys.platform == "darwin" else ("fp16", "int8"),
        ),
    ),
    packages=("coreai-torch==0.4.3", "coreai-core==1.0.0b3"),
    environment=ENVIRONMENT,
)
