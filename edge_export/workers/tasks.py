"""What a worker may be asked to do: a literal table, name -> "module:function".

Each function takes one dict and returns one dict, both JSON: no pickled code crosses processes. Paths in them are
absolute, because a worker's current folder is a scratch folder of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

TASKS: dict[str, str] = {
    "open": "edge_export.pipeline.tasks:open_family",
    "prepare": "edge_export.pipeline.tasks:prepare",
    "compile": "edge_export.formats.compile_task:compile_artifact",
    "write_onnx": "edge_export.formats.tflite.tensorflow_route:write_onnx",
    "convert_onnx": "edge_export.formats.tflite.tensorflow_route:convert_onnx",
    "run": "edge_export.runtimes.run:run_artifact",
    "inspect": "edge_export.inspection.task:inspect_artifact",
    "bisect_stages": "edge_export.pipeline.bisect_stages:bisect_stages",
    "bisect_file": "edge_export.bisect.files:bisect_file",
    "bisect_cut": "edge_export.bisect.cut:cut_program",
    "bisect_weights": "edge_export.bisect.weights:changed_weights",
}


@dataclass(frozen=True)
class Paths:
    """Which arguments of a task are paths, for a worker on another machine: the files must travel.

    Attributes:
        inputs: Files and folders that it reads; they may be None.
        folders: Folders of its own, that it reads and writes.
        outputs: Files that it writes.
        stays: Paths that mean something on whatever machine they are looked at.
    """

    inputs: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    stays: tuple[str, ...] = ()


# The tasks of a build, which may run on other machines; every other task runs here.
PATHS: dict[str, Paths] = {
    "open": Paths(inputs=("checkpoint", "goldens"), folders=("workdir",), stays=("folder",)),
    "prepare": Paths(
        inputs=("checkpoint", "goldens", "inputs", "held_out", "extremes"), folders=("workdir",), stays=("folder",)
    ),
    "compile": Paths(inputs=("program", "calibration"), folders=("workdir",)),
    "write_onnx": Paths(inputs=("program", "calibration"), folders=("workdir",)),
    "convert_onnx": Paths(inputs=("program", "calibration"), folders=("workdir",)),
    "run": Paths(inputs=("path", "inputs"), outputs=("outputs",)),
}
