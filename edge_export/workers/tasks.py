"""What a worker may be asked to do: a literal table, name -> "module:function".

Each function takes one dict and returns one dict, both JSON: no pickled code crosses processes. Paths in them are
absolute, because a worker's current folder is a scratch folder of its own.
"""

TASKS: dict[str, str] = {
    "open": "edge_export.verify.tasks:open_family",
    "prepare": "edge_export.verify.tasks:prepare",
    "compile": "edge_export.formats.task:compile_artifact",
    "run": "edge_export.runtimes.task:run_artifact",
    "inspect": "edge_export.inspection.task:inspect_artifact",
}
