"""One file per verb: it parses, calls one function and prints."""

from __future__ import annotations

from types import ModuleType

from edge_export.cli import build, doctor, inspect, train, verify

VERBS: dict[str, ModuleType] = {
    "build": build,
    "verify": verify,
    "inspect": inspect,
    "train": train,
    "doctor": doctor,
}
