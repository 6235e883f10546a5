"""Training data: built in, folders in a published layout, and generators that render into the same layout.

The tables say where each mother of the catalog finds its data; nothing is loaded before it is asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from edge_export.errors import RequestError

if TYPE_CHECKING:
    from edge_export.mothers.protocol import Recordings

BUILTIN = "builtin"

# catalog name -> function() -> Recordings
RECORDINGS = {
    "digits": "edge_export.data.digits:recordings",
    "separator": "edge_export.data.excerpts:recordings",
}

# catalog name -> function(where) -> the data that the mother's task trains on; `where` is "builtin" or a folder
DATA = {
    "digits": "edge_export.data.digits:open_digits",
    "separator": "edge_export.data.music:open_music",
    "bsrnn": "edge_export.data.music:open_music",
}


def recordings_for(name: str) -> Recordings | None:
    """The real, recorded data that comes with the catalog's mother `name`; None where there is none."""
    return None if name not in RECORDINGS else resolve(RECORDINGS[name])()  # type: ignore[no-any-return]


def open_data(name: str, where: str = BUILTIN) -> Any:
    """The training data of the catalog's mother `name`, from "builtin" or from a folder.

    Raises RequestError for a mother without data, and for a folder that does not hold what it should.
    """
    if name not in DATA:
        raise RequestError(f"mother {name}: nothing to train it on; data is known for {', '.join(DATA)}")
    return resolve(DATA[name])(where)


def resolve(target: str) -> Any:
    """The function that "module:function" names."""
    module, _, function = target.partition(":")
    return getattr(importlib.import_module(module), function)
