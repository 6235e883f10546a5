"""What usually makes a stage or an artifact diverge from the mother, and what to do next: one sentence each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from edge_export.spec.agreement import Agreement
from edge_export.spec.results import Stage

_INSIDE = "run `bisect` to name the first layer that diverges"

STAGES: dict[str, str] = {
    "recorded": "this mother gives other outputs than the one that the bundle was built from: give that checkpoint as"
    " --checkpoint, or build again",
    "extracted": "extract() takes other weights than forward(config=…) uses, mostly a slice of another layer or width: "
    + _INSIDE,
    "calibrated": "the member's BatchNorm statistics differ from the mother's at this configuration: were the"
    f" calibration batches, their order or the momentum changed? {_INSIDE}",
    "remove_identity": "a layer was removed that does more than pass its input on in eval mode: make it a layer of"
    " another type than Dropout or Identity",
    "fold_scale_into_previous": "the product with a constant is not what the layer before it computes when scaled: is"
    " the layer or the constant used anywhere else?",
    "fold_batchnorm_into_previous": "the layer before a BatchNorm is not what the fold takes it for: is it shared, or a"
    " subclass with a forward of its own?",
    "fold_batchnorm_into_next": "the layer behind a BatchNorm is not what the fold takes it for: does it pad, is it"
    " shared, or a subclass with a forward of its own?",
    "merge_linear": "two layers in a row are not the matrices that their product takes them for: is one a subclass with"
    " a forward of its own?",
    "fold_batchnorm": "a BatchNorm was not folded right into the LSTM or linear layer behind it: look for a variance"
    " near zero, and compare fold_batchnorm.py with the norm that the mother uses",
    "merge_recurrences": "the batched LSTM diverges from nn.LSTM: compare the order of its gates, directions and"
    " sub-modules in recurrence.py",
    "fold_gates": "projections, gates and mean, as matrices, diverge from the mother's: compare gated_sum.py with the"
    " gate of mothers/tac.py",
    "streamed_transform": "the DFT of single frames diverges from the mother's: compare windows, scale and the order of"
    " bins in transform.py with mothers/dft.py",
    "band_split": "a band reads other bins than the mother's: compare the runs of bands with the band edges",
    "masks": "a mask is made for other bins than the mother's: compare its matrices' rows with the band edges",
    "baked": "every rule agrees by itself: what is left is how the step keeps its state from call to call, or rounds"
    " to float32",
    "exported": "torch.export captured another computation than the module runs: look for Python branches, counters or"
    f" random numbers in forward; {_INSIDE}",
    "onnx": "torch's ONNX exporter wrote another computation: rewrite the layer that `bisect` names with plain"
    " operators",
    "lowered": "a backend's delegate computes something else than the exported program: run `bisect` to name the"
    " operator, then rewrite the layer with plain ones",
}
"""By the stage's name; a baking rule's stage is called like the rule."""

Problem = Literal["not finite", "wrong", "imprecise", "metric", "extremes", "unrepeatable", "not run", "not compiled"]
WRONG_BELOW_DB = 20.0
"""Rounding costs less than this at any precision: below it, something else is computed."""

_SCHEME = "let fewer layers be int8 by a milder scheme, or calibrate on more recorded inputs"

ARTIFACTS: dict[tuple[str, Problem], str] = {
    ("", "not finite"): "an operator divides by zero or leaves the range of its type: run `bisect` to name it",
    ("", "wrong"): "another computation, not rounding: a layout, an axis or an operator was converted wrongly; run"
    " `bisect` to name the first operator that diverges",
    ("", "imprecise"): "run `bisect` to see at which operator it falls",
    ("", "metric"): "run `bisect` to see at which operator it loses most",
    ("", "extremes"): "an operator leaves its range on inputs that no recording holds: run `bisect` to name it",
    (
        "",
        "unrepeatable",
    ): "the runtime reads memory that it did not write, or sums in another order each time: run it"
    " on one thread, and try another version of the runtime",
    ("", "not run"): "run `inspect` on the file for its operators, and `doctor` for the runtime",
    ("", "not compiled"): "the log names the operator that the converter stumbles over: rewrite that layer with plain"
    " operators, or leave this format out of the target",
    ("fp16", "not finite"): "values exceed float16's 65504: run `bisect` to name the operator, and scale what"
    " goes into it or build this format as fp32",
    ("fp16", "imprecise"): "float16 rounds to 11 bits: run `bisect` to see where it adds up, or build as fp32",
    ("fp16", "metric"): "float16 rounds to 11 bits: run `bisect` to see where it adds up, or build as fp32",
    (
        "fp16",
        "extremes",
    ): "values may exceed float16's 65504 on such input: limit it before the network, or build as fp32",
    ("int8", "wrong"): "too coarse for this network, whose errors add up where state is fed back, or converted wrongly:"
    " take a milder scheme; `bisect` names the first operator that diverges",
    ("int8", "imprecise"): _SCHEME,
    ("int8", "metric"): _SCHEME,
    ("int8", "extremes"): "such inputs were not among those that the quantizer observed: add their like to the"
    " calibration inputs, or take a milder scheme",
}
"""By precision and problem; "" holds for each precision that has no sentence of its own."""


def suggestion_for(stage: str, precision: str = "", problem: Problem = "wrong") -> str:
    """What to do when `stage` diverges; of a format's name, `precision` and `problem` tell more.

    A rule that has more to do after the others has stages called "rule 2", "rule 3".
    """
    if (own := STAGES.get(stage) or STAGES.get(stage.rpartition(" ")[0])) is not None:
        return own
    return ARTIFACTS.get((precision, problem)) or ARTIFACTS["", problem]


def problem_of(agreement: Agreement) -> Problem:
    """What kind of divergence `agreement` is, if it is one."""
    if agreement.max_abs is None:
        return "not finite"
    return "wrong" if agreement.snr_db < WRONG_BELOW_DB else "imprecise"


def first_divergence(stages: Iterable[Stage]) -> str:
    """The first stage that diverges, its measured value and what to do; empty when none does."""
    bad = next((stage for stage in stages if stage.reason), None)
    return "" if bad is None else f"stage {bad.name}: {bad.reason}; {suggestion_for(bad.name)}"
