"""Any exception is told in one line: what was raised first, and where in the user's own code."""

from __future__ import annotations

import json

import pytest
import torch

from edge_export.errors import RequestError, one_line, raised


def users_code() -> None:
    torch.zeros(2) + torch.zeros(3)


def told(function: object) -> str:
    try:
        function()  # type: ignore[operator]
    except Exception as error:
        return raised(error)
    pytest.fail("nothing was raised")


def test_the_place_is_the_innermost_line_of_the_users_own_code() -> None:
    text = told(users_code)
    assert text.startswith("RuntimeError: The size of tensor a (2) must match")
    assert text.endswith("(test_errors.py:14 in users_code)")
    assert told(lambda: json.loads("{")).endswith("in <lambda>)")


def test_the_first_exception_of_a_chain_says_what_was_wrong() -> None:
    def wraps() -> None:
        try:
            users_code()
        except RuntimeError as error:
            raise ValueError("step 3 of 7 failed\nread the manual") from error

    text = told(wraps)
    assert text.startswith("RuntimeError: The size of tensor")
    assert "ValueError: step 3 of 7 failed read the manual" in text
    assert text.endswith("(test_errors.py:14 in users_code)")


def test_an_exception_that_repeats_the_first_is_told_alone() -> None:
    def wraps() -> None:
        try:
            raise KeyError("layer.weight\nis missing")
        except KeyError as error:
            raise ValueError(f"net.tflite is damaged: KeyError: {error}") from error

    text = told(wraps)
    assert text.startswith("ValueError: net.tflite is damaged: KeyError: 'layer.weight")
    assert text.count("layer.weight") == 1


def test_a_request_error_in_a_chain_is_told_as_it_is() -> None:
    def wraps() -> None:
        raise ValueError("outside") from RequestError("give another file")

    assert told(wraps).startswith("give another file; ValueError: outside")


def test_an_exception_without_a_message_is_told_by_its_type() -> None:
    def stops() -> None:
        raise KeyError

    assert told(stops).startswith("KeyError (test_errors.py:")


def test_colors_of_a_terminal_leave_no_trace() -> None:
    assert one_line("\x1b[96mstep 3/3\x1b[0m\tof \x1b[1;31mexporting\x1b[m") == "step 3/3 of exporting"
    assert len(one_line("a" * 1000)) == 400
