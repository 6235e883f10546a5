"""Puts the runner of `runner/` into the wheel, beside the module that starts it. All else stands in pyproject.toml."""

from __future__ import annotations

from setuptools import setup
from setuptools.command.build_py import build_py

RUNNER = "runner/edge_runner.py"


class BuildWithRunner(build_py):
    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            self.copy_file(RUNNER, f"{self.build_lib}/edge_export/devices/edge_runner.py")

    def get_source_files(self) -> list[str]:
        return [*super().get_source_files(), RUNNER]


setup(cmdclass={"build_py": BuildWithRunner})
