"""A made-up format: the exported program itself (`.pt2`), run by PyTorch."""

from edge_export.formats.descriptor import Format, Runtime

FORMAT = Format(
    description="exported program, run by PyTorch",
    suffix=".pt2",
    compile="edge_export.formats.torch_program.compile:compile",
    inspect="edge_export.formats.torch_program.inspect:inspect",
    backends=("eager",),
    precisions={"fp32": ()},
    runtimes=(Runtime("edge_export.formats.torch_program.runtime", "PyTorch"),),
    packages=("torch==2.13.0",),
)
