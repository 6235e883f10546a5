"""The verbs of the command line. Each verb is one file: it parses arguments, calls one function and prints."""

from __future__ import annotations

from types import ModuleType

from edge_export.cli import (
    app,
    bench,
    bisect,
    build,
    cache,
    compare,
    devices,
    doctor,
    farm,
    inspect,
    listing,
    pick,
    report,
    run,
    search,
    train,
    verify,
)

VERBS: dict[str, ModuleType] = {
    "build": build,
    "verify": verify,
    "bench": bench,
    "compare": compare,
    "bisect": bisect,
    "search": search,
    "report": report,
    "pick": pick,
    "app": app,
    "farm": farm,
    "run": run,
    "inspect": inspect,
    "devices": devices,
    "list": listing,
    "train": train,
    "doctor": doctor,
    "cache": cache,
}
