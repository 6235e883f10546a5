"""Faults in Core AI programs: see `faults_cases.py`."""

from __future__ import annotations

import pytest
from faults_cases import case_id, cases_of, judge
from faults_tally import PROPERTY

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("case", cases_of("coreai"), ids=case_id)
def test_no_fault_slips_through(case, place, tmp_path, record_property):
    caught_by, problems = judge(case, place, tmp_path)
    record_property(PROPERTY, (case[0], "coreai", caught_by))
    assert not problems
