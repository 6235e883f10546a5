"""Each thing that can go wrong has one sentence about what to do."""

from __future__ import annotations

from typing import get_args

import pytest

from edge_export.baking import graph
from edge_export.baking.streaming.rule_by_rule import RULES
from edge_export.spec.agreement import Agreement
from edge_export.spec.results import Stage
from edge_export.verify.suggestions import ARTIFACTS, STAGES, Problem, first_divergence, problem_of, suggestion_for

SENTENCES = [*STAGES.values(), *ARTIFACTS.values()]


def test_every_baking_rule_has_its_own():
    rules = {name for name, _ in (*graph.RULES, *RULES)}
    assert rules <= STAGES.keys()
    assert len({STAGES[rule] for rule in rules}) == len(rules)


@pytest.mark.parametrize("sentence", SENTENCES)
def test_it_is_one_short_sentence(sentence):
    assert sentence == sentence.strip().rstrip(".")
    assert 20 < len(sentence) < 250
    assert "\n" not in sentence
    assert "  " not in sentence


@pytest.mark.parametrize("problem", get_args(Problem))
def test_every_problem_of_an_artifact_has_one_at_any_precision(problem):
    assert suggestion_for("tflite", "bf16", problem) == ARTIFACTS["", problem]


def test_a_precision_has_its_own():
    assert "65504" in suggestion_for("coreml", "fp16", "not finite")
    assert "milder scheme" in suggestion_for("tflite", "int8", "metric")


def test_a_rule_that_is_applied_again_has_the_same():
    assert suggestion_for("fold_scale_into_previous 2") == STAGES["fold_scale_into_previous"]


@pytest.mark.parametrize(
    ("snr_db", "max_abs", "problem"), [(-200.0, None, "not finite"), (3.0, 1.0, "wrong"), (45.0, 1e-3, "imprecise")]
)
def test_problems_are_told_apart(snr_db, max_abs, problem):
    assert problem_of(Agreement(snr_db, max_abs, 1.0)) == problem


def test_the_first_divergence_is_said_with_its_value_and_what_to_do():
    good, bad = Agreement(130.0, 1e-7, 1.0), Agreement(12.1, 0.1, 1.0)
    stages = [
        Stage("extracted", good, ""),
        Stage("calibrated", bad, "SNR 12.1 dB is below 90 dB"),
        Stage("baked", bad, "SNR 12.1 dB is below 90 dB"),
    ]
    told = first_divergence(stages)
    assert told == f"stage calibrated: SNR 12.1 dB is below 90 dB; {STAGES['calibrated']}"
    assert first_divergence(stages[:1]) == ""
