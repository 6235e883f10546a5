"""Target files: the shipped ones are valid, bad ones are refused with every problem."""

from __future__ import annotations

import pytest

from edge_export.errors import RequestError
from edge_export.pipeline.target import at_precisions, read_target, target_names

GOOD = """
name = "board"
mother = "digits"
members = "0.5"
[[artifacts]]
format = "executorch"
backend = "xnnpack"
precision = "fp32"
[tolerances.member.fp32]
snr_db = 90
max_abs_of_peak = 1e-4
[tolerances.executorch.fp32]
snr_db = 90
max_abs_of_peak = 1e-4
"""


@pytest.mark.parametrize("name", ["android", "ios", "linux"])
def test_shipped_targets(name):
    target = read_target(name)
    assert target.name == name
    assert all(target.tolerance(plan.format, plan.precision) for plan in target.artifacts)
    assert name in target_names()


def test_a_file_of_ones_own(tmp_path):
    (tmp_path / "board.toml").write_text(GOOD)
    assert read_target(str(tmp_path / "board.toml")).name == "board"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("xnnpack", "cuda", "executorch has no backend 'cuda'"),
        ('"executorch"', '"onnx"', "format 'onnx' is none of"),
        ('precision = "fp32"', 'precision = "fp7"', "executorch has no precision 'fp7'"),
        (
            'backend = "xnnpack"\nprecision = "fp32"',
            'backend = "coreml"\nprecision = "int8"',
            "executorch has no precision 'int8' with coreml, only fp32, fp16",
        ),
        ("[tolerances.executorch.fp32]", "[tolerances.coreml.fp32]", r"no table \[tolerances.executorch.fp32\]"),
        ("[tolerances.member.fp32]", "[tolerances.other.fp32]", r"no table \[tolerances.member.fp32\]"),
        ("snr_db = 90", "snr_db = -90", "snr_db"),
        ("snr_db = 90", "", "Field required"),
        ('name = "board"', 'name = "../x"', "name"),
        ("[[artifacts]]", "[[artifact]]", "artifact"),
        ('name = "board"', "name = ", "is not TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, old, new, message):
    path = tmp_path / "board.toml"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(RequestError, match=message):
        read_target(str(path))


def test_unknown_targets():
    with pytest.raises(RequestError, match="did you mean android"):
        read_target("andriod")
    with pytest.raises(RequestError, match="use one of android, ios, linux"):
        read_target("toaster")
    with pytest.raises(RequestError, match="can't be read"):
        read_target("nowhere.toml")


def test_precisions_that_are_asked_for():
    android = read_target("android")
    labels = [plan.label for plan in at_precisions(android, ["fp32", "int8"]).artifacts]
    assert labels == [
        *("executorch-xnnpack-fp32", "tflite-builtin-fp32"),
        *("executorch-xnnpack-int8", "tflite-builtin-int8"),
    ]
    with pytest.raises(RequestError, match="--precision int3: target android has fp32"):
        at_precisions(android, ["fp32", "int3"])


def test_limits_of_size_hold_from_a_number_of_parameters_on(tmp_path):
    limited = GOOD.replace("[tolerances.executorch.fp32]", "[tolerances.executorch.fp32]\nmax_size_ratio = 0.5")
    (tmp_path / "board.toml").write_text(limited)
    board = read_target(str(tmp_path / "board.toml"))
    ratios = [board.tolerance("executorch", "fp32", params).max_size_ratio for params in (99_999, 100_000, None)]
    assert ratios == [None, 0.5, 0.5]
    (tmp_path / "board.toml").write_text("max_size_ratio_from_params = 7\n" + limited)
    board = read_target(str(tmp_path / "board.toml"))
    assert [board.tolerance("executorch", "fp32", params).max_size_ratio for params in (6, 7)] == [None, 0.5]


@pytest.mark.parametrize("name", ["android", "ios", "linux"])
def test_reduced_precisions_of_shipped_targets_have_limits_of_size(name):
    target = read_target(name)
    reduced = [(f, p) for f, each in target.tolerances.items() for p in each if p != "fp32"]
    assert len(reduced) == {"ios": 6}.get(name, 4)
    assert all(target.tolerance(*each).max_size_ratio is not None for each in reduced)


def test_schemes_are_tried_in_the_order_of_the_target_or_of_the_format(tmp_path):
    ios = at_precisions(read_target("ios"), ["int8"])
    coreml = next(plan for plan in ios.artifacts if plan.format == "coreml")
    assert coreml.every_scheme == ("linear8",)
    assert coreml.model_copy(update={"schemes": ("palette4", "linear8")}).every_scheme == ("palette4", "linear8")
    executorch = next(plan for plan in ios.artifacts if plan.format == "executorch")
    assert executorch.every_scheme == ("static", "dynamic", "weight_only")  # one scale a tensor: on request only
    assert next(plan for plan in read_target("ios").artifacts).every_scheme == ("",)
    path = tmp_path / "board.toml"
    path.write_text(GOOD.replace('precision = "fp32"', 'precision = "fp32"\nschemes = ["static"]'))
    with pytest.raises(RequestError, match="executorch-xnnpack-fp32 has no scheme 'static', only none"):
        read_target(str(path))
