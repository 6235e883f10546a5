"""Right networks with odd habits are proven up to the exported program, or told in one line why not."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from edge_export.errors import RequestError, raised
from edge_export.files.arrays import load_arrays
from edge_export.pipeline.member import prepare_member
from edge_export.pipeline.mother_source import MotherSource
from edge_export.pipeline.open_mother import EXTREMES, OpenRequest, open_family
from edge_export.pipeline.opened import opened
from edge_export.spec.tolerance import Tolerance
from tests import reproductions

EXACT = Tolerance(snr_db=90, max_abs_of_peak=1e-4)
TOLD = {"few_labels": r"its io has 3 labels for 5 scores of scores"}
"""What is told of those that have no file."""
UNHELPFUL = re.compile(r"0x|\x1b|internal error|NULL|fast path")


def told(factory: Callable[[], object], workdir: Path) -> str:
    """Returns what a build would tell of the mother's member before it is compiled; empty: it is proven."""
    source = MotherSource(spec=f"tests.reproductions:{factory.__name__}", folder=Path.cwd())
    try:
        open_family(OpenRequest(source=source, members=None, workdir=workdir))
        mother, recordings, _ = opened(source)
        extremes = load_arrays(workdir / EXTREMES)
        inputs = tuple(torch.from_numpy(extremes[spec.name]) for spec in mother.io.inputs)
        return prepare_member(mother, "only", recordings, EXACT, extremes=inputs).reason
    except RequestError as error:
        return str(error)
    except Exception as error:
        return raised(error)


@pytest.mark.parametrize("factory", reproductions.REPRODUCTIONS, ids=lambda factory: factory.__name__)
def test_a_stranger_s_network_is_proven_or_told_why_not(factory: Callable[[], object], tmp_path: Path) -> None:
    message = told(factory, tmp_path)
    if expected := TOLD.get(factory.__name__):
        assert re.search(expected, message)
        assert "\n" not in message
        assert not UNHELPFUL.search(message)
    else:
        assert message == ""


def test_a_forward_that_fails_is_told_with_the_line_of_the_users_file(tmp_path: Path) -> None:
    message = told(reproductions.fails, tmp_path)
    assert message.startswith("Mother cannot run on inputs of shape (16, 12): RuntimeError: mat1 and mat2 shapes")
    assert re.search(r"\(reproductions\.py:\d+ in <lambda>\)$", message)
