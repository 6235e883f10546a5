"""This machine as a device: the runner in a process of its own, in the same Python."""

from __future__ import annotations

from pathlib import Path

from edge_export.devices.device import Listed, Report
from edge_export.devices.request import Request
from edge_export.devices.runner_process import ask_facts, command, run_folder
from edge_export.errors import RequestError, one_line
from edge_export.spec.device import DeviceFacts


class Local:
    name = "local"

    def facts(self) -> DeviceFacts:
        return ask_facts(command(), self.name)

    def run(self, folder: Path, request: Request, report: Report, *, resume: bool) -> None:
        run_folder(command(), folder, report, self.name)


def open_local(rest: str) -> Local:
    """Raises RequestError if anything follows "local"."""
    if rest:
        raise RequestError(f"local:{one_line(rest, 40)} is not a device: give local")
    return Local()


def found() -> list[Listed]:
    facts = Local().facts()
    return [Listed("local", facts.model, tuple(facts.runtimes.values()))]
