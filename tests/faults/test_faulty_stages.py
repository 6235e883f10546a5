"""A fault before the converters is found at the stage where it was made, and that stage is named first."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest
from faults_bases import member_tolerance, mother, prepare
from faults_excess import SPREAD_DB, excess_of_member
from faults_in_stages import IN_ANY, IN_DIGITS, IN_SEPARATORS, statistics_by_width, switchable_by_width
from faults_tally import PROPERTY

from edge_export.errors import RequestError
from edge_export.members.calibrate import batch_norms
from edge_export.mothers.us_mobilenet.width_space import Width
from edge_export.pipeline.member import PreparedMember

pytestmark = pytest.mark.slow

CASES = [
    *itertools.product(["digits"], ["0.25", "1.0"], IN_ANY | IN_DIGITS),
    *itertools.product(["separator"], ["d1w1"], IN_ANY),
    *itertools.product(["separator"], ["d2w2"], IN_SEPARATORS),
]
OPTIONS = {"static gates of another": {"gates": "static"}}


@pytest.mark.parametrize(("name", "config", "kind"), CASES)
def test_the_first_bad_stage_is_named(name, config, kind, monkeypatch, record_property):
    owner = copy.deepcopy(mother(name))
    stage, plant = (IN_ANY | (IN_DIGITS if name == "digits" else IN_SEPARATORS))[kind]
    rng = np.random.default_rng(list(f"{name} {config} {kind}".encode()))
    plant(owner, owner.space.parse(config), monkeypatch, rng)
    try:
        member = prepare(owner, name, config, OPTIONS.get(kind))
    except RequestError as error:  # what could not even be calibrated
        found, caught_by = str(error), "stage" if str(error).startswith(f"stage {stage}: ") else "NOT CAUGHT"
    else:
        monkeypatch.undo()
        found, caught_by = member.reason or "nothing diverges", what_caught(member, stage, name, config)
    record_property(PROPERTY, (kind, "stages", caught_by))
    assert caught_by != "NOT CAUGHT", f"{found}; the fault is in stage {stage}"


def what_caught(member: PreparedMember, stage: str, name: str, config: str) -> str:
    """The tally's word for a member with a fault in `stage`."""
    first = next((each for each in member.stages if each.reason), None)
    if first is None:
        return "NOT CAUGHT" if excess_of_member(name, config, member) > 0 else "harmless"
    if first.name == stage:
        return "stage"
    at_the_limit = first.agreement.snr_db > member_tolerance().snr_db - SPREAD_DB
    return "at the limit" if at_the_limit else "NOT CAUGHT"


def test_statistics_of_another_listed_width_are_named(monkeypatch, record_property):
    """A mother that brings statistics for her widths: nothing is calibrated that could mend a wrong choice."""
    owner = statistics_by_width()
    assert prepare(owner, "digits", "0.25").reason == ""

    class Faulty(type(owner)):
        def extract(self, config):
            self.listed_widths = self.listed_widths[::-1]
            member = super().extract(config)
            self.listed_widths = self.listed_widths[::-1]
            return member

    owner.__class__ = Faulty
    reason = prepare(owner, "digits", "0.25").reason
    caught = reason.startswith("stage extracted: SNR ")
    record_property(PROPERTY, ("statistics of another", "stages", "stage" if caught else "NOT CAUGHT"))
    assert caught, reason


def test_trained_statistics_of_the_next_listed_width_are_named(record_property):
    """Each layer has the first of the statistics that the next width learned, as one index too many would take."""
    owner = switchable_by_width()
    assert prepare(owner, "digits", "0.25").reason == ""

    class Faulty(type(owner)):
        def extract(self, config):
            member, following = super().extract(config), super().extract(Width(config.width_mult + 0.25))
            wrong = batch_norms(following)
            for name, norm in batch_norms(member).items():
                norm.running_mean.copy_(wrong[name].running_mean[: norm.num_features])
                norm.running_var.copy_(wrong[name].running_var[: norm.num_features])
            return member

    owner.__class__ = Faulty
    reason = prepare(owner, "digits", "0.25").reason
    caught = reason.startswith("stage extracted: SNR ")
    record_property(PROPERTY, ("statistics of another", "stages", "stage" if caught else "NOT CAUGHT"))
    assert caught, reason
