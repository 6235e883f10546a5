"""Mothers open by name and by factory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from edge_export.errors import RequestError
from edge_export.mothers.catalog import CATALOG, build_untrained, open_mother
from edge_export.mothers.protocol import Mother
from edge_export.spec.lazy import resolve


@pytest.mark.parametrize("name", CATALOG)
def test_every_name_makes_a_mother(name: str) -> None:
    mother = build_untrained(name)
    assert isinstance(mother, Mother)
    assert not mother.training  # type: ignore[attr-defined]
    member = mother.extract(mother.space.smallest)
    assert isinstance(member(*mother.example_inputs(mother.space.smallest)), torch.Tensor | tuple)


def test_whatever_the_catalog_names_exists() -> None:
    targets = [target for entry in CATALOG.values() for target in (entry.builder, entry.recordings) if target]
    assert len(targets) > len(CATALOG)
    assert all(callable(resolve(target)) for target in targets)
    shipped = [entry.checkpoint_path for entry in CATALOG.values() if entry.checkpoint_path is not None]
    assert shipped
    assert all(path.is_file() for path in shipped)


def test_untrained_mothers_are_the_same_in_each_run_and_leave_the_callers_generator_alone() -> None:
    before = torch.get_rng_state()
    one, two, other = build_untrained("digits"), build_untrained("digits"), build_untrained("digits", seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    weights = [mother.state_dict()["features.0.0.weight"] for mother in (one, two, other)]  # type: ignore[attr-defined]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_the_shipped_checkpoints_are_small_and_used() -> None:
    for name, entry in CATALOG.items():
        if entry.checkpoint_path is not None:
            assert entry.checkpoint_path.stat().st_size < 5_000_000, name
    trained = open_mother("digits").state_dict()["classifier.0.weight"]  # type: ignore[attr-defined]
    assert not torch.equal(trained, build_untrained("digits").state_dict()["classifier.0.weight"])  # type: ignore[attr-defined]


def test_without_weights_there_is_no_mother() -> None:
    with pytest.raises(RequestError, match="us_mobilenet_v2 ships without weights: give its checkpoint"):
        open_mother("us_mobilenet_v2")


def test_unknown_name_lists_the_known_ones_and_the_closest() -> None:
    with pytest.raises(RequestError, match=r"did you mean digits\? known are digits, slimmable_digits, us"):
        open_mother("digit")


def test_a_factory_in_the_current_folder_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_elastic_net.py").write_text(
        "from edge_export.mothers.us_mobilenet.mother import UsMobileNet\n"
        "from edge_export.mothers.us_mobilenet.architecture import mobilenet_v1\n"
        "def make():\n"
        "    return UsMobileNet(mobilenet_v1(8, ((16, 2),)), resolution=16, classes=3)\n"
    )
    monkeypatch.chdir(tmp_path)
    mother = open_mother("my_elastic_net:make")
    assert mother.extract(mother.space.largest)(torch.zeros(1, 3, 16, 16)).shape == (1, 3)


@pytest.mark.parametrize(
    ("spec", "match"),
    [
        ("no_such_module:make", "cannot import no_such_module"),
        ("math:no_such_factory", "math has no no_such_factory"),
        ("math:pi", "pi is a float"),
        ("math:sqrt", "the factory failed with TypeError"),
        ("collections:OrderedDict", r"must make an nn\.Module"),
        ("torch.nn:Identity", "Identity lacks space, io, extract, example_inputs"),
        ("a b:c", "malformed"),
        ("nets/mine.py:make", "names a file: give its module as nets.mine:make, from the folder"),
        ("../evil:make", "malformed"),
        (":", "malformed"),
    ],
)
def test_what_is_wrong_with_a_factory_is_named_in_one_line(spec: str, match: str) -> None:
    with pytest.raises(RequestError, match=match) as refusal:
        open_mother(spec)
    assert "\n" not in str(refusal.value)


def test_an_incomplete_space_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "half_a_mother.py").write_text(
        "import torch, types\n"
        "class Half(torch.nn.Module):\n"
        "    io = None\n"
        "    space = types.SimpleNamespace(smallest=1, largest=2)\n"
        "    def extract(self, config): ...\n"
        "    def example_inputs(self, config): ...\n"
    )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RequestError, match=r"Half lacks space\.sample, space\.all, space\.parse, space\.name"):
        open_mother("half_a_mother:Half")


def test_importing_the_catalog_does_not_import_torch() -> None:
    code = "import sys, edge_export.mothers.catalog, edge_export.training.train; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
