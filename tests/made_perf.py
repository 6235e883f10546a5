"""Samples and results with known statistics."""

from __future__ import annotations

import random
from collections.abc import Sequence

from edge_export.bench.latency import latency_of
from edge_export.bundle.perf import ArtifactPerf, DevicePerf
from edge_export.spec.device import DeviceFacts, Samples
from edge_export.spec.tensors import IOSpec, Stream, TensorSpec

IO = IOSpec((TensorSpec("image", (1, 4)),), (TensorSpec("logits", (1, 2)),))
SOUND = Stream(sample_rate=16000, hop=160, frames_per_call=1, delay=0, stems=("vocals",))  # 10 ms a call
STREAMING_IO = IOSpec((TensorSpec("audio", (1, 160)),), (TensorSpec("stems", (1, 1, 160)),), stream=SOUND)
FACTS = DeviceFacts(schema="1.0", runner="made up 1.0", model="Board 1")


def samples(times: Sequence[float], load_ms: float = 5.0, first_ms: float = 2.0) -> Samples:
    return Samples(schema="1.0", load_ms=load_ms, first_ms=first_ms, warm_up_calls=3, stable=True, call_ms=tuple(times))


def timed(name: str, rounds: Sequence[Sequence[float]], run: str = "run", sha256: str = "0" * 64) -> ArtifactPerf:
    """The result of `w/NAME`, with the samples of each round."""
    latency = latency_of([(samples(times), None, None) for times in rounds], IO)
    return ArtifactPerf(
        member="w", artifact=name, sha256=sha256, runtime="LiteRT 2.1.2", threads=1, run=run, latency=latency
    )


def on_board(*artifacts: ArtifactPerf) -> DevicePerf:
    return DevicePerf(device="board", facts=FACTS, artifacts=artifacts)


def around(middle: float, seed: int, rounds: int = 5, count: int = 200, drift: float = 0.02) -> list[list[float]]:
    """Rounds of samples that scatter around `middle` by 2 %; the rounds themselves drift by up to `drift`."""
    rng = random.Random(seed)
    return [
        [middle * level * rng.lognormvariate(0, 0.02) for _ in range(count)]
        for level in (1 + rng.uniform(-drift, drift) for _ in range(rounds))
    ]
