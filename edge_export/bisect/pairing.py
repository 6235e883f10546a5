"""Find, for each value inside a converted network, the value of the reference that it should be.

Converters rename, fuse, split and transpose. An output has to be what it stands for, in the layout that is stated.
The counterpart of any other value is, among the reference's values of its size,
1. the one of its name, or that it or its weights are named after, if they agree;
2. else the one that it agrees with best, in any layout that converters choose.
If none agrees, it diverges from the one of its name, else from the one that it resembles most; what resembles nothing
is no divergence, but a value that only the converter knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge_export.bisect.values import Row, State, Value
from edge_export.files.arrays import Array
from edge_export.spec.agreement import Agreement, agreement

RESEMBLES_DB = 3.0
"""Below this SNR, what differs from the reference is more than half of the value."""


@dataclass(frozen=True)
class Reference:
    """The values to compare with.

    Attributes:
        outputs: What each output of what is compared stands for, by its name there.
        named: All, by their own names.
        of_size: All, by how many numbers they hold.
    """

    outputs: dict[str, Value]
    named: dict[str, Value]
    of_size: dict[int, list[Value]]


def reference(values: Sequence[Value], outputs: Mapping[str, str]) -> Reference:
    """Index the reference's values; `outputs` says which one each output of what is compared should be."""
    of_size: dict[int, list[Value]] = {}
    for value in values:
        of_size.setdefault(value.array.size, []).append(value)
    named = {value.name: value for value in values}
    return Reference({own: named[name] for own, name in outputs.items() if name in named}, named, of_size)


def compare(value: Value, known: Reference, snr_db: float) -> Row:
    """`value` beside its counterpart, with which it agrees from `snr_db` on."""
    origin = next((known.named[name] for name in _named_after(value.named_after) if name in known.named), None)
    if value.name in known.outputs:
        return _output(value, known.outputs[value.name], origin, snr_db)
    candidates = known.of_size.get(value.array.size, [])
    named = known.named.get(value.name)
    for likely in (named, origin):
        if likely is not None and likely in candidates:
            agreed = _agreement(likely, value)
            if agreed.snr_db >= snr_db:
                return _row(value, origin or likely, agreed, "agrees")
    if not candidates:
        return _row(value, origin, None, "no counterpart")
    closest = _closest(value, candidates)
    agreed = _agreement(closest, value)
    if agreed.snr_db >= snr_db:
        return _row(value, origin or closest, agreed, "agrees")
    if named is not None and named in candidates:
        return _row(value, origin or named, _agreement(named, value), "diverges")
    if agreed.max_abs is not None and agreed.snr_db < RESEMBLES_DB:
        return _row(value, origin, None, "no counterpart")
    return _row(value, origin or closest, agreed, "diverges")


def _output(value: Value, wanted: Value, origin: Value | None, snr_db: float) -> Row:
    if wanted.array.size != value.array.size:
        return _row(value, origin or wanted, None, "diverges")
    agreed = agreement(wanted.array.reshape(-1), value.array.reshape(-1))
    return _row(value, origin or wanted, agreed, "agrees" if agreed.snr_db >= snr_db else "diverges")


def _row(value: Value, source: Value | None, agreed: Agreement | None, state: State) -> Row:
    name, layer = (source.name, value.layer or source.layer) if source else ("", value.layer)
    snr_db, max_abs = (None, None) if agreed is None else (agreed.snr_db, agreed.max_abs)
    return Row(value.operator, value.name, name, layer, snr_db, max_abs, state)


def _named_after(names: Sequence[str]) -> Iterator[str]:
    """What each may be named after: "node_conv2d_5_conv_filter" after conv2d_5, or after conv2d."""
    for name in names:
        words = name.removeprefix("node_").split("_")
        yield from ("_".join(words[:count]) for count in range(len(words), 0, -1))


def _closest(value: Value, candidates: Sequence[Value]) -> Value:
    """The candidate with the best SNR, roughly: in float32, whatever the layout."""
    layouts = [layout.reshape(-1) for layout in _layouts(value.array)]

    def noise(candidate: Value) -> float:
        wanted = candidate.array.reshape(-1)
        errors = [wanted - layout for layout in layouts]
        share = min(float(error @ error) for error in errors) / max(float(wanted @ wanted), 1e-30)
        return share if np.isfinite(share) else np.inf

    with np.errstate(all="ignore"):
        return min(candidates, key=noise)


def _agreement(expected: Value, got: Value) -> Agreement:
    """How `got` agrees, in the layout in which it agrees best."""
    flat = expected.array.reshape(-1)
    return max((agreement(flat, layout.reshape(-1)) for layout in _layouts(got.array)), key=lambda a: a.snr_db)


def _layouts(array: Array) -> Iterator[Array]:
    """`(samples, …)` itself, and with its last axis, where converters put channels, moved before others."""
    yield array
    for axis in range(1, array.ndim - 1):
        if array.shape[-1] > 1 and array.shape[axis:-1] != (1,) * (array.ndim - 1 - axis):
            yield np.moveaxis(array, -1, axis)
