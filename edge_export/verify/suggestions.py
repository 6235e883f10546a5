"""The usual reasons why a stage or an artifact diverges from the mother, with the next step: one sentence each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from edge_export.spec.agreement import Agreement
from edge_export.spec.results import Stage
from edge_export.spec.tolerance import WRONG_BELOW_DB

_INSIDE = "run `bisect` to name the first layer that diverges"

STAGES: dict[str, str] = {
    "recorded": "this mother's outputs differ from those of the mother that the bundle was built from: give that"
    " checkpoint as --checkpoint, or build again",
    "extracted": "extract() copies other weights than forward(config=…) uses, often a slice of another layer or width: "
    + _INSIDE,
    "calibrated": "the member's BatchNorm statistics differ from the mother's at this configuration: were the"
    f" calibration batches, their order or the momentum changed? {_INSIDE}",
    "remove_identity": "a removed operator is not an identity in eval mode: write it without dropout, and without a"
    " product with 1 or a sum with 0",
    "recognize_activation": "an activation written by hand differs from PyTorch's own on some values: call the one of"
    " torch.nn.functional instead",
    "fold_scale_into_previous": "the scaled layer does not compute its output times the constant: check whether the"
    " layer or the constant is used elsewhere",
    "fold_batchnorm_into_previous": "the layers before a BatchNorm do not compute what the fold assumes: check whether"
    " their outputs are changed in place, or read elsewhere",
    "fold_batchnorm_into_next": "the layers after a BatchNorm do not compute what the fold assumes: check whether one"
    " pads, or reads a value that is changed in place",
    "fold_scale_into_next": "a layer after a constant product or sum does not compute what the fold assumes: check"
    " whether it pads, or reads a value that is changed in place",
    "merge_linear": "two consecutive layers do not compute the matrix products that the merge assumes: check whether"
    " what lies between them is changed in place",
    "expand_batchnorm": "a BatchNorm that stays differs from its scale and shift: look for a variance near zero, or"
    " statistics that are not finite",
    "fold_batchnorm": "a BatchNorm was folded wrongly into the LSTM or linear layer after it: look for a variance"
    " near zero, and compare fold_batchnorm.py with the norm that the mother uses",
    "merge_recurrences": "the batched LSTM diverges from nn.LSTM: compare the order of its gates, directions and"
    " sub-modules in recurrence.py",
    "fold_gates": "the matrices of projections, gates and mean diverge from the mother: compare gated_sum.py with the"
    " gate of mothers/tac.py",
    "streamed_transform": "the DFT of single frames diverges from the mother's: compare windows, scale and the order of"
    " bins in transform.py with mothers/dft.py",
    "band_split": "a band reads other bins than the mother's: compare the runs of bands with the band edges",
    "masks": "a mask is made for other bins than the mother's: compare its matrices' rows with the band edges",
    "baked": "every rule agrees by itself: check how the step keeps its state between calls, and its rounding to"
    " float32",
    "exported": "torch.export captured a computation that differs from the module's: look for Python branches, counters"
    f" or random numbers in forward; {_INSIDE}",
    "onnx": "the program that torch's ONNX exporter wrote differs from the exported one: rewrite the layer that"
    " `bisect` names with plain operators",
    "lowered": "a backend's delegate computes something else than the exported program: run `bisect` to name the"
    " operator, then rewrite the layer with plain operators",
}
"""The suggestions by the stage's name. The stage of a baking rule has the rule's name."""

Problem = Literal["not finite", "wrong", "imprecise", "metric", "extremes", "unrepeatable", "not run", "not compiled"]

_SCHEME = "use a milder scheme with fewer int8 layers, or calibrate on more recorded inputs"

ARTIFACTS: dict[tuple[str, Problem], str] = {
    ("", "not finite"): "an operator divides by zero or exceeds the range of its type: run `bisect` to name it",
    ("", "wrong"): "this is more than rounding: a layout, an axis or an operator was converted wrongly; run"
    " `bisect` to name the first operator that diverges",
    ("", "imprecise"): "run `bisect` to name the operator at which the SNR drops",
    ("", "metric"): "run `bisect` to name the operator that loses most",
    ("", "extremes"): "an operator exceeds its range on inputs that no recording contains: run `bisect` to name it",
    (
        "",
        "unrepeatable",
    ): "the runtime reads uninitialized memory, or sums in a different order each time: run it"
    " on one thread, and try another version of the runtime",
    ("", "not run"): "run `inspect` on the file for its operators, and `doctor` for the runtime",
    ("", "not compiled"): "the log names the operator that the converter cannot convert: rewrite that layer with plain"
    " operators, or remove this format from the target",
    (
        "fp16",
        "not finite",
    ): "values exceed float16's 65504, or become divisors of 0: run `bisect` to name the operator, then scale its"
    " input or build this format as fp32",
    ("fp16", "wrong"): "this is more than rounding: scale or clamp what leaves float16's range, if it is named here, or"
    " build as fp32; otherwise an operator was converted wrongly, and `bisect` names the first one that diverges",
    ("fp16", "imprecise"): "float16 rounds to 11 bits: run `bisect` to find where errors add up, or build as fp32",
    ("fp16", "metric"): "float16 rounds to 11 bits: run `bisect` to find where errors add up, or build as fp32",
    (
        "fp16",
        "extremes",
    ): "values may exceed float16's 65504 on such inputs: clamp the input of the network, or build as fp32",
    ("int8", "wrong"): "int8 is too coarse for this network, whose errors add up where state is fed back, or it was"
    " converted wrongly: use a milder scheme; `bisect` names the first operator that diverges",
    ("int8", "imprecise"): _SCHEME,
    ("int8", "metric"): _SCHEME,
    ("int8", "extremes"): "the quantizer was not calibrated on such inputs: add similar inputs to the"
    " calibration inputs, or use a milder scheme",
}
"""The suggestions by precision and problem. "" is the default for precisions without their own entry."""


def suggestion_for(stage: str, precision: str = "", problem: Problem = "wrong") -> str:
    """Returns what to do when `stage` diverges.

    Args:
        stage: The name of a stage or a format. A rule that runs again after others has stages "rule 2", "rule 3".
        precision, problem: Select the suggestion for a format.
    """
    if (own := STAGES.get(stage) or STAGES.get(stage.rpartition(" ")[0])) is not None:
        return own
    return ARTIFACTS.get((precision, problem)) or ARTIFACTS["", problem]


def problem_of(agreement: Agreement) -> Problem:
    """Returns the kind of divergence of `agreement`, assuming that it is one."""
    if agreement.max_abs is None:
        return "not finite"
    return "wrong" if agreement.snr_db < WRONG_BELOW_DB else "imprecise"


def first_divergence(stages: Iterable[Stage]) -> str:
    """Returns the first stage that diverges, its measured value and a suggestion. Empty: none diverges."""
    bad = next((stage for stage in stages if stage.reason), None)
    return "" if bad is None else f"stage {bad.name}: {bad.reason}; {suggestion_for(bad.name)}"
