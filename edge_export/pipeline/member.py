"""Makes a member, and compares each stage from the mother to the exported program with the mother.

    mother@configuration ─> extracted ─> calibrated ─> approximated ─> each baking rule ─> baked ─> exported

The reference is the mother itself, run at the configuration. Two cases need more than that:
- Statistics are recalibrated. The reference is then a copy of the mother, calibrated at the configuration by the
  elastic path. The member is extracted from the copy and calibrated again by its own path. So statistics
  of another width or layer are found, and wrong weights are not hidden behind statistics that saturate the network.
- The options approximate something. The copy is approximated in the same way and becomes the reference. The cost of the
  approximation is measured. So constant gates of another width are found.

A network that streams runs call by call. The network after each baking rule is compared on `RULE_SAMPLES` goldens, or
on `RULE_SECONDS` of each recording, because there are many rules. So is a baked network that takes one sample at a
time: it is the one after the last rule. The other stages are compared on all goldens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import torch

from edge_export.baking.bake import Options, baker_of, example_inputs
from edge_export.baking.export import export_program
from edge_export.baking.rule import Baked
from edge_export.errors import RequestError
from edge_export.files.arrays import Array
from edge_export.members.calibrate import batch_norms, calibrate, has_statistics
from edge_export.members.complexity import Complexity, complexity
from edge_export.members.copies import copied
from edge_export.members.examples import example_inputs as given_examples
from edge_export.members.extract import extract, forward
from edge_export.members.watching import first_not_finite, same, why_changing
from edge_export.pipeline.recordings import metric_of, metric_value
from edge_export.pipeline.rounding import moves, own_rounding
from edge_export.runtimes.torch_module import stream_module
from edge_export.spec.agreement import Agreement, agreement, worst_of
from edge_export.spec.recorded import moves_name, named
from edge_export.spec.results import Approximation, Stage
from edge_export.spec.tolerance import Tolerance, why_not, within_rounding
from edge_export.verify.suggestions import first_divergence
from edge_export.workers.threads import cpu_threads

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.export import ExportedProgram

    from edge_export.mothers.protocol import Config, Mother, Recordings
    from edge_export.spec.tensors import IOSpec

REFERENCE_BATCH = 64
RULE_SAMPLES = 16
RULE_SECONDS = 1.0
RIGHT_DB = 90.0
"""An extracted member that is farther from the mother is run twice: a random one is told as such."""

OnStage = Callable[[str, "nn.Module", "nn.Module", "Config"], None]
"""Is called with a stage's name, its network, the mother that is the reference, and its configuration.

The networks may change after the call."""


@dataclass(frozen=True)
class PreparedMember:
    """A proven member, ready for the converters.

    Attributes:
        io: The baked member's inputs and outputs.
        golden: The mother's outputs on the golden inputs, by name, `(count, …)`.
        metric: The mother's task metric on the held-out set. None: there is no held-out set.
        approximation: The approximation that the options request, if any. Golden and metric include it.
        extremes: The mother's outputs on extreme inputs that no recording contains, as `golden`. By `moves_name`, how
            far each moves there by rounding alone, `(count,)`.
        rounding: How far the mother's outputs are rounded by float32. None: unknown.
    """

    program: ExportedProgram
    complexity: Complexity
    baked: Baked
    io: IOSpec
    calibration_batches: int
    golden: dict[str, Array]
    metric: float | None
    stages: tuple[Stage, ...]
    approximation: Approximation | None = None
    extremes: dict[str, Array] = field(default_factory=dict)
    rounding: Agreement | None = None

    @property
    def reason(self) -> str:
        """The first stage that diverges from the mother, its measured value and a suggestion. Empty: none diverges."""
        return first_divergence(self.stages)


@cpu_threads(1)
def prepare_member(
    mother: Mother,
    config: Config,
    recordings: Recordings,
    tolerance: Tolerance,
    max_batches: int | None = None,
    options: Options | None = None,
    extremes: tuple[Tensor, ...] = (),
    on_stage: OnStage | None = None,
) -> PreparedMember:
    """Extracts, calibrates, bakes and exports the member of `mother` at `config`. The mother is not changed.

    Args:
        extremes: Extreme inputs that no recording contains, one tensor `(count, …)` per input. The mother runs on them.
        on_stage: Is called for every stage, after it was compared.

    Raises:
        RequestError: A stage could not be made.
    """
    goldens = recordings.goldens
    batch = 1 if getattr(mother, "alone", False) else REFERENCE_BATCH
    scores = bool(mother.io.labels)
    stages: list[Stage] = []
    rounding: Agreement | None = None

    def prove(name: str, network: nn.Module, reference: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> None:
        _check_outputs(name, mother.io, reference, outputs)
        measured = _agreement(reference, outputs, scores)
        stages.append(Stage(name, measured, why_not(measured, within_rounding(tolerance, rounding)) or ""))
        if on_stage is not None:
            on_stage(name, network, reference_mother, config)

    reference_mother = copied(cast("nn.Module", mother)).eval()
    averaged = 0
    if not has_statistics(mother, config):
        averaged = calibrate(reference_mother, recordings.batches, config, max_batches)
    member = extract(cast("Mother", reference_mother), config)
    baker, options = baker_of(member), options or {}
    baker.check(member, options)
    reference = run_batched(reference_mother, goldens, config, batch)

    def run_reference(network: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return run_batched(network, inputs, config, batch)

    _check_numbers(mother.io, reference, lambda: run_reference(reference_mother, tuple(t[:1] for t in goldens)))

    beginning = _beginning(goldens, mother.io)
    at_first = run_reference(reference_mother, beginning)
    rounding = own_rounding(reference_mother, beginning, at_first, run_reference)
    prove("extracted", member, reference, run_batched(member, goldens, batch=batch))
    if not stages[-1].agreement.snr_db >= RIGHT_DB:
        name = f"extract({mother.space.name(config)})"
        _check_repeats(name, lambda: run_batched(member, beginning, batch=batch))

    if averaged and batch_norms(member):
        try:
            calibrate(member, recordings.batches, max_batches=max_batches)
        except RequestError as error:
            raise RequestError(first_divergence(stages) or str(error)) from error
        prove("calibrated", member, reference, run_batched(member, goldens, batch=batch))

    metric = _metric(reference_mother, recordings, config, batch)
    approximation = None
    if (variant := baker.approximate(member, options, recordings.batches, max_batches, None)) is not None:
        name, member = variant
        same = baker.approximate(reference_mother, options, recordings.batches, max_batches, config)
        if same is None:
            raise RequestError(
                f"{name} can't be proven, because the mother has nothing to approximate: build without it"
            )
        exact, reference_mother = reference, same[1]
        reference = run_batched(reference_mother, goldens, config, batch)
        at_first = run_reference(reference_mother, beginning)
        approximation = Approximation(name, _agreement(exact, reference, scores), metric)
        metric = _metric(reference_mother, recordings, config, batch)
        prove("approximated", member, reference, run_batched(member, goldens, batch=batch))

    def prove_rule(rule: str, network: nn.Module) -> None:
        times = 1 + sum(stage.name.split()[0] == rule for stage in stages)
        outputs = run_batched(network, beginning, batch=baked_batch)
        prove(rule if times == 1 else f"{rule} {times}", network, at_first, outputs)

    inputs = given_examples(mother, config)
    baked_batch = 1 if baker.fixed_shapes else batch
    baked = baker.bake(member, inputs, options, prove_rule)
    io = baked.io or mother.io
    inputs = inputs if baked.io is None else example_inputs(io)
    expected, given = (at_first, beginning) if baker.fixed_shapes else (reference, goldens)
    prove("baked", baked.module, expected, _run(baked.module, io, given, baked_batch))

    on_extremes: dict[str, Array] = {}
    if extremes:
        try:
            outputs = run_reference(reference_mother, extremes)
        except RequestError as error:
            raise RequestError(
                f"on extremes, inputs that no recording holds, such as silence and full scale, {error}; let the "
                "forward take them, as by a clamp or a small number that is added"
            ) from error
        on_extremes = named(mother.io.outputs, outputs, whole_recordings=mother.io.stream is not None)
        moved = moves(reference_mother, extremes, outputs, run_reference)
        on_extremes |= {moves_name(s.name): t.numpy() for s, t in zip(mother.io.outputs, moved, strict=True)}

    program = export_program(baked.module, inputs)
    captured = program.module()
    prove("exported", captured, reference, _run(captured, io, goldens, batch=1))
    return PreparedMember(
        program=program,
        complexity=complexity(program),
        baked=baked,
        io=io,
        calibration_batches=averaged,
        golden=named(mother.io.outputs, reference, whole_recordings=mother.io.stream is not None),
        metric=metric,
        stages=tuple(stages),
        approximation=approximation,
        extremes=on_extremes,
        rounding=rounding,
    )


def run_batched(
    module: nn.Module, inputs: tuple[Tensor, ...], config: Config | None = None, batch: int = REFERENCE_BATCH
) -> tuple[Tensor, ...]:
    """Returns the outputs of `module` on all of `inputs` `(count, …)`. It runs on `batch` samples at a time."""
    chunks = [forward(module, chunk, config) for chunk in zip(*(t.split(batch) for t in inputs), strict=True)]
    return tuple(torch.cat(parts) for parts in zip(*chunks, strict=True))


def _run(module: nn.Module, io: IOSpec, inputs: tuple[Tensor, ...], batch: int = REFERENCE_BATCH) -> tuple[Tensor, ...]:
    """Returns the outputs of a baked network on all of `inputs`."""
    return run_batched(module, inputs, batch=batch) if io.stream is None else stream_module(module, io, inputs)


def _beginning(goldens: tuple[Tensor, ...], io: IOSpec) -> tuple[Tensor, ...]:
    """Returns the part of the goldens that the network after each rule is compared on."""
    if io.stream is None:
        return tuple(t[:RULE_SAMPLES] for t in goldens)
    return tuple(t[..., : int(RULE_SECONDS * io.stream.sample_rate)] for t in goldens)


def _metric(network: nn.Module, recordings: Recordings, config: Config, batch: int) -> float | None:
    """Returns the task metric of a mother at `config` on the held-out set. None: there is no set."""
    if recordings.targets is None:
        return None
    results = run_batched(network, recordings.held_out, config, batch)[0].numpy()
    return metric_value(metric_of(recordings), results, recordings.targets.numpy())


def _check_outputs(stage: str, io: IOSpec, reference: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> None:
    """Raises RequestError if a stage gives other outputs than the mother, so that they can't be compared."""
    if len(outputs) != len(reference):
        raise RequestError(
            f"stage {stage}: it gives {len(outputs)} outputs, the mother's forward(config=…) {len(reference)}: "
            "let extract() return a network with the same ones"
        )
    for spec, expected, got in zip(io.outputs, reference, outputs, strict=True):
        if got.shape != expected.shape:
            raise RequestError(
                f"stage {stage}: {spec.name} has shape {tuple(got.shape)}, the mother's forward(config=…) gives "
                f"{tuple(expected.shape)}: correct extract() or forward()"
            )


def _check_numbers(io: IOSpec, reference: tuple[Tensor, ...], run: Callable[[], object]) -> None:
    """Raises RequestError if the mother gives NaN on its own recordings, or no number: no file could be compared."""
    for spec, output in zip(io.outputs, reference, strict=True):
        if output.is_floating_point() and output.numel() and (output.isnan().any() or not output.isfinite().any()):
            kind = "NaN" if output.isnan().any() else "infinity alone"
            where = first_not_finite(run)
            raise RequestError(
                f"the mother itself gives {kind} as {spec.name} on its recordings"
                + (f", first by {where}" if where else "")
                + ": correct its forward, its weights or the recordings"
            )


def _check_repeats(name: str, run: Callable[[], tuple[Tensor, ...]]) -> None:
    """Raises RequestError if a member that diverges is random, or keeps something from call to call."""
    first, second = (run() for _ in range(2))
    if not all(map(same, first, second)) and (reason := why_changing(name, run, far=True)):
        raise RequestError(reason)


def _agreement(reference: tuple[Tensor, ...], outputs: tuple[Tensor, ...], scores: bool) -> Agreement:
    """Returns the agreement of the outputs with the reference, over all outputs: see `worst_of`."""
    each = [
        agreement(expected.numpy(), got.numpy(), scores=scores and index == 0)
        for index, (expected, got) in enumerate(zip(reference, outputs, strict=True))
    ]
    return worst_of(each)
