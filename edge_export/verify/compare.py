"""Compares one compiled file, without a bundle, with a PyTorch module on recorded inputs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from edge_export.errors import RequestError
from edge_export.files.arrays import load_arrays
from edge_export.files.owned import scratch_folder
from edge_export.formats import kind_for_file, worker_kind
from edge_export.formats.contents import Contents
from edge_export.formats.program import PROGRAM
from edge_export.formats.reasons import reason_of
from edge_export.inspection.task import INSPECT, InspectRequest
from edge_export.runtimes.run import RUN, CompiledFile, RunRequest
from edge_export.spec.agreement import Agreement, agreement
from edge_export.spec.fields import all_problems
from edge_export.spec.tensors import IOSpec, TensorSpec
from edge_export.spec.tolerance import Tolerance, why_not
from edge_export.verify.reference import REFERENCE, ReferenceAnswer, ReferenceRequest
from edge_export.verify.verdict import documented
from edge_export.workers import WorkerError, Workers
from edge_export.workers.pool import TORCH, Pool

TIMEOUT_S = 600.0
KIND = "compare"  # one worker reads the file and runs it
REFERENCE_KIND = "mother"
OUTPUTS = "reference.safetensors"


@dataclass(frozen=True)
class Comparison:
    """The result of a comparison.

    Attributes:
        verdict: "passed", "failed", or "unverified" if the runtime does not support all operators of the file.
        runtime: The runtime that ran the file.
        outputs: The agreement of each output with the module's, by name.
        reason: The reason of the verdict, in one line.
        count: The number of samples.
    """

    verdict: str
    runtime: str
    outputs: dict[str, Agreement]
    reason: str
    count: int


@dataclass(frozen=True)
class Subject:
    """A file to compare, matched with its module.

    Attributes:
        file: The compiled file. Its member_io is the module's, with the file's names of outputs.
        module_outputs: The names of the module's outputs, in order.
    """

    file: CompiledFile
    module_outputs: tuple[str, ...]


def compare_file(path: Path, against: str, inputs: Path, tolerance: Tolerance, log: Path) -> Comparison:
    """Runs the file at `path` on each sample of `inputs` and compares the outputs with those of a module.

    Args:
        path: A compiled file whose inputs have a batch of 1.
        against: "package.module:factory"; the factory returns the nn.Module. It runs in a worker process.
        inputs: A safetensors file: an array `(count, …)` for each parameter of the module's forward, by its name.

    Raises:
        RequestError: The factory fails, the inputs do not fit the module, or the file cannot be read.
    """
    with scratch_folder() as scratch, Pool(1, shared=TORCH) as pool:
        subject = match_file(pool, path, against, inputs, scratch, log)
        request = RunRequest(file=subject.file, inputs=inputs, outputs=scratch / "outputs.safetensors", unproven=True)
        try:
            kind = worker_kind(subject.file.format, KIND)
            answer = pool.submit(RUN, request, kind=kind, timeout_s=TIMEOUT_S, log=log).result()
        except WorkerError as error:
            return Comparison("failed", "none", {}, f"did not run: {reason_of(error)}", 0)
        if answer.unsupported:
            reason = f"{answer.runtime} does not support the operators {', '.join(answer.unsupported)}"
            return Comparison("unverified", answer.runtime, {}, reason, 0)
        results, expected = load_arrays(request.outputs), load_arrays(scratch / OUTPUTS)
    agreements = {
        spec.name: agreement(expected[name], results[spec.name])
        for spec, name in zip(subject.file.member_io.outputs, subject.module_outputs, strict=True)
    }
    problems = ((name, why_not(each, tolerance)) for name, each in agreements.items())
    reason = "; ".join(f"{name}: {problem}" for name, problem in problems if problem)
    verdict = "failed" if reason else "passed"
    reason = reason or "; ".join(filter(None, ["within tolerance", documented(answer.by_documentation)]))
    return Comparison(verdict, answer.runtime, agreements, reason, answer.count)


def match_file(
    workers: Workers, path: Path, against: str, inputs: Path, workdir: Path, log: Path, *, export: bool = False
) -> Subject:
    """Runs the module, reads the file, and matches the file's inputs and outputs with the module's.

    Args:
        workdir: A folder for the module's outputs, `OUTPUTS`, and with `export` its exported program, `PROGRAM`.

    Raises:
        RequestError: As `compare_file`.
    """
    request = ReferenceRequest(
        against=against,
        folder=Path.cwd(),
        inputs=inputs,
        outputs=workdir / OUTPUTS,
        program=workdir / PROGRAM if export else None,
    )
    try:
        reference = workers.submit(REFERENCE, request, kind=REFERENCE_KIND, timeout_s=TIMEOUT_S, log=log).result()
    except WorkerError as error:
        raise RequestError(error.request or f"module {against}: {error}; the log is {log}") from error
    try:
        kind = kind_for_file(path, KIND)
        contents = workers.submit(INSPECT, InspectRequest(path=path), kind=kind, timeout_s=TIMEOUT_S, log=log).result()
    except WorkerError as error:
        raise RequestError(f"{path}: {error}") from error
    io, member_io = _matched(_own_io(contents), reference, path)
    try:
        file = CompiledFile(format=contents.format, backend=contents.backend, path=path, io=io, member_io=member_io)
    except ValidationError as error:
        raise all_problems(path, error) from error
    return Subject(file, tuple(spec.name for spec in reference.io.outputs))


def _own_io(contents: Contents) -> IOSpec:
    """Returns the file's inputs and outputs, each with a name."""
    inputs = tuple(replace(spec, name=spec.name or f"input{i}") for i, spec in enumerate(contents.inputs))
    outputs = tuple(replace(spec, name=spec.name or f"output{i}") for i, spec in enumerate(contents.outputs))
    return IOSpec(inputs, outputs)


def _matched(own: IOSpec, reference: ReferenceAnswer, path: Path) -> tuple[IOSpec, IOSpec]:
    """Returns the file's io in the module's order, and the module's io.

    Inputs are matched by name if the names agree, otherwise by order.
    """
    module = reference.io
    if len(own.inputs) != len(module.inputs) or len(own.outputs) != len(module.outputs):
        raise RequestError(
            f"{path} has {len(own.inputs)} inputs and {len(own.outputs)} outputs, "
            f"the module has {len(module.inputs)} and {len(module.outputs)}: give another --against"
        )
    names = [spec.name for spec in module.inputs]
    by_name = {spec.name: spec for spec in own.inputs}
    inputs = [by_name[name] for name in names] if by_name.keys() == set(names) else list(own.inputs)
    pairs, problems = [], []
    for spec, expected in zip([*inputs, *own.outputs], [*module.inputs, *module.outputs], strict=True):
        if pair := _layouts(spec, expected):
            pairs.append(pair)
        else:
            in_module = f"{expected.dtype} {list(expected.shape)}"
            problems.append(f"{spec.name} is {spec.dtype} {list(spec.shape)} in the file, {in_module} in the module")
    if problems:
        raise RequestError(f"{path}: {'; '.join(problems)}")
    count = len(inputs)
    io = IOSpec(tuple(spec for spec, _ in pairs[:count]), tuple(spec for spec, _ in pairs[count:]))
    member_inputs = tuple(replace(spec, name=name) for (_, spec), name in zip(pairs[:count], names, strict=True))
    return io, IOSpec(member_inputs, tuple(spec for _, spec in pairs[count:]))


def _layouts(spec: TensorSpec, expected: TensorSpec) -> tuple[TensorSpec, TensorSpec] | None:
    """Returns the file's spec and the module's for one tensor, which may be channels-last in the file.

    Integers and bools may be of other types in the file: not every format has each.

    None: they do not match.
    """
    shape, floats = expected.shape, ("float" in spec.dtype, "float" in expected.dtype)
    if any(floats) and expected.dtype != spec.dtype:
        return None
    own = replace(spec, dtype=expected.dtype)
    if shape == spec.shape:
        return spec, own
    if len(shape) == 4 and spec.shape == (1, shape[2], shape[3], shape[1]):
        return replace(spec, layout="NHWC"), replace(own, shape=shape, layout="NCHW")
    return None
