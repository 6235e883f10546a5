"""A mother is judged by what float32 can give, and not on extremes where rounding decides; wrong files still fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from edge_export.files.arrays import Array, load_arrays
from edge_export.pipeline.member import PreparedMember, prepare_member
from edge_export.pipeline.mother_source import MotherSource
from edge_export.pipeline.open_mother import EXTREMES, OpenRequest, open_family
from edge_export.pipeline.opened import opened
from edge_export.spec.agreement import Agreement, agreement
from edge_export.spec.results import Extreme, Measured
from edge_export.spec.tolerance import Tolerance, why_extremes_not, why_lowered, why_not, within_rounding
from edge_export.tasks.extremes import KINDS, RECORDED
from edge_export.verify.artifact import why_wrong
from edge_export.verify.extremes import compare_extremes, peaks_of
from tests import reproductions
from tests.reproductions import Net, X, Y

EXACT = Tolerance(snr_db=90, max_abs_of_peak=1e-4)


def prepared(factory: str, workdir: Path) -> PreparedMember:
    """Prepares the member of a mother of this file or of `reproductions`, with its extremes."""
    source = MotherSource(spec=factory, folder=Path.cwd())
    open_family(OpenRequest(source=source, members=None, workdir=workdir))
    mother, recordings, _ = opened(source)
    extremes = load_arrays(workdir / EXTREMES)
    inputs = tuple(torch.from_numpy(extremes[spec.name]) for spec in mother.io.inputs)
    return prepare_member(mother, "only", recordings, EXACT, extremes=inputs)


def judged(member: PreparedMember, change: Callable[[Array], object] = lambda _: None) -> tuple[Extreme, ...]:
    """Returns how a file whose outputs differ from the mother's by `change` is found on each extreme."""
    outputs = {spec.name: member.extremes[spec.name].copy() for spec in member.io.outputs}
    for array in outputs.values():
        change(array)
    return tuple(compare_extremes(outputs, member.extremes, peaks_of(member.golden)))


def of(function: Callable[..., Tensor], dtype: str = "float32", weights: torch.dtype = torch.float32) -> Any:
    net = Net(function, a=nn.Linear(12, 6).to(weights))
    return reproductions.Mother(net, [replace(X, dtype=dtype)], [replace(Y, dtype=dtype)], torch.randn(16, 12))


def ceiling() -> Any:
    return of(lambda s, x: s.a(x.ceil()))


def signs() -> Any:
    return of(lambda s, x: s.a(x.sign()))


def ties() -> Any:
    return of(lambda s, x: s.a(x).sin() + x.argmax(1, keepdim=True))


def largest() -> Any:
    return of(lambda s, x: s.a(x.topk(12).indices.float()))


def chosen() -> Any:
    return of(lambda s, x: s.a(x).sin() + x[:, :4].softmax(1).topk(2).indices.sum(1, keepdim=True))


def to_the_grid() -> Any:
    """Its recordings lie at the jumps."""
    mother = of(lambda s, x: s.a((x / 3).floor()))
    mother.recorded = (torch.randint(-9, 9, (16, 12)) * 3.0,)
    return mother


def plain() -> Any:
    return of(lambda s, x: s.a(x).relu())


def doubled() -> Any:
    return of(lambda s, x: s.a(x * 1e4 + 1e7) - s.a(x * 0 + 1e7), "float64", torch.float64)


def halved() -> Any:
    return of(lambda s, x: s.a(x), "float16", torch.float16)


AMBIGUOUS = {
    "ceiling": {"silence", "full scale", "denormals", "click"},
    "signs": {"silence", "denormals", "click"},
    "ties": {"silence", "full scale", "denormals", "click"},
    "largest": {"silence", "full scale", "denormals", "click"},
    "chosen": {"silence", "full scale", "denormals", "click"},
    "plain": set(),
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_only_extremes_at_a_jump_of_the_mother_are_left_out(name: str, tmp_path: Path) -> None:
    member = prepared(f"tests.pipeline.test_rounding:{name}", tmp_path)
    assert member.reason == ""
    found = judged(member, lambda array: array.__iadd__(member.golden["y"].max() * 0.3))
    left_out = {extreme.name for extreme in found if extreme.is_ambiguous}
    assert left_out <= AMBIGUOUS[name]
    assert left_out >= AMBIGUOUS[name] & {"silence", "denormals"}
    assert why_extremes_not(found, EXACT) is not None
    assert RECORDED not in left_out


def test_what_is_recorded_at_a_jump_is_judged_all_the_same(tmp_path: Path) -> None:
    member = prepared("tests.pipeline.test_rounding:to_the_grid", tmp_path)
    assert not judged(member)[KINDS.index(RECORDED)].is_ambiguous
    golden = member.golden["y"]
    lowered = within_rounding(EXACT, member.rounding)
    assert lowered.snr_db >= 20
    assert why_not(agreement(golden, golden * 1.2), lowered) is not None


def test_a_channel_that_batchnorm_divides_by_nothing_is_asked_for_what_float32_can_give(tmp_path: Path) -> None:
    member = prepared("tests.reproductions:flat_bands", tmp_path)
    lowered = within_rounding(EXACT, member.rounding)
    assert 40 < lowered.snr_db < 60
    assert "not 90 dB" in why_lowered(EXACT, lowered)[0]
    golden = member.golden["y"]
    wrong = golden.copy()
    wrong[:, 1] *= 1.01
    assert why_not(agreement(golden, wrong), lowered) is not None


def test_a_member_that_differs_from_such_a_mother_fails(tmp_path: Path) -> None:
    mother = reproductions.flat_bands()
    whole = mother.extract

    def wrong(config: str) -> nn.Module:
        member = whole(config)
        with torch.no_grad():
            member[2].weight[1] *= 1.02
        return member

    mother.extract = wrong  # type: ignore[method-assign]
    assert "stage extracted: SNR" in prepare_member(mother, "only", mother.recordings(), EXACT).reason


@pytest.mark.parametrize("name", ["doubled", "halved"])
def test_mothers_of_other_precisions_are_judged_at_their_own(name: str, tmp_path: Path) -> None:
    member = prepared(f"tests.pipeline.test_rounding:{name}", tmp_path)
    assert member.reason == ""
    lowered = within_rounding(EXACT, member.rounding)
    assert (lowered.snr_db < 90) == (name == "doubled")


def test_limits_that_float32_can_meet_stay(tmp_path: Path) -> None:
    rounding = prepared("tests.pipeline.test_rounding:plain", tmp_path).rounding
    assert rounding is not None
    assert rounding.snr_db > 130
    assert within_rounding(EXACT, rounding) == EXACT
    assert within_rounding(EXACT, None) == EXACT
    assert within_rounding(EXACT, Agreement(-200.0, None, 1.0)) == EXACT


def test_a_wrong_file_fails_on_a_recording_however_ambiguous_its_extremes_are() -> None:
    extremes = tuple(Extreme(kind, None, None) for kind in KINDS[1:])
    measured = Measured("made up", Agreement(30.0, 0.1, 1.0), None, extremes, True, True, (), 0.0)
    assert "SNR 30.0 dB is below 90 dB" in why_wrong(measured, EXACT)
    assert why_wrong(replace(measured, agreement=Agreement(150.0, 1e-7, 1.0)), EXACT) == ""
    assert "NaN" in why_wrong(
        replace(measured, agreement=Agreement(150.0, 1e-7, 1.0), extremes=(Extreme(RECORDED, None), *extremes)), EXACT
    )
