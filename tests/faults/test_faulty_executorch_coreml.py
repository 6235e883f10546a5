"""Faults in ExecuTorch programs with Core ML inside: see `faults_cases.py`."""

from __future__ import annotations

import pytest
from faults_bases import base
from faults_cases import INSIDE, INSIDE_SEPARATOR, case_id, cases_of, judge
from faults_tally import PROPERTY

from edge_export.formats.executorch.inspect import inspect

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("case", cases_of("executorch/coreml"), ids=case_id)
def test_no_fault_slips_through(case, place, tmp_path, record_property):
    caught_by, problems = judge(case, place, tmp_path)
    record_property(PROPERTY, (case[0], "executorch/coreml", caught_by))
    assert not problems


@pytest.mark.parametrize("made", INSIDE + INSIDE_SEPARATOR)
def test_the_whole_graph_is_one_delegate(made, place):
    contents = inspect(base(place, *made).file.path)
    assert contents.operators == {}, "left out of the delegate"
    assert [(delegate.name, delegate.count) for delegate in contents.delegates] == [("CoreMLBackend", 1)]
