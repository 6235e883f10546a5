"""Help is quick, complete, and shows an example per verb."""

from __future__ import annotations

import pytest

from edge_export.cli import VERBS


def test_help_names_every_verb(edge_export):
    done = edge_export("--help")
    assert done.returncode == 0
    assert all(f"    {verb}" in done.stdout for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_shows_an_example(verb, edge_export):
    done = edge_export(verb, "--help")
    assert done.returncode == 0
    assert f"python -m edge_export {verb}" in done.stdout


def test_help_imports_nothing_heavy(edge_export):
    import os
    import subprocess
    import sys

    code = (
        "import sys, edge_export, edge_export.__main__ as m; m.parser(); "
        "print(*sorted({'torch', 'numpy', 'pydantic', 'rich', 'coremltools', 'onnx'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip() == ""
