"""A member as an ExecuTorch program (`.pte`), lowered to XNNPACK, Core ML or Vulkan by the option `backend`.

Inputs and outputs have no names in the file. They are the member's, in its order, with its shapes, float32 in every
precision. `half.py` describes fp16 of XNNPACK; `int8.py` describes int8 and its schemes. Core ML has the options
`compute_units` and `minimum_os` (`coreml.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from edge_export.formats import FORMATS
from edge_export.formats.compiled import Compiled, reject_options, versions
from edge_export.formats.executorch.coreml import COMPUTE_UNITS, MINIMUM_OS
from edge_export.formats.executorch.library import import_exir
from edge_export.formats.executorch.opened import verify
from edge_export.formats.program import decomposed, load_program
from edge_export.spec.tensors import IOSpec

_OWN_OPTIONS: dict[str, dict[str, Sequence[str]]] = {
    "coreml": {"compute_units": COMPUTE_UNITS, "minimum_os": MINIMUM_OS},
}
_OWN_TOOLS = {"coreml": "coremltools"}


def compile(
    program: Path,
    io: IOSpec,
    precision: str,
    options: Mapping[str, object],
    workdir: Path,
    calibration: Path | None = None,
) -> Compiled:
    """Lowers `program` to a backend and saves it as `.pte` in `workdir`.

    Raises:
        ValueError: The options are unknown, the scheme lacks its calibration inputs, or the file does not have the
            inputs and outputs of `io`.
    """
    known = FORMATS["executorch"]
    backend = str(options.get("backend", known.backends[0]))
    schemes = known.precisions[precision]
    scheme = str(options.get("scheme", schemes[0])) if schemes else ""
    own = _OWN_OPTIONS.get(backend, {})
    ways = tuple(known.ways_of(backend))
    reject_options(options, {"backend": known.backends, "scheme": schemes or (scheme,), "way": ways, **own})
    lowered, notes = _lowered(program, io, precision, scheme, {**options, "backend": backend}, calibration)
    path = workdir / f"executorch-{backend}-{precision}.pte"
    path.write_bytes(lowered)
    verify(path, io)
    tools = [*(["torchao"] if scheme else []), *filter(None, [_OWN_TOOLS.get(backend)])]
    return Compiled(path, io, versions("executorch", "torch", *tools), notes)


def _lowered(
    program: Path,
    io: IOSpec,
    precision: str,
    scheme: str,
    options: Mapping[str, object],
    calibration: Path | None,
) -> tuple[bytes, tuple[str, ...]]:
    """Returns the bytes of the program, lowered to the option `backend`, and notes for the user."""
    from edge_export.formats.legalize.program import legalized
    from edge_export.formats.legalize.program import notes as rewritten

    import_exir()
    backend = str(options["backend"])
    exported, outcomes = legalized(load_program(program, io), "coreml" if backend == "coreml" else "executorch")
    notes: tuple[str, ...] = ()
    exported = decomposed(exported, options)
    if backend == "coreml":
        from edge_export.formats.coreml.few_axes import TooManyAxes, with_few_axes
        from edge_export.formats.executorch import coreml

        with suppress(TooManyAxes):  # what Core ML does not take stays outside of its delegate
            exported = with_few_axes(exported)
        lowered = coreml.lower(exported, precision, options)
    elif backend == "vulkan":
        from edge_export.formats.executorch import vulkan

        lowered, notes = vulkan.lower(exported, precision)
    else:
        from edge_export.formats.executorch.delegate import lower

        if precision == "fp16":
            from edge_export.formats.executorch.half import halve

            exported, notes = halve(exported, io)
        elif precision == "int8":
            from edge_export.formats.executorch.int8 import quantize

            exported, notes = quantize(exported, io, scheme, calibration)
        lowered = lower(exported, str(options.get("way", "")))
    return lowered, rewritten(outcomes) + notes
