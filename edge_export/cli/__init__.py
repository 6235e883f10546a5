"""One file per verb: it parses, calls one function and prints."""

from __future__ import annotations

from types import ModuleType

from edge_export.cli import build, cache, doctor, inspect, run, train, verify

VERBS: dict[str, ModuleType] = {
    "build": build,
    "verify": verify,
    "run": run,
    "inspect": inspect,
    "train": train,
    "doctor": doctor,
    "cache": cache,
}
