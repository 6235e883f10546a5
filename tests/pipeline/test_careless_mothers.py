"""What is wrong with a stranger's mother is told in one line: what, where, and what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from edge_export.errors import RequestError, raised
from edge_export.files.arrays import load_arrays
from edge_export.members.complexity import complexity
from edge_export.pipeline.member import prepare_member
from edge_export.pipeline.mother_source import MotherSource, submit_for_mother
from edge_export.pipeline.open_mother import EXTREMES, OPEN, OpenRequest, open_family
from edge_export.pipeline.opened import opened
from edge_export.spec.tolerance import Tolerance
from edge_export.workers import Pool

LENIENT = Tolerance(snr_db=0, max_abs_of_peak=1)
LINE = r"\(careless\.py:\d+ in \S+\)"

TOLD = {
    "RandomMember": rf"extract\(c2\) gives other outputs .* again, it is random: \w+ {LINE}; take that out",
    "Noisy": rf"the mother gives other outputs .*, it is random: rand_like {LINE}; take that out",
    "NoisyByNumpy": "it is random: numpy or Python's random draws numbers; take them out",
    "Counts": "draws no random numbers: it keeps something from call to call, such as a counter",
    "BatchNormOfTheBatch": rf"not on one sample, .*: batch norm takes the statistics of the batch.* {LINE}$",
    "StaysInTraining": rf"not on one sample, .*: batch norm takes the statistics of the batch.* {LINE}$",
    "GivesNaN": rf"the mother itself gives NaN as y on its recordings, first by log {LINE}: correct its forward",
    "Branches": rf"torch.export cannot export .*: it branches on values of a tensor.*torch\.where.* {LINE}$",
    "ByNumpy": rf"torch.export cannot export .*: it leaves PyTorch for numpy.* {LINE}$",
    "Chooses": r"the shape of its outputs depends on values, by \w+ \(strangers\.py:\d+ in forward\): return",
    "Scripted": "it is TorchScript, .*: give the nn.Module that it was made of$",
    "InvertsSilence": rf"^on extremes, .* full scale, .* inv.* {LINE}; let the forward take them",
    "OtherShape": r"stage extracted: y has shape \(64, 5\), the mother's forward\(config=…\) gives \(64, 3\)",
    "TwoOutputs": r"stage extracted: it gives 2 outputs, the mother's forward\(config=…\) 1",
    "Locked": "Locked cannot be copied: its attribute lock gives TypeError: cannot pickle '_thread.lock' object; keep",
    "Lazy": "more.weight has no values yet: run the network once in the factory",
    "LazyMember": r"extract\(c2\) returned a layer without values, 1.weight",
    "Sparse": "few is sparse_coo, which no converter takes: give its weights as plain numbers",
    "Quantized": "coarse is quantized, which no converter takes: give its weights as plain numbers",
    "HoldsItself": "one of its layers holds itself, as by self.layer = self",
    "HoldsItselfMember": r"extract\(c2\) returned a layer that holds itself, as by self.layer = self",
    "SpaceIsAClass": r"its space is the class Space: make one of it, Space\(\)",
    "IoOfTexts": r"its io: inputs\[0\] is a str: make it a TensorSpec",
    "IoWithoutSize": r"its io: inputs\[0\].shape is \(None, 6\): make it a tuple of whole numbers",
    "IoOfTorchTypes": r'its io: inputs\[0\].dtype is torch.float32: name it, such as "float32"',
    "IoOfOtherType": "don't fit it: a batch x is float32, its io says int64: correct one of them",
    "IoOfOtherShape": r"returns y of shape \(1, 3\) for one sample, its io says \(1, 7\): correct its io",
    "NameLeadsOut": r"space.name\(2\) is '../2': return a text of letters",
    "NameIsANumber": r"space.name\(2\) is 2: return a text of letters",
    "NameIsOneForAll": "--members c2,c4: c4 and c2 are both called c: give each a space.name of its own",
    "ParsesToNone": r"space.parse\('c2'\) returned None: return the configuration",
    "ExamplesAreNone": r"example_inputs\(c2\) returned a NoneType: return a tuple of tensors",
    "ExamplesAreABatch": r"example_inputs\(c2\) returned x of shape \(8, 6\), its io says \(1, 6\)",
    "BatchesAreATensor": "batches is a Tensor: give a list of batches, each a tuple of tensors",
    "BatchesHaveLabels": "a batch has 2 tensors for 1 inputs, x",
    "GoldensAreTexts": r"goldens x is no array of numbers \(ValueError: it holds str_",
    "GoldensHaveOtherNames": "goldens has image for the inputs x",
    "GoldensAreNowhere": "goldens x is on the device meta, where there are no values",
    "TargetsAreRows": r"metric top1 failed .*: targets have shape \(64, 3\), outputs \(64, 3\); give the targets",
    "DictsAndGenerators": "",
    "ExampleAlone": "",
    "MemberInParallel": "",
    "in_parallel": "",
}
"""What is told of each; empty: nothing is wrong with it."""


def told(name: str, workdir: Path) -> str:
    source = MotherSource(spec=f"tests.careless:{name}", folder=Path.cwd())
    try:
        open_family(OpenRequest(source=source, members="c2,c4", workdir=workdir))
        mother, recordings, _ = opened(source)
        extremes = load_arrays(workdir / EXTREMES)
        inputs = tuple(torch.from_numpy(extremes[spec.name]) for spec in mother.io.inputs)
        return prepare_member(mother, 2, recordings, LENIENT, extremes=inputs).reason
    except RequestError as error:
        return str(error)
    except Exception as error:
        return f"not a RequestError: {raised(error)}"


@pytest.mark.parametrize("name", TOLD)
def test_what_is_wrong_is_told_in_one_line(name: str, tmp_path: Path) -> None:
    message = told(name, tmp_path)
    assert "not a RequestError" not in message
    assert "\n" not in message
    if TOLD[name]:
        assert re.search(TOLD[name], message), message
    else:
        assert message == ""


def test_a_crash_is_told_with_the_line_at_which_it_was(tmp_path: Path) -> None:
    source = MotherSource(spec="tests.careless:Crashes", folder=Path.cwd())
    request = OpenRequest(source=source, members="c2", workdir=tmp_path)
    with (
        Pool(1) as pool,
        pytest.raises(RequestError, match=r"crashed \(SIGABRT\) at careless\.py:\d+ in activate; the log is "),
    ):
        submit_for_mother(pool, OPEN, request, source, tmp_path / "mother.log")


def test_costs_of_shapes_that_depend_on_values_are_not_counted() -> None:
    class Chosen(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x[x.sum(1) > 0] @ torch.ones(6, 3)).sum()

    program = torch.export.export(Chosen(), (torch.randn(4, 6),), strict=False)
    assert complexity(program).macs == 0
