"""Normalize a Core AI program and its `.aimodel`, so that two builds of a member are byte-identical.

coreai-core names the values of constants by a hash with a seed of the process. Here they are numbered in the order in
which the program uses them. It also writes `metadata.json` with the date of the conversion, and its keys in any order.
The date is removed, and the keys are sorted.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coreai.authoring import AIProgram

_METADATA = "metadata.json"
_DATE = "creationDate"
_USED = re.compile(r"dense_resource<(resource_\d+)>")
_NAME = re.compile(r"\bresource_\d+\b")


def number_constants(program: AIProgram) -> AIProgram:
    """Returns `program` with its constants named by their order. It has a context of its own, where names are free."""
    from coreai._compiler.ir import Module
    from coreai.authoring import AIProgram, Context

    text = program._module._mlir_module.operation.get_asm(enable_debug_info=True)
    names = {name: f"resource_{number}" for number, name in enumerate(dict.fromkeys(_USED.findall(text)))}
    text = _NAME.sub(lambda found: names.get(found.group(), found.group()), text)
    return AIProgram._from_mlir_module(Module.parse(text, Context()._mlir_context))


def remove_date(asset: Path) -> None:
    """Rewrites the metadata of `asset`, as coreai-core saved it, in place."""
    path = asset / _METADATA
    metadata = json.loads(path.read_text())
    metadata.pop(_DATE, None)
    path.write_text(json.dumps(metadata, indent=2, sort_keys=True) + "\n")
