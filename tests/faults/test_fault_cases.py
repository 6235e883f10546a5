"""Which faults are planted, and how they are counted."""

from __future__ import annotations

from types import SimpleNamespace

from faults_cases import CASES, case_id
from faults_tally import PROPERTY, lines

from edge_export.formats import FORMATS


def test_there_are_at_least_two_hundred_cases():
    assert len({case_id(case) for case in CASES}) == len(CASES) >= 200


def test_every_format_is_there_with_several_members_and_precisions():
    for format_name in FORMATS:
        artifacts = {artifact for _, artifact, _ in CASES if artifact[2] == format_name}
        assert {mother for mother, *_ in artifacts} == {"digits", "separator"}
        assert {"fp32", "int8"} <= {precision for *_, precision in artifacts}
        assert len({artifact[:2] for artifact in artifacts}) >= 3


def test_the_tally_counts_each_fault_once():
    faults = [("wrong pad", "coreml", "numbers"), ["wrong pad", "coreml", "sha256 alone"]]  # as another process has it
    reports = [
        SimpleNamespace(when=when, user_properties=[("unrelated", 1), (PROPERTY, fault)])
        for fault in faults
        for when in ("setup", "call", "teardown")
    ]
    head, wrong_pad, total = (line.split("  ") for line in lines([*reports, object()]))
    assert "NOT CAUGHT" in head[-1]
    counts = [[cell.strip() for cell in row if cell.strip()] for row in (wrong_pad, total)]
    assert counts[0] == ["wrong pad", "coreml", "2", "·", "1", *"····1···"]
    assert counts[1] == ["all", "2", "·", "1", *"····1···"]
    assert not list(lines([]))
