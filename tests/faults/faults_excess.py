"""How far outputs are off, beside the verifier: on inputs that it has not seen, by arithmetic of this file's own."""

from __future__ import annotations

import numpy as np
import torch
from faults_bases import Base, member_tolerance, outputs_of, prepared, recorded

from edge_export.files.arrays import Array
from edge_export.pipeline.member import PreparedMember, run_batched
from edge_export.runtimes.run import CompiledFile
from edge_export.runtimes.torch_module import stream_module
from edge_export.workers import WorkerError

SPREAD_DB = 2.0
"""An error right at the limit is above it on some inputs and below it on others."""


def excess_of_file(healthy: Base, changed: CompiledFile) -> float:
    """By how many dB the changed file's outputs are farther from the healthy one's than the tolerance allows: that of
    SNR and max abs error on real inputs, that of extremes on noise."""
    tolerance = healthy.artifact.tolerance
    excesses = []
    for kind, inputs in healthy.unseen.items():
        try:
            outputs = outputs_of(healthy.place, changed, inputs)
        except WorkerError:
            return np.inf
        for name, expected in healthy.healthy_outputs[kind].items():
            if kind == "noise":
                excesses.append(_excess_db(expected, outputs[name], tolerance.extremes_of_peak))
            else:
                excesses.append(_excess_db(expected, outputs[name], tolerance.max_abs_of_peak, tolerance.snr_db))
    return max(excesses)


def excess_of_member(name: str, config: str, changed: PreparedMember) -> float:
    """The same of the programs of two members, on real inputs."""
    tolerance, inputs = member_tolerance(), torch.from_numpy(recorded(name).unseen)
    expected, got = (_outputs(member, inputs) for member in (prepared(name, config), changed))
    return _excess_db(expected, got, tolerance.max_abs_of_peak, tolerance.snr_db)


def _outputs(member: PreparedMember, inputs: torch.Tensor) -> Array:
    module = member.program.module()
    if member.io.stream is not None:
        return stream_module(module, member.io, (inputs,))[0].numpy()
    return run_batched(module, (inputs,), batch=1)[0].numpy()


def _excess_db(expected: Array, got: Array, of_peak: float, snr_db: float = -np.inf) -> float:
    wanted, error = expected.astype(np.float64), got.astype(np.float64) - expected
    if not np.isfinite(error).all():
        return np.inf
    at_peak = _decibel(np.square(error).max(), np.square(wanted).max()) - 20 * np.log10(of_peak)
    return max(at_peak, _decibel(np.square(error).sum(), np.square(wanted).sum()) + snr_db)


def _decibel(power: float, reference: float) -> float:
    return 10 * np.log10(power / reference) if power else -np.inf
