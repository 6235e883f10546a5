"""A step's key holds all code and all tools that can change its result, and little else, as the import graph shows."""

from __future__ import annotations

import sys
from pathlib import PurePosixPath

import pytest
from import_graph import PACKAGE, distributions_of, foreign_imports, graph, reached

from edge_export.cache.keys import PACKAGE as FOLDER
from edge_export.cache.keys import SOURCES, STATED_TOOLS, TOOLS, _sources
from edge_export.workers.tasks import TASKS

STEPS: dict[str, tuple[str, ...]] = {
    "open": ("open",),
    "prepare": ("prepare",),
    "compile": ("compile", "write_onnx", "convert_onnx", "convert_program"),
    "measure": ("run",),
}
"""The worker tasks of each step of a build."""
FIELDS: dict[str, frozenset[str]] = {
    "open": frozenset(),
    "prepare": frozenset(),
    "compile": frozenset({"compile", "submit"}),
    "measure": frozenset({"runtimes", "constants"}),
}
"""The fields of a format's descriptor that each step uses."""
NOT_KEPT = {"assemble", "score", "reference", "inspect", "bisect_stages", "bisect_file", "bisect_cut", "bisect_weights"}
"""Worker tasks whose results are not cached."""
HERE: dict[str, tuple[str, ...]] = {
    "compile": ("edge_export.formats.compile",),
    "measure": ("edge_export.verify.artifact",),
}
"""The modules that a step uses in the main process, besides its worker tasks."""
DECIDES_NOTHING: dict[str, str] = {
    "edge_export.cache": "says where files lie, not what they hold",
    "edge_export.cache.folders": "says where files lie, not what they hold",
    "edge_export.workers": "tasks give the same wherever they run",
    "edge_export.workers.contract": "tasks give the same wherever they run",
    "edge_export.workers.task": "tasks give the same wherever they run",
    "edge_export.workers.resources": "tasks give the same wherever they run",
    "edge_export.workers.environments": "an environment's own digest is part of the keys that it matters to",
    "edge_export.workers.pool": "tasks give the same wherever they run",
    "edge_export.workers.process": "tasks give the same wherever they run",
}
DATA: dict[str, str] = {"workers/pins": "what the isolated environments install"}
"""Folders without Python code, and why a key needs them."""
HARMLESS: dict[str, str] = {
    "pydantic": "checks records; their fields are what they are",
    "threadpoolctl": "only counts threads",
}
"""Distributions that cannot change a result."""
ISOLATED: dict[str, str] = {
    "coreai": "lives in an environment whose pins are a source",
    "coreai_torch": "lives in an environment whose pins are a source",
    "litert_torch": "lives in an environment whose pins are a source",
    "tensorflow": "lives in an environment whose pins are a source",
    "tf_keras": "lives in an environment whose pins are a source",
}
"""Packages that no distribution of this environment installs."""
BEHIND_OTHERS: dict[tuple[str, str], str] = {
    ("open", "scikit-learn"): "the scans of digits lie in it",
    ("prepare", "scikit-learn"): "the scans of digits lie in it",
    ("compile", "onnxscript"): "torch.onnx translates with it",
    ("compile", "protobuf"): "writes the bytes of Core ML's and ONNX's files",
    ("compile", "scikit-learn"): "coremltools makes palettes with it",
}
"""Tools that our own code does not import, by step, and why a key needs them."""


def modules_of(step: str) -> frozenset[str]:
    entries = {TASKS[task].partition(":")[0] for task in STEPS[step]} | set(HERE.get(step, ()))
    return reached(frozenset(entries), frozenset(DECIDES_NOTHING), FIELDS[step])


def file_of(module: str) -> PurePosixPath:
    """Returns the file of a module, relative to this package's folder."""
    path = PurePosixPath(*module.split(".")[1:])
    return path / "__init__.py" if (FOLDER / path).is_dir() else path.with_suffix(".py")


def covers(room: str, module: str) -> bool:
    return file_of(module).is_relative_to(room)


def test_every_task_belongs_to_a_step_or_is_not_kept():
    assert {task for tasks in STEPS.values() for task in tasks} | NOT_KEPT == TASKS.keys()
    assert STEPS.keys() | {"bundle"} == SOURCES.keys() == TOOLS.keys()


@pytest.mark.parametrize("step", STEPS)
def test_all_code_that_a_step_can_reach_is_in_its_key(step):
    modules = modules_of(step)
    missing = {m for m in modules if not any(covers(room, m) for room in SOURCES[step])}
    assert missing == set(), f"{step}: add the rooms of these to SOURCES, or say in DECIDES_NOTHING why not"
    unneeded = {room for room in SOURCES[step] if not any(covers(room, m) for m in modules)} - DATA.keys()
    assert unneeded == set(), f"{step}: nothing of these can be reached, a change there makes it anew for nothing"


@pytest.mark.parametrize("step", STEPS)
def test_all_tools_that_a_step_imports_are_in_its_key(step):
    imported = foreign_imports(modules_of(step))
    ours = {PACKAGE, *sys.stdlib_module_names, *ISOLATED}
    owners = {package: distributions_of(package) for package in imported if package not in ours}
    missing = {package: imported[package] for package, names in owners.items() if not names & {*TOOLS[step], *HARMLESS}}
    assert missing == {}, f"{step}: add their distributions to TOOLS, or say in HARMLESS why not"
    used = {name for names in owners.values() for name in names}
    unneeded = {tool for tool in TOOLS[step] if tool not in used and (step, tool) not in BEHIND_OTHERS}
    assert unneeded == set(), f"{step}: our code does not import these; say in BEHIND_OTHERS who does"


def test_a_whole_bundle_depends_on_everything():
    assert SOURCES["bundle"] == ("",)
    assert {tool for step in STEPS for tool in TOOLS[step]} == set(TOOLS["bundle"])
    assert set(STATED_TOOLS) <= set(TOOLS["bundle"])


def test_the_exceptions_are_still_needed():
    entries = frozenset(entry.partition(":")[0] for entry in TASKS.values())
    every = reached(entries, fields=frozenset(field for fields in FIELDS.values() for field in fields))
    assert DECIDES_NOTHING.keys() <= every
    rooms = {room for step in STEPS for room in SOURCES[step]}
    assert DATA.keys() <= rooms
    assert {(step, tool) for step, tool in BEHIND_OTHERS if tool not in TOOLS[step]} == set()
    imported = foreign_imports(every)
    assert ISOLATED.keys() <= imported.keys()
    assert HARMLESS.keys() <= {name for package in imported for name in distributions_of(package)}


@pytest.mark.parametrize("room", sorted({room for rooms in SOURCES.values() for room in rooms}))
def test_every_room_exists_and_holds_something(room):
    assert (FOLDER / room).exists()
    assert _sources(room) != _sources("no such room")


def test_the_graph_sees_tables_imports_in_functions_and_no_type_hints():
    formats = frozenset({"edge_export.formats"})
    assert "edge_export.formats.coreml.compile" in reached(formats, fields=FIELDS["compile"])  # a table's string
    assert "edge_export.formats.coreml.inspect" not in reached(formats, fields=FIELDS["compile"])
    assert "edge_export.mothers.catalog" in reached(frozenset({"edge_export.pipeline.opened"}))  # in a function
    assert "edge_export.runtimes.mil.ops.linear" in reached(formats, fields=FIELDS["measure"])  # both
    direct = graph().find_modules_directly_imported_by("edge_export.spec.recorded")
    assert "edge_export.spec.tensors" not in direct  # imported for type checkers only
