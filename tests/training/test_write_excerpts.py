"""What made the shipped music still makes the same, and may pass it on."""

import numpy as np
import pytest
import torch

from edge_export.cache import cache_folder
from edge_export.data.debian import unpacked_folder
from edge_export.data.excerpts import FOLDER, HELD_OUT_SECONDS, open_excerpts
from edge_export.data.sources import PACKAGES, SOURCES
from edge_export.training.write_excerpts import PASSED_ON, recorded_excerpts


def test_recorded_excerpts_are_what_the_packages_give() -> None:
    """The first held-out song. The vocoder's last bits differ between machines."""
    pytest.importorskip("pyworld", reason="recorded songs need pip install edge_export[training]")
    pytest.importorskip("pedalboard", reason="recorded songs need pip install edge_export[training]")
    packages = cache_folder() / "recorded"
    names = {PACKAGES[source.package] for source in SOURCES if source.name in PASSED_ON["test"]}
    if missing := [package.name for package in names if not unpacked_folder(package, packages).is_dir()]:
        pytest.skip(f"needs {', '.join(sorted(missing))}, which training on recorded songs fetches")
    mixture, vocals = next(recorded_excerpts("test", packages, HELD_OUT_SECONDS))
    excerpts = open_excerpts()
    assert correlation(torch.from_numpy(mixture), excerpts.mixtures[0]) > 0.9
    assert correlation(torch.from_numpy(vocals), excerpts.vocals[0]) > 0.9


def test_recordings_that_are_passed_on_have_licenses_that_allow_it() -> None:
    for split, names in PASSED_ON.items():
        sources = [source for source in SOURCES if source.name in names]
        assert len(sources) == len(names)
        assert {source.split for source in sources} == {split}
        assert {PACKAGES[source.package].license for source in sources} <= {
            "CC-BY-3.0",
            "CC-BY-SA-3.0",
            "CC-BY-SA-3.0+",
            "Expat",
        }
        text = (FOLDER / "SOURCES.md").read_text()
        assert all(source.package.removesuffix("-g722").rsplit("-", 1)[0] in text for source in sources)


def correlation(a: torch.Tensor, b: torch.Tensor) -> float:
    return float(np.corrcoef(a.flatten().numpy(), b.flatten().numpy())[0, 1])
