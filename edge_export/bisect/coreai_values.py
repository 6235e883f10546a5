"""Reads every value of a Core AI program with the intermediate logger of Apple's runtime.

The runtime names its operators, but not the values that they read. An operator reads the last value before it that has
the same bytes as its input.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_export.bisect.inside import Operator, values_of
from edge_export.bisect.values import Value
from edge_export.files.arrays import Array
from edge_export.formats.coreai.compile import FUNCTION, open_asset
from edge_export.spec.tensors import IOSpec

_COMPUTES = "call.coreai."
"""How the runtime's names of operators begin. Its other calls allocate memory."""


def look_inside(path: Path, io: IOSpec, samples: Sequence[Mapping[str, Array]]) -> tuple[list[Value], list[str]]:
    """Returns the values of all operators on `samples`, and the names of those that are the outputs of `io`."""
    recorders = asyncio.run(_record(path, samples))
    inside = [
        Operator(operator, recorders[0].writes[call], tuple(recorders[0].reads[call]))
        for call, operator in recorders[0].operators.items()
        if call in recorders[0].writes
    ]
    outputs = [Operator("output", (spec.name,), recorders[0].origin(spec.name)) for spec in io.outputs]
    return values_of([*inside, *outputs], [each.values for each in recorders]), [spec.name for spec in io.outputs]


async def _record(path: Path, samples: Sequence[Mapping[str, Array]]) -> list[_Recorder]:
    """Runs the asset in `path` on each sample."""
    from coreai.runtime import CompileIdentifiers, IntermediateLogger, NDArray, Profiler

    recorders = []
    async with open_asset(path).executable() as model:
        infos = json.loads(model._debug_infos)
        calls = [CompileIdentifiers(each["odixId"]) for record in infos for each in record["operations"]]
        for sample in samples:
            recorder = _Recorder()
            function = model.load_function(
                FUNCTION,
                intermediate_logger=IntermediateLogger(calls, recorder.on_arrays),
                profiler=Profiler(lambda _: None, recorder.on_begin, lambda *_: None),
            )
            results = await function({name: NDArray(array) for name, array in sample.items()})
            recorder.values |= {name: result.numpy().copy() for name, result in results.items()}
            recorders.append(recorder)
    return recorders


class _Recorder:
    """Records one run: the runtime calls `on_begin` when an operator begins, and `on_arrays` with what it reads and
    writes. Operators are identified by the number of their call.
    """

    def __init__(self) -> None:
        self.operators: dict[int, str] = {}
        self.writes: dict[int, tuple[str, ...]] = {}
        self.reads: dict[int, dict[str, None]] = {}
        self.values: dict[str, Array] = {}
        self._holds: dict[bytes, str] = {}

    def on_begin(self, event: Any) -> int:
        if event.event_id.startswith(_COMPUTES):
            call = event.compile_ids.id
            self.operators[call] = event.event_id.removeprefix(_COMPUTES).rpartition(".")[2]
            self.reads[call] = {}
        return 0

    def on_arrays(self, values: Sequence[Any], kind: str, ids: Any) -> None:
        from coreai.runtime import NDArray

        call = ids.id
        if call not in self.operators:
            return
        arrays = [None if value is None else NDArray._wrap(value).numpy() for value in values]
        if kind == "input":
            self.reads[call] |= {
                self._holds[array.tobytes()]: None
                for array in arrays
                if array is not None and array.tobytes() in self._holds
            }
        elif kind == "output":
            names = [f"{self.operators[call]}_{call}" + (f"_{index}" if index else "") for index in range(len(arrays))]
            self.writes[call] = tuple(names)
            for name, array in zip(names, arrays, strict=True):
                if array is not None:
                    self.values[name] = array.copy()  # its memory is used again
                    self._holds[array.tobytes()] = name

    def origin(self, output: str) -> tuple[str, ...]:
        """Returns the name of the value that is an output of the program."""
        found = self._holds.get(self.values[output].tobytes())
        return () if found is None else (found,)
