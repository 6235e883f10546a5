"""ExecuTorch programs (`.pte`), on the CPU by XNNPACK."""

from edge_export.formats.descriptor import Format, Runtime

FORMAT = Format(
    description="ExecuTorch program, CPU by XNNPACK (Android, iOS, Linux)",
    suffix=".pte",
    compile="edge_export.formats.executorch.compile:compile",
    inspect="edge_export.formats.executorch.inspect:inspect",
    backends=("xnnpack",),
    precisions={"fp32": (), "fp16": (), "int8": ("static_per_tensor", "static", "dynamic", "weight_only")},
    on_request=("static_per_tensor",),
    runtimes=(Runtime("edge_export.formats.executorch.runtime", "ExecuTorch"),),
    imports=("executorch", "flatbuffers", "torchao"),
    packages=("executorch==1.4.1", "torch==2.13.0"),
    extra="executorch",
)
