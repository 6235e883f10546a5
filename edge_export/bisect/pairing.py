"""Finds the counterpart of each value inside a converted network: the value of the reference that it corresponds to.

Converters rename, fuse, split and transpose. The counterpart of an output is given, in a given layout. The counterpart
of any other value is one of the reference's values of the same size:
1. the value with its name, or the value that it or its weights are named after, if they agree;
2. otherwise the value with the best agreement, in any layout that converters choose.
If none agrees, the value diverges from the one with its name, otherwise from the one that it resembles most. A value
that resembles none has no counterpart and does not diverge: it is internal to the converter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge_export.bisect.values import Row, State, Value
from edge_export.files.arrays import Array
from edge_export.spec.agreement import Agreement, agreement

RESEMBLES_DB = 3.0
"""The minimum SNR of a value that resembles another. Below it, the error has more than half of the value's power."""


@dataclass(frozen=True)
class Reference:
    """The values of the reference.

    Attributes:
        outputs: The counterparts of the compared network's outputs, by the names of those outputs.
        named: All values by name.
        of_size: All values by their number of elements.
    """

    outputs: dict[str, Value]
    named: dict[str, Value]
    of_size: dict[int, list[Value]]


def reference(values: Sequence[Value], outputs: Mapping[str, str]) -> Reference:
    """Indexes the reference's values.

    Args:
        outputs: The names of the compared network's outputs, each with the name of its counterpart.
    """
    of_size: dict[int, list[Value]] = {}
    for value in values:
        of_size.setdefault(value.array.size, []).append(value)
    named = {value.name: value for value in values}
    return Reference({own: named[name] for own, name in outputs.items() if name in named}, named, of_size)


def compare(value: Value, known: Reference, snr_db: float) -> Row:
    """Compares `value` with its counterpart. They agree if the SNR is at least `snr_db`."""
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


def _output(value: Value, expected: Value, origin: Value | None, snr_db: float) -> Row:
    if expected.array.size != value.array.size:
        return _row(value, origin or expected, None, "diverges")
    agreed = agreement(expected.array.reshape(-1), value.array.reshape(-1))
    return _row(value, origin or expected, agreed, "agrees" if agreed.snr_db >= snr_db else "diverges")


def _row(value: Value, source: Value | None, agreed: Agreement | None, state: State) -> Row:
    name, layer = (source.name, value.layer or source.layer) if source else ("", value.layer)
    snr_db, max_abs = (None, None) if agreed is None else (agreed.snr_db, agreed.max_abs)
    return Row(value.operator, value.name, name, layer, snr_db, max_abs, state)


def _named_after(names: Sequence[str]) -> Iterator[str]:
    """Yields the names that each name may derive from: "node_conv2d_5_conv_filter" from conv2d_5, or from conv2d."""
    for name in names:
        words = name.removeprefix("node_").split("_")
        yield from ("_".join(words[:count]) for count in range(len(words), 0, -1))


def _closest(value: Value, candidates: Sequence[Value]) -> Value:
    """Returns the candidate with the best approximate SNR, computed in float32, in any layout."""
    layouts = [layout.reshape(-1) for layout in _layouts(value.array)]

    def noise(candidate: Value) -> float:
        expected = candidate.array.reshape(-1)
        errors = [expected - layout for layout in layouts]
        share = min(float(error @ error) for error in errors) / max(float(expected @ expected), 1e-30)
        return share if np.isfinite(share) else np.inf

    with np.errstate(all="ignore"):
        return min(candidates, key=noise)


def _agreement(expected: Value, got: Value) -> Agreement:
    """Returns the agreement of `got` in the layout with the best SNR."""
    flat = expected.array.reshape(-1)
    return max((agreement(flat, layout.reshape(-1)) for layout in _layouts(got.array)), key=lambda a: a.snr_db)


def _layouts(array: Array) -> Iterator[Array]:
    """Yields the array, `(samples, …)`, then it with the last axis (a converter's channels) moved before others."""
    yield array
    for axis in range(1, array.ndim - 1):
        if array.shape[-1] > 1 and array.shape[axis:-1] != (1,) * (array.ndim - 1 - axis):
            yield np.moveaxis(array, -1, axis)
